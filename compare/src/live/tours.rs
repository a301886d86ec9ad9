//! Guided tours: each replays a claim, step by step, on the clusters of the page; what processes cannot have is replayed in
//! virtual time, and said to be.

mod hung_follower;
mod isr_of_one;
mod minority_leader;
mod replay;
mod retry;
mod truncation;

use serde::Serialize;

use super::guide::Podium;

/// A tour, as it is written.
#[derive(Debug, Serialize)]
pub(super) struct TourText {
    /// What it is asked for by.
    pub(super) name: &'static str,
    /// Which claims it replays.
    pub(super) claim: &'static str,
    pub(super) title: &'static str,
    /// The claim, in a sentence.
    pub(super) about: &'static str,
    /// Where it is replayed.
    pub(super) ground: &'static str,
    pub(super) steps: &'static [StepText],
}

/// A step, as it is written.
#[derive(Debug, Serialize)]
pub(super) struct StepText {
    pub(super) title: &'static str,
    pub(super) text: &'static str,
}

/// How a step stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum StepState {
    /// Not yet.
    #[default]
    Ahead,
    /// When the visitor asks for it.
    Next,
    Doing,
    Done,
    /// What it waited for did not come.
    Stuck,
}

/// A tour that is on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct TourSeen {
    pub(super) name: &'static str,
    pub(super) steps: Vec<StepSeen>,
    pub(super) ended: bool,
}

/// A step of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct StepSeen {
    pub(super) state: StepState,
    /// What it led to.
    pub(super) observed: Option<String>,
}

impl TourSeen {
    pub(super) fn of(text: &TourText) -> Self {
        Self {
            name: text.name,
            steps: text.steps.iter().map(|_| StepSeen::default()).collect(),
            ended: false,
        }
    }
}

const LIVE: &str = "on the clusters of this page";
const SIMULATED: &str = "in virtual time: a simulated cluster of the same code";

/// With fewer a majority has none to spare, and there is nothing to show.
pub(super) const REPLICAS_MIN: usize = 3;

/// All of them.
pub(super) const TOURS: [&TourText; 5] =
    [&hung_follower::TEXT, &retry::TEXT, &isr_of_one::TEXT, &minority_leader::TEXT, &truncation::TEXT];

/// The one of this name.
pub(super) fn named(name: &str) -> Option<&'static TourText> {
    TOURS.into_iter().find(|tour| tour.name == name)
}

/// Plays it to its end.
///
/// # Errors
/// In words, when what a step waits for does not come.
pub(super) async fn play(tour: &TourText, podium: &mut Podium<'_>) -> Result<(), String> {
    match tour.name {
        name if name == hung_follower::TEXT.name => hung_follower::play(podium).await,
        name if name == retry::TEXT.name => retry::play(podium).await,
        name if name == isr_of_one::TEXT.name => isr_of_one::play(podium).await,
        name if name == minority_leader::TEXT.name => minority_leader::play(podium).await,
        _ => truncation::play(podium).await,
    }
}

/// Parts of what was observed, a line each.
fn told(parts: impl IntoIterator<Item = String>) -> String {
    parts.into_iter().collect::<Vec<_>>().join(".\n") + "."
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_tour_has_a_name_and_steps_and_ends_its_sentences() {
        let names: BTreeSet<&str> = TOURS.iter().map(|tour| tour.name).collect();
        assert_eq!(names.len(), TOURS.len());
        for tour in TOURS {
            assert!(tour.steps.len() >= 2, "{}", tour.name);
            assert_eq!(named(tour.name).map(|found| found.title), Some(tour.title));
            assert!(tour.steps.iter().all(|step| step.text.ends_with('.')), "{}", tour.name);
        }
        assert!(named("no such tour").is_none());
    }
}
