//! A run fails by the first thing that is wrong, keeps disks over crashes, and repeats itself.

use std::path::Path;

use super::*;
use crate::ids::ByteSize;
use crate::log::disk::OpenMode;

const NODE: NodeId = NodeId(1);

#[test]
#[should_panic(expected = "tasks wake each other for ever while time stands still (seed 9")]
fn tasks_that_never_rest_fail_the_run() {
    run(9, async |simulation| {
        simulation.world(NODE).tasks.spawn(async {
            loop {
                tokio::task::yield_now().await;
            }
        });
        simulation.clock().sleep(Duration::from_secs(1)).await;
    });
}

#[test]
#[should_panic(expected = "a broken invariant (seed 9")]
fn a_panic_in_any_task_fails_the_run() {
    run(9, async |simulation| {
        simulation.world(NODE).tasks.spawn(async { panic!("a broken invariant") });
        simulation.clock().sleep(Duration::from_secs(1)).await;
    });
}

#[test]
fn a_crash_keeps_the_disk_as_it_was_synced_and_gives_other_chances() {
    run(9, async |simulation| {
        let (dir, path) = (Path::new("/dir"), Path::new("/dir/file"));
        let before = simulation.world(NODE);
        before.disk.create_dir(dir).unwrap();
        let file = before.disk.open(path, OpenMode::New).unwrap();
        before.disk.sync_dir(dir).unwrap();
        file.write_at(b"kept", ByteSize(0)).unwrap();
        file.sync().unwrap();
        file.write_at(b"gone", ByteSize(4)).unwrap();
        simulation.crash(NODE).await;
        let after = simulation.world(NODE);
        let file = after.disk.open(path, OpenMode::Existing).unwrap();
        assert_eq!(file.length().unwrap(), ByteSize(4));
        let again = Random::seeded(node::mixed(9, 1, 0));
        assert_eq!(before.random.seed(), again.seed());
        assert_ne!(after.random.seed(), Random::seeded(node::mixed(9, 1, 0)).seed());
        simulation.wipe(NODE);
        assert!(after.disk.open(path, OpenMode::Existing).is_err());
    });
}

/// A file on a node's disk, with these bytes synced and those only written.
fn stored(simulation: &Simulation, synced: &[u8], written: &[u8]) {
    let (dir, disk) = (Path::new("/dir"), simulation.world(NODE).disk);
    disk.create_dir(dir).unwrap();
    let file = disk.open(&dir.join("file"), OpenMode::New).unwrap();
    disk.sync_dir(dir).unwrap();
    file.write_at(synced, ByteSize::ZERO).unwrap();
    file.sync().unwrap();
    file.write_at(written, ByteSize::of(synced)).unwrap();
}

#[test]
fn a_killed_process_keeps_what_it_had_written_and_a_power_cut_after_it_does_not() {
    run(1, async |simulation| {
        let length = || {
            let file = simulation.world(NODE).disk.open(Path::new("/dir/file"), OpenMode::Existing);
            file.unwrap().length().unwrap()
        };
        stored(&simulation, b"synced", b"written");
        simulation.keeps(NODE, Keeps::Written);
        simulation.crash(NODE).await;
        assert_eq!(length(), ByteSize(13));
        simulation.crash(NODE).await;
        assert_eq!(length(), ByteSize(6), "what is kept is said for one crash");
    });
}

#[test]
fn timers_go_off_to_the_nanosecond_in_order_of_time_and_registration() {
    run(1, async |simulation| {
        let order = Arc::new(Mutex::new(Vec::new()));
        let world = simulation.world(NODE);
        for (name, nanos) in [("late", 1_001), ("early", 999), ("first", 1_000), ("second", 1_000)] {
            let (order, clock) = (Arc::clone(&order), world.clock.clone());
            world.tasks.spawn(async move {
                clock.sleep(Duration::from_nanos(nanos)).await;
                order.lock().unwrap().push((name, clock.now().0));
            });
        }
        simulation.clock().sleep(Duration::from_micros(2)).await;
        let order = order.lock().unwrap().clone();
        assert_eq!(order, [("early", 999), ("first", 1_000), ("second", 1_000), ("late", 1_001)]);
    });
}

#[test]
fn a_drifting_clock_ends_its_own_timers_early_and_nobody_elses() {
    run(1, async |simulation| {
        let (clock, second) = (simulation.world(NODE).clock, Duration::from_secs(1));
        let sleep = clock.sleep(second);
        let limited = clock.timeout(second * 2, std::future::pending::<()>());
        let started = async {
            simulation.clock().sleep(second / 2).await;
            simulation.fault(&"drift 1 2.000".parse().unwrap());
        };
        let ended = async {
            sleep.await;
            simulation.clock().now()
        };
        let (ended, (), ()) = futures_util::join!(ended, started, async {
            limited.await.unwrap_err();
        });
        assert_eq!(ended, Moment(750_000_000), "half a second of its own takes a quarter");
        assert_eq!((simulation.clock().now(), clock.now()), (Moment(1_250_000_000), Moment(2_000_000_000)));
        let wall = clock.wall_ms();
        simulation.fault(&"behind 1 1s".parse().unwrap());
        assert_eq!(clock.now(), Moment(2_000_000_000), "a monotonic clock does not go back");
        assert!(clock.wall_ms() < wall);
    });
}

#[test]
fn a_timer_that_wakes_nobody_does_not_stop_the_run() {
    run(1, async |simulation| {
        let world = simulation.world(NODE);
        let timer = Arc::new(Mutex::new(Some(Box::pin(world.clock.sleep(Duration::from_secs(1))))));
        let theirs = Arc::clone(&timer);
        world.tasks.spawn(std::future::poll_fn(move |cx| {
            let mut timer = theirs.lock().unwrap();
            assert!(timer.as_mut().unwrap().as_mut().poll(cx).is_pending());
            std::task::Poll::Ready(())
        }));
        simulation.clock().sleep(Duration::from_secs(2)).await;
        drop(timer);
    });
}

#[test]
fn a_check_sees_each_step_and_what_it_finds_ends_the_run() {
    let failure = attempt(5, Tracing::Text, async |simulation| {
        let (clock, mut steps) = (simulation.clock().clone(), 0);
        let seen = simulation.world(NODE).clock;
        simulation.on_step(move |step| {
            steps += step.events.len();
            assert_eq!(step.at, seen.now());
            if step.events.contains(&Event::Note("wrong".to_owned())) {
                return Err(format!("found after {steps} events"));
            }
            Ok(())
        });
        clock.sleep(Duration::from_millis(1)).await;
        clock.sleep(Duration::from_millis(1)).await;
        simulation.note("wrong");
        clock.sleep(Duration::from_secs(1)).await;
        unreachable!("the run has ended");
    });
    let failure = failure.unwrap_err();
    assert_eq!(failure.to_string(), "found after 3 events (seed 5, at 0.002000000 s)");
    assert_eq!(failure.trace, "2000000 wrong\n");
}

#[test]
fn whatever_goes_wrong_is_told_with_its_seed_and_time() {
    let why = |failed: Result<(), Failure>| failed.unwrap_err().why;
    let second = Duration::from_secs(1);
    let of_a_task = attempt(1, Tracing::Digest, async |simulation| {
        simulation.world(NODE).tasks.spawn(async { panic!("a task") });
        simulation.clock().sleep(second).await;
    });
    assert_eq!(why(of_a_task), "panicked: a task");
    let of_the_body = attempt(1, Tracing::Digest, async |simulation| {
        simulation.clock().sleep(second).await;
        panic!("the {}", "body");
    });
    assert_eq!(of_the_body.as_ref().unwrap_err().at, Moment(1_000_000_000));
    assert_eq!(why(of_the_body), "panicked: the body");
    let stuck = attempt(1, Tracing::Digest, async |_| std::future::pending::<()>().await);
    assert_eq!(why(stuck), "the run waits for something that will not come");
}

#[test]
fn a_digest_covers_timers_that_the_text_leaves_out() {
    let digest = |nanos| {
        run(1, async move |simulation| {
            simulation.clock().sleep(Duration::from_nanos(nanos)).await;
            simulation.clock().sleep(Duration::from_nanos(100 - nanos)).await;
            (simulation.digest(), simulation.trace())
        })
    };
    assert_eq!(digest(40), digest(40));
    assert_ne!(digest(40).0, digest(41).0);
    assert_eq!(digest(40).1, digest(41).1);
}
