//! Where the log starts and who votes: what no entry in the log can tell any more.

use std::collections::BTreeSet;

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
    /// Who voted when the log start was written: what a snapshot says, for later entries come after it (H-09).
    at_start: Option<KeptVoters>,
    /// All who have ever voted: none of these numbers is given away again.
    pub(crate) ever_voted: BTreeSet<u64>,
}

/// Who votes, and which entry says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeptVoters {
    at: Place,
    voters: VotersRecord,
}

impl KeptVoters {
    /// Which entry says so, and what.
    pub(crate) fn entry(&self) -> (Ordinal, VotersRecord) {
        (self.at.ordinal, self.voters.clone())
    }

    /// For openraft; nothing when nobody was ever said to vote.
    pub(crate) fn stored(kept: Option<&Self>) -> StoredVoters {
        match kept {
            None => StoredVoters::default(),
            Some(kept) => StoredVoters::new(Some(kept.at.into()), kept.voters.clone().into()),
        }
    }

    /// From openraft; nothing when it knows of no entry that says so.
    pub(crate) fn of(voters: &StoredVoters) -> Option<Self> {
        let at = voters.log_id().map(Place::from)?;
        Some(Self { at, voters: voters.membership().into() })
    }
}

impl Kept {
    /// Who votes, for openraft.
    pub(crate) fn stored_voters(&self) -> StoredVoters {
        KeptVoters::stored(self.voters.as_ref())
    }

    /// Who voted when the log start was written, for openraft.
    pub(crate) fn voters_at_start(&self) -> StoredVoters {
        KeptVoters::stored(self.at_start.as_ref())
    }

    /// Notes who votes.
    pub(crate) fn set_voters(&mut self, voters: &StoredVoters) {
        self.voters = KeptVoters::of(voters);
        self.ever_voted.extend(self.voters.iter().flat_map(|kept| kept.voters.voters()));
    }

    /// The log starts here, where these vote.
    pub(crate) fn set_start(&mut self, start: Start, voters: Option<KeptVoters>) {
        self.start = Some(start);
        self.at_start = voters;
    }

    /// Who voted at the entry before a new start, when that is known without reading what is given up: nobody was voted in
    /// or out since.
    pub(crate) fn voters_before(&self, start: &Start) -> Option<Option<KeptVoters>> {
        let Some(before) = start.before else { return Some(None) };
        let latest = self.voters.as_ref().is_none_or(|kept| kept.at.ordinal <= before.ordinal);
        latest.then(|| self.voters.clone())
    }

    /// Who voted at the log start.
    pub(crate) fn at_start(&self) -> Option<&KeptVoters> {
        self.at_start.as_ref()
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
    /// Who has ever voted.
    pub(crate) ever_voted: BTreeSet<u64>,
}
