//! Which frames of a recording are training material.

use std::ops::Range;

/// Pieces of a recording: all of it up to the last shot, or, where that would be long, what is around each shot.
#[derive(Debug, PartialEq)]
pub(super) struct Region {
    /// Frames, ascending and apart.
    pieces: Vec<Range<usize>>,
}

impl Region {
    /// Frames from 0 to `end`, if they are no more than `most`; otherwise `most` around all `shots`, together, beside
    /// their own. So memory is bounded however late in a recording the shots are.
    pub(super) fn new(shots: &[Range<usize>], end: usize, most: usize) -> Self {
        if end <= most || shots.is_empty() {
            let whole = Range { start: 0, end };
            return Self {
                pieces: vec![whole],
            };
        }
        let margin = most / (2 * shots.len());
        let mut around: Vec<Range<usize>> = shots
            .iter()
            .map(|shot| shot.start.saturating_sub(margin)..(shot.end + margin).min(end))
            .collect();
        around.sort_by_key(|piece| piece.start);
        let mut pieces: Vec<Range<usize>> = Vec::new();
        for piece in around {
            match pieces.last_mut() {
                Some(last) if piece.start <= last.end => last.end = last.end.max(piece.end),
                _ => pieces.push(piece),
            }
        }
        Self { pieces }
    }

    /// The first frame behind the region.
    pub(super) fn end(&self) -> usize {
        self.pieces.last().map_or(0, |piece| piece.end)
    }

    /// The parts of the region within `frames`.
    pub(super) fn within(&self, frames: &Range<usize>) -> impl Iterator<Item = Range<usize>> {
        let (start, end) = (frames.start, frames.end);
        let cut = move |piece: &Range<usize>| piece.start.max(start)..piece.end.min(end);
        self.pieces
            .iter()
            .map(cut)
            .filter(|piece| !piece.is_empty())
    }

    /// Where a frame stands among the frames of the region put end to end; that of the next one, if it lies outside.
    pub(super) fn place(&self, frame: usize) -> usize {
        let before = |piece: &Range<usize>| frame.clamp(piece.start, piece.end) - piece.start;
        self.pieces.iter().map(before).sum()
    }

    /// Places where one piece ends and the next begins.
    pub(super) fn seams(&self) -> impl Iterator<Item = usize> {
        self.pieces
            .iter()
            .skip(1)
            .map(|piece| self.place(piece.start))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_beginning_is_kept_whole() {
        let region = Region::new(&[10..20, 70..90], 90, 100);
        assert_eq!(region, Region::new(&[], 90, 0));
        assert_eq!([15, 90].map(|frame| region.place(frame)), [15, 90]);
        assert_eq!(region.end(), 90);
        assert_eq!(region.seams().count(), 0);
    }

    #[test]
    fn of_a_long_one_only_what_is_around_shots_remains() {
        let shots = [5000..5010, 1000..1020, 5030..5040, 9000..9040];
        let region = Region::new(&shots, 9040, 160); // 20 frames either side
        assert_eq!(region.pieces, [980..1040, 4980..5060, 8980..9040]);
        let place = |frame| region.place(frame);
        assert_eq!(
            [0, 980, 1000, 1040, 3000, 4980, 5059, 9040].map(place),
            [0, 0, 20, 60, 60, 60, 139, 200]
        );
        assert_eq!(region.seams().collect::<Vec<_>>(), [60, 140]);
        let within: Vec<_> = region.within(&(1030..5000)).collect();
        assert_eq!(within, [1030..1040, 4980..5000]);
    }

    #[test]
    fn memory_is_bounded_however_many_shots_there_are() {
        let shots: Vec<_> = (0..1000).map(|n| n * 7000..n * 7000 + 30).collect();
        let region = Region::new(&shots, 999 * 7000 + 30, 120_000);
        let kept = region.place(region.end());
        assert!(kept <= 120_000 + 1000 * 30, "{kept}");
    }
}
