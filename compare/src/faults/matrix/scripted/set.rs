//! Sequences of the in-sync set: who counts for a commit, and what clients are told of it (S-06, S-07, S-15, S-21, S-22).

use partition::ids::{ByteSize, NodeId};

use super::{Sequence, Under, in_sync, since, step, steps_of};
use crate::faults::matrix::column::Column;
use crate::faults::matrix::expected::{Answers, Availability, Happened, Losses};
use crate::faults::matrix::switch::Switch;
use crate::faults::matrix::trial::CONTROLLERS;
use crate::simulate::{Leasing, Once};

pub(super) fn growth_by_an_old_mark(column: &Column) -> Option<Sequence> {
    let steps = vec![
        // Little is committed meanwhile, for a fetch brings one batch; so 3 misses little.
        step(since(0), &["delay 1>2 100ms", "split 3"]),
        step(in_sync([1, 2]), &["join 3", "cut 1>3", "delay 2>3 100ms"]),
        step(since(500), &[]),
        // 2 has a batch more than it knows to be committed.
        step(Once::Unaware(NodeId(2)), &["power-loss 1"]),
        // 3 fetches batch by batch, and its leader is gone as soon as it counts.
        step(Once::Leads(NodeId(2)), &[]),
        step(in_sync([2, 3]), &["cut 2>3", "power-loss 2"]),
        step(Once::Leads(NodeId(3)), &[]),
        step(
            since(500),
            &["heal 2>3", "heal 1>3", "delay 2>3 0ms", "delay 1>2 0ms", "restart 2", "restart 1"],
        ),
    ];
    let (losses, why) = match column.has(Switch::JoinAtHighWatermark) {
        true => (Losses::Shown, "3 has what 2 knew to be committed, and not all that was; and it leads"),
        false => (Losses::None, "3 counts when it has all that 2 had when its epoch began"),
    };
    let sequence = Sequence::of(steps, losses, Happened::Restarted(2), why);
    Some(Sequence { under: Under { fetch_bytes: ByteSize(1), ..Under::USUAL }, ..sequence })
}

pub(super) fn growth_unheard(column: &Column) -> Option<Sequence> {
    let delay = |by: &str| CONTROLLERS.map(|from| format!("delay {from}>1 {by}")).collect::<Vec<_>>();
    let mut late = delay("400ms");
    late.push("restart 3".to_owned());
    let mut again = delay("0ms");
    again.extend(["heal 1>3", "restart 1", "restart 2"].map(str::to_owned));
    let steps = vec![
        step(since(0), &["kill 3"]),
        step(in_sync([1, 2]), &[]),
        // What the controllers say to the leader comes late from now on.
        steps_of(since(300), &late),
        step(Once::Proposes(NodeId(3)), &["cut 1>3"]),
        step(since(300), &["power-loss 1", "power-loss 2"]),
        step(Once::Leads(NodeId(3)), &[]),
        steps_of(since(500), &again),
    ];
    let (losses, why) = match column.has(Switch::CommitByRecordedSet) {
        true => (
            Losses::Shown,
            "1 commits with 2 alone while the set on record has 3 in it, which lacks that and leads",
        ),
        false => (Losses::None, "1 commits what 3 has too, as soon as it has asked that 3 be in the set"),
    };
    Some(Sequence::of(steps, losses, Happened::Restarted(3), why))
}

pub(super) fn leader_unaware(column: &Column) -> Option<Sequence> {
    let steps = vec![
        step(since(0), &["delay 1>2 40ms"]),
        step(since(500), &[]),
        step(Once::Unaware(NodeId(2)), &["power-loss 1", "delay 3>2 400ms"]),
        step(Once::Leads(NodeId(2)), &[]),
        step(since(2000), &["delay 3>2 0ms", "delay 1>2 0ms", "restart 1"]),
    ];
    let (losses, why) = match column.has(Switch::ShowOldMark) {
        true => {
            (Losses::Staleness, "it answers with what it had heard of, which is less than was told before")
        }
        false => (Losses::None, "it answers nobody before it has committed up to where its epoch begins"),
    };
    let sequence = Sequence::of(steps, losses, Happened::Elected, why);
    // Who has a lease needs to ask nobody, and so answers at once.
    Some(Sequence { under: Under { leasing: Leasing::Long, ..Under::USUAL }, ..sequence })
}

pub(super) fn too_few_after_append(_: &Column) -> Option<Sequence> {
    let steps = vec![
        step(since(0), &["kill 2", "kill 3"]),
        step(in_sync([1]), &[]),
        step(since(500), &["restart 2", "restart 3"]),
    ];
    let why = "what was appended is in doubt, and may be committed later: it is";
    Some(Sequence::of(steps, Losses::None, Happened::Doubted, why))
}

/// That replies were lost shows in the column whose producers make duplicates of it: both have the same faults.
pub(super) fn answers_lost(column: &Column) -> Option<Sequence> {
    const ROUNDS: u64 = 8;
    let lost = ["lose-reply 1001>1", "lose-reply 1002>1", "lose-reply 1003>1"];
    let steps = (0..ROUNDS).map(|_| step(since(250), &lost)).collect();
    let (losses, why) = match column.has(Switch::PlainProducers) {
        true => (Losses::Duplicates, "nothing tells the log that it has had this batch before"),
        false => (Losses::None, "the log knows a batch again by its producer's number and its own"),
    };
    let sequence = Sequence::of(steps, losses, Happened::Committed, why);
    Some(sequence.answering(Answers::AtWorst(Availability::Resumes)))
}
