//! When a rule is on: times of the week.
//!
//! Pure: what the wall says at the camera's place is an argument, worked out by whoever knows the time zone.

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Weekday {
    /// Monday.
    Monday,
    /// Tuesday.
    Tuesday,
    /// Wednesday.
    Wednesday,
    /// Thursday.
    Thursday,
    /// Friday.
    Friday,
    /// Saturday.
    Saturday,
    /// Sunday.
    Sunday,
}

impl Weekday {
    /// From Monday to Sunday.
    pub const ALL: [Self; 7] =
        [Self::Monday, Self::Tuesday, Self::Wednesday, Self::Thursday, Self::Friday, Self::Saturday, Self::Sunday];

    /// The day before.
    #[must_use]
    pub const fn yesterday(self) -> Self {
        Self::ALL[(self as usize + 6) % 7]
    }
}

/// A time of the day in minutes since midnight, 0 to 1440; 1440 is the midnight at the day's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Minute(u16);

impl Minute {
    /// The day's first minute.
    pub const MIDNIGHT: Self = Self(0);
    /// The midnight at the day's end.
    pub const END: Self = Self(24 * 60);

    /// `hour:minute`, up to 24:00.
    pub const fn new(hour: u16, minute: u16) -> Option<Self> {
        if minute < 60 && (hour < 24 || (hour == 24 && minute == 0)) { Some(Self(hour * 60 + minute)) } else { None }
    }
}

/// What the wall says at the camera's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalTime {
    /// The day.
    pub weekday: Weekday,
    /// The time, before 24:00.
    pub minute: Minute,
}

/// A stretch of time on some days of the week.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// The days on which it begins.
    pub days: Vec<Weekday>,
    /// Its first minute.
    pub from: Minute,
    /// The minute after its last. If this is not after `from`, the window goes over midnight into the next day, and
    /// if they are the same, it lasts for a whole day.
    pub to: Minute,
}

impl Window {
    fn contains(&self, at: LocalTime) -> bool {
        let begins = |day| self.days.contains(&day);
        if self.from < self.to {
            return begins(at.weekday) && (self.from..self.to).contains(&at.minute);
        }
        begins(at.weekday) && at.minute >= self.from || begins(at.weekday.yesterday()) && at.minute < self.to
    }
}

/// When a rule is on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Schedule {
    /// At all times.
    #[default]
    Always,
    /// While any of these windows is open.
    During(Vec<Window>),
}

impl Schedule {
    /// Whether the rule is on. Where the wall time is unknown, as in a recorded file, it always is.
    pub fn is_on(&self, at: Option<LocalTime>) -> bool {
        match (self, at) {
            (Self::Always, _) | (_, None) => true,
            (Self::During(windows), Some(at)) => windows.iter().any(|w| w.contains(at)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Weekday::*;
    use super::*;

    fn at(weekday: Weekday, hour: u16, minute: u16) -> LocalTime {
        LocalTime { weekday, minute: Minute::new(hour, minute).expect("a time of the day") }
    }

    fn during(days: &[Weekday], from: (u16, u16), to: (u16, u16)) -> Schedule {
        let minute = |(h, m)| Minute::new(h, m).expect("a time of the day");
        Schedule::During(vec![Window { days: days.to_vec(), from: minute(from), to: minute(to) }])
    }

    #[test]
    fn a_working_day_is_on_from_its_first_minute_to_before_its_last() {
        let work = during(&[Monday, Tuesday], (8, 0), (17, 30));
        for (on, when) in [
            (false, at(Monday, 7, 59)),
            (true, at(Monday, 8, 0)),
            (true, at(Tuesday, 17, 29)),
            (false, at(Tuesday, 17, 30)),
            (false, at(Wednesday, 12, 0)),
        ] {
            assert_eq!(work.is_on(Some(when)), on, "{when:?}");
        }
        assert!(work.is_on(None), "a recorded file has no wall");
    }

    #[test]
    fn a_night_belongs_to_the_day_on_which_it_begins() {
        let night = during(&[Friday, Sunday], (22, 0), (6, 0));
        for (on, when) in [
            (false, at(Friday, 5, 0)),
            (false, at(Friday, 21, 59)),
            (true, at(Friday, 22, 0)),
            (true, at(Saturday, 5, 59)),
            (false, at(Saturday, 6, 0)),
            (false, at(Saturday, 23, 0)),
            (true, at(Monday, 0, 0)),
        ] {
            assert_eq!(night.is_on(Some(when)), on, "{when:?}");
        }
    }

    #[test]
    fn equal_ends_make_a_whole_day_and_so_does_midnight_to_midnight() {
        for (from, to) in [((0, 0), (24, 0)), ((0, 0), (0, 0))] {
            let day = during(&[Wednesday], from, to);
            assert!(day.is_on(Some(at(Wednesday, 0, 0))) && day.is_on(Some(at(Wednesday, 23, 59))));
            assert!(!day.is_on(Some(at(Thursday, 0, 0))) && !day.is_on(Some(at(Tuesday, 23, 59))));
        }
        let from_noon = during(&[Wednesday], (12, 0), (12, 0));
        assert!(from_noon.is_on(Some(at(Thursday, 11, 59))) && !from_noon.is_on(Some(at(Thursday, 12, 0))));
    }

    #[test]
    fn no_window_is_never_and_no_schedule_is_always() {
        assert!(!Schedule::During(Vec::new()).is_on(Some(at(Monday, 0, 0))));
        assert!(Schedule::default().is_on(Some(at(Monday, 0, 0))));
    }

    #[test]
    fn times_that_no_clock_shows_are_refused() {
        assert_eq!(Minute::new(24, 0), Some(Minute::END));
        assert_eq!(Minute::new(0, 0), Some(Minute::MIDNIGHT));
        for (hour, minute) in [(24, 1), (25, 0), (12, 60), (u16::MAX, 0)] {
            assert_eq!(Minute::new(hour, minute), None, "{hour}:{minute}");
        }
    }
}
