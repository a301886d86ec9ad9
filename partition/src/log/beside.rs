//! Small files and checkpoints beside the segments: each can be made again from them, or only saves work.

use std::fmt::Write as _;
use std::io;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::disk::{Disk, DiskFile, OpenMode};
use super::epochs::{EpochHistory, EpochStart};
use crate::ids::{ByteSize, Generation, Offset};

/// Kafka's name for the epochs of a log. An epoch lies outside a batch's checksum: an opening holds the batches against
/// this file, and then makes it again from them. It may lack the newest epochs, but what it says is true.
pub(crate) const EPOCHS_FILE: &str = "leader-epoch-checkpoint";
/// While it is being written.
const UNFINISHED: &str = "leader-epoch-checkpoint.tmp";
/// More than this is no file of epochs: a million elections.
const EPOCHS_FILE_MAX: ByteSize = ByteSize::mib(32);
/// Written when a log is closed in order.
const CLEAN_FILE: &str = "clean-shutdown";

/// Left when a sync has failed. As long as the machine runs, the kernel shows bytes that it has given up writing, and
/// calls a later sync of them a success. The file need not be durable: after a power cut, what is read is what is stored.
const FAILED_FILE: &str = "sync-failed";

/// Whether what is read of a log's segments is stored once it is synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tail {
    /// By a sync.
    Sound,
    /// Only when it is written again before: a sync has failed since the machine was started.
    Doubtful,
}

impl Tail {
    /// Notes that a sync has failed.
    pub(crate) fn doubt(disk: &dyn Disk, dir: &Path) -> io::Result<()> {
        disk.open(&dir.join(FAILED_FILE), OpenMode::OrNew).map(drop)
    }

    /// What the last life has left.
    pub(crate) fn found(disk: &dyn Disk, dir: &Path) -> io::Result<Self> {
        let left = disk.list(dir)?.iter().any(|name| name == FAILED_FILE);
        Ok(if left { Self::Doubtful } else { Self::Sound })
    }

    /// All was written again, and synced.
    pub(crate) fn mend(self, disk: &dyn Disk, dir: &Path) -> io::Result<()> {
        if self == Self::Doubtful {
            disk.remove(&dir.join(FAILED_FILE))?;
        }
        Ok(())
    }
}

/// Writes the epochs, not synced: enough when some were added.
pub(crate) fn write_epochs(disk: &dyn Disk, dir: &Path, epochs: &EpochHistory) -> io::Result<()> {
    write_unfinished(disk, dir, epochs)?;
    finish(disk, dir)
}

/// Writes the epochs, durably: needed when some were taken back. An error of a sync is never one of room, which could be
/// tried again.
pub(crate) fn keep_epochs(disk: &dyn Disk, dir: &Path, epochs: &EpochHistory) -> io::Result<()> {
    let final_error = |error: io::Error| io::Error::other(error.to_string());
    write_unfinished(disk, dir, epochs)?.sync().map_err(final_error)?;
    finish(disk, dir)?;
    disk.sync_dir(dir).map_err(final_error)
}

/// In Kafka's text format: a version, how many, and a line `epoch offset` for each.
fn write_unfinished(disk: &dyn Disk, dir: &Path, epochs: &EpochHistory) -> io::Result<Arc<dyn DiskFile>> {
    let mut text = format!("0\n{}\n", epochs.entries().len());
    for entry in epochs.entries() {
        writeln!(text, "{} {}", entry.epoch, entry.start).expect("a string takes all");
    }
    let file = disk.open(&dir.join(UNFINISHED), OpenMode::OrNew)?;
    file.set_length(ByteSize::ZERO)?;
    file.write_at(text.as_bytes(), ByteSize::ZERO)?;
    Ok(file)
}

fn finish(disk: &dyn Disk, dir: &Path) -> io::Result<()> {
    disk.rename(&dir.join(UNFINISHED), &dir.join(EPOCHS_FILE))
}

/// The checkpoint of the epochs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum EpochsRead {
    /// There is no such file.
    Missing,
    /// It is not in that format, or does not ascend: a crash may have torn it.
    Unreadable,
    /// What it says.
    Read(EpochHistory),
}

/// What the file of epochs says.
pub(crate) fn read_epochs(disk: &dyn Disk, dir: &Path) -> io::Result<EpochsRead> {
    let file = match disk.open(&dir.join(EPOCHS_FILE), OpenMode::Reading) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(EpochsRead::Missing),
        opened => opened?,
    };
    let mut bytes = vec![0; file.length()?.as_len().min(EPOCHS_FILE_MAX.as_len())];
    let there = file.read_at(&mut bytes, ByteSize::ZERO)?;
    let parsed = std::str::from_utf8(&bytes[..there]).ok().and_then(parse_epochs);
    Ok(parsed.map_or(EpochsRead::Unreadable, EpochsRead::Read))
}

fn parse_epochs(text: &str) -> Option<EpochHistory> {
    let (version, rest) = text.split_once('\n')?;
    let (count, rest) = rest.split_once('\n')?;
    let entry = |line: &str| {
        let (epoch, start) = line.split_once(' ')?;
        Some(EpochStart { epoch: epoch.parse().ok()?, start: start.parse().ok()? })
    };
    let entries = rest.lines().map(entry).collect::<Option<Vec<_>>>()?;
    let whole = version == "0" && count.parse() == Ok(entries.len());
    EpochHistory::of_entries(entries).filter(|_| whole)
}

/// Says that a log was closed in order: in which run, and where it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CleanShutdown {
    /// The run that ended: a marker of an older one proves nothing (H-03).
    pub(crate) run: u64,
    /// The log end.
    pub(crate) end: Offset,
}

impl CleanShutdown {
    /// Leaves the marker, durably.
    pub(crate) fn write(self, disk: &dyn Disk, dir: &Path) -> io::Result<()> {
        let file = disk.open(&dir.join(CLEAN_FILE), OpenMode::OrNew)?;
        let text = format!("0\nrun {}\nend {}\n", self.run, self.end);
        file.set_length(ByteSize::of(text.as_bytes()))?;
        file.write_at(text.as_bytes(), ByteSize::ZERO)?;
        file.sync()?;
        disk.sync_dir(dir)
    }

    /// What the marker says, if there is one; it stays where it is.
    pub(crate) fn peek(disk: &dyn Disk, dir: &Path) -> io::Result<Option<Self>> {
        let file = match disk.open(&dir.join(CLEAN_FILE), OpenMode::Reading) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        let mut bytes = [0; 64];
        let length = file.read_at(&mut bytes, ByteSize::ZERO)?;
        Ok(std::str::from_utf8(&bytes[..length]).ok().and_then(Self::parse))
    }

    /// Takes the marker away, durably, and returns what it said.
    pub(crate) fn take(disk: &dyn Disk, dir: &Path) -> io::Result<Option<Self>> {
        let said = Self::peek(disk, dir)?;
        match disk.remove(&dir.join(CLEAN_FILE)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            removed => removed?,
        }
        disk.sync_dir(dir)?;
        Ok(said)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let version = lines.next()?;
        let run = lines.next()?.strip_prefix("run ")?.parse().ok()?;
        let end = lines.next()?.strip_prefix("end ")?.parse().ok()?;
        (version == "0").then_some(Self { run, end })
    }
}

/// All below it is synced, as of a generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RecoveryPoint {
    pub(crate) generation: Generation,
    pub(crate) to: Offset,
}
