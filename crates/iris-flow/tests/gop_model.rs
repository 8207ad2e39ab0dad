//! The queues of packet → decode against a naive model of them, and against the laws that decoding stands on.
#![cfg(not(loom))]

use iris_flow::gop::{BURST, Queues, Turn, Unit, Work};
use proptest::prelude::*;

const CAPACITY: usize = 3;
const CAMERAS: u8 = 3;

#[derive(Debug, Clone, PartialEq)]
struct Packet {
    seq: u64,
    is_key: bool,
}

impl Unit for Packet {
    fn is_key(&self) -> bool {
        self.is_key
    }
}

#[derive(Debug, Clone)]
enum Op {
    Send { camera: u8, is_key: bool },
    Hold { camera: u8, is_key: bool },
    Release(u8),
    Gap(u8),
    End(u8),
    Open(u8),
    Retire(u8),
    Take,
    Next,
    LetGo,
}

fn op() -> impl Strategy<Value = Op> {
    let camera = || 0..CAMERAS;
    prop_oneof![
        12 => (camera(), prop::bool::weighted(0.25)).prop_map(|(camera, is_key)| Op::Send { camera, is_key }),
        6 => (camera(), prop::bool::weighted(0.25)).prop_map(|(camera, is_key)| Op::Hold { camera, is_key }),
        2 => camera().prop_map(Op::Release),
        1 => camera().prop_map(Op::Gap),
        1 => camera().prop_map(Op::End),
        1 => camera().prop_map(Op::Open),
        1 => camera().prop_map(Op::Retire),
        4 => Just(Op::Take),
        8 => Just(Op::Next),
        3 => Just(Op::LetGo),
    ]
}

/// What one camera's queue should do, written without regard to cost.
#[derive(Default)]
struct Line {
    items: Vec<Work<Packet>>,
    broken: bool,
}

impl Line {
    fn units(&self) -> usize {
        self.items.iter().filter(|item| matches!(item, Work::Unit(_))).count()
    }

    /// Adds an item and drops each mark that the one behind it makes needless.
    fn push(&mut self, item: Work<Packet>) {
        self.items.push(item);
        while let Some(i) = self
            .items
            .windows(2)
            .position(|pair| matches!(pair, [Work::Gap, Work::Gap | Work::End] | [Work::End, Work::End]))
        {
            self.items.remove(i);
        }
    }

    fn send(&mut self, packet: Packet) -> usize {
        let waiting = self.units();
        match (packet.is_key, self.broken, waiting == CAPACITY) {
            (false, false, false) => self.push(Work::Unit(packet)),
            (false, _, _) => {
                self.broken = true;
                return 1;
            }
            (true, broken, full) => {
                if full {
                    self.items.retain(|item| matches!(item, Work::End));
                    self.items.dedup();
                }
                if broken || full {
                    self.push(Work::Gap);
                }
                self.broken = false;
                self.push(Work::Unit(packet));
                return if full { waiting } else { 0 };
            }
        }
        0
    }
}

/// The cameras, in the order in which they wait for a worker.
#[derive(Default)]
struct Model {
    lines: [Option<Line>; CAMERAS as usize],
    ready: Vec<u8>,
    /// The camera of the only worker, how many more items it may have, and whether it was retired meanwhile.
    held: Option<(u8, usize, bool)>,
}

impl Model {
    fn add(&mut self, camera: u8, add: impl FnOnce(&mut Line) -> usize) -> Option<usize> {
        let result = self.hold(camera, add);
        self.refresh(camera);
        result
    }

    fn hold(&mut self, camera: u8, add: impl FnOnce(&mut Line) -> usize) -> Option<usize> {
        self.lines[camera as usize].as_mut().map(add)
    }

    /// Puts a camera at the end of the ready list if it has work and nobody has it.
    fn refresh(&mut self, camera: u8) {
        let has_work = self.lines[camera as usize].as_ref().is_some_and(|line| !line.items.is_empty());
        let is_held = self.held.is_some_and(|(held, ..)| held == camera);
        if has_work && !is_held && !self.ready.contains(&camera) {
            self.ready.push(camera);
        }
    }

    fn retire(&mut self, camera: u8) -> usize {
        self.ready.retain(|ready| *ready != camera);
        if let Some((held, _, revoked)) = &mut self.held {
            *revoked |= *held == camera && self.lines[camera as usize].is_some();
        }
        self.lines[camera as usize].take().map_or(0, |line| line.units())
    }

    fn next(&mut self) -> Option<Work<Packet>> {
        let (camera, left, revoked) = self.held.as_mut()?;
        *left = left.checked_sub(1)?;
        let line = self.lines[*camera as usize].as_mut().filter(|line| !*revoked && !line.items.is_empty())?;
        Some(line.items.remove(0))
    }
}

/// What a decoder would find wrong with what it is given.
#[derive(Default)]
struct Decoder {
    last_sent: Option<u64>,
    after_gap: bool,
}

impl Decoder {
    /// `dropped`: the numbers of the units of this camera that were dropped so far.
    fn check(&mut self, work: &Work<Packet>, dropped: &[u64]) {
        let Work::Unit(packet) = work else {
            self.after_gap = true;
            return;
        };
        let lost = |from: u64| dropped.iter().any(|seq| (from..packet.seq).contains(seq));
        if lost(self.last_sent.map_or(0, |last| last + 1)) {
            assert!(self.after_gap, "{packet:?} follows a drop without a mark");
            assert!(packet.is_key, "{packet:?} follows a drop but is no key unit");
        }
        assert!(self.last_sent < Some(packet.seq), "out of order");
        self.last_sent = Some(packet.seq);
        self.after_gap = false;
    }
}

#[derive(Default)]
struct Counts {
    sent: usize,
    taken: usize,
    dropped: usize,
}

struct World<'q> {
    queues: &'q Queues<u8, Packet>,
    model: Model,
    turn: Option<Turn<'q, u8, Packet>>,
    decoders: [Decoder; CAMERAS as usize],
    dropped: [Vec<u64>; CAMERAS as usize],
    counts: Counts,
    seq: u64,
}

impl World<'_> {
    fn send(&mut self, camera: u8, is_key: bool, held: bool) {
        self.seq += 1;
        let packet = Packet { seq: self.seq, is_key };
        let before: Vec<u64> = self.waiting(camera).chain([self.seq]).collect();
        let queued = packet.clone();
        let (dropped, expected) = if held {
            (self.queues.hold(camera, queued), self.model.hold(camera, |line| line.send(packet)))
        } else {
            (self.queues.send(camera, queued), self.model.add(camera, |line| line.send(packet)))
        };
        assert_eq!(dropped, expected.unwrap_or(1));
        let after: Vec<u64> = self.waiting(camera).collect();
        let lost = before.iter().filter(|seq| !after.contains(seq));
        self.dropped[camera as usize].extend(lost);
        self.counts.sent += 1;
        self.counts.dropped += dropped;
    }

    fn waiting(&self, camera: u8) -> impl Iterator<Item = u64> {
        let items = self.model.lines[camera as usize].iter().flat_map(|line| &line.items);
        items.filter_map(|item| if let Work::Unit(packet) = item { Some(packet.seq) } else { None })
    }

    fn take(&mut self) {
        // It would wait if nothing were ready, and this test has only one worker.
        if self.turn.is_some() || self.model.ready.is_empty() {
            return;
        }
        let turn = self.queues.take().expect("not shut down");
        let expected = self.model.ready.remove(0);
        assert_eq!(turn.key(), expected, "the camera that has waited longest");
        self.model.held = Some((expected, BURST, false));
        self.turn = Some(turn);
    }

    fn next(&mut self) {
        let Some(turn) = &mut self.turn else { return };
        let work = turn.next();
        let camera = turn.key();
        assert_eq!(work, self.model.next());
        if let Some(work) = work {
            self.counts.taken += usize::from(matches!(work, Work::Unit(_)));
            self.decoders[camera as usize].check(&work, &self.dropped[camera as usize]);
        }
    }

    fn let_go(&mut self) {
        self.turn = None;
        if let Some((camera, ..)) = self.model.held.take() {
            self.model.refresh(camera);
        }
    }

    fn open(&mut self, camera: u8) {
        if self.model.lines[camera as usize].is_none() {
            self.model.lines[camera as usize] = Some(Line::default());
            // What was dropped before is of another stream.
            self.decoders[camera as usize] = Decoder { last_sent: Some(self.seq), after_gap: false };
        }
    }

    fn retire(&mut self, camera: u8) {
        let discarded = self.queues.retire(camera);
        assert_eq!(discarded, self.model.retire(camera));
        self.counts.dropped += discarded;
    }

    fn apply(&mut self, op: &Op) {
        match *op {
            Op::Send { camera, is_key } => self.send(camera, is_key, false),
            Op::Hold { camera, is_key } => self.send(camera, is_key, true),
            Op::Release(camera) => {
                self.queues.release(camera);
                self.model.refresh(camera);
            }
            Op::Gap(camera) => {
                self.queues.send_gap(camera);
                self.model.add(camera, |line| {
                    line.push(Work::Gap);
                    0
                });
            }
            Op::End(camera) => {
                self.queues.send_end(camera);
                self.model.add(camera, |line| {
                    line.push(Work::End);
                    0
                });
            }
            Op::Open(camera) => {
                self.queues.open(camera);
                self.open(camera);
            }
            Op::Retire(camera) => self.retire(camera),
            Op::Take => self.take(),
            Op::Next => self.next(),
            Op::LetGo => self.let_go(),
        }
    }

    fn check_conservation(&self) {
        let queued: usize = (0..CAMERAS).map(|camera| self.queues.depth(camera)).sum();
        let Counts { sent, taken, dropped } = self.counts;
        assert_eq!(sent, taken + dropped + queued, "sent = taken + dropped + queued");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn behaves_like_the_model(ops in prop::collection::vec(op(), 1..300)) {
        let queues = Queues::new(CAPACITY);
        let mut world = World {
            queues: &queues,
            model: Model::default(),
            turn: None,
            decoders: Default::default(),
            dropped: Default::default(),
            counts: Counts::default(),
            seq: 0,
        };
        (0..CAMERAS).for_each(|camera| world.apply(&Op::Open(camera)));
        for op in &ops {
            world.apply(op);
            world.check_conservation();
        }
    }
}
