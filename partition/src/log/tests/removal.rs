//! A log that is removed is whole or gone, whenever the power goes.

use std::sync::atomic::{AtomicU64, Ordering};

use super::crashes::{FailingPower, grain, tiny};
use super::*;
use crate::log::disk::Disk;

const VALUES: [&str; 2] = ["aaaaaaaa", "bbbbbbbb"];

/// A log that was closed in order.
async fn closed() -> (SimulatedDisk, MemoryCheckpoints) {
    let mut bench = Bench::new(tiny()).await;
    for value in VALUES {
        bench.append(1, &[value]);
        bench.settle().await;
    }
    bench.log.close().await.unwrap();
    // Another process comes.
    (bench.disk.after_kill(), bench.checkpoints)
}

#[tokio::test(start_paused = true)]
async fn a_removed_log_leaves_nothing_and_a_new_one_takes_its_place() {
    let (disk, checkpoints) = closed().await;
    let world = world(&disk);
    remove(&world, Path::new(DIR)).await.unwrap();
    assert!(disk.list(Path::new(DIR)).is_err(), "its directory is there still");
    remove(&world, Path::new(DIR)).await.expect("what is not there is removed");
    let bench = Bench::open(disk, checkpoints, tiny()).await.unwrap();
    assert_eq!((bench.log.opening(), bench.log.end()), (Opening::New, Offset::ZERO));
}

#[tokio::test(start_paused = true)]
async fn an_open_log_is_not_removed() {
    let bench = Bench::new(tiny()).await;
    assert!(remove(&bench.world, Path::new(DIR)).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_removal_survives_every_crash() {
    let mut states = 0;
    for operations in 0.. {
        let (disk, checkpoints) = closed().await;
        let left = Arc::new(AtomicU64::new(operations));
        let mut failing = world(&disk);
        failing.disk = Arc::new(FailingPower { disk: disk.clone(), left: Arc::clone(&left) });
        let removed = remove(&failing, Path::new(DIR)).await;
        for disk in disk.crash_states(grain) {
            states += 1;
            let opened = Bench::open(disk, checkpoints.copied(), tiny()).await;
            let bench = opened.unwrap_or_else(|error| panic!("power for {operations} operations: {error}"));
            let contents = bench.contents().await;
            let whole = contents.len() == VALUES.len() && bench.log.opening() == Opening::Clean;
            let gone = contents.is_empty() && bench.log.opening() == Opening::New;
            assert!(whole || gone, "power for {operations} operations: {contents:?}");
            assert!(!(whole && removed.is_ok()), "it came back after it was removed");
        }
        if left.load(Ordering::Relaxed) > 0 {
            break;
        }
    }
    assert!(states > 20, "the power never failed midway: {states} states");
}
