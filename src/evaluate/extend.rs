//! Adding a measurement to an earlier one of the same encoder on the same clips.

use super::{Baseline, Evaluation, ProtocolName, TagEvaluation};
use std::collections::BTreeMap;

/// Why two measurements cannot stand in one file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unlike {
    /// The clips, their classes or folds differ.
    #[error("is of other clips, classes or folds of clips")]
    Clips,
    /// The encoder differs.
    #[error("is of another encoder")]
    Encoder,
    /// A protocol was measured in another way.
    #[error("has `{0}` measured with other settings or on other folds")]
    Settings(String),
}

/// What may be added to an earlier one of its kind.
pub trait Extends: Sized {
    /// Whether both are of one encoder and the same clips, and measure what both have alike; of this one, scores need not be
    /// there yet.
    ///
    /// # Errors
    /// What differs.
    fn is_like(&self, earlier: &Self) -> Result<(), Unlike>;

    /// Takes over what only the earlier one has.
    fn extend(&mut self, earlier: Self);
}

impl Extends for Evaluation {
    fn is_like(&self, earlier: &Self) -> Result<(), Unlike> {
        same_encoder(&self.encoder, &earlier.encoder)?;
        if self.dataset != earlier.dataset || self.clips != earlier.clips {
            return Err(Unlike::Clips);
        }
        same_settings(&self.settings, &earlier.settings)
    }

    fn extend(&mut self, earlier: Self) {
        let is_known = |name| self.protocols.contains_key(name);
        if earlier.protocols.keys().all(is_known) && earlier.few_labels.is_empty() {
            return;
        }
        add(&mut self.protocols, earlier.protocols);
        add_baselines(&mut self.baselines, earlier.baselines);
        add(&mut self.settings, earlier.settings);
        let known: Vec<_> = self.few_labels.iter().map(|few| few.per_class).collect();
        let others = earlier.few_labels.into_iter();
        let others = others.filter(|few| !known.contains(&few.per_class));
        self.few_labels.extend(others);
        self.few_labels.sort_by_key(|few| few.per_class);
        add_lines(&mut self.notes, earlier.notes);
        add_lines(&mut self.warnings, earlier.warnings);
    }
}

impl Extends for TagEvaluation {
    fn is_like(&self, earlier: &Self) -> Result<(), Unlike> {
        same_encoder(&self.encoder, &earlier.encoder)?;
        match self.dataset == earlier.dataset && self.clips == earlier.clips {
            true => same_settings(&self.settings, &earlier.settings),
            false => Err(Unlike::Clips),
        }
    }

    fn extend(&mut self, earlier: Self) {
        let is_known = |name| self.protocols.contains_key(name);
        if earlier.protocols.keys().all(is_known) {
            return;
        }
        add(&mut self.settings, earlier.settings);
        add(&mut self.protocols, earlier.protocols);
        add_baselines(&mut self.baselines, earlier.baselines);
        add_lines(&mut self.notes, earlier.notes);
        add_lines(&mut self.warnings, earlier.warnings);
    }
}

/// A measurement of before encoders were told apart may be of any.
fn same_encoder(now: &Option<String>, earlier: &Option<String>) -> Result<(), Unlike> {
    match earlier.is_none() || now == earlier {
        true => Ok(()),
        false => Err(Unlike::Encoder),
    }
}

fn same_settings(
    now: &BTreeMap<ProtocolName, String>,
    earlier: &BTreeMap<ProtocolName, String>,
) -> Result<(), Unlike> {
    let differs = |(name, settings): &(&ProtocolName, &String)| {
        earlier
            .get(*name)
            .is_some_and(|earlier| earlier != *settings)
    };
    match now.iter().find(differs) {
        None => Ok(()),
        Some((name, _)) => Err(Unlike::Settings(name.title().to_owned())),
    }
}

fn add<K: Ord, V>(all: &mut BTreeMap<K, V>, earlier: BTreeMap<K, V>) {
    for (key, value) in earlier {
        all.entry(key).or_insert(value);
    }
}

fn add_baselines<K: Ord, V>(
    all: &mut BTreeMap<Baseline, BTreeMap<K, V>>,
    earlier: BTreeMap<Baseline, BTreeMap<K, V>>,
) {
    for (baseline, scores) in earlier {
        add(all.entry(baseline).or_default(), scores);
    }
}

fn add_lines(all: &mut Vec<String>, earlier: Vec<String>) {
    let new: Vec<_> = earlier
        .into_iter()
        .filter(|line| !all.contains(line))
        .collect();
    all.extend(new);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(protocol: ProtocolName, settings: &str) -> TagEvaluation {
        TagEvaluation {
            dataset: "birds".into(),
            model: "run".into(),
            encoder: Some("1".into()),
            clips: Some("2".into()),
            settings: [(protocol, settings.to_owned())].into(),
            protocols: [(protocol, crate::evaluate::TagScore::default())].into(),
            baselines: BTreeMap::new(),
            notes: vec![format!("by {}", protocol.title())],
            warnings: Vec::new(),
        }
    }

    #[test]
    fn another_protocol_is_added_to_what_is_there() {
        let earlier = measured(ProtocolName::Linear, "a");
        let mut now = measured(ProtocolName::Knn, "b");
        now.is_like(&earlier).unwrap();
        now.extend(earlier);
        assert_eq!(now.protocols.len(), 2);
        assert_eq!(now.settings[&ProtocolName::Linear], "a");
        assert_eq!(now.notes.len(), 2);
    }

    #[test]
    fn what_is_not_alike_does_not_stand_in_one_file() {
        let earlier = measured(ProtocolName::Linear, "a");
        let other_settings = measured(ProtocolName::Linear, "b");
        let mut other_encoder = earlier.clone();
        other_encoder.encoder = Some("3".into());
        let mut other_clips = earlier.clone();
        other_clips.clips = Some("3".into());
        for now in [other_settings, other_encoder, other_clips] {
            now.is_like(&earlier).unwrap_err();
        }
        earlier.is_like(&earlier).unwrap();
    }
}
