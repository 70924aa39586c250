//! Events of several kinds that are found at once → the surest of them.

use crate::dataset::Span;
use crate::detect::Event;

/// Of events of different kinds that overlap by more than half of the shorter one, the one that scores best; of equal ones
/// the first in time. By onset.
pub(super) fn best_of_rivals(mut events: Vec<Event>) -> Vec<Event> {
    events.sort_by(|a, b| a.span.onset().total_cmp(&b.span.onset()));
    let rivals = rivals(&events);
    let mut by_score: Vec<usize> = (0..events.len()).collect();
    by_score.sort_by(|&a, &b| events[b].score.total_cmp(&events[a].score));
    let mut is_beaten = vec![false; events.len()];
    for best in by_score {
        if !is_beaten[best] {
            rivals[best]
                .iter()
                .for_each(|&rival| is_beaten[rival] = true);
        }
    }
    let mut beaten = is_beaten.into_iter();
    events.retain(|_| !beaten.next().unwrap_or(false));
    events
}

/// The places of each event's rivals, of events by onset.
fn rivals(events: &[Event]) -> Vec<Vec<usize>> {
    let mut rivals = vec![Vec::new(); events.len()];
    // Those that have not ended; events of one kind lie apart, so there are no more than kinds.
    let mut open: Vec<usize> = Vec::new();
    for (place, event) in events.iter().enumerate() {
        open.retain(|&earlier| events[earlier].span.offset() > event.span.onset());
        for &earlier in &open {
            let other = &events[earlier];
            if other.kind != event.kind && is_same(&other.span, &event.span) {
                rivals[earlier].push(place);
                rivals[place].push(earlier);
            }
        }
        open.push(place);
    }
    rivals
}

/// Whether they have more than half of the shorter one in common.
fn is_same(a: &Span, b: &Span) -> bool {
    let both = a.offset().min(b.offset()) - a.onset().max(b.onset());
    both > 0.5 * a.secs().min(b.secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(onset: f64, offset: f64, score: f32, kind: usize) -> Event {
        Event {
            span: Span::new(onset, offset).unwrap(),
            score,
            kind,
        }
    }

    #[test]
    fn of_events_of_two_kinds_at_once_the_better_stays() {
        let long = event(0.0, 1.0, 0.8, 0);
        let inside = event(0.2, 0.4, 0.9, 1);
        let beside = event(0.9, 1.4, 0.7, 1);
        let last = event(5.0, 6.0, 0.1, 0);
        let found = best_of_rivals(vec![long, last, inside, beside]);
        assert_eq!(found, [inside, beside, last]);
        let better = Event {
            score: 0.95,
            ..long
        };
        assert_eq!(best_of_rivals(vec![better, inside]), [better]);
    }

    #[test]
    fn a_beaten_event_beats_none() {
        let a = event(0.0, 1.0, 0.7, 0);
        let b = event(0.4, 1.4, 0.8, 1);
        let c = event(0.8, 1.8, 0.9, 2);
        assert_eq!(best_of_rivals(vec![a, b, c]), [a, c]);
    }

    #[test]
    fn events_of_one_kind_all_stay() {
        let events = vec![event(0.0, 1.0, 0.5, 3), event(0.1, 0.9, 0.9, 3)];
        assert_eq!(best_of_rivals(events.clone()), events);
    }
}
