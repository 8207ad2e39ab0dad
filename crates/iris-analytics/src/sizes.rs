//! Whether anything moves, by the sizes of access units alone: an encoder spends bytes where a picture changes. It costs
//! nothing, and whoever believes it need not decode. But no threshold fits all cameras: with a constant bit rate, or at
//! night, sizes say little. So this gate is on trial first, beside one that sees pictures, and is believed only when for
//! days and nights it has missed nothing that the other saw; then at each key frame the other goes on watching it.

use std::time::Duration;

use iris_core::MediaTime;

/// For how long it must agree, and how often something must have moved meanwhile.
const TRIAL: Duration = Duration::from_hours(48);
const ENTRIES: u32 = 20;
/// How long before and after the picture the sizes may tell of a motion.
const BEFORE: Duration = Duration::from_secs(1);
const AFTER: Duration = Duration::from_millis(500);
/// How many sizes of still pictures are kept, and how often the threshold follows them.
const KEPT: usize = 512;
const FOLLOW: Duration = Duration::from_secs(1);
/// So many times what all but a tenth of still pictures take is motion.
const ABOVE: u32 = 2;
/// Still pictures that take so many times more than they ever did during the trial, or less, are those of another scene,
/// light or encoder.
const DRIFT: f32 = 1.25;

/// What the sizes of one camera's access units say.
#[derive(Debug)]
pub struct SizeGate {
    trial: Duration,
    /// Sizes of still pictures in bytes, a ring; `seen` were noted in all.
    still: Vec<u32>,
    seen: usize,
    sorted: Vec<u32>,
    followed: Option<MediaTime>,
    threshold: u32,
    /// When a size last told of motion.
    told: Option<MediaTime>,
    /// Whether pictures show motion, and since when they do without a word from the sizes.
    moves: bool,
    untold: Option<MediaTime>,
    /// When the trial began, and how often something moved since.
    began: Option<MediaTime>,
    entries: u32,
    /// The least and the most that still pictures took meanwhile, by their median.
    range: Option<(u32, u32)>,
    trusted: bool,
}

impl Default for SizeGate {
    fn default() -> Self {
        Self::new(TRIAL)
    }
}

impl SizeGate {
    /// A gate whose trial takes so long.
    pub fn new(trial: Duration) -> Self {
        Self {
            trial,
            still: Vec::with_capacity(KEPT),
            seen: 0,
            sorted: Vec::with_capacity(KEPT),
            followed: None,
            threshold: u32::MAX,
            told: None,
            moves: false,
            untold: None,
            began: None,
            entries: 0,
            range: None,
            trusted: false,
        }
    }

    /// Takes the size of an access unit that is no key frame, in bytes.
    pub fn note_size(&mut self, bytes: usize, at: MediaTime) {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        if bytes > self.threshold {
            (self.told, self.untold) = (Some(at), None);
        } else if !self.moves {
            self.note_still(bytes);
        }
        if self.followed.is_none_or(|last| at.since(last) >= FOLLOW) {
            self.followed = Some(at);
            self.follow(at);
        }
    }

    /// Takes what a picture says: whether something moves.
    pub fn note_motion(&mut self, moves: bool, at: MediaTime) {
        self.began.get_or_insert(at);
        if moves && !self.moves {
            self.entries += 1;
            let is_told = self.told.is_some_and(|told| at.since(told) <= BEFORE);
            self.untold = (!is_told).then_some(at);
        }
        self.moves = moves;
        if self.untold.is_some_and(|since| at.since(since) > AFTER) {
            self.start_again(at);
        }
    }

    /// Whether its word may be taken.
    pub fn is_trusted(&self) -> bool {
        self.trusted
    }

    /// Whether a size told of motion within the last second.
    pub fn tells(&self, at: MediaTime) -> bool {
        self.told.is_some_and(|told| at.since(told) < BEFORE)
    }

    fn note_still(&mut self, bytes: u32) {
        match self.still.get_mut(self.seen % KEPT) {
            Some(oldest) => *oldest = bytes,
            None => self.still.push(bytes),
        }
        self.seen += 1;
    }

    /// Moves the threshold with what still pictures take, and sees whether the trial is over, or what it showed.
    fn follow(&mut self, at: MediaTime) {
        if self.still.len() < KEPT / 8 {
            return;
        }
        self.sorted.clone_from(&self.still);
        self.sorted.sort_unstable();
        let rank = |share: usize| self.sorted[(self.sorted.len() - 1) * share / 100];
        let median = rank(50);
        self.threshold = rank(90).saturating_mul(ABOVE);
        let (least, most) = self.range.unwrap_or((median, median));
        if !self.trusted {
            self.range = Some((least.min(median), most.max(median)));
            let is_over = self.began.is_some_and(|began| at.since(began) >= self.trial);
            self.trusted = is_over && self.entries >= ENTRIES && self.untold.is_none();
        } else if (median as f32) * DRIFT < least as f32 || median as f32 > most as f32 * DRIFT {
            self.start_again(at);
        }
    }

    fn start_again(&mut self, at: MediaTime) {
        (self.trusted, self.range, self.untold, self.began, self.entries) = (false, None, None, Some(at), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3600 * 10;

    fn gate() -> SizeGate {
        SizeGate::new(Duration::from_hours(2))
    }

    /// `frames` frames of ten a second from `from` on; something moves for ten seconds out of every 200, and a picture
    /// takes `still` or `moving` bytes, give or take a tenth.
    fn film(gate: &mut SizeGate, from: u64, frames: u64, still: u32, moving: u32) {
        for n in from..from + frames {
            let at = MediaTime::from_millis(n as i64 * 100);
            let moves = n % 2000 >= 1900;
            let bytes = if moves { moving } else { still };
            let speck = bytes / 10 * (n * 7919 % 11) as u32 / 5;
            gate.note_size((bytes - bytes / 10 + speck) as usize, at);
            gate.note_motion(moves, at);
        }
    }

    #[test]
    fn it_is_trusted_when_it_missed_nothing_in_all_the_trial() {
        let mut gate = gate();
        film(&mut gate, 0, HOUR, 900, 6000);
        assert!(!gate.is_trusted(), "by day");
        film(&mut gate, HOUR, HOUR + 100, 1500, 9000);
        assert!(gate.is_trusted(), "and by night");
        let at = |frame: u64| MediaTime::from_millis(frame as i64 * 100);
        assert!(!gate.tells(at(2 * HOUR + 100)));
        gate.note_size(4000, at(2 * HOUR + 101));
        assert!(gate.tells(at(2 * HOUR + 102)));
        film(&mut gate, 2 * HOUR + 200, HOUR, 950, 6000);
        assert!(gate.is_trusted(), "it is day again");
    }

    #[test]
    fn a_constant_bit_rate_never_passes() {
        let mut gate = gate();
        film(&mut gate, 0, 4 * HOUR, 5000, 5200);
        assert!(!gate.is_trusted());
    }

    #[test]
    fn one_miss_or_a_drift_and_the_trial_begins_again() {
        let trusted = || {
            let mut gate = gate();
            film(&mut gate, 0, 2 * HOUR + 100, 900, 6000);
            assert!(gate.is_trusted());
            gate
        };
        let mut gate = trusted();
        film(&mut gate, 2 * HOUR + 100, 2000, 900, 950);
        assert!(!gate.is_trusted(), "a picture showed motion, and no size did");
        let mut gate = trusted();
        film(&mut gate, 2 * HOUR + 100, 1500, 1250, 6000);
        assert!(!gate.is_trusted() && gate.entries == 0, "still pictures take more");
    }

    #[test]
    fn where_nothing_ever_moves_nothing_is_shown() {
        let mut gate = SizeGate::new(Duration::from_mins(1));
        for n in 0..HOUR {
            let at = MediaTime::from_millis(n as i64 * 100);
            gate.note_size(900, at);
            gate.note_motion(false, at);
        }
        assert!(!gate.is_trusted());
    }
}
