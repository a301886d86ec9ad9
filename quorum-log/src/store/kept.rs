//! Where the log starts and who votes: what no entry in the log can tell any more.

use partition::ids::{Offset, Ordinal};
use partition::log::{Log, LogError};
use serde::{Deserialize, Serialize};

use crate::raft::{LogId, Place, StoredVoters, VotersRecord};

/// What is kept beside the log; small, and synced.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// Where the log starts, once it was trimmed.
    pub(crate) start: Option<Start>,
    /// Who votes, as the last applied entry about it says.
    pub(crate) voters: Option<KeptVoters>,
}

/// Who votes, and which entry says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeptVoters {
    at: Place,
    voters: VotersRecord,
}

impl Kept {
    /// Who votes, for openraft.
    pub(crate) fn stored_voters(&self) -> StoredVoters {
        match &self.voters {
            None => StoredVoters::default(),
            Some(kept) => StoredVoters::new(Some(kept.at.into()), kept.voters.clone().into()),
        }
    }

    /// Notes who votes.
    pub(crate) fn set_voters(&mut self, voters: &StoredVoters) {
        let at = voters.log_id().map(Place::from);
        self.voters = at.map(|at| KeptVoters { at, voters: voters.membership().into() });
    }
}

/// Where a log starts. This is what openraft calls a snapshot here: the state *is* the log, so the state up to some entry
/// is that the log starts after it (H-09). Producers are in the log's own snapshot at its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Start {
    /// The first offset that may be read: it may lie within the first entry.
    pub(crate) first: Offset,
    /// The first entry,
    pub(crate) entry: Ordinal,
    /// its base offset,
    pub(crate) base: Offset,
    /// and the entry before it.
    pub(crate) before: Option<Place>,
}

impl Start {
    /// The entry before the first.
    pub(crate) fn before(&self) -> Option<LogId> {
        self.before.map(LogId::from)
    }

    /// Makes a recovered log start here: the process may have ended between keeping this and doing it.
    pub(crate) fn impose(&self, log: &mut Log) -> Result<(), LogError> {
        if self.entry > log.ordinals().end {
            return log.restart_at(self.base, self.entry);
        }
        if self.entry > log.ordinals().start && self.base > log.start() {
            return log.trim(self.base);
        }
        Ok(())
    }
}
