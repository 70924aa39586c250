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
mod error;
mod evaluation;
#[cfg(feature = "nn")]
mod fine_tune;
mod interval;
mod knn;
mod lbfgs;
mod linear_probe;
mod logistic;
mod metrics;
mod nested;
mod principal_axes;
mod protocol;
mod scaling;
mod standardise;
mod task;

pub use classic::mfcc_statistics;
pub use error::EvaluateError;
pub use evaluation::{Baseline, Estimate, Evaluation, Score, Scores, Setting};
#[cfg(feature = "nn")]
pub use fine_tune::{FineTune, FineTuneProgress, Unfreeze};
pub(crate) use interval::{RESAMPLES, percentile_interval, resample_rng};
pub use knn::WeightedKnn;
pub use linear_probe::LinearProbe;
pub use metrics::{ClassScore, Confusion};
use principal_axes::PrincipalAxes;
pub use protocol::{Protocol, ProtocolName, evaluate};
pub use scaling::Scaling;
use standardise::Standardiser;
pub use task::{Leak, Task, deal_folds};
