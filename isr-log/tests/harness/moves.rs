//! Replicas that come and go while the partition is there.

use isr_log::metadata::{PartitionState, Version};
use isr_log::replica::{CatchUpRate, Replica};
use partition::ids::{ByteSize, NodeId, Offset};

use super::{FakeLog, Harness};

impl Harness {
    /// Replicas that have read nothing yet: who is not in sync may fetch so many bytes a second.
    pub fn throttle(&mut self, rate: ByteSize) {
        self.rules.catch_up_rate = CatchUpRate::per_second(rate);
        for (id, node) in &mut self.nodes {
            node.replica = Replica::new(*id, node.life, self.rules, Offset::ZERO);
        }
    }

    /// The controllers have the partition replicated by these, and by nobody else from now on; nobody has read it yet.
    pub fn reassign(&mut self, replicas: &[NodeId]) {
        let version = Version(self.state.version.0 + 1);
        let mut state = PartitionState { version, ..self.state.clone() };
        let added = replicas.iter().filter(|node| !state.spec.replicas.contains(node));
        state.since.extend(added.map(|node| (*node, version)));
        state.since.retain(|node, _| replicas.contains(node));
        state.in_sync.retain(|node, _| replicas.contains(node));
        state.spec.replicas = replicas.to_vec();
        self.state = state;
    }

    /// What a broker does that reads that it is no replica any more: the log goes, and the life goes on.
    pub fn remove(&mut self, node: NodeId) {
        self.read_decision(node);
        let (life, rules) = (self.nodes[&node].life, self.rules);
        let target = self.node_mut(node);
        target.log = FakeLog::default();
        target.replica = Replica::new(node, life, rules, Offset::ZERO);
    }
}
