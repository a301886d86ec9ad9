//! How much of what is asked a node holds at once: a bound for all connections, of which each has a share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::ids::ByteSize;

/// Bytes of requests of one connection that are being answered. Beyond it nothing is read, and TCP slows the sender down.
const IN_FLIGHT_BYTES_MAX: ByteSize = ByteSize::mib(64);
/// Bytes of requests of all connections together: most of what a node holds for others, so it bounds the node's memory
/// whatever number of clients there is.
const HELD_BYTES_MAX: ByteSize = ByteSize::mib(256);
/// What one connection may always have, whatever the others hold: appends that wait for a follower's word must not keep that
/// word from being read.
const OWN_BYTES: ByteSize = ByteSize::mib(1);
/// Bytes of requests that all connections of a listener hold together.
#[derive(Debug, Default)]
pub(super) struct Held(AtomicU64);

/// What one connection holds of them; given back when it ends.
pub(super) struct Share {
    all: Arc<Held>,
    own: ByteSize,
}

impl Share {
    pub(super) fn of(all: &Arc<Held>) -> Self {
        Self { all: Arc::clone(all), own: ByteSize::ZERO }
    }

    /// Whether the connection may have another request answered.
    pub(super) fn has_room(&self) -> bool {
        self.own < OWN_BYTES || (self.own < IN_FLIGHT_BYTES_MAX && !self.is_crowded())
    }

    /// Whether all connections together hold as much as they may.
    pub(super) fn is_crowded(&self) -> bool {
        self.all.0.load(Ordering::Relaxed) >= HELD_BYTES_MAX.0
    }

    pub(super) fn take(&mut self, size: ByteSize) {
        self.own.0 += size.0;
        self.all.0.fetch_add(size.0, Ordering::Relaxed);
    }

    pub(super) fn give_back(&mut self, size: ByteSize) {
        self.own.0 -= size.0;
        self.all.0.fetch_sub(size.0, Ordering::Relaxed);
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.all.0.fetch_sub(self.own.0, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_connections_together_hold_a_bounded_part_and_each_keeps_a_little_of_its_own() {
        let held = Arc::default();
        let mut greedy: Vec<Share> = (0..8).map(|_| Share::of(&held)).collect();
        for share in &mut greedy {
            while share.has_room() {
                share.take(ByteSize::mib(4));
            }
        }
        let sum: u64 = greedy.iter().map(|share| share.own.0).sum();
        // The last request of each may begin below its limit.
        assert!(sum <= HELD_BYTES_MAX.0 + 8 * ByteSize::mib(4).0, "{sum}");
        assert!(greedy[0].own <= IN_FLIGHT_BYTES_MAX);
        let mut late = Share::of(&held);
        assert!(late.has_room(), "a follower's report is read, whatever the clients wait for");
        late.take(OWN_BYTES);
        assert!(late.is_crowded() && !late.has_room());
        drop(greedy);
        assert!(late.has_room());
    }
}
