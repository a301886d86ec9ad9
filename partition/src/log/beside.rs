//! Small files and checkpoints beside the segments: each can be made again from them, or only saves work.

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::disk::{Disk, OpenMode};
use super::epochs::{EpochHistory, EpochStart};
use crate::ids::{ByteSize, Generation, Offset};

/// Kafka's name for the epochs of a log. Rebuilt from the batches at each opening; written for other tools.
pub(crate) const EPOCHS_FILE: &str = "leader-epoch-checkpoint";
/// More than this is no file of epochs: a million elections.
const EPOCHS_FILE_MAX: ByteSize = ByteSize::mib(32);
/// Written when a log is closed in order.
const CLEAN_FILE: &str = "clean-shutdown";

/// Writes the epochs in Kafka's text format: a version, how many, and a line `epoch offset` for each. Not synced.
pub(crate) fn write_epochs(disk: &dyn Disk, dir: &Path, epochs: &EpochHistory) -> io::Result<()> {
    let mut text = format!("0\n{}\n", epochs.entries().len());
    for entry in epochs.entries() {
        writeln!(text, "{} {}", entry.epoch, entry.start).expect("a string takes all");
    }
    replace(disk, dir, EPOCHS_FILE, text.as_bytes())
}

/// What the file of epochs says; `None` when it is not in that format.
pub(crate) fn read_epochs(disk: &dyn Disk, dir: &Path) -> io::Result<Option<Vec<EpochStart>>> {
    let file = disk.open(&dir.join(EPOCHS_FILE), OpenMode::Reading)?;
    let mut bytes = vec![0; file.length()?.as_len().min(EPOCHS_FILE_MAX.as_len())];
    let there = file.read_at(&mut bytes, ByteSize::ZERO)?;
    Ok(std::str::from_utf8(&bytes[..there]).ok().and_then(parse_epochs))
}

fn parse_epochs(text: &str) -> Option<Vec<EpochStart>> {
    let (version, rest) = text.split_once('\n')?;
    let (count, rest) = rest.split_once('\n')?;
    let entry = |line: &str| {
        let (epoch, start) = line.split_once(' ')?;
        Some(EpochStart { epoch: epoch.parse().ok()?, start: start.parse().ok()? })
    };
    let entries = rest.lines().map(entry).collect::<Option<Vec<_>>>()?;
    (version == "0" && count.parse() == Ok(entries.len())).then_some(entries)
}

fn replace(disk: &dyn Disk, dir: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let unfinished = dir.join(format!("{name}.tmp"));
    let file = disk.open(&unfinished, OpenMode::OrNew)?;
    file.set_length(ByteSize::ZERO)?;
    file.write_at(bytes, ByteSize::ZERO)?;
    disk.rename(&unfinished, &dir.join(name))
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
