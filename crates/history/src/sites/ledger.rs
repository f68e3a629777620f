//! How many people are in a site: what happened since the last reset, in its order.

use std::collections::BTreeMap;

use becamera_domain::{AuditId, CorrectionChange, CrossingId, MAX_OCCUPANCY};

/// Most changes of a day that are kept apart. The oldest beyond it are only kept as their sum: a
/// change that comes later and is older than they are is left out.
const MAX_ENTRIES: usize = 200_000;

/// Something that changes how many people are in a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Somebody came.
    Enter,
    /// Somebody went.
    Leave,
    /// Somebody counted.
    Correct(CorrectionChange),
}

impl Change {
    /// How many people there are after it, at least 0: a person who was not seen coming in, but is seen
    /// going out, was there.
    fn apply(self, people: u32) -> u32 {
        match self {
            Self::Enter => people.saturating_add(1),
            Self::Leave => people.saturating_sub(1),
            Self::Correct(CorrectionChange::Set(count)) => count,
            Self::Correct(CorrectionChange::Add(more)) => people.saturating_add_signed(more),
        }
        .min(MAX_OCCUPANCY)
    }
}

/// Where a change stands in the order of a day: by time, in whole microseconds as the store keeps it,
/// then by identity; corrections come after the crossings of their moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// When, in microseconds since the Unix epoch.
    pub at_micros: i64,
    /// Which.
    pub id: ChangeId,
}

/// What makes a change itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChangeId {
    /// A crossing.
    Crossing(CrossingId),
    /// A correction.
    Correction(AuditId),
}

/// A site's day. Whatever order changes come in, and however often, it says the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ledger {
    reset_micros: i64,
    /// Up to where changes are only kept as their sum.
    summed_up_to: Option<Place>,
    summed: u32,
    changes: BTreeMap<Place, Entry>,
    entered: u64,
    left: u64,
    capacity: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    change: Change,
    /// How many people there are after it.
    people: u32,
}

impl Ledger {
    /// A day that begins at this moment, with nobody there.
    pub fn new(reset_micros: i64) -> Self {
        Self {
            reset_micros,
            summed_up_to: None,
            summed: 0,
            changes: BTreeMap::new(),
            entered: 0,
            left: 0,
            capacity: MAX_ENTRIES,
        }
    }

    /// When it began, in microseconds since the Unix epoch.
    pub fn reset_micros(&self) -> i64 {
        self.reset_micros
    }

    /// How many people are there.
    pub fn people(&self) -> u32 {
        self.changes.last_key_value().map_or(self.summed, |(_, entry)| entry.people)
    }

    /// How many came since it began.
    pub fn entered(&self) -> u64 {
        self.entered
    }

    /// How many went since it began.
    pub fn left(&self) -> u64 {
        self.left
    }

    /// Takes a change in, at its place: one that comes late changes what came after it. Answers
    /// whether it was new and is of this day.
    pub fn add(&mut self, place: Place, change: Change) -> bool {
        let over = place.at_micros < self.reset_micros
            || self.summed_up_to.is_some_and(|summed| place <= summed);
        if over || self.changes.contains_key(&place) {
            return false;
        }
        match change {
            Change::Enter => self.entered += 1,
            Change::Leave => self.left += 1,
            Change::Correct(_) => {}
        }
        let before = self.changes.range(..place).next_back();
        let mut people = change.apply(before.map_or(self.summed, |(_, entry)| entry.people));
        self.changes.insert(place, Entry { change, people });
        for (later, entry) in self.changes.range_mut(place..).skip(1) {
            debug_assert!(*later > place);
            let after = entry.change.apply(people);
            if after == entry.people {
                break;
            }
            entry.people = after;
            people = after;
        }
        if self.changes.len() > self.capacity
            && let Some((oldest, entry)) = self.changes.pop_first()
        {
            (self.summed_up_to, self.summed) = (Some(oldest), entry.people);
        }
        true
    }

    /// Begins another day. What is of it already stays.
    pub fn begin(&mut self, reset_micros: i64) {
        let mut next = Self { capacity: self.capacity, ..Self::new(reset_micros) };
        for (place, entry) in std::mem::take(&mut self.changes) {
            next.add(place, entry.change);
        }
        *self = next;
    }
}

#[cfg(test)]
mod tests {
    use becamera_domain::RunId;
    use proptest::prelude::*;

    use super::*;

    fn crossing(at: i64, seq: u32) -> Place {
        let id = CrossingId { run: RunId(1), seq };
        Place { at_micros: at, id: ChangeId::Crossing(id) }
    }

    fn correction(at: i64) -> Place {
        Place { at_micros: at, id: ChangeId::Correction(AuditId(at)) }
    }

    #[test]
    fn occupancy_is_never_negative() {
        let mut day = Ledger::new(0);
        day.add(crossing(1, 1), Change::Leave);
        day.add(crossing(2, 2), Change::Leave);
        day.add(crossing(3, 3), Change::Enter);
        assert_eq!((day.people(), day.entered(), day.left()), (1, 1, 2));
        day.add(correction(4), Change::Correct(CorrectionChange::Add(-5)));
        assert_eq!(day.people(), 0);
        day.add(correction(5), Change::Correct(CorrectionChange::Set(7)));
        day.add(crossing(6, 6), Change::Leave);
        assert_eq!(day.people(), 6);
    }

    #[test]
    fn what_comes_late_or_twice_or_from_before_the_reset() {
        let mut day = Ledger::new(10);
        assert!(!day.add(crossing(9, 1), Change::Enter), "of the day before");
        assert!(day.add(crossing(20, 2), Change::Leave));
        assert!(!day.add(crossing(20, 2), Change::Leave), "twice");
        assert!(day.add(crossing(30, 3), Change::Enter));
        assert_eq!(day.people(), 1);
        // A person came before the first one went: that one was there after all.
        assert!(day.add(crossing(15, 4), Change::Enter));
        assert_eq!(day.people(), 1);
        assert!(day.add(crossing(16, 5), Change::Enter));
        assert_eq!(day.people(), 2);
        // A correction makes up for all that was before it, and what comes late is before it.
        day.add(correction(40), Change::Correct(CorrectionChange::Set(5)));
        day.add(crossing(35, 6), Change::Enter);
        assert_eq!((day.people(), day.entered()), (5, 4));
        day.begin(30);
        assert_eq!((day.people(), day.entered(), day.left()), (5, 2, 0));
        day.begin(50);
        assert_eq!((day.people(), day.entered()), (0, 0));
    }

    #[test]
    fn it_is_bounded() {
        let mut day = Ledger { capacity: 3, ..Ledger::new(0) };
        for at in 1..=10 {
            assert!(day.add(crossing(at, at as u32), Change::Enter));
        }
        assert_eq!((day.changes.len(), day.people(), day.entered()), (3, 10, 10));
        assert!(!day.add(crossing(2, 99), Change::Enter), "its place is summed up");
        assert_eq!(day.people(), 10);
    }

    fn changes() -> impl Strategy<Value = Vec<(Place, Change)>> {
        let change = prop_oneof![
            4 => Just(Change::Enter),
            4 => Just(Change::Leave),
            1 => (0u32..9).prop_map(|n| Change::Correct(CorrectionChange::Set(n))),
            1 => (-9i32..9).prop_map(|n| Change::Correct(CorrectionChange::Add(n))),
        ];
        prop::collection::vec((0i64..50, change), 0..60).prop_map(|all| {
            let place = |(seq, (at, change)): (usize, (i64, Change))| match change {
                Change::Correct(_) => {
                    let id = ChangeId::Correction(AuditId(seq as i64));
                    (Place { at_micros: at, id }, change)
                }
                _ => (crossing(at, seq as u32), change),
            };
            all.into_iter().enumerate().map(place).collect()
        })
    }

    proptest! {
        /// Any order of arrival, with doubles, and a reset at any time, says what one walk over the
        /// day in its order says.
        #[test]
        fn the_order_of_arrival_does_not_matter(
            (changes, arrival) in changes().prop_flat_map(|changes| {
                let arrival = Just(changes.clone()).prop_shuffle();
                (Just(changes), arrival)
            }),
            again in prop::collection::vec(any::<prop::sample::Index>(), 0..10),
            reset in 0i64..50,
            reset_after in any::<prop::sample::Index>(),
        ) {
            let mut sorted: Vec<_> =
                changes.iter().filter(|(place, _)| place.at_micros >= reset).collect();
            sorted.sort_by_key(|(place, _)| *place);
            let expected = sorted.iter().fold(0, |people, (_, change)| change.apply(people));
            let entered = sorted.iter().filter(|(_, change)| *change == Change::Enter).count();
            let mut day = Ledger::new(0);
            let reset_after = reset_after.index(arrival.len() + 1);
            for (number, (place, change)) in arrival.iter().enumerate() {
                if number == reset_after {
                    day.begin(reset);
                }
                day.add(*place, *change);
            }
            if reset_after >= arrival.len() {
                day.begin(reset);
            }
            for index in again.iter().filter(|_| !arrival.is_empty()) {
                let (place, change) = arrival[index.index(arrival.len())];
                prop_assert!(!day.add(place, change));
            }
            prop_assert_eq!((day.people(), day.entered()), (expected, entered as u64));
        }
    }
}
