//! Weights to start from: published ones, or those of an earlier run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tch::Tensor;

use super::{Encoder, EncoderError, pth, tensor_file};

/// Tensors by PyTorch's names, such as torchvision's weights.
#[derive(Debug)]
pub struct StartingWeights {
    path: PathBuf,
    tensors: BTreeMap<String, Tensor>,
}

/// What became of starting weights.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Initialized {
    /// Number of tensors that were taken over.
    pub taken: usize,
    /// Tensors of the network that the file has not, and that start as without it.
    pub fresh: Vec<String>,
    /// Tensors of the file that the network has not: classifiers.
    pub unused: Vec<String>,
}

/// How the names of classifiers begin in torchvision.
const HEADS: [&str; 2] = ["fc.", "classifier."];
/// How the names of batch counters end; no output of a network depends on them.
const COUNTER: &str = "num_batches_tracked";
/// Tensors that a message names; others are counted.
const NAMED: usize = 5;

impl StartingWeights {
    /// Reads a `.safetensors` file, or a `.pth` file with the `state_dict` of a network as `torch.save` writes it, alone or
    /// within a checkpoint. Nothing that a `.pth` file asks for is run.
    ///
    /// # Errors
    /// If there is no such file, or it holds no tensors by name.
    pub fn read(path: &Path) -> Result<Self, EncoderError> {
        let bytes = std::fs::read(path).map_err(|source| EncoderError::File {
            path: path.to_owned(),
            source,
        })?;
        Self::parse(path, &bytes)
    }

    /// Reads the content of a file; `path` tells its format and stands for it in messages.
    ///
    /// # Errors
    /// If it holds no tensors by name.
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<Self, EncoderError> {
        let tensors = match path.extension().is_some_and(|name| name == "safetensors") {
            true => tensor_file::tensors_of(bytes).map_err(|e| e.to_string()),
            false => pth::tensors_of(bytes).map_err(|e| e.to_string()),
        };
        let tensors = tensors.map_err(|reason| EncoderError::NotWeights {
            path: path.to_owned(),
            reason,
        })?;
        let todays = |(name, tensor)| (todays_name(name), tensor);
        Ok(Self {
            path: path.to_owned(),
            tensors: tensors.into_iter().map(todays).collect(),
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file's tensor of this name, if it has one; an error if it has another shape. For a network of one input channel
    /// the kernels of a first layer for three colours are summed over the colours. The sum gives for one channel what the
    /// file's layer gives for an image with that channel as each of its colours.
    fn fitting(&self, name: &str, wanted: &[i64]) -> Option<Result<Tensor, String>> {
        let given = self.tensors.get(name)?;
        Some(match (given.size().as_slice(), wanted) {
            (given_shape, _) if given_shape == wanted => Ok(given.shallow_clone()),
            (&[outputs, 3, height, width], &[_, 1, ..])
                if [outputs, 1, height, width] == *wanted =>
            {
                Ok(given.sum_dim_intlist([1i64].as_slice(), true, given.kind()))
            }
            (given, _) => Err(format!("`{name}` has shape {given:?}, not {wanted:?}")),
        })
    }
}

/// DenseNets were published with `norm.1` for what is now `norm1`.
fn todays_name(name: String) -> String {
    let is_old = name.contains(".denselayer");
    let renamed = ["norm", "conv"].iter().fold(name.clone(), |name, layer| {
        name.replace(&format!(".{layer}.1."), &format!(".{layer}1."))
            .replace(&format!(".{layer}.2."), &format!(".{layer}2."))
    });
    if is_old { renamed } else { name }
}

impl Encoder {
    /// Takes over all numbers that `weights` has for this network, by name. Either every tensor of the network is taken
    /// over, but for what it adds to the published one, or none.
    ///
    /// # Errors
    /// If tensors are missing, have other shapes, or belong to another network.
    pub fn start_from(&self, weights: &StartingWeights) -> Result<Initialized, EncoderError> {
        let mut report = Initialized::default();
        let mut problems = Vec::new();
        let mut fitting = BTreeMap::new();
        let named = self.parameters().named();
        for (name, tensor) in &named {
            match weights.fitting(name, &tensor.size()) {
                Some(Ok(given)) => {
                    fitting.insert(name.as_str(), given);
                }
                Some(Err(problem)) => problems.push(problem),
                None if self.may_lack(name) => report.fresh.push(name.clone()),
                None => problems.push(format!("`{name}` is missing")),
            }
        }
        for name in weights.tensors.keys() {
            let known = named.iter().any(|(known, _)| known == name);
            let head = HEADS.iter().any(|head| name.starts_with(head));
            match known || name.ends_with(COUNTER) {
                true => {}
                false if head => report.unused.push(name.clone()),
                false => problems.push(format!("`{name}` is not of this network")),
            }
        }
        if !problems.is_empty() {
            return Err(EncoderError::OtherWeights {
                path: weights.path.clone(),
                problems: listed(&problems),
            });
        }
        report.taken = fitting.len();
        self.parameters().load(|name| {
            let own = || named.iter().find(|(known, _)| known == name);
            let given = fitting.get(name).or_else(|| Some(&own()?.1));
            given.map(Tensor::shallow_clone)
        })?;
        Ok(report)
    }

    /// Whether published weights of the network may have no tensor of this name.
    fn may_lack(&self, name: &str) -> bool {
        let mut added = self.network.added_names().iter();
        name.ends_with(COUNTER) || added.any(|prefix| name.starts_with(prefix))
    }
}

fn listed(problems: &[String]) -> String {
    let first = problems[..problems.len().min(NAMED)].join(", ");
    match problems.len().saturating_sub(NAMED) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tensor_file::TensorFile;
    use super::super::{EncoderConfig, InputShape};
    use super::*;
    use serde_json::json;
    use tch::{Device, Kind};

    fn encoder(config: serde_json::Value, channels: usize, seed: u64) -> Encoder {
        let config: EncoderConfig = serde_json::from_value(config).unwrap();
        let input = InputShape {
            channels,
            bands: 32,
        };
        Encoder::new(&config, input, seed, Device::Cpu).unwrap()
    }

    fn named(encoder: &Encoder) -> BTreeMap<String, Tensor> {
        encoder.parameters().named().into_iter().collect()
    }

    /// Weights of a file with the tensors of `encoder`, changed by `change`.
    fn weights(
        encoder: &Encoder,
        change: impl Fn(&mut BTreeMap<String, Tensor>),
    ) -> StartingWeights {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights.safetensors");
        let mut tensors = named(encoder);
        change(&mut tensors);
        let tensors: Vec<_> = tensors.into_iter().collect();
        TensorFile::write(&path, String::new(), &tensors).unwrap();
        StartingWeights::read(&path).unwrap()
    }

    fn zeros(shape: &[i64]) -> Tensor {
        Tensor::zeros(shape, (Kind::Float, Device::Cpu))
    }

    #[test]
    fn published_weights_start_a_network_without_their_classifier() {
        let published = encoder(json!({"type": "resnet18", "width": 4}), 3, 1);
        let file = weights(&published, |tensors| {
            tensors.insert("fc.weight".into(), zeros(&[10, 32]));
            tensors.insert("bn1.num_batches_tracked".into(), zeros(&[]));
        });
        let ours = encoder(json!({"type": "resnet18", "width": 4}), 3, 2);
        let report = ours.start_from(&file).unwrap();
        assert_eq!(named(&ours), named(&published));
        assert_eq!(report.unused, ["fc.weight"]);
        assert_eq!((report.taken, report.fresh.len()), (named(&ours).len(), 0));
    }

    #[test]
    fn one_channel_is_heard_as_a_grey_image_is_seen() {
        let published = encoder(json!({"type": "resnet18", "width": 4}), 3, 1);
        let ours = encoder(json!({"type": "resnet18", "width": 4}), 1, 2);
        ours.start_from(&weights(&published, |_| ())).unwrap();
        let image = Tensor::arange(32 * 20, (Kind::Float, Device::Cpu)).sin();
        let image = image.view([1, 1, 32, 20]);
        let grey = image.repeat([1, 3, 1, 1]);
        let pass = super::super::Pass::INFERENCE;
        let apart = ours.embed(&image, pass) - published.embed(&grey, pass);
        assert!(apart.abs().max().double_value(&[]) < 1e-5);
    }

    #[test]
    fn attention_starts_afresh_on_the_weights_of_a_resnet() {
        let resnet = encoder(json!({"type": "resnet50"}), 3, 1);
        let ours = encoder(json!({"type": "esresnet", "attention": true}), 6, 2);
        let before = named(&ours)["att1.conv_point.weight"].copy();
        let report = ours.start_from(&weights(&resnet, |_| ())).unwrap();
        let after = named(&ours);
        assert_eq!(after["att1.conv_point.weight"], before);
        assert_eq!(
            after["layer4.2.conv3.weight"],
            named(&resnet)["layer4.2.conv3.weight"]
        );
        assert!(report.fresh.iter().all(|name| name.starts_with("att")));
        assert_eq!(report.fresh.len(), 5 * 8);
    }

    #[test]
    fn weights_that_do_not_fit_are_named_and_change_nothing() {
        let published = encoder(json!({"type": "resnet18", "width": 4}), 3, 1);
        let file = weights(&published, |tensors| {
            tensors.remove("layer1.0.conv1.weight");
            tensors.insert("bn1.bias".into(), zeros(&[5]));
            tensors.insert("layer9.weight".into(), zeros(&[1]));
        });
        let ours = encoder(json!({"type": "resnet18", "width": 4}), 3, 2);
        let before: Vec<_> = named(&ours).values().map(Tensor::copy).collect();
        let refused = ours.start_from(&file).unwrap_err().to_string();
        for part in [
            "`layer1.0.conv1.weight` is missing",
            "`bn1.bias` has shape [5], not [4]",
            "`layer9.weight` is not of this network",
        ] {
            assert!(refused.contains(part), "{refused}");
        }
        assert_eq!(named(&ours).into_values().collect::<Vec<_>>(), before);
        let six = encoder(json!({"type": "resnet18", "width": 4}), 6, 2);
        let refused = six.start_from(&weights(&published, |_| ())).unwrap_err();
        assert!(
            refused
                .to_string()
                .contains("[4, 3, 7, 7], not [4, 6, 7, 7]")
        );
    }

    #[test]
    fn a_state_dict_of_torch_save_is_read() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/state_dict.pth");
        let read = StartingWeights::read(&path).unwrap().tensors;
        let shapes = read.iter().map(|(name, of)| (name.as_str(), of.size()));
        let shapes: Vec<_> = shapes.collect();
        let wanted: [(&str, &[i64]); 3] = [
            ("bn1.bias", &[2]),
            ("bn1.num_batches_tracked", &[]),
            ("conv1.weight", &[2, 1, 1, 3]),
        ];
        assert_eq!(shapes, wanted.map(|(name, shape)| (name, shape.to_vec())));
        let weight: Vec<f32> = read["conv1.weight"].flatten(0, -1).try_into().unwrap();
        assert_eq!(weight, [0.0, 0.5, 1.0, 1.5, 2.0, 2.5]);
    }

    #[test]
    fn a_file_of_something_else_is_an_error_with_its_path() {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in [
            ("text.pth", &b"not weights"[..]),
            ("zip.pth", b"PK\x03\x04 nor a whole archive"),
            ("text.safetensors", b"not weights"),
        ] {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            let error = StartingWeights::read(&path).unwrap_err().to_string();
            assert!(error.contains(name) && error.lines().count() < 6, "{error}");
        }
        assert!(StartingWeights::read(&folder.path().join("absent.pth")).is_err());
    }

    #[test]
    fn densenets_old_names_are_known() {
        let old = "features.denseblock1.denselayer1.norm.1.weight";
        let new = "features.denseblock1.denselayer1.norm1.weight";
        assert_eq!(todays_name(old.to_owned()), new);
        for kept in [new, "layer1.0.conv1.weight", "features.norm0.weight"] {
            assert_eq!(todays_name(kept.to_owned()), kept);
        }
    }
}
