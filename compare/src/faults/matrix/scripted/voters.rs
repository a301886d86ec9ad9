//! Sequences of majorities: elections that disturb, voters that forget, leaders that do not know.

use partition::log::Durability;

use super::{Sequence, between, each, in_sync, since, step, steps_of};
use crate::faults::matrix::column::Column;
use crate::faults::matrix::expected::{Answers, Availability, Happened, Losses};
use crate::faults::matrix::switch::Switch;
use crate::simulate::{Deed, Once, Step};
use crate::system::System;

const GOES_ON: Answers = Answers::Exactly(Availability::GoesOn);
const RESUMES: Answers = Answers::AtWorst(Availability::Resumes);

pub(super) fn rejoin(column: &Column) -> Option<Sequence> {
    let steps = vec![step(since(0), &["split 3"]), step(since(4000), &["join 3"]), step(since(3000), &[])];
    Some(disturbed(steps, column, "it comes back with a higher epoch, and unseats a leader that is well"))
}

/// Of five: 1, 2 and 3 hear each other; 4 hears 2 alone, and 5 hears 3 alone. Of three, 3 does not hear 1.
pub(super) fn partial_split(column: &Column) -> Option<Sequence> {
    let pairs: &[(u32, u32)] = match column.shape.replicas.get() {
        3 => &[(1, 3)],
        _ => &[(4, 1), (4, 3), (4, 5), (5, 1), (5, 2)],
    };
    let steps = vec![steps_of(since(0), &between("cut", pairs)), step(since(6000), &[])];
    if column.shape.system.is_in_sync() {
        let why =
            "appends wait until those who do not hear the leader have left the set, and go on with three";
        return Some(Sequence::of(steps, Losses::None, Happened::Shrank, why).answering(RESUMES));
    }
    Some(disturbed(
        steps,
        column,
        "whoever does not hear the leader begins epoch after epoch, and unseats one that is well",
    ))
}

/// Nobody notices, where votes are asked for before epochs begin.
fn disturbed(steps: Vec<Step>, column: &Column, why: &'static str) -> Sequence {
    match column.has(Switch::NoPreVote) {
        true => Sequence::of(steps, Losses::None, Happened::Elected, why).answering(RESUMES),
        false => {
            let why = "whoever asks for votes is told that the leader is well, and begins no epoch";
            Sequence::of(steps, Losses::None, Happened::Undisturbed, why).answering(GOES_ON)
        }
    }
}

/// With the leader go the reader of the newest, and the one that asks where the log ends.
pub(super) fn readers_with_minority(column: &Column) -> Option<Sequence> {
    let side = "1,1005,1006";
    let steps = vec![
        step(since(0), &[&format!("split {side}")]),
        step(since(4000), &[&format!("join {side}")]),
        step(since(1000), &[]),
    ];
    let (losses, why) = match column.has(Switch::ReadWithoutProof) {
        true => (Losses::Staleness, "the old leader answers with what it has, and another has gone on"),
        false => (Losses::None, "the old leader asks the others before it answers, and hears of nobody"),
    };
    Some(Sequence::of(steps, losses, Happened::Elected, why).answering(RESUMES))
}

/// A voter that forgets counts as one that never knew, so there is one copy less. Of an even number there is one to spare.
pub(super) fn amnesia(column: &Column) -> Option<Sequence> {
    let n = column.shape.replicas.get();
    let (enough, dead) = (n / 2 + 1, (n - 1) / 2);
    let isr = column.shape.system.is_in_sync();
    let mut back = vec![format!("wipe {enough}")];
    back.extend(each("kill", 1..=dead));
    back.extend(each("restart", enough + 1..=n));
    back.push(format!("restart {enough}"));
    let restarts = (n - enough + 1 + dead) as u64;
    // One that remembers what the others have given up would find the contradiction, and stop: its disk is replaced too.
    let forgets = !isr && n % 2 == 1;
    let mut last = if forgets { each("wipe", 1..=dead) } else { Vec::new() };
    last.extend(each("restart", 1..=dead));
    let enough = u32::try_from(enough).expect("a handful");
    let steps = vec![
        steps_of(since(0), &each("kill", n / 2 + 2..=n)),
        step(if isr { in_sync(1..=enough) } else { since(0) }, &[]),
        steps_of(since(1500), &back),
        steps_of(since(4000), &last),
    ];
    let (losses, why) = match (isr, n % 2) {
        (true, _) => (
            Losses::None,
            "whoever forgot is known by its new life, and nobody leads until one is back that has all",
        ),
        (false, 0) => (
            Losses::None,
            "more than half of an even number is one more than needed: one that knows has to vote",
        ),
        (false, _) => (
            Losses::Shown,
            "the one that forgot and those who never knew are a majority (never give a number again)",
        ),
    };
    Some(Sequence::of(steps, losses, Happened::Restarted(restarts), why))
}

pub(super) fn tail_forgotten(column: &Column) -> Option<Sequence> {
    let isr = column.shape.system == System::Isr;
    let steps = vec![
        step(since(0), &["split 3"]),
        step(if isr { in_sync([1, 2]) } else { since(0) }, &[]),
        step(since(1500), &["power-loss 2", "join 3", "split 1", "restart 2"]),
        // It would find that what it has committed is given up, and stop: its disk is replaced.
        match (column.shape.durability, isr) {
            (Durability::Cached, false) => step(since(4000), &["wipe 1", "join 1", "restart 1"]),
            _ => step(since(4000), &["join 1"]),
        },
    ];
    let (losses, why) = match (column.shape.durability, isr) {
        (Durability::Synced, true) => (Losses::None, "1 has all, and is waited for"),
        (Durability::Synced, false) => {
            (Losses::None, "2 has forgotten nothing, and 3 votes for nobody who has less")
        }
        (Durability::Cached, true) => (
            Losses::None,
            "who ended uncleanly is out of the set, so 1 is waited for: what is in memory suffices here",
        ),
        (Durability::Cached, false) => (
            Losses::Shown,
            "2 has forgotten what 1 and it had committed, and is a majority with 3, which never had it",
        ),
    };
    Some(Sequence::of(steps, losses, Happened::Restarted(1), why))
}

pub(super) fn leaders_killed_in_turn(_: &Column) -> Option<Sequence> {
    const TIMES: u64 = 5;
    let once = || {
        [
            Step { once: Once::Led, then: vec![Deed::KillLeader] },
            Step { once: since(300), then: vec![Deed::StartAgain] },
            step(since(700), &[]),
        ]
    };
    let steps = (0..TIMES).flat_map(|_| once()).collect();
    let why = "another leads each time, and the one that was killed follows";
    let happened = Happened::Elections(TIMES + 1);
    Some(Sequence::of(steps, Losses::None, happened, why).answering(RESUMES))
}

pub(super) fn leader_bounced(_: &Column) -> Option<Sequence> {
    let steps = vec![step(since(0), &["kill 1", "restart 1"])];
    let why = "its epoch has ended with its process: it leads again in a new one, or follows";
    Some(Sequence::of(steps, Losses::None, Happened::Elected, why).answering(RESUMES))
}
