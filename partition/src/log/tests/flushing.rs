//! When a cached log is flushed, and what groups of appends cost.

use super::*;
use crate::log::writer::Writers;

fn cached() -> LogConfig {
    LogConfig { durability: Durability::Cached, ..LogConfig::default() }
}

#[tokio::test(start_paused = true)]
async fn a_cached_log_is_flushed_once_so_much_was_written() {
    let size = batch(&["a"]).size().0;
    let mut bench = Bench::new(LogConfig { flush_bytes: Some(ByteSize(2 * size)), ..cached() }).await;
    for value in ["a", "b", "c"] {
        bench.append(1, &[value]);
        bench.settle().await;
        bench.world.clock.sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(bench.world.writers.totals().syncs, 0, "no append waits for a flush");
    let bench = bench.crash().await.unwrap();
    assert_eq!(bench.log.end(), Offset(2));
}

#[tokio::test(start_paused = true)]
async fn a_cached_log_is_flushed_after_so_long() {
    let interval = Duration::from_millis(500);
    let mut bench = Bench::new(LogConfig { flush_interval: Some(interval), ..cached() }).await;
    bench.append(1, &["flushed"]);
    bench.settle().await;
    // Nobody asks anything of the log meanwhile.
    bench.world.clock.sleep(interval + Duration::from_millis(200)).await;
    bench.append(1, &["not yet"]);
    bench.settle().await;
    let mut bench = bench.crash().await.unwrap();
    assert_eq!(bench.log.end(), Offset(1));
    bench.append(1, &["too early"]);
    bench.settle().await;
    bench.world.clock.sleep(interval / 2).await;
    let bench = bench.crash().await.unwrap();
    assert_eq!(bench.log.end(), Offset(1));
}

#[tokio::test(start_paused = true)]
async fn a_cached_log_syncs_sealed_segments_aside() {
    let config = LogConfig { durability: Durability::Cached, ..small() };
    let mut bench = Bench::new(config).await;
    for _ in 0..20 {
        bench.append(1, &["some value"]);
    }
    bench.settle().await;
    bench.world.clock.sleep(Duration::from_secs(1)).await;
    let bench = bench.crash().await.unwrap();
    assert!(bench.log.end() > Offset(10), "only {} of 20 were left", bench.log.end());
}

#[tokio::test(start_paused = true)]
async fn an_append_waits_for_no_more_than_the_group_before_it() {
    let mut bench = Bench::new(LogConfig::default()).await;
    let large = batch(&[&"x".repeat(512 * 1024)]);
    for _ in 0..8 {
        bench.log.append(&large, Epoch(1)).unwrap();
    }
    // A group ends when it holds two MiB: the first is stored before the last was written.
    assert!(matches!(bench.event().await, LogEvent::Stored { to, .. } if to <= Offset(5)));
    bench.settle().await;
    assert!(bench.world.writers.totals().syncs >= 2);
}

#[tokio::test(start_paused = true)]
async fn logs_of_one_writer_share_its_time_and_not_their_faith() {
    // Two logs on one writer: each is stored by a sync of its own file.
    let disk = SimulatedDisk::default();
    let world = world(&disk);
    let mut logs = Vec::new();
    for name in ["/n1/a-0", "/n1/b-0"] {
        let (sender, events) = mpsc::unbounded_channel();
        let log = Log::open(&world, Path::new(name), LogConfig::default(), sender).await.unwrap();
        logs.push((log, events));
    }
    for (log, _) in &mut logs {
        log.append(&batch(&["x"]), Epoch(1)).unwrap();
    }
    for (log, events) in &mut logs {
        log.observe(events.recv().await.unwrap());
        assert_eq!(log.stored(), Offset(1));
    }
    assert_eq!(Writers::totals(&world.writers).syncs, 2);
}
