//! Older and weaker rules as columns of the matrix: what each of them costs, beside what replaced it.
//!
//! Some are offered by a configuration, as Kafka does or did. Others never were: a rule that was missing when a flaw was found.
//! Those are mutants, which only a simulated cluster can have.

use std::fmt;
use std::str::FromStr;

use isr_log::HistoricRules;
use isr_log::rules::{LagRule, MinimumRule, SuccessorRule, TruncationRule, UncleanElection};
use serde::{Deserialize, Serialize};

use crate::simulate::Mutant;
use crate::system::System;

/// So many records may a follower lack, where lag is counted in records: about what is under way at once, as a burst is to a
/// cluster tuned for its quiet hours.
const LAG_RECORDS: u64 = 8;

/// A rule that Kafka once had, or lets one choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Switch {
    /// A follower cuts its log at its high watermark (C20, C21).
    TruncateByHighWatermark,
    /// A follower asks once where to cut (KIP-101 before KIP-279).
    TruncateByOneLookup,
    /// Who lacks too many records leaves the set (C13).
    LagByMessages,
    /// Only the last member of the set may lead (before KIP-966).
    LastMember,
    /// A replica that may lack what is committed is elected when nobody else can be.
    UncleanElection,
    /// Appends that ask for less than the set are committed while it is too small.
    LooseMinimum,
    /// Who led last leads when all who know have ended uncleanly: Kafka as of 4.2 (S-11).
    LastLeader,
    /// A follower joins at its leader's high watermark, though the epoch began beyond it (S-06).
    JoinAtHighWatermark,
    /// The high watermark does not wait for who may have joined (S-07, before KIP-497).
    CommitByRecordedSet,
    /// A new leader shows what it takes for committed before it knows how much is (S-15).
    ShowOldMark,
    /// A linearizable read is answered by whoever takes itself for the leader.
    ReadWithoutProof,
    /// Producers do not stamp their batches, and send again what is in doubt: Kafka's default up to 2.8 (C9, S-22).
    PlainProducers,
    /// Nobody asks whether it would be elected before it begins an epoch: Raft without pre-vote.
    NoPreVote,
}

impl Switch {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::TruncateByHighWatermark,
        Self::TruncateByOneLookup,
        Self::LagByMessages,
        Self::LastMember,
        Self::UncleanElection,
        Self::LooseMinimum,
        Self::LastLeader,
        Self::JoinAtHighWatermark,
        Self::CommitByRecordedSet,
        Self::ShowOldMark,
        Self::ReadWithoutProof,
        Self::PlainProducers,
        Self::NoPreVote,
    ];

    /// Its name in results and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::TruncateByHighWatermark => "truncate-by-high-watermark",
            Self::TruncateByOneLookup => "truncate-by-one-lookup",
            Self::LagByMessages => "lag-by-messages",
            Self::LastMember => "last-member",
            Self::UncleanElection => "unclean-election",
            Self::LooseMinimum => "loose-minimum",
            Self::LastLeader => "last-leader",
            Self::JoinAtHighWatermark => "join-at-high-watermark",
            Self::CommitByRecordedSet => "commit-by-recorded-set",
            Self::ShowOldMark => "show-old-mark",
            Self::ReadWithoutProof => "read-without-proof",
            Self::PlainProducers => "plain-producers",
            Self::NoPreVote => "no-pre-vote",
        }
    }

    /// The rules with this one turned.
    #[must_use]
    pub fn turn(self, rules: HistoricRules) -> HistoricRules {
        match self {
            Self::TruncateByHighWatermark => {
                HistoricRules { truncation: TruncationRule::ByHighWatermark, ..rules }
            }
            Self::TruncateByOneLookup => HistoricRules { truncation: TruncationRule::ByEpochOnce, ..rules },
            Self::LagByMessages => HistoricRules { lag: LagRule::Messages(LAG_RECORDS), ..rules },
            Self::LastMember => HistoricRules { successor: SuccessorRule::LastMember, ..rules },
            Self::UncleanElection => HistoricRules { unclean: UncleanElection::Allowed, ..rules },
            Self::LooseMinimum => HistoricRules { minimum: MinimumRule::Loose, ..rules },
            Self::LastLeader => HistoricRules { successor: SuccessorRule::LastLeader, ..rules },
            Self::JoinAtHighWatermark
            | Self::CommitByRecordedSet
            | Self::ShowOldMark
            | Self::ReadWithoutProof
            | Self::PlainProducers
            | Self::NoPreVote => rules,
        }
    }

    /// The rule that it breaks in the nodes of such a system, where no configuration offers it.
    #[must_use]
    pub fn mutant(self, system: System) -> Option<Mutant> {
        let isr = match self {
            Self::JoinAtHighWatermark => Some(isr_log::mutant::Mutant::NoEpochStart),
            Self::CommitByRecordedSet => Some(isr_log::mutant::Mutant::CommitByRecordedSet),
            Self::ShowOldMark => Some(isr_log::mutant::Mutant::ShowOldMark),
            Self::ReadWithoutProof => Some(isr_log::mutant::Mutant::ReadWithoutProof),
            _ => None,
        };
        let quorum = match self {
            Self::ReadWithoutProof => Some(quorum_log::mutant::Mutant::ReadWithoutProof),
            Self::NoPreVote => Some(quorum_log::mutant::Mutant::SkipPreVote),
            _ => None,
        };
        match system {
            System::Isr | System::KOfIsr => isr.map(Mutant::Isr),
            System::Quorum => quorum.map(Mutant::Quorum),
            System::FloorAll | System::FloorMajority => None,
        }
    }
}

impl fmt::Display for Switch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Switch {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|switch| switch.name() == text);
        found.ok_or_else(|| format!("{text:?} is none of the historic rules"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_switch_turns_a_rule_of_its_own() {
        let nothing = (HistoricRules::default(), None, None);
        let turned = Switch::ALL.map(|switch| {
            let mutant = |system| switch.mutant(system);
            (switch.turn(HistoricRules::default()), mutant(System::Isr), mutant(System::Quorum))
        });
        for (place, (switch, rules)) in Switch::ALL.iter().zip(&turned).enumerate() {
            // That one is not of the nodes.
            assert_eq!(*rules == nothing, *switch == Switch::PlainProducers, "{switch}");
            assert!(turned.iter().skip(place + 1).all(|other| other != rules), "{switch}");
        }
        assert!(Switch::ALL.iter().all(|switch| switch.to_string().parse() == Ok(*switch)));
    }
}
