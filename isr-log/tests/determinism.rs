//! One seed gives the same bytes twice, through faults of all kinds: in one process and in two.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::process::Command;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{join, join_all};
use isr_log::cluster::{Ground, IsrCluster, Shape};
use partition::cluster::Cluster;
use partition::fault::{Frame, Kind, Nemesis, Schedule};
use partition::ids::NodeId;
use partition::partition::{Acks, Append};
use partition::record::BatchBuilder;
use partition::simulation::{self, Digest, Simulation, Tracing};

const SEEDS: std::ops::Range<u64> = 0..6;

/// What a run needs no luck for: nothing that was synced is lost.
fn frame() -> Frame {
    let kinds = Kind::all().into_iter().filter(|kind| !kind.is_harm() && *kind != Kind::WriteError);
    Frame {
        replicas: [1, 2, 3].map(NodeId).to_vec(),
        controllers: Vec::new(),
        clients: vec![NodeId(1000)],
        duration: Duration::from_secs(10),
        kinds: kinds.collect(),
        count: 3,
        harmed_max: 0,
    }
}

async fn appends_through_faults(simulation: Simulation) -> Digest {
    let mut cluster = IsrCluster::start(Ground::Simulated(simulation.clone()), Shape::of(3)).await;
    let client = cluster.client();
    let appends = join_all((0..40).map(|number| {
        let batch = BatchBuilder::of_values(0, &[Bytes::from(number.to_string())]);
        let append = Append { batch, acks: Acks::Committed, timeout: Duration::from_secs(1) };
        let (client, simulation) = (client.clone(), &simulation);
        async move {
            simulation.clock().sleep(Duration::from_millis(250 * number)).await;
            let appended = client.append(append).await;
            simulation.note(&format!("{number}: {appended:?}"));
        }
    }));
    let faults = async {
        let mut nemesis = Nemesis::new(&simulation);
        nemesis.play(&mut cluster, &Schedule::seeded(simulation.seed(), &frame())).await;
        nemesis.heal(&mut cluster).await;
    };
    join(appends, faults).await;
    simulation.clock().sleep(Duration::from_secs(2)).await;
    simulation.digest()
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
