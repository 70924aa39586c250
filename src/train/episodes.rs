//! Few-shot learning's episodes: small classification tasks drawn from the training classes.

use rand::Rng;
use rand::seq::SliceRandom;
use std::collections::BTreeMap;

use crate::method::PrototypicalConfig;

/// What episodes are drawn from.
pub(super) struct Episodes {
    config: PrototypicalConfig,
    /// The patches of every class that has some.
    classes: Vec<Vec<usize>>,
}

impl Episodes {
    /// Episodes of patches with these labels, in order.
    pub(super) fn new(config: PrototypicalConfig, labels: impl Iterator<Item = i64>) -> Self {
        let mut classes = BTreeMap::<i64, Vec<usize>>::new();
        for (patch, label) in labels.enumerate() {
            classes.entry(label).or_default().push(patch);
        }
        Self {
            config,
            classes: classes.into_values().collect(),
        }
    }

    /// Number of classes.
    pub(super) fn classes(&self) -> usize {
        self.classes.len()
    }

    /// Episodes of an epoch.
    pub(super) fn per_epoch(&self) -> u64 {
        self.config.episodes_per_epoch
    }

    /// Support and query patches, `ways · shots` each, class after class: distinct patches of a class as far as it has
    /// so many, then the same again.
    pub(super) fn draw(&self, rng: &mut impl Rng) -> [Vec<usize>; 2] {
        let PrototypicalConfig { ways, shots, .. } = self.config;
        let mut classes: Vec<usize> = (0..self.classes.len()).collect();
        classes.shuffle(rng);
        let (mut support, mut query) = (Vec::new(), Vec::new());
        for &class in classes.iter().take(ways) {
            let mut patches = self.classes[class].clone();
            patches.shuffle(rng);
            let mut patches = patches.into_iter().cycle();
            support.extend(patches.by_ref().take(shots));
            query.extend(patches.take(shots));
        }
        [support, query]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_episode_has_its_classes_in_order_and_no_patch_twice_while_it_can() {
        use rand::SeedableRng;
        let episodes = Episodes {
            config: PrototypicalConfig {
                ways: 2,
                shots: 2,
                episodes_per_epoch: 1,
            },
            classes: vec![(0..10).collect(), (10..20).collect(), (20..23).collect()],
        };
        let class = |patch: &usize| patch / 10;
        for seed in 0..50 {
            let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
            let [support, query] = episodes.draw(&mut rng);
            assert!(support.iter().map(class).eq(query.iter().map(class)));
            assert_eq!(class(&support[0]), class(&support[1]));
            assert_ne!(class(&support[0]), class(&support[2]));
            let mut all = [support, query].concat();
            all.retain(|&patch| patch < 20);
            let drawn = all.len();
            all.sort_unstable();
            all.dedup();
            assert_eq!(all.len(), drawn);
        }
    }
}
