//! What a broker is told, and when.

use partition::ids::{Epoch, NodeId, Offset, PartitionId};

use super::BrokerEvent;
use super::delivery::Delivery;
use crate::controller::command::{Command, ControllerEpoch, Disk, Reassign, Record, Registration};
use crate::metadata::{CommitRule, Incarnation, PartitionSpec};
use crate::mutant::Mutated;

const A: NodeId = NodeId(1);
const B: NodeId = NodeId(2);

/// The records of a first life of A and B, with A leading, and of A's second life.
fn records() -> Vec<(Offset, Record)> {
    let register = |node, replaces, disk| Command::Register(Registration { node, replaces, disk });
    let life = |at| Incarnation(Offset(at));
    let unfence = |broker, at| Command::Unfence { broker, incarnation: life(at) };
    let spec = |replicas, number| PartitionSpec {
        id: PartitionId::new("orders", number).unwrap(),
        replicas,
        min_isr: 1,
        commit: CommitRule::AllInSync,
    };
    let commands = [
        Command::Claim { node: NodeId(100) },
        register(A, None, Disk::Fresh),
        register(B, None, Disk::Fresh),
        unfence(A, 1),
        unfence(B, 2),
        Command::CreatePartition(spec(vec![A, B], 0)),
        Command::CreatePartition(spec(vec![B], 1)),
        register(A, Some(life(1)), Disk::Crashed(life(1))),
        unfence(A, 7),
    ];
    let record = |command| Record { epoch: ControllerEpoch(1), command };
    (0..).map(Offset).zip(commands.map(record)).collect()
}

fn lines(events: &[BrokerEvent]) -> Vec<String> {
    let line = |event: &BrokerEvent| match event {
        BrokerEvent::Registered(life) => format!("registered {life}"),
        BrokerEvent::Partition(state) => {
            format!("{} led by {:?} in {}", state.spec.id, state.leader.map(|node| node.0), state.epoch)
        }
        BrokerEvent::NotAReplica(state) => format!("no replica of {}", state.spec.id),
        BrokerEvent::Left => "left".to_owned(),
        BrokerEvent::Leased(until) => format!("leased until {until:?}"),
        BrokerEvent::Told(to) => format!("told to {to}"),
        BrokerEvent::Replaced => "replaced".to_owned(),
        BrokerEvent::Failed(error) => error.clone(),
    };
    events.iter().map(line).collect()
}

#[test]
fn h01_nothing_of_a_former_life_is_told() {
    let records = records();
    let mut delivery = Delivery::new(A, Mutated::NOT);
    assert!(lines(&delivery.read(&records[..7])).is_empty(), "A leads here, but in a life that is over");
    assert!(lines(&delivery.registered(Incarnation(Offset(7)))).is_empty(), "not applied yet");
    let told = delivery.read(&records[7..]);
    assert_eq!(
        lines(&told),
        ["registered i7", "orders-0 led by Some(2) in 2", "no replica of orders-1"],
        "and what it is not to have"
    );
}

#[test]
fn a_registration_that_was_read_before_its_answer_came_is_told_at_once() {
    let mut delivery = Delivery::new(A, Mutated::NOT);
    assert!(delivery.read(&records()).is_empty());
    let told = delivery.registered(Incarnation(Offset(7)));
    assert_eq!(lines(&told), ["registered i7", "orders-0 led by Some(2) in 2", "no replica of orders-1"]);
}

#[test]
fn each_change_is_told_and_a_replaced_life_hears_nothing_more() {
    let mut records = records();
    let mut delivery = Delivery::new(A, Mutated::NOT);
    delivery.registered(Incarnation(Offset(1)));
    let told = delivery.read(&records);
    assert_eq!(lines(&told), ["registered i1", "orders-0 led by Some(1) in 1", "replaced"]);
    assert!(delivery.is_over());
    let fence = Command::Fence { broker: B, incarnation: Incarnation(Offset(2)) };
    records.push((Offset(9), Record { epoch: ControllerEpoch(1), command: fence }));
    assert!(delivery.read(&records[9..]).is_empty());
    assert!(delivery.replaced().is_empty(), "told once");
}

#[test]
fn a_rejected_record_tells_nothing() {
    let mut delivery = Delivery::new(B, Mutated::NOT);
    delivery.read(&records());
    delivery.registered(Incarnation(Offset(2)));
    let fence = Command::Fence { broker: B, incarnation: Incarnation(Offset(2)) };
    let at =
        |offset, epoch| [(Offset(offset), Record { epoch: ControllerEpoch(epoch), command: fence.clone() })];
    assert!(delivery.read(&at(9, 0)).is_empty());
    assert!(!delivery.is_fenced());
    let told = delivery.read(&at(10, 1));
    assert_eq!(lines(&told), ["orders-0 led by None in 3", "orders-1 led by None in 2"]);
    assert!(delivery.is_fenced());
    assert_eq!(Epoch(3), delivery.image().partition(&PartitionId::new("orders", 0).unwrap()).unwrap().epoch);
}

#[test]
fn who_is_no_replica_any_more_is_told_once() {
    let mut delivery = Delivery::new(A, Mutated::NOT);
    delivery.registered(Incarnation(Offset(7)));
    delivery.read(&records());
    let id = PartitionId::new("orders", 0).unwrap();
    let mut at = 9;
    let mut told = |command| {
        let record = Record { epoch: ControllerEpoch(1), command };
        at += 1;
        lines(&delivery.read(&[(Offset(at - 1), record)]))
    };
    let only = |replicas: &[NodeId]| {
        Command::Reassign(Reassign { partition: id.clone(), replicas: replicas.to_vec() })
    };
    assert_eq!(told(only(&[B])), ["no replica of orders-0"]);
    let fence = Command::Fence { broker: B, incarnation: Incarnation(Offset(2)) };
    assert!(told(fence).is_empty(), "others' business");
    let unfence = Command::Unfence { broker: B, incarnation: Incarnation(Offset(2)) };
    assert!(told(unfence).is_empty());
    assert_eq!(told(only(&[B, A])), ["orders-0 led by Some(2) in 4"]);
}
