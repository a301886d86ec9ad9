//! Reads the committed metadata records in order, for whoever applies them: a controller or a broker.

use std::sync::Arc;
use std::time::Duration;

use partition::error::ReadError;
use partition::ids::{ByteSize, Offset};
use partition::partition::{Isolation, Partition, Read};
use partition::world::World;
use tokio::sync::mpsc;

use super::command::Record;

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
    /// Committed records, in order.
    Records(Vec<(Offset, Record)>),
    /// Nothing more can be read, ever, by this program.
    Failed(String),
}

/// Reads from the first record on, as long as the receiver is kept.
pub(super) fn follow(world: &World, metadata: Arc<dyn Partition>) -> mpsc::Receiver<Followed> {
    let (out, records) = mpsc::channel(READS_MAX);
    let clock = world.clock.clone();
    world.tasks.spawn(async move {
        let mut next = Offset::ZERO;
        loop {
            let read =
                Read { from: next, max_bytes: READ_BYTES, isolation: Isolation::Committed, wait: READ_WAIT };
            let followed = match metadata.read(read).await {
                Ok(fetched) if fetched.batches.is_empty() => continue,
                Ok(fetched) => match fetched.batches.verified() {
                    Ok(batches) => {
                        let after = batches.last().map_or(next, partition::record::Batch::next_offset);
                        let values = fetched.batches.values_from(next);
                        next = after;
                        values.and_then(decoded).map_or_else(Followed::Failed, Followed::Records)
                    }
                    Err(error) => {
                        tracing::warn!(%error, "a damaged read of the metadata partition; reading again");
                        clock.sleep(READ_BACKOFF).await;
                        continue;
                    }
                },
                Err(ReadError::OutOfRange { start, .. }) if next < start => {
                    Followed::Failed(format!("metadata records {next} to {start} were trimmed (H-15)"))
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

fn decoded(values: Vec<(Offset, bytes::Bytes)>) -> Result<Vec<(Offset, Record)>, String> {
    let record = |(at, value): (Offset, bytes::Bytes)| match Record::decode(&value) {
        Ok(record) => Ok((at, record)),
        Err(error) => Err(format!("metadata record {at}: {error}; is this program too old?")),
    };
    values.into_iter().map(record).collect()
}
