//! Historic rules as columns of the matrix: what each of them costs, beside what replaced it.

use std::fmt;
use std::str::FromStr;

use isr_log::HistoricRules;
use isr_log::rules::{LagRule, MinimumRule, SuccessorRule, TruncationRule, UncleanElection};
use serde::{Deserialize, Serialize};

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
}

impl Switch {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::TruncateByHighWatermark,
        Self::TruncateByOneLookup,
        Self::LagByMessages,
        Self::LastMember,
        Self::UncleanElection,
        Self::LooseMinimum,
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
        let turned = Switch::ALL.map(|switch| switch.turn(HistoricRules::default()));
        for (place, rules) in turned.iter().enumerate() {
            assert_ne!(*rules, HistoricRules::default());
            assert!(turned.iter().skip(place + 1).all(|other| other != rules));
        }
        assert!(Switch::ALL.iter().all(|switch| switch.to_string().parse() == Ok(*switch)));
    }
}
