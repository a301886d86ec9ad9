//! Retention, from the decision to the files.

use super::*;
use crate::ids::Timestamp;
use crate::log::disk::Disk;
use crate::log::retention::Retention;

fn segments(bench: &Bench) -> usize {
    let names = bench.disk.list(Path::new(DIR)).unwrap();
    names.iter().filter(|name| name.ends_with(".log")).count()
}

fn dated(time_ms: i64) -> Batch {
    let mut builder = BatchBuilder::new(time_ms);
    builder.push_value(b"some value");
    builder.build()
}

/// Twenty batches, a minute apart.
async fn filled(retention: Retention) -> Bench {
    let mut bench = Bench::new(LogConfig { retention, ..small() }).await;
    for minute in 0..20 {
        bench.log.append(&dated(minute * 60_000), Epoch(1)).unwrap();
    }
    bench.settle().await;
    bench
}

const NOW: Timestamp = Timestamp(20 * 60_000);

async fn trim(bench: &mut Bench, due: Offset) {
    bench.log.trim(due).unwrap();
    while !matches!(bench.event().await, LogEvent::Trimmed { to, .. } if to == due) {}
}

#[tokio::test(start_paused = true)]
async fn c23_retention_by_bytes_deletes_whole_segments_and_tells_a_late_reader_where_the_log_begins() {
    let mut bench = filled(Retention { bytes: Some(ByteSize(800)), time: None }).await;
    let before = segments(&bench);
    let due = bench.log.retention_due(NOW, Offset(20)).expect("more than 800 bytes are there");
    trim(&mut bench, due).await;
    assert!(segments(&bench) < before);
    assert_eq!(bench.log.retention_due(NOW, Offset(20)), None, "what is due is done");
    let late = bench.log.reader().read(Offset(0), Offset(20), ByteSize::kib(1)).await;
    assert!(
        matches!(late, Err(LogError::OutOfRange { asked: Offset(0), start, end: Offset(20) }) if start == due)
    );
    let bench = bench.crash().await.unwrap();
    assert_eq!((bench.log.start(), bench.log.end()), (due, Offset(20)));
    assert_eq!(bench.contents().await.len() as u64, 20 - due.0);
}

#[tokio::test(start_paused = true)]
async fn retention_by_time_goes_by_the_newest_record_of_a_segment() {
    let ten_minutes = Duration::from_secs(600);
    let mut bench = filled(Retention { bytes: None, time: Some(ten_minutes) }).await;
    let due = bench.log.retention_due(NOW, Offset(20)).expect("half of it is old");
    assert!(due <= Offset(10) && due > Offset(0), "{due}");
    trim(&mut bench, due).await;
    // Sealed segments know their times after an opening as well.
    let bench = bench.reopen().await;
    let later = Timestamp(NOW.0 + 7 * 60_000);
    assert!(bench.log.retention_due(later, Offset(20)).is_some_and(|later| later > due));
}

#[tokio::test(start_paused = true)]
async fn retention_never_goes_beyond_what_is_committed() {
    let bench = filled(Retention { bytes: None, time: Some(Duration::ZERO) }).await;
    let due = bench.log.retention_due(NOW, Offset(9)).unwrap();
    assert!(due <= Offset(9), "{due}");
    assert_eq!(bench.log.retention_due(NOW, Offset(0)), None);
}

#[tokio::test(start_paused = true)]
async fn h06_retention_of_all_there_is_keeps_the_log_end() {
    let mut bench = filled(Retention { bytes: None, time: Some(Duration::ZERO) }).await;
    let due = bench.log.retention_due(NOW, Offset(20)).unwrap();
    trim(&mut bench, due).await;
    let mut bench = bench.crash().await.unwrap();
    assert_eq!(bench.log.end(), Offset(20));
    assert_eq!(bench.append(2, &["next"]), Offset(20));
}

#[tokio::test(start_paused = true)]
async fn a_segment_ends_by_its_age_so_that_a_slow_log_gives_up_its_past() {
    let retention = Retention { bytes: None, time: Some(Duration::from_secs(600)) };
    // Segments have room for all, but for no more than five minutes of it.
    let config = LogConfig { retention, segment_age: Duration::from_secs(300), ..LogConfig::default() };
    let mut bench = Bench::new(config).await;
    for minute in 0..10 {
        bench.log.append(&dated(minute * 60_000), Epoch(1)).unwrap();
    }
    bench.settle().await;
    // An opening finds out when its segment began.
    let mut bench = bench.reopen().await;
    for minute in 10..20 {
        bench.log.append(&dated(minute * 60_000), Epoch(1)).unwrap();
    }
    bench.settle().await;
    let names = bench.disk.list(Path::new(DIR)).unwrap();
    let begin = |base: u64| names.contains(&format!("{base:020}.log"));
    assert!(begin(0) && begin(6) && begin(12) && begin(18) && segments(&bench) == 4, "{names:?}");
    let due = bench.log.retention_due(NOW, Offset(20)).expect("half of it is old");
    assert_eq!(due, Offset(6), "a segment goes when its newest record is too old");
    trim(&mut bench, due).await;
    assert_eq!(bench.contents().await.len(), 14);
}

#[tokio::test(start_paused = true)]
async fn a_batch_from_the_past_or_without_a_time_ends_no_segment() {
    let config = LogConfig { segment_age: Duration::from_secs(1), ..LogConfig::default() };
    let mut bench = Bench::new(config).await;
    for time_ms in [5_000, -1, 0, 6_000, 5_500] {
        bench.log.append(&dated(time_ms), Epoch(1)).unwrap();
    }
    bench.settle().await;
    assert_eq!(segments(&bench), 1);
    bench.log.append(&dated(6_001), Epoch(1)).unwrap();
    bench.settle().await;
    assert_eq!(segments(&bench), 2);
}

/// A trim cuts no batch, and a follower may have to cut back to where it trimmed.
#[tokio::test(start_paused = true)]
async fn a_cut_to_a_log_start_inside_a_batch_leaves_nothing() {
    let mut bench = Bench::new(small()).await;
    bench.append(1, &["a"]);
    bench.append(1, &["b", "c", "d"]);
    bench.append(1, &["e"]);
    bench.settle().await;
    bench.log.trim(Offset(2)).unwrap();
    assert!(
        matches!(bench.log.truncate(Offset(3)), Err(LogError::Gap { .. })),
        "inside a batch nothing is cut"
    );
    bench.log.truncate(Offset(2)).unwrap();
    assert_eq!((bench.log.start(), bench.log.end()), (Offset(2), Offset(2)));
    bench.append(2, &["x"]);
    bench.settle().await;
    let bench = bench.reopen().await;
    assert_eq!(bench.contents().await, [(Offset(2), Epoch(2), "x".to_owned())]);
}
