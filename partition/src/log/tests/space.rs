//! Space that is set aside, used again, and given back; and who may open a log.

use super::*;
use crate::fault::DiskFault;
use crate::log::aside::{DELETED, SPARE};
use crate::log::disk::{Disk, OpenMode};
use crate::log::segment::segment_path;

fn names(disk: &SimulatedDisk) -> Vec<String> {
    disk.list(Path::new(DIR)).unwrap()
}

fn length(bench: &Bench, name: &str) -> u64 {
    bench.disk.open(&Path::new(DIR).join(name), OpenMode::Existing).unwrap().length().unwrap().0
}

fn segments(bench: &Bench) -> Vec<String> {
    names(&bench.disk).into_iter().filter(|name| name.ends_with(".log")).collect()
}

/// Lets the sweeper do what it was asked for.
async fn sweep(bench: &Bench) {
    bench.world.clock.sleep(Duration::from_secs(1)).await;
}

fn large() -> LogConfig {
    LogConfig { segment_bytes: ByteSize::mib(4), ..LogConfig::default() }
}

fn kib(count: usize) -> Batch {
    batch(&[&"x".repeat(count * 1024)])
}

#[tokio::test(start_paused = true)]
async fn a_log_that_takes_nothing_sets_nothing_aside() {
    let bench = Bench::new(LogConfig::default()).await;
    sweep(&bench).await;
    assert_eq!(length(&bench, &segments(&bench)[0]), 0);
    assert!(!names(&bench.disk).contains(&SPARE.to_owned()));
}

/// A thousand of them must fit: 128 MB.
#[tokio::test(start_paused = true)]
async fn a_log_that_was_used_once_sets_little_aside() {
    let mut bench = Bench::new(LogConfig::default()).await;
    bench.append(1, &["used once"]);
    bench.settle().await;
    sweep(&bench).await;
    let spare = length_of_spare(&bench);
    let held = length(&bench, &segments(&bench)[0]) + spare;
    assert!(held <= 128 * 1024, "{held} bytes, {spare} of them for the next segment");
}

#[tokio::test(start_paused = true)]
async fn space_grows_with_use_and_is_on_disk_before_it_is_needed() {
    let mut bench = Bench::new(large()).await;
    let mut set_aside = Vec::new();
    for _ in 0..12 {
        bench.log.append(&kib(128), Epoch(1)).unwrap();
        bench.settle().await;
        sweep(&bench).await;
        let used = bench.log.end().0 * kib(128).size().0;
        set_aside.push(length(&bench, &segments(&bench)[0]) - used);
    }
    assert!(set_aside[0] <= 2 * 128 * 1024, "{set_aside:?}");
    assert!(set_aside[11] >= 1024 * 1024, "{set_aside:?}");
    // Synced, so that a sync of the writer finds nothing to do but its own: a crash leaves the length as it was.
    let before = length(&bench, &segments(&bench)[0]);
    bench.disk.crash();
    assert_eq!(length(&bench, &segments(&bench)[0]), before);
}

#[tokio::test(start_paused = true)]
async fn the_next_segment_is_prepared_before_it_begins() {
    let mut bench = Bench::new(large()).await;
    while segments(&bench).len() < 2 {
        if length_of_spare(&bench) == 0 && bench.log.end() < Offset(24) {
            bench.log.append(&kib(128), Epoch(1)).unwrap();
            bench.settle().await;
            sweep(&bench).await;
            continue;
        }
        let prepared = length_of_spare(&bench);
        assert!(prepared > 0, "the active segment is nearly full, and none is prepared");
        while segments(&bench).len() < 2 {
            bench.log.append(&kib(128), Epoch(1)).unwrap();
            bench.settle().await;
        }
        let next = segments(&bench).pop().unwrap();
        assert!(length(&bench, &next) >= prepared, "what was prepared is the next segment");
    }
    sweep(&bench).await;
    let sealed = segments(&bench).remove(0);
    let next: u64 = segments(&bench)[1].trim_end_matches(".log").parse().unwrap();
    assert_eq!(length(&bench, &sealed), next * kib(128).size().0, "a sealed segment ends at its last batch");
    let bench = bench.crash().await.unwrap();
    assert_eq!(bench.contents().await.len() as u64, bench.log.end().0);
}

fn length_of_spare(bench: &Bench) -> u64 {
    if names(&bench.disk).contains(&SPARE.to_owned()) { length(bench, SPARE) } else { 0 }
}

#[tokio::test(start_paused = true)]
async fn a_closed_log_keeps_no_space_it_does_not_use() {
    let mut bench = Bench::new(large()).await;
    for _ in 0..30 {
        bench.log.append(&kib(128), Epoch(1)).unwrap();
        bench.settle().await;
    }
    sweep(&bench).await;
    assert!(length_of_spare(&bench) > 0);
    let disk = bench.disk.clone();
    let used = bench.log.end().0 * kib(128).size().0;
    bench.log.close().await.unwrap();
    assert!(!names(&disk).contains(&SPARE.to_owned()));
    let file = disk.open(&segment_path(Path::new(DIR), Offset::ZERO), OpenMode::Existing).unwrap();
    assert_eq!(file.length().unwrap().0, used);
}

/// The kernel gives up what it could not write of the whole file, and a later sync of another's succeeds.
#[tokio::test(start_paused = true)]
async fn a_failed_sync_of_zeros_stops_the_log_before_it_calls_anything_stored() {
    let mut bench = Bench::new(large()).await;
    bench.log.append(&kib(128), Epoch(1)).unwrap();
    bench.settle().await;
    bench.disk.fault(&DiskFault::SyncError);
    sweep(&bench).await;
    let _ = bench.log.append(&kib(1), Epoch(1));
    assert!(matches!(bench.event().await, LogEvent::Failed(_)));
    assert_eq!(bench.log.stored(), Offset(1));
}
#[tokio::test(start_paused = true)]
async fn what_was_trimmed_is_unlinked_by_and_by() {
    let config = LogConfig { durability: Durability::Cached, ..small() };
    let mut bench = Bench::new(config).await;
    for _ in 0..20 {
        bench.append(1, &["some value"]);
    }
    bench.settle().await;
    bench.log.trim(Offset(15)).unwrap();
    while !matches!(bench.event().await, LogEvent::Trimmed { to: Offset(15), .. }) {}
    sweep(&bench).await;
    let left = names(&bench.disk);
    assert!(!left.iter().any(|name| name.ends_with(DELETED)), "{left:?}");
}

#[tokio::test(start_paused = true)]
async fn a_log_is_open_once() {
    let bench = Bench::new(LogConfig::default()).await;
    let again = Log::open(&bench.world, Path::new(DIR), bench.config.clone(), mpsc::unbounded_channel().0);
    let Err(LogError::Disk(why)) = again.await else { panic!("a log was opened twice") };
    assert!(why.contains("open elsewhere"), "{why}");
    bench.log.close().await.unwrap();
    Log::open(&bench.world, Path::new(DIR), bench.config, mpsc::unbounded_channel().0).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_log_of_another_format_is_refused_and_left_alone() {
    let mut bench = Bench::new(LogConfig::default()).await;
    bench.append(1, &["a"]);
    let disk = bench.disk.clone();
    bench.log.close().await.unwrap();
    let path = Path::new(DIR).join("log-state");
    let mut slots = crate::meta::TwoSlots::open(&disk, &path, ByteSize::mib(1)).unwrap().0;
    slots.store(&[99, 1, 2, 3]).unwrap();
    let opened = Bench::open(disk.clone(), bench.checkpoints, bench.config).await;
    let Err(LogError::Disk(why)) = opened.map(|bench| bench.log.end()) else { panic!("it was opened") };
    assert!(why.contains("format is 99") && why.contains("the program that wrote it"), "{why}");
    assert!(names(&disk).contains(&"clean-shutdown".to_owned()), "something was changed");
}
