//! Where the log starts and who votes: what no entry in the log can tell any more.

use partition::ids::{ByteSize, Offset, Ordinal};
use partition::log::{Log, LogError, Producers};
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
/// is that the log starts after it (H-09). What producers had sent is in the log's own snapshot at its start.
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
    pub(crate) async fn impose(&self, log: &mut Log) -> Result<(), LogError> {
        let have = log.ordinals();
        if self.entry <= have.start {
            return Ok(());
        }
        if self.entry > have.end || !self.follows_on(log).await? {
            return log.restart_at(self.base, self.entry);
        }
        log.trim(self.base)
    }

    /// Whether the log has the very entry before the first: what comes after it there belongs to it.
    async fn follows_on(&self, log: &Log) -> Result<bool, LogError> {
        let Some(before) = self.before else { return Ok(true) };
        let next = before.ordinal.next();
        let read = log.reader().read_ordinals(before.ordinal..next, ByteSize::ZERO).await?;
        Ok(read.first().is_some_and(|batch| batch.epoch() == before.epoch))
    }
}

/// What a follower whose log ends before the leader's begins is sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Beginning {
    /// Where to begin.
    pub(crate) start: Start,
    /// What producers had sent before that.
    pub(crate) producers: Producers,
}
