//! A replica that serves what it was given, as far as it knows it to be committed, unless it is told to fail.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use futures_util::future::{self, BoxFuture};
use tokio::sync::oneshot;

use crate::error::{AppendError, ReadError, Refusal};
use crate::ids::{Epoch, Offset};
use crate::partition::{Append, Appended, Fetched, Isolation, Partition, Read, Status, Tail};
use crate::record::{Batch, BatchBuilder, Batches, ControlKind, Packing};
use crate::world::World;

const LATENCY: Duration = Duration::from_millis(1);

#[derive(Debug, Default)]
struct Inner {
    log: Vec<Batch>,
    damaged: Option<Offset>,
    start: Offset,
    known: Offset,
    troubles: VecDeque<Option<ReadError>>,
    reads: Vec<Read>,
}

#[derive(Clone, Debug)]
pub(super) struct Shelf {
    world: World,
    inner: Arc<Mutex<Inner>>,
}

impl Shelf {
    pub(super) fn new(world: &World) -> Self {
        Self { world: world.clone(), inner: Arc::default() }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    /// Adds a batch of so many records, committed; each says at which offset it lies.
    pub(super) fn add(&self, count: u32, packing: Packing) {
        let base = self.end();
        let mut builder = BatchBuilder::new(0);
        for number in 0..u64::from(count) {
            builder.push_value(format!("v{}", base.0 + number).as_bytes());
        }
        let batch = match packing {
            Packing::Plain => builder.build(),
            packing => builder.build_packed(packing.compression(), |records| packing.pack(records)),
        };
        self.push(&batch);
    }

    pub(super) fn add_control(&self) {
        self.push(&BatchBuilder::control(0, ControlKind::Blank, b""));
    }

    fn push(&self, batch: &Batch) {
        let placed = batch.placed(self.end(), Epoch(1));
        let mut inner = self.inner();
        inner.known = placed.next_offset();
        inner.log.push(placed);
    }

    pub(super) fn end(&self) -> Offset {
        self.inner().log.last().map_or(Offset::ZERO, Batch::next_offset)
    }

    /// Knows of no more than this to be committed.
    pub(super) fn knows(&self, known: Offset) {
        self.inner().known = known;
    }

    pub(super) fn trim(&self, start: Offset) {
        self.inner().start = start;
    }

    /// From now on a bit of the last batch is wrong.
    pub(super) fn damage_last(&self) {
        let base = self.inner().log.last().map(Batch::base_offset);
        self.inner().damaged = base;
    }

    /// How the next reads fail.
    pub(super) fn fails(&self, errors: impl IntoIterator<Item = ReadError>) {
        self.fails_at(errors.into_iter().map(Some));
    }

    /// Which of the next reads fail, and how.
    pub(super) fn fails_at(&self, troubles: impl IntoIterator<Item = Option<ReadError>>) {
        self.inner().troubles = troubles.into_iter().collect();
    }

    pub(super) fn reads_from(&self) -> Vec<u64> {
        self.inner().reads.iter().map(|read| read.from.0).collect()
    }

    pub(super) fn isolations(&self) -> Vec<Isolation> {
        self.inner().reads.iter().map(|read| read.isolation).collect()
    }

    /// Where client records lie.
    pub(super) fn offsets_from(&self, from: Offset) -> Vec<u64> {
        let inner = self.inner();
        let client = inner.log.iter().filter(|batch| !batch.is_control());
        let records = client.flat_map(|batch| batch.unpacked().unwrap());
        let offsets = records.map(|record| record.unwrap().offset);
        offsets.filter(|offset| *offset >= from).map(|offset| offset.0).collect()
    }

    fn look(&self, read: Read) -> Result<Fetched, ReadError> {
        let mut inner = self.inner();
        if let Some(error) = inner.troubles.pop_front().flatten() {
            return Err(error);
        }
        let (start, known) = (inner.start, inner.known);
        if read.from < start || read.from > known {
            return Err(ReadError::OutOfRange { asked: read.from, start, end: known });
        }
        let mut bytes = BytesMut::new();
        for batch in inner.log.iter().filter(|batch| batch.next_offset() > read.from) {
            let full = !bytes.is_empty() && (bytes.len() + batch.bytes().len()) as u64 > read.max_bytes.0;
            if full || batch.next_offset() > known {
                break;
            }
            bytes.extend_from_slice(batch.bytes());
            if inner.damaged == Some(batch.base_offset()) {
                *bytes.last_mut().unwrap() ^= 1;
            }
        }
        let batches = Batches::unverified(Bytes::from(bytes));
        Ok(Fetched { batches, log_start: start, high_watermark: known })
    }
}

impl Partition for Shelf {
    fn append(&self, _: Append) -> BoxFuture<'static, Result<Appended, AppendError>> {
        future::ready(Err(Refusal::NoSuchPartition.into())).boxed()
    }

    fn read(&self, read: Read) -> BoxFuture<'static, Result<Fetched, ReadError>> {
        self.inner().reads.push(read);
        let shelf = self.clone();
        let (answer, answered) = oneshot::channel();
        // As over a network: whether or not anybody asks for the answer.
        self.world.tasks.spawn(async move {
            let clock = shelf.world.clock.clone();
            let deadline = clock.now().after(read.wait);
            loop {
                clock.sleep(LATENCY).await;
                let outcome = shelf.look(read);
                let nothing = outcome.as_ref().is_ok_and(|fetched| fetched.batches.is_empty());
                if !nothing || clock.now() >= deadline {
                    let _ = answer.send(outcome);
                    return;
                }
            }
        });
        answered.map(Result::unwrap).boxed()
    }

    fn tail(&self, _: Duration) -> BoxFuture<'static, Result<Tail, ReadError>> {
        let tail = Tail { offset: self.inner().known, epoch: Epoch(1) };
        self.world.clock.sleep(LATENCY).map(move |()| Ok(tail)).boxed()
    }

    fn trim(&self, _: Offset, _: Duration) -> BoxFuture<'static, Result<Offset, ReadError>> {
        future::ready(Err(ReadError::NoSuchPartition)).boxed()
    }

    fn status(&self) -> BoxFuture<'static, Result<Status, ReadError>> {
        future::ready(Err(ReadError::NoSuchPartition)).boxed()
    }
}
