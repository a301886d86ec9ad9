//! Events, clients and values: the numbers of a history.

use std::fmt;

use partition::clock::Moment;
use serde::{Deserialize, Serialize};

/// The place of an event in the order of recording, counting from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventNumber(pub u64);

/// One client, as the history tells them apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ClientId(pub u32);

/// What tells one record from all others. At most `i64::MAX`, so that any reader of the files can hold it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Value(pub u64);

/// Something that happened, and when. Order is by number; the time is for the reader.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(EventNumber, Moment)", into = "(EventNumber, Moment)")]
pub struct Event {
    /// Its place.
    pub number: EventNumber,
    /// When, on the recorder's clock.
    pub at: Moment,
}

impl From<(EventNumber, Moment)> for Event {
    fn from((number, at): (EventNumber, Moment)) -> Self {
        Self { number, at }
    }
}

impl From<Event> for (EventNumber, Moment) {
    fn from(event: Event) -> Self {
        (event.number, event.at)
    }
}

impl Value {
    /// The largest one.
    pub const MAX: Self = Self(u64::MAX >> 1);

    /// What stands for these bytes of a record: the number itself when they are one (see [`Value::bytes`]), else a
    /// hash of 63 bits. Two of a million records are taken for one with a chance below 10^-7.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        if let Ok(number) = <[u8; 8]>::try_from(bytes) {
            let number = u64::from_be_bytes(number);
            if number <= Self::MAX.0 {
                return Self(number);
            }
        }
        Self(hash(bytes) & Self::MAX.0)
    }

    /// The shortest record that this value stands for.
    #[must_use]
    pub fn bytes(self) -> [u8; 8] {
        self.0.to_be_bytes()
    }
}

/// Eight bytes at a time: a recorder hashes every record of a run.
fn hash(bytes: &[u8]) -> u64 {
    let words = bytes.chunks_exact(8);
    let rest = words.remainder();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    let words = words.map(|word| u64::from_le_bytes(word.try_into().expect("chunks of eight")));
    let mixed = words.fold(bytes.len() as u64, |state, word| mix(state ^ word));
    mix(mixed ^ u64::from_le_bytes(last))
}

/// Spreads each bit over all: the finisher of `SplitMix64` (Steele, Lea and Flood 2014).
pub(crate) fn mix(state: u64) -> u64 {
    let state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

impl fmt::Display for EventNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_of_eight_bytes_is_its_own_number() {
        assert_eq!(Value::of(&Value(77).bytes()), Value(77));
        assert!(Value::of(&u64::MAX.to_be_bytes()) <= Value::MAX);
    }

    #[test]
    fn records_that_differ_anywhere_have_different_values() {
        let record = vec![7_u8; 100];
        let mut values = vec![Value::of(&record), Value::of(&record[..99])];
        for at in 0..record.len() {
            let mut other = record.clone();
            other[at] ^= 1;
            values.push(Value::of(&other));
        }
        let count = values.len();
        values.sort_unstable();
        values.dedup();
        assert_eq!(values.len(), count);
        assert!(values.iter().all(|value| *value <= Value::MAX));
    }
}
