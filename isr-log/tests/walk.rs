//! A walk of three replicas through any order of appends, syncs, deliveries, losses, crashes and elections, that asserts
//! after each step that nothing committed is lost (AckedNotLost, StrongIsr, CommittedImmutable), and that what a replica
//! shows its readers never goes back in one life (S-15).

#[allow(unreachable_pub, reason = "tests share it as a module, not as a crate")]
mod harness;

use std::collections::BTreeMap;
use std::time::Duration;

use harness::{Harness, Record, index};
use isr_log::metadata::{Incarnation, PartitionState, Version};
use isr_log::replica::{Event, ProposalOutcome};
use partition::ids::{Epoch, NodeId, Offset};
use partition::partition::{Acks, Role};
use proptest::prelude::*;

/// What may happen next; numbers are taken modulo what there is to choose from.
#[derive(Clone, Copy, Debug)]
enum Step {
    Append(u32),
    Store(u32),
    Deliver(usize),
    Lose(usize),
    Pass(u64),
    Crash(u32),
    Restart(u32),
    Wipe(u32),
    Elect,
    Consider,
    Doubt,
    Read(u32),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (1..=3_u32).prop_map(Step::Append),
        6 => (1..=3_u32).prop_map(Step::Store),
        16 => any::<usize>().prop_map(Step::Deliver),
        2 => any::<usize>().prop_map(Step::Lose),
        2 => (1..700_u64).prop_map(Step::Pass),
        1 => (1..=3_u32).prop_map(Step::Crash),
        2 => (1..=3_u32).prop_map(Step::Restart),
        1 => (1..=3_u32).prop_map(Step::Wipe),
        2 => Just(Step::Elect),
        3 => Just(Step::Consider),
        1 => Just(Step::Doubt),
        6 => (1..=3_u32).prop_map(Step::Read),
    ];
    prop::collection::vec(step, 1..160)
}

struct Walk {
    harness: Harness,
    /// All that any leader has ever called committed.
    committed: Vec<Record>,
    /// How far each life has shown readers what is committed.
    shown: BTreeMap<Incarnation, Offset>,
}

impl Walk {
    fn new(min_isr: usize) -> Self {
        let mut harness = Harness::new(3, min_isr);
        let all = [NodeId(1), NodeId(2), NodeId(3)];
        harness.decide(Some(NodeId(1)), Epoch(1), &all);
        all.into_iter().for_each(|node| harness.read_decision(node));
        Self { harness, committed: Vec::new(), shown: BTreeMap::new() }
    }

    fn take(&mut self, step: Step) {
        let alone = |node: u32| !self.others_in_sync(NodeId(node));
        let only = [0, 1, 2, 3].map(alone);
        let harness = &mut self.harness;
        match step {
            Step::Append(node) => drop(harness.append(NodeId(node), Acks::Committed)),
            Step::Store(node) => harness.store(NodeId(node)),
            Step::Deliver(at) if !harness.wire.is_empty() => harness.deliver(at % harness.wire.len()),
            Step::Lose(at) if !harness.wire.is_empty() => harness.lose(at % harness.wire.len()),
            Step::Deliver(_) | Step::Lose(_) => {}
            Step::Pass(ms) => harness.pass(Duration::from_millis(ms)),
            Step::Crash(node) if harness.node(NodeId(node)).up => harness.crash(NodeId(node)),
            Step::Restart(node) if !harness.node(NodeId(node)).up => self.restart(NodeId(node)),
            // Who is in the set alone may hold the only copy; a wiped one is out of any budget then.
            Step::Wipe(node) if !harness.node(NodeId(node)).up && !only[node as usize] => {
                self.harness.wipe(NodeId(node));
                self.restart(NodeId(node));
            }
            Step::Crash(_) | Step::Restart(_) | Step::Wipe(_) => {}
            Step::Elect => self.elect(),
            Step::Consider => {
                if let Some((from, proposal, outcome)) = harness.consider() {
                    harness.step(from, Event::Proposed(proposal, outcome));
                }
            }
            Step::Doubt => {
                // No answer in time; the controllers may take the proposal all the same, much later.
                if let Some((from, proposal)) = harness.proposals.pop_front() {
                    harness.proposals.push_back((from, proposal.clone()));
                    harness.step(from, Event::Proposed(proposal, ProposalOutcome::Unknown));
                }
            }
            Step::Read(node) => harness.read_decision(NodeId(node)),
        }
    }

    fn others_in_sync(&self, node: NodeId) -> bool {
        self.harness.state.in_sync.keys().any(|member| *member != node)
    }

    /// The next life of a broker: registering it ends the old one, and elects anew what that one led, in one atom.
    fn restart(&mut self, node: NodeId) {
        let others = self.others_in_sync(node);
        let was_member = self.harness.state.in_sync.contains_key(&node);
        self.harness.restart(node);
        if was_member {
            let life = self.harness.node(node).life;
            let mut in_sync = self.harness.state.in_sync.clone();
            if others {
                in_sync.remove(&node);
            } else {
                in_sync.insert(node, life);
            }
            let version = Version(self.harness.state.version.0 + 1);
            self.harness.state = PartitionState { in_sync, version, ..self.harness.state.clone() };
            self.elect();
        }
    }

    /// The controllers find the leader dead, or not: they elect the first member that lives, in a new epoch.
    fn elect(&mut self) {
        let state = &self.harness.state;
        let alive = |node: &NodeId| self.harness.node(*node).up;
        let elected = state.in_sync.iter().find(|(node, life)| {
            let node = self.harness.node(**node);
            node.up && node.life == **life
        });
        let Some((leader, _)) = elected else { return };
        let in_sync: Vec<NodeId> = state.in_sync.keys().copied().filter(|node| alive(node)).collect();
        let lives = state.in_sync.clone();
        let (leader, epoch) = (*leader, state.epoch.next());
        self.harness.decide(Some(leader), epoch, &in_sync);
        self.harness.state.in_sync.retain(|node, life| lives.get(node) == Some(life));
    }

    fn check(&mut self) {
        for (id, node) in self.harness.nodes.iter().filter(|(_, node)| node.up) {
            let to = index(node.replica.high_watermark());
            assert!(to <= node.log.records.len(), "{id}: high watermark {to} beyond its log");
            for (at, record) in node.log.records[..to].iter().enumerate() {
                match self.committed.get(at) {
                    Some(committed) => assert_eq!(record, committed, "{id}: CommittedImmutable at {at}"),
                    None => {
                        assert_eq!(node.replica.role(), Role::Leader, "{id}: only leaders commit");
                        self.committed.push(*record);
                    }
                }
            }
        }
        for (id, node) in self.harness.nodes.iter().filter(|(_, node)| node.up) {
            if let Some(to) = node.replica.visible_to() {
                let before = self.shown.insert(node.life, to);
                assert!(before <= Some(to), "S-15: {id} shows readers {to} after {before:?}");
            }
        }
        let state = &self.harness.state;
        for (member, life) in &state.in_sync {
            let node = self.harness.node(*member);
            if node.life != *life {
                continue;
            }
            let durable = &node.log.records[..node.log.durable];
            assert!(
                durable.starts_with(&self.committed),
                "StrongIsr: {member} is in sync and lacks what is committed: {durable:?} of {:?}",
                self.committed,
            );
        }
        for (at, record) in &self.harness.acknowledged {
            assert_eq!(self.committed.get(index(*at)), Some(record), "AckedNotLost at {at}");
        }
    }
}

/// Enough that the walk meets each rule's mutant within a second or two of an unoptimised build.
const CASES: u32 = 1000;

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn s15_c19_nothing_committed_is_lost_and_nothing_that_was_shown_is_hidden(min_isr in 1..=2_usize, steps in steps()) {
        let mut walk = Walk::new(min_isr);
        for step in steps {
            walk.take(step);
            walk.check();
        }
    }
}

#[test]
fn a_walk_commits_elects_cuts_and_changes_the_set() {
    // The walk would prove nothing if it went nowhere.
    let mut walk = Walk::new(1);
    let round = |walk: &mut Walk| {
        for _ in 0..60 {
            walk.take(Step::Deliver(0));
            [1, 2, 3].into_iter().for_each(|node| walk.take(Step::Store(node)));
            walk.take(Step::Consider);
            [1, 2, 3].into_iter().for_each(|node| walk.take(Step::Read(node)));
            walk.check();
        }
    };
    walk.take(Step::Append(1));
    round(&mut walk);
    walk.take(Step::Append(1));
    walk.take(Step::Store(1));
    walk.take(Step::Crash(1));
    walk.take(Step::Elect);
    walk.take(Step::Read(2));
    walk.take(Step::Append(2));
    walk.take(Step::Restart(1));
    walk.take(Step::Pass(30));
    round(&mut walk);
    assert_eq!(walk.committed.len(), 2);
    assert_eq!(walk.harness.state.in_sync.len(), 3);
    assert!(walk.harness.trace.iter().any(|line| line.contains("cuts to")));
}
