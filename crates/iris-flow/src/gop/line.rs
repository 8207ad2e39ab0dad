//! What waits for one camera, and the policy when it is full. Pure: locks, workers and turns belong to the parent.

use std::collections::VecDeque;

use super::{Unit, Work};

/// One camera's queue: at most `capacity` units, with the marks between them.
///
/// Marks do not count towards the capacity and are never dropped, but those that say the same are one: of the marks
/// between two units no more is kept than `End, Gap`.
pub(super) struct Line<T> {
    items: VecDeque<Work<T>>,
    units: usize,
    capacity: usize,
    /// Units were dropped, and no key unit came since.
    broken: bool,
}

impl<T> Line<T> {
    pub(super) fn new(capacity: usize) -> Self {
        // Two marks before each unit and two behind the last: what the coalescing of marks allows at most.
        let items = VecDeque::with_capacity(3 * capacity + 2);
        Self { items, units: 0, capacity, broken: false }
    }

    /// How many units wait.
    pub(super) fn units(&self) -> usize {
        self.units
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The next item.
    pub(super) fn pop(&mut self) -> Option<Work<T>> {
        let item = self.items.pop_front();
        self.units -= usize::from(matches!(item, Some(Work::Unit(_))));
        item
    }

    pub(super) fn mark_gap(&mut self) {
        if !matches!(self.items.back(), Some(Work::Gap)) {
            self.items.push_back(Work::Gap);
        }
    }

    /// A gap right before the end has nothing behind it that it could speak of, so the end takes its place.
    pub(super) fn mark_end(&mut self) {
        if matches!(self.items.back(), Some(Work::Gap)) {
            self.items.pop_back();
        }
        if !matches!(self.items.back(), Some(Work::End)) {
            self.items.push_back(Work::End);
        }
    }

    /// Drops all units, but not the end of the stream if it is among them. Returns how many.
    pub(super) fn drop_units(&mut self) -> usize {
        let ended = self.items.iter().any(|item| matches!(item, Work::End));
        let dropped = std::mem::take(&mut self.units);
        self.broken = true;
        self.items.clear();
        if ended {
            self.items.push_back(Work::End);
        }
        dropped
    }
}

impl<T: Unit> Line<T> {
    /// Adds a unit or drops what the policy says. Returns how many units were dropped, `unit` included.
    pub(super) fn send(&mut self, unit: T) -> usize {
        let full = self.units == self.capacity;
        if !unit.is_key() && (full || self.broken) {
            self.broken = true;
            return 1;
        }
        let dropped = if full { self.drop_units() } else { 0 };
        if std::mem::take(&mut self.broken) {
            self.mark_gap();
        }
        self.items.push_back(Work::Unit(unit));
        self.units += 1;
        dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A unit's name; upper case is a key unit.
    impl Unit for char {
        fn is_key(&self) -> bool {
            self.is_uppercase()
        }
    }

    /// Sends a script (`-` a gap, `.` an end, else a unit) to a line of capacity 3.
    fn run(script: &str) -> (String, usize) {
        let mut line = Line::new(3);
        let mut dropped = 0;
        for c in script.chars() {
            match c {
                '-' => line.mark_gap(),
                '.' => line.mark_end(),
                unit => dropped += line.send(unit),
            }
        }
        let show = |item| match item {
            Work::Unit(unit) => unit,
            Work::Gap => '-',
            Work::End => '.',
        };
        (std::iter::from_fn(|| line.pop()).map(show).collect(), dropped)
    }

    #[test]
    fn a_full_line_drops_up_to_the_next_key_unit() {
        for (script, left, dropped) in [
            ("Aab", "Aab", 0),
            ("Aabc", "Aab", 1),
            ("Aabcd", "Aab", 2),
            ("AabcB", "-B", 4),
            ("AabB", "-B", 3),
            ("AabBab", "-Bab", 3),
            ("AabcBaCD", "-D", 7),
            ("a", "a", 0),
        ] {
            assert_eq!(run(script), (left.into(), dropped), "{script}");
        }
    }

    #[test]
    fn marks_stay_in_order_and_are_at_most_coalesced() {
        for (script, left) in [
            ("A-a", "A-a"),
            ("A--a-", "A-a-"),
            ("Aa.", "Aa."),
            ("-.", "."),
            (".-.-.", "."),
            (".-A", ".-A"),
            ("A-a.-Bb", "A-a.-B"),
            ("A.abB", ".-B"),
            ("A-abB", "-B"),
            ("Aabc.", "Aab."),
            ("Aabc.d", "Aab."),
            ("Aabc-B", "-B"),
        ] {
            assert_eq!(run(script).0, left, "{script}");
        }
    }

    #[test]
    fn the_memory_of_a_line_is_set_once() {
        let mut line = Line::new(4);
        let room = line.items.capacity();
        for round in 0..100 {
            line.send(if round % 7 == 0 { 'K' } else { 'k' });
            line.mark_end();
            line.mark_gap();
            line.mark_end();
            line.mark_gap();
        }
        assert_eq!(line.items.capacity(), room);
    }
}
