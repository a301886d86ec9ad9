//! What was consumed for each acknowledged byte or record.

use serde::{Deserialize, Serialize};

use super::cell::{Cell, Split};

/// What was consumed for each acknowledged byte or record.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PerAck {
    /// Microseconds of CPU time a record.
    pub cpu_us: Split<f64>,
    /// Bytes written to logs for each byte of a record's value.
    pub written: Split<f64>,
    /// Bytes sent in frames for each byte of a record's value.
    pub sent: Split<f64>,
    /// Syncs of logs a record.
    pub syncs: Split<f64>,
}

impl PerAck {
    /// That of a cell; none where nothing was acknowledged.
    #[must_use]
    pub fn of(cell: &Cell) -> Option<Self> {
        let records = cell.acked as f64;
        let bytes = records * cell.record_bytes as f64;
        (cell.acked > 0 && cell.record_bytes > 0).then(|| Self {
            cpu_us: cell.cpu_seconds.map(|seconds| seconds * 1e6 / records),
            written: cell.written_bytes.map(|written| written as f64 / bytes),
            sent: cell.sent_bytes.map(|sent| sent as f64 / bytes),
            syncs: cell.syncs.map(|syncs| syncs as f64 / records),
        })
    }
}

impl<T: Copy> Split<T> {
    /// The same of each part that is known.
    pub(crate) fn map<U>(self, each: impl Fn(T) -> U) -> Split<U> {
        let Self { replicas, controllers, client } = self;
        Split {
            replicas: replicas.map(&each),
            controllers: controllers.map(&each),
            client: client.map(&each),
        }
    }
}
