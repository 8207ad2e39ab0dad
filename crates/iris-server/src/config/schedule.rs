//! How a schedule is written: `Mon-Fri 18:00-06:00, Sat-Sun`. What it means is said in [`iris_analytics::schedule`].
//!
//! Windows separated by commas; a window is days, or hours, or days and then hours; days are one day or a range of
//! days (`Fri-Mon` goes round the week's end); hours are `HH:MM-HH:MM`, where an end that is not after the start lies
//! on the next day.

use iris_analytics::schedule::{Minute, Schedule, Weekday, Window};

const NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Reads a schedule. The error says what is wrong and what would be right.
pub(super) fn parse(text: &str) -> Result<Schedule, String> {
    text.split(',').map(|part| window(part.trim())).collect::<Result<_, _>>().map(Schedule::During)
}

fn window(text: &str) -> Result<Window, String> {
    match text.split_whitespace().collect::<Vec<_>>().as_slice() {
        [one] if one.contains(':') => hours(Weekday::ALL.to_vec(), one),
        [one] => Ok(Window { days: days(one)?, from: Minute::MIDNIGHT, to: Minute::END }),
        [day, hour] => hours(days(day)?, hour),
        _ => Err(format!("{text:?} is not a window; write days, hours or both, such as \"Mon-Fri 18:00-06:00\"")),
    }
}

fn days(text: &str) -> Result<Vec<Weekday>, String> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (day(first)?, day(last)?);
    let count = (last + 7 - first) % 7;
    Ok((first..=first + count).map(|day| Weekday::ALL[day % 7]).collect())
}

fn day(text: &str) -> Result<usize, String> {
    let found = NAMES.iter().position(|name| name.eq_ignore_ascii_case(text));
    found.ok_or_else(|| format!("{text:?} is not a day; days are Mon, Tue, Wed, Thu, Fri, Sat, Sun"))
}

fn hours(days: Vec<Weekday>, text: &str) -> Result<Window, String> {
    let (from, to) = text.split_once('-').ok_or_else(|| format!("{text:?} has no end; write 18:00-06:00"))?;
    let (from, to) = (clock(from)?, clock(to)?);
    if from == to {
        return Err(format!("{text:?} ends when it starts; leave the hours away for a whole day"));
    }
    if from == Minute::END {
        return Err(format!("{text:?} starts when the day is over; write 00:00"));
    }
    Ok(Window { days, from, to })
}

/// `HH:MM`, up to 24:00.
fn clock(text: &str) -> Result<Minute, String> {
    let digits = |part: &str| {
        (part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit())).then(|| part.parse::<u16>().ok()).flatten()
    };
    let parts = text.split_once(':').and_then(|(hour, minute)| Some((digits(hour)?, digits(minute)?)));
    let time = parts.and_then(|(hour, minute)| Minute::new(hour, minute));
    time.ok_or_else(|| format!("{text:?} is not a time of day; write 00:00 to 24:00"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn windows(text: &str) -> Vec<Window> {
        match parse(text).expect("a schedule") {
            Schedule::During(windows) => windows,
            Schedule::Always => panic!("{text:?} is always"),
        }
    }

    fn minute(hour: u16, minute: u16) -> Minute {
        Minute::new(hour, minute).expect("a time of day")
    }

    #[test]
    fn days_and_hours_make_windows() {
        let found = windows("Mon-Wed 18:00-06:00, sun, 22:00-24:00");
        assert_eq!(found[0].days, [Weekday::Monday, Weekday::Tuesday, Weekday::Wednesday]);
        assert_eq!((found[0].from, found[0].to), (minute(18, 0), minute(6, 0)));
        assert_eq!(found[1], Window { days: vec![Weekday::Sunday], from: Minute::MIDNIGHT, to: Minute::END });
        assert_eq!(found[2], Window { days: Weekday::ALL.to_vec(), from: minute(22, 0), to: Minute::END });
    }

    #[test]
    fn days_go_round_the_end_of_the_week() {
        use Weekday::{Friday, Monday, Saturday, Sunday};
        assert_eq!(windows("fri-MON")[0].days, [Friday, Saturday, Sunday, Monday]);
    }

    #[test]
    fn what_is_no_schedule_says_why() {
        for bad in [
            "",
            ",",
            "Mon-",
            "Mo",
            "Mon 18:00",
            "18-06",
            "25:00-26:00",
            "24:00-06:00",
            "06:00-06:00",
            "Mon Tue Wed",
            "+1:00-02:00",
            "1:00-2:00",
            "00:60-01:00",
        ] {
            assert!(parse(bad).is_err(), "{bad:?} was taken");
        }
    }
}
