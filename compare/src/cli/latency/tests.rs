//! Which plans options make, and which are refused.

use clap::Parser;

use super::plan::PlanError;
use super::*;
use crate::experiment::Plan;
use crate::workload::{Gathering, Keys, Linger, Span};

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: LatencyArgs,
}

fn plan(line: &str) -> Result<Planned, PlanError> {
    Line::parse_from(format!("latency {line}").split_whitespace()).args.plan()
}

#[test]
fn a_sweep_has_every_system_at_every_point_under_every_setting() {
    let Planned { plan, remarks } = plan("--replicas 1,3 --acks leader,committed").unwrap();
    assert_eq!(plan.groups.len(), 2);
    assert_eq!(plan.groups[1].cells.len(), 4 * 2 * 2);
    assert_eq!(plan.groups[1].shapes().len(), 4);
    assert!(remarks.is_empty());
    assert_eq!(plan.span, Span(Duration::from_millis(500)));
}

#[test]
fn points_of_one_size_share_floors_and_quorum() {
    let Planned { plan, .. } = plan("--replicas 3:1,3:2,3:3 --in-flight 1").unwrap();
    assert_eq!(plan.groups.len(), 1);
    assert_eq!(plan.groups[0].cells.len(), 3 + 3);
}

#[test]
fn a_min_isr_above_the_replicas_is_clamped_and_said() {
    let Planned { plan, remarks } = plan("--systems isr --replicas 1,3 --min-isr 2 --in-flight 1").unwrap();
    let taken: Vec<usize> = plan.groups.iter().map(|group| group.cells[0].shape.min_isr.get()).collect();
    assert_eq!(taken, [1, 2]);
    assert_eq!(remarks, ["min-isr 2 is more than 1 replicas; 1 is taken"]);
}

#[test]
fn a_rate_makes_an_open_loop_in_place_of_the_closed_one() {
    let Planned { plan, .. } =
        plan("--systems isr --replicas 3 --rate 500,1000 --arrivals constant --producers 4 --keys 9")
            .unwrap();
    let loads: Vec<String> = plan.groups[0].cells.iter().map(|cell| cell.load.to_string()).collect();
    assert_eq!(loads, ["500 a second (constant)", "1000 a second (constant)"]);
    assert_eq!((plan.producers.get(), plan.keys), (4, Keys(9)));
    let both = Line::try_parse_from(["latency", "--rate", "5", "--in-flight", "1"]);
    assert!(both.is_err(), "a loop is open or closed");
}

#[test]
fn slow_replicas_need_links_that_they_are_slower_than() {
    let error = plan("--slow-replicas 1").unwrap_err().to_string();
    assert!(error.contains("--profile three-zones") && !error.contains('\n'), "{error}");
    let Planned { plan, .. } =
        plan("--replicas 3 --profile one-zone+nvme --slow-replicas 1 --hang 3:0.5").unwrap();
    let conditions = &plan.groups[0].conditions;
    assert_eq!((conditions.profile.name.as_str(), conditions.slow_replicas), ("one-zone+nvme", 1));
    assert!(conditions.hang.is_some());
}

#[test]
fn whoever_is_to_hang_is_in_every_cluster_or_the_line_is_refused() {
    let refused = |line: &str| plan(line).err().map(|error| error.to_string());
    for fine in
        ["--replicas 1,3 --hang leader:1", "--replicas 2,3 --hang follower:1", "--replicas 3 --hang 3:1"]
    {
        assert_eq!(refused(fine), None, "{fine}");
    }
    let stranger = refused("--replicas 5,3 --hang 4:1").unwrap();
    assert!(stranger.starts_with("--hang replica 4: a cluster of 3 has no such replica"), "{stranger}");
    assert!(refused("--replicas 3 --hang 0:1").is_some());
    assert!(refused("--replicas 1,3 --hang follower:1").is_some());
}

#[test]
fn blocks_too_short_to_measure_are_refused() {
    assert!(plan("--seconds 0.1 --blocks 8").is_err());
    assert!(plan("--seconds 0.2 --blocks 8").is_ok());
}

#[test]
fn equal_failures_stand_beside_each_other_in_one_group() {
    let Planned { plan, .. } = plan("--survive 1:1,2:1 --systems isr,quorum --in-flight 1").unwrap();
    let groups: Vec<Vec<(String, usize)>> = plan
        .groups
        .iter()
        .map(|group| {
            group.cells.iter().map(|cell| (cell.shape.to_string(), cell.shape.min_isr.get())).collect()
        })
        .collect();
    let named = |shapes: &[(&str, usize)]| -> Vec<(String, usize)> {
        shapes.iter().map(|(name, min)| ((*name).to_owned(), *min)).collect()
    };
    assert_eq!(groups, [named(&[("isr-3", 2), ("quorum-3", 2)]), named(&[("isr-4", 3), ("quorum-5", 2)])]);
}

#[test]
fn what_shares_a_cluster_is_measured_once_and_together() {
    let Planned { plan, .. } =
        plan("--replicas 2,3,5 --survive 1:0 --systems isr,quorum --in-flight 1").unwrap();
    let shapes: Vec<Vec<String>> = plan
        .groups
        .iter()
        .map(|group| group.cells.iter().map(|cell| cell.shape.to_string()).collect())
        .collect();
    assert_eq!(shapes.len(), 2);
    // Those of 2 and of 3 replicas meet in what survives the loss of one copy.
    assert_eq!(shapes[0], ["isr-2", "quorum-2", "isr-3", "quorum-3"]);
    assert_eq!(shapes[1], ["isr-5", "quorum-5"]);
}

#[test]
fn profiles_and_slow_replicas_are_swept_each_in_groups_of_their_own() {
    let Planned { plan, remarks } = plan(
        "--replicas 2,3 --systems isr --in-flight 1 --profile one-zone,three-zones --slow-replicas 0,1,2",
    )
    .unwrap();
    let told = |(profile, slow, replicas): &(String, usize, usize)| format!("{profile} {slow} of {replicas}");
    let groups: Vec<String> = plan
        .groups
        .iter()
        .map(|group| {
            let conditions = &group.conditions;
            let replicas = group.cells[0].shape.replicas.get();
            told(&(conditions.profile.name.clone(), conditions.slow_replicas, replicas))
        })
        .collect();
    let each = ["0 of 2", "0 of 3", "1 of 2", "1 of 3", "2 of 3"];
    let expected: Vec<String> = ["one-zone", "three-zones"]
        .iter()
        .flat_map(|profile| each.iter().map(move |each| format!("{profile} {each}")))
        .collect();
    assert_eq!(groups, expected);
    assert_eq!(remarks, ["a cluster of 2 has 1 followers; --slow-replicas 2 leaves it out"]);
    assert!(plan_error("--replicas 1,2 --profile one-zone --slow-replicas 2").contains("nothing to measure"));
}

#[test]
fn a_linger_gathers_records_that_are_sent_one_by_one() {
    let Planned { plan, .. } = planned("--linger 5 --batch-records 100");
    let most = Some(partition::ids::RecordCount(100));
    assert_eq!(plan.gathering, Gathering::Lingering(Linger { wait: Duration::from_millis(5), most }));
    assert_eq!(plan.payload.shape().records().0, 1);
    let Planned { plan, .. } = planned("--linger 0 --batch-records 100");
    assert_eq!((plan.gathering, plan.payload.shape().records().0), (Gathering::Beforehand, 100));
}

fn planned(line: &str) -> Planned {
    plan(line).unwrap_or_else(|error| panic!("{line}: {error}"))
}

fn plan_error(line: &str) -> String {
    plan(line).err().map(|error| error.to_string()).unwrap_or_default()
}

#[test]
fn a_workload_file_fills_in_what_the_command_line_leaves_open() {
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/workloads");
    let loads = |line: &str| -> (Vec<String>, Plan) {
        let plan = planned(&format!("--systems isr --replicas 1 --workload {examples}/{line}")).plan;
        (plan.groups[0].cells.iter().map(|cell| cell.load.to_string()).collect(), plan)
    };
    let (rates, plan) = loads("orders.toml --acks committed");
    assert_eq!(rates, ["1000 a second (poisson)", "4000 a second (poisson)"]);
    assert_eq!((plan.workload.as_deref(), plan.keys, plan.producers.get()), (Some("orders"), Keys(1000), 4));
    assert_eq!(plan.span, Span(Duration::from_millis(500)));
    let (closed, plan) = loads("orders.toml --acks committed --in-flight 7 --keys 3 --record-bytes 2048");
    assert_eq!((closed, plan.keys), (vec!["7 in flight".to_owned()], Keys(3)));
    assert_eq!(plan.payload.shape().record().0, 2048);
    let (lines, plan) = loads("log-lines.toml");
    assert_eq!((lines.len(), plan.payload.shape().records().0), (4, 16));
    let (_, plan) = loads("knee.toml");
    assert_eq!((plan.groups[0].cells.len(), plan.groups[0].sweeps.len()), (0, 1));
    let Planned { remarks, .. } = planned(&format!("--workload {examples}/one-topic-1kb.yaml"));
    assert_eq!(remarks.len(), 4);
    assert!(
        remarks[0].ends_with("consumerBacklogSizeGB is not used: appends are measured, without consumers")
    );
}

#[test]
fn clusters_of_many_partitions_are_up_one_at_a_time_and_without_floors() {
    let Planned { plan, remarks } = plan("--replicas 3 --partitions 1,10 --in-flight 1").unwrap();
    let cells: Vec<usize> = plan.groups.iter().map(|group| group.cells.len()).collect();
    assert_eq!(cells, [4, 1, 1]);
    assert_eq!(plan.groups[2].conditions.scale.partitions.get(), 10);
    assert_eq!(remarks, ["a floor has one partition, and is left out where there are more"]);
}

#[test]
fn of_many_partitions_nobody_is_slowed_or_hung_by_his_role() {
    let refused = |line: &str| plan(line).err().map(|error| error.to_string());
    assert!(refused("--replicas 3 --partitions 10 --hang leader:1").unwrap().contains("by its number"));
    assert!(refused("--replicas 3 --partitions 10 --profile three-zones --slow-replicas 1").is_some());
    assert_eq!(refused("--replicas 3 --partitions 10 --hang 2:1"), None);
}
