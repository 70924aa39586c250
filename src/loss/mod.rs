//! Formulas: projections → scalar.
//!
//! Losses are free functions of tensors and numbers; what a method keeps between steps lives in
//! `method`. All of them compute at least in fp32 (bf16 and fp16 inputs are widened first, fp64
//! stays fp64) and are differentiable. Those of cosine similarity take rows that need not be
//! normalised. To add one, write its file, and below its `mod`, `pub use` and row of this table.
//!
//! | loss | paper | file |
//! |---|---|---|
//! | [`nt_xent()`] | SimCLR, Chen et al. 2020, eq. 1 | `nt_xent.rs` |
//! | [`supervised_contrastive()`] | Khosla et al. 2020, eq. 2; Moummad et al. 2023, eq. 1 | `supervised_contrastive.rs` |
//! | [`frame_contrast()`] | the same over frames, our own | `frame_contrast.rs` |
//! | [`info_nce()`] | MoCo, He et al. 2020, eq. 1 | `info_nce.rs` |
//! | [`nce()`] | Gutmann and Hyvärinen 2012 | `nce.rs` |
//! | [`npid_nce()`], [`npid_softmax()`] | NPID, Wu et al. 2018, eqs. 7 and 2 | `npid.rs` |
//! | [`cola()`] | COLA, Saeed et al. 2021, §2 | `cola.rs` |
//! | [`swapped_prediction()`] | SwAV, Caron et al. 2020, eqs. 2 and 6 | `swav.rs` |
//! | [`cld_group()`] | CLD, Wang et al. 2021 | `cld.rs` |
//! | [`contrastive()`] | Hadsell et al. 2006, eq. 4 | `contrastive.rs` |
//! | [`triplet()`] | FaceNet, Schroff et al. 2015, §3.1 | `triplet.rs` |
//! | [`lifted_structure()`] | Oh Song et al. 2016, eq. 4 | `lifted_structure.rs` |
//! | [`n_pair()`] | Sohn 2016 | `n_pair.rs` |

mod cld;
mod cola;
mod contrastive;
mod cross_entropy;
mod distance;
mod error;
mod frame_contrast;
mod info_nce;
mod lifted_structure;
mod margin;
mod n_pair;
mod nce;
mod npid;
mod nt_xent;
mod similarity;
mod supervised_contrastive;
mod swav;
mod temperature;
#[cfg(test)]
mod testing;
mod triplet;

pub use cld::{Clusters, KMeansConfig, cld_group, k_means};
pub use cola::{bilinear_similarity, cola, cola_accuracy, cosine_similarity};
pub use contrastive::{ContrastiveForm, contrastive};
pub use error::LossError;
pub use frame_contrast::frame_contrast;
pub use info_nce::info_nce;
pub use lifted_structure::lifted_structure;
pub use margin::Margin;
pub use n_pair::n_pair;
pub use nce::nce;
pub use npid::{npid_log_normaliser, npid_nce, npid_softmax};
pub use nt_xent::nt_xent;
pub use similarity::unit_rows;
pub use supervised_contrastive::{Denominator, Reduction, supervised_contrastive};
pub use swav::{SinkhornConfig, sinkhorn, swapped_prediction};
pub use temperature::Temperature;
pub use triplet::triplet;
