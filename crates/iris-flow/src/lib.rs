//! Bounded queues that say in their type what happens when they are full.
//!
//! Each edge between two stages has one policy, and the policy is read at the call site from the type of the sender:
//!
//! | edge | when full | here |
//! |---|---|---|
//! | packet → decode | drops up to the next key frame, says so with a gap | [`gop::Queues`] |
//! | prepared → model | the newer frame replaces the older one | not here: the scheduler of `iris-infer` is that slot |
//! | model → analytics, event → store | the sender waits | [`blocking::channel`] |
//! | anything → viewers | a reader that falls behind is told how many it missed, and goes on at a key unit | [`fanout::Fanout`] |
//!
//! Nothing here has a thread, a clock or a metric of its own: `send` returns what it dropped and `depth` says what
//! waits, so that for every queue `sent = taken + dropped + depth`, and the caller counts each under its reason.
//!
//! ```
//! use iris_flow::gop::{Queues, Unit, Work};
//!
//! #[derive(Debug, PartialEq)]
//! struct Packet { seq: u32, is_key: bool }
//! impl Unit for Packet {
//!     fn is_key(&self) -> bool { self.is_key }
//! }
//! let packet = |seq, is_key| Packet { seq, is_key };
//!
//! let queues = Queues::new(2);
//! queues.open("yard");
//! assert_eq!(queues.send("yard", packet(0, true)), 0);
//! assert_eq!(queues.send("yard", packet(1, false)), 0);
//! assert_eq!(queues.send("yard", packet(2, false)), 1, "full: this one is dropped");
//! assert_eq!(queues.send("yard", packet(3, true)), 2, "a key frame needs none of what waits");
//!
//! // A worker: the camera is its own until the turn ends.
//! let turn = queues.take().expect("not shut down");
//! assert_eq!(turn.collect::<Vec<_>>(), [Work::Gap, Work::Unit(packet(3, true))]);
//! assert_eq!(queues.depth("yard"), 0);
//! ```

pub mod blocking;
pub mod fanout;
pub mod gop;
mod sync;
