//! In virtual time nothing takes time but what is injected, so the times to the copies must foretell what a client waits.

use std::time::Duration;

use isr_log::controller::active::Preference;
use isr_log::controller::lease::Leases;
use partition::clock::Clock;
use partition::ids::{ByteSize, NodeId};
use partition::journeys::Journeyed;
use partition::latency::Latency;
use partition::log::{Durability, LogConfig};
use partition::partition::{Acks, Append, Appended, Partition};
use partition::record::BatchBuilder;
use partition::simulation::{self, Simulation};

use super::cluster::{BEFORE_CLIENTS, VirtualCluster, replicas};
use super::liveness;
use crate::model::joint::predict;
use crate::model::{Quantiles, Rule, Sampled, majority};
use crate::node::{Broken, Tuning};
use crate::system::{MinIsr, Replicas, Shape, System};

/// Appends, one after the other: enough for a p99 that is no single one.
const APPENDS: usize = 400;
/// How long a cluster may take to come up, or an append.
const PATIENCE: Duration = Duration::from_secs(30);

fn tuning() -> Tuning {
    let log = LogConfig { segment_bytes: ByteSize::mib(1), ..LogConfig::default() };
    Tuning {
        metadata_log: log.clone(),
        log,
        timing: quorum_log::Timing::default(),
        session: Duration::from_secs(3),
        heartbeat: Duration::from_millis(500),
        lag_max: Duration::from_secs(10),
        fetch_bytes: ByteSize::mib(1),
        leases: Leases::Off,
        preference: Preference::OnCommand,
        broken: Broken::default(),
    }
}

/// What a client of this system waited, sorted, and what its leader saw.
fn watched(system: System, between: Latency) -> (Vec<Duration>, Vec<Sampled>) {
    let count = Replicas::new(5).unwrap();
    let min_isr = MinIsr::new(3, count).unwrap();
    let shape = Shape { system, replicas: count, min_isr, durability: Durability::Synced };
    simulation::run(7, |simulation| async move { watch(&simulation, shape, between).await })
}

async fn watch(simulation: &Simulation, shape: Shape, between: Latency) -> (Vec<Duration>, Vec<Sampled>) {
    let cluster = VirtualCluster::start(simulation, shape, Vec::new(), tuning()).await.unwrap();
    liveness::converge(&cluster, PATIENCE).await.unwrap();
    let (nodes, client) = (replicas(shape), NodeId(BEFORE_CLIENTS + 1));
    for from in &nodes {
        for to in nodes.iter().filter(|to| *to != from) {
            simulation.network().set_latency_between(*from, *to, between);
        }
        // The way to the client and back is no part of a journey.
        for (from, to) in [(*from, client), (client, *from)] {
            simulation.network().set_latency_between(from, to, Latency::Constant(Duration::ZERO));
        }
    }
    let world = simulation.world(client);
    let (clock, partition) = (world.clock.clone(), cluster.connect(&world));
    // Finds the leader; then the watch begins.
    append(partition.as_ref(), &clock).await;
    clock.sleep(Duration::from_secs(1)).await;
    drop(cluster.journeys());
    let mut waited = Vec::new();
    for _ in 0..APPENDS {
        waited.push(append(partition.as_ref(), &clock).await);
    }
    // A majority answers before the last copy is there.
    clock.sleep(Duration::from_secs(1)).await;
    waited.sort_unstable();
    let seen: Vec<Journeyed> = cluster.journeys();
    assert_eq!(
        seen.iter().map(|seen| seen.seen).sum::<u64>(),
        APPENDS as u64,
        "each was seen, at one leader"
    );
    let kept = seen.into_iter().flat_map(|seen| seen.kept);
    let sampled = |times| Sampled { times, client: Duration::ZERO, weight: 1.0 };
    (waited, kept.map(|journey| sampled(journey.times())).collect())
}

async fn append(partition: &dyn Partition, clock: &Clock) -> Duration {
    let mut batch = BatchBuilder::new(0);
    batch.push_value(b"record");
    let begun = clock.now();
    let append = Append { batch: batch.build(), acks: Acks::Committed, timeout: PATIENCE };
    assert!(matches!(partition.append(append).await, Ok(Appended::Placed(_))));
    clock.now().since(begun)
}

/// By which share the measured median and p99 are above what was predicted.
fn above(waited: &[Duration], predicted: Quantiles) -> [f64; 2] {
    let at = |percent: usize| waited[(waited.len() * percent).div_ceil(100) - 1].as_secs_f64() * 1e6;
    let pairs = [(at(50), predicted.p50), (at(99), predicted.p99)];
    pairs.map(|(measured, predicted)| measured / predicted.unwrap() - 1.0)
}

const SYSTEMS: [(System, Rule); 3] =
    [(System::Isr, Rule::AllInSync), (System::KOfIsr, Rule::Copies(3)), (System::Quorum, Rule::Copies(3))];

#[test]
fn what_a_client_waits_is_what_the_copies_times_foretell() {
    assert_eq!(majority(5), 3);
    let exponential =
        Latency::Exponential { least: Duration::from_millis(1), mean: Duration::from_millis(10) };
    for latency in [Latency::Constant(Duration::from_millis(5)), exponential] {
        for (system, rule) in SYSTEMS {
            let (waited, samples) = watched(system, latency);
            let apart = above(&waited, predict(&samples, rule).unwrap());
            assert!(apart.iter().all(|share| share.abs() < 0.02), "{system}, {latency}: {apart:?}");
        }
    }
}

#[test]
fn the_samples_of_either_system_foretell_the_rule_of_the_other() {
    let exponential =
        Latency::Exponential { least: Duration::from_millis(1), mean: Duration::from_millis(10) };
    let [(all, of_isr), (most, of_quorum)] =
        [System::Isr, System::Quorum].map(|system| watched(system, exponential));
    // Other draws of the same delays: as close as two medians of 400 are.
    let [p50, _] = above(&most, predict(&of_isr, Rule::Copies(3)).unwrap());
    assert!(p50.abs() < 0.1, "a majority by isr's samples: {p50}");
    let [p50, _] = above(&all, predict(&of_quorum, Rule::AllInSync).unwrap());
    assert!(p50.abs() < 0.1, "all in sync by quorum's samples: {p50}");
    // The check can fail: the rules are far apart.
    let [p50, _] = above(&all, predict(&of_isr, Rule::Copies(3)).unwrap());
    assert!(p50 > 0.3, "{p50}");
}
