//! Who is to be told about an append: before it has a place in the log, and after.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use partition::clock::Moment;
use partition::error::{AppendError, Doubt};
use partition::ids::{ByteSize, Offset, ProducerId};
use partition::partition::{Acks, Appended, Placement};
use tokio::sync::oneshot;

use super::Replica;

/// How an append ends.
pub(crate) type Outcome = Result<Appended, AppendError>;

/// A client's claim on an answer, which travels with its batch through raft.
///
/// Raft hands a batch that it takes to the log, and drops one that it does not: whoever drops a ticket has refused the
/// batch, which is then in no log. So a refusal is certain, whatever the reason was (H-11).
#[derive(Debug)]
pub(crate) struct Ticket {
    replica: Arc<Replica>,
    claim: Option<Claim>,
    handed: Handed,
}

/// Whether a proposal was given to raft: until then, whoever drops it had no room for it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Handed(Arc<AtomicBool>);

impl Handed {
    /// It was. (Raft may have dropped it before this is said, on another thread: then its client hears of a queue, tries
    /// again, and hears the true reason.)
    pub(crate) fn over(&self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Who did not take a proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TurnedAwayBy {
    /// Raft: it does not lead, or not with the consent of most.
    Raft,
    /// The queue before it: it is full.
    Queue,
}

/// What a ticket stands for.
#[derive(Debug)]
pub(super) struct Claim {
    pub(super) to: oneshot::Sender<Outcome>,
    pub(super) acks: Acks,
    pub(super) size: ByteSize,
    pub(super) handed_in: Moment,
    pub(super) producer: Option<ProducerId>,
}

impl Ticket {
    pub(super) fn new(replica: Arc<Replica>, claim: Claim) -> (Self, Handed) {
        let handed = Handed::default();
        (Self { replica, claim: Some(claim), handed: handed.clone() }, handed)
    }

    /// The batch has reached the log: what becomes of it is decided there.
    pub(super) fn arrived(mut self) -> Claim {
        self.claim.take().expect("a ticket is used once")
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(claim) = self.claim.take() {
            let by = match self.handed.0.load(Ordering::Acquire) {
                true => TurnedAwayBy::Raft,
                false => TurnedAwayBy::Queue,
            };
            let refusal = self.replica.turned_away(claim.size, claim.producer, by);
            // A client that gave up waiting is not told.
            let _ = claim.to.send(Err(refusal.into()));
        }
    }
}

/// What a client is told when its batch has got far enough.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) to: oneshot::Sender<Outcome>,
    pub(super) placement: Placement,
    /// The offset after its last record.
    pub(super) end: Offset,
}

impl Reply {
    pub(super) fn placed(self) {
        let _ = self.to.send(Ok(Appended::Placed(self.placement)));
    }

    pub(super) fn doubtful(self, doubt: Doubt) {
        let _ = self.to.send(Err(doubt.into()));
    }
}
