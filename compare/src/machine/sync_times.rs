//! How long this disk takes to sync, alone and with others at it: the floor under every floor.

use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use partition::clock::{Clock, Moment};
use serde::{Deserialize, Serialize};

use crate::workload::histogram;

/// How often a sync is timed; enough for a 99th percentile, about a tenth of a second on a fast disk.
const SYNCS: u32 = 300;
/// What is written before each sync: one small batch.
const SYNC_BYTES: usize = 1024;
/// A slow disk is not timed for longer than this.
const SYNC_TIME_MAX: Duration = Duration::from_secs(3);
/// Writers at once: the replica counts of the main job.
const TOGETHER: [usize; 3] = [2, 3, 5];

/// How long a sync took, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SyncTimes {
    /// Median.
    pub p50: f64,
    /// 99th percentile.
    pub p99: f64,
}

/// The same with several at it at once.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Together {
    /// How many.
    pub writers: usize,
    /// How long each waited for a write and its sync.
    #[serde(flatten)]
    pub times: SyncTimes,
}

/// What the clock runs for.
#[derive(Clone, Copy)]
enum Timed {
    Sync,
    WriteAndSync,
}

/// Syncs of one writer.
pub(super) fn alone(dir: &Path) -> io::Result<SyncTimes> {
    Ok(summary(&syncs(&own(dir, "alone"), Timed::Sync)?))
}

/// Writes and syncs of several writers at once.
pub(super) fn together(dir: &Path) -> io::Result<Vec<Together>> {
    TOGETHER.into_iter().map(|writers| Ok(Together { writers, times: at_once(dir, writers)? })).collect()
}

/// A file that no other run in this directory has.
fn own(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("sync-times-{}-{name}", std::process::id()))
}

fn at_once(dir: &Path, writers: usize) -> io::Result<SyncTimes> {
    let all = std::thread::scope(|scope| {
        let start = |writer: usize| {
            let path = own(dir, &writer.to_string());
            scope.spawn(move || syncs(&path, Timed::WriteAndSync))
        };
        let started: Vec<_> = (0..writers).map(start).collect();
        let times = started.into_iter().map(|writer| writer.join().expect("no writer panics"));
        times.collect::<io::Result<Vec<_>>>()
    })?;
    Ok(summary(&all.concat()))
}

/// Syncs as a log does them: into a file that has its length already.
fn syncs(path: &Path, timed: Timed) -> io::Result<Vec<Duration>> {
    let clock = Clock::real();
    let mut file = File::create(path)?;
    file.write_all(&vec![0; SYNC_BYTES * SYNCS as usize])?;
    file.sync_all()?;
    file.seek(SeekFrom::Start(0))?;
    let begun = clock.now();
    let mut times = Vec::new();
    for round in 0..SYNCS {
        let unwritten: Moment = clock.now();
        file.write_all(&[u8::try_from(round % 251).expect("below 256"); SYNC_BYTES])?;
        let written = clock.now();
        file.sync_data()?;
        let since = match timed {
            Timed::Sync => written,
            Timed::WriteAndSync => unwritten,
        };
        times.push(clock.now().since(since));
        if clock.now().since(begun) > SYNC_TIME_MAX {
            break;
        }
    }
    fs::remove_file(path)?;
    Ok(times)
}

fn summary(times: &[Duration]) -> SyncTimes {
    let mut histogram = histogram();
    for took in times {
        histogram.saturating_record(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }
    let us = |quantile| histogram.value_at_quantile(quantile) as f64 / 1e3;
    SyncTimes { p50: us(0.5), p99: us(0.99) }
}
