//! A leader that does as it is told: takes, refuses, loses, delays; with the log's own table of producers.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{self, BoxFuture};

use crate::error::{AppendError, Doubt, ReadError, Refusal};
use crate::ids::{Epoch, Offset};
use crate::log::{Producers, SequenceCheck};
use crate::partition::{Acks, Append, Appended, Fetched, Partition, Placement, Read, Status, Tail};
use crate::record::{Batch, ProducerStamp};
use crate::world::World;

/// How long an answer takes.
pub(super) const LATENCY: Duration = Duration::from_millis(2);

/// What becomes of one append.
#[derive(Clone, Debug)]
pub(super) enum Manner {
    /// It is taken and acknowledged.
    Takes,
    Refuses(Refusal),
    /// It is taken, and the answer is lost.
    LosesAnswer,
    /// It never arrives, and the sender does not know.
    LosesRequest,
    /// The sender is told that the connection was lost; then it arrives all the same.
    Delays(Duration),
    /// It arrives late, and is taken and acknowledged then.
    Arrives(Duration),
    /// What is not acknowledged yet is cut away, as when a leader changes; then it is taken.
    ChangesLeader,
}

#[derive(Default)]
struct Inner {
    script: VecDeque<Manner>,
    manner_after: Option<Manner>,
    log: Vec<Batch>,
    producers: Producers,
    committed: Offset,
    generation: u64,
    attempts: Vec<Option<ProducerStamp>>,
}

impl Inner {
    fn end(&self) -> Offset {
        self.log.last().map_or(Offset::ZERO, Batch::next_offset)
    }

    fn place(&mut self, batch: &Batch) -> Placed {
        match batch.producer().map(|stamp| self.producers.check(stamp, batch.record_count())) {
            Some(SequenceCheck::Duplicate { placement, end }) => return Ok((placement, end)),
            Some(SequenceCheck::Refused(refusal)) => return Err(refusal),
            Some(SequenceCheck::Next) | None => {}
        }
        let placement = Placement { base: self.end(), epoch: Epoch(1) };
        let placed = batch.placed(placement.base, placement.epoch);
        self.producers.note(&placed);
        let end = placed.next_offset();
        self.log.push(placed);
        Ok((placement, end))
    }

    fn cut(&mut self, end: Offset) {
        self.log.retain(|batch| batch.base_offset() < end);
        self.producers.truncate(end);
        self.generation += 1;
    }
}

#[derive(Clone)]
pub(super) struct Fake {
    world: World,
    inner: Arc<Mutex<Inner>>,
}

impl Fake {
    pub(super) fn new(world: &World, script: impl IntoIterator<Item = Manner>) -> Self {
        let inner = Inner { script: script.into_iter().collect(), ..Inner::default() };
        Self { world: world.clone(), inner: Arc::new(Mutex::new(inner)) }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    /// What happens to the next appends; then to all further ones.
    pub(super) fn behaves(&self, script: impl IntoIterator<Item = Manner>, after: Manner) {
        let mut inner = self.inner();
        inner.script = script.into_iter().collect();
        inner.manner_after = Some(after);
    }

    /// Loses what lies from there on, acknowledged or not.
    pub(super) fn loses_from(&self, end: Offset) {
        let mut inner = self.inner();
        inner.committed = inner.committed.min(end);
        inner.cut(end);
    }

    /// Knows no producer any more, nor whether there were any.
    pub(super) fn forgets(&self) {
        self.inner().producers = Producers::partial();
    }

    pub(super) fn values(&self) -> Vec<String> {
        let text = |value: Option<Bytes>| String::from_utf8(value.unwrap().to_vec()).unwrap();
        let inner = self.inner();
        let records = inner.log.iter().flat_map(|batch| batch.unpacked().unwrap());
        records.map(|record| text(record.unwrap().value)).collect()
    }

    pub(super) fn log(&self) -> Vec<Batch> {
        self.inner().log.clone()
    }

    /// The stamps of all appends, in the order in which they came.
    pub(super) fn attempts(&self) -> Vec<Option<ProducerStamp>> {
        self.inner().attempts.clone()
    }

    /// Answers when the append is committed, unless it was cut away before.
    async fn commits(self, generation: u64, placed: Placed, acks: Acks) -> Outcome {
        self.world.clock.sleep(LATENCY).await;
        let (placement, end) = placed?;
        let mut inner = self.inner();
        if inner.generation != generation && inner.committed < end {
            return Err(Doubt::LeaderChanged.into());
        }
        inner.committed = inner.committed.max(end);
        match acks {
            Acks::Nobody => Ok(Appended::Unplaced),
            Acks::Leader | Acks::Committed => Ok(Appended::Placed(placement)),
        }
    }
}

type Placed = Result<(Placement, Offset), Refusal>;
type Outcome = Result<Appended, AppendError>;

fn lost() -> AppendError {
    Doubt::Disconnected("on purpose".to_owned()).into()
}

impl Partition for Fake {
    fn append(&self, append: Append) -> BoxFuture<'static, Outcome> {
        let mut inner = self.inner();
        inner.attempts.push(append.batch.producer());
        let after = inner.manner_after.clone().unwrap_or(Manner::Takes);
        let manner = inner.script.pop_front().unwrap_or(after);
        let clock = self.world.clock.clone();
        match manner {
            Manner::Takes => {}
            Manner::Refuses(refusal) => {
                return async move { clock.sleep(LATENCY).map(|()| Err(refusal.into())).await }.boxed();
            }
            Manner::LosesRequest => return clock.sleep(LATENCY).map(|()| Err(lost())).boxed(),
            Manner::LosesAnswer => {
                let answer = match inner.place(&append.batch) {
                    Ok(_) => Err(lost()),
                    Err(refusal) => Err(refusal.into()),
                };
                return clock.sleep(LATENCY).map(move |()| answer).boxed();
            }
            Manner::Delays(by) => {
                let fake = self.clone();
                self.world.tasks.spawn(async move {
                    fake.world.clock.sleep(by).await;
                    let _ = fake.inner().place(&append.batch);
                });
                return clock.sleep(LATENCY).map(|()| Err(lost())).boxed();
            }
            Manner::Arrives(by) => {
                let fake = self.clone();
                return async move {
                    fake.world.clock.sleep(by).await;
                    let (generation, placed) = {
                        let mut inner = fake.inner();
                        (inner.generation, inner.place(&append.batch))
                    };
                    fake.commits(generation, placed, append.acks).await
                }
                .boxed();
            }
            Manner::ChangesLeader => {
                let end = inner.committed;
                inner.cut(end);
            }
        }
        let (generation, placed) = (inner.generation, inner.place(&append.batch));
        drop(inner);
        self.clone().commits(generation, placed, append.acks).boxed()
    }

    fn read(&self, _: Read) -> BoxFuture<'static, Result<Fetched, ReadError>> {
        future::ready(Err(ReadError::NoSuchPartition)).boxed()
    }

    fn tail(&self, _: Duration) -> BoxFuture<'static, Result<Tail, ReadError>> {
        future::ready(Err(ReadError::NoSuchPartition)).boxed()
    }

    fn trim(&self, _: Offset, _: Duration) -> BoxFuture<'static, Result<Offset, ReadError>> {
        future::ready(Err(ReadError::NoSuchPartition)).boxed()
    }

    fn status(&self) -> BoxFuture<'static, Result<Status, ReadError>> {
        future::ready(Err(ReadError::NoSuchPartition)).boxed()
    }
}

impl std::fmt::Debug for Fake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fake")
    }
}
