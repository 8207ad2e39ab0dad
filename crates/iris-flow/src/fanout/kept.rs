//! What a fan-out keeps, and the policy when it is too much. Pure: locks, readers and wakers belong to the parent.

use std::collections::VecDeque;
use std::time::Duration;

use super::{Limits, Tag};

/// The newest units, numbered from 0 in the order in which they came.
pub(super) struct Kept<T> {
    units: VecDeque<(Tag, T)>,
    /// The number of the first unit that is kept.
    first: u64,
    /// The numbers of the key units that are kept.
    keys: VecDeque<u64>,
    bytes: usize,
    limits: Limits,
}

impl<T> Kept<T> {
    pub(super) fn new(limits: Limits) -> Self {
        Self { units: VecDeque::new(), first: 0, keys: VecDeque::new(), bytes: 0, limits }
    }

    /// The number of the unit that comes next.
    pub(super) fn end(&self) -> u64 {
        self.first + self.units.len() as u64
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn newest_key(&self) -> Option<u64> {
        self.keys.back().copied()
    }

    /// The first key unit from `number` on.
    pub(super) fn key_from(&self, number: u64) -> Option<u64> {
        self.keys.iter().copied().find(|key| *key >= number)
    }

    /// The newest key unit that is not later than `at`, or else the oldest.
    pub(super) fn key_before(&self, at: Duration) -> Option<u64> {
        let before = |key: &&u64| self.get(**key).is_some_and(|(tag, _)| tag.at <= at);
        self.keys.iter().rev().find(before).or(self.keys.front()).copied()
    }

    pub(super) fn get(&self, number: u64) -> Option<&(Tag, T)> {
        self.units.get(usize::try_from(number.checked_sub(self.first)?).ok()?)
    }

    /// The units from `number` on.
    pub(super) fn from(&self, number: u64) -> impl Iterator<Item = &T> {
        let skip = usize::try_from(number.saturating_sub(self.first)).unwrap_or(usize::MAX);
        self.units.iter().skip(skip).map(|(_, unit)| unit)
    }

    /// How much later the newest unit is than that one.
    pub(super) fn age(&self, number: u64) -> Duration {
        match (self.get(number), self.units.back()) {
            (Some((tag, _)), Some((newest, _))) => newest.at.saturating_sub(tag.at),
            _ => Duration::ZERO,
        }
    }

    /// Adds a unit, and lets go of the oldest groups: those that are not needed to cover the span, and those that make
    /// it more bytes than allowed. Of a group that alone is too large the oldest units go, which leaves it without
    /// its key unit; the newest unit always stays.
    pub(super) fn push(&mut self, tag: Tag, unit: T) {
        if tag.is_key {
            self.keys.push_back(self.end());
        }
        self.bytes += tag.bytes;
        self.units.push_back((tag, unit));
        while let Some(second) = self.key_from(self.first + 1) {
            if self.bytes <= self.limits.bytes && self.age(second) < self.limits.span {
                return;
            }
            (self.first..second).for_each(|_| self.pop());
        }
        while self.bytes > self.limits.bytes && self.units.len() > 1 {
            self.pop();
        }
    }

    fn pop(&mut self) {
        let Some((tag, _)) = self.units.pop_front() else { return };
        self.bytes -= tag.bytes;
        if tag.is_key {
            self.keys.pop_front();
        }
        self.first += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends a script, a unit a second of one byte, to one that keeps 3 seconds and 6 bytes; upper case is a key unit,
    /// and a digit a unit of as many bytes.
    fn run(script: &str) -> String {
        let mut kept = Kept::new(Limits { span: Duration::from_secs(3), bytes: 6 });
        for (second, unit) in script.chars().enumerate() {
            let bytes = unit.to_digit(10).unwrap_or(1) as usize;
            kept.push(Tag { is_key: unit.is_uppercase(), at: Duration::from_secs(second as u64), bytes }, unit);
        }
        kept.from(0).collect()
    }

    #[test]
    fn whole_groups_go_and_the_span_stays_covered() {
        for (script, kept) in [
            ("Aab", "Aab"),
            ("AaBb", "AaBb"),
            ("AaBbb", "AaBbb"),
            ("AaBbbb", "Bbbb"),
            ("ABCDEFG", "DEFG"),
            ("Aaaaaaaa", "aaaaaa"),
            ("AaaaaaaaB", "B"),
            ("Aa9", "9"),
            ("Aa4", "Aa4"),
            ("AaB5", "B5"),
            ("AaB6", "6"),
        ] {
            assert_eq!(run(script), kept, "{script}");
        }
    }

    #[test]
    fn key_units_are_found() {
        let mut kept = Kept::new(Limits { span: Duration::from_secs(9), bytes: 99 });
        for second in 0..9 {
            kept.push(Tag { is_key: second % 3 == 0, at: Duration::from_secs(second), bytes: 1 }, second);
        }
        assert_eq!((kept.newest_key(), kept.key_from(1), kept.key_from(7)), (Some(6), Some(3), None));
        let before = |secs| kept.key_before(Duration::from_secs(secs));
        assert_eq!((before(0), before(2), before(3), before(99)), (Some(0), Some(0), Some(3), Some(6)));
    }
}
