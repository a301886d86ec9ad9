//! What is wrong with the replicas that are up, by the names of the invariants.

use isr_log::replica::LogView;
use partition::ids::NodeId;
use partition::partition::Role;

use super::{Harness, index, offset};

/// All that is violated now, a line each.
pub fn violations(harness: &Harness) -> Vec<String> {
    let mut found = Vec::new();
    found.extend(acked_not_lost(harness));
    found.extend(strong_isr(harness));
    let up = harness.up();
    for (at, one) in up.iter().enumerate() {
        for other in &up[at + 1..] {
            found.extend(matching(harness, *one, *other));
        }
    }
    found
}

/// Whoever leads in the newest epoch.
fn leader(harness: &Harness) -> Option<NodeId> {
    let leads = |node: &NodeId| harness.node(*node).replica.role() == Role::Leader;
    let epoch = |node: &NodeId| harness.node(*node).replica.decided().map(|state| state.epoch);
    harness.up().into_iter().filter(leads).max_by_key(epoch)
}

/// The newest leader has all that was acknowledged as committed.
fn acked_not_lost(harness: &Harness) -> Option<String> {
    let leader = leader(harness)?;
    let records = &harness.node(leader).log.records;
    let lacks = |at: usize, record| records.get(at) != Some(record);
    let lost = harness.acknowledged.iter().filter(|(at, record)| lacks(index(*at), record));
    let lost: Vec<u64> = lost.map(|(at, _)| at.0).collect();
    (!lost.is_empty()).then(|| format!("AckedNotLost: {leader} leads, and lacks {lost:?}"))
}

/// Each member of the recorded set that is up, in the life on record, has on disk what the newest leader calls committed.
fn strong_isr(harness: &Harness) -> Vec<String> {
    let Some(leader) = leader(harness) else { return Vec::new() };
    let to = index(harness.node(leader).replica.high_watermark());
    let committed = &harness.node(leader).log.records[..to];
    let mut found = Vec::new();
    for (member, life) in &harness.state.in_sync {
        let node = harness.node(*member);
        let durable = &node.log.records[..node.log.durable];
        if node.up && node.life == *life && !durable.starts_with(committed) {
            found.push(format!("StrongIsr: {member} is in sync, and has not all of {to}"));
        }
    }
    found
}

/// Two logs are the same below both high watermarks, and up to each record of the same epoch and offset.
fn matching(harness: &Harness, one: NodeId, other: NodeId) -> Option<String> {
    let (a, b) = (harness.node(one), harness.node(other));
    let differ = |at: &usize| a.log.records[*at] != b.log.records[*at];
    let both = a.log.records.len().min(b.log.records.len());
    let parts = (0..both).find(differ)?;
    let marks = a.replica.high_watermark().min(b.replica.high_watermark());
    let epoch_at = |log: LogView<'_>, at: usize| log.epochs.epoch_at(offset(at));
    if parts < index(marks) {
        return Some(format!("CommittedPrefixConsistent: {one} and {other} differ at {parts}"));
    }
    let same = (parts..both).find(|at| epoch_at(a.log.view(), *at) == epoch_at(b.log.view(), *at));
    same.map(|_| format!("EpochOffsetMatching: {one} and {other} differ at {parts}"))
}
