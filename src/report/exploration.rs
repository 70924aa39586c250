//! Maps of the clips' embeddings, with all that is to be seen and heard of each clip.

use serde::Serialize;

use super::{
    EmbeddingMap, Exhibit, Gallery, Run,
    grid::{Grid, GridRow},
    text::mean_and_spread,
};
use crate::evaluate::{Baseline, Evaluation, Prediction, ProtocolName, Score};

/// The side of a map, whole numbers.
const SIDE: f32 = 1000.0;
/// Half the size of a cross.
const CROSS: i32 = 7;
/// From here on the names of classes are drawn small.
const MANY_CLASSES: usize = 15;
/// Errors that are shown.
const ERRORS: usize = 12;
/// Degrees between the colours of one class and the next: the golden angle, so that neighbours differ.
const HUE: f64 = 137.508;

/// The maps of one run, ready for the template.
#[derive(Serialize)]
pub(super) struct Exploration<'a> {
    id: usize,
    /// By which predictions are shown.
    protocol: &'static str,
    is_crowded: bool,
    maps: Vec<MapPicture>,
    errors: Vec<ErrorCard<'a>>,
    /// JSON for the script.
    data: String,
}

#[derive(Serialize)]
struct MapPicture {
    title: String,
    /// Which of the data's maps it shows.
    number: usize,
    description: String,
    classes: Vec<Dots>,
    /// Crosses, a path.
    wrong: String,
}

/// The clips of a class.
#[derive(Serialize)]
struct Dots {
    name: String,
    hue: u32,
    /// A path of strokes without length.
    dots: String,
    /// Where its name stands, per cent of the frame.
    x: f32,
    y: f32,
}

#[derive(Serialize)]
struct ErrorCard<'a> {
    clip: usize,
    name: &'a str,
    truth: &'a str,
    predicted: &'a str,
    picture: &'a str,
    is_heard: bool,
}

/// What the script reads.
#[derive(Serialize)]
struct Data<'a> {
    /// The run whose pictures and sounds these are.
    exhibits: usize,
    rate: u32,
    names: &'a [String],
    classes: &'a [String],
    truth: Vec<usize>,
    predicted: Vec<Option<usize>>,
    pictures: Vec<&'a str>,
    sounds: Vec<&'a str>,
    maps: Vec<Vec<[i32; 2]>>,
}

impl<'a> Exploration<'a> {
    /// Of one of `runs`; `None` where it has no gallery of just the clips that were measured.
    pub(super) fn of(runs: &'a [Run], index: usize) -> Option<Self> {
        let (gallery, evaluation) = fitting(&runs[index])?;
        let (protocol, score) = evaluation.protocols.first_key_value()?;
        let predictions = score.predictions.first()?;
        let clips = &evaluation.clips;
        let predicted: Vec<_> = (0..clips.len()).map(|clip| predictions.of(clip)).collect();
        let truth: Vec<usize> = clips.iter().map(|clip| clip.class).collect();
        let placed: Vec<_> = gallery.maps.iter().map(placed).collect();
        let shared =
            |run: &Run| fitting(run).is_some_and(|(other, _)| other.names == gallery.names);
        let exhibits = runs.iter().position(shared).unwrap_or(index);
        let own = match exhibits == index {
            true => &gallery.exhibits[..],
            false => &[],
        };
        let data = Data {
            exhibits,
            rate: Exhibit::RATE,
            names: &gallery.names,
            classes: &score.classes,
            truth: truth.clone(),
            predicted: predicted.iter().map(|p| Some(p.as_ref()?.class)).collect(),
            pictures: own.iter().map(|exhibit| exhibit.picture.as_str()).collect(),
            sounds: own.iter().map(|exhibit| exhibit.sound.as_str()).collect(),
            maps: placed.clone(),
        };
        let data = serde_json::to_string(&data).ok()?.replace('<', "\\u003c");
        Some(Self {
            id: index,
            protocol: protocol.title(),
            is_crowded: score.classes.len() >= MANY_CLASSES,
            maps: pictures(gallery, &placed, score, &truth, &predicted),
            errors: errors(gallery, score, &truth, &predicted),
            data,
        })
    }
}

/// The gallery and the evaluation of a run, if they are of the same clips.
fn fitting(run: &Run) -> Option<(&Gallery, &Evaluation)> {
    let (gallery, evaluation) = (run.gallery.as_ref()?, run.evaluation.as_ref()?);
    let names = evaluation.clips.iter().map(|clip| &clip.name);
    let clips = gallery.names.len();
    let is_whole =
        gallery.exhibits.len() == clips && gallery.maps.iter().all(|map| map.points.len() == clips);
    (names.eq(&gallery.names) && is_whole).then_some((gallery, evaluation))
}

fn pictures(
    gallery: &Gallery,
    placed: &[Vec<[i32; 2]>],
    score: &Score,
    truth: &[usize],
    predicted: &[Option<Prediction>],
) -> Vec<MapPicture> {
    let mut pictures = Vec::new();
    for (number, (map, points)) in gallery.maps.iter().zip(placed).enumerate() {
        let of_class = |class: &dyn Fn(usize) -> Option<usize>| -> Vec<Dots> {
            let dots = |(index, name): (usize, &String)| {
                let clips = (0..points.len()).filter(|&clip| class(clip) == Some(index));
                Dots::of(
                    name,
                    index,
                    &clips.map(|clip| points[clip]).collect::<Vec<_>>(),
                )
            };
            score.classes.iter().enumerate().filter_map(dots).collect()
        };
        let what = |of: &str| format!("{}: {of} classes", map.title);
        let description = |of: &str| {
            let clips = points.len();
            format!(
                "{clips} clips on a map of their embeddings by {}, {of} classes",
                map.title
            )
        };
        let wrong = |&clip: &usize| predicted[clip].is_some_and(|p| p.class != truth[clip]);
        // The predictions are those of the first map's encoder.
        let wrong = (0..points.len()).filter(|clip| number == 0 && wrong(clip));
        pictures.push(MapPicture {
            title: what("true"),
            number,
            description: description("true"),
            classes: of_class(&|clip| Some(truth[clip])),
            wrong: wrong.map(|clip| cross(points[clip])).collect(),
        });
        if number == 0 {
            pictures.push(MapPicture {
                title: what("predicted"),
                number,
                description: description("predicted"),
                classes: of_class(&|clip| Some(predicted[clip]?.class)),
                wrong: String::new(),
            });
        }
    }
    pictures
}

impl Dots {
    fn of(name: &str, class: usize, points: &[[i32; 2]]) -> Option<Self> {
        let median = |axis: usize| {
            let mut values: Vec<i32> = points.iter().map(|point| point[axis]).collect();
            values.sort_unstable();
            Some(3.0 + 94.0 * *values.get(values.len() / 2)? as f32 / SIDE)
        };
        Some(Self {
            name: name.to_owned(),
            hue: (class as f64 * HUE % 360.0) as u32,
            dots: points.iter().map(|[x, y]| format!("M{x} {y}h0")).collect(),
            x: median(0)?,
            y: median(1)?,
        })
    }
}

fn cross([x, y]: [i32; 2]) -> String {
    let (size, both) = (CROSS, 2 * CROSS);
    format!(
        "M{} {}l{both} {both}m0 -{both}l-{both} {both}",
        x - size,
        y - size
    )
}

/// The points of a map in whole numbers, scaled by one factor so that they just fit into a square of side [`SIDE`].
fn placed(map: &EmbeddingMap) -> Vec<[i32; 2]> {
    let range = |axis: usize| {
        let values = map.points.iter().map(|point| point[axis]);
        let low = values.clone().fold(f32::INFINITY, f32::min);
        (low, values.fold(f32::NEG_INFINITY, f32::max))
    };
    let ranges = [range(0), range(1)];
    let width = ranges
        .iter()
        .map(|(low, high)| high - low)
        .fold(f32::MIN_POSITIVE, f32::max);
    let place = |value: f32, (low, high): (f32, f32)| {
        let middle = (value - (low + high) / 2.0) / width + 0.5;
        (middle * SIDE).round() as i32
    };
    let points = map.points.iter();
    points
        .map(|&[x, y]| [place(x, ranges[0]), place(y, ranges[1])])
        .collect()
}

/// Wrong predictions, the most confident first. Their confidence is not shown, as it is no probability of being right: with a
/// strong penalty a good linear probe gives probabilities near chance.
fn errors<'a>(
    gallery: &'a Gallery,
    score: &'a Score,
    truth: &[usize],
    predicted: &[Option<Prediction>],
) -> Vec<ErrorCard<'a>> {
    let wrong = |(clip, prediction): (usize, &Option<Prediction>)| {
        let prediction = (*prediction)?;
        (prediction.class != truth[clip]).then_some((clip, prediction))
    };
    let mut wrong: Vec<_> = predicted.iter().enumerate().filter_map(wrong).collect();
    wrong.sort_by(|a, b| b.1.confidence.total_cmp(&a.1.confidence));
    wrong.truncate(ERRORS);
    let card = |(clip, prediction): (usize, Prediction)| ErrorCard {
        clip,
        name: &gallery.names[clip],
        truth: &score.classes[truth[clip]],
        predicted: &score.classes[prediction.class],
        picture: &gallery.exhibits[clip].picture,
        is_heard: !gallery.exhibits[clip].sound.is_empty(),
    };
    wrong.into_iter().map(card).collect()
}

/// Accuracy with few labels: a column for every number of them.
pub(super) fn few_labels_grid(evaluation: &Evaluation) -> Option<Grid> {
    let few = &evaluation.few_labels;
    let first = few.first()?;
    let baselines = first.baselines.keys().map(|&baseline| Some(baseline));
    let sources: Vec<Option<Baseline>> = [None].into_iter().chain(baselines).collect();
    let row = |protocol: ProtocolName, baseline: Option<Baseline>| GridRow {
        name: match baseline {
            None => protocol.title().to_owned(),
            Some(baseline) => format!("{}, {}", protocol.title(), baseline.title()),
        },
        cells: few
            .iter()
            .map(|labels| {
                let accuracies = match baseline {
                    None => Some(&labels.accuracy),
                    Some(baseline) => labels.baselines.get(&baseline),
                };
                let estimate = accuracies.and_then(|accuracies| accuracies.get(&protocol));
                estimate.map_or("–".to_owned(), mean_and_spread)
            })
            .collect(),
        is_baseline: baseline.is_some(),
    };
    let protocols = first.accuracy.keys();
    Some(Grid {
        columns: few
            .iter()
            .map(|labels| labels.per_class.to_string())
            .collect(),
        rows: protocols
            .flat_map(|&protocol| sources.iter().map(move |&source| row(protocol, source)))
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample::run_with_gallery;

    #[test]
    fn every_clip_is_a_dot_and_every_error_a_cross() {
        let run = [run_with_gallery("a")];
        let exploration = Exploration::of(&run, 0).unwrap();
        let evaluation = run[0].evaluation.as_ref().unwrap();
        let score = evaluation.protocols.first_key_value().unwrap().1;
        let wrong = (1.0 - score.accuracy.mean) * evaluation.clips.len() as f64;
        for map in &exploration.maps {
            let dots = map
                .classes
                .iter()
                .map(|class| class.dots.matches('M').count());
            assert_eq!(dots.sum::<usize>(), evaluation.clips.len(), "{}", map.title);
        }
        let crosses = exploration.maps[0].wrong.matches('M').count();
        assert_eq!(crosses, wrong.round() as usize);
        assert!(crosses > 0);
        assert_eq!(exploration.errors.len(), crosses.min(ERRORS));
    }

    #[test]
    fn runs_of_the_same_clips_show_them_once() {
        let runs = [run_with_gallery("a"), run_with_gallery("b")];
        let second = Exploration::of(&runs, 1).unwrap();
        assert!(second.data.contains("\"exhibits\":0") && second.data.contains("\"pictures\":[]"));
    }

    #[test]
    fn names_cannot_end_the_script() {
        let mut run = run_with_gallery("a");
        let hostile = "</script><b>".to_owned();
        run.gallery.as_mut().unwrap().names[0].clone_from(&hostile);
        run.evaluation.as_mut().unwrap().clips[0].name = hostile;
        let runs = [run];
        assert!(!Exploration::of(&runs, 0).unwrap().data.contains('<'));
    }

    #[test]
    fn a_gallery_of_other_clips_is_not_shown() {
        let mut run = run_with_gallery("a");
        run.gallery.as_mut().unwrap().names[0] = "another".to_owned();
        assert!(Exploration::of(&[run], 0).is_none());
    }
}
