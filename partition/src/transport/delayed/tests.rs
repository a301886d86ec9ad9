//! Frames are held as long as was drawn, in order, in virtual time.

use std::time::Duration;

use bytes::Bytes;

use super::*;
use crate::ids::NodeId;
use crate::simulation::{self, Simulation};
use crate::transport::{Frame, memory};

const A: NodeId = NodeId(1);
const B: NodeId = NodeId(2);

fn frame(number: u64) -> Frame {
    Frame { head: Bytes::copy_from_slice(&number.to_le_bytes()), body: Bytes::new() }
}

fn number(frame: &Frame) -> u64 {
    u64::from_le_bytes(frame.head[..].try_into().unwrap())
}

/// A connection from A to B whose ways take so long and whose network takes no time, and both its ends.
async fn connected(simulation: &Simulation, one_way: Latency) -> (Ways, Link, Link) {
    simulation.network().set_latency(memory::Latency::Constant(Duration::ZERO));
    let to = Address::simulated(B);
    let mut listener = simulation.world(B).network.listen(to).await.unwrap();
    let world = simulation.world(A);
    let ways = Ways::new(BTreeMap::from([(to, WayTo { one_way, seed: 7 })]));
    let network =
        DelayedTransport::over(Arc::clone(&world.network), ways.clone(), &world.clock, &world.tasks);
    let near = network.connect(to).await.unwrap();
    (ways, near, listener.accept().await.unwrap())
}

#[test]
fn a_round_trip_takes_both_ways_and_a_handshake_too() {
    simulation::run(1, async |simulation| {
        let way = Duration::from_micros(200);
        let clock = simulation.world(A).clock.clone();
        let start = clock.now();
        let (_, mut near, mut far) = connected(&simulation, Latency::Constant(way)).await;
        assert_eq!(clock.now().since(start), 2 * way);
        let sent = clock.now();
        near.sink.feed(frame(1));
        near.sink.flush().await.unwrap();
        assert_eq!(clock.now(), sent, "a flush waits for no frame to arrive");
        far.stream.next().await.unwrap().unwrap();
        assert_eq!(clock.now().since(sent), way);
        far.sink.feed(frame(2));
        far.sink.flush().await.unwrap();
        near.stream.next().await.unwrap().unwrap();
        assert_eq!(clock.now().since(sent), 2 * way);
    });
}

#[test]
fn frames_keep_their_order_and_none_is_early() {
    simulation::run(2, async |simulation| {
        let spread =
            Latency::Exponential { least: Duration::from_micros(100), mean: Duration::from_millis(2) };
        let (ways, mut near, mut far) = connected(&simulation, spread).await;
        let clock = simulation.world(A).clock.clone();
        let mut sent = Vec::new();
        for number in 0..200 {
            sent.push(clock.now());
            near.sink.feed(frame(number));
            near.sink.flush().await.unwrap();
            clock.sleep(Duration::from_micros(50)).await;
        }
        for (at, sent) in (0..).zip(&sent) {
            let came = far.stream.next().await.unwrap().unwrap();
            assert_eq!(number(&came), at);
            assert!(clock.now().since(*sent) >= Duration::from_micros(100), "frame {at} is early");
            far.sink.feed(came);
            far.sink.flush().await.unwrap();
        }
        for at in 0..200 {
            assert_eq!(number(&near.stream.next().await.unwrap().unwrap()), at);
        }
        // 200 each way, each handed on the moment it was due: virtual time is exact.
        assert_eq!((ways.lateness().frames(), ways.lateness().total()), (400, Duration::ZERO));
    });
}

#[test]
fn draws_of_a_connection_repeat_and_those_of_another_differ() {
    let latency = Latency::Exponential { least: Duration::ZERO, mean: Duration::from_millis(1) };
    let is = WayTo { one_way: latency, seed: 3 };
    let road = Arc::new(Road::new(is, &FeltCounter::default()));
    let first = |connection, way| Delays::of(&road, connection, way).due(Moment::default());
    assert_eq!(first(0, Way::Out), first(0, Way::Out));
    assert_ne!(first(0, Way::Out), first(0, Way::Back));
    assert_ne!(first(0, Way::Out), first(1, Way::Out));
}

#[test]
fn a_slowed_way_takes_so_many_times_as_long() {
    simulation::run(3, async |simulation| {
        let way = Duration::from_micros(300);
        let (ways, mut near, mut far) = connected(&simulation, Latency::Constant(way)).await;
        let clock = simulation.world(A).clock.clone();
        ways.slow(Address::simulated(B), 10);
        let sent = clock.now();
        near.sink.feed(frame(1));
        far.stream.next().await.unwrap().unwrap();
        assert_eq!(clock.now().since(sent), 10 * way);
    });
}

#[test]
fn a_lengthened_way_takes_so_much_longer_until_it_is_told_otherwise_and_the_way_back_does_not() {
    simulation::run(5, async |simulation| {
        let (ways, mut near, mut far) = connected(&simulation, Latency::Constant(Duration::ZERO)).await;
        let clock = simulation.world(A).clock.clone();
        let by = Duration::from_millis(50);
        let (out, back) = ((Address::simulated(B), Way::Out), (Address::simulated(B), Way::Back));
        let told = [BTreeMap::from([(out, by)]), BTreeMap::from([(back, by)]), BTreeMap::new()];
        for (longer, felt) in told.iter().zip([1, 2, 2]) {
            ways.lengthen(longer);
            let sent = clock.now();
            near.sink.feed(frame(1));
            let came = far.stream.next().await.unwrap().unwrap();
            let there = clock.now();
            assert_eq!(there.since(sent), longer.get(&out).copied().unwrap_or_default());
            far.sink.feed(came);
            far.sink.flush().await.unwrap();
            near.stream.next().await.unwrap().unwrap();
            assert_eq!(clock.now().since(there), longer.get(&back).copied().unwrap_or_default());
            assert_eq!(ways.felt(), Felt(felt));
        }
    });
}

#[test]
fn what_was_sent_before_a_close_arrives_and_then_the_end_does() {
    simulation::run(4, async |simulation| {
        let way = Duration::from_micros(300);
        let (_, near, mut far) = connected(&simulation, Latency::Constant(way)).await;
        let Link { mut sink, mut stream } = near;
        far.sink.feed(frame(5));
        far.sink.flush().await.unwrap();
        sink.feed(frame(6));
        drop(sink);
        assert_eq!(number(&far.stream.next().await.unwrap().unwrap()), 6);
        drop(far);
        assert_eq!(number(&stream.next().await.unwrap().unwrap()), 5);
        assert!(stream.next().await.unwrap().is_none());
        assert!(stream.next().await.unwrap().is_none(), "an end stays an end");
    });
}
