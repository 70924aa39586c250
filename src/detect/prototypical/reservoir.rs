//! An even draw from a stream.

use crate::detect::windows::patches::Patches;
use rand::seq::SliceRandom;
use rand::{Rng, RngExt};

/// An even draw from a stream of unknown length (Vitter 1985, algorithm R).
pub(super) struct Reservoir {
    size: usize,
    offered: usize,
    kept: Patches,
}

impl Reservoir {
    pub(super) fn new(size: usize) -> Self {
        Self {
            size,
            offered: 0,
            kept: Vec::new(),
        }
    }

    /// Takes the next patch of the stream.
    pub(super) fn offer(&mut self, patch: Vec<f32>, rng: &mut impl Rng) {
        self.offered += 1;
        if self.kept.len() < self.size {
            self.kept.push(patch);
        } else if let Some(place) = self.kept.get_mut(rng.random_range(0..self.offered)) {
            *place = patch;
        }
    }

    /// Whether nothing was offered.
    pub(super) fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// What was drawn, in random order.
    pub(super) fn drawn(mut self, rng: &mut impl Rng) -> Patches {
        self.kept.shuffle(rng);
        self.kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn a_reservoir_keeps_every_offer_equally_often() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut kept = [0; 20];
        for _ in 0..2000 {
            let mut reservoir = Reservoir::new(5);
            for offer in 0..20 {
                reservoir.offer(vec![offer as f32], &mut rng);
            }
            for patch in reservoir.drawn(&mut rng) {
                kept[patch[0] as usize] += 1;
            }
        }
        // Expected 500 each, standard deviation 19.
        assert!(
            kept.iter().all(|count| (420..580).contains(count)),
            "{kept:?}"
        );
    }
}
