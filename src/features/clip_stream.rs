//! A clip of any length as mono sound, block by block, as its front end is to hear it.

use super::ClipRules;
use super::input_scaling::Line;
use super::silence::{SilenceFilter, SilenceRule};
use crate::audio::{AudioError, MonoReader};
use crate::dataset::remarks_of;

/// The sound of a whole clip after its [`ClipRules`], in memory that does not grow with its length.
///
/// The blocks, joined, are what `ClipRules::apply` gives for the whole, to the bit. The file is decoded once more for each
/// rule that must hear all of it first, twice more where the level is that around the mean. Where silence is cut out, it is
/// also decoded as often as the sound is repeated.
pub(super) struct ClipStream {
    reader: MonoReader,
    /// What the first of several readings found odd.
    remarks: Option<Vec<String>>,
    cutting: Option<Cutting>,
    /// What samples go through behind the silence rule.
    level: Option<Line>,
}

/// How silence is cut out of a clip, and the sound around it repeated.
struct Cutting {
    rule: SilenceRule,
    filter: SilenceFilter,
    decoded: Vec<f32>,
    /// Zeros behind each repetition.
    padding: usize,
    /// Samples of the clip.
    all: u64,
    /// Samples still to come.
    left: u64,
    /// Samples that the present repetition gave.
    given: u64,
}

impl ClipStream {
    /// What `reader` reads.
    pub(super) fn as_it_is(reader: MonoReader) -> Self {
        Self {
            reader,
            remarks: None,
            cutting: None,
            level: None,
        }
    }

    /// What `reader` reads, by the rules; it must stand at its beginning.
    ///
    /// # Errors
    /// As [`MonoReader::next_block`].
    pub(super) fn by_rules(reader: MonoReader, rules: &ClipRules) -> Result<Self, AudioError> {
        let rate = f64::from(reader.sample_rate().hz());
        let mut sound = match rules.silence.rule(rate) {
            Some(rule) => Self::without_silence(reader, rule)?,
            None => Self::as_it_is(reader),
        };
        // The level is that of what is left without silence.
        let level = rules.scaling.measured(|listener| sound.play(listener))?;
        sound.level = level;
        Ok(sound)
    }

    /// What `reader` reads, without silence.
    fn without_silence(mut reader: MonoReader, rule: SilenceRule) -> Result<Self, AudioError> {
        let mut filter = SilenceFilter::new(rule);
        let (mut all, mut sounding) = (0, 0);
        let mut kept = Vec::new();
        while let Some(block) = reader.next_block()? {
            all += block.len() as u64;
            filter.push(block, &mut kept);
            sounding += kept.len() as u64;
            kept.clear();
        }
        filter.finish(&mut kept);
        sounding += kept.len() as u64;
        let cutting = (sounding > 0 && sounding < all).then(|| Cutting {
            rule,
            filter: SilenceFilter::new(rule),
            decoded: kept,
            padding: (rule.least as u64).saturating_sub(sounding) as usize,
            all,
            left: all,
            given: 0,
        });
        Ok(Self {
            reader: reader.again()?,
            remarks: Some(remarks_of(&reader)),
            cutting,
            level: None,
        })
    }

    /// Gives `listener` all of the sound, and stands at its beginning again.
    fn play(&mut self, listener: &mut dyn FnMut(&[f32])) -> Result<(), AudioError> {
        let mut block = Vec::new();
        while self.read_into(&mut block)? {
            listener(&block);
            block.clear();
        }
        let again = self.reader.again()?;
        let heard = std::mem::replace(&mut self.reader, again);
        self.remarks.get_or_insert_with(|| remarks_of(&heard));
        if let Some(cutting) = &mut self.cutting {
            cutting.left = cutting.all;
            cutting.repeat();
        }
        Ok(())
    }

    pub(super) fn reader(&self) -> &MonoReader {
        &self.reader
    }

    /// What is odd about what was read, each as a sentence without the file's name.
    pub(super) fn remarks(&self) -> Vec<String> {
        self.remarks
            .clone()
            .unwrap_or_else(|| remarks_of(&self.reader))
    }

    /// Appends the next samples to `output`; `false` at the end, when nothing was appended.
    ///
    /// # Errors
    /// As [`MonoReader::read_into`].
    pub(super) fn read_into(&mut self, output: &mut Vec<f32>) -> Result<bool, AudioError> {
        let start = output.len();
        let more = self.read_recorded(output)?;
        if let Some(level) = &self.level {
            level.change(&mut output[start..]);
        }
        Ok(more)
    }

    /// The same as loud as it was recorded.
    fn read_recorded(&mut self, output: &mut Vec<f32>) -> Result<bool, AudioError> {
        let Some(cutting) = &mut self.cutting else {
            return self.reader.read_into(output);
        };
        let start = output.len();
        while cutting.left > 0 && output.len() == start {
            cutting.decoded.clear();
            if self.reader.read_into(&mut cutting.decoded)? {
                cutting.filter.push(&cutting.decoded, output);
                cutting.given += (output.len() - start) as u64;
                continue;
            }
            cutting.filter.finish(output);
            cutting.given += (output.len() - start) as u64;
            if cutting.given == 0 {
                return Ok(false); // the file has changed since it was counted
            }
            output.resize(output.len() + cutting.padding, 0.0);
            cutting.repeat();
            self.reader = self.reader.again()?;
        }
        let left = usize::try_from(cutting.left).unwrap_or(usize::MAX);
        output.truncate(start.saturating_add(left));
        cutting.left -= (output.len() - start) as u64;
        Ok(output.len() > start)
    }
}

impl Cutting {
    /// Stands at the beginning of the sound.
    fn repeat(&mut self) {
        self.given = 0;
        self.filter = SilenceFilter::new(self.rule);
    }
}
