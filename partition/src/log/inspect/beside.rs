//! What a log says of itself beside its segments, read without touching it.

use std::io;

use super::Request;
use super::report::{Closing, Origin};
use crate::ids::Offset;
use crate::log::beside::{self, CleanShutdown};
use crate::log::checkpoint::Checkpoint;
use crate::log::config::Durability;
use crate::log::epochs::EpochStart;
use crate::log::state::{LogState, StateFile};

/// What lies beside the segments.
#[derive(Clone, Debug)]
pub(super) struct Beside {
    pub(super) state: Option<LogState>,
    /// Why the state cannot be read.
    pub(super) state_error: Option<String>,
    pub(super) marker: Option<CleanShutdown>,
    /// Of the state's generation.
    pub(super) recovery_point: Option<Offset>,
    pub(super) epochs: EpochsRead,
}

/// The checkpoint of the epochs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum EpochsRead {
    Missing,
    Unreadable,
    Read(Vec<EpochStart>),
}

impl Beside {
    pub(super) fn read(request: &Request<'_>, names: &[String]) -> io::Result<Self> {
        let Request { disk, dir, checkpoints, .. } = request;
        let (state, state_error) = match StateFile::peek(*disk, dir) {
            Ok(state) => (state, None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => (None, None),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => (None, Some(error.to_string())),
            Err(error) => return Err(error),
        };
        let recovery_point = state.as_ref().and_then(|state| {
            let found = checkpoints.and_then(|checkpoints| Checkpoint::load(checkpoints, dir, state));
            found.as_ref().map(Checkpoint::to)
        });
        let epochs = if names.iter().any(|name| name == beside::EPOCHS_FILE) {
            beside::read_epochs(*disk, dir)?.map_or(EpochsRead::Unreadable, EpochsRead::Read)
        } else {
            EpochsRead::Missing
        };
        Ok(Self { state, state_error, marker: CleanShutdown::peek(*disk, dir)?, recovery_point, epochs })
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
        self.clean().map(|marker| marker.end).or(self.recovery_point).unwrap_or(trimmed)
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
