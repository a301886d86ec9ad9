//! PURE: gathers records into batches, until one is full or has lingered long enough.

use std::collections::VecDeque;
use std::time::Duration;

use super::config::ProducerConfig;
use crate::clock::Moment;
use crate::ids::{ByteSize, RecordCount};
use crate::record::{BatchBuilder, Header};

/// A record on its way to a log: what a batch says about it before it has a place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewRecord {
    /// Its key, if it has one.
    pub key: Option<bytes::Bytes>,
    /// What it says; none marks a deletion.
    pub value: Option<bytes::Bytes>,
    /// Milliseconds since 1970; without one it is given the time at which it was taken.
    pub time_ms: Option<i64>,
    /// Further headers, in order.
    pub headers: Vec<Header>,
}

/// What a record takes in a batch beside its bytes, at most: seven numbers of variable width, and the attributes.
const OVERHEAD_MAX: usize = 64;
/// The same for each header.
const HEADER_OVERHEAD_MAX: usize = 10;

impl NewRecord {
    /// A record that has only a value.
    #[must_use]
    pub fn of_value(value: impl Into<bytes::Bytes>) -> Self {
        Self { value: Some(value.into()), ..Self::default() }
    }

    /// What it takes in a batch, at most.
    pub(super) fn size(&self) -> ByteSize {
        let length = |bytes: &Option<bytes::Bytes>| bytes.as_ref().map_or(0, bytes::Bytes::len);
        let header = |header: &Header| header.key.len() + length(&header.value) + HEADER_OVERHEAD_MAX;
        let headers: usize = self.headers.iter().map(header).sum();
        ByteSize((length(&self.key) + length(&self.value) + headers + OVERHEAD_MAX) as u64)
    }
}

/// The place of a batch in the order of a producer's batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Serial(pub(super) u64);

/// Records that go together, and who waits for each of them.
#[derive(Debug)]
pub(super) struct Gathered<W> {
    pub(super) serial: Serial,
    pub(super) builder: BatchBuilder,
    pub(super) waiters: Vec<W>,
    /// When its oldest record is late.
    pub(super) deadline: Moment,
    ripe_at: Moment,
    lid: Lid,
}

/// Whether records are added to a batch: also to one that may leave, as long as it cannot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lid {
    Open,
    Closed,
}

/// The batches that have not left yet: the last one is open, the others are full.
#[derive(Debug)]
pub(super) struct Gatherer<W> {
    linger: Duration,
    delivery: Duration,
    bytes: ByteSize,
    records: RecordCount,
    waiting: VecDeque<Gathered<W>>,
    next: Serial,
}

impl<W> Gatherer<W> {
    pub(super) fn new(config: &ProducerConfig) -> Self {
        Self {
            linger: config.linger,
            delivery: config.delivery,
            bytes: config.batch_bytes,
            records: config.batch_records,
            waiting: VecDeque::new(),
            next: Serial(0),
        }
    }

    /// Adds a record to the open batch, or opens one with it.
    pub(super) fn add(&mut self, record: &NewRecord, waiter: W, now: Moment, wall_ms: i64) {
        let time_ms = record.time_ms.unwrap_or(wall_ms);
        let room = |open: &Gathered<W>| {
            let size = ByteSize(open.builder.size().0 + record.size().0);
            open.lid == Lid::Open && open.builder.record_count() < self.records && size <= self.bytes
        };
        if !self.waiting.back().is_some_and(room) {
            self.close();
            self.waiting.push_back(Gathered {
                serial: self.next,
                builder: BatchBuilder::new(time_ms),
                waiters: Vec::new(),
                deadline: now.after(self.delivery),
                ripe_at: now.after(self.linger),
                lid: Lid::Open,
            });
            self.next = Serial(self.next.0 + 1);
        }
        let open = self.waiting.back_mut().expect("one was opened if there was none");
        let (key, value) = (record.key.as_deref(), record.value.as_deref());
        open.builder.push(time_ms, key, value, &record.headers);
        open.waiters.push(waiter);
        if open.builder.size() >= self.bytes || open.builder.record_count() >= self.records {
            self.close();
        }
    }

    /// Nothing is added to the open batch any more: it may leave at once.
    pub(super) fn close(&mut self) {
        if let Some(open) = self.waiting.back_mut() {
            (open.ripe_at, open.lid) = (Moment::default(), Lid::Closed);
        }
    }

    /// The next batch that may leave.
    pub(super) fn take_ripe(&mut self, now: Moment) -> Option<Gathered<W>> {
        self.waiting.pop_front_if(|first| first.ripe_at <= now)
    }

    /// When the next batch may leave.
    pub(super) fn ripe_at(&self) -> Option<Moment> {
        self.waiting.front().map(|first| first.ripe_at)
    }

    /// When the next batch is late.
    pub(super) fn late_at(&self) -> Option<Moment> {
        self.waiting.front().map(|first| first.deadline)
    }

    /// A batch that is late: it never left.
    pub(super) fn take_late(&mut self, now: Moment) -> Option<Gathered<W>> {
        self.waiting.pop_front_if(|first| first.deadline <= now)
    }

    /// The oldest batch that has not left, or the one that will be opened next.
    pub(super) fn oldest(&self) -> Serial {
        self.waiting.front().map_or(self.next, |first| first.serial)
    }

    /// The batch that will be opened next.
    pub(super) fn next(&self) -> Serial {
        self.next
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// All that has not left.
    pub(super) fn take_all(&mut self) -> VecDeque<Gathered<W>> {
        std::mem::take(&mut self.waiting)
    }
}
