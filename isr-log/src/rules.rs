//! Rules that Kafka once had, or lets one choose, beside those that hold by default: to show what each of them costs.

use serde::{Deserialize, Serialize};

/// Which rule holds where there was, or is, more than one. The default is the safe one everywhere.
///
/// Brokers take theirs from [`Config`](crate::Config). Controllers write theirs into the metadata log, since whoever
/// applies a record has to decide by the same rule: a cluster should be given one value for both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct HistoricRules {
    /// When a follower has fallen too far behind to stay in sync.
    pub lag: LagRule,
    /// What a leader may commit while fewer are in sync than must be.
    pub minimum: MinimumRule,
    /// Where a follower cuts its log when it begins to follow.
    pub truncation: TruncationRule,
    /// Who may lead when nobody in sync is alive.
    pub successor: SuccessorRule,
    /// Whether a replica that may lack what is committed is elected when nobody else can be.
    pub unclean: UncleanElection,
}

impl HistoricRules {
    /// Whether whoever leaves the in-sync set while it is short stays eligible to lead. That is sound only while nothing is
    /// committed meanwhile.
    #[must_use]
    pub fn keeps_eligible(&self) -> bool {
        self.successor != SuccessorRule::LastMember && self.minimum == MinimumRule::Strict
    }

    /// Whether the logs of those who ended uncleanly are compared when nobody else can lead.
    #[must_use]
    pub fn compares_logs(&self) -> bool {
        self.keeps_eligible() && self.successor == SuccessorRule::Eligible
    }
}

/// When a follower has fallen too far behind to stay in sync (C12, C13).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum LagRule {
    /// When it has not had all that the leader had for `lag_max`: Kafka since 0.9.
    #[default]
    CaughtUp,
    /// When it has not fetched for `lag_max`: what the documents say. Who fetches and falls behind stays for ever.
    LastFetch,
    /// When it lacks more than so many records, or has not fetched for `lag_max`: Kafka's `replica.lag.max.messages` up to
    /// 0.8. A burst makes every follower lag for a moment.
    Messages(u64),
}

/// What a leader may commit while fewer are in sync than must be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum MinimumRule {
    /// Nothing: the high watermark stands still (KIP-966).
    #[default]
    Strict,
    /// What others append with less than `Committed`: only appends that ask for it are refused.
    Loose,
}

/// Where a follower cuts its log when it begins to follow (C20, C21).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TruncationRule {
    /// Where it parts from the leader's: the leader compares epochs, and the follower asks again after each cut (KIP-279).
    #[default]
    ByEpoch,
    /// The same, but the follower asks once, and is told where the next larger epoch begins: KIP-101 before KIP-279. Where
    /// both have written without the other, a divergence stays (S-03).
    ByEpochOnce,
    /// At its own high watermark, and nobody compares: what the documents say, and Kafka did up to 0.10. A mark that lags
    /// cuts what was acknowledged (S-01), one that does not hides a divergence below it (S-02).
    ByHighWatermark,
}

/// Who may lead when nobody in sync is alive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SuccessorRule {
    /// Who left the set while it was short, and has not ended uncleanly since (KIP-966's eligible leader replicas); when they
    /// all have, whoever has most of those who know (its second part, which Kafka does not have yet).
    #[default]
    Eligible,
    /// Only the last member of the set, however it ended: Kafka before 4.0.
    LastMember,
    /// As [`Eligible`](Self::Eligible), but when they all have, whoever led last, if its disk is its own: Kafka as of 4.2.
    LastLeader,
}

/// Whether a replica that may lack what is committed is elected when nobody else can be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum UncleanElection {
    /// The partition waits for those who have the data: Kafka since 0.11.
    #[default]
    Never,
    /// Whoever is alive; what it lacks is lost, and counted when the others cut it.
    Allowed,
}
