//! Where a load's records go in: as batches that are made beforehand, or one by one into a producer that gathers them.
//!
//! ```text
//!   Whole       loop ── batch of so many records ──────────────────────────────> Partition
//!   Gathering   loop ── record ──> Producer: lingers, or has a full batch ─────> Partition
//!                                  (stamps, up to 5 batches on their way)
//! ```
//! A loop counts its steps: batches of the first kind, records of the second.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{self, BoxFuture};
use partition::client::producer::{ConfigError, Fate, Producer, ProducerConfig, SendError, SubmitError};
use partition::error::AppendError;
use partition::ids::{ByteSize, RecordCount};
use partition::partition::{Acks, Append, Partition};
use partition::record::BATCH_SIZE_MAX;
use partition::world::World;

use super::closed_loop::ANSWER_WITHIN;
use super::payload::Source;

/// How records come to be batches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Gathering {
    /// They are batches when they are sent.
    #[default]
    Beforehand,
    /// A producer waits for more of them.
    Lingering(Linger),
}

/// How a producer gathers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Linger {
    /// How long the first record of a batch waits for others.
    pub wait: Duration,
    /// A batch is full with so many; by its bytes alone (Kafka's 16 KiB) where none is said.
    pub most: Option<RecordCount>,
}

impl Gathering {
    /// A longer wait measures nothing but itself.
    pub const LINGER_MAX: Duration = Duration::from_secs(1);

    /// How long the first record of a batch waits for others.
    #[must_use]
    pub fn wait(self) -> Duration {
        match self {
            Self::Beforehand => Duration::ZERO,
            Self::Lingering(linger) => linger.wait,
        }
    }
}

/// Why there is no acknowledgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unacknowledged {
    /// It is in no log, and never will be.
    NotAppended,
    /// It may be in a log.
    Unknown,
}

/// One way in. Cheap to clone: clones share it.
#[derive(Clone, Debug)]
pub enum Outlet {
    /// Takes whole batches.
    Whole(Arc<dyn Partition>),
    /// Takes single records.
    Gathering(Arc<Producer>),
}

impl Outlet {
    /// The way into this partition, of the kind asked for. A producer works as one of this world's tasks, until it is
    /// dropped and has delivered.
    ///
    /// # Errors
    /// [`ConfigError`] when no producer can work like that.
    pub fn open(
        world: &World,
        partition: Arc<dyn Partition>,
        gathering: Gathering,
        acks: Acks,
    ) -> Result<Self, ConfigError> {
        let Gathering::Lingering(Linger { wait, most }) = gathering else {
            return Ok(Self::Whole(partition));
        };
        let usual = ProducerConfig::default();
        let config = ProducerConfig {
            acks,
            linger: wait,
            batch_bytes: if most.is_some() { BATCH_SIZE_MAX } else { usual.batch_bytes },
            batch_records: most.unwrap_or(usual.batch_records),
            attempt: ANSWER_WITHIN,
            delivery: ANSWER_WITHIN + wait,
            room_wait: ANSWER_WITHIN,
            ..usual
        };
        Ok(Self::Gathering(Arc::new(Producer::start(world, partition, &config)?)))
    }

    /// How many records one step of a loop sends.
    pub(super) fn records_of_step(&self, source: &Source) -> u32 {
        match self {
            Self::Whole(_) => source.shape().records().0,
            Self::Gathering(_) => 1,
        }
    }

    /// Sends the next of `source` now; the future is its answer, and dropping it takes nothing back.
    pub(super) fn submit(
        &self,
        source: &mut Source,
        acks: Acks,
        wall_ms: i64,
    ) -> BoxFuture<'static, Result<(), Unacknowledged>> {
        match self {
            Self::Whole(partition) => {
                let append = Append { batch: source.batch(wall_ms), acks, timeout: ANSWER_WITHIN };
                partition.append(append).map(|outcome| outcome.map(drop).map_err(Into::into)).boxed()
            }
            Self::Gathering(producer) => {
                let record = source.record(wall_ms);
                match producer.try_send(record.clone()) {
                    Ok(receipt) => receipt.map(fate).boxed(),
                    // Waiting for room is a part of what the record's latency is.
                    Err(SubmitError::NoRoom { .. }) => {
                        let producer = Arc::clone(producer);
                        async move {
                            match producer.send(record).await {
                                Ok(receipt) => fate(receipt.await),
                                Err(_) => Err(Unacknowledged::NotAppended),
                            }
                        }
                        .boxed()
                    }
                    Err(_) => future::ready(Err(Unacknowledged::NotAppended)).boxed(),
                }
            }
        }
    }
}

/// The records of one batch, where a producer gathers: so many of this size are full.
#[must_use]
pub fn records_of_full_batch(gathering: Gathering, record: ByteSize, beforehand: RecordCount) -> RecordCount {
    let Gathering::Lingering(linger) = gathering else { return beforehand };
    linger.most.unwrap_or_else(|| {
        let fit = ProducerConfig::default().batch_bytes.0 / record.0.max(1);
        RecordCount(u32::try_from(fit).unwrap_or(u32::MAX).max(1))
    })
}

fn fate(fate: Fate) -> Result<(), Unacknowledged> {
    fate.map(drop).map_err(|error| match error {
        SendError::NotAppended(_) => Unacknowledged::NotAppended,
        SendError::Unknown(_) => Unacknowledged::Unknown,
    })
}

impl From<AppendError> for Unacknowledged {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::NotAppended(_) => Self::NotAppended,
            AppendError::Unknown(_) => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use partition::clock::Clock;
    use partition::error::{Doubt, Refusal};
    use partition::ids::{Epoch, Offset};
    use partition::partition::{Appended, Placement};

    use super::*;
    use crate::workload::appends::Appends;
    use crate::workload::payload::{BatchShape, Payload};
    use crate::workload::{ClosedLoop, InFlight, Span};

    /// How many records each append brought.
    type Sizes = Arc<Mutex<Vec<u32>>>;

    /// A partition that answers after 10 ms.
    fn partition(clock: &Clock, sizes: &Sizes) -> Arc<dyn Partition> {
        let (clock, sizes) = (clock.clone(), Arc::clone(sizes));
        Arc::new(Appends(move |append: Append| {
            sizes.lock().unwrap().push(append.batch.record_count().0);
            let answered = clock.sleep(Duration::from_millis(10));
            let placed = Placement { base: Offset(0), epoch: Epoch(1) };
            async move {
                answered.await;
                Ok(Appended::Placed(placed))
            }
            .boxed()
        }))
    }

    fn source() -> Source {
        Source::new(Payload::Numbered(BatchShape::new(ByteSize(64), RecordCount(1)).unwrap()), 1)
    }

    #[tokio::test(start_paused = true)]
    async fn records_that_linger_share_a_batch_and_wait_for_it() {
        let (clock, sizes) = (Clock::simulated(), Sizes::default());
        let mut world = crate::system::client_world();
        world.clock = clock.clone();
        let linger = Linger { wait: Duration::from_millis(5), most: None };
        let to = partition(&clock, &sizes);
        let outlet = Outlet::open(&world, to, Gathering::Lingering(linger), Acks::Committed).unwrap();
        let load = ClosedLoop {
            outlets: vec![outlet],
            clock,
            acks: Acks::Committed,
            in_flight: InFlight::SIXTY_FOUR,
        };
        let block = load.run(&mut source(), Span(Duration::from_millis(100))).await;
        let sizes = sizes.lock().unwrap().clone();
        assert!(sizes.iter().all(|size| *size == 64), "each round is one batch: {sizes:?}");
        assert_eq!(block.acked, sizes.iter().map(|size| u64::from(*size)).sum::<u64>());
        // Each waited 5 ms for others, then 10 ms for the answer; to a millisecond of the timer.
        let median = Duration::from_nanos(block.latencies.value_at_quantile(0.5));
        assert!((15..=18).contains(&median.as_millis()), "{median:?}");
    }

    #[test]
    fn a_batch_that_is_full_holds_as_many_as_fit() {
        let full = |most| {
            let gathering = Gathering::Lingering(Linger { wait: Duration::from_millis(1), most });
            records_of_full_batch(gathering, ByteSize::kib(1), RecordCount(1)).0
        };
        assert_eq!((full(None), full(Some(RecordCount(100)))), (16, 100));
        assert_eq!(records_of_full_batch(Gathering::Beforehand, ByteSize::kib(1), RecordCount(7)).0, 7);
    }

    /// Nobody answers, so every append is over at once: the loop must still let others run.
    #[tokio::test]
    async fn what_is_only_handed_over_lets_the_connection_have_its_turn() {
        let at_once = Appends(|_: Append| future::ready(Ok(Appended::Unplaced)).boxed());
        let load = ClosedLoop {
            outlets: vec![Outlet::Whole(Arc::new(at_once))],
            clock: Clock::real(),
            acks: Acks::Nobody,
            in_flight: InFlight::ONE,
        };
        let mut source = source();
        let others = async {
            for _ in 0..3 {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            biased;
            _ = load.run(&mut source, Span(Duration::from_secs(1))) => panic!("nobody else had a turn"),
            () = others => {}
        }
    }

    #[test]
    fn what_an_error_says_about_the_write_is_kept() {
        assert_eq!(Unacknowledged::from(AppendError::from(Refusal::Overloaded)), Unacknowledged::NotAppended);
        assert_eq!(Unacknowledged::from(AppendError::from(Doubt::Timeout)), Unacknowledged::Unknown);
    }
}
