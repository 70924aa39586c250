//! The found events of a recording as a list.

use super::time_axis::{moment, time_of_day};
use crate::audio::RecordedAt;
use crate::detect::Event;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Events that one still scrolls through.
const MAX_LISTED: usize = 2000;

/// The events by onset, all or the first of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct EventList {
    listed: Vec<ListedEvent>,
    left_out: usize,
    /// Whether the events are of several kinds, so that each needs its label.
    has_kinds: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct ListedEvent {
    /// Its place among the events.
    event: usize,
    /// Seconds from the start.
    onset: String,
    /// The time of day, with the day where the recording began on another one.
    clock: Option<String>,
    secs: String,
    score: String,
    /// What it is, where there are several kinds.
    label: String,
    /// Its place by score, the lowest first.
    rank: usize,
    is_drawn: bool,
}

impl EventList {
    /// `labels`: those of the kinds of event; `drawn`: the events that lie in a row that is drawn.
    pub(super) fn new(
        events: &[Event],
        labels: &[Option<String>],
        drawn: &BTreeSet<usize>,
        began: Option<RecordedAt>,
    ) -> Self {
        let ranks = ranks(events);
        let has_kinds = labels.len() > 1;
        let label = |event: &Event| {
            let label = labels.get(event.kind).filter(|_| has_kinds);
            label.cloned().flatten().unwrap_or_default()
        };
        let listed = events.iter().enumerate().map(|(event, found)| ListedEvent {
            event,
            onset: format!("{:.3}", found.span.onset()),
            clock: began.and_then(|began| clock(began, found.span.onset())),
            secs: format!("{:.3}", found.span.secs()),
            score: format!("{:.2}", found.score),
            label: label(found),
            rank: ranks[event],
            is_drawn: drawn.contains(&event),
        });
        Self {
            listed: listed.take(MAX_LISTED).collect(),
            left_out: events.len().saturating_sub(MAX_LISTED),
            has_kinds,
        }
    }
}

/// The place of each event by score, the lowest first; of equal ones the earlier first.
fn ranks(events: &[Event]) -> Vec<usize> {
    let mut by_score: Vec<usize> = (0..events.len()).collect();
    by_score.sort_by(|&a, &b| events[a].score.total_cmp(&events[b].score));
    let mut ranks = vec![0; events.len()];
    for (rank, event) in by_score.into_iter().enumerate() {
        ranks[event] = rank;
    }
    ranks
}

fn clock(began: RecordedAt, secs: f64) -> Option<String> {
    let moment = moment(began, secs)?;
    let time = time_of_day(moment.time(), 0);
    Some(match moment.date() == began.clock.date() {
        true => time,
        false => format!("{} {time}", moment.date()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::TimeSource;
    use crate::dataset::Span;
    use jiff::civil;

    fn events(count: u32) -> Vec<Event> {
        let event = |n: u32| Event {
            span: Span::new(f64::from(n), f64::from(n) + 0.25).unwrap(),
            score: (n * 7 % 10) as f32 / 10.0,
            kind: 0,
        };
        (0..count).map(event).collect()
    }

    #[test]
    fn every_event_is_listed_with_its_place_by_score() {
        let list = EventList::new(&events(10), &[], &BTreeSet::from([3]), None);
        assert_eq!((list.listed.len(), list.left_out), (10, 0));
        let third = ListedEvent {
            event: 3,
            onset: "3.000".to_owned(),
            clock: None,
            secs: "0.250".to_owned(),
            score: "0.10".to_owned(),
            label: String::new(),
            rank: 1,
            is_drawn: true,
        };
        assert_eq!(list.listed[3], third);
        assert!(!list.listed[4].is_drawn);
    }

    #[test]
    fn a_long_list_ends_and_says_so() {
        let list = EventList::new(&events(2345), &[], &BTreeSet::new(), None);
        assert_eq!((list.listed.len(), list.left_out), (2000, 345));
        let nothing = EventList::new(&[], &[], &BTreeSet::new(), None);
        assert_eq!((nothing.listed.len(), nothing.left_out), (0, 0));
    }

    #[test]
    fn the_time_of_day_has_its_day_behind_midnight() {
        let began = RecordedAt {
            clock: civil::date(2023, 5, 1).at(23, 59, 58, 0),
            utc_offset_mins: Some(60),
            said_by: TimeSource::Guano,
        };
        let list = EventList::new(&events(4), &[], &BTreeSet::new(), Some(began));
        let clocks: Vec<_> = list.listed.iter().map(|of| of.clock.as_deref()).collect();
        assert_eq!(
            clocks,
            [
                Some("23:59:58"),
                Some("23:59:59"),
                Some("2023-05-02 00:00:00"),
                Some("2023-05-02 00:00:01"),
            ]
        );
    }
}
