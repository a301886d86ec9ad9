//! Checkpoints in sled: the only file that knows it.
//!
//! sled 0.34.7 calls `sync_file_range(2)`, not fsync: what it flushed survives kill -9, but not a power cut. So nothing
//! may be kept here that must not be stale. It is no longer developed; whatever replaces it implements one small trait.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;

use super::{Checkpoints, MetaError};

/// Checkpoints on a real disk.
pub struct SledCheckpoints(sled::Db);

/// Checkpoints are few and small: sled's default of 1 GiB would be for nothing.
const CACHE_BYTES: u64 = 8 * 1024 * 1024;
/// sled fsyncs its file each time, even when nothing was put: its default of 0.5 s would be in the way of the log's own
/// syncs, on every node. What is put reaches the disk so much later at most; it may be stale.
const FLUSH_EVERY_MS: u64 = 10_000;
/// A child process between its fork and its exec still holds the lock of a store that was closed, for some milliseconds:
/// sled gives its lock back only by closing the file. A second process of ours is refused before, at the data directory.
const LOCK_TRIES: u32 = 100;
const TRY_AGAIN_AFTER: Duration = Duration::from_millis(10);

impl SledCheckpoints {
    /// Opens the store in `dir`, or makes it. A damaged one is replaced by an empty one: all in it may be gone.
    ///
    /// # Errors
    /// [`MetaError`] when the directory cannot be used, or another process uses it and goes on to for a second.
    pub fn open(dir: &Path) -> Result<Self, MetaError> {
        Self::open_with(dir, || std::thread::sleep(TRY_AGAIN_AFTER))
    }

    /// As [`Self::open`], with what is done between two tries to get the lock.
    pub(super) fn open_with(dir: &Path, mut between: impl FnMut()) -> Result<Self, MetaError> {
        let mut opened = Self::open_once(dir);
        for _ in 1..LOCK_TRIES {
            // sled says only in words that it was the lock.
            let Err(sled::Error::Io(error)) = &opened else { break };
            if !error.to_string().contains("could not acquire lock") {
                break;
            }
            between();
            opened = Self::open_once(dir);
        }
        opened.map_err(|error| MetaError::new(dir, error))
    }

    fn open_once(dir: &Path) -> Result<Self, sled::Error> {
        let config =
            sled::Config::new().path(dir).cache_capacity(CACHE_BYTES).flush_every_ms(Some(FLUSH_EVERY_MS));
        let opened = match config.open() {
            Err(sled::Error::Corruption { .. }) => {
                tracing::warn!(dir = %dir.display(), "the checkpoint store is damaged; starting with an empty one");
                std::fs::remove_dir_all(dir)?;
                config.open()
            }
            opened => opened,
        };
        opened.map(Self)
    }
}

/// Whether there is a store in `dir`.
pub(super) fn is_store(dir: &Path) -> bool {
    dir.join("conf").is_file() && dir.join("db").is_file()
}

impl SledCheckpoints {
    /// All there is. What cannot be read is left out.
    pub(super) fn all(&self) -> BTreeMap<String, Bytes> {
        let sound = self.0.iter().filter_map(Result::ok);
        let named = sound.filter_map(|(key, value)| {
            let key = std::str::from_utf8(&key).ok()?.to_owned();
            Some((key, Bytes::copy_from_slice(&value)))
        });
        named.collect()
    }

    /// Hands what was put to the operating system now.
    #[cfg(test)]
    pub(super) fn flush(&self) {
        self.0.flush().expect("the disk takes it");
    }
}

impl Checkpoints for SledCheckpoints {
    fn get(&self, key: &str) -> Option<Bytes> {
        match self.0.get(key) {
            Ok(value) => value.map(|value| Bytes::copy_from_slice(&value)),
            Err(error) => {
                tracing::warn!(key, %error, "a checkpoint cannot be read; going on without it");
                None
            }
        }
    }

    fn put(&self, key: &str, value: Bytes) {
        if let Err(error) = self.0.insert(key, &*value) {
            tracing::warn!(key, %error, "a checkpoint cannot be written; the next recovery takes longer");
        }
    }
}

impl std::fmt::Debug for SledCheckpoints {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SledCheckpoints")
    }
}
