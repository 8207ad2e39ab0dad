//! What can be made to go wrong with a camera while it runs. How it shows on the wire is the connection's business.

use std::sync::Arc;

use crate::Clip;

/// What happens to a camera from now on.
///
/// `Jump` and `Switch` are done once and leave the camera's condition as it is; each of the others is a condition that
/// lasts until the next replaces it.
#[derive(Debug, Clone, Default)]
pub enum Fault {
    /// It works.
    #[default]
    None,
    /// It is gone: its connections are reset, and so is whoever asks for it.
    Kill,
    /// It falls silent, as if its cable were cut: the connections stay open and nothing is sent or answered any more.
    /// When it ends, pictures go on at the next key frame, with a hole in the sequence numbers.
    Stall,
    /// It takes connections and requests, and answers none. Sessions that play go on.
    NeverAnswer,
    /// It sends random bytes in place of every RTP payload.
    Garbage,
    /// Its RTP timestamps stand still.
    Freeze,
    /// It loses this many of a thousand RTP packets, at random; their sequence numbers are missing.
    Lose {
        /// 0 to 1000.
        per_mille: u16,
    },
    /// It sends this many of a thousand RTP packets, at random, only after the packet that follows.
    Reorder {
        /// 0 to 1000.
        per_mille: u16,
    },
    /// Its RTP timestamps jump once by this many ticks of 90 kHz, forward or backward.
    Jump(i64),
    /// It shows another clip from here on, from its beginning: at once and with its parameter sets in band where the
    /// codec is the same, else by ending its sessions, so that clients ask anew what it sends.
    Switch(Arc<Clip>),
}

/// What is wrong with a camera, as its connections see it.
#[derive(Debug, Clone)]
pub(crate) struct Control {
    /// The lasting one.
    pub(crate) condition: Fault,
    pub(crate) clip: Arc<Clip>,
    /// The sum of all jumps, in ticks.
    pub(crate) shift: i64,
    /// How often it was killed: a connection from before must not survive a revival that follows at once.
    pub(crate) kills: u64,
}

impl Control {
    pub(crate) fn new(clip: Arc<Clip>) -> Self {
        Self { condition: Fault::None, clip, shift: 0, kills: 0 }
    }

    pub(crate) fn apply(&mut self, fault: Fault) {
        match fault {
            Fault::Jump(ticks) => self.shift = self.shift.wrapping_add(ticks),
            Fault::Switch(clip) => self.clip = clip,
            condition => {
                self.kills += u64::from(matches!(condition, Fault::Kill));
                self.condition = condition;
            }
        }
    }

    /// Whether requests are left without an answer.
    pub(crate) fn is_mute(&self) -> bool {
        matches!(self.condition, Fault::Stall | Fault::NeverAnswer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clip::tests::clip;

    #[test]
    fn conditions_last_and_events_add_up() {
        let (first, second) = [(); 2].map(|()| Arc::new(clip(&[(0, 0, true)], 1).expect("a key"))).into();
        let mut control = Control::new(first);
        control.apply(Fault::Stall);
        control.apply(Fault::Jump(90));
        control.apply(Fault::Jump(-30));
        control.apply(Fault::Switch(Arc::clone(&second)));
        assert!(matches!(control.condition, Fault::Stall) && control.is_mute());
        assert_eq!(control.shift, 60);
        assert!(Arc::ptr_eq(&control.clip, &second));
        control.apply(Fault::Kill);
        control.apply(Fault::None);
        assert!(matches!(control.condition, Fault::None) && !control.is_mute());
        assert_eq!(control.kills, 1);
    }
}
