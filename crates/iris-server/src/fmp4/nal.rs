//! NAL units as they lie in access units and parameter sets: start codes, kinds, and the bits of a header. Which
//! fields mean what belongs to [`super::parameters`].

/// The NAL units between start codes (ITU-T H.264 and H.265, annex B).
pub(super) fn split(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = start(data).map(|at| &data[at..]);
    std::iter::from_fn(move || {
        let from = rest?;
        let next = start(from);
        rest = next.map(|at| &from[at..]);
        let end = next.map_or(from.len(), |at| at - 3);
        // Zeros may stand between a unit and the next start code, and a unit never ends with one.
        Some(trim_zeros(&from[..end]))
    })
    .filter(|unit| !unit.is_empty())
}

/// Where the first unit begins: behind the first start code.
fn start(data: &[u8]) -> Option<usize> {
    data.windows(3).position(|three| three == [0, 0, 1]).map(|at| at + 3)
}

fn trim_zeros(data: &[u8]) -> &[u8] {
    let end = data.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
    &data[..end]
}

/// The type of an H.264 NAL unit (§7.3.1).
pub(super) fn h264_type(unit: &[u8]) -> u8 {
    unit.first().map_or(0, |byte| byte & 0x1f)
}

/// The type of an H.265 NAL unit (§7.3.1.2).
pub(super) fn h265_type(unit: &[u8]) -> u8 {
    unit.first().map_or(0, |byte| byte >> 1 & 0x3f)
}

/// A unit's payload without its emulation prevention bytes (§7.4.2): of three bytes 0, 0, 3 the last is none.
pub(super) fn payload(unit: &[u8]) -> Vec<u8> {
    let mut zeros = 0;
    let keep = |byte: &u8| {
        let prevents = zeros >= 2 && *byte == 3;
        zeros = if *byte == 0 { zeros + 1 } else { 0 };
        !prevents
    };
    unit.iter().copied().filter(keep).collect()
}

/// Reads bits, most significant first.
pub(super) struct Bits<'a> {
    data: &'a [u8],
    at: usize,
}

impl<'a> Bits<'a> {
    pub(super) fn new(data: &'a [u8]) -> Self {
        Self { data, at: 0 }
    }

    /// The next `n` bits, at most 32. None behind the end.
    pub(super) fn read(&mut self, n: usize) -> Option<u32> {
        (0..n).try_fold(0, |value, _| {
            let byte = self.data.get(self.at / 8)?;
            let bit = byte >> (7 - self.at % 8) & 1;
            self.at += 1;
            Some(value << 1 | u32::from(bit))
        })
    }

    pub(super) fn skip(&mut self, n: usize) {
        self.at += n;
    }

    /// An unsigned Exp-Golomb code (§9.2).
    pub(super) fn golomb(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while self.read(1)? == 0 {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        Some((1 << zeros) - 1 + self.read(zeros)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn units_lie_between_start_codes_of_three_or_four_bytes() {
        let units = |data| split(data).collect::<Vec<_>>();
        assert_eq!(units(&[0, 0, 0, 1, 0x67, 1, 0, 0, 1, 0x68, 2]), [&[0x67, 1], &[0x68, 2]]);
        assert_eq!(units(&[9, 0, 0, 1, 0x65, 0, 0, 0]), [&[0x65]]);
        assert!(units(&[]).is_empty() && units(&[0, 0, 1]).is_empty() && units(&[1, 2, 3]).is_empty());
    }

    #[test]
    fn bits_and_codes_are_read_from_the_left() {
        // 1, 010, 011, 00100: the first four codes.
        let mut bits = Bits::new(&[0b1010_0110, 0b0100_0000]);
        assert_eq!([bits.golomb(), bits.golomb(), bits.golomb(), bits.golomb()], [0, 1, 2, 3].map(Some));
        assert_eq!((bits.read(4), bits.read(1), bits.golomb()), (Some(0), None, None));
        assert_eq!(payload(&[1, 0, 0, 3, 0, 0, 3, 1, 3]), [1, 0, 0, 0, 0, 1, 3]);
    }

    proptest! {
        #[test]
        fn garbage_is_read_without_harm(data in prop::collection::vec(0_u8..4, 0..64)) {
            prop_assert!(split(&data).all(|unit| !unit.is_empty()));
            let plain = payload(&data);
            let mut bits = Bits::new(&plain);
            while bits.golomb().is_some() {}
        }
    }
}
