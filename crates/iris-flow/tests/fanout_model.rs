//! The fan-out to viewers and recorders against a naive model of it, and against the laws that watching stands on.
#![cfg(not(loom))]

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use iris_flow::fanout::{Fanout, Limits, Next, Reader, Tag};
use proptest::prelude::*;

const LIMITS: Limits = Limits { span: Duration::from_secs(8), bytes: 24 };
const PATIENCE: Duration = Duration::from_secs(4);

#[derive(Debug, Clone)]
enum Op {
    Send { is_key: bool, pause: u64, bytes: usize },
    Follow,
    Record { back: u64 },
    Read { reader: usize },
    Leave { reader: usize },
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        12 => (prop::bool::weighted(0.25), 0..3_u64, 1..6_usize)
            .prop_map(|(is_key, pause, bytes)| Op::Send { is_key, pause, bytes }),
        1 => Just(Op::Follow),
        1 => (0..12_u64).prop_map(|back| Op::Record { back }),
        12 => (0..4_usize).prop_map(|reader| Op::Read { reader }),
        1 => (0..4_usize).prop_map(|reader| Op::Leave { reader }),
    ]
}

/// What a fan-out should do, written without regard to cost: all units that were ever sent, and from which on they are
/// kept.
#[derive(Default)]
struct Model {
    sent: Vec<Tag>,
    first: usize,
}

impl Model {
    fn keys(&self) -> impl DoubleEndedIterator<Item = usize> {
        (self.first..self.sent.len()).filter(|n| self.sent[*n].is_key)
    }

    fn bytes(&self) -> usize {
        self.sent[self.first..].iter().map(|tag| tag.bytes).sum()
    }

    fn age(&self, n: usize) -> Duration {
        self.sent.last().map_or(Duration::ZERO, |newest| newest.at.saturating_sub(self.sent[n].at))
    }

    fn send(&mut self, tag: Tag) {
        self.sent.push(tag);
        while self.first + 1 < self.sent.len() {
            let second = self.keys().find(|key| *key > self.first);
            let too_large = self.bytes() > LIMITS.bytes;
            match second {
                Some(second) if too_large || self.age(second) >= LIMITS.span => self.first = second,
                None if too_large => self.first += 1,
                _ => return,
            }
        }
    }

    fn now(&self) -> Duration {
        self.sent.last().map_or(Duration::ZERO, |newest| newest.at)
    }
}

/// What a reader should get.
struct Expected {
    backlog: VecDeque<usize>,
    next: usize,
    aligned: bool,
    patience: Duration,
}

impl Expected {
    fn next(&mut self, model: &Model) -> Option<Next<usize>> {
        if let Some(unit) = self.backlog.pop_front() {
            return Some(Next::Unit(unit));
        }
        self.aligned &= self.next >= model.first;
        let mut at = if self.aligned { self.next } else { model.keys().find(|key| *key >= self.next)? };
        if at == model.sent.len() {
            return None;
        }
        if model.age(at) > self.patience {
            at = at.max(model.keys().next_back().unwrap_or(at));
        }
        self.aligned = true;
        let missed = at - std::mem::replace(&mut self.next, at);
        if missed > 0 {
            return Some(Next::Missed(missed as u64));
        }
        self.next += 1;
        Some(Next::Unit(at))
    }
}

/// What a player would find wrong with what it is given.
#[derive(Default)]
struct Player {
    last: Option<usize>,
    missed: usize,
}

impl Player {
    fn check(&mut self, next: Next<usize>, model: &Model) {
        let unit = match next {
            Next::Missed(n) => {
                assert!(n > 0, "no word for no hole");
                self.missed += n as usize;
                return;
            }
            Next::Unit(unit) => unit,
        };
        let missed = std::mem::take(&mut self.missed);
        if let Some(last) = self.last {
            assert_eq!(unit, last + 1 + missed, "every unit is given or told as missed");
        }
        let starts = self.last.is_none() || missed > 0;
        assert!(!starts || model.sent[unit].is_key, "{unit} depends on what was not given");
        self.last = Some(unit);
    }
}

#[derive(Default)]
struct World {
    model: Model,
    readers: Vec<(Reader<usize>, Expected, Player)>,
}

impl World {
    fn read(&mut self, reader: usize) {
        let Some((reader, expected, player)) = self.readers.get_mut(reader) else { return };
        let got = match reader.poll_next(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(next) => Some(next.expect("not closed")),
            Poll::Pending => None,
        };
        assert_eq!(got, expected.next(&self.model));
        if let Some(next) = got {
            player.check(next, &self.model);
        }
    }

    fn apply(&mut self, op: &Op, fanout: &Fanout<usize>) {
        match *op {
            Op::Send { is_key, pause, bytes } => {
                let tag = Tag { is_key, at: self.model.now() + Duration::from_secs(pause), bytes };
                fanout.send(tag, self.model.sent.len());
                self.model.send(tag);
            }
            Op::Follow => {
                let key = self.model.keys().next_back();
                let next = key.unwrap_or(self.model.sent.len());
                let expected = Expected { backlog: VecDeque::new(), next, aligned: false, patience: PATIENCE };
                self.readers.push((fanout.follow(PATIENCE), expected, Player::default()));
            }
            Op::Record { back } => {
                let since = self.model.now().saturating_sub(Duration::from_secs(back));
                let end = self.model.sent.len();
                let before = self.model.keys().rfind(|key| self.model.sent[*key].at <= since);
                let first = before.or(self.model.keys().next());
                let backlog: VecDeque<usize> = first.map_or_else(VecDeque::new, |first| (first..end).collect());
                let aligned = !backlog.is_empty();
                let expected = Expected { backlog, next: end, aligned, patience: Duration::MAX };
                self.readers.push((fanout.record(since), expected, Player::default()));
            }
            Op::Read { reader } => self.read(reader),
            Op::Leave { reader } if reader < self.readers.len() => drop(self.readers.swap_remove(reader)),
            Op::Leave { .. } => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn behaves_like_the_model(ops in prop::collection::vec(op(), 1..300)) {
        let fanout = Fanout::new(LIMITS);
        let mut world = World::default();
        for op in &ops {
            world.apply(op, &fanout);
            assert_eq!(fanout.bytes(), world.model.bytes());
            assert!(fanout.bytes() <= LIMITS.bytes || world.model.first + 1 == world.model.sent.len());
            let newest: Vec<usize> = world.model.keys().next_back().map_or_else(Vec::new, |key| (key..world.model.sent.len()).collect());
            assert_eq!(fanout.newest(), newest);
        }
        fanout.close();
        for (mut reader, mut expected, _) in world.readers {
            let rest = std::iter::from_fn(|| match reader.poll_next(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(next) => next,
                Poll::Pending => panic!("a closed fan-out has an end"),
            });
            let rest: Vec<_> = rest.collect();
            let should: Vec<_> = std::iter::from_fn(|| expected.next(&world.model)).collect();
            assert_eq!(rest, should);
        }
    }
}
