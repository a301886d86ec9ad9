//! What the trials of a cell came to: losses, silences, and whether what the row is about really happened.

use std::ops::Range;
use std::time::Duration;

use partition::clock::Moment;

use super::expected::{Availability, Happened};
use super::ground::Ground;
use super::story::{Event, Story};
use super::trial::Trial;
use crate::checker::{Anomaly, Report};
use crate::history::{Action, History, Outcome, Read, View};
use crate::simulate::{Finding, Met, Ran};

/// What one trial left behind, wherever it ran.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// When the load began; the beginning of time where that is not told.
    pub(super) begun: Moment,
    /// What happened, where somebody watched.
    pub(super) events: Vec<Event>,
    /// What was wrong.
    pub(super) findings: Vec<Finding>,
    /// What replicas went through.
    pub(super) met: Met,
    /// Whether all steps of a sequence were taken, if it was one.
    pub(super) played: bool,
    /// From the fault to the end of the load; none of a cluster that never came up.
    pub(super) load: Option<Range<Moment>>,
    /// How long the cluster took to be whole again.
    pub(super) healed: Option<Duration>,
    /// What clients asked and were told.
    pub(super) history: History,
    /// What the checker says of it.
    pub(super) report: Report,
}

impl Seen {
    /// Of a trial in virtual time.
    pub(super) fn in_simulation(trial: &Trial, ran: Ran) -> Self {
        let Ran { findings, figures, begun, healed, played, history, report, .. } = ran;
        let load = begun.map(|begun| begun.after(trial.begins)..begun.after(trial.scenario.span));
        let (begun, events) = (begun.unwrap_or_default(), Vec::new());
        Self { begun, events, findings, met: figures.met, played, load, healed, history, report }
    }

    /// It as a time line, if its cluster came up.
    pub(super) fn story(&self) -> Option<Story> {
        let ends = self.load.as_ref()?.end;
        Some(Story::of(self.begun, ends, &self.events, &self.history))
    }
}

/// What the trials of a cell came to. Counts are of records, over all trials.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    /// Where they ran.
    pub ground: Ground,
    /// Trials that were run.
    pub trials: u64,
    /// Acknowledged, as committed or as asked for, and not in the log at the end.
    pub lost: u64,
    /// At two offsets: sent again by the cluster's own client, or by a producer that does not stamp what it sends.
    pub duplicated: u64,
    /// Offsets at which two clients were told of different records.
    pub diverged: u64,
    /// Offsets at which replicas hold different records when all is over: logs that do not become one any more.
    pub apart: u64,
    /// Seen, and never sent, or refused for certain.
    pub phantom: u64,
    /// Answers that omit what was committed before, or contradict the order of things.
    pub stale: u64,
    /// The longest silence of each trial: from the fault on, no append was acknowledged.
    pub no_ack: Vec<Duration>,
    /// The same of linearizable reads.
    pub no_read: Vec<Duration>,
    /// How long each cluster took, from the end of the faults, until one led and all agreed.
    pub healed: Vec<Duration>,
    /// Trials in which the row's fault showed in the cluster.
    pub happened: u64,
    /// The first seed in which clients lost or were misled, or an invariant broke; and by what.
    pub broken: Option<(u64, Finding)>,
    /// The first seed whose cluster did not come back, and how it stood.
    pub unhealed: Option<(u64, Finding)>,
    /// What clients saw in the first trial that shows what the cell shows, and its seed: a loss or a finding, if there is one.
    pub telling: Option<Telling>,
}

/// What the clients of one trial saw.
#[derive(Clone, Debug)]
pub struct Telling {
    /// Its seed.
    pub seed: u64,
    /// Whether anything was lost in it, or found.
    pub shows: Shows,
    /// What they asked and were told.
    pub history: History,
}

/// What a trial shows of what can go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shows {
    /// Nothing.
    Nothing,
    /// A loss, or a finding.
    Something,
}

impl Measured {
    /// Counts one more trial.
    pub(super) fn count(&mut self, seed: u64, seen: &Seen, happened: Happened) {
        self.trials += 1;
        let report = &seen.report;
        self.lost += report.count(Anomaly::LostWrite)
            + report.count(Anomaly::LostRead)
            + report.figures.leader_lost
            + report.figures.sent_lost;
        self.duplicated += report.count(Anomaly::Duplicate) + report.figures.own_duplicates;
        self.diverged += report.count(Anomaly::InconsistentOffsets);
        self.apart += seen.met.apart;
        self.phantom += report.count(Anomaly::Phantom) + report.count(Anomaly::AbortedRead);
        self.stale += report.count(Anomaly::StaleTail) + report.count(Anomaly::RealTimeOrder);
        self.happened += u64::from(seen.played && happened.is_seen(&seen.met));
        self.healed.extend(seen.healed);
        let below_committed =
            report.figures.leader_lost + report.figures.sent_lost + report.figures.own_duplicates;
        let wrong = !seen.findings.is_empty() || report.violations().next().is_some() || below_committed > 0;
        let shows = if wrong { Shows::Something } else { Shows::Nothing };
        if self.telling.as_ref().is_none_or(|before| before.shows < shows) {
            self.telling = Some(Telling { seed, shows, history: seen.history.clone() });
        }
        for finding in &seen.findings {
            let place = if is_of_life(finding) { &mut self.unhealed } else { &mut self.broken };
            place.get_or_insert_with(|| (seed, finding.clone()));
        }
        let Some(load) = &seen.load else { return };
        self.no_ack.extend(silence(load, acknowledged(&seen.history)));
        self.no_read.extend(silence(load, read(&seen.history)));
    }

    /// The longest of all silences between acknowledgements.
    #[must_use]
    pub fn worst(&self) -> Option<Availability> {
        self.no_ack.iter().max().map(|silence| Availability::of(*silence, self.ground))
    }
}

/// Whether it is about a cluster that does not come back, and not about what it promised.
fn is_of_life(finding: &Finding) -> bool {
    matches!(
        finding.name.as_str(),
        "L1-converge" | "L2-leader" | "L3-fresh-write" | "L4-pending" | "L6-change" | "verdict" | "start"
    )
}

/// When appends were acknowledged, as far as they asked for it.
fn acknowledged(history: &History) -> Vec<Moment> {
    let operations = history.operations().iter();
    let acked = operations.filter_map(|operation| match &operation.action {
        Action::Append(append) => match append.outcome {
            Outcome::Acked { .. } | Outcome::Sent => operation.returned,
            Outcome::Failed | Outcome::Unknown => None,
        },
        Action::Tail(_) | Action::Read(_) | Action::Trim(_) => None,
    });
    acked.map(|event| event.at).collect()
}

/// When linearizable reads were answered.
fn read(history: &History) -> Vec<Moment> {
    let operations = history.operations().iter();
    let answered = operations.filter_map(|operation| match &operation.action {
        Action::Read(Read { view: View::Linearizable | View::Final, seen: Some(_), .. }) => {
            operation.returned
        }
        Action::Append(_) | Action::Tail(_) | Action::Read(_) | Action::Trim(_) => None,
    });
    answered.map(|event| event.at).collect()
}

/// The longest time without an answer between these moments: the fault, and the end of the load. None when there was no answer
/// after the fault.
fn silence(load: &Range<Moment>, mut answers: Vec<Moment>) -> Option<Duration> {
    answers.retain(|at| *at > load.start);
    answers.sort_unstable();
    let before = std::iter::once(load.start).chain(answers.iter().copied());
    let pairs = before.zip(answers.iter()).filter(|(earlier, _)| *earlier < load.end);
    pairs.map(|(earlier, later)| later.min(&load.end).since(earlier)).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(times: &[u64]) -> Vec<Moment> {
        times.iter().map(|time| Moment::default().after(Duration::from_millis(*time))).collect()
    }

    #[test]
    fn a_silence_is_the_longest_gap_after_the_fault() {
        let load = millis(&[100])[0]..millis(&[600])[0];
        let gap = |times: &[u64]| silence(&load, millis(times)).map(|gap| gap.as_millis());
        assert_eq!(gap(&[10, 90, 140, 150, 400, 410]), Some(250), "between two answers");
        assert_eq!(gap(&[10, 90, 500, 510]), Some(400), "from the fault to the first answer");
        assert_eq!(gap(&[410, 150, 400, 140]), Some(250), "in whatever order they come");
        assert_eq!(gap(&[10, 90]), None, "no answer any more");
        assert_eq!(
            gap(&[150, 250, 350, 450, 550, 590, 5000]),
            Some(100),
            "nobody asks when the load has ended"
        );
        assert_eq!(gap(&[150, 5000]), Some(450), "what came after the load answers what was asked before");
    }
}
