//! Protocol buffers' wire format, read in place: a message's fields one after the other, with nothing allocated and nothing
//! descended into. What fields mean is told elsewhere.
//!
//! Source: <https://protobuf.dev/programming-guides/encoding/>. Groups, which ONNX does not use, are refused.

/// Why bytes are no message.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Damage(&'static str);

impl From<Damage> for String {
    fn from(Damage(what): Damage) -> Self {
        format!("it is damaged, or no ONNX model: {what}")
    }
}

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Wire<'a> {
    /// A number of variable length.
    Varint(u64),
    /// Four bytes.
    Fixed32,
    /// Eight bytes.
    Fixed64,
    /// A text, a message or packed numbers.
    Bytes(&'a [u8]),
}

/// The fields of a message, by number, in the order in which they were written. Ends at the first error.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Wire<'a>), Damage>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.0 = &[];
        }
        Some(field)
    }
}

impl<'a> Fields<'a> {
    fn field(&mut self) -> Result<(u64, Wire<'a>), Damage> {
        let tag = self.varint()?;
        // Field numbers have 29 bits.
        let number = tag >> 3;
        if number == 0 || number >> 29 != 0 {
            return Err(Damage("a field has a number that cannot be"));
        }
        let value = match tag & 7 {
            0 => Wire::Varint(self.varint()?),
            1 => self.take(8).map(|_| Wire::Fixed64)?,
            2 => {
                let length = self.varint()?;
                Wire::Bytes(self.take(length)?)
            }
            5 => self.take(4).map(|_| Wire::Fixed32)?,
            _ => return Err(Damage("a field is of a kind that cannot be")),
        };
        Ok((number, value))
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], Damage> {
        let length = usize::try_from(length).ok().filter(|length| *length <= self.0.len());
        let (taken, rest) = self.0.split_at(length.ok_or(Damage("a field is longer than what is left"))?);
        self.0 = rest;
        Ok(taken)
    }

    /// Seven bits a byte, the lowest first, at most 64.
    fn varint(&mut self) -> Result<u64, Damage> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.0.split_first().ok_or(Damage("a number is cut off"))?;
            self.0 = rest;
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits {
                break;
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Damage("a number is longer than 64 bits"))
    }
}

/// The numbers of variable length that are packed in `bytes`.
pub(super) fn packed(bytes: &[u8]) -> impl Iterator<Item = Result<u64, Damage>> {
    let mut rest = Fields(bytes);
    std::iter::from_fn(move || {
        if rest.0.is_empty() {
            return None;
        }
        let number = rest.varint();
        if number.is_err() {
            rest.0 = &[];
        }
        Some(number)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fields(bytes: &[u8]) -> Result<Vec<(u64, Wire<'_>)>, Damage> {
        Fields(bytes).collect()
    }

    #[test]
    fn each_kind_of_field_is_read() {
        let bytes = [0x08, 0x96, 0x01, 0x12, 0x02, b'h', b'i', 0x1d, 1, 2, 3, 4, 0x21, 1, 2, 3, 4, 5, 6, 7, 8];
        let expected = vec![(1, Wire::Varint(150)), (2, Wire::Bytes(b"hi")), (3, Wire::Fixed32), (4, Wire::Fixed64)];
        assert_eq!(fields(&bytes), Ok(expected));
        assert_eq!(packed(&[1, 0x96, 1]).collect::<Result<Vec<_>, _>>(), Ok(vec![1, 150]));
    }

    #[test]
    fn what_is_cut_off_or_cannot_be_is_an_error() {
        for (bytes, says) in [
            (&[0x08][..], "cut off"),
            (&[0x08, 0x80], "cut off"),
            (&[0x12, 0x05, b'h'], "longer than what is left"),
            (&[0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], "longer than what is left"),
            (&[0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02], "64 bits"),
            (&[0x0b], "of a kind"),
            (&[0x00, 0x00], "number that cannot be"),
        ] {
            let error = String::from(fields(bytes).expect_err(says));
            assert!(error.contains(says), "{error}");
        }
        assert!(packed(&[1, 0x80]).any(|number| number.is_err()));
    }

    proptest! {
        #[test]
        fn any_bytes_come_to_an_end(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let read = Fields(&bytes).filter_map(Result::ok);
            let long: usize = read.map(|(_, wire)| if let Wire::Bytes(part) = wire { part.len() } else { 0 }).sum();
            prop_assert!(long <= bytes.len());
            prop_assert!(packed(&bytes).count() <= bytes.len());
        }
    }
}
