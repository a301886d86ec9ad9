//! The recovery point, with all that an opening would otherwise have to read the log below it for.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::epochs::EpochHistory;
use super::index::IndexMark;
use super::producers::Producers;
use super::segment::Place;
use super::state::LogState;
use crate::ids::{Generation, Offset};
use crate::meta::Checkpoints;
use crate::transport::codec;

/// What was true of the log below a place that was synced. It lies in the checkpoint store, in one piece, and is still
/// true when it is stale: what lies below a place never changes while the generation is the same (H-04).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Checkpoint {
    /// Which log: another one may lie in the directory by now.
    pub(crate) identity: u64,
    pub(crate) generation: Generation,
    /// Where the segment begins in which the place lies.
    pub(crate) segment: Place,
    /// The place. All below it is synced.
    pub(crate) end: Place,
    /// The index of that segment, up to there.
    pub(crate) index: IndexMark,
    pub(crate) epochs: Arc<EpochHistory>,
    /// What producers had sent before it.
    pub(crate) producers: Producers,
}

impl Checkpoint {
    /// Under which key the one of the log in `dir` lies.
    pub(crate) fn key(dir: &Path) -> String {
        format!("recovery-point {}", dir.display())
    }

    /// The one of this log and this generation, if there is one.
    pub(crate) fn load(checkpoints: &dyn Checkpoints, dir: &Path, state: &LogState) -> Option<Self> {
        let found: Self = codec::decode(&checkpoints.get(&Self::key(dir))?).ok()?;
        (found.identity == state.identity && found.generation == state.generation).then_some(found)
    }

    /// As the store keeps it.
    pub(crate) fn encoded(&self) -> Bytes {
        codec::encode(self)
    }

    /// All below it is synced.
    pub(crate) fn to(&self) -> Offset {
        self.end.offset
    }
}
