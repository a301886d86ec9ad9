//! The rules that a replica keeps: its numbers, and which of the older or broken rules are on.

use std::time::Duration;

use partition::ids::ByteSize;

use super::CatchUpRate;
use crate::mutant::{Mutant, Mutated};
use crate::rules::{HistoricRules, TruncationRule};

/// The numbers that shape a replica's behaviour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rules {
    /// A follower that has not been caught up for so long leaves the set (C12).
    pub lag_max: Duration,
    /// How long a leader may park a fetch.
    pub fetch_wait: Duration,
    /// About how much one fetch brings.
    pub fetch_bytes_max: ByteSize,
    /// How fast it may copy while it is not in sync. `None`: as fast as it can.
    pub catch_up_rate: Option<CatchUpRate>,
    /// Rules that Kafka once had.
    pub historic: HistoricRules,
    /// A rule that is broken, in a simulation.
    pub mutated: Mutated,
}

impl Rules {
    /// Where followers cut their logs. Two mutants are no more than an older rule that nobody has asked for.
    pub(super) fn truncation(self) -> TruncationRule {
        if self.mutated.breaks(Mutant::TruncateToHighWatermark) {
            TruncationRule::ByHighWatermark
        } else if self.mutated.breaks(Mutant::OneShotLookup) {
            TruncationRule::ByEpochOnce
        } else {
            self.historic.truncation
        }
    }
}
