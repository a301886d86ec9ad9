//! Cases: producers and consumers, which batch, repeat and follow.

use std::cell::Cell;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future;

use super::stage::{DEADLINE, REQUEST, Stage, values};
use crate::client::consumer::{Consumer, ConsumerConfig, Polled, Source, Start, Trimmed};
use crate::client::producer::{Delivered, Failure, NewRecord, Producer, ProducerConfig, Repeats, SendError};
use crate::ids::{Offset, ProducerEpoch, ProducerId, RecordCount};
use crate::partition::Isolation;
use crate::world::Random;

/// How long a producer rests between two records: so that several batches are on their way when a leader ends.
const REST: Duration = Duration::from_micros(300);

/// A producer, and its work; what it draws by chance does not matter here.
fn producer(stage: &Stage<'_>, config: &ProducerConfig) -> (Producer, impl Future<Output = ()> + use<>) {
    let made = Producer::with_work(&stage.clock, &Random::seeded(1), stage.client(), config);
    made.expect("it can work like that")
}

fn consumer(stage: &Stage<'_>, config: ConsumerConfig) -> Consumer {
    Consumer::new(&stage.clock, stage.client(), ConsumerConfig { patience: DEADLINE, ..config })
}

/// The next so many records.
async fn read(consumer: &mut Consumer, count: usize) -> Vec<(Offset, Bytes)> {
    let mut seen = Vec::new();
    while seen.len() < count {
        match consumer.next().await.expect("it is served in time") {
            Polled::Record(next) => {
                seen.push((next.record.offset, next.record.value.expect("a value was sent")));
            }
            skipped @ Polled::Skipped { .. } => panic!("nothing was trimmed: {skipped:?}"),
        }
    }
    seen
}

/// With several batches in flight, the leader ends without warning: all that was sent is delivered, each record once and
/// in order, and a consumer sees it so, once and in order, as it comes.
pub(super) async fn s22_a_producer_delivers_each_record_once_in_order_through_a_leader_crash(
    stage: &mut Stage<'_>,
) {
    const BEFORE_THE_CRASH: usize = 100;
    let sent = values("told", 400);
    let config = ProducerConfig {
        linger: Duration::ZERO,
        batch_records: RecordCount(4),
        delivery: DEADLINE,
        ..ProducerConfig::default()
    };
    let (producer, work) = producer(stage, &config);
    let mut consumer = consumer(stage, ConsumerConfig::default());
    let (clock, begun) = (stage.clock.clone(), Cell::new(false));
    let writing = async {
        let mut receipts = Vec::new();
        for value in sent.clone() {
            receipts.push(producer.send(NewRecord::of_value(value)).await.expect("there is room"));
            clock.sleep(REST).await;
        }
        drop(producer);
        let place = |fate: Result<Delivered, SendError>| fate.expect("it is delivered").offset();
        let fates = future::join_all(receipts).await.into_iter();
        fates.map(|fate| place(fate).expect("a place was asked for")).collect::<Vec<_>>()
    };
    let reading = async {
        let mut seen = read(&mut consumer, BEFORE_THE_CRASH).await;
        begun.set(true);
        seen.extend(read(&mut consumer, sent.len() - BEFORE_THE_CRASH).await);
        seen
    };
    let trouble = async {
        stage.eventually("records are delivered", async || begun.get().then_some(())).await;
        stage.crash_leader().await;
    };
    let (offsets, seen, (), ()) = futures_util::join!(writing, reading, trouble, work);
    assert!(offsets.is_sorted(), "not delivered in order");
    let delivered: Vec<_> = offsets.into_iter().zip(sent).collect();
    assert_eq!(seen, delivered, "what the consumer saw");
    assert_eq!(stage.read_all().await, delivered, "what lies in the log");
}

/// A newer instance under the same producer id takes over: the older one is told so, and appends nothing any more.
pub(super) async fn a_newer_instance_of_a_producer_fences_the_older_one(stage: &mut Stage<'_>) {
    let of_epoch = |epoch| ProducerConfig {
        repeats: Repeats::OnceAs(ProducerId(7), ProducerEpoch(epoch)),
        ..ProducerConfig::default()
    };
    let (older, its_work) = producer(stage, &of_epoch(0));
    let (newer, newers_work) = producer(stage, &of_epoch(1));
    let fate = async |producer: &Producer, value| {
        let receipt = producer.send(NewRecord::of_value(Bytes::from_static(value))).await;
        receipt.expect("there is room").await
    };
    let taking_over = async {
        let told = |fate: Result<Delivered, SendError>| fate.expect("it is delivered").offset();
        let first = told(fate(&older, b"a").await);
        assert!(first < told(fate(&newer, b"b").await));
        let fenced = SendError::NotAppended(Failure::Fenced { current: ProducerEpoch(1) });
        assert_eq!(fate(&older, b"c").await, Err(fenced.clone()));
        assert_eq!(fate(&older, b"d").await, Err(fenced));
        told(fate(&newer, b"e").await);
        drop((older, newer));
    };
    futures_util::join!(taking_over, its_work, newers_work);
    let values: Vec<_> = stage.read_all().await.into_iter().map(|(_, value)| value).collect();
    assert_eq!(values, ["a", "b", "e"]);
}

/// A consumer whose next records were trimmed away hears which, and goes on with the first there is; one that begins
/// with the first there is has missed nothing.
pub(super) async fn a_consumer_is_told_what_a_trim_took_from_it(stage: &mut Stage<'_>) {
    let placed: Vec<_> = stage.append_all(&values("kept", 10)).await.into_iter().collect();
    let (first, to) = (placed[0].0, placed[6].0);
    assert_eq!(stage.client().trim(to, REQUEST).await.expect("a trim"), to);
    let config =
        ConsumerConfig { start: Start::At(first), trimmed: Trimmed::GoOn, ..ConsumerConfig::default() };
    let mut left_behind = consumer(stage, config);
    assert_eq!(left_behind.next().await, Ok(Polled::Skipped { from: first, to }));
    assert_eq!(read(&mut left_behind, 4).await, placed[6..]);
    let mut newcomer = consumer(stage, ConsumerConfig::default());
    assert_eq!(read(&mut newcomer, 4).await, placed[6..]);
}

/// KIP-392: by choice a consumer reads at a follower, no further than that one knows to be committed; when it ends, the
/// leader serves from where the consumer is.
pub(super) async fn c15_c18_a_consumer_of_a_follower_reads_what_is_committed_and_goes_on_at_the_leader(
    stage: &mut Stage<'_>,
) {
    let follower = stage.follower().await;
    let source = Source::Replica(stage.cluster.replica(follower));
    let mut follows = consumer(stage, ConsumerConfig { source, ..ConsumerConfig::default() });
    let source = Source::Leader(Isolation::Linearizable);
    let mut leads = consumer(stage, ConsumerConfig { source, ..ConsumerConfig::default() });
    let before = values("before", 20);
    let (placed, seen) = future::join(stage.append_all(&before), read(&mut follows, before.len())).await;
    assert_eq!(seen, placed.clone().into_iter().collect::<Vec<_>>());
    stage.cluster.crash(follower).await;
    let after = values("after", 20);
    let (placed_after, seen) = future::join(stage.append_all(&after), read(&mut follows, after.len())).await;
    assert_eq!(seen, placed_after.clone().into_iter().collect::<Vec<_>>());
    let all: Vec<_> = placed.into_iter().chain(placed_after).collect();
    assert_eq!(read(&mut leads, all.len()).await, all);
}
