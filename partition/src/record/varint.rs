//! Zigzag variable-length integers, as Kafka's records use.

use bytes::{BufMut, BytesMut};

pub(super) fn put(out: &mut BytesMut, value: i64) {
    let mut rest = zigzag(value);
    while rest >= 0x80 {
        out.put_u8((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    out.put_u8((rest & 0x7f) as u8);
}

/// How many bytes `value` takes.
pub(super) fn length(value: i64) -> usize {
    let bits = 64 - (zigzag(value) | 1).leading_zeros() as usize;
    bits.div_ceil(7)
}

/// The integer at the start of `bytes`, which is moved past it; `None` when there is none.
pub(super) fn take(bytes: &mut &[u8]) -> Option<i64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some((value >> 1).cast_signed() ^ -((value & 1).cast_signed()));
        }
    }
    None
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_width_reads_back() {
        let edges = (0..63).flat_map(|bit| [1_i64 << bit, -(1_i64 << bit), (1_i64 << bit) - 1]);
        for value in edges.chain([i64::MIN, i64::MAX]) {
            let mut out = BytesMut::new();
            put(&mut out, value);
            assert_eq!(out.len(), length(value), "length of {value}");
            let mut rest = &out[..];
            assert_eq!(take(&mut rest), Some(value));
            assert!(rest.is_empty());
        }
    }

    #[test]
    fn an_integer_that_does_not_end_is_none() {
        assert_eq!(take(&mut &[0x80_u8; 12][..]), None);
        assert_eq!(take(&mut &[0x80_u8][..]), None);
    }
}
