//! Looks into a log's directory and changes nothing: what lies there, whether it is sound, what an opening would do.
//!
//! ```text
//!   log-state, clean-shutdown, ──┐
//!   leader-epoch-checkpoint,     │ what the log says of itself
//!   recovery point               ▼
//!   <base>.log ──> walk ──> judge: sound | an opening cuts this | damaged here, do that
//!   <base>.index ...  ──────────> indexes: agree with the batches, or not
//! ```
//! Headers are read throughout; bytes are verified from where an opening could find a torn tail, or throughout when
//! asked. The log may be in use meanwhile: what was cut, trimmed or opened while it was looked at is looked at again.
//!
//! The judgement is the one of the recovery, made without its effects; a test holds the two to each other.
//!
//! Left out: the high watermark, which the replica's own store knows; an inspection of votes and membership.

mod beside;
mod indexes;
mod judge;
mod report;
mod segments;
mod walk;

use std::io;
use std::path::{Path, PathBuf};

pub use report::{
    Closing, Cut, EpochsFile, Finding, IndexReport, IndexState, LogReport, Origin, ProducerReport,
    SegmentReport, Tail,
};

use super::disk::{Disk, OpenMode};
use super::segment::{segment_base, segment_path};
use super::state::STATE_FILE;
use crate::ids::{ByteSize, Epoch, Offset};
use crate::meta::Checkpoints;
use crate::record::Batch;
use beside::Beside;
use indexes::Sealed;
use segments::Reading;
use walk::Walk;

/// How much is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// The header of each batch; all bytes only where an opening would read them.
    Headers,
    /// Every byte, unpacked where it is compressed.
    Records,
}

/// What to look at.
#[derive(Debug)]
pub struct Request<'a> {
    /// The door to files.
    pub disk: &'a dyn Disk,
    /// A partition's directory.
    pub dir: &'a Path,
    /// The node's checkpoints, if they can be read.
    pub checkpoints: Option<&'a dyn Checkpoints>,
    /// How much to read.
    pub depth: Depth,
}

/// Why there is nothing to report.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// It holds no segment and no log state.
    #[error("{0}: not a log directory")]
    NotALog(PathBuf),
    /// The file system refuses.
    #[error("{path}: {source}")]
    Io {
        /// What was to be read.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// It changes faster than it can be read.
    #[error("{0}: the log was cut or trimmed again and again while it was read; try again")]
    Unsteady(PathBuf),
}

/// A log that is in use is looked at again when it was cut or trimmed meanwhile; so often that it must be luck.
const LOOKS_MAX: usize = 8;

/// Whether this directory holds a log: a segment, or a log state.
#[must_use]
pub fn is_log(disk: &dyn Disk, dir: &Path) -> bool {
    let names = disk.list(dir).unwrap_or_default();
    names.iter().any(|name| name == STATE_FILE || segment_base(name).is_some())
}

/// Looks into one log.
///
/// # Errors
/// [`InspectError`]; damage is none, but part of the report.
pub fn inspect(request: &Request<'_>) -> Result<LogReport, InspectError> {
    for _ in 0..LOOKS_MAX {
        if let Some(report) = look(request)? {
            return Ok(report);
        }
    }
    Err(InspectError::Unsteady(request.dir.to_owned()))
}

/// One look; `None` when the log changed under it.
fn look(request: &Request<'_>) -> Result<Option<LogReport>, InspectError> {
    let Request { disk, dir, .. } = request;
    let failed = |path: &Path, source| InspectError::Io { path: path.to_owned(), source };
    let names = disk.list(dir).map_err(|source| failed(dir, source))?;
    let bases: Vec<Offset> = names.iter().filter_map(|name| segment_base(name)).collect();
    if bases.is_empty() && !names.iter().any(|name| name == STATE_FILE) {
        return Err(InspectError::NotALog(dir.to_path_buf()));
    }
    let beside = Beside::read(request).map_err(|source| failed(dir, source))?;
    let mut reading = Reading::new(request, &beside, &names);
    for base in &bases {
        let sealed = if bases.last() == Some(base) { Sealed::NotYet } else { Sealed::Yes };
        match reading.segment(*base, sealed) {
            // It was trimmed or cut away since it was listed.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            read => read.map_err(|source| failed(&segment_path(dir, *base), source))?,
        }
    }
    let report = judge::judge(reading, &beside, &names, dir);
    let steady = Beside::read(request).is_ok_and(|now| now.same_as(&beside));
    Ok(steady.then_some(report))
}

/// A batch, and where it lies.
#[derive(Clone, Debug)]
pub struct FoundBatch {
    /// The base offset of its segment.
    pub segment: Offset,
    /// Its first byte in the segment's file.
    pub position: ByteSize,
    /// The batch, verified.
    pub batch: Batch,
}

/// Walks all sound batches of a log that was looked at, in order; a damaged segment's up to the damage.
///
/// # Errors
/// As the operating system reports them, or as `visit` returns them.
pub fn each_batch(
    disk: &dyn Disk,
    report: &LogReport,
    mut visit: impl FnMut(FoundBatch) -> io::Result<()>,
) -> io::Result<()> {
    for segment in &report.segments {
        let file = match disk.open(&segment_path(&report.dir, segment.base), OpenMode::Reading) {
            // It was trimmed away since it was looked at.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            opened => opened?,
        };
        let mut walk = Walk::new(&*file, segment.base, Epoch::ZERO)?;
        while walk.position() < segment.batch_bytes {
            let position = walk.position();
            let Ok(batch) = walk.verified()? else { break };
            visit(FoundBatch { segment: segment.base, position, batch })?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
