//! Embeddings and labels → accuracies, beside their baselines.
//!
//! A [`Task`] says which clip belongs to which class and official fold. [`evaluate`] scores one set
//! of embeddings by one or more [`Protocol`]s: train on all folds but one, predict that one, in
//! turn. Whatever a protocol has to choose (regularisation, number of neighbours) is chosen by
//! cross-validation among the training folds; the scored fold takes no part in it.
//!
//! ```
//! use chiffchaff::{Embeddings, evaluate::{Protocol, ProtocolName, Task, evaluate}};
//!
//! let classes = vec!["wren".to_owned(), "robin".to_owned()];
//! let labels = vec![0, 1, 0, 1, 0, 1];
//! let folds = vec![1, 1, 2, 2, 3, 3];
//! let task = Task::new("garden", classes, labels, folds)?;
//! let embeddings = Embeddings::from_rows(2, vec![0., 1., 1., 0., 0., 2., 2., 0., 0., 3., 3., 0.]);
//!
//! let scores = evaluate(&task, &embeddings, &Protocol::standard())?;
//! assert_eq!(scores[&ProtocolName::Linear].accuracy.mean, 1.0);
//! # Ok::<(), chiffchaff::evaluate::EvaluateError>(())
//! ```

mod classic;
mod compare;
mod error;
mod evaluation;
mod extend;
mod few_labels;
#[cfg(feature = "nn")]
mod fine_tune;
mod forest;
mod interval;
mod knn;
mod lbfgs;
mod linear_probe;
mod logistic;
mod map;
mod measurable;
mod metrics;
mod nested;
mod prediction;
mod principal_axes;
mod protocol;
mod ranking;
mod scaling;
mod standardise;
mod support_vectors;
mod tags;
mod task;

pub use classic::mfcc_statistics;
pub use compare::{Difference, compare};
pub use error::EvaluateError;
pub use evaluation::{Baseline, Estimate, Evaluation, MeasuredClip, Score, Scores, Setting};
pub use extend::{Extends, Unlike};
pub use few_labels::{Accuracies, FewLabels, few_labels};
#[cfg(feature = "nn")]
pub use fine_tune::{FineTune, FineTuneProgress, Unfreeze};
pub use forest::Forest;
pub(crate) use interval::{RESAMPLES, percentile_interval, resample_rng};
pub use knn::{MajorityKnn, WeightedKnn};
pub use linear_probe::LinearProbe;
pub use map::tsne;
pub use metrics::{ClassScore, Confusion};
pub use prediction::{Prediction, Predictions};
use principal_axes::PrincipalAxes;
pub use protocol::{Failures, Protocol, ProtocolName, evaluate, evaluate_each};
pub use ranking::{average_precision, d_prime, roc_auc};
pub use scaling::Scaling;
use standardise::Standardiser;
pub use support_vectors::SupportVectors;
pub use tags::{
    TagClassScore, TagEvaluation, TagScore, TagScores, TagTask, evaluate_tags, evaluate_tags_each,
};
use task::deal_folds;
pub use task::{Label, Task};
