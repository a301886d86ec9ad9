//! Every order of what may happen to three replicas and their controllers, within bounds, against every invariant by its
//! name.
//!
//! ```text
//!    a state: three real replicas and their logs, of which a prefix is durable
//!             connections, in order each; proposals that may count yet
//!             the real image; decisions that replicas read late, in order
//!             what was ever committed, acknowledged, led: for the invariants
//!
//!    first ──> all that may happen next ──> known already? ──> every invariant ──> next, a step deeper
//!              append  store  deliver  read  tell  retry        by its name, or the
//!              lag  crash  tear  wipe  stop  fence  let in       shortest trace to it
//!              consider  hear  doubt  break  hand over
//! ```
//! The replicas are `isr_log::replica`, the decisions are those of `isr_log::controller::image`; nothing of either is
//! imitated. Between them stands what the runtime does, in its simplest form. Bounds (`explore/bounds.rs`) say how often
//! each thing may go wrong; whatever is not counted there may happen whenever it can. A state is known by 64 bits of hash.
//!
//! **What is left out of a state on purpose**, since no future differs by it: the time of a clock (a replica compares only its
//! own moments, so ages are hashed, and only leaders have any); the offsets of metadata records, but for the lives that
//! they name (lives are numbered by hundreds); decisions that all have read; proposals on an older version, which are rejected
//! wherever they lie; the order of an answer that changes nothing. A follower sends again only to whoever leads its epoch:
//! anybody else refuses and remembers nothing, so that it might as well have waited.
//!
//! **What the bounds miss**: time between nothing and `lag_max` (the two are all there is); parts of what a crash loses (it is
//! all that was not synced, or the disk was done before); two controllers at odds (the image's own tests); trims, proofs of
//! leadership and duplicates (scripts, and the simulator). Where replies arrive at once, what a follower does between an
//! answer and its arrival; where disks store at once, what a crash loses.
//!
//! | broken rule               | falls to                      | in steps |
//! |---------------------------|-------------------------------|----------|
//! | `FenceWithoutElection`    | `ValidControllerIsrAndElr`    | 1        |
//! | `ResumeEpoch`             | `UncleanExclusion`, then `ElectionSafety` | 2, 3 |
//! | `CommitWhileShort`        | `StrictMinIsr`                | 3        |
//! | `ElectAnybody`            | `LeaderInIsr`                 | 3        |
//! | `ForgetProposal`          | `ReplicationQuorumSuperset`   | 3        |
//! | `IgnoreOwnDisk`           | `AckRule`                     | 4        |
//! | `TruncateToHighWatermark` | `WeakIsr`                     | 5        |
//! | `AnyBrokerEpoch`          | `ValidControllerIsrAndElr`    | 7        |
//! | `CommitByRecordedSet`     | `AckRule`                     | 7        |
//! | `WipedDiskPasses`         | `LeaderCandidateCompleteness` | 8        |
//! | `NoEpochStart`            | `StrongIsr`                   | 8        |
//! | `ReportWithoutFetch`      | `AckRule`                     | 9        |
//! | `OneShotLookup`           | `EpochOffsetMatching`         | 11       |
//! | `AnyLeaderEpoch`          | `WeakIsr`                     | 12       |
//! | `ElectUnasked`            | `AckedNotLost`                | 4        |
//! | `AskTooFew`               | `AckedNotLost`                | 6        |
//! | `CompareAnybody`          | `LeaderCandidateCompleteness` | 9        |
//! | `ReportUnsynced`          | `AckRule`                     | 3        |
//! | `FollowWhilePolled`       | `AckedNotLost`                | 9        |
//!
//! Only the simulator shows the others (`compare faults --mutants`), as it does all of these: `AcknowledgePlaced`, `SkipSync`,
//! `CrashLooksClean`, `AnswerDuplicateAtOnce`, `CallUnknownRefused` and `ReadWithoutProof` are broken in the runtime or on the
//! disk; `LeaseFromArrival`, `GrantWithoutBarrier` and `DeposeAtOnce` are about clocks; `ShrinkUnheld` needs followers that
//! lag by different times; `CommitOlderEpochs` (Raft's Figure 8) needs more elections than are tried here; `CompleteAtOnce`
//! needs replicas that move; `ResumeOffice` and `ForgetRecords` need more controllers than one;
//! `ShowOldMark` is about what readers are shown.
//!
//! A library would do the walking (stateright does), and bring a web server, threads and a second `rand` for it; the walk is
//! a hundred lines (`explore/search.rs`). `ISR_LOG_EXPLORE=deep cargo test --release -p isr-log --test explore` goes further.
//! Once, in eight minutes, it came through ten of its eleven spaces, the largest of 2,354,736 states (7,382,608 steps, 16 deep),
//! and found nothing; the last one, a crash, a fence, a lag and a doubt, was not finished.

#![allow(unreachable_pub, reason = "modules of a test are not a crate's")]

#[path = "explore/action.rs"]
mod action;
#[path = "explore/bounds.rs"]
mod bounds;
#[path = "explore/controllers.rs"]
mod controllers;
#[path = "explore/invariants.rs"]
mod invariants;
#[path = "harness/log.rs"]
mod log;
#[path = "explore/node.rs"]
mod node;
#[path = "explore/search.rs"]
mod search;
#[path = "explore/sights.rs"]
mod sights;
#[path = "explore/spaces.rs"]
mod spaces;
#[path = "explore/state.rs"]
mod state;
#[path = "explore/wire.rs"]
mod wire;

use bounds::Bounds;
use isr_log::HistoricRules;
use isr_log::mutant::{Mutant, Mutated};
use search::{End, Outcome, explore};
use sights::{Sight, Sights};
use spaces::Caught;

/// Explores, and finds nothing.
fn holds(what: &str, bounds: &Bounds) -> Outcome {
    let outcome = explore(bounds);
    println!("{what}: {} states, {} steps, {} deep", outcome.states, outcome.steps, outcome.depth);
    match &outcome.end {
        End::Violated(found) => panic!("{what}:\n{found}"),
        End::TooMany => panic!("{what}: more than {} states, so nothing was shown", bounds.states_max),
        End::DepthReached => assert_eq!(outcome.depth, bounds.depth_max, "{what}"),
        End::Exhausted => {}
    }
    outcome
}

/// Explores, and finds a violation of this invariant after so many steps, and none after fewer.
fn falls(what: &str, caught: &Caught) {
    let Outcome { states, end, .. } = explore(&caught.bounds);
    let End::Violated(found) = end else { panic!("{what}: {end:?} after {states} states") };
    println!("{what}, in {} steps, after {states} states:\n{found}", found.trace.len());
    assert_eq!(found.violation.name, caught.invariant, "{what}:\n{found}");
    assert_eq!(found.trace.len(), caught.steps, "{what}:\n{found}");
}

#[test]
fn every_state_within_bounds_keeps_every_invariant() {
    let mut seen = Sights::default();
    for (what, bounds) in &spaces::TO_THE_END {
        let outcome = holds(what, bounds);
        assert!(matches!(outcome.end, End::Exhausted), "{what}: not to its end");
        seen.add(outcome.sights);
    }
    // An exploration that comes across nothing proves nothing.
    let never = Sight::AReplicaReportsALoss;
    let missed = Sight::ALL.into_iter().filter(|sight| *sight != never && !seen.has(*sight));
    assert_eq!(missed.collect::<Vec<_>>(), [], "what no space has come across");
    assert!(!seen.has(never), "committed records were cut, by the rules of today");
    if std::env::var("ISR_LOG_EXPLORE").is_ok_and(|how| how == "deep") {
        for (what, bounds) in &spaces::DEEP {
            holds(what, bounds);
        }
    }
}

#[test]
fn each_broken_rule_falls_to_an_invariant_by_its_name() {
    for mutant in Mutant::ALL {
        let Some(caught) = spaces::caught(mutant) else { continue };
        falls(&mutant.to_string(), &caught);
        // It is the broken rule that shows, and not the bounds.
        let sound = Bounds { mutated: Mutated::NOT, depth_max: caught.steps, ..caught.bounds };
        holds(&format!("without {mutant}"), &sound);
    }
    falls("ResumeEpoch, unless it is found out at once", &spaces::resumed());
}

#[test]
fn older_rules_lose_what_was_committed() {
    for (what, caught) in spaces::older() {
        falls(what, &caught);
        let today = Bounds { historic: HistoricRules::default(), depth_max: caught.steps, ..caught.bounds };
        holds(&format!("today, where once {what}"), &today);
    }
}
