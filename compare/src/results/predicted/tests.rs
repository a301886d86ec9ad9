//! Predictions from journeys made by hand.

use partition::journeys::Journey;
use partition::latency::Latency as Delay;
use partition::log::Durability;

use super::*;
use crate::headline::{self, Extent};
use crate::profile::{Links, Profile};

fn setting(system: System) -> Setting {
    let plan = headline::plan(Extent::Quick);
    let cells: Vec<Setting> = plan.groups.into_iter().flat_map(|group| group.cells).collect();
    let of = |cell: &&Setting| cell.shape.system == system && cell.shape.replicas.get() == 3;
    let mut setting = *cells.iter().find(of).unwrap();
    setting.shape.durability = Durability::Synced;
    setting
}

/// A thousand batches: the leader's disk takes 1 ms, follower 2 takes 2 ms, and follower 3 takes 4 ms but for the slowest 20.
fn journeys() -> Vec<(NodeId, Journeyed)> {
    let (ms, followers) = (1_000_000, vec![NodeId(2), NodeId(3)]);
    let journey = |at: u64| Journey {
        own: Some(ms),
        followers: vec![Some(2 * ms), Some(if at < 20 { 40 * ms } else { 4 * ms })],
    };
    vec![(NodeId(1), Journeyed { followers, seen: 1000, kept: (0..1000).map(journey).collect() })]
}

fn measured(p50: f64, p99: f64) -> Latency {
    Latency { p50, p90: p50, p99, p999: p99, max: p99, mean: p50 }
}

fn predicted(system: System, conditions: &Conditions, measured: Latency) -> (Quantiles, Prediction) {
    let (setting, journeys) = (setting(system), journeys());
    let basis =
        Basis { setting: &setting, conditions, journeys: &journeys, measured, injected: None, seed: 1 };
    basis.predict().unwrap()
}

#[test]
fn each_systems_samples_predict_its_own_rule_and_the_others() {
    let natural = Conditions::default();
    let (isr, of_isr) = predicted(System::Isr, &natural, measured(4_500.0, 41_000.0));
    assert_eq!((isr.p50, isr.p90, isr.p99), (Some(4_000.0), Some(4_000.0), Some(40_000.0)));
    assert_eq!((of_isr.majority_us.p50, of_isr.majority_us.p999), (Some(2_000.0), Some(2_000.0)));
    assert_eq!((of_isr.residual_us.p50, of_isr.residual_us.p99), (Some(500.0), Some(1_000.0)));
    let (quorum, of_quorum) = predicted(System::Quorum, &natural, measured(2_500.0, 2_600.0));
    assert_eq!((quorum, of_quorum.all_in_sync_us), (of_isr.majority_us, isr));
    assert_eq!((of_quorum.seen, of_quorum.samples), (1000, 1000));
}

#[test]
fn a_profile_has_to_agree_only_where_it_dominates() {
    let constant = |us| Delay::Constant(Duration::from_micros(us));
    let links = Links { zones: 3, within: constant(0), between: constant(1_900) };
    let profile = Profile { name: "t".to_owned(), links: Some(links), syncs: None };
    let conditions = Conditions { profile, ..Conditions::default() };
    let (_, close) = predicted(System::Isr, &conditions, measured(4_100.0, 43_000.0));
    let agreement = close.agreement.unwrap();
    assert_eq!(close.profile_alone_us.unwrap().p50, Some(3_800.0));
    assert!(agreement.dominated && agreement.is_close(), "{agreement:?}");
    let (_, far) = predicted(System::Isr, &conditions, measured(4_600.0, 40_000.0));
    let agreement = far.agreement.unwrap();
    assert!(agreement.dominated && !agreement.is_close(), "{agreement:?}");
    // A machine that adds as much again is what is measured, and says nothing against the model.
    let (_, busy) = predicted(System::Isr, &conditions, measured(8_000.0, 80_000.0));
    assert!(!busy.agreement.unwrap().dominated);
    let (_, natural) = predicted(System::Isr, &Conditions::default(), measured(4_100.0, 43_000.0));
    assert_eq!(natural.agreement.unwrap().profile_share, None);
    assert!(!natural.agreement.unwrap().dominated);
}

#[test]
fn the_way_to_the_client_and_back_is_added() {
    let constant = |us| Delay::Constant(Duration::from_micros(us));
    let links = Links { zones: 1, within: constant(300), between: constant(300) };
    let profile = Profile { name: "t".to_owned(), links: Some(links), syncs: None };
    let conditions = Conditions { profile, ..Conditions::default() };
    let (own, _) = predicted(System::Isr, &conditions, measured(4_600.0, 40_600.0));
    assert_eq!(own.p50, Some(4_600.0));
}

#[test]
fn who_waits_for_the_leader_alone_is_predicted_by_its_disk_and_who_waits_for_nobody_is_not() {
    let mut setting = setting(System::Quorum);
    setting.acks = Acks::Leader;
    assert_eq!(rule_of(&setting), Some(Rule::Leader));
    setting.acks = Acks::Nobody;
    assert_eq!(rule_of(&setting), None);
}
