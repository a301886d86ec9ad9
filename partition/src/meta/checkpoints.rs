//! Checkpoints: what may be stale or gone.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use bytes::Bytes;

/// Keeps what may be stale or gone: recovery points, high watermarks, newer producer snapshots.
/// Whoever stores there stores the truncation generation with it, and discards another generation's (H-04).
pub trait Checkpoints: Send + Sync + fmt::Debug + 'static {
    /// The value last put, or an older one, or none.
    fn get(&self, key: &str) -> Option<Bytes>;

    /// Puts a value; it reaches the disk some time, or never.
    fn put(&self, key: &str, value: Bytes);
}

/// Checkpoints of a simulated node. Clones share them, so that they outlive the node.
#[derive(Clone, Debug, Default)]
pub struct MemoryCheckpoints(Arc<Mutex<BTreeMap<String, Bytes>>>);

impl MemoryCheckpoints {
    /// The same values, shared with nobody.
    #[must_use]
    pub fn copied(&self) -> Self {
        Self(Arc::new(Mutex::new(self.0.lock().expect("no holder panics").clone())))
    }

    /// Loses them all: a crash may, and nothing may go wrong then.
    pub fn clear(&self) {
        self.0.lock().expect("no holder panics").clear();
    }
}

impl Checkpoints for MemoryCheckpoints {
    fn get(&self, key: &str) -> Option<Bytes> {
        self.0.lock().expect("no holder panics").get(key).cloned()
    }

    fn put(&self, key: &str, value: Bytes) {
        self.0.lock().expect("no holder panics").insert(key.to_owned(), value);
    }
}
