//! One client's stream: the player's next unit, stamped with the client's numbers and with the camera's faults in it.
//! It is told the time and given a buffer to write to; sockets are the connection's business.

use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::time::Instant;

use crate::clip::CLOCK_RATE;
use crate::fault::{Control, Fault};
use crate::player::Player;
use crate::rtp::{Source, framed};

/// How often a sender report is sent (RFC 3550 §6.2 suggests five seconds at least).
const REPORT_INTERVAL: i64 = 5 * CLOCK_RATE;

/// The numbers that a stream begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) ssrc: u32,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    /// What the stream's faults come from.
    pub(crate) seed: u64,
}

impl Identity {
    pub(crate) fn random(rng: &mut StdRng) -> Self {
        Self { ssrc: rng.random(), sequence: rng.random(), timestamp: rng.random(), seed: rng.random() }
    }
}

/// The interleaved channels that packets carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Channels {
    pub(crate) rtp: u8,
    pub(crate) rtcp: u8,
}

/// What became of a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was written, but for some packets that a fault took.
    Sent {
        /// How many.
        lost: u32,
    },
    /// The client has no room for it, or waits for a key frame since it had none.
    Dropped,
    /// A fault kept it back.
    Withheld,
    /// The stream ended with a goodbye: its codec has changed.
    Ended,
}

/// A stream that plays.
#[derive(Debug)]
pub(crate) struct Media {
    player: Player,
    source: Source,
    channels: Channels,
    /// When time 0 of the player is.
    origin: Instant,
    /// The RTP timestamp of time 0 of the player, before jumps.
    base: u32,
    /// The last timestamp sent, before which nothing was.
    last: u32,
    next_report: i64,
    awaits_start: bool,
    /// A packet that is overtaken by the next one.
    late: Vec<u8>,
    rng: StdRng,
}

impl Media {
    /// A stream whose first unit is due at `origin` and carries the numbers of `identity`.
    pub(crate) fn new(
        player: Player,
        identity: Identity,
        control: &Control,
        channels: Channels,
        origin: Instant,
    ) -> Self {
        let ahead = player.timestamp().wrapping_add(control.shift);
        Self {
            source: Source::new(identity.ssrc, identity.sequence),
            base: identity.timestamp.wrapping_sub(ahead as u32),
            last: identity.timestamp,
            next_report: 0,
            awaits_start: false,
            late: Vec::new(),
            player,
            channels,
            origin,
            rng: StdRng::seed_from_u64(identity.seed),
        }
    }

    /// When the next unit is to be sent.
    pub(crate) fn due(&self) -> Instant {
        self.origin + duration(self.player.due())
    }

    /// Writes the next unit, framed for interleaving, and goes on to the one after it. `has_room` says whether the
    /// client has taken enough of what it was sent before; `ntp` tells the time of an instant.
    pub(crate) fn emit(
        &mut self,
        control: &Control,
        has_room: bool,
        ntp: impl Fn(Instant) -> u64,
        out: &mut Vec<u8>,
    ) -> Outcome {
        let (due, ntp) = (self.player.due(), ntp(self.due()));
        if !Arc::ptr_eq(&control.clip, self.player.clip()) {
            if control.clip.codec() != self.player.clip().codec() {
                let goodbye = self.source.goodbye(ntp, self.on_line(due, control));
                self.push_rtcp(&goodbye, out);
                return Outcome::Ended;
            }
            self.player.switch(Arc::clone(&control.clip));
        }
        let outcome = self.send_or_skip(control, has_room, out);
        if matches!(outcome, Outcome::Sent { .. }) && due >= self.next_report {
            self.next_report = due + REPORT_INTERVAL;
            let report = self.source.report(ntp, self.on_line(due, control));
            self.push_rtcp(&report, out);
        }
        self.player.advance();
        outcome
    }

    fn send_or_skip(&mut self, control: &Control, has_room: bool, out: &mut Vec<u8>) -> Outcome {
        let stalled = matches!(control.condition, Fault::Stall);
        let unit = self.player.unit();
        self.awaits_start = stalled || !has_room || self.awaits_start && !unit.is_start;
        if self.awaits_start {
            self.source.skip(&unit.wire);
            return if stalled { Outcome::Withheld } else { Outcome::Dropped };
        }
        if !matches!(control.condition, Fault::Freeze) {
            self.last = self.on_line(self.player.timestamp(), control);
        }
        let (start, rng) = (out.len(), &mut self.rng);
        let mut damage = |payload: &mut [u8]| match control.condition {
            Fault::Garbage => {
                rng.fill(payload);
                true
            }
            Fault::Lose { per_mille } => !rng.random_ratio(u32::from(per_mille.min(1000)), 1000),
            _ => true,
        };
        let lost = self.source.stamp(&self.player.unit().wire, self.channels.rtp, self.last, &mut damage, out);
        if let Fault::Reorder { per_mille } = control.condition {
            self.reorder(per_mille, start, out);
        }
        Outcome::Sent { lost }
    }

    /// Holds packets back, from `start` on, each until the one after it has been sent.
    fn reorder(&mut self, per_mille: u16, start: usize, out: &mut Vec<u8>) {
        for packet in framed(&out.split_off(start)) {
            if self.late.is_empty() && self.rng.random_ratio(u32::from(per_mille.min(1000)), 1000) {
                self.late.extend_from_slice(packet);
            } else {
                out.extend_from_slice(packet);
                out.append(&mut self.late);
            }
        }
    }

    /// The RTP timestamp of a time of the player.
    fn on_line(&self, ticks: i64, control: &Control) -> u32 {
        self.base.wrapping_add(ticks.wrapping_add(control.shift) as u32)
    }

    fn push_rtcp(&self, packet: &[u8], out: &mut Vec<u8>) {
        out.extend([b'$', self.channels.rtcp]);
        out.extend((packet.len() as u16).to_be_bytes());
        out.extend_from_slice(packet);
    }
}

fn duration(ticks: i64) -> Duration {
    let nanos = i128::from(ticks.max(0)) * 1_000_000_000 / i128::from(CLOCK_RATE);
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Clip;
    use crate::clip::tests::clip;

    const IDENTITY: Identity = Identity { ssrc: 7, sequence: 65_534, timestamp: u32::MAX - 10, seed: 1 };

    struct Rig {
        media: Media,
        control: Control,
    }

    /// Two groups of three units, ten ticks apart, one packet each.
    fn two_groups() -> Arc<Clip> {
        let units: Vec<_> = (0..6).map(|i| (i * 10, i * 10, i % 3 == 0)).collect();
        Arc::new(clip(&units, 10).expect("key frames"))
    }

    impl Rig {
        fn new() -> Self {
            let clip = two_groups();
            let control = Control::new(Arc::clone(&clip));
            let channels = Channels { rtp: 0, rtcp: 1 };
            let media = Media::new(Player::new(clip, 0), IDENTITY, &control, channels, Instant::now());
            Self { media, control }
        }

        /// What one unit became, and the sequence number, timestamp and payload of each RTP packet.
        fn emit(&mut self, has_room: bool) -> (Outcome, Vec<(u16, u32, Vec<u8>)>) {
            let mut out = Vec::new();
            let outcome = self.media.emit(&self.control, has_room, |_| 0, &mut out);
            let packets = framed(&out).filter(|p| p[1] == 0).map(|p| {
                let sequence = u16::from_be_bytes([p[6], p[7]]);
                (sequence, u32::from_be_bytes([p[8], p[9], p[10], p[11]]), p[16..].to_vec())
            });
            (outcome, packets.collect())
        }

        fn timestamps(&mut self, n: usize) -> Vec<u32> {
            (0..n)
                .flat_map(|_| self.emit(true).1)
                .map(|(_, timestamp, _)| timestamp.wrapping_sub(u32::MAX - 10))
                .collect()
        }
    }

    #[test]
    fn numbers_begin_as_announced_and_run_on_over_wrap_and_loop() {
        let mut rig = Rig::new();
        for i in 0..15u16 {
            let (outcome, packets) = rig.emit(true);
            assert_eq!(outcome, Outcome::Sent { lost: 0 });
            let (sequence, timestamp, _) = &packets[0];
            assert_eq!(*sequence, IDENTITY.sequence.wrapping_add(i));
            assert_eq!(*timestamp, IDENTITY.timestamp.wrapping_add(u32::from(i) * 10));
        }
    }

    #[test]
    fn a_client_without_room_misses_whole_units_up_to_the_next_key_frame() {
        let mut rig = Rig::new();
        rig.emit(true);
        assert_eq!(rig.emit(false).0, Outcome::Dropped);
        assert_eq!(rig.emit(true).0, Outcome::Dropped);
        let (outcome, packets) = rig.emit(true);
        assert_eq!(outcome, Outcome::Sent { lost: 0 });
        assert_eq!(packets[0].0, IDENTITY.sequence.wrapping_add(3), "the hole shows in the sequence numbers");
    }

    #[test]
    fn a_stalled_camera_goes_on_at_a_key_frame() {
        let mut rig = Rig::new();
        rig.control.apply(Fault::Stall);
        assert_eq!(rig.emit(true), (Outcome::Withheld, vec![]));
        rig.control.apply(Fault::None);
        let outcomes: Vec<_> = (0..3).map(|_| rig.emit(true).0).collect();
        assert_eq!(outcomes, [Outcome::Dropped, Outcome::Dropped, Outcome::Sent { lost: 0 }]);
    }

    #[test]
    fn timestamps_jump_once_and_freeze_while_asked() {
        let mut rig = Rig::new();
        assert_eq!(rig.timestamps(2), [0, 10]);
        rig.control.apply(Fault::Jump(1000));
        assert_eq!(rig.timestamps(2), [1020, 1030]);
        rig.control.apply(Fault::Jump(-1025));
        assert_eq!(rig.timestamps(1), [15]);
        rig.control.apply(Fault::Freeze);
        assert_eq!(rig.timestamps(3), [15, 15, 15]);
        rig.control.apply(Fault::None);
        assert_eq!(rig.timestamps(1), [55]);
    }

    #[test]
    fn a_session_begins_as_announced_after_a_jump() {
        let mut rig = Rig::new();
        rig.control.apply(Fault::Jump(12345));
        let (player, now) = (Player::new(two_groups(), 1), Instant::now());
        rig.control.clip = Arc::clone(player.clip());
        let channels = Channels { rtp: 0, rtcp: 1 };
        rig.media = Media::new(player, IDENTITY, &rig.control, channels, now);
        assert_eq!(rig.timestamps(2), [0, 10]);
    }

    #[test]
    fn garbage_has_the_shape_of_packets_but_not_their_payload() {
        let (mut sound, mut rig) = (Rig::new(), Rig::new());
        rig.control.apply(Fault::Garbage);
        let (sound, garbage) = (sound.emit(true).1, rig.emit(true).1);
        assert_eq!((sound[0].0, sound[0].1, sound[0].2.len()), (garbage[0].0, garbage[0].1, garbage[0].2.len()));
        assert_ne!(sound[0].2, garbage[0].2);
    }

    #[test]
    fn losses_follow_their_rate() {
        for (per_mille, expected) in [(0, 0..=0), (200, 120..=280), (1000, 1000..=1000), (u16::MAX, 1000..=1000)] {
            let mut rig = Rig::new();
            rig.control.apply(Fault::Lose { per_mille });
            let lost: u32 =
                (0..1000).map(|_| if let (Outcome::Sent { lost }, _) = rig.emit(true) { lost } else { 0 }).sum();
            assert!(expected.contains(&lost), "{per_mille} of 1000: lost {lost}");
        }
    }

    #[test]
    fn reordered_packets_are_one_late_and_none_is_missing() {
        for (per_mille, expected) in [(0, vec![0, 1, 2, 3, 4, 5]), (1000, vec![1, 0, 3, 2, 5, 4])] {
            let mut rig = Rig::new();
            rig.control.apply(Fault::Reorder { per_mille });
            let sequences = (0..6).flat_map(|_| rig.emit(true).1).map(|p| p.0.wrapping_sub(IDENTITY.sequence));
            assert_eq!(sequences.collect::<Vec<u16>>(), expected, "{per_mille} of 1000");
        }
    }

    #[test]
    fn sender_reports_come_at_once_and_then_by_their_interval() {
        let units: Vec<_> = (0..10).map(|i| (i * CLOCK_RATE, i * CLOCK_RATE, true)).collect();
        let mut rig = Rig::new();
        rig.control.clip = Arc::new(clip(&units, CLOCK_RATE).expect("a key"));
        let reports: Vec<bool> = (0..11)
            .map(|_| {
                let mut out = Vec::new();
                rig.media.emit(&rig.control, true, |_| 0, &mut out);
                framed(&out).any(|p| p[1] == 1)
            })
            .collect();
        let seconds: Vec<usize> = (0..11).filter(|i| reports[*i]).collect();
        assert_eq!(seconds, [0, 5, 10]);
    }

    #[test]
    fn ticks_become_durations_without_overflow() {
        let cases = [(-5, 0), (0, 0), (9, 100_000), (90_000, 1_000_000_000), (i64::MAX, u64::MAX)];
        for (ticks, nanos) in cases {
            assert_eq!(duration(ticks), Duration::from_nanos(nanos), "{ticks}");
        }
    }
}
