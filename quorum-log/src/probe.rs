//! What a harness sees of a voter, at any moment and without asking it.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use openraft::async_runtime::WatchReceiver;
use partition::ids::{NodeId, Offset, Ordinal};
use partition::log::Log;
use partition::partition::Role;
use partition::probe::{BatchMark, Electorate, Entries, Probe, Snapshot, Standing, Vote, batches};

use crate::door::Leadership;
use crate::raft::{Raft, VoteRecord, node_of};
use crate::replica::Replica;

/// One life of a voter.
pub(crate) struct VoterProbe {
    pub(crate) replica: Arc<Replica>,
    pub(crate) raft: Raft,
}

impl Probe for VoterProbe {
    fn version(&self) -> u64 {
        self.replica.version()
    }

    fn snapshot(&self) -> Option<Snapshot> {
        let voters = || {
            let metrics = self.raft.server_metrics();
            let now = metrics.borrow_watched();
            let sets = now.membership_config.membership().get_joint_config().clone();
            let nodes = |set: &BTreeSet<u64>| set.iter().copied().map(node_of).collect();
            Electorate::Voters(sets.iter().map(nodes).collect())
        };
        self.replica.look(voters)
    }

    fn batches(&self, from: Offset) -> Option<Vec<BatchMark>> {
        batches(self.replica.reader(), from)
    }
}

impl fmt::Debug for VoterProbe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VoterProbe({})", self.replica.node)
    }
}

/// A replica's own part of what is seen: its log, its vote, and how far it has come.
pub(crate) struct Seen<'a> {
    pub(crate) node: NodeId,
    pub(crate) log: &'a Log,
    pub(crate) vote: Option<VoteRecord>,
    pub(crate) leadership: Leadership,
    pub(crate) high: Offset,
    pub(crate) entries: Entries,
    pub(crate) acknowledged: Offset,
}

impl Seen<'_> {
    /// With who counts, as a leader sees it.
    pub(crate) fn with(self, voters: impl FnOnce() -> Electorate) -> Snapshot {
        let vote = self.vote.map(|record| Vote {
            epoch: record.epoch,
            standing: if record.elected { Standing::Elected } else { Standing::Candidate },
            candidate: node_of(record.node),
        });
        let leads = matches!(self.leadership, Leadership::Elected { .. } | Leadership::Leads { .. });
        let role = match vote {
            _ if leads => Role::Leader,
            Some(Vote { standing: Standing::Candidate, candidate, .. }) if candidate == self.node => {
                Role::Candidate
            }
            _ => Role::Follower,
        };
        Snapshot {
            node: self.node,
            life: None,
            role,
            epoch: vote.map_or_else(Default::default, |vote| vote.epoch),
            vote,
            generation: self.log.generation(),
            log_start: self.log.start(),
            first: self.log.ordinals().start,
            high_watermark: self.high,
            stored: self.log.stored(),
            log_end: self.log.end(),
            entries: Some(self.entries),
            acknowledged: self.acknowledged,
            epochs: self.log.epochs_now(),
            electorate: if leads { voters() } else { Electorate::Unknown },
        }
    }
}

/// The entry after this one, for counting those that are done.
pub(crate) fn after(entry: Option<u64>) -> Ordinal {
    entry.map_or(Ordinal::ZERO, |last| Ordinal(last).next())
}
