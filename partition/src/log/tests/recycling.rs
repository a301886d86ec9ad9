//! Space of old segments that is used again: what lay in it must not be found behind what is written over it (H-05).

use super::*;
use crate::ids::Ordinal;
use crate::log::aside::SPARE;
use crate::log::disk::{Disk, OpenMode};

/// Batches that fill a segment. All are of one size, so that old ones lie exactly where new ones could be.
const FULL: u64 = 15;
/// No step of a writer or a sweeper takes less: so each is seen.
const STEP: Duration = Duration::from_millis(1);

fn megabyte() -> LogConfig {
    LogConfig { segment_bytes: ByteSize::mib(1), ..LogConfig::default() }
}

fn one() -> Batch {
    batch(&[&"x".repeat(64 * 1024)])
}

/// The newest segment, and what is in its file.
fn newest(disk: &SimulatedDisk) -> (Offset, Vec<u8>) {
    let mut names = disk.list(Path::new(DIR)).unwrap();
    names.retain(|name| name.ends_with(".log"));
    let name = names.pop().expect("there always is a segment");
    let file = disk.open(&Path::new(DIR).join(&name), OpenMode::Existing).unwrap();
    let mut bytes = vec![0; file.length().unwrap().as_len()];
    file.read_at(&mut bytes, ByteSize::ZERO).unwrap();
    (name.trim_end_matches(".log").parse().unwrap(), bytes)
}

/// What lies behind the last batch of the newest segment must be zeros, and nothing of an older segment.
fn assert_zeros_follow(disk: &SimulatedDisk, when: &str) {
    let (mut next, bytes) = newest(disk);
    let mut rest = Bytes::from(bytes);
    while let Ok(batch) = Batch::parse(&rest)
        && batch.base_offset() == next
    {
        next = batch.next_offset();
        rest = rest.slice(batch.size().as_len()..);
    }
    assert!(rest.iter().all(|byte| *byte == 0), "{when}, something of an older segment follows {next}");
}

/// Appends a batch, and looks at each step of what comes of it.
async fn append_watched(bench: &mut Bench, epoch: Epoch) {
    bench.log.append(&one(), epoch).unwrap();
    while bench.log.stored() < bench.log.end() {
        bench.world.clock.sleep(STEP).await;
        while let Ok(event) = bench.events.try_recv() {
            bench.log.observe(event);
        }
        assert_zeros_follow(&bench.disk, "as it is");
        assert_zeros_follow(&bench.disk.after_power_loss(), "after a power cut");
    }
}

async fn trim(bench: &mut Bench, to: Offset) {
    bench.log.trim(to).unwrap();
    while !matches!(bench.event().await, LogEvent::Trimmed { to: start, .. } if start == to) {}
}

/// A log of two segments, from this offset on, whose second one has room for one more batch. It was opened just now, so it
/// sets little aside; and the first segment was trimmed away.
async fn with_an_old_segment(start: Offset, epoch: Epoch) -> Bench {
    let mut bench = Bench::new(megabyte()).await;
    bench.log.restart_at(start, Ordinal(start.0)).unwrap();
    for _ in 0..2 * FULL - 1 {
        bench.log.append(&one(), epoch).unwrap();
    }
    bench.settle().await;
    let mut bench = bench.reopen().await;
    assert_eq!(
        newest(&bench.disk).0,
        Offset(start.0 + FULL),
        "a segment holds as many as this test believes"
    );
    trim(&mut bench, Offset(start.0 + FULL)).await;
    bench
}

#[tokio::test(start_paused = true)]
async fn h05_recycled_space_is_zeros_to_its_end_before_a_segment_begins_in_it() {
    let mut recycled = Vec::new();
    for rest in [0, 1, 2, 4, 8, 100] {
        let mut bench = with_an_old_segment(Offset::ZERO, Epoch(1)).await;
        let old = bench.disk.open(&Path::new(DIR).join(SPARE), OpenMode::Existing).unwrap().length().unwrap();
        let before = newest(&bench.disk).0;
        while newest(&bench.disk).0 == before {
            // The sweeper gets this long to zero what it can.
            bench.world.clock.sleep(STEP * rest).await;
            append_watched(&mut bench, Epoch(1)).await;
        }
        recycled.push(newest(&bench.disk).1.len() as u64 >= old.0);
        for _ in 0..3 {
            append_watched(&mut bench, Epoch(1)).await;
        }
        let end = bench.log.end();
        let bench = bench.crash().await.unwrap();
        assert_eq!(bench.log.end(), end);
    }
    assert_eq!(recycled.first(), Some(&false), "the sweeper had no time: {recycled:?}");
    assert_eq!(
        recycled.last(),
        Some(&true),
        "no segment was used again, so nothing was tested: {recycled:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn h05_batches_of_an_old_segment_do_not_come_back_behind_new_ones() {
    // Nothing but zeros stands between: they are of the same epoch, and lie at the very offsets that come next.
    let mut bench = with_an_old_segment(Offset(FULL), Epoch(1)).await;
    bench.log.restart_at(Offset::ZERO, Ordinal::ZERO).unwrap();
    for _ in 0..=FULL {
        bench.log.append(&one(), Epoch(1)).unwrap();
        bench.settle().await;
        bench.world.clock.sleep(Duration::from_secs(1)).await;
    }
    let spare = bench.disk.list(Path::new(DIR)).unwrap().contains(&SPARE.to_owned());
    assert!(newest(&bench.disk).0 == Offset(FULL) && !spare, "the old segment was not used again");
    let bench = bench.crash().await.unwrap();
    assert_eq!(bench.log.end(), Offset(FULL + 1));
    assert_eq!(bench.log.epochs().latest(), Some(Epoch(1)));
}
