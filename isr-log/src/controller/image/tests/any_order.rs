//! Whatever records come in whatever order, stale controllers' among them, the image stays possible.

use proptest::prelude::*;

use super::*;
use crate::metadata::Version;

/// A record that may be right or wrong in every part; numbers are small so that they often are right.
#[derive(Clone, Debug)]
struct Draw {
    /// How far the controller epoch lies behind the one in office.
    behind: u64,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Claim,
    Register { node: u32, replaced: Life, disk: Kept },
    Fence { node: u32, life: Life },
    Unfence { node: u32, life: Life },
    Alter { leader: u32, stale_epoch: bool, stale_version: bool, members: Vec<(u32, Life)> },
}

#[derive(Clone, Copy, Debug)]
enum Life {
    Present,
    First,
}

#[derive(Clone, Copy, Debug)]
enum Kept {
    Nothing,
    Crashed(Life),
    Clean(Life),
}

fn node() -> impl Strategy<Value = u32> {
    1..=3_u32
}

fn life() -> impl Strategy<Value = Life> {
    prop_oneof![4 => Just(Life::Present), 1 => Just(Life::First)]
}

fn kept() -> impl Strategy<Value = Kept> {
    prop_oneof![Just(Kept::Nothing), life().prop_map(Kept::Crashed), life().prop_map(Kept::Clean)]
}

fn draw() -> impl Strategy<Value = Draw> {
    let member = (node(), life());
    let kind = prop_oneof![
        1 => Just(Kind::Claim),
        2 => (node(), life(), kept()).prop_map(|(node, replaced, disk)| Kind::Register { node, replaced, disk }),
        3 => (node(), life()).prop_map(|(node, life)| Kind::Fence { node, life }),
        4 => (node(), life()).prop_map(|(node, life)| Kind::Unfence { node, life }),
        6 => (node(), prop::bool::weighted(0.1), prop::bool::weighted(0.1), prop::collection::vec(member, 0..4))
            .prop_map(|(leader, stale_epoch, stale_version, members)| {
                Kind::Alter { leader, stale_epoch, stale_version, members }
            }),
    ];
    (prop_oneof![5 => Just(0_u64), 1 => Just(1)], kind).prop_map(|(behind, kind)| Draw { behind, kind })
}

fn record(given: &Given, drawn: &Draw) -> Record {
    let first = |node: u32| Incarnation(Offset(u64::from(node) * 2 - 1));
    let life = |node: u32, life: Life| match life {
        Life::Present => given.life(NodeId(node)),
        Life::First => first(node),
    };
    let office = given.image.epoch().0;
    let command = match &drawn.kind {
        Kind::Claim => {
            let epoch = ControllerEpoch((office + 1).saturating_sub(drawn.behind));
            return Record { epoch, command: Command::Claim { node: NodeId(100) } };
        }
        Kind::Register { node, replaced, disk } => Command::Register(Registration {
            node: NodeId(*node),
            replaces: Some(life(*node, *replaced)),
            disk: match disk {
                Kept::Nothing => Disk::Fresh,
                Kept::Crashed(kept) => Disk::Crashed(life(*node, *kept)),
                Kept::Clean(kept) => Disk::Clean(life(*node, *kept)),
            },
        }),
        Kind::Fence { node, life: of } => {
            Command::Fence { broker: NodeId(*node), incarnation: life(*node, *of) }
        }
        Kind::Unfence { node, life: of } => {
            Command::Unfence { broker: NodeId(*node), incarnation: life(*node, *of) }
        }
        Kind::Alter { leader, stale_epoch, stale_version, members } => {
            let state = given.state();
            Command::AlterInSync(AlterInSync {
                partition: orders(),
                leader: NodeId(*leader),
                epoch: Epoch(state.epoch.0 - u32::from(*stale_epoch)),
                version: Version(state.version.0 - u64::from(*stale_version)),
                in_sync: members.iter().map(|(node, of)| (NodeId(*node), life(*node, *of))).collect(),
            })
        }
    };
    Record { epoch: ControllerEpoch(office.saturating_sub(drawn.behind)), command }
}

/// LeaderInIsr, ISR within the replicas, and what makes a leader or a member count.
fn check_possible(image: &Image) {
    for state in image.partitions() {
        assert!(!state.in_sync.is_empty(), "somebody has the data");
        assert!(state.in_sync.keys().all(|node| state.spec.replicas.contains(node)), "{state:?}");
        let counts = |node: &NodeId| image.brokers().is_alive_as(*node, state.in_sync[node]);
        match state.leader {
            Some(leader) => assert!(state.in_sync.contains_key(&leader) && counts(&leader), "{state:?}"),
            None => assert!(!state.in_sync.keys().any(counts), "somebody could lead: {state:?}"),
        }
        assert!(state.in_sync.len() == 1 || state.in_sync.keys().all(counts), "{state:?}");
    }
}

/// What one record may do to a partition.
fn check_change(before: &PartitionState, after: &PartitionState, rejected: bool) {
    assert!(after.version >= before.version && after.epoch >= before.epoch);
    assert_eq!(before == after, before.version == after.version, "a change has a version of its own");
    assert_eq!(before.leader == after.leader, before.epoch == after.epoch, "one leader an epoch");
    assert!(!rejected || before == after, "what does not count changes nothing");
}

proptest! {
    #[test]
    fn any_records_in_any_order_leave_a_possible_image(draws in prop::collection::vec(draw(), 0..120)) {
        let mut given = Given::created(&[A, B, C]);
        let mut twin = given.image.clone();
        for drawn in &draws {
            let (before, office) = (given.state().clone(), given.image.epoch());
            let record = record(&given, drawn);
            let at = given.image.applied_to();
            let outcome = given.says(record.epoch.0, record.command.clone());
            check_change(&before, given.state(), outcome.is_err());
            check_possible(&given.image);
            prop_assert!(given.image.epoch() >= office);
            let is_claim = matches!(record.command, Command::Claim { .. });
            prop_assert!(is_claim || record.epoch == office || outcome.is_err(), "a stale controller counted");
            // MetadataLogMatching: whoever has applied the same records has the same image, and heard the same.
            let again = Record::decode(&record.encode()).unwrap();
            prop_assert_eq!(twin.apply(at, &again), outcome);
            prop_assert_eq!(&twin, &given.image);
        }
    }
}
