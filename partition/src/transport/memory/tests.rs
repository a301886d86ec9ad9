//! The network in memory keeps order, cuts and heals, and repeats itself byte for byte.

use std::time::Duration;

use bytes::Bytes;

use super::*;
use crate::simulation::{self, Simulation};
use crate::transport::Frame;

const A: NodeId = NodeId(1);
const B: NodeId = NodeId(2);

fn frame(text: &str) -> Frame {
    Frame { head: Bytes::copy_from_slice(text.as_bytes()), body: Bytes::new() }
}

fn fault(simulation: &Simulation, text: &str) {
    simulation.fault(&text.parse().unwrap());
}

async fn connected(simulation: &Simulation) -> (Link, Link) {
    let mut listener = simulation.world(B).network.listen(Address::simulated(B)).await.unwrap();
    let link = simulation.world(A).network.connect(Address::simulated(B)).await.unwrap();
    (link, listener.accept().await.unwrap())
}

async fn send(link: &mut Link, texts: &[&str]) {
    for text in texts {
        link.sink.feed(frame(text));
    }
    link.sink.flush().await.unwrap();
}

async fn next(link: &mut Link) -> String {
    let frame = link.stream.next().await.unwrap().expect("the connection ended");
    String::from_utf8(frame.head.to_vec()).unwrap()
}

#[test]
fn frames_of_one_connection_do_not_overtake_each_other() {
    simulation::run(3, async |simulation| {
        let (mut near, mut far) = connected(&simulation).await;
        let spread = Latency::Uniform { least: Duration::ZERO, most: Duration::from_secs(1) };
        simulation.network().set_latency(spread);
        let texts: Vec<String> = (0..50).map(|n| n.to_string()).collect();
        for text in &texts {
            send(&mut near, &[text]).await;
        }
        for text in &texts {
            assert_eq!(&next(&mut far).await, text);
        }
    });
}

#[test]
fn a_cut_holds_what_is_sent_one_way_until_it_is_healed() {
    simulation::run(4, async |simulation| {
        let (mut near, mut far) = connected(&simulation).await;
        send(&mut near, &["under way"]).await;
        fault(&simulation, "cut 1>2");
        send(&mut near, &["one", "two"]).await;
        send(&mut far, &["back"]).await;
        assert_eq!(next(&mut near).await, "back");
        simulation.clock().sleep(Duration::from_secs(1)).await;
        assert!(far.stream.ready().unwrap().is_none());
        send(&mut near, &["three"]).await;
        fault(&simulation, "heal 1>2");
        for text in ["under way", "one", "two", "three"] {
            assert_eq!(next(&mut far).await, text);
        }
    });
}

#[test]
fn a_crash_ends_connections_after_what_was_sent_and_frees_the_address() {
    simulation::run(5, async |simulation| {
        let (mut near, mut far) = connected(&simulation).await;
        send(&mut far, &["last words"]).await;
        simulation.crash(B).await;
        assert_eq!(next(&mut near).await, "last words");
        assert!(near.stream.next().await.unwrap().is_none());
        near.sink.feed(frame("to nobody"));
        assert!(near.sink.flush().await.is_err());
        let network = simulation.world(A).network;
        let error = network.connect(Address::simulated(B)).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        let again = simulation.world(B).network.listen(Address::simulated(B)).await.unwrap();
        drop(far);
        network.connect(again.address()).await.unwrap();
    });
}

#[test]
fn a_machine_without_power_is_silent_until_it_is_back() {
    simulation::run(5, async |simulation| {
        let mut listener = simulation.world(B).network.listen(Address::simulated(B)).await.unwrap();
        let mut near = simulation.world(A).network.connect(listener.address()).await.unwrap();
        let mut far = listener.accept().await.unwrap();
        send(&mut far, &["last words"]).await;
        simulation.falls_silent(B);
        simulation.crash(B).await;
        drop((far, listener));
        assert_eq!(next(&mut near).await, "last words");
        send(&mut near, &["to nobody"]).await;
        let network = simulation.world(A).network;
        let hour = Duration::from_secs(3600);
        let clock = simulation.clock();
        assert!(clock.timeout(hour, near.stream.next()).await.is_err(), "it said something");
        assert!(clock.timeout(hour, network.connect(Address::simulated(B))).await.is_err(), "it answered");
        let mut again = simulation.world(B).network.listen(Address::simulated(B)).await.unwrap();
        let error = near.stream.next().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "it knows nothing of the old connection");
        near.sink.feed(frame("to nobody"));
        assert!(near.sink.flush().await.is_err());
        let mut near = network.connect(again.address()).await.unwrap();
        let mut far = again.accept().await.unwrap();
        send(&mut near, &["hello"]).await;
        assert_eq!(next(&mut far).await, "hello");
    });
}

#[test]
fn a_reset_ends_a_connection_after_some_of_what_is_under_way() {
    let arrived = |seed| {
        simulation::run(seed, async |simulation| {
            let (mut near, mut far) = connected(&simulation).await;
            send(&mut near, &["0", "1", "2", "3"]).await;
            fault(&simulation, "reset 1-2");
            assert!(near.stream.next().await.is_err());
            let mut arrived = 0;
            while let Ok(frame) = far.stream.next().await {
                assert_eq!(frame.unwrap().head, arrived.to_string());
                arrived += 1;
            }
            arrived
        })
    };
    let all: std::collections::BTreeSet<i32> = (0..40).map(arrived).collect();
    assert_eq!(all.into_iter().collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
}

#[test]
fn a_request_whose_reply_is_lost_has_arrived() {
    simulation::run(5, async |simulation| {
        let (mut near, mut far) = connected(&simulation).await;
        fault(&simulation, "lose-reply 1>2");
        send(&mut near, &["a request"]).await;
        assert_eq!(next(&mut far).await, "a request");
        far.sink.feed(frame("a reply"));
        assert!(far.sink.flush().await.is_err());
        assert_eq!(near.stream.next().await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    });
}

#[test]
fn what_is_sent_over_a_flapping_link_arrives_when_it_is_healed() {
    simulation::run(5, async |simulation| {
        let (mut near, mut far) = connected(&simulation).await;
        let start = simulation.clock().now();
        fault(&simulation, "flap 1-2 100ms");
        send(&mut near, &["one", "two"]).await;
        assert_eq!(next(&mut far).await, "one");
        assert_eq!(simulation.clock().now().since(start), Duration::from_millis(100));
        assert_eq!(next(&mut far).await, "two");
    });
}

#[test]
fn lost_frames_come_late_and_in_order_and_a_connection_may_not_outlive_them() {
    simulation::run(5, async |simulation| {
        let (mut near, mut far) = connected(&simulation).await;
        fault(&simulation, "loss 1>2 0.300");
        let texts: Vec<String> = (0..50).map(|n| n.to_string()).collect();
        let all: Vec<&str> = texts.iter().map(String::as_str).collect();
        send(&mut near, &all).await;
        for text in &texts {
            assert_eq!(&next(&mut far).await, text);
        }
        assert!(simulation.clock().now() > crate::clock::Moment(1_000_000_000), "no loss showed");
        fault(&simulation, "loss 1>2 1.000");
        send(&mut near, &["never"]).await;
        assert_eq!(far.stream.next().await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        assert!(near.stream.next().await.is_err());
    });
}

#[test]
fn a_full_pipe_holds_its_sender_until_it_is_read() {
    simulation::run(6, async |simulation| {
        let (mut near, mut far) = connected(&simulation).await;
        let large = Frame { head: Bytes::new(), body: Bytes::from(vec![0; 1 << 20]) };
        for _ in 0..8 {
            near.sink.feed(large.clone());
        }
        let clock = simulation.clock();
        let flushed = clock.timeout(Duration::from_secs(60), near.sink.flush()).await;
        assert!(flushed.is_err(), "nobody has read, yet all was taken");
        let reading = async {
            for _ in 0..8 {
                assert_eq!(far.stream.next().await.unwrap().unwrap().body.len(), 1 << 20);
            }
        };
        let (flushed, ()) = futures_util::future::join(near.sink.flush(), reading).await;
        flushed.unwrap();
    });
}

#[test]
fn one_seed_writes_one_trace_and_another_seed_another() {
    let trace = |seed| {
        simulation::run(seed, async |simulation| {
            let (mut near, mut far) = connected(&simulation).await;
            for n in 0..20 {
                send(&mut near, &[&n.to_string()]).await;
                send(&mut far, &["x", "y"]).await;
            }
            for _ in 0..20 {
                next(&mut far).await;
            }
            for _ in 0..40 {
                next(&mut near).await;
            }
            simulation.note("done");
            simulation.trace()
        })
    };
    assert_eq!(trace(7), trace(7));
    assert_ne!(trace(7), trace(8));
    assert!(trace(7).lines().count() > 40);
}
