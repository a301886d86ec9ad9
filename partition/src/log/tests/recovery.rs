//! Crashes, torn tails, damage, and what is kept beside the segments.

use super::*;
use crate::fault::DiskFault;
use crate::ids::{Generation, Ordinal};
use crate::log::beside::CleanShutdown;
use crate::log::checkpoint::Checkpoint;
use crate::log::disk::{Disk, DiskFile, OpenMode};
use crate::log::segment::segment_path;
use crate::meta::Checkpoints;

fn segment(bench: &Bench, base: u64) -> Arc<dyn DiskFile> {
    bench.disk.open(&segment_path(Path::new(DIR), Offset(base)), OpenMode::Existing).unwrap()
}

fn names(bench: &Bench) -> Vec<String> {
    bench.disk.list(Path::new(DIR)).unwrap()
}

#[tokio::test(start_paused = true)]
async fn what_was_stored_survives_a_crash_and_what_was_not_is_cut() {
    let mut bench = Bench::new(LogConfig::default()).await;
    bench.append(1, &["a", "b"]);
    bench.settle().await;
    bench.append(2, &["lost"]);
    let bench = bench.crash().await.unwrap();
    assert_eq!(bench.log.opening(), Opening::Unclean);
    let values: Vec<_> = bench.contents().await.into_iter().map(|(_, _, value)| value).collect();
    assert_eq!(values, ["a", "b"]);
    assert_eq!(bench.log.stored(), Offset(2));
    assert_eq!(bench.log.epochs().latest(), Some(Epoch(1)), "an epoch beyond the end was kept");
}

#[tokio::test(start_paused = true)]
async fn a_log_opens_as_it_was_closed() {
    let mut bench = Bench::new(small()).await;
    for number in 0..20 {
        bench.append(1 + number / 7, &[&number.to_string(), "x"]);
    }
    bench.settle().await;
    let before = (bench.contents().await, bench.log.epochs().clone(), bench.log.ordinals());
    let bench = bench.reopen().await;
    assert_eq!(bench.log.opening(), Opening::Clean);
    assert_eq!((bench.contents().await, bench.log.epochs().clone(), bench.log.ordinals()), before);
    let last = names(&bench).into_iter().rfind(|name| name.ends_with(".log")).unwrap();
    let file = bench.disk.open(&Path::new(DIR).join(last), OpenMode::Existing).unwrap();
    assert!(file.length().unwrap() < bench.config.segment_bytes, "space that was set aside stayed");
}

#[tokio::test(start_paused = true)]
async fn a_torn_tail_is_cut_at_the_last_sound_batch() {
    let mut bench = Bench::new(LogConfig::default()).await;
    bench.append(1, &["a"]);
    bench.settle().await;
    let at = batch(&["a"]).size();
    // Half a batch reached the disk, then a whole one that had followed it.
    let torn = batch(&["b"]).placed(Offset(1), Epoch(1));
    let behind = batch(&["c"]).placed(Offset(2), Epoch(1));
    let file = segment(&bench, 0);
    file.write_at(&torn.bytes()[..40], at).unwrap();
    file.write_at(behind.bytes(), ByteSize(at.0 + torn.size().0)).unwrap();
    file.sync().unwrap();
    let mut bench = bench.crash().await.unwrap();
    assert_eq!(bench.log.end(), Offset(1));
    // H-05: "c" is gone for good, and does not come back behind a new batch of the same size.
    bench.append(1, &["B"]);
    bench.settle().await;
    let bench = bench.crash().await.unwrap();
    let values: Vec<_> = bench.contents().await.into_iter().map(|(_, _, value)| value).collect();
    assert_eq!(values, ["a", "B"]);
}

#[tokio::test(start_paused = true)]
async fn damage_below_the_recovery_point_is_found_by_whoever_reads_it() {
    let mut bench = Bench::new(LogConfig::default()).await;
    bench.append(1, &["a"]);
    bench.append(1, &["b"]);
    bench.settle().await;
    let bench = bench.reopen().await;
    let file = segment(&bench, 0);
    file.write_at(&[0xFF; 8], ByteSize(batch(&["a"]).size().0 + 40)).unwrap();
    file.sync().unwrap();
    let bench = bench.crash().await.unwrap();
    assert_eq!(bench.log.end(), Offset(2), "what was synced is not cut");
    let reader = bench.log.reader();
    assert_eq!(reader.read(Offset(0), Offset(2), ByteSize(1)).await.unwrap().iter().count(), 1);
    let read = reader.read(Offset(1), Offset(2), ByteSize(1)).await;
    assert!(matches!(read, Err(LogError::Damaged { at: Offset(1), .. })), "{read:?}");
}

#[tokio::test(start_paused = true)]
async fn a_segment_that_lost_what_was_synced_is_not_filled_up_with_zeros() {
    let mut bench = Bench::new(LogConfig::default()).await;
    bench.append(1, &["a"]);
    bench.append(1, &["b"]);
    bench.settle().await;
    let bench = bench.reopen().await;
    let file = segment(&bench, 0);
    let short = ByteSize(batch(&["a"]).size().0 + 10);
    file.set_length(short).unwrap();
    file.sync().unwrap();
    let disk = bench.disk.clone();
    let Err(LogError::Damaged { what, .. }) = bench.crash().await.map(|bench| bench.log.end()) else {
        panic!("the loss went unseen")
    };
    assert!(what.contains("restore this replica"), "{what}");
    let path = segment_path(Path::new(DIR), Offset(0));
    assert_eq!(disk.open(&path, OpenMode::Reading).unwrap().length().unwrap(), short);
}

#[tokio::test(start_paused = true)]
async fn an_epoch_that_the_checkpoint_of_epochs_contradicts_is_damage_and_cuts_nothing() {
    let mut bench = Bench::new(LogConfig::default()).await;
    for (epoch, value) in [(1, "a"), (4, "b"), (9, "c")] {
        bench.append(epoch, &[value]);
    }
    bench.settle().await;
    bench.checkpoints.clear();
    // One that its neighbours allow. A file that lacks the newest epochs is no contradiction.
    let at = ByteSize(batch(&["a"]).size().0 + 15);
    segment(&bench, 0).write_at(&[5], at).unwrap();
    let (disk, checkpoints, config) =
        (bench.disk.after_kill(), bench.checkpoints.clone(), bench.config.clone());
    drop(bench);
    let opened = Bench::open(disk.after_kill(), checkpoints.clone(), config.clone()).await;
    let Err(LogError::Damaged { at: Offset(1), what }) = opened.map(|bench| bench.log.end()) else {
        panic!("a changed epoch was believed")
    };
    assert!(what.contains("leader-epoch-checkpoint"), "{what}");
    disk.remove(&Path::new(DIR).join("leader-epoch-checkpoint")).unwrap();
    let bench = Bench::open(disk, checkpoints, config).await.unwrap();
    assert_eq!(bench.log.end(), Offset(3), "removing the file, as the error says, does not help");
}

#[tokio::test(start_paused = true)]
async fn h05_an_epoch_that_was_cut_off_does_not_come_back_to_contradict_what_is_appended() {
    let mut bench = Bench::new(LogConfig::default()).await;
    for (epoch, value) in [(1, "a"), (3, "b"), (7, "c")] {
        bench.append(epoch, &[value]);
    }
    bench.settle().await;
    let mut bench = bench.reopen().await;
    bench.log.truncate(Offset(1)).unwrap();
    bench.event().await;
    bench.append(2, &["B"]);
    bench.settle().await;
    bench.checkpoints.clear();
    let bench = bench.crash().await.unwrap();
    let contents: Vec<_> = bench.contents().await.into_iter().map(|(_, epoch, _)| epoch.0).collect();
    assert_eq!(contents, [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn damage_in_a_log_that_was_closed_in_order_is_an_error_though_the_recovery_point_is_gone() {
    let mut bench = Bench::new(LogConfig::default()).await;
    bench.append(1, &["a"]);
    bench.append(1, &["b"]);
    bench.settle().await;
    let file = segment(&bench, 0);
    bench.log.close().await.unwrap();
    file.write_at(&[0xFF; 8], ByteSize(batch(&["a"]).size().0 + 40)).unwrap();
    bench.checkpoints.clear();
    let opened = Bench::open(bench.disk, bench.checkpoints, bench.config).await;
    let Err(LogError::Damaged { at, what }) = opened.map(|bench| bench.log.end()) else {
        panic!("damage was cut in silence")
    };
    assert_eq!(at, Offset(1));
    assert!(what.contains("restore this replica"), "{what}");
}

#[tokio::test(start_paused = true)]
async fn damage_in_a_sealed_segment_is_an_error_though_the_recovery_point_is_gone() {
    let mut bench = Bench::new(small()).await;
    for _ in 0..20 {
        bench.append(1, &["some value"]);
    }
    bench.settle().await;
    bench.checkpoints.clear();
    let file = segment(&bench, 0);
    file.write_at(&[0xFF; 8], ByteSize(100)).unwrap();
    file.sync().unwrap();
    assert!(matches!(bench.crash().await, Err(LogError::Damaged { .. })));
}

#[tokio::test(start_paused = true)]
async fn damage_is_reported_and_never_served() {
    let mut bench = Bench::new(small()).await;
    for _ in 0..20 {
        bench.append(1, &["some value"]);
    }
    bench.settle().await;
    segment(&bench, 0).write_at(&[0xFF; 8], ByteSize(100)).unwrap();
    let reader = bench.log.reader();
    let first = reader.read(Offset(0), Offset(20), ByteSize(1)).await.unwrap();
    assert_eq!(first.iter().count(), 1);
    let second = reader.read(Offset(1), Offset(20), ByteSize(1)).await;
    assert!(matches!(second, Err(LogError::Damaged { at: Offset(1), .. })), "{second:?}");
}

#[tokio::test(start_paused = true)]
async fn h03_a_marker_of_an_older_run_proves_nothing() {
    let mut bench = Bench::new(LogConfig::default()).await;
    bench.append(1, &["a"]);
    bench.settle().await;
    let bench = bench.reopen().await;
    assert!(!names(&bench).contains(&"clean-shutdown".to_owned()), "the marker outlived the opening");
    // It comes back, as after a removal that was not synced.
    CleanShutdown { run: 1, end: Offset(1) }.write(&bench.disk, Path::new(DIR)).unwrap();
    let bench = bench.crash().await.unwrap();
    assert_eq!(bench.log.opening(), Opening::Unclean);
}

#[tokio::test(start_paused = true)]
async fn h04_a_recovery_point_of_an_older_generation_is_discarded() {
    let mut bench = Bench::new(LogConfig::default()).await;
    for value in ["a", "b", "c", "d"] {
        bench.append(1, &[value]);
    }
    bench.settle().await;
    let mut bench = bench.reopen().await;
    let stale = bench.checkpoints.get(&Checkpoint::key(Path::new(DIR))).unwrap();
    bench.log.truncate(Offset(1)).unwrap();
    bench.event().await;
    assert_eq!(bench.log.generation(), Generation(1));
    // Regrown, but not synced; and the checkpoint store lost what it was told since the truncation.
    for value in ["B", "C", "D"] {
        bench.append(2, &[value]);
    }
    bench.checkpoints.put(&Checkpoint::key(Path::new(DIR)), stale);
    let bench = bench.crash().await.unwrap();
    assert_eq!(bench.log.end(), Offset(1), "a torn region was believed, or taken for damage");
}

#[tokio::test(start_paused = true)]
async fn h05_a_cut_tail_does_not_come_back_behind_what_was_written_over_it() {
    let mut bench = Bench::new(LogConfig::default()).await;
    for (epoch, value) in [(1, "a"), (3, "b"), (3, "c"), (3, "d")] {
        bench.append(epoch, &[value]);
    }
    bench.settle().await;
    bench.log.truncate(Offset(1)).unwrap();
    bench.log.append_placed(&[batch(&["B"]).placed(Offset(1), Epoch(2))]).unwrap();
    bench.settle().await;
    let bench = bench.crash().await.unwrap();
    let contents = bench.contents().await;
    assert_eq!(contents[1..], [(Offset(1), Epoch(2), "B".to_owned())]);
    assert_eq!(bench.log.epochs().latest(), Some(Epoch(2)));
}

#[tokio::test(start_paused = true)]
async fn h06_a_log_that_was_trimmed_to_its_end_keeps_it() {
    let mut bench = Bench::new(small()).await;
    for _ in 0..20 {
        bench.append(3, &["some value"]);
    }
    bench.settle().await;
    bench.log.trim(Offset(20)).unwrap();
    assert!(matches!(bench.event().await, LogEvent::Trimmed { to: Offset(20), .. }));
    assert_eq!(names(&bench).iter().filter(|name| name.ends_with(".log")).count(), 1);
    let mut bench = bench.crash().await.unwrap();
    assert_eq!((bench.log.start(), bench.log.end()), (Offset(20), Offset(20)));
    assert_eq!(bench.log.ordinals(), Ordinal(20)..Ordinal(20));
    assert_eq!(bench.log.epochs().latest(), Some(Epoch(3)));
    assert_eq!(bench.append(4, &["next"]), Offset(20));
}

#[tokio::test(start_paused = true)]
async fn an_emptied_log_begins_where_it_was_told_to() {
    let mut bench = Bench::new(small()).await;
    for _ in 0..20 {
        bench.append(3, &["some value"]);
    }
    bench.log.restart_at(Offset(100), Ordinal(70)).unwrap();
    bench.log.append_placed(&[batch(&["x"]).placed(Offset(100), Epoch(4))]).unwrap();
    bench.settle().await;
    let bench = bench.crash().await.unwrap();
    assert_eq!(bench.contents().await, [(Offset(100), Epoch(4), "x".to_owned())]);
    assert_eq!(bench.log.ordinals(), Ordinal(70)..Ordinal(71));
    assert_eq!(names(&bench).iter().filter(|name| name.ends_with(".log")).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_epochs_lie_beside_the_log_as_kafka_writes_them() {
    let mut bench = Bench::new(LogConfig::default()).await;
    bench.append(1, &["a", "b"]);
    bench.append(4, &["c"]);
    bench.settle().await;
    let bench = bench.reopen().await;
    let path = Path::new(DIR).join("leader-epoch-checkpoint");
    let file = bench.disk.open(&path, OpenMode::Existing).unwrap();
    let mut text = vec![0; file.length().unwrap().as_len()];
    file.read_at(&mut text, ByteSize::ZERO).unwrap();
    assert_eq!(String::from_utf8(text).unwrap(), "0\n2\n1 0\n4 2\n");
}

/// The kernel shows what it has given up writing, and calls the next sync a success: found by a simulated cluster.
#[tokio::test(start_paused = true)]
async fn what_a_failed_sync_left_is_written_again_before_it_counts() {
    let mut bench = Bench::new(LogConfig::default()).await;
    bench.append(1, &["stored"]);
    bench.settle().await;
    bench.append(1, &["given", "up"]);
    bench.disk.fault(&DiskFault::SyncError);
    assert!(matches!(bench.event().await, LogEvent::Failed(_)));
    assert!(bench.log.close().await.is_err());
    let bench = Bench::open(bench.disk, bench.checkpoints, bench.config).await.unwrap();
    let before = bench.contents().await;
    assert_eq!(before.len(), 3, "the process ended, the machine did not");
    let bench = bench.crash().await.unwrap();
    assert_eq!(bench.contents().await, before);
}

#[tokio::test(start_paused = true)]
async fn a_trim_that_is_not_on_disk_yet_is_not_in_the_durable_start() {
    let mut bench = Bench::new(small()).await;
    for _ in 0..20 {
        bench.append(1, &["v"]);
    }
    bench.settle().await;
    bench.log.trim(Offset(10)).unwrap();
    assert_eq!((bench.log.start(), bench.log.durable_start()), (Offset(10), Offset::ZERO));
    // A leader that begins further back: what is reported of the trim before holds no more.
    bench.log.restart_at(Offset(5), Ordinal(20)).unwrap();
    assert_eq!((bench.log.start(), bench.log.durable_start()), (Offset(5), Offset::ZERO));
    let mut starts = Vec::new();
    while bench.log.durable_start() < Offset(5) {
        bench.event().await;
        starts.push(bench.log.durable_start());
    }
    assert!(starts.iter().all(|start| *start <= Offset(5)), "{starts:?}");
    let bench = bench.crash().await.unwrap();
    assert_eq!((bench.log.start(), bench.log.durable_start()), (Offset(5), Offset(5)));
}
