//! In virtual time nothing takes time but what is injected, so the times to the copies must foretell what a client waits.

use std::time::Duration;

use isr_log::HistoricRules;
use isr_log::controller::active::Preference;
use isr_log::controller::lease::Leases;
use partition::clock::Clock;
use partition::fault::Schedule;
use partition::ids::{ByteSize, NodeId};
use partition::journeys::Journeyed;
use partition::latency::Latency;
use partition::log::{Durability, LogConfig};
use partition::partition::{Acks, Append, Appended, Partition};
use partition::record::BatchBuilder;
use partition::simulation::{self, Simulation};

use super::cluster::{BEFORE_CLIENTS, VirtualCluster, replicas};
use super::leasing::Leasing;
use super::liveness;
use super::scenario::{FaultChoice, Scenario};
use crate::model::joint::predict;
use crate::model::{Quantiles, Rule, Sampled, majority};
use crate::node::{Broken, Tuning};
use crate::system::{MinIsr, Replicas, Shape, System};

/// Appends, one after the other: enough for a p99 that is no single one.
const APPENDS: usize = 400;
/// A pause after each append in which all copies come to be there.
const LOW_LOAD: Duration = Duration::from_millis(300);
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
        historic: HistoricRules::default(),
        broken: Broken::default(),
    }
}

/// What a client of this system waited, sorted, and what its leader saw.
fn watched(system: System, between: Latency, pause: Duration) -> (Vec<Duration>, Vec<Sampled>) {
    let count = Replicas::new(5).unwrap();
    let min_isr = MinIsr::new(3, count).unwrap();
    let shape = Shape { system, replicas: count, min_isr, durability: Durability::Synced };
    simulation::run(7, |simulation| async move { watch(&simulation, shape, between, pause).await })
}

async fn watch(
    simulation: &Simulation,
    shape: Shape,
    between: Latency,
    pause: Duration,
) -> (Vec<Duration>, Vec<Sampled>) {
    let quiet = Scenario::leased(7, shape, FaultChoice::These(Schedule::default()), Leasing::Off);
    let cluster = VirtualCluster::start(simulation, &quiet, tuning()).await.unwrap();
    liveness::converge(&cluster, simulation.clock(), PATIENCE).await.unwrap();
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
        clock.sleep(pause).await;
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
            let (waited, samples) = watched(system, latency, Duration::ZERO);
            let apart = above(&waited, predict(&samples, rule).unwrap());
            assert!(apart.iter().all(|share| share.abs() < 0.02), "{system}, {latency}: {apart:?}");
        }
    }
}

#[test]
fn the_samples_of_either_system_foretell_the_rule_of_the_other() {
    let constant = Latency::Constant(Duration::from_millis(5));
    let [(all, of_isr), (most, of_quorum)] =
        [System::Isr, System::Quorum].map(|system| watched(system, constant, LOW_LOAD));
    let of_majority = above(&most, predict(&of_isr, Rule::Copies(3)).unwrap());
    let of_all = above(&all, predict(&of_quorum, Rule::AllInSync).unwrap());
    assert!(of_majority.iter().chain(&of_all).all(|share| share.abs() < 0.02), "{of_majority:?} {of_all:?}");
}

/// The mean time to a follower, in milliseconds.
fn mean_to_followers(samples: &[Sampled]) -> f64 {
    let times = samples.iter().flat_map(|sample| &sample.times[1..]);
    let (sum, count) =
        times.fold((0.0, 0.0), |(sum, count), time| (sum + time.as_secs_f64() * 1e3, count + 1.0));
    sum / count
}

#[test]
fn where_links_scatter_and_keep_their_order_each_system_has_copies_times_of_its_own() {
    let exponential =
        Latency::Exponential { least: Duration::from_millis(1), mean: Duration::from_millis(10) };
    let mean = |system, pause| mean_to_followers(&watched(system, exponential, pause).1);
    // Two ways of 11 ms, and a sync.
    let pushed = mean(System::Quorum, LOW_LOAD);
    // A report travels behind the fetch that was sent before it: the later of two draws is 5 ms above one.
    let pulled = mean(System::Isr, LOW_LOAD);
    // The next batch is sent while the last copies of this one are under way, and stays behind it: 2.4 ms by drawing 200,000
    // such batches with four followers, of which the second answer commits.
    let busy = mean(System::Quorum, Duration::ZERO);
    assert!((21.0..24.0).contains(&pushed), "{pushed}");
    assert!((4.0..6.0).contains(&(pulled - pushed)), "{pulled} against {pushed}");
    assert!((1.4..3.4).contains(&(busy - pushed)), "{busy} against {pushed}");
}
