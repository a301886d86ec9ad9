//! How a log is kept.

use std::time::Duration;

use super::retention::Retention;
use crate::ids::ByteSize;

/// What an acknowledgement stands for on one disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum Durability {
    /// fdatasync has returned: survives a power cut.
    Synced,
    /// write(2) has returned: survives the process, not the machine.
    Cached,
}

/// How a log is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogConfig {
    /// What [`LogEvent::Stored`](super::LogEvent::Stored) stands for. Default: `Synced`.
    pub durability: Durability,
    /// A segment is sealed before it would grow beyond this. Default: 256 MiB (Kafka's `segment.bytes` is 1 GiB).
    pub segment_bytes: ByteSize,
    /// A segment is sealed before it takes a batch that is so much newer than its first one, so that retention by time
    /// works on a log that grows slowly. Default: 7 days, as Kafka's `segment.ms`.
    pub segment_age: Duration,
    /// How much of the past is kept. Default: all.
    pub retention: Retention,
    /// Under `Cached`, the log is flushed once so much was written. Default: never, as Kafka's `flush.messages`.
    pub flush_bytes: Option<ByteSize>,
    /// Under `Cached`, the log is flushed so long after a write, at the latest. Default: never, as Kafka's `flush.ms`.
    pub flush_interval: Option<Duration>,
    /// One index entry each so many bytes. Default: 4 KiB, as Kafka's `index.interval.bytes`.
    pub index_interval: ByteSize,
    /// The largest batch taken. Default: 1 MiB, as Kafka's `message.max.bytes`.
    pub batch_bytes_max: ByteSize,
    /// Appends are refused while more than this waits for the writer. Default: 64 MiB.
    pub pending_bytes_max: ByteSize,
    /// How much of the newest log stays in memory for readers. Default: 32 MiB.
    pub cache_bytes: ByteSize,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            durability: Durability::Synced,
            segment_bytes: ByteSize::mib(256),
            segment_age: Duration::from_secs(7 * 24 * 60 * 60),
            retention: Retention::default(),
            flush_bytes: None,
            flush_interval: None,
            index_interval: ByteSize::kib(4),
            batch_bytes_max: ByteSize::mib(1),
            pending_bytes_max: ByteSize::mib(64),
            cache_bytes: ByteSize::mib(32),
        }
    }
}
