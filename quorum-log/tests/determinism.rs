//! One seed gives the same bytes twice, through faults of all kinds: in one process and in two.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::process::Command;

use partition::conformance::determinism;
use partition::simulation::{self, Digest, Simulation, Tracing};
use quorum_log::cluster::{Plan, QuorumCluster};

const SEEDS: std::ops::Range<u64> = 0..6;

async fn appends_through_faults(simulation: Simulation) -> Digest {
    let mut cluster = QuorumCluster::simulated(&simulation, Plan::of(3)).await;
    determinism::appends_through_faults(&simulation, &mut cluster).await
}

fn digests() -> String {
    let digest = |seed| simulation::attempt(seed, Tracing::Digest, appends_through_faults);
    let line = |seed| digest(seed).map_or_else(|failure| failure.to_string(), |digest| digest.to_string());
    SEEDS.map(line).collect::<Vec<_>>().join(" ")
}

#[test]
fn one_seed_gives_the_same_bytes_twice_in_one_process() {
    let digests = [digests(), digests()];
    println!("digests: {}", digests[0]);
    assert_eq!(digests[0], digests[1]);
    assert!(!digests[0].contains("seed"), "a run failed: {}", digests[0]);
}

#[test]
fn one_seed_gives_the_same_bytes_in_two_processes() {
    let run = || {
        let test = ["--exact", "one_seed_gives_the_same_bytes_twice_in_one_process", "--nocapture"];
        let output = Command::new(std::env::current_exe().unwrap()).args(test).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let (_, digests) = text.split_once("digests: ").unwrap_or_else(|| panic!("no digests in {text}"));
        digests.lines().next().unwrap().to_owned()
    };
    assert_eq!(run(), run());
}
