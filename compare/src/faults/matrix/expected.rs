//! What a cell is expected to show, and why: written down before it is measured, and the run fails where it differs.

use std::fmt;
use std::time::Duration;

use partition::fault::Felt;
use partition::log::Durability;
use partition::partition::Acks;
use serde::{Deserialize, Serialize};

use super::column::Column;
use super::ground::Ground;
use super::row::Row;
use super::scripted;
use super::switch::Switch;
use crate::simulate::Met;
use crate::system::System;

/// Whether appends are acknowledged while a fault lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Availability {
    /// All the time: no silence as long as any timeout.
    GoesOn,
    /// After a silence, while the fault goes on.
    Resumes,
    /// Only when the fault has ended.
    Stops,
}

impl Availability {
    /// What a longest silence amounts to.
    #[must_use]
    pub fn of(silence: Duration, ground: Ground) -> Self {
        match silence {
            short if short <= ground.unnoticed() => Self::GoesOn,
            some if some <= ground.by_itself() => Self::Resumes,
            _ => Self::Stops,
        }
    }
}

impl fmt::Display for Availability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::GoesOn => "goes on",
            Self::Resumes => "resumes",
            Self::Stops => "stops",
        })
    }
}

/// What each of a cell's trials shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answers {
    /// This.
    Exactly(Availability),
    /// This or better: what is hit is hit by chance.
    AtWorst(Availability),
}

/// What may be missing at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Losses {
    /// Nothing that was acknowledged.
    None,
    /// Something that was acknowledged below committed, if chance has it; nothing else is wrong.
    Unpromised,
    /// Something, if chance has it: an older rule, or a disk without syncs, does not promise more. Nothing is there twice or was
    /// never sent, and logs become one all the same.
    Possible,
    /// Something, in one trial at least: a control, which proves that a loss would be seen.
    Shown,
    /// Nothing is lost, and something is there twice: a control.
    Duplicates,
    /// Replicas hold different records at one offset, for ever: a control. What is lost besides is not looked at.
    Divergence,
    /// Nothing is lost, and readers are told of less than was committed before: a control.
    Staleness,
}

impl Losses {
    /// Whether it has to show that something is wrong: where it does not, nothing that is not seen elsewhere is proved.
    #[must_use]
    pub fn is_control(self) -> bool {
        !matches!(self, Self::None | Self::Unpromised | Self::Possible)
    }
}

/// What has to be seen in the cluster for a row to prove anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happened {
    /// A fault that leaves no trace of its own; silences tell of it.
    Committed,
    /// A fault of the network or of a disk stood in somebody's way.
    Felt,
    /// The same, and nobody left the in-sync set for it.
    Borne,
    /// A disk failed, and a replica was started again.
    Failed,
    /// Another leader was elected.
    Elected,
    /// So many times one was, the first time counted.
    Elections(u64),
    /// Nobody but the first leader was ever elected.
    Undisturbed,
    /// A member left the in-sync set.
    Shrank,
    /// So many replicas were started again.
    Restarted(u64),
    /// Who replicates was changed.
    Moved,
    /// A client was left in doubt of what was there all the same.
    Doubted,
    /// A read of damaged bytes was refused.
    DamageRefused,
}

impl Happened {
    /// Whether it was.
    pub(super) fn is_seen(self, met: &Met) -> bool {
        match self {
            Self::Committed => true,
            Self::Felt => met.felt > Felt::default(),
            Self::Borne => Self::Felt.is_seen(met) && met.shrinks == 0,
            Self::Failed => Self::Felt.is_seen(met) && Self::Restarted(1).is_seen(met),
            Self::Elected => met.elections > 1,
            Self::Elections(count) => met.elections >= count,
            Self::Undisturbed => met.elections <= 1,
            Self::Doubted => met.doubted > 0,
            Self::DamageRefused => met.damage_refused > 0,
            Self::Shrank => met.shrinks > 0,
            Self::Restarted(count) => met.restarts >= count,
            Self::Moved => met.moves > 0,
        }
    }
}

/// What a cell is expected to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Whether appends are acknowledged meanwhile.
    pub answers: Answers,
    /// What may be lost.
    pub losses: Losses,
    /// What has to be seen.
    pub happened: Happened,
    /// Why.
    pub why: &'static str,
}

/// Who serves nothing while a fault lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Gone {
    leader: Leader,
    followers: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leader {
    Serves,
    Gone,
}

const NOBODY: Gone = Gone { leader: Leader::Serves, followers: 0 };
const THE_LEADER: Gone = Gone { leader: Leader::Gone, followers: 0 };
const A_FOLLOWER: Gone = Gone { leader: Leader::Serves, followers: 1 };

/// What this row is expected to show in this column; none of a sequence that makes no sense there.
pub(super) fn expected(row: Row, column: &Column) -> Option<Expected> {
    let plain = match scripted::is_sequence(row) {
        true => scripted::sequence(row, column)?.expected,
        false => Expected { losses: losses(row, column), ..answers(row, column) },
    };
    // Who asks for no answer does not notice that nobody is there, until its connection tells.
    let answers = match (column.acks, plain.answers) {
        (Acks::Nobody, Answers::Exactly(worst)) => Answers::AtWorst(worst),
        (_, answers) => answers,
    };
    Some(Expected { answers, ..plain })
}

/// Whether appends are acknowledged, and what has to be seen.
fn answers(row: Row, column: &Column) -> Expected {
    let shape = column.shape;
    let survives = shape.survives().dead_replicas;
    let n = shape.replicas.get();
    match row {
        Row::Nothing => of(column, NOBODY, Happened::Committed),
        Row::SyncErrorLeader => of(column, THE_LEADER, Happened::Failed),
        Row::SyncErrorFollower => of(column, A_FOLLOWER, Happened::Failed),
        Row::LeaderKilled | Row::LeaderKilledUnreplicated | Row::LeaderLosesPower | Row::LeaderWiped => {
            replaced(of(column, THE_LEADER, Happened::Restarted(1)))
        }
        Row::FollowerKilled | Row::FollowerWiped => of(column, A_FOLLOWER, Happened::Restarted(1)),
        Row::LeaderStopped | Row::FollowerStopped | Row::RollingRestart => {
            let gone = if row == Row::FollowerStopped { A_FOLLOWER } else { THE_LEADER };
            let hard = of(column, gone, Happened::Restarted(1));
            match (row, hard.answers) {
                // Each is away for a second.
                (Row::RollingRestart, Answers::Exactly(Availability::Stops)) => {
                    Expected { answers: Answers::Exactly(Availability::Resumes), ..hard }
                }
                (_, Answers::Exactly(Availability::Stops)) => hard,
                _ => Expected {
                    answers: Answers::Exactly(Availability::GoesOn),
                    why: "who stops in order hands over, and leaves the set, before it goes",
                    ..hard
                },
            }
        }
        Row::ControllerKilled | Row::ControllersLost => Expected {
            why: "nothing changes that controllers would have to decide",
            ..of(column, NOBODY, Happened::Committed)
        },
        Row::ControllersLostThenFollower => match (shape.system, column.acks) {
            (System::Isr, Acks::Committed) => Expected {
                answers: Answers::Exactly(Availability::Stops),
                losses: Losses::None,
                happened: Happened::Restarted(1),
                why: "nobody can take the dead follower out of the set",
            },
            _ => of(column, A_FOLLOWER, Happened::Restarted(1)),
        },
        Row::FKilled => {
            let gone = Gone { leader: Leader::Gone, followers: survives.saturating_sub(1) };
            of(column, gone, Happened::Restarted(survives as u64))
        }
        Row::OneMoreKilled => {
            let gone = Gone { leader: Leader::Gone, followers: survives };
            of(column, gone, Happened::Restarted(survives as u64 + 1))
        }
        Row::AllKilled | Row::AllLosePower | Row::AllLosePowerMidway => {
            let gone = Gone { leader: Leader::Gone, followers: n - 1 };
            of(column, gone, Happened::Restarted(n as u64))
        }
        Row::LeaderPausedBriefly => {
            Expected { why: "shorter than any timeout", ..of(column, NOBODY, Happened::Committed) }
        }
        Row::LeaderPausedASecond => Expected {
            answers: Answers::Exactly(Availability::Resumes),
            losses: Losses::None,
            happened: Happened::Committed,
            why: "either it comes back, or another leads",
        },
        Row::Burst => of(column, NOBODY, Happened::Committed),
        Row::LeaderPaused => replaced(of(column, THE_LEADER, Happened::Committed)),
        Row::FollowerPaused => of(column, A_FOLLOWER, Happened::Committed),
        Row::LeaderCutOff | Row::LeaderDeaf | Row::LeaderMute => of(column, THE_LEADER, Happened::Felt),
        Row::FollowerCutOff | Row::FetchPathCut => of(column, A_FOLLOWER, Happened::Felt),
        Row::LinkFlaps | Row::LossyLink | Row::ClockAheadLeader => Expected {
            answers: Answers::AtWorst(Availability::Resumes),
            losses: Losses::None,
            happened: if row == Row::ClockAheadLeader { Happened::Committed } else { Happened::Felt },
            why: "chance decides what is under way when it happens",
        },
        Row::SlowLink | Row::SlowDiskLeader | Row::SlowDiskFollower | Row::SlowClockLeader => {
            let happened = match row {
                Row::SlowClockLeader => Happened::Committed,
                // Behind by more messages than it may be, though never by much time.
                _ if column.has(Switch::LagByMessages) => Happened::Felt,
                _ => Happened::Borne,
            };
            Expected { why: "slow is not silent: only latency grows", ..of(column, NOBODY, happened) }
        }
        // It answers for itself, and does not know that another leads.
        Row::LeaderCutFromControllers | Row::ClientWithMinority
            if column.acks == Acks::Leader && shape.system == System::Isr =>
        {
            Expected {
                answers: Answers::Exactly(Availability::GoesOn),
                losses: Losses::Possible,
                happened: Happened::Elected,
                why: "a deposed leader answers for itself, and what it takes is lost",
            }
        }
        Row::LeaderCutFromControllers => {
            let deposed = of(column, THE_LEADER, Happened::Elected);
            match deposed.answers {
                // It goes on until its followers have heard of the other: then clients have to find that one, and no more.
                Answers::Exactly(Availability::Resumes) => Expected {
                    answers: Answers::AtWorst(Availability::Resumes),
                    why: "the controllers take it for dead, and elect another",
                    ..deposed
                },
                _ => deposed,
            }
        }
        Row::FollowerCutFromControllers => match (shape.system, survives) {
            // The controllers take it out of the set, though it has everything.
            (System::Isr, 1..) => Expected {
                answers: Answers::Exactly(Availability::GoesOn),
                losses: Losses::None,
                happened: Happened::Shrank,
                why: "the controllers take it out of the set, and the rest is enough",
            },
            // By k of the set a fenced member stays in it until the leader asks: what is committed may be on it alone.
            (System::KOfIsr, _) => of(column, NOBODY, Happened::Committed),
            _ => of(column, A_FOLLOWER, Happened::Shrank),
        },
        Row::ClientWithMinority => of(column, THE_LEADER, Happened::Felt),
        Row::LastInSyncKilled => last_in_sync_killed(column),
        Row::LeadersLosePowerInTurn => Expected {
            answers: Answers::Exactly(Availability::Resumes),
            losses: Losses::None,
            happened: Happened::Restarted(n as u64 + 1),
            why: "each is away for less than a second",
        },
        Row::FullDiskLeader => Expected {
            answers: Answers::Exactly(Availability::Stops),
            losses: Losses::None,
            happened: Happened::Felt,
            why: "a leader without room refuses, and leads on: it can still serve reads",
        },
        Row::FullDiskFollower => {
            // What was made ready for it before has room for a moment.
            let full = of(column, A_FOLLOWER, Happened::Felt);
            match full.answers {
                Answers::Exactly(Availability::Stops) => {
                    Expected { answers: Answers::AtWorst(Availability::Stops), ..full }
                }
                _ => full,
            }
        }
        _ => unreachable!("{row} is a sequence, which has an expectation of its own"),
    }
}

/// The same, where the trial proves nothing unless another leader was elected.
fn replaced(expected: Expected) -> Expected {
    match expected.answers {
        Answers::Exactly(Availability::Resumes) => Expected { happened: Happened::Elected, ..expected },
        _ => expected,
    }
}

/// What is acknowledged while these are gone: `survives` of the model, and who has to notice first.
fn of(column: &Column, gone: Gone, happened: Happened) -> Expected {
    let shape = column.shape;
    let n = shape.replicas.get();
    let dead = gone.followers + usize::from(gone.leader == Leader::Gone);
    let in_sync = shape.system.is_in_sync();
    let few = match (column.acks, shape.system) {
        // Who leads answers for itself; any member of the set may lead.
        (Acks::Nobody | Acks::Leader, System::Isr | System::KOfIsr) => dead == n,
        // A leader that is alive needs no election.
        (_, System::KOfIsr) if gone.leader == Leader::Serves => n - dead < shape.min_isr.get(),
        _ => dead > shape.survives().dead_replicas,
    };
    let (answers, why) = match (few, gone.leader, dead) {
        (_, _, 0) => (Availability::GoesOn, "nobody is missing"),
        (true, ..) => (Availability::Stops, "fewer are left than an acknowledgement needs"),
        (_, Leader::Gone, _) => {
            (Availability::Resumes, "another leader is elected when the old one is missed")
        }
        _ if shape.system == System::Isr && column.acks == Acks::Committed => {
            (Availability::Resumes, "appends wait until whoever is silent has left the in-sync set")
        }
        _ if in_sync => (Availability::GoesOn, "enough are left, and nobody waits for the rest"),
        _ => (Availability::GoesOn, "a majority is left, and nobody waits for the rest"),
    };
    let by_messages = answers == Availability::Resumes
        && gone.leader == Leader::Serves
        && column.has(Switch::LagByMessages);
    let (answers, why) = match by_messages {
        true => {
            let why = "whoever is silent leaves the set when so many records have come: soon, under load";
            (Answers::AtWorst(answers), why)
        }
        false => (Answers::Exactly(answers), why),
    };
    Expected { answers, losses: Losses::None, happened, why }
}

/// The followers are cut off, then the leader dies, which may be the only one that has what it acknowledged meanwhile.
fn last_in_sync_killed(column: &Column) -> Expected {
    let shape = column.shape;
    let (answers, why) = match shape.system {
        System::Quorum if shape.survives().dead_replicas == 0 => {
            (Availability::Stops, "fewer are left than an election needs")
        }
        System::Quorum => (Availability::Resumes, "the others elect a leader as soon as they miss theirs"),
        _ if column.has(Switch::UncleanElection) => {
            (Availability::Resumes, "whoever is alive leads, with what it has")
        }
        _ if shape.min_isr.get() == 1 => {
            (Availability::Stops, "the set was the leader alone: nobody else may lead")
        }
        _ if shape.replicas.get() == shape.min_isr.get() => {
            (Availability::Stops, "fewer are left than must be in sync")
        }
        _ if column.has(Switch::LastMember) => {
            (Availability::Stops, "only the last member of the set may lead, and it is dead")
        }
        _ => (Availability::Resumes, "who left the set while it was short has all, and may lead (KIP-966)"),
    };
    let happened = if shape.system.is_in_sync() { Happened::Shrank } else { Happened::Restarted(1) };
    Expected { answers: Answers::Exactly(answers), losses: Losses::None, happened, why }
}

/// What may be lost: nothing that was acknowledged as committed, unless a setting gives that up.
fn losses(row: Row, column: &Column) -> Losses {
    let shape = column.shape;
    if column.acks != Acks::Committed {
        return match row {
            Row::Nothing | Row::Burst => Losses::None,
            // What nobody but the leader had was acknowledged, and another leads.
            Row::LeaderKilledUnreplicated if column.acks == Acks::Leader => Losses::Shown,
            _ => Losses::Unpromised,
        };
    }
    let cached = shape.durability == Durability::Cached;
    match row {
        Row::AllLosePower | Row::AllLosePowerMidway if cached => Losses::Shown,
        // All others in sync have what one loses.
        Row::LeaderLosesPower if cached && shape.system == System::Isr => Losses::None,
        Row::LeadersLosePowerInTurn | Row::LeaderLosesPower if cached => Losses::Possible,
        Row::LastInSyncKilled if column.has(Switch::UncleanElection) => Losses::Shown,
        Row::Nothing | Row::Burst => Losses::None,
        _ if column.has(Switch::TruncateByHighWatermark) => Losses::Possible,
        _ => Losses::None,
    }
}
