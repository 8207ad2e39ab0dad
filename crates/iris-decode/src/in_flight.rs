//! Which access unit a picture came from. libavcodec gives pictures back in the order in which they are shown; each
//! carries, as its timestamp, the serial number under which its access unit went in.

use iris_core::{FrameKey, Moment, MonoTime};

/// More than libavcodec ever holds back: 16 pictures (H.264 §A.3.1, `MaxDpbFrames`) of two fields each.
const ROOM: usize = 64;

/// What a frame inherits from its access unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Origin {
    pub(crate) key: FrameKey,
    pub(crate) at: Moment,
    pub(crate) received: MonoTime,
    /// Nothing refers to it, so nothing is lost with it but itself.
    pub(crate) disposable: bool,
}

/// The access units that went in and whose pictures have not come out.
pub(crate) struct InFlight {
    slots: Box<[Option<(i64, Origin)>; ROOM]>,
    next: i64,
    len: usize,
}

impl InFlight {
    pub(crate) fn new() -> Self {
        Self { slots: Box::new([None; ROOM]), next: 0, len: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The serial number of the next access unit.
    pub(crate) fn serial(&self) -> i64 {
        self.next
    }

    /// Notes the access unit that went in under [`serial`](Self::serial). Returns whether an old one had to give
    /// way, of which no picture will come.
    pub(crate) fn insert(&mut self, origin: Origin) -> bool {
        let displaced = self.slots[Self::slot(self.next)].replace((self.next, origin)).is_some();
        self.next += 1;
        self.len += usize::from(!displaced);
        displaced
    }

    /// Takes out the access unit of a picture.
    pub(crate) fn remove(&mut self, serial: i64) -> Option<Origin> {
        let (_, origin) = self.slots[Self::slot(serial)].take_if(|(held, _)| *held == serial)?;
        self.len -= 1;
        Some(origin)
    }

    /// Forgets all and returns how many they were.
    pub(crate) fn clear(&mut self) -> usize {
        self.slots.fill(None);
        std::mem::take(&mut self.len)
    }

    fn slot(serial: i64) -> usize {
        serial.rem_euclid(ROOM as i64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use iris_core::{CameraId, Epoch, MediaTime};

    fn origin(seq: u64) -> Origin {
        let camera = CameraId::new("test").expect("valid");
        let at = Moment { media: MediaTime::from_millis(seq as i64), wall: None };
        Origin {
            key: FrameKey { camera, epoch: Epoch::first(1), seq },
            at,
            received: MonoTime::default(),
            disposable: false,
        }
    }

    #[test]
    fn pictures_find_their_access_units_in_any_order() {
        let mut in_flight = InFlight::new();
        for seq in 0..5 {
            assert_eq!(in_flight.serial(), seq);
            assert!(!in_flight.insert(origin(seq as u64)));
        }
        for seq in [0, 3, 2, 1] {
            assert_eq!(in_flight.remove(seq).map(|origin| origin.key.seq), Some(seq as u64));
        }
        assert_eq!((in_flight.remove(3), in_flight.remove(-1), in_flight.len()), (None, None, 1));
        assert_eq!((in_flight.clear(), in_flight.len(), in_flight.remove(4)), (1, 0, None));
    }

    #[test]
    fn what_never_comes_out_gives_way() {
        let mut in_flight = InFlight::new();
        let displaced = (0..100).filter(|seq| in_flight.insert(origin(*seq))).count();
        assert_eq!((displaced, in_flight.len()), (100 - ROOM, ROOM));
        assert_eq!(in_flight.remove(0), None);
        assert_eq!(in_flight.remove(99), Some(origin(99)));
    }
}
