//! What a node keeps beside its logs: a two-slot synced file for what must not be lost, checkpoints for what may.

use std::fmt;
use std::path::Path;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::world::World;

/// A small value that must survive: votes, epochs, incarnation, truncation generation.
///
/// ```text
///   slot 0: [crc32c u32][length u32][version u64][value ...]    slot 1: the same, one page on
/// ```
/// A store overwrites the older slot in place and syncs; a load takes the newer sound one (design: about 60 us
/// against 300 for write, sync, rename, sync).
pub struct TwoSlotFile<T> {
    value: Option<T>,
}

/// Why the file could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {what}")]
pub struct MetaError {
    /// The file.
    pub path: String,
    /// What happened, and what to do.
    pub what: String,
}

impl<T: Serialize + DeserializeOwned + Clone + Send + 'static> TwoSlotFile<T> {
    /// Opens the file, or makes it.
    ///
    /// # Errors
    /// [`MetaError`] when the disk fails, or neither slot of an existing file is sound.
    pub async fn open(world: &World, path: &Path) -> Result<Self, MetaError> {
        let _ = (world, path);
        todo!()
    }

    /// The value last stored; `None` in a new file.
    #[must_use]
    pub fn get(&self) -> Option<&T> {
        self.value.as_ref()
    }

    /// Stores the value: it is durable when this returns `Ok`.
    ///
    /// # Errors
    /// [`MetaError`]; after one, the file must not be used again.
    pub async fn store(&mut self, value: T) -> Result<(), MetaError> {
        let _ = value;
        todo!()
    }
}

impl<T> fmt::Debug for TwoSlotFile<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TwoSlotFile")
    }
}

/// Keeps what may be stale or gone: recovery points, high watermarks, newer producer snapshots.
/// Whoever stores there stores the truncation generation with it, and discards another generation's (H-04).
pub trait Checkpoints: Send + Sync + fmt::Debug + 'static {
    /// The value last put, or an older one, or none.
    fn get(&self, key: &str) -> Option<Bytes>;

    /// Puts a value; it reaches the disk some time, or never.
    fn put(&self, key: &str, value: Bytes);
}
