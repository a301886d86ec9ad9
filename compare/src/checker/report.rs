//! What the checker says about a history.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::anomaly::{Anomaly, Finding};

/// How many findings of one kind are kept in words; all are counted. A lost log has a finding for each record.
pub const FINDINGS_KEPT: u64 = 20;

/// What became of the promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It was kept, as far as clients can see.
    Kept,
    /// It was broken.
    Broken,
    /// Nothing shows that it was broken, but there is no final read to show that nothing is lost. Not a pass.
    Unknown,
}

/// How much evidence there was, and what is counted without being a violation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// Batches that clients sent.
    pub appends: u64,
    /// Records acknowledged as committed.
    pub acked: u64,
    /// Records refused for certain.
    pub failed: u64,
    /// Records of unknown outcome, those acknowledged below committed not counted.
    pub unknown: u64,
    /// Of the unknown, those that were seen.
    pub unknown_seen: u64,
    /// Records acknowledged by a leader alone.
    pub acked_by_leader: u64,
    /// Of these, those that are not in the log at the end: the price of acks=leader, no violation.
    pub leader_lost: u64,
    /// Records sent without asking for an answer.
    pub sent: u64,
    /// Of these, those that are not in the log at the end: the price of acks=nobody, no violation.
    pub sent_lost: u64,
    /// Second copies of records that a plain client sent again itself (C14): its doing, no violation.
    pub own_duplicates: u64,
    /// Reads that were answered.
    pub reads: u64,
    /// Lengths that were answered.
    pub tails: u64,
    /// Records in the final read.
    pub at_the_end: u64,
    /// Records told of that lay outside the window of a [`Watch`](super::Watch). The whole history judges all.
    pub unjudged: u64,
}

/// The verdict, what it rests on, and each kind of anomaly with its count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// What became of the promise.
    pub verdict: Verdict,
    /// How often each anomaly was found.
    pub counts: BTreeMap<Anomaly, u64>,
    /// The first [`FINDINGS_KEPT`] of each, in words.
    pub findings: Vec<Finding>,
    /// How much evidence there was.
    pub figures: Figures,
}

impl Report {
    /// How often an anomaly was found.
    #[must_use]
    pub fn count(&self, anomaly: Anomaly) -> u64 {
        self.counts.get(&anomaly).copied().unwrap_or_default()
    }

    /// Which violations were found, each once.
    pub fn violations(&self) -> impl Iterator<Item = Anomaly> {
        self.counts.keys().copied().filter(|anomaly| anomaly.is_violation())
    }
}

/// Collects findings while a history is judged.
#[derive(Clone, Debug, Default)]
pub(super) struct Findings {
    counts: BTreeMap<Anomaly, u64>,
    kept: Vec<Finding>,
}

impl Findings {
    /// One more; its words are only asked for while they are kept.
    pub(super) fn add(&mut self, anomaly: Anomaly, shown_by: impl FnOnce() -> String) {
        let count = self.counts.entry(anomaly).or_default();
        *count += 1;
        if *count <= FINDINGS_KEPT {
            self.kept.push(Finding { anomaly, shown_by: shown_by() });
        }
    }

    pub(super) fn report(&self, figures: Figures, has_final_read: FinalRead) -> Report {
        let broken = self.counts.keys().any(|anomaly| anomaly.is_violation());
        let verdict = match has_final_read {
            _ if broken => Verdict::Broken,
            FinalRead::Present => Verdict::Kept,
            FinalRead::Missing => Verdict::Unknown,
        };
        let mut findings = self.kept.clone();
        findings.sort_by_key(|finding| finding.anomaly);
        Report { verdict, counts: self.counts.clone(), findings, figures }
    }
}

/// Whether a history ends with a read of all there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FinalRead {
    Present,
    Missing,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let figures = &self.figures;
        let verdict = match self.verdict {
            Verdict::Kept => "kept",
            Verdict::Broken => "BROKEN",
            Verdict::Unknown => "unknown: no final read shows what is lost",
        };
        writeln!(f, "promise: {verdict}")?;
        writeln!(
            f,
            "records: {} acknowledged, {} failed, {} unknown ({} of them seen), {} in the log at the end",
            figures.acked, figures.failed, figures.unknown, figures.unknown_seen, figures.at_the_end
        )?;
        if figures.acked_by_leader + figures.sent > 0 {
            writeln!(
                f,
                "below committed: {} of {} acknowledged by the leader alone lost, {} of {} sent unasked lost",
                figures.leader_lost, figures.acked_by_leader, figures.sent_lost, figures.sent
            )?;
        }
        if figures.own_duplicates > 0 {
            writeln!(f, "duplicates that plain clients made by sending again: {}", figures.own_duplicates)?;
        }
        for (anomaly, count) in &self.counts {
            writeln!(f, "{anomaly}: {count} ({})", anomaly.meaning())?;
            for finding in self.findings.iter().filter(|finding| finding.anomaly == *anomaly) {
                writeln!(f, "  {}", finding.shown_by)?;
            }
        }
        Ok(())
    }
}
