use serde_json::{Value as Json, json};
use tch::Device;

use super::tensor_file::TensorFile;
use super::{EmbedConfig, Encoder, InputShape, Model, ModelCard, Statistic, TrainingRecord};
use crate::audio::ChannelChoice;
use crate::features::{FrontEnd, Normalization};

fn front_end() -> FrontEnd {
    serde_json::from_value(json!({"type": "log-mel", "n_mels": 32})).unwrap()
}

fn card() -> ModelCard {
    ModelCard {
        channel: ChannelChoice::default(),
        front_end: front_end(),
        normalization: Normalization::Global {
            mean: 0.0,
            std: 1.0,
        },
        encoder: serde_json::from_value(json!({"type": "resnet18", "width": 2})).unwrap(),
        frames: 50,
        embed: EmbedConfig::Patches {
            hop_frames: 25,
            statistics: vec![Statistic::Mean],
        },
        seed: 1,
        provenance: TrainingRecord::default(),
    }
}

/// A model file that says this of itself, with the tensors of [`card`].
fn file(metadata: &Json) -> Vec<u8> {
    let input = InputShape {
        channels: 1,
        bands: 32,
    };
    let encoder = Encoder::new(&card().encoder, input, 1, Device::Cpu).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model");
    let tensors = encoder.parameters().named();
    TensorFile::write(&path, metadata.to_string(), &tensors).unwrap();
    std::fs::read(path).unwrap()
}

fn parse(metadata: &Json) -> Result<Model, String> {
    let parsed = Model::parse("model", &file(metadata), Device::Cpu);
    parsed.map_err(|error| error.to_string())
}

fn whole() -> Json {
    serde_json::to_value(card()).unwrap()
}

/// Made, its weights alone would take 11 GB.
#[test]
fn a_network_larger_than_its_file_is_refused_before_it_is_made() {
    parse(&whole()).unwrap();
    let mut wide = whole();
    wide["encoder"]["width"] = json!(1024);
    let error = parse(&wide).unwrap_err();
    assert!(
        error.contains("tensor `conv1.weight` has shape [2, 1, 7, 7]"),
        "{error}"
    );
}

#[test]
fn a_card_that_leaves_nothing_of_a_clip_is_refused_with_its_key() {
    for (key, value, said) in [
        (
            "/embed/statistics",
            json!([]),
            "`embed.statistics` is empty",
        ),
        ("/embed/hop_frames", json!(0), "`embed.hop_frames` is 0"),
        ("/frames", json!(0), "`frames` is 0"),
        ("/frames", json!(1u64 << 40), "`frames` is 1099511627776"),
        (
            "/frames",
            json!(u64::MAX),
            "`frames` is 18446744073709551615",
        ),
    ] {
        let mut changed = whole();
        *changed.pointer_mut(key).unwrap() = value;
        let error = parse(&changed).unwrap_err();
        assert!(error.contains(said), "{error}");
    }
}

/// Every value and every part of the card, replaced by each of these and left out.
#[test]
fn whatever_a_card_says_is_read_or_refused() {
    let evil = [
        json!(null),
        json!(true),
        json!(0),
        json!(-1),
        json!(1u64 << 62),
        json!(1e300),
        json!(""),
        json!([]),
        json!({}),
    ];
    let mut places = Vec::new();
    collect(&whole(), String::new(), &mut places);
    assert!(places.len() > 30);
    let sound = file(&whole());
    let read = TensorFile::parse(&sound).unwrap();
    for place in places {
        for value in &evil {
            let mut changed = whole();
            *changed.pointer_mut(&place).unwrap() = value.clone();
            let changed = with_metadata(&sound, &read.metadata, &changed.to_string());
            if let Ok(model) = Model::parse("model", &changed, Device::Cpu) {
                assert!(model.card.input().is_ok());
            }
        }
    }
}

fn collect(value: &Json, place: String, places: &mut Vec<String>) {
    let below: Vec<(String, &Json)> = match value {
        Json::Object(fields) => fields
            .iter()
            .map(|(name, value)| (name.clone(), value))
            .collect(),
        Json::Array(items) => items
            .iter()
            .enumerate()
            .map(|(n, value)| (n.to_string(), value))
            .collect(),
        _ => Vec::new(),
    };
    for (name, value) in below {
        collect(value, format!("{place}/{name}"), places);
    }
    if !place.is_empty() {
        places.push(place);
    }
}

/// The file with other metadata in its header.
fn with_metadata(file: &[u8], old: &str, new: &str) -> Vec<u8> {
    let (length, rest) = file.split_first_chunk().unwrap();
    let (header, values) = rest.split_at(u64::from_le_bytes(*length) as usize);
    let header = std::str::from_utf8(header).unwrap();
    let [old, new] = [old, new].map(|text| serde_json::to_string(text).unwrap());
    assert!(header.contains(&old));
    let header = header.replace(&old, &new);
    [
        &(header.len() as u64).to_le_bytes()[..],
        header.as_bytes(),
        values,
    ]
    .concat()
}
