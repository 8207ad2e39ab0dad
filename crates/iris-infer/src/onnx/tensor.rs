//! A constant: that it has as many bytes as its type and shape say, all of them in this file.

use super::wire::{Fields, Wire, packed};

/// `TensorProto`.
const DIMS: u64 = 1;
const DATA_TYPE: u64 = 2;
const SEGMENT: u64 = 3;
const FLOAT_DATA: u64 = 4;
const INT32_DATA: u64 = 5;
const STRING_DATA: u64 = 6;
const INT64_DATA: u64 = 7;
pub(super) const NAME: u64 = 8;
const RAW_DATA: u64 = 9;
const DOUBLE_DATA: u64 = 10;
const UINT64_DATA: u64 = 11;
const EXTERNAL_DATA: u64 = 13;
const DATA_LOCATION: u64 = 14;

/// The most dimensions.
const MAX_RANK: usize = 16;

/// How the elements of a type lie in a tensor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Layout {
    /// Bits an element, in memory and as raw data.
    pub(super) bits: u64,
    /// The field in which they stand if they are no raw data.
    field: u64,
}

/// The layout of `TensorProto.DataType`. Complex numbers are not among them.
pub(super) fn layout(data_type: u64) -> Result<Layout, String> {
    let (bits, field) = match data_type {
        // FLOAT
        1 => (32, FLOAT_DATA),
        // UINT8, INT8, BOOL, FLOAT8E4M3FN, FLOAT8E4M3FNUZ, FLOAT8E5M2, FLOAT8E5M2FNUZ, FLOAT8E8M0
        2 | 3 | 9 | 17..=20 | 24 => (8, INT32_DATA),
        // UINT16, INT16, FLOAT16, BFLOAT16
        4 | 5 | 10 | 16 => (16, INT32_DATA),
        // INT32
        6 => (32, INT32_DATA),
        // INT64
        7 => (64, INT64_DATA),
        // STRING, as ONNX Runtime keeps an empty one
        8 => (256, STRING_DATA),
        // DOUBLE
        11 => (64, DOUBLE_DATA),
        // UINT32
        12 => (32, UINT64_DATA),
        // UINT64
        13 => (64, UINT64_DATA),
        // UINT4, INT4, FLOAT4E2M1: two in a byte
        21..=23 => (4, INT32_DATA),
        other => return Err(format!("its elements are of type {other}, which is not read")),
    };
    Ok(Layout { bits, field })
}

/// The product of two lengths.
pub(super) fn times(a: u64, b: u64) -> Result<u64, String> {
    // One that is negative is larger than any that could be.
    a.checked_mul(b).filter(|_| i64::try_from(b).is_ok()).ok_or_else(|| "its shape is larger than any memory".into())
}

/// How many bytes so many elements take.
pub(super) fn size(elements: u64, bits: u64) -> Result<u64, String> {
    Ok(times(elements, bits)?.div_ceil(8))
}

/// What a tensor has, so far.
#[derive(Default)]
struct Found {
    rank: usize,
    elements: u64,
    data_type: u64,
    raw: Option<u64>,
    /// How many entries each field of numbers has, by its number.
    entries: [u64; 12],
}

/// The bytes that a constant takes in memory, which are those that it has.
pub(super) fn check(bytes: &[u8]) -> Result<u64, String> {
    let mut found = Found { elements: 1, ..Found::default() };
    for field in Fields(bytes) {
        found.field(field?)?;
    }
    let layout = layout(found.data_type)?;
    let size = size(found.elements, layout.bits)?;
    let has = match found.raw {
        Some(has) if layout.field != STRING_DATA => has,
        Some(_) => return Err("texts cannot be raw data".into()),
        None => found.entries[layout.field as usize] * layout.bits.max(8) / 8,
    };
    let others =
        (0..).zip(found.entries).any(|(field, count)| count > 0 && (found.raw.is_some() || field != layout.field));
    if others {
        return Err("it has data of two kinds".into());
    }
    if has != size {
        return Err(format!("its type and shape ask for {size} bytes, and it has {has}"));
    }
    Ok(size)
}

impl Found {
    fn field(&mut self, (number, wire): (u64, Wire<'_>)) -> Result<(), String> {
        match (number, wire) {
            (EXTERNAL_DATA, _) | (DATA_LOCATION, Wire::Varint(1..)) => {
                return Err("it keeps its data in another file, which is not read: export the model as one file".into());
            }
            (SEGMENT, _) => return Err("it is a part of another, which is not read".into()),
            (DIMS, Wire::Varint(length)) => self.dim(length)?,
            (DIMS, Wire::Bytes(lengths)) => packed(lengths).try_for_each(|length| self.dim(length?))?,
            (DATA_TYPE, Wire::Varint(data_type)) => self.data_type = data_type,
            (RAW_DATA, Wire::Bytes(raw)) => self.raw = Some(raw.len() as u64),
            (FLOAT_DATA..=UINT64_DATA, wire) => self.entries[number as usize] += entries(number, wire)?,
            _ => {}
        }
        Ok(())
    }

    fn dim(&mut self, length: u64) -> Result<(), String> {
        self.rank += 1;
        if self.rank > MAX_RANK {
            return Err(format!("it has more than {MAX_RANK} dimensions"));
        }
        self.elements = times(self.elements, length)?;
        Ok(())
    }
}

/// How many numbers or texts a field of data holds, packed or not.
fn entries(field: u64, wire: Wire<'_>) -> Result<u64, String> {
    let whole = |bytes: &[u8], size: usize| match bytes.len() % size {
        0 => Ok((bytes.len() / size) as u64),
        _ => Err("its packed numbers are cut off".to_owned()),
    };
    match (field, wire) {
        (FLOAT_DATA, Wire::Bytes(bytes)) => whole(bytes, 4),
        (DOUBLE_DATA, Wire::Bytes(bytes)) => whole(bytes, 8),
        (INT32_DATA | INT64_DATA | UINT64_DATA, Wire::Bytes(bytes)) => {
            Ok(packed(bytes).try_fold(0, |count, number| number.map(|_| count + 1))?)
        }
        (FLOAT_DATA, Wire::Fixed32)
        | (DOUBLE_DATA, Wire::Fixed64)
        | (INT32_DATA | INT64_DATA | UINT64_DATA, Wire::Varint(_))
        | (STRING_DATA, Wire::Bytes(_)) => Ok(1),
        // What is of another kind than its field is none of its numbers.
        _ => Ok(0),
    }
}
