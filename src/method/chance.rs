//! What a loss is for whoever tells nothing apart.

use super::MethodConfig;

/// What the chance level of a loss depends on, beside the method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// Patches of a batch, of one view.
    pub batch: usize,
    /// Clips of the data.
    pub clips: usize,
    /// Classes of the data; 0 without labels.
    pub classes: usize,
}

impl MethodConfig {
    /// The loss when everything that is compared looks the same, past embeddings included.
    ///
    /// `None` where it depends on more than the sizes of the data.
    ///
    /// ```text
    /// sim-clr, sup-con:  ln(2·batch − 1)                  a view is one of all others
    ///                    sup-con without positives below the fraction: none, as each batch has other classes
    /// moco:              ln(1 + queue)                    a key is one of the queue and itself
    /// npid:              ln(1 + m) + m·ln(1 + 1/m)        m negatives, each to be told from noise
    ///                    ln(clips)                        of all rows of the memory
    /// cola:              ln(batch)                        a positive is one of the batch
    /// swav:              ln(prototypes)
    /// clar:              ln(2·batch − 1) + label_weight·ln(classes)
    /// supervised:        ln(classes)
    /// prototypical:      ln(ways)
    /// frame-sup-con:     none, as each batch has other numbers of frames of a unit
    /// cld, beside moco or npid: + weight·ln(1 + (clusters − 1)·e^(−1/τ))   all are in the first cluster
    /// ```
    pub fn chance_loss(&self, sizes: &Sizes) -> Option<f64> {
        self.settings().chance_loss(sizes)
    }

    /// The loss that tells that nothing is learned: [`Self::chance_loss`], of methods that leave it early.
    ///
    /// `None` also for `moco` and `swav`, which are healthy near it for hundreds of steps, and for `npid` and `clar`,
    /// whose loss begins elsewhere: by what is remembered, and by two encoders that differ.
    pub fn alarming_loss(&self, sizes: &Sizes) -> Option<f64> {
        let must_leave = self.settings().must_leave_chance();
        self.chance_loss(sizes).filter(|_| must_leave)
    }
}

/// The loss of a guess among so many; none where there is nothing to guess.
pub(super) fn guess_among(choices: usize) -> Option<f64> {
    (choices > 1).then(|| (choices as f64).ln())
}

/// The loss of a guess among all other views of a batch.
pub(super) fn guess_among_views(batch: usize) -> Option<f64> {
    guess_among((2 * batch).saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loss::*;
    use tch::{Device, Kind, Tensor};

    const BATCH: usize = 6;
    const SIZES: Sizes = Sizes {
        batch: BATCH,
        clips: 50,
        classes: 4,
    };

    fn method(toml: &str) -> MethodConfig {
        toml::from_str(toml).unwrap()
    }

    fn chance(toml: &str) -> f64 {
        method(toml).chance_loss(&SIZES).unwrap()
    }

    /// Rows of length 1 that are all the same, `[rows, 8]`.
    fn same(rows: usize) -> Tensor {
        Tensor::full(
            [rows as i64, 8],
            8f64.sqrt().recip(),
            (Kind::Double, Device::Cpu),
        )
    }

    fn tau(value: f64) -> Temperature {
        Temperature::new(value).unwrap()
    }

    fn assert_close(given: f64, loss: &Tensor) {
        let loss = loss.double_value(&[]);
        assert!(
            (given - loss).abs() < 1e-4,
            "{given}, but the loss is {loss}"
        );
    }

    const HEAD: &str = "temperature = 0.2\nhead = { widths = [8], batch_norm = false }\n";
    const CLD: &str = "cld = { k_means = { clusters = 3 }, temperature = 0.4, weight = 0.25 }\n";

    fn cld() -> Tensor {
        let k_means: KMeansConfig = toml::from_str("clusters = 3").unwrap();
        cld_group(&same(BATCH), &same(BATCH), &k_means, tau(0.4)) * 0.25
    }

    #[test]
    fn contrast_with_the_batch_is_a_guess_among_all_other_views() {
        let contrast = nt_xent(&same(BATCH), &same(BATCH), tau(0.2));
        assert_close(chance(&format!("type = \"sim-clr\"\n{HEAD}")), &contrast);
        assert_close(chance(&format!("type = \"sup-con\"\n{HEAD}")), &contrast);
        let labels = Tensor::from_slice(&[0i64, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2, 2]);
        let supervised = supervised_contrastive(
            &same(2 * BATCH),
            &labels,
            tau(0.2),
            Denominator::AllOthers,
            Reduction::Mean,
        );
        assert_close(chance(&format!("type = \"sup-con\"\n{HEAD}")), &supervised);
        let of_negatives = method(&format!(
            "type = \"sup-con\"\ndenominator = \"negatives-only\"\n{HEAD}"
        ));
        assert_eq!(of_negatives.chance_loss(&SIZES), None);
    }

    #[test]
    fn moco_guesses_among_the_queue_and_the_key() {
        let loss = info_nce(&same(BATCH), &same(BATCH), &same(30), tau(0.2));
        let moco = format!("type = \"moco\"\nqueue = 30\n{HEAD}");
        assert_close(chance(&moco), &loss);
        assert_close(chance(&format!("{moco}{CLD}")), &(loss + cld()));
    }

    #[test]
    fn npid_tells_nothing_from_noise_or_guesses_among_all_clips() {
        let rows = same(BATCH * 6).view([BATCH as i64, 6, 8]); // the clip itself and five others
        let items = SIZES.clips as i64;
        let log_normaliser = npid_log_normaliser(&same(BATCH), &rows, items, tau(0.2));
        let loss = npid_nce(&same(BATCH), &rows, items, log_normaliser, tau(0.2));
        let npid = |negatives: &str| format!("type = \"npid\"\nnegatives = {negatives}\n{HEAD}");
        assert_close(chance(&npid("5")), &loss);
        assert_close(chance(&format!("{}{CLD}", npid("5"))), &(loss + cld()));
        let clips = Tensor::arange(BATCH as i64, (Kind::Int64, Device::Cpu));
        let loss = npid_softmax(&same(BATCH), &same(SIZES.clips), &clips, tau(0.2));
        assert_close(chance(&npid("\"all\"")), &loss);
    }

    #[test]
    fn cola_guesses_in_the_batch_and_swav_among_prototypes() {
        let similarities = cosine_similarity(&same(BATCH), &same(BATCH), tau(0.2));
        assert_close(chance("type = \"cola\""), &cola(&similarities));
        let scores = [(); 2].map(|()| Tensor::ones([6, 7], (Kind::Double, Device::Cpu)));
        let codes = [(); 2].map(|()| Tensor::eye(7, (Kind::Double, Device::Cpu)).narrow(0, 0, 6));
        let loss = swapped_prediction(&scores, &codes, tau(0.2));
        assert_close(
            chance(&format!("type = \"swav\"\nprototypes = 7\n{HEAD}")),
            &loss,
        );
    }

    #[test]
    fn clar_adds_the_guess_of_a_label_where_there_are_some() {
        let contrast = nt_xent(&same(BATCH), &same(BATCH), tau(0.2));
        let clar = method(&format!("type = \"clar\"\nlabel_weight = 0.5\n{HEAD}"));
        let with_labels = &contrast + 0.5 * 4f64.ln();
        assert_close(clar.chance_loss(&SIZES).unwrap(), &with_labels);
        let unlabelled = Sizes {
            classes: 0,
            ..SIZES
        };
        assert_close(clar.chance_loss(&unlabelled).unwrap(), &contrast);
    }

    #[test]
    fn labels_are_guessed_among_classes_and_ways() {
        assert_eq!(chance("type = \"supervised\""), 4f64.ln());
        let episodes = |ways: usize| {
            let sizes = "shots = 3\nepisodes_per_epoch = 9";
            chance(&format!("type = \"prototypical\"\nways = {ways}\n{sizes}"))
        };
        assert_eq!(episodes(3), 3f64.ln());
        assert_eq!(episodes(9), 4f64.ln());
        let frames = method(&format!("type = \"frame-sup-con\"\n{HEAD}"));
        assert_eq!(frames.chance_loss(&SIZES), None);
    }

    #[test]
    fn only_losses_that_leave_chance_early_give_alarm() {
        let alarm = |toml: &str| method(toml).alarming_loss(&SIZES);
        assert_eq!(alarm("type = \"supervised\""), Some(4f64.ln()));
        assert_eq!(alarm(&format!("type = \"moco\"\nqueue = 30\n{HEAD}")), None);
        assert_eq!(
            alarm(&format!("type = \"swav\"\nprototypes = 7\n{HEAD}")),
            None
        );
    }
}
