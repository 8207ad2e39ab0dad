//! When a zone is watched: `Mon-Fri 18:00-06:00, Sat-Sun`.
//!
//! Grammar: windows separated by commas; a window is days, or hours, or days and then hours; days are one day or a
//! range of days (`Fri-Mon` goes round the week's end); hours are `HH:MM-HH:MM`, where an end that is not after the
//! start lies on the next day.

use jiff::civil::{DateTime, Time, Weekday};
use jiff::tz::TimeZone;

/// When a zone is watched.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// The windows; never empty. Watched while any of them is open.
    pub windows: Vec<Window>,
    /// Where the clock hangs.
    pub time_zone: TimeZone,
}

/// One window of time that opens on each of some days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// The days on which it opens.
    pub days: Days,
    /// When it opens, in minutes after midnight, 0 to 1439.
    pub start: u16,
    /// How long it stays open, in minutes, 1 to 1440. It may reach into the next day.
    pub minutes: u16,
}

/// A set of days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Days(u8);

const NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const DAY: u16 = 24 * 60;

impl Days {
    /// Every day.
    pub const ALL: Self = Self(0x7f);

    /// Whether a day is among them.
    pub fn contains(self, day: Weekday) -> bool {
        self.0 & (1 << day.to_monday_zero_offset()) != 0
    }
}

impl Window {
    fn contains(self, at: DateTime) -> bool {
        let minute = at.hour() as u16 * 60 + at.minute() as u16;
        let today = self.days.contains(at.weekday()) && (self.start..self.start + self.minutes).contains(&minute);
        let since_yesterday = minute + DAY;
        let overnight = self.days.contains(at.weekday().previous())
            && (self.start..self.start + self.minutes).contains(&since_yesterday);
        today || overnight
    }
}

impl Schedule {
    /// Reads a schedule. The error says what is wrong and what would be right.
    pub(super) fn parse(text: &str, time_zone: TimeZone) -> Result<Self, String> {
        let windows = text.split(',').map(|part| window(part.trim())).collect::<Result<_, _>>()?;
        Ok(Self { windows, time_zone })
    }

    /// Whether the zone is watched at a local time.
    pub fn contains(&self, local: DateTime) -> bool {
        self.windows.iter().any(|window| window.contains(local))
    }
}

fn window(text: &str) -> Result<Window, String> {
    let whole_day = |days| Window { days, start: 0, minutes: DAY };
    match text.split_whitespace().collect::<Vec<_>>().as_slice() {
        [one] if one.contains(':') => hours(Days::ALL, one),
        [one] => Ok(whole_day(days(one)?)),
        [day, hour] => hours(days(day)?, hour),
        _ => Err(format!("{text:?} is not a window; write days, hours or both, such as \"Mon-Fri 18:00-06:00\"")),
    }
}

fn days(text: &str) -> Result<Days, String> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (day(first)?, day(last)?);
    let count = (last + 7 - first) % 7;
    Ok(Days((0..=count).fold(0, |set, i| set | 1 << ((first + i) % 7))))
}

fn day(text: &str) -> Result<u8, String> {
    let found = NAMES.iter().position(|name| name.eq_ignore_ascii_case(text));
    found.map(|i| i as u8).ok_or_else(|| format!("{text:?} is not a day; days are Mon, Tue, Wed, Thu, Fri, Sat, Sun"))
}

fn hours(days: Days, text: &str) -> Result<Window, String> {
    let (from, to) = text.split_once('-').ok_or_else(|| format!("{text:?} has no end; write 18:00-06:00"))?;
    let (start, end) = (clock(from)?, clock(to)?);
    let minutes = if end > start { end - start } else { end + DAY - start };
    match (start, minutes) {
        (DAY, _) => Err(format!("{from:?} ends a day and cannot start a window; write 00:00")),
        (_, DAY) if end == start => Err(format!("{text:?} starts when it ends; leave the hours away for a whole day")),
        _ => Ok(Window { days, start, minutes }),
    }
}

/// Minutes after midnight; 24:00 is the end of the day.
fn clock(text: &str) -> Result<u16, String> {
    if text == "24:00" {
        return Ok(DAY);
    }
    let time = (text.len() == 5).then(|| Time::strptime("%H:%M", text).ok()).flatten();
    let time = time.ok_or_else(|| format!("{text:?} is not a time of day; write 00:00 to 24:00"))?;
    Ok(time.hour() as u16 * 60 + time.minute() as u16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn parse(text: &str) -> Result<Schedule, String> {
        Schedule::parse(text, TimeZone::UTC)
    }

    #[test]
    fn nights_reach_into_the_next_day() {
        let nights = parse("Mon-Fri 18:00-06:00, Sat-Sun").expect("a schedule");
        // 2026-01-05 is a Monday.
        for (day, hour, minute, watched) in [
            (5, 5, 59, false), // Monday morning: Sunday's window ended at midnight.
            (5, 17, 59, false),
            (5, 18, 0, true),
            (6, 5, 59, true), // Tuesday morning belongs to Monday night.
            (6, 6, 0, false),
            (10, 12, 0, true),  // Saturday.
            (11, 23, 59, true), // Sunday.
        ] {
            let at = date(2026, 1, day).at(hour, minute, 0, 0);
            assert_eq!(nights.contains(at), watched, "{at}");
        }
    }

    #[test]
    fn days_go_round_the_end_of_the_week() {
        let schedule = parse("fri-MON").expect("a schedule");
        let watched: Vec<bool> = (5..12).map(|day| schedule.contains(date(2026, 1, day).at(12, 0, 0, 0))).collect();
        assert_eq!(watched, [true, false, false, false, true, true, true]);
    }

    #[test]
    fn hours_alone_hold_every_day_and_a_day_ends_at_24() {
        let schedule = parse("22:00-24:00").expect("a schedule");
        assert_eq!(schedule.windows, [Window { days: Days::ALL, start: 22 * 60, minutes: 120 }]);
    }

    #[test]
    fn what_is_no_schedule_says_why() {
        for bad in
            ["", ",", "Mon-", "Mo", "Mon 18:00", "18-06", "25:00-26:00", "24:00-06:00", "06:00-06:00", "Mon Tue Wed"]
        {
            assert!(parse(bad).is_err(), "{bad:?} was taken");
        }
    }
}
