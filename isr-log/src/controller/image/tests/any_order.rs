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
    Leave { node: u32, life: Life },
    Prefer,
    Snapshot { stale: bool },
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
        1 => (node(), life()).prop_map(|(node, life)| Kind::Leave { node, life }),
        1 => Just(Kind::Prefer),
        1 => prop::bool::weighted(0.2).prop_map(|stale| Kind::Snapshot { stale }),
        6 => (node(), prop::bool::weighted(0.1), prop::bool::weighted(0.1), prop::collection::vec(member, 0..4))
            .prop_map(|(leader, stale_epoch, stale_version, members)| {
                Kind::Alter { leader, stale_epoch, stale_version, members }
            }),
    ];
    (prop_oneof![5 => Just(0_u64), 1 => Just(1)], kind).prop_map(|(behind, kind)| Draw { behind, kind })
}

fn record(given: &Given, drawn: &Draw) -> Record {
    let first = |node: u32| Incarnation(Offset(u64::from(node) * 2));
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
        Kind::Leave { node, life: of } => {
            Command::Leave { broker: NodeId(*node), incarnation: life(*node, *of) }
        }
        Kind::Prefer => Command::ElectPreferred(orders()),
        Kind::Snapshot { stale } => {
            let earlier = Snapshot::of(&given.earlier).filter(|_| *stale);
            let snapshot = earlier.or_else(|| Snapshot::of(&given.image));
            Command::Snapshot(Box::new(snapshot.unwrap()))
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

fn rules() -> impl Strategy<Value = HistoricRules> {
    let successor = prop_oneof![
        3 => Just(SuccessorRule::Eligible),
        1 => Just(SuccessorRule::LastMember),
        1 => Just(SuccessorRule::LastLeader),
    ];
    let unclean = prop_oneof![3 => Just(UncleanElection::Never), 1 => Just(UncleanElection::Allowed)];
    (successor, unclean).prop_map(|(successor, unclean)| HistoricRules {
        successor,
        unclean,
        ..HistoricRules::default()
    })
}

/// LeaderInIsr, ValidControllerIsrAndElr, and what makes a leader or a member count.
fn check_possible(image: &Image) {
    for state in image.partitions() {
        let members = || state.in_sync.iter().chain(&state.eligible);
        assert!(members().all(|(node, _)| state.spec.replicas.contains(node)), "{state:?}");
        assert!(!state.in_sync.keys().any(|node| state.eligible.contains_key(node)), "{state:?}");
        assert!(state.in_sync.len() < state.min_isr() || state.eligible.is_empty(), "{state:?}");
        let counts = |(node, life): (&NodeId, &Incarnation)| image.brokers().is_alive_as(*node, *life);
        match state.leader {
            Some(leader) => {
                assert!(state.in_sync.get(&leader).is_some_and(|life| counts((&leader, life))), "{state:?}");
                assert_eq!(state.last_leader, None);
            }
            None => assert!(!members().any(counts), "somebody could lead: {state:?}"),
        }
        if image.rules().keeps_eligible() {
            assert!(state.in_sync.iter().all(counts), "a fenced one is in sync: {state:?}");
            let known = members().count() + state.witnesses.len();
            assert!(known > 0 || state.last_leader.is_some(), "nobody is known to have the data: {state:?}");
            let twice = |node| state.in_sync.contains_key(node) || state.eligible.contains_key(node);
            assert!(!state.witnesses.keys().any(twice), "{state:?}");
            assert!(state.in_sync.len() < state.min_isr() || state.witnesses.is_empty(), "{state:?}");
            if image.rules() == HistoricRules::default() {
                // Whatever has happened, so many are known to have had all that is committed as must have had it.
                assert!(known >= state.min_isr(), "{state:?}");
                assert_eq!(state.poll.is_some(), state.leader.is_none(), "{state:?}");
            }
        } else {
            assert!(!state.in_sync.is_empty() && state.eligible.is_empty(), "{state:?}");
            assert!(state.in_sync.len() == 1 || state.in_sync.iter().all(counts), "{state:?}");
        }
    }
}

/// What one record may do to a partition.
fn check_change(before: &PartitionState, after: &PartitionState, outcome: &Result<Applied, Rejection>) {
    assert!(after.version >= before.version && after.epoch >= before.epoch);
    assert_eq!(before == after, before.version == after.version, "a change has a version of its own");
    assert_eq!(before.leader == after.leader, before.epoch == after.epoch, "one leader an epoch");
    assert!(outcome.is_ok() || before == after, "what does not count changes nothing");
}

/// UncleanExclusion: who has registered without an end in order is neither in sync nor eligible in his new life.
fn check_excluded(image: &Image, record: &Record, counts: bool) {
    let Command::Register(Registration { node, disk, .. }) = &record.command else { return };
    if !counts || matches!(disk, Disk::Clean(_)) || !image.rules().keeps_eligible() {
        return;
    }
    for state in image.partitions() {
        assert!(!state.in_sync.contains_key(node) && !state.eligible.contains_key(node), "{state:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_records_in_any_order_leave_a_possible_image(
        min_isr in 1..=3_usize,
        rules in rules(),
        draws in prop::collection::vec(draw(), 0..120),
    ) {
        let mut given = Given::created_with(&[A, B, C], min_isr, rules);
        let mut twin = given.image.clone();
        // Somebody who has read nothing, and begins with a snapshot.
        let mut late: Option<Image> = None;
        for drawn in &draws {
            let (before, office) = (given.state().clone(), given.image.epoch());
            let record = record(&given, drawn);
            let at = given.image.applied_to();
            given.earlier = given.image.clone();
            let outcome = given.says(record.epoch.0, record.command.clone());
            check_change(&before, given.state(), &outcome);
            check_possible(&given.image);
            check_excluded(&given.image, &record, outcome.is_ok());
            prop_assert!(given.image.epoch() >= office);
            let carries_its_own = matches!(record.command, Command::Claim { .. } | Command::Snapshot(_));
            let is_stale = !carries_its_own && record.epoch != office;
            prop_assert!(!is_stale || outcome.is_err(), "a stale controller counted");
            // MetadataLogMatching: whoever has applied the same records has the same image, and heard the same.
            let again = Record::decode(&record.encode()).unwrap();
            prop_assert_eq!(twin.apply(at, &again), outcome.clone());
            prop_assert_eq!(&twin, &given.image);
            match &mut late {
                Some(late) => drop(late.apply(at, &again)),
                None if outcome.is_ok() && matches!(record.command, Command::Snapshot(_)) => {
                    let mut begins = Image::default();
                    begins.apply(at, &again).unwrap();
                    late = Some(begins);
                }
                None => {}
            }
            prop_assert!(late.as_ref().is_none_or(|late| *late == given.image));
        }
    }
}
