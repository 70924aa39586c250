//! Made-up results for the tests of this stage.

use super::{EmbeddingMap, Exhibit, Gallery, Run};
use crate::{
    Embeddings,
    evaluate::{Baseline, Evaluation, Protocol, Task, evaluate},
};

/// A run of [`evaluation`] with a gallery of its clips.
pub(super) fn run_with_gallery(name: &str) -> Run {
    let evaluation = evaluation(2, 5);
    let names: Vec<String> = evaluation
        .clips
        .iter()
        .map(|clip| clip.name.clone())
        .collect();
    let exhibit = Exhibit {
        picture: "data:image/png;base64,".to_owned(),
        sound: "AAAAAA".to_owned(),
    };
    let points = (0..names.len()).map(|clip| [clip as f32, (clip * clip % 7) as f32]);
    let map = EmbeddingMap {
        title: "this model".to_owned(),
        points: points.collect(),
    };
    Run {
        name: name.to_owned(),
        gallery: Some(Gallery {
            exhibits: vec![exhibit; names.len()],
            maps: vec![map.clone(), map],
            names,
        }),
        evaluation: Some(evaluation),
        ..Run::default()
    }
}

/// Scores of embeddings that tell classes apart better for the model than for its baselines.
pub(super) fn evaluation(folds: u32, classes: usize) -> Evaluation {
    let clips = folds as usize * classes * 2;
    let labels: Vec<usize> = (0..clips).map(|clip| clip % classes).collect();
    let fold_of = |clip: usize| (clip / (classes * 2)) as u32 + 1;
    let names = (0..classes).map(|class| format!("class {class}")).collect();
    let task = Task::new("esc10", names, labels, (0..clips).map(fold_of).collect()).unwrap();
    let scores = |noise: f32| {
        let value = |i: usize| {
            let signal = f32::from(u8::from(task.labels()[i / classes] == i % classes));
            signal + noise * ((i * 2_654_435_761) % 1000) as f32 / 1000.0
        };
        let values = (0..clips * classes).map(value).collect();
        evaluate(
            &task,
            &Embeddings::from_rows(classes, values),
            &Protocol::standard(),
        )
        .unwrap()
    };
    let mut evaluation = Evaluation::new(&task, "runs/small", scores(1.2));
    evaluation
        .baselines
        .insert(Baseline::Untrained, scores(2.5));
    evaluation.baselines.insert(Baseline::Classic, scores(1.8));
    evaluation
        .notes
        .push("pre-training heard all clips, without labels".to_owned());
    evaluation
}
