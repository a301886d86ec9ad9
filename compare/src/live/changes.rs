//! PURE: what happened between two looks at a system's replicas.

use std::collections::{BTreeMap, BTreeSet};

use partition::ids::{Epoch, NodeId, Offset};
use partition::partition::Role;

use super::seen::Says;

/// Something that replicas showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) node: NodeId,
    pub(super) what: &'static str,
    pub(super) more: String,
}

/// What was seen so far.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// The newest epoch that anybody led.
    led: Option<Epoch>,
    /// Who leads in it.
    leader: Option<NodeId>,
    members: BTreeSet<NodeId>,
    /// What each said last: its epoch, and the end of its log.
    last: BTreeMap<NodeId, (Epoch, Offset)>,
    /// Those that went on in a newer epoch: what they had before. Whether they had to cut it is seen when it is known where the
    /// newer epoch begins.
    moved_on: BTreeMap<NodeId, (Epoch, Offset)>,
    /// Those that took themselves for leaders of an older epoch when they were last seen.
    old: BTreeSet<NodeId>,
}

impl Changes {
    /// Who leads, in the newest epoch, and whose copies count: as far as seen.
    pub(super) fn leadership(&self) -> (Option<NodeId>, Epoch, Vec<NodeId>) {
        (self.leader, self.led.unwrap_or_default(), self.members.iter().copied().collect())
    }

    /// Another look; replicas that did not answer are not among them. `begins` tells where epochs begin, as a reader was shown.
    pub(super) fn look(
        &mut self,
        says: &BTreeMap<NodeId, Says>,
        begins: &BTreeMap<Epoch, Offset>,
    ) -> Vec<Change> {
        let mut changes = Vec::new();
        for (node, says) in says {
            let before = self.last.insert(*node, (says.epoch, says.log_end));
            match before {
                Some((_, end)) if end > says.log_end => {
                    self.moved_on.remove(node);
                    changes.push(truncated(*node, end, says.log_end));
                }
                Some((epoch, end)) if epoch < says.epoch => {
                    self.moved_on.entry(*node).or_insert((epoch, end));
                }
                _ => {}
            }
        }
        // A log that was cut and filled again between two looks is no shorter; but what lay behind the place at which a newer epoch
        // begins is gone.
        self.moved_on.retain(|node, (epoch, end)| {
            let Some((_, begin)) = begins.range(epoch.next()..).next() else { return true };
            if begin < end {
                changes.push(truncated(*node, *end, *begin));
            }
            false
        });
        let leaders = says.iter().filter(|(_, says)| says.role == Role::Leader);
        let newest = leaders.clone().max_by_key(|(_, says)| says.epoch);
        let current = newest.filter(|(_, says)| self.led.is_none_or(|led| says.epoch >= led));
        match current {
            Some((node, says)) => self.led_by(*node, says, &mut changes),
            None => self.leader = None,
        }
        let led = self.led.unwrap_or_default();
        let old = leaders.filter(|(_, says)| says.epoch < led).map(|(node, _)| *node).collect();
        let of_late = |node: &NodeId| Change {
            node: *node,
            what: "leads in vain",
            more: format!("still takes itself for the leader, while another leads in epoch {led}"),
        };
        changes.extend(BTreeSet::difference(&old, &self.old).map(of_late));
        self.old = old;
        changes
    }

    fn led_by(&mut self, node: NodeId, says: &Says, changes: &mut Vec<Change>) {
        if self.led.is_none_or(|led| says.epoch > led) {
            let more = format!("in epoch {}, with {} records", says.epoch, says.log_end);
            changes.push(Change { node, what: "elected", more });
        }
        (self.led, self.leader) = (Some(says.epoch), Some(node));
        let members: BTreeSet<NodeId> = says.members.iter().copied().collect();
        if !self.members.is_empty() {
            let change = |what| {
                move |node: &NodeId| Change {
                    node: *node,
                    what,
                    more: format!("{} count now", says.members.len()),
                }
            };
            changes.extend(self.members.difference(&members).map(change("left the set")));
            changes.extend(members.difference(&self.members).map(change("joined the set")));
        }
        self.members = members;
    }
}

fn truncated(node: NodeId, from: Offset, to: Offset) -> Change {
    Change { node, what: "truncated", more: format!("its log from {from} to {to}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(role: Role, epoch: u32, log_end: u64, members: &[u32]) -> Says {
        Says {
            role,
            epoch: Epoch(epoch),
            log_end: Offset(log_end),
            high_watermark: Offset(0),
            log_start: Offset(0),
            members: members.iter().copied().map(NodeId).collect(),
        }
    }

    fn told(changes: &mut Changes, all: &[(u32, Says)]) -> Vec<String> {
        let all = all.iter().cloned().map(|(node, says)| (NodeId(node), says)).collect();
        changes
            .look(&all, &BTreeMap::new())
            .iter()
            .map(|change| format!("n{} {}", change.node, change.what))
            .collect()
    }

    #[test]
    fn elections_and_changes_of_the_set_are_told_once() {
        let mut changes = Changes::default();
        let (leader, follower) = (says(Role::Leader, 1, 10, &[1, 2, 3]), says(Role::Follower, 1, 9, &[]));
        assert_eq!(told(&mut changes, &[(1, leader.clone()), (2, follower.clone())]), ["n1 elected"]);
        assert!(told(&mut changes, &[(1, leader), (2, follower)]).is_empty());
        assert_eq!(told(&mut changes, &[(1, says(Role::Leader, 1, 12, &[1, 2]))]), ["n3 left the set"]);
        let back = says(Role::Leader, 1, 12, &[1, 2, 3]);
        assert_eq!(told(&mut changes, &[(1, back)]), ["n3 joined the set"]);
    }

    #[test]
    fn an_old_leader_that_does_not_know_is_no_leader_but_told_of() {
        let mut changes = Changes::default();
        let old = says(Role::Leader, 1, 10, &[1, 2, 3]);
        told(&mut changes, &[(1, old.clone())]);
        let new = says(Role::Leader, 2, 10, &[2, 3]);
        let both = [(1, old.clone()), (2, new)];
        assert_eq!(told(&mut changes, &both), ["n2 elected", "n1 left the set", "n1 leads in vain"]);
        assert!(told(&mut changes, &both).is_empty());
        assert_eq!(changes.leadership().0, Some(NodeId(2)));
        assert!(told(&mut changes, &[(1, old)]).is_empty());
        assert_eq!(changes.leadership().0, None, "nobody of the newest epoch says that it leads");
    }

    #[test]
    fn a_log_that_is_shorter_than_before_was_truncated() {
        let mut changes = Changes::default();
        told(&mut changes, &[(2, says(Role::Follower, 1, 20, &[]))]);
        assert!(told(&mut changes, &[]).is_empty());
        assert_eq!(told(&mut changes, &[(2, says(Role::Follower, 2, 18, &[]))]), ["n2 truncated"]);
    }

    #[test]
    fn a_log_that_was_cut_and_filled_again_between_two_looks_is_told_of_when_the_epoch_is_seen_to_begin_before()
     {
        let mut changes = Changes::default();
        let look = |changes: &mut Changes, one: Says, begins: &[(u32, u64)]| {
            let begins = begins.iter().map(|(epoch, offset)| (Epoch(*epoch), Offset(*offset))).collect();
            let changed = changes.look(&BTreeMap::from([(NodeId(2), one)]), &begins);
            changed.into_iter().map(|change| change.more).collect::<Vec<_>>()
        };
        let follows = |epoch, end| says(Role::Follower, epoch, end, &[]);
        assert!(look(&mut changes, follows(3, 20), &[(3, 5)]).is_empty());
        assert!(look(&mut changes, follows(4, 30), &[(3, 5)]).is_empty(), "it is not known yet");
        assert_eq!(look(&mut changes, follows(4, 31), &[(3, 5), (4, 18)]), ["its log from 20 to 18"]);
        assert!(look(&mut changes, follows(4, 32), &[(3, 5), (4, 18)]).is_empty(), "once");
        assert!(look(&mut changes, follows(5, 33), &[(4, 18), (5, 32)]).is_empty(), "it had no more");
    }
}
