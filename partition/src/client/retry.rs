//! What to do after a failure: the client's decisions, without its connections.

use std::time::Duration;

use crate::clock::Moment;
use crate::error::{AppendError, Doubt, ReadError, Refusal};
use crate::ids::{Epoch, NodeId};
use crate::partition::{Role, Status};

/// What follows a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Tell the caller.
    GiveUp,
    /// Go to this node.
    GoTo(NodeId),
    /// Find out who leads, and go there.
    AskAround,
    /// Go to the same node, a little later.
    SameAgain,
}

/// Whether a resend is recognised as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stamped {
    /// The batch has a producer id and sequence: a resend is answered with the first one's offset.
    Yes,
    /// It has none: a resend would be another append.
    No,
}

/// After an append. What may have been appended is sent again only if it is stamped.
#[must_use]
pub fn after_append(error: &AppendError, stamped: Stamped) -> Next {
    match error {
        AppendError::NotAppended(refusal) => match refusal {
            Refusal::NotLeader { leader: Some(leader) } => Next::GoTo(*leader),
            Refusal::NotLeader { leader: None }
            | Refusal::Unreachable(_)
            | Refusal::NoSuchPartition
            | Refusal::Stopped(_) => Next::AskAround,
            Refusal::Overloaded => Next::SameAgain,
            Refusal::NotEnoughReplicas { .. }
            | Refusal::OutOfOrder { .. }
            | Refusal::FencedProducer { .. }
            | Refusal::AncientDuplicate { .. }
            | Refusal::TooLarge { .. }
            | Refusal::Corrupt(_)
            | Refusal::NoSpace => Next::GiveUp,
        },
        AppendError::Unknown(_) if stamped == Stamped::No => Next::GiveUp,
        AppendError::Unknown(Doubt::NotEnoughReplicasAfterAppend) => Next::SameAgain,
        AppendError::Unknown(
            Doubt::LeaderChanged | Doubt::Timeout | Doubt::Disconnected(_) | Doubt::Stopped(_),
        ) => Next::AskAround,
    }
}

/// After a read, a tail, a trim or a status: all of them may be repeated.
#[must_use]
pub fn after_read(error: &ReadError) -> Next {
    match error {
        ReadError::NotLeader { leader: Some(leader) } => Next::GoTo(*leader),
        ReadError::NotLeader { leader: None }
        | ReadError::Unreachable(_)
        | ReadError::NoSuchPartition
        | ReadError::Timeout
        | ReadError::Stopped(_) => Next::AskAround,
        ReadError::NotAvailable => Next::SameAgain,
        ReadError::OutOfRange { .. } | ReadError::Damaged { .. } => Next::GiveUp,
    }
}

/// Who leads, by what the replicas say: the claim of the newest epoch, or else whom the newest epoch names.
/// Only replicas that answered are considered: one that did not would not answer an append either.
#[must_use]
pub fn who_leads(statuses: &[Status]) -> Option<(NodeId, Epoch)> {
    let claims = statuses.iter().filter(|status| status.role == Role::Leader);
    if let Some(claim) = claims.max_by_key(|status| (status.epoch, status.node)) {
        return Some((claim.node, claim.epoch));
    }
    let answered = |node: NodeId| statuses.iter().any(|status| status.node == node);
    statuses
        .iter()
        .filter_map(|status| Some((status.leader?, status.epoch)))
        .filter(|(leader, _)| answered(*leader))
        .max_by_key(|(leader, epoch)| (*epoch, *leader))
}

/// How attempts follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryConfig {
    /// Wait before the second attempt. Default: 5 ms.
    pub backoff_min: Duration,
    /// Longest wait between attempts: what an election can cost beyond itself. Default: 100 ms.
    pub backoff_max: Duration,
    /// How long one attempt of a stamped append may take before it is sent again elsewhere. Default: 2 s.
    pub attempt: Duration,
    /// How long an attempt stays without an answer before the others are asked whether somebody else leads by now; after as
    /// long they are asked again: what it takes, beyond an election, to find who was elected. Default: 100 ms.
    pub doubt: Duration,
    /// How long a read, a tail, a trim or a status is repeated beyond its own time. Default: 10 s.
    pub patience: Duration,
}

impl Default for RetryConfig {
    fn default() -> Self {
        Self {
            backoff_min: Duration::from_millis(5),
            backoff_max: Duration::from_millis(100),
            attempt: Duration::from_secs(2),
            doubt: Duration::from_millis(100),
            patience: Duration::from_secs(10),
        }
    }
}

/// The waits between the attempts of one request, and its end.
#[derive(Debug)]
pub struct Pace {
    config: RetryConfig,
    deadline: Moment,
    attempts: u32,
}

impl Pace {
    /// Attempts until `deadline`.
    #[must_use]
    pub fn new(config: RetryConfig, deadline: Moment) -> Self {
        Self { config, deadline, attempts: 0 }
    }

    /// How long to wait before what is `next`; `None` when no time is left. The first hint is followed at once.
    pub fn wait(&mut self, next: Next, now: Moment) -> Option<Duration> {
        let exponent = self.attempts.min(16);
        self.attempts += 1;
        let wait = match next {
            Next::GoTo(_) | Next::AskAround if exponent == 0 => Duration::ZERO,
            _ => self.config.backoff_max.min(self.config.backoff_min * 2_u32.pow(exponent)),
        };
        (now.after(wait) < self.deadline).then_some(wait)
    }

    /// How much time is left.
    #[must_use]
    pub fn left(&self, now: Moment) -> Duration {
        self.deadline.since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Offset;

    fn status(node: u32, role: Role, epoch: u32, leader: Option<u32>) -> Status {
        Status {
            node: NodeId(node),
            role,
            leader: leader.map(NodeId),
            epoch: Epoch(epoch),
            log_start: Offset(0),
            high_watermark: Offset(0),
            stored: Offset(0),
            log_end: Offset(0),
            replicas: Vec::new(),
            members: Vec::new(),
        }
    }

    #[test]
    fn a_write_of_unknown_outcome_is_never_sent_again_without_a_stamp() {
        for doubt in [
            Doubt::NotEnoughReplicasAfterAppend,
            Doubt::LeaderChanged,
            Doubt::Timeout,
            Doubt::Disconnected(String::new()),
            Doubt::Stopped(String::new()),
        ] {
            let error = AppendError::Unknown(doubt);
            assert_eq!(after_append(&error, Stamped::No), Next::GiveUp, "{error}");
            assert_ne!(after_append(&error, Stamped::Yes), Next::GiveUp, "{error}");
        }
    }

    #[test]
    fn the_newest_epoch_says_who_leads_and_a_silent_node_is_not_asked_again() {
        let deposed = status(1, Role::Leader, 4, Some(1));
        let current = status(2, Role::Leader, 5, Some(2));
        let follower = status(3, Role::Follower, 6, Some(4));
        assert_eq!(who_leads(&[deposed.clone(), current, follower.clone()]), Some((NodeId(2), Epoch(5))));
        assert_eq!(who_leads(&[follower]), None, "node 4 did not answer");
        let pointing = status(3, Role::Follower, 6, Some(1));
        let idle = status(1, Role::Follower, 4, None);
        assert_eq!(who_leads(&[idle, pointing]), Some((NodeId(1), Epoch(6))));
        assert_eq!(who_leads(&[]), None);
    }

    #[test]
    fn waits_grow_to_their_limit_and_end_with_the_deadline() {
        let deadline = Moment(1_000_000_000);
        let mut pace = Pace::new(RetryConfig::default(), deadline);
        let waits: Vec<_> =
            (0..7).map(|_| pace.wait(Next::AskAround, Moment(0)).unwrap().as_millis()).collect();
        assert_eq!(waits, [0, 10, 20, 40, 80, 100, 100]);
        assert_eq!(pace.wait(Next::AskAround, Moment(950_000_000)), None);
    }
}
