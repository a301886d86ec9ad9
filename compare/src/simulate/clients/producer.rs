//! A producer: batches of one to three records, each value told apart from all others.

use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use partition::error::{AppendError, Doubt};
use partition::ids::{ProducerEpoch, ProducerId, RecordCount, Sequence};
use partition::partition::{Acks, Append, Appended, Placement};
use partition::record::{Batch, BatchBuilder, ProducerStamp};

use super::{Desk, PATIENCE};
use crate::history::{ClientId, Sender, Value};
use crate::simulate::scenario::{InDoubt, Manner};
use crate::simulate::verdict::Finding;

/// One in so many acknowledged batches is sent again, as by a client that lost the answer.
const ONE_IN_REPEATED: u64 = 16;

struct Producer<'a> {
    desk: &'a Desk,
    manner: Manner,
    /// How many values it has made: the next one's number.
    values: u64,
    /// How often it began anew under another id, because it no longer knew what its last one had written.
    lives: u64,
    sequence: Sequence,
    in_flight: FuturesUnordered<BoxFuture<'static, Answer>>,
    /// Whom the history takes for the sender of what is sent next. Nothing orders plain batches that are under way at
    /// once (one that was not appended is sent again after the others), so each of them is another's.
    names: Vec<ClientId>,
    phase: Phase,
}

/// Whether new batches are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Sending,
    /// A stamped batch was not acknowledged, so what would follow it is out of order: all answers are awaited, then
    /// another id begins.
    Draining,
}

struct Answer {
    name: ClientId,
    batch: Batch,
    outcome: Result<Appended, AppendError>,
}

pub(super) async fn produce(desk: &Desk, manner: Manner) {
    let mut producer = Producer {
        desk,
        manner,
        values: 0,
        lives: 0,
        sequence: Sequence(0),
        in_flight: FuturesUnordered::new(),
        names: (0..manner.in_flight).rev().map(|slot| name(desk, manner, slot)).collect(),
        phase: Phase::Sending,
    };
    while desk.load.goes_on() {
        let room = producer.phase == Phase::Sending && producer.in_flight.len() < manner.in_flight;
        tokio::select! {
            biased;
            Some(answer) = producer.in_flight.next() => producer.answered(answer).await,
            () = desk.rest(manner.pace), if room => producer.submit(),
            else => producer.begin_anew(),
        }
    }
    while let Some(answer) = producer.in_flight.next().await {
        producer.answered(answer).await;
    }
}

/// The name of what is sent in one of the producer's slots.
fn name(desk: &Desk, manner: Manner, slot: usize) -> ClientId {
    const SLOT: u32 = 1000;
    match manner.sender {
        Sender::Idempotent => desk.client.id,
        Sender::Plain => ClientId(desk.client.id.0 + SLOT * u32::try_from(slot).expect("a handful")),
    }
}

impl Producer<'_> {
    fn submit(&mut self) {
        let count = 1 + self.desk.world.random.below(self.manner.records_max);
        let values: Vec<Value> = (0..count).map(|_| self.value()).collect();
        let mut builder = BatchBuilder::new(self.desk.world.clock.wall_ms());
        if self.manner.sender == Sender::Idempotent {
            builder = builder.stamped(self.stamp());
            self.sequence = self.sequence.plus(RecordCount(u32::try_from(count).expect("a handful")));
        }
        for value in &values {
            builder.push_value(&value.bytes());
        }
        let batch = builder.build();
        let Manner { acks, sender, in_doubt, .. } = self.manner;
        let name = self.names.pop().expect("there is room");
        let mut call = self.desk.recorder.append(name, values, acks, sender);
        self.desk.load.appended();
        let append = Append { batch: batch.clone(), acks, timeout: PATIENCE };
        let (partition, again) = (Arc::clone(&self.desk.partition), append.clone());
        let appended = self.desk.partition.append(append);
        let overseer = self.desk.overseer.clone();
        self.in_flight.push(Box::pin(async move {
            let mut outcome = appended.await;
            let doubtful = outcome.as_ref().is_err_and(AppendError::may_appear);
            if doubtful && in_doubt == InDoubt::SendsAgain {
                call.sent_again();
                // What is refused now may have been taken before.
                outcome = partition.append(again).await.map_err(|_| AppendError::Unknown(Doubt::Timeout));
            }
            call.answered(&outcome);
            if let (Some(overseer), Acks::Committed, Ok(Appended::Placed(placement))) =
                (&overseer, acks, &outcome)
            {
                overseer.acked(&batch, *placement);
            }
            Answer { name, batch, outcome }
        }));
    }

    /// One that no other client has, and it itself had not before.
    fn value(&mut self) -> Value {
        const VALUES_BITS: u32 = 32;
        self.values += 1;
        Value(u64::from(self.desk.client.id.0) << VALUES_BITS | self.values)
    }

    fn stamp(&self) -> ProducerStamp {
        const LIVES_MAX: u64 = 1_000_000;
        let id = ProducerId(u64::from(self.desk.client.id.0) * LIVES_MAX + self.lives);
        ProducerStamp { id, epoch: ProducerEpoch(0), sequence: self.sequence }
    }

    async fn answered(&mut self, Answer { name, batch, outcome }: Answer) {
        self.names.push(name);
        if self.manner.sender == Sender::Plain {
            return;
        }
        match outcome {
            Err(_) => self.phase = Phase::Draining,
            Ok(Appended::Placed(placement))
                if self.manner.acks == Acks::Committed
                    && self.desk.world.random.below(ONE_IN_REPEATED) == 0 =>
            {
                self.repeat(batch, placement).await;
            }
            Ok(_) => {}
        }
    }

    /// Sends an acknowledged batch again: the answer may fail, but it may not name another place.
    async fn repeat(&self, batch: Batch, first: Placement) {
        let append = Append { batch, acks: self.manner.acks, timeout: PATIENCE };
        if let Ok(Appended::Placed(again)) = self.desk.partition.append(append).await
            && again.base != first.base
        {
            let client = self.desk.client.id;
            self.desk.findings.note(Finding::new(
                "duplicate",
                format!(
                    "client {client} was told offset {} for a batch, then {} for the same",
                    first.base, again.base
                ),
            ));
        }
    }

    fn begin_anew(&mut self) {
        self.lives += 1;
        self.sequence = Sequence(0);
        self.phase = Phase::Sending;
    }
}
