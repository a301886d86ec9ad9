//! Reads, tails and trims that wait: for data, for proof of leadership, or for the other replicas.

use partition::clock::Moment;
use partition::error::ReadError;
use partition::ids::{NodeId, Offset};
use partition::partition::{Fetched, Isolation, Read, Tail};

use crate::partition::Answer;
use crate::replica::Round;

/// A read that has not been answered yet.
#[derive(Debug)]
pub(super) struct WaitingRead {
    pub(super) read: Read,
    pub(super) deadline: Moment,
    pub(super) answer: Answer<Result<Fetched, ReadError>>,
}

/// What waits for proof that this replica leads.
#[derive(Debug)]
pub(super) enum Proof {
    Read(WaitingRead),
    Tail(Moment, Answer<Result<Tail, ReadError>>),
}

/// All that waits.
#[derive(Debug, Default)]
pub(super) struct Reads {
    data: Vec<WaitingRead>,
    proofs: Vec<(Round, Proof)>,
    trims: Vec<Trim>,
}

/// A trim that is perhaps not done on all members.
#[derive(Debug)]
struct Trim {
    to: Offset,
    deadline: Moment,
    answer: Answer<Result<Offset, ReadError>>,
}

impl Reads {
    pub(super) fn is_empty(&self) -> bool {
        self.data.is_empty() && self.proofs.is_empty() && self.trims.is_empty()
    }

    /// A read waits until there is something at its offset.
    pub(super) fn await_data(&mut self, read: WaitingRead) {
        self.data.push(read);
    }

    pub(super) fn await_proof(&mut self, round: Round, proof: Proof) {
        self.proofs.push((round, proof));
    }

    pub(super) fn await_trim(
        &mut self,
        to: Offset,
        deadline: Moment,
        answer: Answer<Result<Offset, ReadError>>,
    ) {
        self.trims.push(Trim { to, deadline, answer });
    }

    /// Reads that may find something now, given where the log and what is committed end.
    pub(super) fn take_ready(&mut self, log_end: Offset, visible_to: Option<Offset>) -> Vec<WaitingRead> {
        if self.data.is_empty() {
            return Vec::new();
        }
        let ready = |waiting: &mut WaitingRead| match waiting.read.isolation {
            Isolation::Uncommitted => waiting.read.from < log_end,
            Isolation::Committed | Isolation::Linearizable => {
                visible_to.is_none_or(|visible| waiting.read.from < visible)
            }
        };
        self.data.extract_if(.., ready).collect()
    }

    /// What was promised this round or an earlier one.
    pub(super) fn take_proved(&mut self, proved: Round) -> Vec<Proof> {
        self.proofs.extract_if(.., |(round, _)| *round <= proved).map(|(_, proof)| proof).collect()
    }

    /// On all members the log starts at `start` or later.
    pub(super) fn trimmed(&mut self, start: Offset) {
        for trim in self.trims.extract_if(.., |trim| trim.to <= start) {
            let _ = trim.answer.send(Ok(start));
        }
    }

    /// Who wants a leader has come to the wrong replica.
    pub(super) fn resign(&mut self, leader: Option<NodeId>) {
        let wrong = ReadError::NotLeader { leader };
        self.proofs.drain(..).for_each(|(_, proof)| proof.fail(wrong.clone()));
        for trim in self.trims.drain(..) {
            let _ = trim.answer.send(Err(wrong.clone()));
        }
    }

    /// Whose time is up: a read for data is given back, to be answered with nothing; the others are told.
    pub(super) fn expire(&mut self, now: Moment) -> Vec<WaitingRead> {
        for (_, proof) in self.proofs.extract_if(.., |(_, proof)| proof.deadline() <= now) {
            proof.fail(ReadError::Timeout);
        }
        for trim in self.trims.extract_if(.., |trim| trim.deadline <= now) {
            let _ = trim.answer.send(Err(ReadError::Timeout));
        }
        self.data.extract_if(.., |waiting| waiting.deadline <= now).collect()
    }
}

impl Proof {
    fn deadline(&self) -> Moment {
        match self {
            Self::Read(waiting) => waiting.deadline,
            Self::Tail(deadline, _) => *deadline,
        }
    }

    pub(super) fn fail(self, error: ReadError) {
        match self {
            Self::Read(waiting) => drop(waiting.answer.send(Err(error))),
            Self::Tail(_, answer) => drop(answer.send(Err(error))),
        }
    }
}
