//! Elections by comparing logs: when nobody is in sync or eligible any more, whoever has most leads (the second part of KIP-966).
//!
//! ```text
//!   nobody may lead ──> epoch + 1, nobody leads ──> each witness that lives says how its log ends, or its disk is a new one
//!                                                        │
//!   epoch + 2, led by the one that has most <── enough of the witnesses have said so
//! ```
//! A *witness* has left the two sets by an unclean end while the in-sync set was short. Why one may be trusted:
//!
//! 1. While the set is short of its minimum m nothing is committed. So what was committed when it became short is all
//!    there is, until it is large enough again; then nobody is a witness any more.
//! 2. All of that was stored by every member of the set as it was then, and by whoever was eligible: a commit waits for
//!    all of them. They were m or more. Each of them is now in sync, eligible, or a witness.
//! 3. Nobody is elected so before all of them have begun another life: who is eligible, however silent, may lead with proof
//!    that he asks of himself alone. A leader that was deposed, and does not know it, commits nothing and proves nothing
//!    without some of them in their former lives, and a later life answers no leader of an earlier epoch.
//! 4. An unclean end is no loss of what was stored, so a witness has it still, in each life on the same disk, which
//!    registration proves by an unbroken chain of lives (H-02). A disk that is known to be another one has lost it. A
//!    disk may also have lied, or not be synced, and nobody knows. Up to m - 1 disks may have lost what they had stored,
//!    by either way: that is the promise. So of m witnesses, less those who are known to have a new disk, one has lost
//!    nothing. So many are heard before anybody is elected.
//! 5. Of two logs the one that ends in the newer epoch, or in the same one and further on, has all that is committed in
//!    either: a leader had all that was committed before its epoch, and two logs that share a record share all before
//!    it. So whoever has most has what that one has.
//!
//! What is said in a life counts while that life lasts and is not fenced: it says nothing of the next one's disk. What the
//! elected one has beyond what was committed is kept; nobody was told that it is gone. He is alone in sync then, the
//! others stay witnesses until the set is large enough, and what they cut to follow him was not committed. While too few
//! answer, nobody leads: the partition is offline rather than shorter.
//!
//! Left out: a witness that is lost for good, disk and all, is waited for until a broker of that number registers with an
//! empty disk, which is how an operator says so.

use partition::ids::NodeId;

use super::membership::Sets;
use super::{Brokers, Settling};
use crate::metadata::{Incarnation, LogEnd, Members, PartitionState, Poll};
use crate::mutant::{Mutant, Mutated};

/// The poll that goes on in the partition with these sets, without what was said in lives that are over.
pub(super) fn goes_on(
    state: &PartitionState,
    sets: &Sets,
    brokers: &Brokers,
    mutated: Mutated,
) -> Option<Poll> {
    let mut poll = state.poll.clone()?;
    let lives = |node: &NodeId, witnesses: &Members| {
        let life = witnesses.get(node).copied();
        life.is_some() && brokers.get(*node).map(|broker| broker.incarnation) == life
    };
    let same = |node: &NodeId| {
        lives(node, &state.witnesses) && state.witnesses.get(node) == sets.witnesses.get(node)
    };
    poll.reports.retain(|node, _| same(node) || mutated.breaks(Mutant::CompareAnybody));
    Some(poll)
}

/// Whoever has most of those who have said what they have, when enough have.
pub(super) fn most(
    state: &PartitionState,
    sets: &Sets,
    poll: &Poll,
    brokers: &Brokers,
    Settling { mutated, .. }: Settling,
) -> Option<NodeId> {
    let anybody = mutated.breaks(Mutant::CompareAnybody);
    let lives = |node: &NodeId| match sets.witnesses.get(node) {
        Some(life) if !anybody => brokers.is_alive_as(*node, *life),
        _ => anybody && brokers.alive(*node).is_some(),
    };
    let living = state.spec.replicas.iter().copied().filter(lives);
    let answers: Vec<(NodeId, LogEnd)> =
        living.filter_map(|node| Some((node, *poll.reports.get(&node)?))).collect();
    let needed = if anybody { 1 } else { needed(state.min_isr(), &sets.witnesses, brokers) };
    // Of equal ones the first in assignment order.
    let most = answers.iter().rev().max_by_key(|(_, end)| *end).map(|(node, _)| *node);
    let all_are_reborn = sets.in_sync.is_empty() && sets.nobody_is_eligible();
    most.filter(|_| all_are_reborn && answers.len() >= needed)
}

/// So many witnesses that one of them has lost nothing, as long as no more disks have than may.
fn needed(min_isr: usize, witnesses: &Members, brokers: &Brokers) -> usize {
    let is_new = |(node, life): &(&NodeId, &Incarnation)| {
        brokers.get(**node).is_some_and(|broker| broker.disk_since > **life)
    };
    min_isr.saturating_sub(witnesses.iter().filter(is_new).count()).max(1)
}
