//! The load on one system: a producer that knows its duplicates again, a reader, a client that asks for the tail, and one that
//! trims. Whatever they are told goes to the checker.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use partition::client::producer::{Delivered, Fate, NewRecord, Producer, ProducerConfig};
use partition::clock::{Clock, ExactTimer, Moment};
use partition::error::ReadError;
use partition::ids::{ByteSize, Offset};
use partition::partition::{Acks, Isolation, Partition, Read};
use partition::world::World;

use super::board::Board;
use super::light::light;
use super::pulse::Ended;
use super::settings::Pace;
use crate::checker::Watch;
use crate::history::{ClientId, Outcome, Recorder, Sender, Value, View};
use crate::system::System;

/// Appends on their way at once: more would only wait. What is due beyond it is not sent.
const WAITING_MAX: usize = 1024;
/// When an append is given up: longer than a failover takes, so that one hides none.
const DELIVERY: Duration = Duration::from_secs(6);
/// How long one attempt may take before it is made again elsewhere.
const ATTEMPT: Duration = Duration::from_secs(2);
/// What each record takes: an event of a few fields.
const RECORD_BYTES: usize = 100;
/// How much one read brings.
const READ_BYTES: ByteSize = ByteSize::kib(256);
/// How long a read waits for data.
const READ_WAIT: Duration = Duration::from_millis(500);
/// How long the reader rests between two reads, so that one brings many records.
const READ_REST: Duration = Duration::from_millis(100);
/// How often the tail is asked for.
const TAIL_INTERVAL: Duration = Duration::from_secs(1);
/// How often the light is set.
const JUDGE_INTERVAL: Duration = Duration::from_millis(500);
/// How often logs are trimmed.
const TRIM_INTERVAL: Duration = Duration::from_secs(20);
/// Records that are left when they are: a log of an hour at the usual rate, so that whoever was away for long finds its place.
pub(super) const KEPT_RECORDS: u64 = 500_000;
/// How long a client waits for an answer.
const PATIENCE: Duration = Duration::from_secs(3);

const PRODUCER: ClientId = ClientId(1);
const READER: ClientId = ClientId(2);
const TAILER: ClientId = ClientId(3);
const TRIMMER: ClientId = ClientId(4);

/// The clients of one system.
#[derive(Debug)]
pub(super) struct Drive {
    pub(super) system: System,
    pub(super) pace: Pace,
    pub(super) world: World,
    pub(super) partition: Arc<dyn Partition>,
    pub(super) recorder: Recorder<Watch>,
    pub(super) board: Arc<Board>,
    /// Records that the reader was shown.
    pub(super) read_back: AtomicU64,
}

impl Drive {
    /// Works until dropped. The timer is for the producer: what a coarser one is late would count as latency.
    pub(super) async fn work(self, mut timer: ExactTimer) {
        let start = self.end_of_log().await;
        tokio::select! {
            biased;
            () = self.produce(&mut timer) => {}
            () = self.read_from(start) => {}
            () = self.ask_for_tails() => {}
            () = self.trim() => {}
            () = self.judge() => {}
        }
    }

    async fn end_of_log(&self) -> Offset {
        loop {
            if let Ok(tail) = self.partition.tail(PATIENCE).await {
                return tail.offset;
            }
            self.world.clock.sleep(READ_REST).await;
        }
    }

    async fn produce(&self, timer: &mut ExactTimer) {
        let config = ProducerConfig {
            acks: Acks::Committed,
            linger: Duration::ZERO,
            attempt: ATTEMPT,
            delivery: DELIVERY,
            ..ProducerConfig::default()
        };
        let producer = Producer::start(&self.world, Arc::clone(&self.partition), &config)
            .expect("Kafka's sizes and a linger of nothing are a legal setting");
        let clock = self.world.clock.clone();
        let mut source = Source::new(self.world.random.seed());
        let mut waiting = FuturesUnordered::new();
        let mut due = clock.now();
        loop {
            let has_room = match self.pace {
                Pace::Rate(_) => true,
                Pace::Closed(most) => waiting.len() < usize::try_from(most.get()).unwrap_or(usize::MAX),
            };
            let next = match self.pace {
                Pace::Rate(_) => due,
                Pace::Closed(_) => clock.now(),
            };
            tokio::select! {
                biased;
                Some(ended) = waiting.next(), if !waiting.is_empty() => {
                    self.board.count(self.system, waiting.len(), |pulse| pulse.count(ended, clock.now()));
                }
                () = timer.wait_until(next), if has_room => {
                    if waiting.len() < WAITING_MAX {
                        waiting.push(self.send(&producer, source.next(), next));
                        self.board.count(self.system, waiting.len(), |_| {});
                    } else {
                        // It was due, and nobody could take it.
                        self.board.count(self.system, waiting.len(), |pulse| pulse.count(Ended::Failed, clock.now()));
                    }
                    if let Pace::Rate(rate) = self.pace {
                        // What could not be sent in time is not sent later in one burst.
                        let gap = Duration::from_secs(1) / rate.max(1);
                        due = due.after(gap);
                        if clock.now().since(due) > Duration::from_secs(1) {
                            due = clock.now();
                        }
                    }
                }
            }
        }
    }

    /// Sends it now; the future is how it ended, counted from when it was due.
    fn send(&self, producer: &Producer, record: Bytes, due: Moment) -> BoxFuture<'static, Ended> {
        let value = Value::of(&record);
        let call = self.recorder.append(PRODUCER, vec![value], Acks::Committed, Sender::Idempotent);
        let receipt = producer.try_send(NewRecord::of_value(record));
        let clock: Clock = self.world.clock.clone();
        Box::pin(async move {
            let fate: Fate = match receipt {
                Ok(receipt) => receipt.await,
                Err(_) => {
                    call.ended(Outcome::Failed);
                    return Ended::Failed;
                }
            };
            let (outcome, ended) = match fate {
                Ok(Delivered::At { offset, epoch }) => (
                    Outcome::Acked { base: offset, epoch: Some(epoch) },
                    Ended::Acked(clock.now().since(due)),
                ),
                Ok(Delivered::Unheard) => (Outcome::Sent, Ended::Unknown),
                Err(error) if error.may_appear() => (Outcome::Unknown, Ended::Unknown),
                Err(_) => (Outcome::Failed, Ended::Failed),
            };
            call.ended(outcome);
            ended
        })
    }

    async fn read_from(&self, start: Offset) {
        let mut from = start;
        loop {
            let call = self.recorder.read(READER, from, View::Committed);
            let read = Read { from, max_bytes: READ_BYTES, isolation: Isolation::Committed, wait: READ_WAIT };
            let answer = self.partition.read(read).await;
            // Bytes that are no records are no evidence; the next read says it again.
            let _ = call.answered(&answer);
            match answer {
                Ok(fetched) => {
                    for batch in fetched.batches.iter().filter_map(Result::ok) {
                        self.board.read(self.system, batch.epoch(), batch.base_offset());
                    }
                    let end = fetched.batches.end().ok().flatten().unwrap_or(from).max(from);
                    self.read_back.fetch_add(end.since(from), Ordering::Relaxed);
                    from = end;
                }
                Err(ReadError::OutOfRange { start, .. }) if start > from => from = start,
                Err(_) => {}
            }
            self.world.clock.sleep(READ_REST).await;
        }
    }

    async fn judge(&self) {
        loop {
            let read_back = self.read_back.load(Ordering::Relaxed);
            let light = self.recorder.with(|watch| light(&watch.report(), read_back));
            self.board.look(self.system, |seen| seen.light = light);
            self.world.clock.sleep(JUDGE_INTERVAL).await;
        }
    }

    async fn ask_for_tails(&self) {
        loop {
            let call = self.recorder.tail(TAILER);
            call.answered(&self.partition.tail(PATIENCE).await);
            self.world.clock.sleep(TAIL_INTERVAL).await;
        }
    }

    async fn trim(&self) {
        loop {
            self.world.clock.sleep(TRIM_INTERVAL).await;
            let Ok(status) = self.partition.status().await else { continue };
            let to = Offset(status.high_watermark.0.saturating_sub(KEPT_RECORDS));
            if to > status.log_start {
                let call = self.recorder.trim(TRIMMER, to);
                call.answered(&self.partition.trim(to, PATIENCE).await);
            }
        }
    }
}

/// Records that no run makes twice: a number of its own for each, and one for each run.
#[derive(Debug)]
pub(super) struct Source {
    run: u64,
    next: u64,
}

impl Source {
    pub(super) fn new(run: u64) -> Self {
        Self { run, next: 0 }
    }

    pub(super) fn next(&mut self) -> Bytes {
        let mut record = Vec::with_capacity(RECORD_BYTES);
        record.extend_from_slice(&self.run.to_be_bytes());
        record.extend_from_slice(&self.next.to_be_bytes());
        record.resize(RECORD_BYTES, b'.');
        self.next += 1;
        Bytes::from(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_records_are_alike_within_a_run_or_between_runs() {
        let (mut one, mut other) = (Source::new(1), Source::new(2));
        let mut values: Vec<Value> =
            (0..100).flat_map(|_| [one.next(), other.next()]).map(|record| Value::of(&record)).collect();
        values.sort_unstable();
        values.dedup();
        assert_eq!(values.len(), 200);
    }
}
