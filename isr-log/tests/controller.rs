//! Controllers and brokers together, in virtual time: registration, fencing, election, and controllers that come and go.

#[path = "controller/metadata.rs"]
mod metadata;
#[path = "controller/scene.rs"]
mod scene;
#[path = "controller/solo.rs"]
mod solo;

use std::time::Duration;

use isr_log::controller::broker::{AlterError, BrokerEvent};
use isr_log::controller::command::Disk;
use isr_log::controller::rejection::Rejection;
use partition::ids::{Epoch, NodeId, Offset};
use partition::simulation::{self, Simulation};

use scene::{A, B, C, FIRST, SECOND, SESSION, Scene};

#[test]
fn brokers_register_and_the_first_of_them_leads() {
    simulation::run(1, |simulation| async move {
        let scene = Scene::new(&simulation, &[A, B, C]).await;
        let brokers = scene.brokers().await;
        for broker in brokers.values() {
            assert_eq!((broker.state.leader, broker.state.epoch), (Some(A), Epoch(1)));
            assert_eq!(broker.state.in_sync.keys().copied().collect::<Vec<_>>(), [A, B, C]);
            assert!(broker.state.in_sync.values().any(|life| *life == broker.life));
        }
        assert!(simulation.clock().now().since(Default::default()) < SESSION, "nobody waits for a session");
    });
}

#[test]
fn a_leader_that_falls_silent_is_fenced_after_a_session_and_another_is_elected() {
    simulation::run(2, |simulation| async move {
        let scene = Scene::new(&simulation, &[A, B]).await;
        let mut brokers = scene.brokers().await;
        scene.passes(SESSION).await;
        let crashed = simulation.clock().now();
        simulation.crash(A).await;
        let b = brokers.get_mut(&B).unwrap();
        b.until(|state| state.leader == Some(B)).await;
        assert_eq!((b.state.epoch, b.state.in_sync.len()), (Epoch(2), 1));
        let took = simulation.clock().now().since(crashed);
        let least = SESSION.checked_sub(Duration::from_millis(700)).unwrap();
        assert!(took > least && took < SESSION + Duration::from_millis(100), "it took {took:?}");
    });
}

#[test]
fn a_change_of_the_in_sync_set_reaches_every_broker_at_once() {
    simulation::run(3, |simulation| async move {
        let scene = Scene::new(&simulation, &[A, B, C]).await;
        let mut brokers = scene.brokers().await;
        let proposed = simulation.clock().now();
        let proposal = brokers[&A].proposal(&[A, C]);
        brokers[&A].link.alter_in_sync(proposal.clone()).await.unwrap();
        for broker in brokers.values_mut() {
            broker.until(|state| state.in_sync.len() == 2).await;
        }
        let took = simulation.clock().now().since(proposed);
        assert!(took < Duration::from_millis(10), "it took {took:?}");
        let again = brokers[&A].link.alter_in_sync(proposal).await;
        let current = brokers[&A].state.version;
        assert_eq!(again, Err(AlterError::Refused(Rejection::StaleVersion { current })));
    });
}

#[test]
fn when_the_active_controller_dies_another_one_works_on_and_nobody_is_fenced() {
    simulation::run(4, |simulation| async move {
        let scene = Scene::new(&simulation, &[A, B, C]).await;
        let mut brokers = scene.brokers().await;
        // Nearly a session of silence on the way: the new controller has not heard of anybody.
        simulation.crash(FIRST).await;
        scene.passes(Duration::from_millis(2500)).await;
        scene.metadata.moves_to(SECOND);
        let a = brokers.get_mut(&A).unwrap();
        a.alters(&[A, B]).await;
        a.until(|state| state.in_sync.len() == 2).await;
        scene.passes(SESSION * 2).await;
        assert!(a.has_heard_all(), "fenced nobody, elected nobody");
        // It fences, too.
        simulation.crash(A).await;
        let b = brokers.get_mut(&B).unwrap();
        b.until(|state| state.leader == Some(B)).await;
    });
}

#[test]
fn h01_a_restarted_broker_leads_again_only_in_a_new_epoch() {
    simulation::run(5, |simulation| async move {
        let scene = Scene::new(&simulation, &[A]).await;
        let a = scene.brokers().await.remove(&A).unwrap();
        assert_eq!((a.state.leader, a.state.epoch), (Some(A), Epoch(1)));
        simulation.crash(A).await;
        let (link, events) = scene.links(A, A, Disk::Crashed(a.life));
        let mut again = scene.joined(link, events).await;
        assert!(again.life > a.life);
        assert_eq!((again.state.leader, again.state.epoch), (None, Epoch(2)), "its old epoch is over");
        again.reports(A, 3);
        again.until(|state| state.leader == Some(A)).await;
        assert_eq!(again.state.epoch, Epoch(3));
    });
}

#[test]
fn h02_a_wiped_broker_does_not_pass_for_the_old_one() {
    simulation::run(6, |simulation| async move {
        let scene = Scene::new(&simulation, &[A]).await;
        let a = scene.brokers().await.remove(&A).unwrap();
        simulation.crash(A).await;
        simulation.wipe(A);
        let (link, events) = scene.links(A, A, Disk::Fresh);
        let again = scene.joined(link, events).await;
        scene.passes(SESSION * 2).await;
        assert!(again.has_heard_all(), "nobody leads, for nobody has the data");
        assert_eq!((again.state.leader, again.state.last_leader), (None, Some((A, a.life))));
    });
}

#[test]
fn a_broker_leads_nothing_before_its_life_is_on_disk_and_its_logs_are_open() {
    simulation::run(14, |simulation| async move {
        let scene = Scene::new(&simulation, &[A]).await;
        let a = scene.brokers().await.remove(&A).unwrap();
        simulation.crash(A).await;
        let (link, mut events) = scene.only_links(A, A, Disk::Clean(a.life));
        let told = loop {
            match events.recv().await {
                Some(BrokerEvent::Told(to)) => break to,
                other => assert!(!leads(&other), "{other:?}"),
            }
        };
        // Still recovering: it is alive, and says so.
        scene.passes(SESSION * 2).await;
        while let Ok(event) = events.try_recv() {
            assert!(!leads(&Some(event.clone())), "{event:?}");
        }
        link.handled(told);
        while !leads(&events.recv().await) {}
    });
}

/// Whether a broker is told that somebody leads.
fn leads(event: &Option<BrokerEvent>) -> bool {
    matches!(event, Some(BrokerEvent::Partition(state)) if state.leader.is_some())
}

#[test]
fn a_life_that_was_replaced_stops_for_good() {
    simulation::run(7, |simulation| async move {
        let scene = Scene::new(&simulation, &[A, B]).await;
        let mut brokers = scene.brokers().await;
        let elsewhere = NodeId(50);
        let (link, events) = scene.links(A, elsewhere, Disk::Fresh);
        let second = scene.joined(link, events).await;
        let first = brokers.get_mut(&A).unwrap();
        let event = first.hears().await;
        assert!(matches!(event, Some(BrokerEvent::Replaced)), "{event:?}");
        assert!(first.hears().await.is_none(), "nothing follows");
        scene.passes(SESSION * 2).await;
        assert!(second.has_heard_all(), "and it does not come back");
    });
}

#[test]
fn h13_a_paused_controller_that_wakes_fences_nobody() {
    simulation::run(8, |simulation| async move {
        let scene = Scene::new(&simulation, &[A, B]).await;
        let mut brokers = scene.brokers().await;
        simulation.pause(FIRST);
        scene.metadata.moves_to(SECOND);
        scene.passes(SESSION * 3).await;
        simulation.resume(FIRST);
        scene.passes(SESSION * 3).await;
        let b = brokers.get_mut(&B).unwrap();
        assert!(b.has_heard_all(), "both brokers were heard from all the while");
        assert_eq!((b.state.leader, b.state.epoch), (Some(A), Epoch(1)));
    });
}

#[test]
fn h14_a_proposal_of_unknown_outcome_is_called_so_and_a_later_version_tells() {
    simulation::run(9, |simulation| async move {
        let scene = Scene::new(&simulation, &[A, B]).await;
        let mut brokers = scene.brokers().await;
        let a = brokers.get_mut(&A).unwrap();
        let proposal = a.proposal(&[A]);
        scene.metadata.loses_the_next_answer();
        let outcome = a.link.alter_in_sync(proposal.clone()).await;
        assert!(matches!(outcome, Err(AlterError::Unknown(_))), "{outcome:?}");
        a.until(|state| state.version > proposal.version).await;
        assert_eq!(a.state.in_sync.len(), 1, "it did count");
        // The same controller has claimed anew, and takes the next one.
        a.link.alter_in_sync(a.proposal(&[A])).await.unwrap();
    });
}

#[test]
fn a_fenced_broker_is_alive_again_as_soon_as_it_is_heard_and_rejoins_in_the_same_life() {
    simulation::run(10, |simulation| async move {
        let scene = Scene::new(&simulation, &[A, B]).await;
        let mut brokers = scene.brokers().await;
        simulation.pause(B);
        let a = brokers.get_mut(&A).unwrap();
        a.until(|state| state.in_sync.len() == 1).await;
        simulation.resume(B);
        let mut proposal = a.proposal(&[A]);
        proposal.in_sync.insert(B, brokers[&B].life);
        let a = brokers.get_mut(&A).unwrap();
        // It is refused as long as B is fenced.
        while let Err(error) = a.link.alter_in_sync(proposal.clone()).await {
            assert_eq!(error, AlterError::Refused(Rejection::Ineligible(B)));
        }
        a.until(|state| state.in_sync.len() == 2).await;
    });
}

#[test]
fn h15_whoever_cannot_read_the_records_from_the_first_on_decides_nothing() {
    simulation::run(13, |simulation| async move {
        let scene = Scene::new(&simulation, &[A, B]).await;
        let brokers = scene.brokers().await;
        scene.metadata.loses_all_below(Offset(3));
        let elsewhere = NodeId(50);
        let (_link, mut events) = scene.links(NodeId(9), elsewhere, Disk::Fresh);
        let told = events.recv().await;
        assert!(matches!(&told, Some(BrokerEvent::Failed(why)) if why.contains("trimmed")), "{told:?}");
        assert!(events.recv().await.is_none(), "nothing follows");
        // Nor does a controller take office on half the records.
        simulation.crash(SECOND).await;
        scene.starts_controller(SECOND).await;
        simulation.crash(FIRST).await;
        scene.metadata.moves_to(SECOND);
        let a = &brokers[&A];
        let outcome = a.link.alter_in_sync(a.proposal(&[A])).await;
        assert!(matches!(outcome, Err(AlterError::NotProposed(_) | AlterError::Unknown(_))), "{outcome:?}");
        scene.passes(SESSION * 2).await;
        assert!(a.has_heard_all());
    });
}

async fn takeover(simulation: Simulation) -> String {
    let scene = Scene::new(&simulation, &[A, B, C]).await;
    let mut brokers = scene.brokers().await;
    simulation.crash(FIRST).await;
    scene.metadata.moves_to(SECOND);
    simulation.crash(A).await;
    for node in [B, C] {
        brokers.get_mut(&node).expect("it was started").until(|state| state.leader == Some(B)).await;
    }
    simulation.trace()
}

#[test]
fn one_seed_gives_the_same_trace_twice() {
    let first = simulation::run(11, takeover);
    assert!(first.lines().count() > 20, "{first}");
    assert_eq!(first, simulation::run(11, takeover));
    assert_ne!(first, simulation::run(12, takeover));
}
