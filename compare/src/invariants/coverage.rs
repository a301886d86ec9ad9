//! What a run has really met: a rule that nothing strained was not tested.

use std::fmt;

use isr_log::metadata::PartitionState;

/// How often a run has met what its rules are for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Epochs that had a leader.
    pub elections: usize,
    /// Lives of replicas after their first.
    pub restarts: usize,
    /// Logs that were cut, or begun anew, in a life.
    pub truncations: usize,
    /// In-sync sets that became smaller.
    pub shrinks: usize,
    /// In-sync sets that became larger.
    pub grows: usize,
    /// Steps of a high watermark while not all replicas were in sync.
    pub short_advances: usize,
    /// Changes of who the replicas are that were completed.
    pub moves: usize,
    /// Batches that clients were told are committed.
    pub acknowledged: usize,
}

impl Coverage {
    /// The controllers have decided anew.
    pub(super) fn decided(&mut self, before: Option<&PartitionState>, now: &PartitionState) {
        let Some(before) = before else { return };
        self.shrinks += usize::from(now.in_sync.len() < before.in_sync.len());
        self.grows += usize::from(now.in_sync.len() > before.in_sync.len());
        let wanted = before.reassignment.as_ref().map(|moves| &moves.target);
        let is_complete = match wanted {
            Some(target) => now.spec.replicas == *target,
            None => now.spec.replicas != before.spec.replicas,
        };
        self.moves += usize::from(now.reassignment.is_none() && is_complete);
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { elections, restarts, truncations, shrinks, grows, short_advances, moves, acknowledged } =
            self;
        write!(
            f,
            "elections {elections}, restarts {restarts}, truncations {truncations}, ISR shrunk {shrinks}, \
             grown {grows}, HW moved under a shrunken ISR {short_advances}, replicas changed {moves}, acknowledged {acknowledged}"
        )
    }
}
