//! What a node keeps beside its logs: a two-slot synced file for what must not be lost, checkpoints for what may.

mod checkpoints;
mod copied;
mod sled_checkpoints;
mod slots;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::ids::ByteSize;
use crate::transport::codec;
use crate::world::World;

pub use checkpoints::{Checkpoints, MemoryCheckpoints};
pub use copied::CopiedCheckpoints;
pub use sled_checkpoints::SledCheckpoints;
pub(crate) use slots::TwoSlots;

/// A small value that must survive: votes, epochs, incarnation, truncation generation.
///
/// ```text
///   slot 0: [crc32c u32][length u32][version u64][value ...]    slot 1: the same, one page on
/// ```
/// A store overwrites the older slot in place and syncs; a load takes the newer sound one (design: about 60 us
/// against 300 for write, sync, rename, sync).
pub struct TwoSlotFile<T> {
    world: World,
    slots: Arc<Mutex<TwoSlots>>,
    path: PathBuf,
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

impl MetaError {
    fn new(path: &Path, what: impl fmt::Display) -> Self {
        Self { path: path.display().to_string(), what: what.to_string() }
    }
}

/// Slots lie a page apart, so that no sector, and no page, belongs to both.
const SLOT_SPACING: ByteSize = ByteSize::kib(4);

impl<T: Serialize + DeserializeOwned + Clone + Send + 'static> TwoSlotFile<T> {
    /// Opens the file, or makes it.
    ///
    /// # Errors
    /// [`MetaError`] when the disk fails, or neither slot of an existing file is sound.
    pub async fn open(world: &World, path: &Path) -> Result<Self, MetaError> {
        let disk = Arc::clone(&world.disk);
        let place = path.to_owned();
        let load = move || TwoSlots::open(&*disk, &place, SLOT_SPACING);
        let loaded = if world.disk.is_instant() { load() } else { world.tasks.blocking(load).await };
        let (slots, bytes) = loaded.map_err(|error| MetaError::new(path, error))?;
        let decoded = bytes.map(|bytes| codec::decode(&bytes)).transpose();
        let value = decoded.map_err(|error| {
            MetaError::new(path, format!("{error}; was it written by another version of this program?"))
        })?;
        Ok(Self { world: world.clone(), slots: Arc::new(Mutex::new(slots)), path: path.to_owned(), value })
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
        let bytes = codec::encode(&value);
        let slots = Arc::clone(&self.slots);
        let store = move || -> io::Result<()> { slots.lock().expect("no holder panics").store(&bytes) };
        self.world.writers.run(store).await.map_err(|error| MetaError::new(&self.path, error))?;
        self.value = Some(value);
        Ok(())
    }
}

impl<T> fmt::Debug for TwoSlotFile<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TwoSlotFile({})", self.path.display())
    }
}

#[cfg(test)]
mod tests;
