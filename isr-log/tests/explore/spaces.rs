//! Which bounds are explored: the sound rules in each direction as far as seconds allow, and each mutant where it shows.

use isr_log::HistoricRules;
use isr_log::metadata::CommitRule;
use isr_log::mutant::{Mutant, Mutated};
use isr_log::rules::{MinimumRule, SuccessorRule, TruncationRule, UncleanElection};
use partition::simulation;

use crate::bounds::{Bounds, Budget, Marks, Replies, Start, Syncs};

/// Nothing may happen but what costs nothing.
const NONE: Budget = Budget {
    appends: 0,
    crashes: 0,
    torn: 0,
    wipes: 0,
    stops: 0,
    fences: 0,
    breaks: 0,
    lags: 0,
    doubts: 0,
    handovers: 0,
};
/// One record, and nothing goes wrong.
const ONE: Budget = Budget { appends: 1, ..NONE };

/// All in sync, two must be; disks that take their time, replies that do not.
const PLAIN: Bounds = Bounds {
    min_isr: 2,
    commit: CommitRule::AllInSync,
    historic: HistoricRules {
        lag: isr_log::rules::LagRule::CaughtUp,
        minimum: MinimumRule::Strict,
        truncation: TruncationRule::ByEpoch,
        successor: SuccessorRule::Eligible,
        unclean: UncleanElection::Never,
    },
    mutated: Mutated::NOT,
    start: Start::AllInSync,
    syncs: Syncs::Late,
    marks: Marks::Newest,
    replies: Replies::AtOnce,
    depth_max: usize::MAX,
    budget: NONE,
    unchecked: &[],
    states_max: 500_000,
};
const AT_ONCE: Bounds = Bounds { syncs: Syncs::AtOnce, ..PLAIN };
const OUTSIDE: Bounds = Bounds { start: Start::ThirdOutside, ..AT_ONCE };
/// Any two of three commit.
const ENOUGH: Bounds = Bounds { commit: CommitRule::EnoughInSync, ..AT_ONCE };
const PAIR: Bounds = Bounds { start: Start::ThirdGone, ..AT_ONCE };

/// Two end uncleanly, and one of them loses what it had stored.
const COMPARED: Bounds = Bounds { budget: Budget { torn: 1, crashes: 1, ..ONE }, ..PAIR };

/// What is explored to its end in each run of the tests. One thing goes wrong in the first ones, at any moment; where more
/// does, disks store at once, or only two replicas are left.
pub const TO_THE_END: [(&str, Bounds); 13] = [
    (
        "a fence, and marks of any age",
        Bounds { min_isr: 1, marks: Marks::AnyAge, budget: Budget { fences: 1, ..ONE }, ..AT_ONCE },
    ),
    ("a crash", Bounds { budget: Budget { crashes: 1, ..ONE }, ..PLAIN }),
    ("a fence, where any two commit", Bounds { budget: Budget { fences: 1, ..ONE }, ..ENOUGH }),
    ("two broken connections", Bounds { budget: Budget { breaks: 2, ..ONE }, ..PLAIN }),
    ("an end in order", Bounds { budget: Budget { stops: 1, ..ONE }, ..AT_ONCE }),
    ("a wiped disk", Bounds { min_isr: 1, budget: Budget { crashes: 1, wipes: 1, ..ONE }, ..AT_ONCE }),
    (
        "a lag and a doubt, all in sync",
        Bounds { min_isr: 1, budget: Budget { lags: 1, doubts: 1, ..ONE }, ..AT_ONCE },
    ),
    ("a lag and a doubt, one outside", Bounds { budget: Budget { lags: 1, doubts: 1, ..ONE }, ..OUTSIDE }),
    (
        "two records and two fences among two",
        Bounds { budget: Budget { appends: 2, fences: 2, ..NONE }, ..PAIR },
    ),
    ("a torn disk and a fence among two", Bounds { budget: Budget { torn: 1, fences: 1, ..ONE }, ..PAIR }),
    // Logs are compared, of which one has lost what was committed.
    ("a torn disk and a crash among two", COMPARED),
    (
        "a wiped disk and a fence among two",
        Bounds { min_isr: 1, budget: Budget { crashes: 1, wipes: 1, fences: 1, ..ONE }, ..PAIR },
    ),
    (
        "a leadership that is handed over",
        Bounds { budget: Budget { fences: 1, handovers: 1, ..ONE }, syncs: Syncs::Late, ..PAIR },
    ),
];

/// What is explored beside that when `ISR_LOG_EXPLORE=deep`: in an optimised build, for minutes.
pub const DEEP: [(&str, Bounds); 11] = [
    (
        "a fence, and late disks",
        Bounds { min_isr: 1, marks: Marks::AnyAge, budget: Budget { fences: 1, ..ONE }, ..PLAIN },
    ),
    (
        "a fence, and late replies",
        Bounds { replies: Replies::Late, budget: Budget { fences: 1, ..ONE }, ..AT_ONCE },
    ),
    ("a crash, where any two commit", Bounds { budget: Budget { crashes: 1, ..ONE }, ..ENOUGH }),
    (
        "a lag and a doubt, where any two commit",
        Bounds { budget: Budget { lags: 1, doubts: 1, ..ONE }, ..ENOUGH },
    ),
    (
        "two records and a fence",
        Bounds { budget: Budget { appends: 2, fences: 1, ..NONE }, states_max: 20_000_000, ..AT_ONCE },
    ),
    (
        "a lag and a doubt, late disks",
        Bounds { min_isr: 1, budget: Budget { lags: 1, doubts: 1, ..ONE }, states_max: 20_000_000, ..PLAIN },
    ),
    (
        "a torn disk, one outside",
        Bounds { budget: Budget { torn: 1, ..ONE }, states_max: 20_000_000, ..OUTSIDE },
    ),
    (
        "two fences and a crash among two",
        Bounds {
            min_isr: 1,
            budget: Budget { crashes: 1, fences: 2, ..ONE },
            states_max: 20_000_000,
            ..PAIR
        },
    ),
    (
        "two crashes and an end in order among two, and marks of any age",
        Bounds {
            min_isr: 1,
            marks: Marks::AnyAge,
            budget: Budget { crashes: 2, stops: 1, ..ONE },
            depth_max: 20,
            states_max: 20_000_000,
            ..PAIR
        },
    ),
    (
        "two records and two fences, one outside, 16 steps",
        Bounds {
            budget: Budget { appends: 2, fences: 2, ..NONE },
            depth_max: 16,
            states_max: 20_000_000,
            ..OUTSIDE
        },
    ),
    (
        "a crash, a fence, a lag and a doubt, 13 steps",
        Bounds {
            budget: Budget { crashes: 1, fences: 1, lags: 1, doubts: 1, ..ONE },
            depth_max: 13,
            states_max: 20_000_000,
            ..PLAIN
        },
    ),
];

/// Where a broken rule shows, by which invariant, and after how many steps at most.
pub struct Caught {
    pub bounds: Bounds,
    pub invariant: &'static str,
    pub steps: usize,
}

/// Where this mutant falls; `None` where only the simulator shows it (the front page says why).
pub fn caught(mutant: Mutant) -> Option<Caught> {
    let (bounds, budget, invariant, steps) = match mutant {
        Mutant::TruncateToHighWatermark => (AT_ONCE, Budget { fences: 1, ..ONE }, "WeakIsr", 5),
        Mutant::OneShotLookup => (PAIR, Budget { appends: 3, fences: 2, ..NONE }, "EpochOffsetMatching", 11),
        Mutant::NoEpochStart => (OUTSIDE, Budget { fences: 1, breaks: 1, ..ONE }, "StrongIsr", 8),
        Mutant::CommitByRecordedSet => (OUTSIDE, Budget { appends: 2, ..NONE }, "AckRule", 7),
        Mutant::AnyBrokerEpoch => (OUTSIDE, Budget { crashes: 1, ..ONE }, "ValidControllerIsrAndElr", 7),
        Mutant::AnyLeaderEpoch => (OUTSIDE, Budget { fences: 2, ..ONE }, "WeakIsr", 12),
        Mutant::ReportWithoutFetch => {
            let bounds = Bounds { min_isr: 1, syncs: Syncs::Late, ..PAIR };
            (bounds, Budget { appends: 2, fences: 1, ..NONE }, "AckRule", 9)
        }
        Mutant::ElectAnybody => (AT_ONCE, Budget { fences: 1, ..ONE }, "LeaderInIsr", 3),
        Mutant::CommitWhileShort => (PAIR, Budget { fences: 1, ..ONE }, "StrictMinIsr", 3),
        Mutant::ResumeEpoch => (PLAIN, Budget { crashes: 1, ..ONE }, "UncleanExclusion", 2),
        Mutant::WipedDiskPasses => {
            let bounds = Bounds { min_isr: 1, ..PAIR };
            (bounds, Budget { crashes: 1, wipes: 1, fences: 1, ..ONE }, "LeaderCandidateCompleteness", 8)
        }
        Mutant::IgnoreOwnDisk => (Bounds { syncs: Syncs::Late, ..PAIR }, ONE, "AckRule", 4),
        Mutant::FenceWithoutElection => (AT_ONCE, Budget { fences: 1, ..ONE }, "ValidControllerIsrAndElr", 1),
        Mutant::ForgetProposal => (OUTSIDE, ONE, "ReplicationQuorumSuperset", 3),
        Mutant::ElectUnasked => (ENOUGH, Budget { fences: 1, ..ONE }, "AckedNotLost", 4),
        Mutant::AskTooFew => (ENOUGH, Budget { fences: 1, ..ONE }, "AckedNotLost", 6),
        Mutant::CompareAnybody => (COMPARED, COMPARED.budget, "LeaderCandidateCompleteness", 9),
        Mutant::ReportUnsynced => (Bounds { syncs: Syncs::Late, ..PAIR }, ONE, "AckRule", 3),
        Mutant::FollowWhilePolled => (ENOUGH, Budget { fences: 1, ..ONE }, "AckedNotLost", 9),
        Mutant::AcknowledgePlaced
        | Mutant::SkipSync
        | Mutant::CrashLooksClean
        | Mutant::AnswerDuplicateAtOnce
        | Mutant::CallUnknownRefused
        | Mutant::ReadWithoutProof
        | Mutant::ShrinkUnheld
        | Mutant::CommitOlderEpochs
        | Mutant::LeaseFromArrival
        | Mutant::GrantWithoutBarrier
        | Mutant::DeposeAtOnce
        | Mutant::CompleteAtOnce
        | Mutant::ResumeOffice
        | Mutant::ForgetRecords
        | Mutant::ShowOldMark => return None,
    };
    let bounds = Bounds { budget, mutated: broken(mutant), ..bounds };
    Some(Caught { bounds, invariant, steps })
}

/// What a resumed epoch does beyond the first thing that gives it away (H-01).
pub fn resumed() -> Caught {
    let found = caught(Mutant::ResumeEpoch).expect("it is explored");
    let bounds = Bounds { unchecked: &["UncleanExclusion"], ..found.bounds };
    Caught { bounds, invariant: "ElectionSafety", steps: 3 }
}

/// Older rules, each where it is known to lose what was committed; none of them is needed for that by the rules of today.
pub fn older() -> Vec<(&'static str, Caught)> {
    let torn = Budget { torn: 1, fences: 1, ..ONE };
    let historic = PLAIN.historic;
    let by = |historic: HistoricRules, bounds: Bounds, budget: Budget| Bounds { historic, budget, ..bounds };
    let last_member = HistoricRules { successor: SuccessorRule::LastMember, ..historic };
    let loose = HistoricRules { minimum: MinimumRule::Loose, ..historic };
    let unclean = HistoricRules { unclean: UncleanElection::Allowed, ..historic };
    let by_mark = HistoricRules { truncation: TruncationRule::ByHighWatermark, ..historic };
    let once = HistoricRules { truncation: TruncationRule::ByEpochOnce, ..historic };
    let lost = |bounds, invariant, steps| Caught { bounds, invariant, steps };
    let fences = |appends| Budget { appends, fences: 2, ..NONE };
    vec![
        (
            "the last member leads, however it ended (S-10)",
            lost(by(last_member, PAIR, torn), "LeaderCandidateCompleteness", 5),
        ),
        (
            "the minimum is loose, and so nobody stays eligible beside the set",
            lost(by(loose, PAIR, torn), "LeaderCandidateCompleteness", 5),
        ),
        (
            "whoever is alive leads",
            lost(by(unclean, Bounds { min_isr: 1, ..OUTSIDE }, fences(1)), "StrongIsr", 4),
        ),
        (
            "followers cut at their high watermark (S-01)",
            lost(by(by_mark, AT_ONCE, Budget { fences: 1, ..ONE }), "WeakIsr", 5),
        ),
        ("followers ask once (S-03)", lost(by(once, PAIR, fences(3)), "EpochOffsetMatching", 11)),
    ]
}

fn broken(mutant: Mutant) -> Mutated {
    simulation::run(0, async |simulation| Mutated::by(mutant, &simulation))
}
