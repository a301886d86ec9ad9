//! What an inspection found.

use std::path::PathBuf;

use serde::Serialize;

use crate::ids::{ByteSize, Epoch, Generation, Offset, ProducerEpoch, ProducerId, Sequence};
use crate::log::config::Durability;
use crate::log::epochs::EpochStart;

/// What lies in a partition's directory.
#[derive(Clone, Debug, Serialize)]
pub struct LogReport {
    /// The directory.
    pub dir: PathBuf,
    /// Whose log it is.
    pub origin: Origin,
    /// The first offset there is.
    pub start: Offset,
    /// The next offset, once an opening has cut what is to be cut.
    pub end: Offset,
    /// The segments, oldest first.
    pub segments: Vec<SegmentReport>,
    /// Which epoch began where, by the batches.
    pub epochs: Vec<EpochStart>,
    /// What the checkpoint of the epochs says.
    pub epochs_file: EpochsFile,
    /// How the log was left.
    pub closing: Closing,
    /// All below it is synced, says the checkpoint store, if it could be read and is not of another generation.
    pub recovery_point: Option<Offset>,
    /// What an opening cuts or drops, and why.
    pub cuts: Vec<Cut>,
    /// Who sent what, by the batches, in order of their ids.
    pub producers: Vec<ProducerReport>,
    /// Producers that are not listed, since there are too many.
    pub producers_left_out: u64,
    /// What is damaged.
    pub findings: Vec<Finding>,
    /// What is odd, and does no harm.
    pub remarks: Vec<String>,
}

impl LogReport {
    /// Whether nothing is damaged.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.findings.is_empty()
    }
}

/// Whose log it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// Ours: its state says so.
    Ours {
        /// Raised before each truncation (H-04).
        generation: Generation,
        /// How often it was opened.
        run: u64,
        /// How it was kept when it was last open.
        durability: Durability,
    },
    /// Another program's, such as Kafka's: segments without a log state.
    Foreign,
    /// Ours, but its state is gone or cannot be read.
    Stateless,
}

/// How a log was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Closing {
    /// Closed in order, here: nothing can be missing.
    Clean {
        /// The log end then.
        end: Offset,
    },
    /// A marker lies there, but of an older run: it proves nothing (H-03).
    Stale {
        /// The run it names.
        run: u64,
    },
    /// No marker: it is open, or its process ended without closing it.
    Unclean,
}

/// What the checkpoint of the epochs says, against the batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EpochsFile {
    /// The same.
    Agrees,
    /// Something else.
    Differs,
    /// It is not there.
    Missing,
    /// It cannot be understood.
    Unreadable,
}

/// One segment.
#[derive(Clone, Debug, Serialize)]
pub struct SegmentReport {
    /// The offset of its first record, which names it.
    pub base: Offset,
    /// The name of its file.
    pub file: String,
    /// How long the file is.
    pub file_bytes: ByteSize,
    /// How much of it is batches.
    pub batch_bytes: ByteSize,
    /// The offset after its last batch.
    pub end: Offset,
    /// How many batches.
    pub batches: u64,
    /// How many of them are a protocol's own.
    pub control_batches: u64,
    /// How many records, those of control batches included.
    pub records: u64,
    /// How many batches are compressed.
    pub compressed_batches: u64,
    /// Time of its first batch: milliseconds since 1970.
    pub first_timestamp_ms: Option<i64>,
    /// The newest time in it.
    pub last_timestamp_ms: Option<i64>,
    /// What follows its last batch.
    pub tail: Tail,
    /// Its indexes.
    pub indexes: Vec<IndexReport>,
}

/// What follows the last batch of a segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tail {
    /// The end of the file.
    Nothing,
    /// Zeros: space that was set aside.
    SetAside,
    /// Something that is not the batch that should be there.
    Broken {
        /// What is wrong.
        what: String,
        /// Where a sound batch follows, and its offset; looked for only when every byte is read.
        resumes: Option<(ByteSize, Offset)>,
    },
    /// A batch of an older epoch than the one before it, which no crash leaves.
    Backwards {
        /// Which epochs.
        what: String,
    },
}

/// An index file beside a segment.
#[derive(Clone, Debug, Serialize)]
pub struct IndexReport {
    /// Its name.
    pub file: String,
    /// How many entries.
    pub entries: usize,
    /// Whether it can be believed.
    pub state: IndexState,
}

/// Whether an index can be believed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum IndexState {
    /// Each entry leads to what it says.
    Sound,
    /// It is not there.
    Missing,
    /// It is not what the batches say.
    Wrong(String),
}

/// Something that an opening takes away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cut {
    /// The file.
    pub file: String,
    /// From this byte on.
    pub position: ByteSize,
    /// So many bytes.
    pub bytes: ByteSize,
    /// Why.
    pub why: String,
}

/// Damage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The file.
    pub file: String,
    /// The byte at which it begins.
    pub position: Option<ByteSize>,
    /// The offset at which it begins.
    pub offset: Option<Offset>,
    /// What is wrong.
    pub what: String,
    /// What to do now.
    pub now: String,
}

/// What one producer sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProducerReport {
    /// Its id.
    pub id: ProducerId,
    /// Its newest instance.
    pub epoch: ProducerEpoch,
    /// The sequence of its last record.
    pub last_sequence: Sequence,
    /// The offset of its last record.
    pub last_offset: Offset,
    /// How many batches.
    pub batches: u64,
    /// How many records.
    pub records: u64,
    /// The leader epoch of its last batch.
    pub leader_epoch: Epoch,
    /// The newest time it sent.
    pub last_timestamp_ms: i64,
}
