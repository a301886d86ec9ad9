//! Results of measurements made by hand.

use std::time::Duration;

use partition::ids::ByteSize;

use super::super::Load;
use super::*;
use crate::experiment::Group;
use crate::headline::{self, Extent};
use crate::results::tests as by_hand;
use crate::system::{LaunchError, MinIsr, Replicas, Shape, Usage};
use crate::workload::{self, InFlight};
use partition::log::Durability;

/// A block of 100 operations of so many microseconds each.
fn block(us: u64) -> Block {
    let mut latencies = histogram();
    latencies.record_n(us * 1000, 100).unwrap();
    Block {
        latencies,
        acked: 100,
        failed: 0,
        unknown: 0,
        elapsed: Duration::from_micros(us * 100),
        slip: None,
    }
}

/// The question and its floors at two and three replicas, all in the same five blocks.
fn asked() -> Plan {
    let shape = |system, replicas| {
        let replicas = Replicas::new(replicas).unwrap();
        Shape { system, replicas, min_isr: MinIsr::default_for(replicas), durability: Durability::Synced }
    };
    let mut group = Group::default();
    for (replicas, system) in [2, 3].iter().flat_map(|count| System::ASKED.map(|system| (*count, system))) {
        for in_flight in [InFlight::ONE, InFlight::SIXTY_FOUR] {
            let (shape, load) = (shape(system, replicas), workload::Load::Closed(in_flight));
            group.cells.push(Setting { shape, acks: Acks::Committed, load });
        }
    }
    Plan { groups: vec![group], blocks: 5, ..headline::plan(Extent::Quick) }
}

/// The plan, measured: `us` gives each block of each cell its latency.
fn measured(plan: &Plan, us: impl Fn(&Setting, u64) -> u64) -> Measured {
    let mut groups: Vec<MeasuredGroup> = plan.groups.iter().map(MeasuredGroup::unmeasured).collect();
    for cell in groups.iter_mut().flat_map(|group| &mut group.cells) {
        cell.blocks = (0..plan.blocks as u64).map(|index| block(us(&cell.setting, index))).collect();
        cell.usage = Usage {
            replicas: Consumed { cpu: Some(Duration::from_millis(80)), syncs: 500, ..Consumed::default() },
            controllers: Consumed { written: ByteSize(7), ..Consumed::default() },
        };
    }
    Measured { groups, ending: Ending::Complete }
}

fn results(plan: &Plan, measured: &Measured) -> Results {
    let Results { machine, commit, started, command, .. } = by_hand::results(vec![]);
    Results::of(plan, measured, Circumstances { machine, commit, started, command })
}

fn system_us(setting: &Setting, index: u64) -> u64 {
    // The machine slows down as the run goes on; each system stays in proportion.
    let own = match setting.shape.system {
        System::Isr | System::KOfIsr => 15,
        System::Quorum => 12,
        System::FloorAll | System::FloorMajority => 10,
    };
    own * 20 * (index + 1)
}

fn find(results: &Results, system: System, replicas: usize) -> &Cell {
    let wanted = |cell: &&Cell| cell.system == system && cell.replicas == replicas && cell.load == Load::ONE;
    results.cells.iter().find(wanted).unwrap()
}

#[test]
fn ratios_are_those_of_the_same_blocks() {
    let plan = asked();
    let results = results(&plan, &measured(&plan, system_us));
    let isr = find(&results, System::Isr, 3);
    let against = isr.against_floor.unwrap();
    assert!((against.p50.ratio - 1.5).abs() < 0.01, "{against:?}");
    assert!(against.p50.interval.low > 1.49 && against.p50.interval.high < 1.51, "{against:?}");
    assert!((against.ops_per_s.ratio - 1.0 / 1.5).abs() < 0.01, "{against:?}");
    assert_eq!(find(&results, System::FloorAll, 3).against_floor, None);
    let pair = results.pair(|key| *key == isr.key(), |key| *key == find(&results, System::Quorum, 3).key());
    assert!((pair.unwrap().ratios.p50.ratio - 1.25).abs() < 0.01);
    // Two replicas against three were measured in the same blocks too.
    let fewer = find(&results, System::Isr, 2).key();
    assert!(results.pair(|key| *key == fewer, |key| key.replicas == 3).is_some());
}

#[test]
fn floors_of_two_replicas_are_twins_and_those_of_three_are_not() {
    let plan = asked();
    let results = results(&plan, &measured(&plan, system_us));
    let twins: Vec<&Noise> = results.noise.iter().filter(|noise| noise.kind == NullKind::Twins).collect();
    assert_eq!(twins.len(), 2, "one for each load");
    assert!(twins.iter().all(|noise| noise.one.replicas == 2));
    let floors = results.comparisons.iter().filter(|pair| pair.one.system == System::FloorAll);
    let rule: Vec<_> = floors.map(|pair| (pair.one.replicas, pair.other.replicas)).collect();
    assert_eq!(rule, [(2, 3), (2, 3), (3, 3), (3, 3)], "at equal copies lost, and at equal replicas");
    let halves = results.noise.iter().filter(|noise| noise.kind == NullKind::Halves).count();
    assert_eq!(halves, results.cells.len());
}

#[test]
fn what_was_consumed_is_split_and_controllers_are_of_isr_alone() {
    let plan = asked();
    let results = results(&plan, &measured(&plan, system_us));
    let isr = find(&results, System::Isr, 3);
    assert_eq!((isr.cpu_seconds.replicas, isr.syncs.replicas), (Some(0.08), Some(500)));
    assert_eq!(isr.written_bytes.controllers, Some(7));
    assert_eq!(find(&results, System::Quorum, 3).written_bytes.controllers, None);
}

#[test]
fn a_run_that_ended_early_keeps_what_it_has_and_says_why() {
    let plan = asked();
    let mut measured = measured(&plan, system_us);
    measured.ending = Ending::Failed(LaunchError::BadInput("n2 is gone".to_owned()));
    let cells = &mut measured.groups[0].cells;
    cells[0].blocks.truncate(2);
    cells[0].error = Some("n2 is gone".to_owned());
    cells[1].blocks.clear();
    let results = results(&plan, &measured);
    assert_eq!(results.ending, "n2 is gone");
    assert_eq!((results.cells[0].blocks, results.cells[0].error.as_deref()), (2, Some("n2 is gone")));
    assert!(results.cells[0].figures.is_some());
    assert_eq!(results.cells[1].error.as_deref(), Some("0 of 5 blocks measured"));
    assert_eq!((results.cells[1].figures.is_none(), results.cells[1].is_sound()), (true, false));
    assert!(results.cells[2].is_sound() && results.cells[2].against_floor.is_none());
}

#[test]
fn an_answer_of_the_leader_alone_survives_no_lost_copy() {
    let mut plan = asked();
    for cell in plan.groups.iter_mut().flat_map(|group| &mut group.cells) {
        cell.acks = Acks::Leader;
    }
    let results = results(&plan, &measured(&plan, system_us));
    let survives = |system| {
        let cell = find(&results, system, 3);
        (cell.f_d, cell.f_a)
    };
    assert_eq!(survives(System::Isr), (Some(0), Some(2)));
    assert_eq!(survives(System::Quorum), (Some(0), Some(1)));
    assert_eq!(survives(System::FloorAll), (None, None));
}

#[test]
fn the_histogram_holds_every_operation() {
    let plan = asked();
    let results = results(&plan, &measured(&plan, system_us));
    let figures = results.cells[0].figures.as_ref().unwrap();
    let read = figures.latencies().unwrap();
    assert_eq!(read.len(), 100 * plan.blocks as u64);
    let p50_us = read.value_at_quantile(0.5) as f64 / 1e3;
    assert!((p50_us / figures.latency_us.p50 - 1.0).abs() < 0.001);
}
