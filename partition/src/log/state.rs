//! What a log must not lose beside its segments: a two-slot synced file in its directory.

use std::io;
use std::path::Path;

use bytes::{Bytes, BytesMut};
use serde::{Deserialize, Serialize};

use super::config::Durability;
use super::disk::Disk;
use super::producers::Producers;
use crate::ids::{ByteSize, Epoch, Generation, Offset, Ordinal};
use crate::meta::TwoSlots;
use crate::transport::codec;

/// The file's name.
pub(crate) const STATE_FILE: &str = "log-state";
/// The version of all that a log keeps on disk, raised when an older program would misread it.
const FORMAT: u8 = 1;
/// A full table of producers takes about half of it.
const SLOT_SPACING: ByteSize = ByteSize::mib(1);

/// What a log must not lose beside its segments.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct LogState {
    /// Drawn when the log was made: what is kept elsewhere about another log in the same place is not about this one.
    pub(crate) identity: u64,
    /// Raised before each truncation (H-04).
    pub(crate) generation: Generation,
    /// Raised by each opening: a clean-shutdown marker names the one it ended (H-03).
    pub(crate) run: u64,
    /// How the log was kept when it was last open: says what a crash may have torn.
    pub(crate) durability: Durability,
    /// The first offset there is.
    pub(crate) start: Offset,
    /// The ordinal of the batch that holds it.
    pub(crate) start_ordinal: Ordinal,
    /// The epoch of the record before `start`, if it is known: in an empty log nothing else says how far epochs have come.
    pub(crate) epoch_before: Option<Epoch>,
    /// What each producer had sent before `start`: no batch that is left says it.
    pub(crate) producers: Producers,
    /// Whether the segments are to be believed.
    pub(crate) segments: SegmentsAre,
}

/// Whether the segments in the directory are the log's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum SegmentsAre {
    /// They are.
    Valid,
    /// The log was being emptied: none of them is, and it begins at `start`.
    Void,
}

impl LogState {
    /// That of a log that was never opened.
    pub(crate) fn new(durability: Durability, identity: u64) -> Self {
        Self {
            identity,
            generation: Generation::ZERO,
            run: 0,
            durability,
            start: Offset::ZERO,
            start_ordinal: Ordinal::ZERO,
            epoch_before: None,
            producers: Producers::default(),
            segments: SegmentsAre::Valid,
        }
    }
}

/// The open file.
#[derive(Debug)]
pub(crate) struct StateFile(TwoSlots);

impl StateFile {
    /// Opens the file, or makes it, and reads what was stored last.
    pub(crate) fn open(disk: &dyn Disk, dir: &Path) -> io::Result<(Self, Option<LogState>)> {
        let (slots, bytes) = TwoSlots::open(disk, &dir.join(STATE_FILE), SLOT_SPACING)?;
        Ok((Self(slots), decoded(bytes)?))
    }

    /// What was stored last, in a file that is left as it is; an error of kind `NotFound` when there is none.
    pub(crate) fn peek(disk: &dyn Disk, dir: &Path) -> io::Result<Option<LogState>> {
        decoded(TwoSlots::peek(disk, &dir.join(STATE_FILE), SLOT_SPACING)?)
    }

    /// Stores the state; it is durable when this returns `Ok`.
    pub(crate) fn store(&mut self, state: &LogState) -> io::Result<()> {
        let mut bytes = BytesMut::from(&[FORMAT][..]);
        bytes.extend_from_slice(&codec::encode(state));
        self.0.store(&bytes)
    }
}

fn decoded(bytes: Option<Bytes>) -> io::Result<Option<LogState>> {
    let invalid = |what: String| io::Error::new(io::ErrorKind::InvalidData, what);
    let Some(bytes) = bytes else { return Ok(None) };
    match bytes.split_first() {
        Some((&FORMAT, state)) => codec::decode(state).map(Some).map_err(|error| invalid(error.to_string())),
        other => Err(invalid(format!(
            "its format is {}, and this program reads {FORMAT} only: open the log with the program that wrote it",
            other.map_or(0, |(format, _)| *format),
        ))),
    }
}
