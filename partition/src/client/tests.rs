//! The client against replicas that do as they are told, in virtual time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{self, BoxFuture};

use super::leader::LeaderClient;
use super::message::{ClientReply, ClientRequest};
use super::producer::{Delivered, NewRecord, Producer, ProducerConfig};
use super::remote::RemotePartition;
use super::retry::RetryConfig;
use super::service::PartitionService;
use crate::clock::{Clock, Moment};
use crate::error::{AppendError, Doubt, ReadError, Refusal};
use crate::ids::{ByteSize, Epoch, NodeId, Offset, PartitionId, ProducerEpoch, ProducerId, Sequence};
use crate::partition::{
    Acks, Append, Appended, Fetched, Isolation, Partition, Placement, Read, Role, Status, Tail,
};
use crate::record::{BatchBuilder, ControlKind, ProducerStamp};
use crate::simulation::{self, Simulation};
use crate::transport::router::Router;
use crate::transport::rpc::{CallError, Peer, serve};
use crate::transport::{Address, Channel, Request, codec};

mod silence;

const CLIENT: NodeId = NodeId(1000);
const TIMEOUT: Duration = Duration::from_secs(5);

/// How a replica answers an append.
#[derive(Clone, Debug)]
enum Manner {
    Leads,
    Follows(Option<NodeId>),
    /// Appends, then says that it is not known.
    Doubts,
    /// Takes it, and never answers.
    Hangs,
}

#[derive(Debug)]
struct Inner {
    manner: Manner,
    /// How often it was asked who leads.
    asked: u64,
    epoch: Epoch,
    log: Vec<Bytes>,
}

/// A replica without a log: remembers what was appended.
#[derive(Clone, Debug)]
struct Puppet {
    node: NodeId,
    clock: Clock,
    inner: Arc<Mutex<Inner>>,
}

impl Puppet {
    fn behaves(&self, manner: Manner, epoch: u32) {
        let mut inner = self.inner.lock().unwrap();
        (inner.manner, inner.epoch) = (manner, Epoch(epoch));
    }

    fn asked(&self) -> u64 {
        self.inner.lock().unwrap().asked
    }

    fn log(&self) -> Vec<Bytes> {
        self.inner.lock().unwrap().log.clone()
    }
}

impl Partition for Puppet {
    fn append(&self, append: Append) -> BoxFuture<'static, Result<Appended, AppendError>> {
        let mut inner = self.inner.lock().unwrap();
        let manner = inner.manner.clone();
        if let Manner::Follows(leader) = manner {
            return future::ready(Err(Refusal::NotLeader { leader }.into())).boxed();
        }
        let base = Offset(inner.log.len() as u64);
        let record = append.batch.records().next().unwrap().unwrap();
        inner.log.push(record.value.unwrap());
        let placement = Placement { base, epoch: inner.epoch };
        match manner {
            Manner::Hangs => future::pending().boxed(),
            Manner::Doubts => future::ready(Err(Doubt::LeaderChanged.into())).boxed(),
            _ => future::ready(Ok(Appended::Placed(placement))).boxed(),
        }
    }

    fn read(&self, read: Read) -> BoxFuture<'static, Result<Fetched, ReadError>> {
        let clock = self.clock.clone();
        async move {
            clock.sleep(read.wait).await;
            Ok(Fetched::empty(Offset(0), Offset(0)))
        }
        .boxed()
    }

    fn tail(&self, _timeout: Duration) -> BoxFuture<'static, Result<Tail, ReadError>> {
        let inner = self.inner.lock().unwrap();
        let answer = match inner.manner {
            Manner::Follows(leader) => Err(ReadError::NotLeader { leader }),
            _ => Ok(Tail { offset: Offset(inner.log.len() as u64), epoch: inner.epoch }),
        };
        future::ready(answer).boxed()
    }

    fn trim(&self, to: Offset, _timeout: Duration) -> BoxFuture<'static, Result<Offset, ReadError>> {
        future::ready(Ok(to)).boxed()
    }

    fn status(&self) -> BoxFuture<'static, Result<Status, ReadError>> {
        let mut inner = self.inner.lock().unwrap();
        inner.asked += 1;
        let (role, leader) = match inner.manner {
            Manner::Follows(leader) => (Role::Follower, leader),
            _ => (Role::Leader, Some(self.node)),
        };
        let end = Offset(inner.log.len() as u64);
        let status = Status {
            node: self.node,
            role,
            leader,
            epoch: inner.epoch,
            log_start: Offset(0),
            high_watermark: end,
            stored: end,
            log_end: end,
            replicas: Vec::new(),
            members: Vec::new(),
        };
        future::ready(Ok(status)).boxed()
    }
}

fn id() -> PartitionId {
    PartitionId::new("test", 0).unwrap()
}

async fn puppet(simulation: &Simulation, node: u32) -> Puppet {
    let node = NodeId(node);
    let inner = Inner { manner: Manner::Leads, asked: 0, epoch: Epoch(1), log: Vec::new() };
    let puppet = Puppet { node, clock: simulation.clock().clone(), inner: Arc::new(Mutex::new(inner)) };
    let service = PartitionService::new();
    service.add(id(), Arc::new(puppet.clone()));
    let router = Router::new().with(Channel::Client, Arc::new(service));
    let world = simulation.world(node);
    let listener = world.network.listen(Address::simulated(node)).await.unwrap();
    serve(&world, listener, Arc::new(router));
    puppet
}

/// Three puppets, of whom the first leads, and their client.
async fn three(simulation: &Simulation) -> ([Puppet; 3], LeaderClient) {
    let puppets = [puppet(simulation, 1).await, puppet(simulation, 2).await, puppet(simulation, 3).await];
    for follower in &puppets[1..] {
        follower.behaves(Manner::Follows(Some(NodeId(1))), 1);
    }
    let replicas: BTreeMap<_, _> =
        puppets.iter().map(|puppet| (puppet.node, Address::simulated(puppet.node))).collect();
    let client = LeaderClient::new(&simulation.world(CLIENT), &replicas, &id(), RetryConfig::default());
    (puppets, client)
}

fn append(value: &'static str, acks: Acks) -> Append {
    Append { batch: BatchBuilder::of_values(0, &[Bytes::from(value)]), acks, timeout: TIMEOUT }
}

fn stamped(value: &'static str) -> Append {
    let stamp = ProducerStamp { id: ProducerId(1), epoch: ProducerEpoch(0), sequence: Sequence(0) };
    let mut builder = BatchBuilder::new(0).stamped(stamp);
    builder.push_value(value.as_bytes());
    Append { batch: builder.build(), acks: Acks::Committed, timeout: TIMEOUT }
}

#[test]
fn a_deposed_leaders_hint_is_followed() {
    simulation::run(1, async |simulation| {
        let ([first, second, _], client) = three(&simulation).await;
        client.append(append("a", Acks::Committed)).await.unwrap();
        first.behaves(Manner::Follows(Some(NodeId(2))), 2);
        second.behaves(Manner::Leads, 2);
        client.append(append("b", Acks::Committed)).await.unwrap();
        assert_eq!((first.log(), second.log()), (vec![Bytes::from("a")], vec![Bytes::from("b")]));
    });
}

#[test]
fn a_dead_leader_is_looked_for_among_the_others() {
    simulation::run(2, async |simulation| {
        let ([_, second, third], client) = three(&simulation).await;
        client.append(append("a", Acks::Committed)).await.unwrap();
        simulation.crash(NodeId(1)).await;
        let world = simulation.world(CLIENT);
        // Until the end of the connection has arrived, what is sent on it is in doubt, and not sent again.
        world.clock.sleep(Duration::from_millis(10)).await;
        let pending = client.append(append("b", Acks::Committed));
        let elected = async {
            world.clock.sleep(Duration::from_secs(1)).await;
            third.behaves(Manner::Leads, 2);
            second.behaves(Manner::Follows(Some(NodeId(3))), 2);
        };
        let (outcome, ()) = future::join(pending, elected).await;
        outcome.unwrap();
        assert_eq!(third.log(), ["b"]);
    });
}

#[test]
fn an_append_of_unknown_outcome_is_sent_again_only_if_it_is_stamped() {
    simulation::run(3, async |simulation| {
        let ([first, second, _], client) = three(&simulation).await;
        first.behaves(Manner::Doubts, 1);
        let outcome = client.append(append("plain", Acks::Committed)).await;
        assert_eq!(outcome, Err(Doubt::LeaderChanged.into()));
        assert_eq!(first.log(), ["plain"]);
        // A leader that hangs: the stamped append goes to the next one within its time.
        first.behaves(Manner::Hangs, 1);
        second.behaves(Manner::Leads, 2);
        client.append(stamped("stamped")).await.unwrap();
        assert_eq!(second.log(), ["stamped"]);
    });
}

#[test]
fn a_refusal_after_a_doubt_does_not_remove_the_doubt() {
    simulation::run(4, async |simulation| {
        let ([first, _, _], client) = three(&simulation).await;
        client.tail(TIMEOUT).await.unwrap();
        first.behaves(Manner::Doubts, 1);
        let pending = client.append(stamped("once"));
        let clock = simulation.clock().clone();
        let deposed = async {
            while first.log().is_empty() {
                clock.sleep(Duration::from_millis(1)).await;
            }
            first.behaves(Manner::Follows(None), 1);
        };
        let (outcome, ()) = future::join(pending, deposed).await;
        assert!(matches!(outcome, Err(AppendError::Unknown(_))), "{outcome:?}");
    });
}

#[test]
fn nobody_leading_is_told_within_the_time_that_was_given() {
    simulation::run(5, async |simulation| {
        let ([first, _, _], client) = three(&simulation).await;
        first.behaves(Manner::Follows(None), 1);
        let clock = simulation.clock();
        let started = clock.now();
        let outcome = client.append(append("a", Acks::Committed)).await;
        assert!(matches!(outcome, Err(AppendError::NotAppended(Refusal::NotLeader { .. }))), "{outcome:?}");
        let took = clock.now().since(started);
        assert!(took <= TIMEOUT && took > TIMEOUT / 2, "{took:?}");
    });
}

#[test]
fn a_producer_that_awaits_no_reply_finds_the_new_leader_c7() {
    simulation::run(6, async |simulation| {
        let ([first, second, _], client) = three(&simulation).await;
        client.append(append("told", Acks::Committed)).await.unwrap();
        first.behaves(Manner::Follows(Some(NodeId(2))), 2);
        second.behaves(Manner::Leads, 2);
        // The first is refused, which closes the connection: it is lost, and that is all that was promised.
        assert_eq!(client.append(append("lost", Acks::Nobody)).await, Ok(Appended::Unplaced));
        simulation.clock().sleep(Duration::from_millis(50)).await;
        assert_eq!(client.append(append("heard", Acks::Nobody)).await, Ok(Appended::Unplaced));
        let client = client.clone();
        while second.log().is_empty() {
            client.tail(TIMEOUT).await.unwrap();
        }
        assert_eq!((first.log(), second.log()), (vec![Bytes::from("told")], vec![Bytes::from("heard")]));
    });
}

/// A leader that was cut off from all but its clients answers, and nothing it answers tells that others have elected another.
#[test]
fn a_leader_that_commits_nothing_is_doubted_after_a_while() {
    simulation::run(12, async |simulation| {
        let ([first, second, _], client) = three(&simulation).await;
        client.append(append("committed", Acks::Committed)).await.unwrap();
        second.behaves(Manner::Leads, 2);
        let clock = simulation.clock();
        let cut = clock.now();
        while second.log().is_empty() {
            client.append(append("alone", Acks::Leader)).await.unwrap();
            clock.sleep(Duration::from_secs(1)).await;
            assert!(clock.now().since(cut) < Duration::from_secs(310), "it believes the old one for ever");
        }
        assert!(first.log().len() > 290, "it was doubted early, after {} appends", first.log().len());
        // Whoever commits is not asked after: the word of two that lead would be another one.
        first.behaves(Manner::Leads, 3);
        let before = second.log().len();
        for _ in 0..400 {
            client.append(append("committed", Acks::Committed)).await.unwrap();
            clock.sleep(Duration::from_secs(1)).await;
        }
        assert_eq!(second.log().len(), before + 400);
    });
}

#[test]
fn a_deposed_leader_to_whom_a_hint_has_led_is_doubted_too() {
    simulation::run(9, async |simulation| {
        let ([first, second, third], client) = three(&simulation).await;
        client.append(append("a", Acks::Committed)).await.unwrap();
        first.behaves(Manner::Follows(Some(NodeId(2))), 2);
        second.behaves(Manner::Leads, 2);
        client.append(append("b", Acks::Leader)).await.unwrap();
        first.behaves(Manner::Follows(Some(NodeId(3))), 3);
        third.behaves(Manner::Leads, 3);
        for _ in 0..400 {
            simulation.clock().sleep(Duration::from_secs(1)).await;
            client.append(append("c", Acks::Leader)).await.unwrap();
        }
        assert!(third.log().len() > 90, "of 400 appends {} went to who leads", third.log().len());
    });
}

/// C7: whatever else is on the connection that a silent producer's error closes is in doubt. Whoever stamps sends it again,
/// to the leader that is found then.
#[test]
fn c07_what_shares_a_closed_connection_is_in_doubt_and_a_producer_delivers_it_all_the_same() {
    simulation::run(10, async |simulation| {
        let ([first, second, _], client) = three(&simulation).await;
        first.behaves(Manner::Hangs, 1);
        let world = simulation.world(CLIENT);
        let config = ProducerConfig { linger: Duration::ZERO, ..ProducerConfig::default() };
        let producer = Producer::start(&world, Arc::new(client.clone()), &config).unwrap();
        let record = producer.try_send(NewRecord::of_value("stamped")).unwrap();
        let unstamped = client.append(append("unstamped", Acks::Committed));
        while first.log().len() < 2 {
            simulation.clock().sleep(Duration::from_millis(1)).await;
        }
        first.behaves(Manner::Follows(Some(NodeId(2))), 2);
        second.behaves(Manner::Leads, 2);
        assert_eq!(client.append(append("silent", Acks::Nobody)).await, Ok(Appended::Unplaced));
        let outcome = unstamped.await;
        assert!(matches!(outcome, Err(AppendError::Unknown(Doubt::Disconnected(_)))), "{outcome:?}");
        assert_eq!(record.await, Ok(Delivered::At { offset: Offset(0), epoch: Epoch(2) }));
        assert_eq!(second.log(), ["stamped"]);
    });
}

#[test]
fn what_a_lost_connection_leaves_is_mapped_exactly_h11() {
    simulation::run(7, async |simulation| {
        let hanging = puppet(&simulation, 1).await;
        hanging.behaves(Manner::Hangs, 1);
        let world = simulation.world(CLIENT);
        let remote = RemotePartition::new(&world, Address::simulated(NodeId(1)), id());
        let sent = remote.append(append("sent", Acks::Committed));
        while hanging.log().is_empty() {
            simulation.clock().sleep(Duration::from_millis(1)).await;
        }
        simulation.crash(NodeId(1)).await;
        let outcome = sent.await;
        assert!(matches!(outcome, Err(AppendError::Unknown(Doubt::Disconnected(_)))), "{outcome:?}");
        let outcome = remote.append(append("unsent", Acks::Committed)).await;
        assert!(matches!(outcome, Err(AppendError::NotAppended(Refusal::Unreachable(_)))), "{outcome:?}");
        let hanging = puppet(&simulation, 1).await;
        hanging.behaves(Manner::Hangs, 1);
        let outcome = remote.append(append("slow", Acks::Committed)).await;
        assert_eq!(outcome, Err(Doubt::Timeout.into()));
    });
}

#[test]
fn the_door_refuses_what_is_not_one_sound_batch() {
    simulation::run(8, async |simulation| {
        let puppet = puppet(&simulation, 1).await;
        let peer = Peer::new(&simulation.world(CLIENT), Address::simulated(NodeId(1)));
        let sound = BatchBuilder::of_values(0, &[Bytes::from("x")]).bytes().clone();
        let mut flipped = sound.to_vec();
        *flipped.last_mut().unwrap() ^= 1;
        let twice = [&sound[..], &sound[..]].concat();
        let control = BatchBuilder::control(0, ControlKind::Blank, b"").bytes().to_vec();
        let short = sound[..sound.len() - 1].to_vec();
        for bad in [flipped, twice, control, short, Vec::new()] {
            let message = codec::encode(&ClientRequest::Append { acks: Acks::Committed, timeout: TIMEOUT });
            let body = Bytes::from(bad);
            let request = Request { channel: Channel::Client, partition: id(), message, body };
            let reply = peer.call(request, TIMEOUT).await.unwrap();
            let reply: ClientReply = codec::decode(&reply.message).unwrap();
            let ClientReply::Appended(Err(AppendError::NotAppended(Refusal::Corrupt(_)))) = reply else {
                panic!("{reply:?}");
            };
        }
        assert_eq!(puppet.log(), [] as [Bytes; 0]);
    });
}

#[test]
fn another_partition_is_refused_and_another_channel_closes() {
    simulation::run(9, async |simulation| {
        let _puppet = puppet(&simulation, 1).await;
        let peer = Peer::new(&simulation.world(CLIENT), Address::simulated(NodeId(1)));
        let other = RemotePartition::over(peer.clone(), PartitionId::new("other", 0).unwrap());
        assert_eq!(other.status().await, Err(ReadError::NoSuchPartition));
        let outcome = other.append(append("a", Acks::Leader)).await;
        assert_eq!(outcome, Err(Refusal::NoSuchPartition.into()));
        let message = codec::encode(&ClientRequest::Status);
        let request = Request { channel: Channel::Controller, partition: id(), message, body: Bytes::new() };
        assert!(matches!(peer.call(request, TIMEOUT).await, Err(CallError::Lost(_))));
    });
}
