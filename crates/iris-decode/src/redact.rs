//! What FFmpeg says, made fit for a log: without secrets and not too often. Pure text and arithmetic.

use std::borrow::Cow;
use std::time::Duration;

use iris_core::MonoTime;

/// Replaces the user info of every URL in a line. Takes too much rather than too little: everything up to the last
/// `@` of the word, since a password may hold any character.
pub(crate) fn redact(line: &str) -> Cow<'_, str> {
    let mut clean = String::new();
    let mut rest = line;
    while let Some(scheme_end) = rest.find("://").map(|at| at + 3) {
        let (before, after) = rest.split_at(scheme_end);
        let word_end =
            after.find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>')).unwrap_or(after.len());
        clean.push_str(before);
        rest = after;
        if let Some(at) = after[..word_end].rfind('@') {
            clean.push_str("***");
            rest = &after[at..];
        }
    }
    if clean.is_empty() { Cow::Borrowed(line) } else { Cow::Owned(clean + rest) }
}

/// Lets `BURST` lines through at once and after that one each `EVERY`.
#[derive(Debug)]
pub(crate) struct Limiter {
    /// When the lines let through so far are paid for; a leaky bucket as a virtual time (ITU-T I.371, GCRA).
    paid: MonoTime,
    suppressed: u64,
}

impl Limiter {
    const EVERY: Duration = Duration::from_millis(200);
    const BURST: u32 = 20;

    pub(crate) const fn new() -> Self {
        Self { paid: MonoTime(Duration::ZERO), suppressed: 0 }
    }

    /// Whether a line may pass now, and then how many were suppressed since the last that did.
    pub(crate) fn pass(&mut self, now: MonoTime) -> Option<u64> {
        let paid = self.paid.max(now);
        if paid.since(now) > Self::EVERY * (Self::BURST - 1) {
            self.suppressed += 1;
            return None;
        }
        self.paid = paid + Self::EVERY;
        Some(std::mem::take(&mut self.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_info_is_removed_from_every_url() {
        for (line, clean) in [
            ("no url", "no url"),
            ("rtsp://cam/1", "rtsp://cam/1"),
            ("rtsp://u:p@cam/1: 401", "rtsp://***@cam/1: 401"),
            ("[tcp] rtsp://u:p@ss@cam:554", "[tcp] rtsp://***@cam:554"),
            ("a http://u@h b 'https://x:y/z@h?q' c", "a http://***@h b 'https://***@h?q' c"),
            ("rtsp://u:p://q@h", "rtsp://***@h"),
            ("mail a@b rtsp://h", "mail a@b rtsp://h"),
            ("://@", "://***@"),
        ] {
            assert_eq!(redact(line), clean);
        }
    }

    #[test]
    fn a_flood_of_lines_is_thinned_and_counted() {
        let mut limiter = Limiter::new();
        let at = |ms| MonoTime(Duration::from_millis(ms));
        let passed = (0..1_000).filter(|_| limiter.pass(at(5_000)).is_some()).count();
        assert_eq!(passed, Limiter::BURST as usize);
        assert_eq!(limiter.pass(at(5_100)), None);
        assert_eq!(limiter.pass(at(5_200)), Some(981));
        assert_eq!(limiter.pass(at(5_300)), None);
        assert_eq!(limiter.pass(at(60_000)), Some(1));
    }
}
