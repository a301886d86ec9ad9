//! Space that is set aside, used again, and given back; and who may open a log.

use super::*;
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

/// What lies behind the last batch of the active segment must be zeros, and nothing of an older segment.
fn assert_zeros_follow(bench: &Bench) {
    let name = segments(bench).pop().unwrap();
    let file = bench.disk.open(&Path::new(DIR).join(&name), OpenMode::Existing).unwrap();
    let mut bytes = vec![0; file.length().unwrap().as_len()];
    file.read_at(&mut bytes, ByteSize::ZERO).unwrap();
    let mut rest = bytes::Bytes::from(bytes);
    let mut next: Offset = name.trim_end_matches(".log").parse().unwrap();
    while let Ok(batch) = Batch::parse(&rest)
        && batch.base_offset() == next
    {
        next = batch.next_offset();
        rest = rest.slice(batch.size().as_len()..);
    }
    assert!(rest.iter().all(|byte| *byte == 0), "something of an older segment follows offset {next}");
}

#[tokio::test(start_paused = true)]
async fn h05_a_segment_that_is_used_again_is_zeroed_and_synced_first() {
    // Batches of one size, so that old ones would lie exactly where new ones may be torn off.
    let mut bench = Bench::new(small()).await;
    let value = "of one size";
    let mut recycled = 0;
    for round in 0..40_u32 {
        bench.append(1 + round, &[value]);
        bench.settle().await;
        if round % 3 == 2 {
            bench.log.trim(Offset(bench.log.end().0 - 1)).unwrap();
            while bench.event().await != (LogEvent::Trimmed { to: bench.log.start() }) {}
            recycled += u32::from(names(&bench.disk).contains(&SPARE.to_owned()));
        }
        sweep(&bench).await;
        assert_zeros_follow(&bench);
        let end = bench.log.end();
        let before = bench.contents().await;
        bench.append(1 + round, &["unsynced"]);
        bench = bench.crash().await.unwrap();
        assert_eq!(bench.log.end(), end, "batches of an old segment came back behind the new ones");
        assert_eq!(bench.contents().await, before);
    }
    assert!(recycled > 0, "no segment was used again, so nothing was tested");
}

#[tokio::test(start_paused = true)]
async fn h05_a_spare_that_is_not_zeroed_to_its_end_is_not_used() {
    let mut bench = Bench::new(small()).await;
    for _ in 0..7 {
        bench.append(1, &["of one size"]);
    }
    bench.settle().await;
    // The sweeper gets no time between the trim and the roll that follows it.
    bench.log.trim(Offset(6)).unwrap();
    while bench.event().await != (LogEvent::Trimmed { to: Offset(6) }) {}
    let rolls = segments(&bench).len();
    while segments(&bench).len() == rolls {
        bench.append(1, &["of one size"]);
        bench.event().await;
        assert_zeros_follow(&bench);
    }
    let end = bench.log.stored();
    let bench = bench.crash().await.unwrap();
    assert_eq!(bench.log.end(), end);
    assert_eq!(bench.contents().await.len() as u64, end.0 - 6);
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
    while bench.event().await != (LogEvent::Trimmed { to: Offset(15) }) {}
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
