//! Embeddings laid out in the plane, for looking at.

use bhtsne::{Neighbor, tSNE};
use rayon::prelude::*;

use super::{EvaluateError, PrincipalAxes, Standardiser};
use crate::Embeddings;

/// Neighbours that each clip is to stay close to; van der Maaten and Hinton: 5 to 50.
const PERPLEXITY: f32 = 30.0;
/// Axes that distances are measured along; the others hold little but noise.
const AXES: usize = 50;
const STEPS: usize = 750;
/// Up to so many clips every pair is computed; of more, far-away ones are lumped together.
const EXACT: usize = 500;
/// How coarsely.
const THETA: f32 = 0.5;
/// The spread of the first coordinate to start from, as scikit-learn's.
const START: f64 = 1e-4;

/// A t-SNE map: a point for each row, such that rows that are alike lie close. Distances between groups, their sizes and
/// the axes mean nothing.
///
/// The embeddings are standardised and turned onto their 50 strongest axes first; the map starts from the two strongest, so
/// that the same embeddings give the same map. With fewer than 8 rows, or rows that are all the same, it is those two axes.
///
/// # Errors
/// If the embeddings are not finite.
///
/// # Source
/// van der Maaten and Hinton 2008; van der Maaten 2014 for the approximation.
pub fn tsne(embeddings: &Embeddings) -> Result<Vec<[f32; 2]>, EvaluateError> {
    let items = embeddings.items();
    let columns = Standardiser::fit(embeddings).columns(embeddings);
    let axes = PrincipalAxes::of(&columns)?;
    let along = axes.along(&columns); // [rank, items]
    let rank = along.nrows();
    let value = |axis: usize, item: usize| {
        if axis < rank {
            along[(axis, item)]
        } else {
            0.0
        }
    };
    let spread = match rank {
        0 => 1.0,
        _ => (axes.squares[0] / items as f64)
            .sqrt()
            .max(f64::MIN_POSITIVE),
    };
    let start = |item| [0, 1].map(|axis| (value(axis, item) / spread * START) as f32);
    let start: Vec<[f32; 2]> = (0..items).map(start).collect();
    let perplexity = PERPLEXITY.min((items.max(1) - 1) as f32 / 3.0);
    if items < 8 || rank == 0 {
        return Ok(start);
    }
    let row = |item| {
        (0..rank.clamp(1, AXES))
            .map(|axis| value(axis, item) as f32)
            .collect()
    };
    let rows: Vec<Vec<f32>> = (0..items).map(row).collect();
    let neighbours = match items <= EXACT {
        true => Vec::new(),
        false => neighbours(&rows, (3.0 * perplexity) as usize),
    };
    let map = alone(|| {
        let mut map = tSNE::<f32, Vec<f32>, 2>::new(&rows);
        map.perplexity(perplexity)
            .epochs(STEPS)
            .initial_embedding(start.concat());
        match neighbours.is_empty() {
            true => map.exact(distance),
            false => map.barnes_hut_with_neighbors(THETA, &neighbours),
        };
        map.embedding()
    })?;
    Ok(map
        .chunks_exact(2)
        .map(|point| [point[0], point[1]])
        .collect())
}

#[expect(clippy::ptr_arg, reason = "the library wants just this type")]
fn distance(a: &Vec<f32>, b: &Vec<f32>) -> f32 {
    let squares = a.iter().zip(b).map(|(a, b)| (a - b).powi(2));
    squares.sum::<f32>().sqrt()
}

/// The `count` nearest other rows of each, nearest first, of equals the earlier.
fn neighbours(rows: &[Vec<f32>], count: usize) -> Vec<Vec<Neighbor<f32>>> {
    let of_row = |row: usize| {
        let others = (0..rows.len()).filter(|&other| other != row);
        let mut neighbours: Vec<_> = others
            .map(|index| Neighbor {
                index,
                distance: distance(&rows[row], &rows[index]),
            })
            .collect();
        let nearer = |a: &Neighbor<f32>, b: &Neighbor<f32>| {
            a.distance
                .total_cmp(&b.distance)
                .then(a.index.cmp(&b.index))
        };
        neighbours.select_nth_unstable_by(count - 1, nearer);
        neighbours.truncate(count);
        neighbours.sort_unstable_by(nearer);
        neighbours
    };
    (0..rows.len()).into_par_iter().map(of_row).collect()
}

/// Runs `work` on a single thread: sums over several would round otherwise every time, and the map with them.
fn alone<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T, EvaluateError> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    let pool = pool.map_err(|error| EvaluateError::Library {
        what: "a thread for the map",
        reason: error.to_string(),
    })?;
    Ok(pool.install(work))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three groups of `clips / 3` in four dimensions, far apart.
    fn groups(clips: usize) -> Embeddings {
        let noise = |i: usize| ((i * 2_654_435_761) % 1000) as f32 / 500.0;
        let value = |i: usize| noise(i) + 9.0 * f32::from(u8::from(i / 4 % 3 == i % 4));
        Embeddings::from_rows(4, (0..4 * clips).map(value).collect())
    }

    #[test]
    fn what_is_alike_lies_close_and_the_map_is_always_the_same() {
        let map = tsne(&groups(120)).unwrap();
        let squared = |a: [f32; 2], b: [f32; 2]| (a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2);
        for (clip, &point) in map.iter().enumerate() {
            let others = (0..map.len()).filter(|&other| other != clip);
            let nearest =
                others.min_by(|&a, &b| squared(point, map[a]).total_cmp(&squared(point, map[b])));
            assert_eq!(nearest.unwrap() % 3, clip % 3, "clip {clip}");
        }
        for clips in [120, EXACT + 10] {
            let map = tsne(&groups(clips)).unwrap();
            assert_eq!(tsne(&groups(clips)).unwrap(), map);
        }
    }

    #[test]
    fn few_clips_and_clips_all_alike_are_mapped_too() {
        for clips in [1, 2, 7, 8, 9] {
            let map = tsne(&groups(clips)).unwrap();
            assert_eq!(map.len(), clips);
            assert!(map.iter().flatten().all(|v| v.is_finite()), "{clips}");
        }
        let same = tsne(&Embeddings::from_rows(2, vec![1.0; 40])).unwrap();
        assert!(same.iter().flatten().all(|v| v.is_finite()));
    }
}
