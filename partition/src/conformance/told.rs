//! What writers were told of the values that they sent, held against what is read in the end.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use crate::error::AppendError;
use crate::ids::Offset;
use crate::partition::{Append, Partition};

/// What writers were told. Each value is another one, and lies in a batch of its own.
#[derive(Debug, Default)]
pub struct Told {
    acknowledged: RefCell<BTreeMap<Offset, Bytes>>,
    doubtful: RefCell<BTreeSet<Bytes>>,
}

/// What became of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It has a place.
    Acknowledged,
    /// Nobody knows: it is not to be sent again.
    InDoubt,
    /// It was certainly not appended, and may be sent again.
    Refused,
}

impl Told {
    /// Appends a value, and notes what its writer was told.
    ///
    /// # Panics
    /// When another value was told the same offset.
    pub async fn append(&self, client: &dyn Partition, append: Append, value: &Bytes) -> Fate {
        match client.append(append).await {
            Ok(appended) => {
                let base = appended.placement().expect("a place was asked for").base;
                let before = self.acknowledged.borrow_mut().insert(base, value.clone());
                assert_eq!(before, None, "two were told offset {base}");
                Fate::Acknowledged
            }
            Err(AppendError::Unknown(_)) => {
                self.doubtful.borrow_mut().insert(value.clone());
                Fate::InDoubt
            }
            Err(AppendError::NotAppended(_)) => Fate::Refused,
        }
    }

    /// How many were acknowledged so far.
    pub fn count(&self) -> usize {
        self.acknowledged.borrow().len()
    }

    /// Every acknowledged value lies at its offset, once; what was in doubt lies there once or not at all; nothing else
    /// lies there.
    ///
    /// # Panics
    /// When that is not so.
    pub fn check(&self, read: Vec<(Offset, Bytes)>) {
        let offsets = read.windows(2).all(|pair| pair[0].0 < pair[1].0);
        assert!(offsets, "records out of order, or twice");
        let mut seen = BTreeSet::new();
        for (_, value) in &read {
            assert!(seen.insert(value.clone()), "{value:?} is there twice");
        }
        let read: BTreeMap<Offset, Bytes> = read.into_iter().collect();
        let acknowledged = self.acknowledged.borrow();
        assert!(!acknowledged.is_empty(), "nothing was written");
        for (offset, value) in acknowledged.iter() {
            assert_eq!(read.get(offset), Some(value), "acknowledged at {offset}");
        }
        let doubtful = self.doubtful.borrow();
        for (offset, value) in read.iter().filter(|(offset, _)| !acknowledged.contains_key(offset)) {
            assert!(doubtful.contains(value), "{value:?} at {offset} was refused, yet it is there");
        }
    }
}
