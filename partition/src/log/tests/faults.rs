//! What a log makes of each fault that a disk may commit, through the one door; and a real disk.

use std::num::NonZeroUsize;
use std::path::Path;

use super::*;
use crate::fault::DiskFault;
use crate::ids::Generation;
use crate::log::aside::SPARE;
use crate::log::disk::{Disk, RealDisk};

/// More than is set aside for a log that was just opened: it needs room.
fn large(value: &str) -> Batch {
    batch(&[&value.repeat(100 * 1024 / value.len())])
}

/// The first letter of each value in the log.
async fn letters(bench: &Bench) -> String {
    bench.contents().await.iter().map(|(_, _, value)| value.chars().next().unwrap()).collect()
}

/// A log with one batch stored.
async fn one_stored() -> Bench {
    let mut bench = Bench::new(LogConfig::default()).await;
    bench.append(1, &["kept"]);
    bench.settle().await;
    bench
}

/// Nothing more is reported.
async fn assert_silence(bench: &mut Bench) {
    bench.world.clock.sleep(Duration::from_secs(1)).await;
    let event = bench.events.try_recv();
    assert!(event.is_err(), "{event:?} was reported");
}

#[tokio::test(start_paused = true)]
async fn a_failed_sync_poisons_the_log_and_is_never_tried_again() {
    let mut bench = one_stored().await;
    bench.disk.fault(&DiskFault::SyncError);
    let syncs = bench.world.writers.totals().syncs;
    bench.append(1, &["lost"]);
    let event = bench.event().await;
    assert!(matches!(&event, LogEvent::Failed(why) if why.contains("a sync")), "{event:?}");
    // What was on its way when it failed is not stored by a later sync that succeeds.
    let refused = bench.log.append(&batch(&["late"]), Epoch(1));
    assert!(matches!(refused, Err(LogError::Poisoned(_))), "{refused:?}");
    assert!(bench.log.truncate(Offset(1)).is_err());
    assert_silence(&mut bench).await;
    assert_eq!((bench.log.stored(), bench.world.writers.totals().syncs), (Offset(1), syncs));
    let disk = bench.disk.after_power_loss();
    let opened = Bench::open(disk, bench.checkpoints.copied(), bench.config.clone()).await.unwrap();
    assert!("kl".starts_with(&letters(&opened).await), "chance keeps the batch that was lost, or does not");
    assert!(matches!(bench.log.close().await, Err(LogError::Poisoned(_))));
}

#[tokio::test(start_paused = true)]
async fn a_failed_write_poisons_the_log() {
    let mut bench = one_stored().await;
    bench.disk.fault(&DiskFault::WriteError);
    bench.append(1, &["lost"]);
    let event = bench.event().await;
    assert!(matches!(&event, LogEvent::Failed(why) if why.contains("a write")), "{event:?}");
    let refused = bench.log.append(&batch(&["late"]), Epoch(1));
    assert!(matches!(refused, Err(LogError::Poisoned(_))), "{refused:?}");
    assert_silence(&mut bench).await;
    let bench = bench.crash().await.unwrap();
    assert_eq!(letters(&bench).await, "k");
}

#[tokio::test(start_paused = true)]
async fn appends_behind_a_failure_are_never_stored() {
    for fault in [DiskFault::SyncError, DiskFault::WriteError] {
        let mut bench = one_stored().await;
        bench.disk.fault(&fault);
        bench.append(1, &["lost"]);
        bench.world.clock.sleep(WRITE).await;
        // The front does not know yet.
        bench.append(1, &["behind"]);
        assert!(matches!(bench.event().await, LogEvent::Failed(_)), "{fault:?}");
        assert_silence(&mut bench).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_that_only_the_sweeper_meets_is_not_lost_on_the_writer() {
    // It syncs zeros in the very file that the writer writes: what the writer wrote there may be lost with them.
    let mut poisoned = 0;
    for at_ms in 0..8 {
        let mut bench = Bench::new(LogConfig::default()).await;
        for _ in 0..4 {
            bench.log.append(&large("s"), Epoch(1)).unwrap();
            bench.settle().await;
        }
        bench.world.clock.sleep(Duration::from_millis(at_ms)).await;
        bench.disk.fault(&DiskFault::SyncError);
        bench.log.append(&large("t"), Epoch(1)).unwrap();
        while bench.log.stored() < bench.log.end() {
            if matches!(bench.event().await, LogEvent::Failed(_)) {
                poisoned += 1;
                break;
            }
        }
        let stored = bench.log.stored();
        let bench = bench.crash().await.unwrap();
        assert!(
            bench.log.end() >= stored,
            "at {at_ms} ms, {stored} was stored and {} is there",
            bench.log.end()
        );
    }
    assert!(poisoned > 0, "no sync failed, so nothing was tested");
}

#[tokio::test(start_paused = true)]
async fn h05_zeros_of_which_a_sync_failed_are_no_segment_to_come() {
    let config = LogConfig { segment_bytes: ByteSize::mib(1), ..LogConfig::default() };
    let mut bench = Bench::new(config).await;
    let spare = |bench: &Bench| bench.disk.list(Path::new(DIR)).unwrap().contains(&SPARE.to_owned());
    while !spare(&bench) {
        bench.log.append(&large("s"), Epoch(1)).unwrap();
        bench.settle().await;
    }
    // The sweeper is at it: the next sync is its own.
    bench.disk.fault(&DiskFault::SyncError);
    bench.world.clock.sleep(Duration::from_secs(1)).await;
    assert!(!spare(&bench), "nobody knows what of it is on disk");
    for _ in 0..20 {
        bench.log.append(&large("s"), Epoch(1)).unwrap();
        bench.settle().await;
    }
    let end = bench.log.end();
    assert_eq!(bench.crash().await.unwrap().log.end(), end);
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_refuses_appends_serves_reads_and_goes_on_when_there_is_room() {
    let mut bench = one_stored().await;
    bench.disk.fault(&DiskFault::Full);
    // This one is in the log before the disk was found to be full: it waits, with what followed it.
    bench.log.append(&large("waits"), Epoch(1)).unwrap();
    bench.append(2, &["behind"]);
    let event = bench.event().await;
    assert!(matches!(&event, LogEvent::Full(_)), "{event:?}");
    let refused = bench.log.append(&batch(&["no room"]), Epoch(2));
    assert!(matches!(&refused, Err(LogError::NoSpace(why)) if why.contains("no space left")), "{refused:?}");
    assert_eq!((bench.log.stored(), letters(&bench).await.as_str()), (Offset(1), "kwb"));
    // A follower has no choice: what its leader has taken waits here as well.
    bench.log.append_placed(&[batch(&["placed"]).placed(Offset(3), Epoch(2))]).unwrap();
    assert_silence(&mut bench).await;

    bench.disk.fault(&DiskFault::Freed);
    bench.settle().await;
    while bench.log.check_space().is_err() {
        bench.event().await;
    }
    bench.append(2, &["room"]);
    bench.settle().await;
    let bench = bench.crash().await.unwrap();
    assert_eq!(letters(&bench).await, "kwbpr");
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_costs_nothing_that_was_stored() {
    let mut bench = one_stored().await;
    bench.disk.fault(&DiskFault::Full);
    bench.log.append(&large("no room"), Epoch(1)).unwrap();
    assert!(matches!(bench.event().await, LogEvent::Full(_)));
    // An opening takes some room itself: for what it writes beside the segments.
    let full = Bench::open(bench.disk.after_power_loss(), bench.checkpoints.copied(), small()).await;
    assert!(matches!(&full.map(drop), Err(LogError::Disk(why)) if why.contains("no space left")));
    bench.disk.fault(&DiskFault::Freed);
    let bench = bench.crash().await.unwrap();
    assert_eq!(letters(&bench).await, "k");
}

#[tokio::test(start_paused = true)]
async fn a_trim_makes_room_on_a_disk_that_stays_full() {
    let mut bench = Bench::new(small()).await;
    for _ in 0..20 {
        bench.append(1, &["some value"]);
    }
    bench.settle().await;
    // What is kept of the log start takes as much room the second time as the first.
    bench.log.trim(Offset(5)).unwrap();
    assert!(matches!(bench.event().await, LogEvent::Trimmed { to: Offset(5), .. }));
    bench.world.clock.sleep(Duration::from_secs(1)).await;
    bench.disk.fault(&DiskFault::Full);
    for _ in 0..20 {
        if bench.log.append(&batch(&["some value"]), Epoch(1)).is_ok() {
            bench.event().await;
        }
    }
    assert!(
        bench.log.check_space().is_err() && bench.log.stored() < bench.log.end(),
        "nothing waits for room"
    );
    bench.log.trim(Offset(10)).unwrap();
    let clock = bench.world.clock.clone();
    let trimmed = async { while !matches!(bench.event().await, LogEvent::Trimmed { to: Offset(10), .. }) {} };
    clock.timeout(Duration::from_secs(60), trimmed).await.expect("it overtakes what is stuck");
    // Its space becomes the next segment's.
    clock.timeout(Duration::from_secs(60), bench.settle()).await.expect("what waited finds room");
}

#[tokio::test(start_paused = true)]
async fn short_reads_change_nothing_of_what_is_read_or_recovered() {
    let mut bench = Bench::new(small()).await;
    for number in 0..20 {
        bench.append(1 + number / 7, &[&format!("value {number}")]);
    }
    bench.settle().await;
    let whole = bench.contents().await;
    bench.disk.fault(&DiskFault::ShortReads);
    assert_eq!(bench.contents().await, whole);
    bench.checkpoints.clear();
    // Indexes, epochs and all segments are read again, a few bytes at a time.
    let bench = bench.crash().await.unwrap();
    assert_eq!(bench.contents().await, whole);
    let bench = bench.reopen().await;
    assert_eq!((bench.log.opening(), bench.contents().await), (Opening::Clean, whole));
}

#[tokio::test(start_paused = true)]
async fn a_slow_sync_is_waited_for_and_shared_by_all_that_comes_meanwhile() {
    let mut bench = one_stored().await;
    let slow = Duration::from_millis(300);
    bench.disk.fault(&DiskFault::SlowSync { by: slow });
    let (begin, syncs) = (bench.world.clock.now(), bench.world.writers.totals().syncs);
    bench.append(1, &["first"]);
    bench.world.clock.sleep(Duration::from_millis(100)).await;
    for _ in 0..10 {
        bench.append(1, &["meanwhile"]);
    }
    assert_eq!(bench.contents().await.len(), 12, "readers wait for no sync");
    assert_eq!(bench.log.stored(), Offset(1), "it was reported before it was synced");
    bench.settle().await;
    let took = bench.world.clock.now().since(begin);
    assert!(took >= 2 * slow && took < 3 * slow, "{took:?}");
    assert_eq!(bench.world.writers.totals().syncs - syncs, 2);
    bench.disk.fault(&DiskFault::SlowSync { by: Duration::ZERO });
    let begin = bench.world.clock.now();
    bench.append(1, &["fast again"]);
    bench.settle().await;
    assert!(bench.world.clock.now().since(begin) < slow);
}

#[tokio::test(start_paused = true)]
async fn a_flipped_bit_is_an_error_to_its_reader_and_never_read_as_data() {
    let mut bench = Bench::new(small()).await;
    for number in 0..20 {
        bench.append(1, &[&format!("value {number}")]);
    }
    bench.settle().await;
    let all = bench.contents().await;
    let size = batch(&["value 0"]).size().0;
    // In the records of the fourth batch: its header is for the test that flips each bit of one.
    bench.disk.fault(&DiskFault::FlipBit { at: ByteSize(4 * size - 5) });
    let reader = bench.log.reader();
    let damaged = reader.read(Offset(3), Offset(20), ByteSize(1)).await;
    assert!(matches!(damaged, Err(LogError::Damaged { at: Offset(3), .. })), "{damaged:?}");
    let before = reader.read(Offset(0), Offset(3), ByteSize::kib(1)).await.unwrap();
    assert_eq!(before.end().unwrap(), Some(Offset(3)), "what lies before it is sound");
    let behind = reader.read(Offset(10), Offset(11), ByteSize(1)).await.unwrap();
    assert_eq!(behind.values_from(Offset(10)).unwrap()[0].1, all[10].2);
    // It lies in a sealed segment of a synced log, below the recovery point: no crash did that, and nothing is cut.
    bench.checkpoints.clear();
    let opened = bench.crash().await.map(|bench| bench.log.end());
    assert!(matches!(opened, Err(LogError::Damaged { .. })), "{opened:?}");
}

#[tokio::test]
async fn a_log_is_kept_in_real_files_by_real_threads() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("n1/orders-0");
    let mut world = world(&SimulatedDisk::default());
    world.disk = Arc::new(RealDisk);
    world.writers = Writers::threads(NonZeroUsize::new(2).unwrap());
    let open = |events| Log::open(&world, &path, small(), events);

    let (sender, mut events) = mpsc::unbounded_channel();
    let mut log = open(sender).await.unwrap();
    assert_eq!(log.opening(), Opening::New);
    for number in 0..50_u32 {
        log.append(&batch(&[&number.to_string()]), Epoch(1 + number / 20)).unwrap();
    }
    while log.stored() < log.end() {
        log.observe(events.recv().await.unwrap());
    }
    log.truncate(Offset(30)).unwrap();
    log.trim(Offset(12)).unwrap();
    log.append(&batch(&["after the cut"]), Epoch(7)).unwrap();
    while log.stored() < log.end() {
        log.observe(events.recv().await.unwrap());
    }
    let batches = log.reader().read(Offset(12), Offset(31), ByteSize(1)).await.unwrap();
    assert_eq!(batches.values_from(Offset(12)).unwrap()[0].1, "12", "read from a file, by a blocking thread");
    // Dropped without being closed, as when the process is killed.
    drop(log);

    let (sender, mut events) = mpsc::unbounded_channel();
    let mut log = open(sender).await.unwrap();
    assert_eq!((log.start(), log.end(), log.opening()), (Offset(12), Offset(31), Opening::Unclean));
    assert_eq!(log.generation(), Generation(1));
    assert_eq!(log.epochs().latest(), Some(Epoch(7)));
    log.append(&batch(&["once more"]), Epoch(8)).unwrap();
    log.observe(events.recv().await.unwrap());
    log.close().await.unwrap();

    let log = open(mpsc::unbounded_channel().0).await.unwrap();
    assert_eq!((log.end(), log.opening()), (Offset(32), Opening::Clean));
    let batches = log.reader().read(Offset(30), Offset(32), ByteSize::mib(1)).await.unwrap();
    let values: Vec<_> =
        batches.values_from(Offset(30)).unwrap().into_iter().map(|(_, value)| value).collect();
    assert_eq!(values, ["after the cut", "once more"]);
}
