//! What a log says of itself beside its segments, read without touching it.

use std::io;

use super::Request;
use super::report::{Closing, Origin};
use crate::ids::Offset;
use crate::log::beside::{self, CleanShutdown, EpochsRead};
use crate::log::checkpoint::Checkpoint;
use crate::log::config::Durability;
use crate::log::epochs::Expected;
use crate::log::state::{LogState, StateFile};

/// What lies beside the segments.
#[derive(Clone, Debug)]
pub(super) struct Beside {
    pub(super) state: Option<LogState>,
    /// Why the state cannot be read.
    pub(super) state_error: Option<String>,
    pub(super) marker: Option<CleanShutdown>,
    /// The recovery point, of this log and of the state's generation.
    pub(super) checkpoint: Option<Checkpoint>,
    pub(super) epochs: EpochsRead,
}

impl Beside {
    pub(super) fn read(request: &Request<'_>) -> io::Result<Self> {
        let Request { disk, dir, checkpoints, .. } = request;
        let (state, state_error) = match StateFile::peek(*disk, dir) {
            Ok(state) => (state, None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => (None, None),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => (None, Some(error.to_string())),
            Err(error) => return Err(error),
        };
        let checkpoint = state
            .as_ref()
            .and_then(|state| checkpoints.and_then(|checkpoints| Checkpoint::load(checkpoints, dir, state)));
        let epochs = beside::read_epochs(*disk, dir)?;
        Ok(Self { state, state_error, marker: CleanShutdown::peek(*disk, dir)?, checkpoint, epochs })
    }

    /// Whether nothing was cut, opened or closed between two looks. A trim does not matter: what was read was there.
    pub(super) fn same_as(&self, other: &Self) -> bool {
        let key = |beside: &Self| {
            let state = beside.state.as_ref();
            (state.map(|state| (state.generation, state.run, state.segments)), beside.marker)
        };
        key(self) == key(other)
    }

    /// The marker, if it names the run that was the last.
    pub(super) fn clean(&self) -> Option<CleanShutdown> {
        let state = self.state.as_ref()?;
        self.marker.filter(|marker| marker.run == state.run)
    }

    /// Below this nothing can be torn.
    pub(super) fn sound_below(&self) -> Offset {
        let Some(state) = &self.state else { return Offset::ZERO };
        let trimmed = if state.durability == Durability::Synced { state.start } else { Offset::ZERO };
        self.clean().map(|marker| marker.end).or(self.recovery_point()).unwrap_or(trimmed)
    }

    pub(super) fn recovery_point(&self) -> Option<Offset> {
        self.checkpoint.as_ref().map(Checkpoint::to)
    }

    /// What is known of the epoch of a batch, and who says so.
    pub(super) fn expected(&self, base: Offset) -> Option<(Expected, &'static str)> {
        let start = self.state.as_ref().map_or(Offset::ZERO, |state| state.start);
        let at = base.max(start);
        let checkpoint = self.checkpoint.as_ref().filter(|checkpoint| at < checkpoint.to());
        if let Some(epoch) = checkpoint.and_then(|checkpoint| checkpoint.epochs.epoch_at(at)) {
            return Some((Expected::Exactly(epoch), "the recovery point"));
        }
        let EpochsRead::Read(witness) = &self.epochs else { return None };
        Some((witness.expects(at, start)?, beside::EPOCHS_FILE))
    }

    pub(super) fn closing(&self) -> Closing {
        match (self.clean(), self.marker) {
            (Some(marker), _) => Closing::Clean { end: marker.end },
            (None, Some(marker)) => Closing::Stale { run: marker.run },
            (None, None) => Closing::Unclean,
        }
    }

    pub(super) fn origin(&self, names: &[String]) -> Origin {
        match &self.state {
            Some(LogState { generation, run, durability, .. }) => {
                Origin::Ours { generation: *generation, run: *run, durability: *durability }
            }
            // Kafka leaves this file in each partition's directory, and we never do.
            None if self.state_error.is_none() && names.iter().any(|name| name == "partition.metadata") => {
                Origin::Foreign
            }
            None => Origin::Stateless,
        }
    }
}
