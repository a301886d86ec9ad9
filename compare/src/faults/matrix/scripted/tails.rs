//! Sequences of logs that part: which tail is cut, and which is kept (S-01 to S-03).

use partition::ids::NodeId;
use partition::log::Durability;

use super::{Sequence, Under, between, in_sync, since, step, steps_of};
use crate::faults::matrix::column::Column;
use crate::faults::matrix::expected::{Happened, Losses};
use crate::faults::matrix::switch::Switch;
use crate::simulate::Once;

/// Batches of one record: a replica whose log has parted would be sent the middle of a longer one, and stops when it is.
const ONE_BY_ONE: Under = Under { records_max: 1, ..Under::USUAL };

pub(super) fn bounce_and_power_cut(column: &Column) -> Option<Sequence> {
    let other = NodeId(2);
    let steps = vec![
        step(since(0), &["kill 3"]),
        step(in_sync([1, 2]), &["delay 1>2 300ms"]),
        step(since(1000), &[]),
        // 2 comes back with what it has on disk, and has not heard that all of it is committed.
        step(Once::Unaware(other), &["cut 1>2", "stop 2", "heal 1>2", "delay 2>1 200ms", "restart 2"]),
        step(Once::Follows(other), &["power-loss 1"]),
        step(Once::Leads(other), &["delay 2>1 0ms", "delay 1>2 0ms", "restart 1", "restart 3"]),
    ];
    let (losses, why) = match column.has(Switch::TruncateByHighWatermark) {
        true => (
            Losses::Shown,
            "it has cut what it did not know to be committed, and is elected before it has fetched it again",
        ),
        false => (Losses::None, "it cuts nothing that its leader has, and leads with all of it"),
    };
    Some(Sequence::of(steps, losses, Happened::Restarted(3), why))
}

/// Two verdicts: what was never synced is lost under either rule; whether logs become one again is a matter of the rule.
pub(super) fn power_cut_of_both(column: &Column) -> Option<Sequence> {
    let steps = vec![
        // Nobody appends for a while, so that what 1 knows to be committed is on its disk too.
        step(since(0), &["split 1001,1002,1003"]),
        // 1 keeps all that it has written. 2 is elected before it is missed itself, and comes back with less.
        step(since(1500), &["kill 1"]),
        step(since(600), &["power-loss 2"]),
        step(since(1600), &["join 1001,1002,1003", "restart 2"]),
        // By the time that 1 is back it has written more than 1 has.
        step(Once::Leads(NodeId(2)), &[]),
        step(since(3000), &["restart 1"]),
        step(Once::Follows(NodeId(1)), &[]),
    ];
    let by_mark = column.has(Switch::TruncateByHighWatermark);
    let (losses, why) = match column.shape.durability {
        Durability::Cached if by_mark => (
            Losses::Divergence,
            "1 has nothing above its high watermark to cut, and goes on behind a record that 2 has not",
        ),
        Durability::Cached => (
            Losses::Shown,
            "what 2 had not flushed was acknowledged, and is gone; 1 cuts to where the logs part",
        ),
        Durability::Synced => (Losses::None, "what was acknowledged is on both disks"),
    };
    Some(Sequence { under: ONE_BY_ONE, ..Sequence::of(steps, losses, Happened::Restarted(2), why) })
}

/// Both columns lose what 2 alone had: its election and then 1's, each without the other, is unclean.
pub(super) fn two_tails_at_one_offset(column: &Column) -> Option<Sequence> {
    let pair = [(1, 2)];
    let healed: Vec<String> = between("heal", &pair).into_iter().chain(["restart 2".to_owned()]).collect();
    let steps = vec![
        // 1 has a tail that nobody fetches.
        steps_of(since(0), &between("cut", &pair)),
        step(since(400), &["kill 1"]),
        // 2 has one of another epoch, from the same offset on.
        step(Once::Leads(NodeId(2)), &[]),
        step(since(1000), &["kill 2", "restart 1"]),
        // 1 leads again, and has never heard of 2's epoch.
        step(Once::Leads(NodeId(1)), &[]),
        steps_of(since(1000), &healed),
        step(Once::Follows(NodeId(2)), &[]),
    ];
    let (losses, why) = match column.has(Switch::TruncateByOneLookup) {
        true => (
            Losses::Divergence,
            "2 is told where 1's next epoch begins, cuts there, and keeps its own tail where 1 has another",
        ),
        false => (
            Losses::Shown,
            "2 asks until both have the same epoch, and cuts its tail: it is lost by an unclean election",
        ),
    };
    Some(Sequence { under: ONE_BY_ONE, ..Sequence::of(steps, losses, Happened::Restarted(2), why) })
}
