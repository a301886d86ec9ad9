//! The witness that keeps everything: a recording becomes a history.

use super::number::EventNumber;
use super::operation::{Action, Operation};
use super::recorder::Witness;
use super::{Gaps, History, HistoryError, Retention};

/// All operations so far; those that have not returned are of unknown outcome.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    /// In the order of their invocation, which is the order in which they are put here.
    operations: Vec<Operation>,
    retention: Retention,
    gaps: Gaps,
}

impl Recording {
    /// A recording of a partition whose log start may be raised so.
    #[must_use]
    pub fn of(retention: Retention, gaps: Gaps) -> Self {
        Self { operations: Vec::new(), retention, gaps }
    }

    /// What was recorded so far.
    ///
    /// # Errors
    /// [`HistoryError`] when a client sent a value twice, or there were two final reads.
    pub fn history(&self) -> Result<History, HistoryError> {
        let history = History::new(self.operations.clone())?;
        Ok(History { retention: self.retention, gaps: self.gaps, ..history })
    }

    /// How many operations were invoked.
    #[must_use]
    pub fn invoked(&self) -> usize {
        self.operations.len()
    }

    fn position(&self, invoked: EventNumber) -> usize {
        self.operations
            .binary_search_by_key(&invoked, |operation| operation.invoked.number)
            .expect("what returns was invoked")
    }
}

impl Witness for Recording {
    fn invoked(&mut self, operation: &Operation) {
        self.operations.push(operation.clone());
    }

    fn sent_again(&mut self, invoked: EventNumber) {
        let at = self.position(invoked);
        if let Action::Append(append) = &mut self.operations[at].action {
            append.attempts += 1;
        }
    }

    fn returned(&mut self, operation: Operation) {
        let at = self.position(operation.invoked.number);
        self.operations[at] = operation;
    }
}
