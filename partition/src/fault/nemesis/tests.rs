//! A nemesis commits any subset of any schedule, and ends it all.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;

use super::*;
use crate::fault::{Frame, Kind, Schedule};
use crate::partition::{Acks, Append};
use crate::record::BatchBuilder;
use crate::simulation::{Event, Tracing, attempt, run};
use crate::solo::SimulatedSolo;

const NODE: NodeId = NodeId(1);

fn append() -> Append {
    let batch = BatchBuilder::of_values(0, &[Bytes::from_static(b"x")]);
    Append { batch, acks: Acks::Committed, timeout: Duration::from_secs(5) }
}

fn texts(faults: impl IntoIterator<Item = Fault>) -> Vec<String> {
    faults.into_iter().map(|fault| fault.to_string()).collect()
}

#[test]
fn what_makes_no_sense_is_passed_over_and_heal_says_what_it_ended() {
    run(1, async |simulation| {
        let mut cluster = SimulatedSolo::start(&simulation).await;
        let mut nemesis = Nemesis::new(&simulation);
        for fault in
            ["power-loss 1", "pause 1", "stop 1", "kill 1", "resume 1", "cut 1000>1", "slow-sync 1 5ms"]
        {
            nemesis.commit(&mut cluster, &fault.parse().unwrap()).await;
        }
        assert_eq!((nemesis.down().len(), nemesis.paused().len()), (1, 0));
        nemesis.commit(&mut cluster, &"heal 1000>1".parse().unwrap()).await;
        assert_eq!(
            texts(nemesis.heal(&mut cluster).await),
            ["power-loss 1", "stop 1", "kill 1", "slow-sync 1 5ms"]
        );
        assert!(nemesis.down().is_empty() && nemesis.on().next().is_none());
        cluster.client().append(append()).await.unwrap();
    });
}

#[test]
fn a_paused_node_answers_when_it_is_healed_and_not_before() {
    run(1, async |simulation| {
        let mut cluster = SimulatedSolo::start(&simulation).await;
        let mut nemesis = Nemesis::new(&simulation);
        nemesis.commit(&mut cluster, &"pause 1".parse().unwrap()).await;
        let append = cluster.client().append(append());
        let heal = async {
            simulation.clock().sleep(Duration::from_secs(1)).await;
            nemesis.heal(&mut cluster).await;
            simulation.clock().now()
        };
        let (appended, healed) = futures_util::future::join(append, heal).await;
        appended.unwrap();
        assert!(simulation.clock().now() >= healed);
    });
}

#[test]
fn a_crash_of_each_kind_keeps_what_it_says() {
    run(1, async |simulation| {
        let mut cluster = SimulatedSolo::start(&simulation).await;
        let mut nemesis = Nemesis::new(&simulation);
        let seen = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&seen);
        simulation.on_step(move |step| {
            let kept = |event: &Event| match event {
                Event::Crashed { node: NODE, keeps } => Some(*keeps),
                _ => None,
            };
            noted.lock().unwrap().extend(step.events.iter().filter_map(kept));
            Ok(())
        });
        for fault in ["kill 1", "power-loss 1", "power-loss-midway 1", "wipe 1"] {
            nemesis.commit(&mut cluster, &fault.parse().unwrap()).await;
            nemesis.commit(&mut cluster, &"restart 1".parse().unwrap()).await;
            simulation.clock().sleep(Duration::from_secs(1)).await;
        }
        assert_eq!(*seen.lock().unwrap(), [Keeps::Written, Keeps::Synced, Keeps::Chance, Keeps::Written]);
        assert_eq!(cluster.client().append(append()).await.unwrap().placement().unwrap().base.0, 0, "wiped");
    });
}

#[test]
fn drawn_schedules_end_and_leave_a_replica_that_works() {
    let kinds = Kind::all().into_iter().filter(|kind| *kind != Kind::FlipBit).collect();
    let frame = Frame {
        replicas: vec![NODE],
        spares: vec![],
        assigned_min: 1,
        assigned_max: 1,
        controllers: vec![],
        clients: vec![NodeId(1000)],
        duration: Duration::from_secs(10),
        kinds,
        count: 3,
        harmed_max: 1,
    };
    let digest = |seed| {
        let schedule = Schedule::seeded(seed, &frame);
        attempt(seed, Tracing::Digest, async |simulation| {
            let mut cluster = SimulatedSolo::start(&simulation).await;
            let mut nemesis = Nemesis::new(&simulation);
            let client = cluster.client();
            for (at, fault) in schedule.steps() {
                simulation.clock().sleep_until(at).await;
                simulation.world(NodeId(1000)).tasks.spawn({
                    let appended = client.append(append());
                    async move { drop(appended.await) }
                });
                nemesis.commit(&mut cluster, &fault).await;
            }
            nemesis.heal(&mut cluster).await;
            simulation.clock().sleep(Duration::from_secs(5)).await;
            client.append(append()).await.unwrap_or_else(|error| panic!("{schedule}: {error}"));
            simulation.digest()
        })
        .unwrap_or_else(|failure| panic!("{failure}"))
    };
    for seed in 0..60 {
        assert_eq!(digest(seed), digest(seed), "{seed}");
    }
}
