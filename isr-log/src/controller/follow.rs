//! Reads the committed metadata records in order, for whoever applies them: a controller or a broker.

use std::sync::Arc;
use std::time::Duration;

use partition::error::ReadError;
use partition::ids::{ByteSize, Offset};
use partition::partition::{Isolation, Partition, Read};
use partition::record::Batch;
use partition::world::World;
use tokio::sync::mpsc;

use super::command::{Command, Record};
use crate::mutant::{Mutant, Mutated};

/// Reads that wait to be applied.
const READS_MAX: usize = 16;
/// About how much is read at once: some thousand records.
const READ_BYTES: ByteSize = ByteSize::kib(256);
/// How long a read waits for a record before it asks anew: a leader that hangs is noticed after that. Kafka's fetch waits as long.
const READ_WAIT: Duration = Duration::from_millis(500);
/// How long to wait after a read failed.
const READ_BACKOFF: Duration = Duration::from_millis(20);

/// What was read.
#[derive(Debug)]
pub(super) enum Followed {
    /// Committed records, in order, and where the read ended: what lies between may be no record.
    Records { records: Vec<(Offset, Record)>, to: Offset },
    /// Nothing more can be read, ever, by this program.
    Failed(String),
}

/// Reads from the first record on, or, when that was trimmed, from the snapshot with which the log begins; as long as the
/// receiver is kept.
pub(super) fn follow(
    world: &World,
    metadata: Arc<dyn Partition>,
    mutated: Mutated,
) -> mpsc::Receiver<Followed> {
    let (out, records) = mpsc::channel(READS_MAX);
    let clock = world.clock.clone();
    world.tasks.spawn(async move {
        let mut place = Place { next: Offset::ZERO, base: Base::Known };
        loop {
            let read = Read {
                from: place.next,
                max_bytes: READ_BYTES,
                isolation: Isolation::Committed,
                wait: READ_WAIT,
            };
            let followed = match metadata.read(read).await {
                Ok(fetched) if fetched.batches.is_empty() => continue,
                Ok(fetched) => match fetched.batches.verified() {
                    Ok(batches) => {
                        let after = batches.last().map_or(place.next, Batch::next_offset);
                        let values = fetched.batches.values_from(place.next);
                        place.next = after;
                        let records = values.and_then(decoded).and_then(|records| place.begin(records));
                        let followed = |records| Followed::Records { records, to: after };
                        records.map_or_else(Followed::Failed, followed)
                    }
                    Err(error) => {
                        tracing::warn!(%error, "a damaged read of the metadata partition; reading again");
                        clock.sleep(READ_BACKOFF).await;
                        continue;
                    }
                },
                Err(ReadError::OutOfRange { start, .. }) if place.next < start => {
                    let forgets = mutated.breaks(Mutant::ForgetRecords);
                    place = Place { next: start, base: if forgets { Base::Known } else { Base::Trimmed } };
                    continue;
                }
                Err(error) => {
                    tracing::debug!(%error, "cannot read the metadata partition now");
                    clock.sleep(READ_BACKOFF).await;
                    continue;
                }
            };
            let failed = matches!(followed, Followed::Failed(_));
            if out.send(followed).await.is_err() || failed {
                return;
            }
        }
    });
    records
}

/// Where a reader is.
#[derive(Clone, Copy, Debug)]
struct Place {
    next: Offset,
    base: Base,
}

/// What a reader knows of the records before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Base {
    /// All of them.
    Known,
    /// Not all: the next one has to be a snapshot of them.
    Trimmed,
}

impl Place {
    /// After a gap only a snapshot that counts may come: without it nobody knows what the records mean (H-15).
    fn begin(&mut self, records: Vec<(Offset, Record)>) -> Result<Vec<(Offset, Record)>, String> {
        let Some((at, first)) = records.first().filter(|_| self.base == Base::Trimmed) else {
            return Ok(records);
        };
        match &first.command {
            Command::Snapshot(snapshot) if snapshot.counts_at(*at) => {
                self.base = Base::Known;
                Ok(records)
            }
            _ => Err(format!(
                "metadata records below {at} were trimmed, and {at} is no snapshot of them (H-15)"
            )),
        }
    }
}

fn decoded(values: Vec<(Offset, bytes::Bytes)>) -> Result<Vec<(Offset, Record)>, String> {
    let record = |(at, value): (Offset, bytes::Bytes)| match Record::decode(&value) {
        Ok(record) => Ok((at, record)),
        Err(error) => Err(format!("metadata record {at}: {error}; is this program too old?")),
    };
    values.into_iter().map(record).collect()
}
