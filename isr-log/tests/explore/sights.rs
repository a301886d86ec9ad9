//! What an exploration has come across: one that sees little proves little.

/// Something worth reaching.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    AnAppendIsAcknowledged,
    AFollowerCuts,
    TheSetGrows,
    TheSetShrinks,
    AnEligibleReplicaIsElected,
    LogsAreCompared,
    APolledReplicaIsElected,
    NobodyCanLead,
    ADoubtfulProposalCounts,
    AProposalIsRefused,
    AFormerLifeSpeaks,
    TwoThinkTheyLead,
    AReplicaReportsALoss,
}

impl Sight {
    pub const ALL: [Self; 13] = [
        Self::AnAppendIsAcknowledged,
        Self::AFollowerCuts,
        Self::TheSetGrows,
        Self::TheSetShrinks,
        Self::AnEligibleReplicaIsElected,
        Self::LogsAreCompared,
        Self::APolledReplicaIsElected,
        Self::NobodyCanLead,
        Self::ADoubtfulProposalCounts,
        Self::AProposalIsRefused,
        Self::AFormerLifeSpeaks,
        Self::TwoThinkTheyLead,
        Self::AReplicaReportsALoss,
    ];
}

/// A set of sights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sights(u16);

impl Sights {
    pub fn note(&mut self, sight: Sight) {
        self.0 |= 1 << sight as u16;
    }

    pub fn add(&mut self, others: Self) {
        self.0 |= others.0;
    }

    pub fn has(self, sight: Sight) -> bool {
        self.0 & 1 << sight as u16 != 0
    }
}
