//! Where a consumer begins, whom it reads, and how long it waits.

use std::sync::Arc;
use std::time::Duration;

use crate::ids::{ByteSize, Offset};
use crate::partition::{Isolation, Partition};

/// Where to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At the first record there is.
    Earliest,
    /// Behind all that is committed when the consumer is made.
    Latest,
    /// At this offset.
    At(Offset),
}

/// Who is read.
#[derive(Clone, Debug)]
pub enum Source {
    /// The leader, and what it returns.
    Leader(Isolation),
    /// This replica, whatever it is, and what it knows to be committed.
    Replica(Arc<dyn Partition>),
}

/// What to do when the log no longer has the records that come next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trimmed {
    /// Fail: whoever reads decides ([`Consumer::seek`](super::Consumer::seek)).
    #[default]
    Fail,
    /// Go on where the log begins, and say so ([`Polled::Skipped`](super::Polled::Skipped)).
    GoOn,
}

/// How a consumer reads.
#[derive(Clone, Debug)]
pub struct ConsumerConfig {
    /// Where to begin. Default: at the first record there is.
    pub start: Start,
    /// Who is read. Default: the leader, and what is committed.
    pub source: Source,
    /// What to do about records that are gone.
    pub trimmed: Trimmed,
    /// About how much one read returns; twice that is held, as the next one is on its way. Default: 1 MiB.
    pub fetch: ByteSize,
    /// How long a read waits at the other end for data (Kafka's `fetch.max.wait.ms`). Default: 500 ms.
    pub wait: Duration,
    /// For how long a failed read is made again before the caller is told. Default: 30 s.
    pub patience: Duration,
}

impl Default for ConsumerConfig {
    fn default() -> Self {
        Self {
            start: Start::Earliest,
            source: Source::Leader(Isolation::Committed),
            trimmed: Trimmed::Fail,
            fetch: ByteSize::mib(1),
            wait: Duration::from_millis(500),
            patience: Duration::from_secs(30),
        }
    }
}
