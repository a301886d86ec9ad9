//! What a cluster has consumed.

use std::time::Duration;

use partition::ids::ByteSize;

use crate::node::Injected;

/// What some nodes have consumed since they started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Consumed {
    /// CPU time; unknown for nodes that share a process with the client.
    pub cpu: Option<Duration>,
    /// Resident memory now; unknown likewise.
    pub resident: Option<ByteSize>,
    /// Bytes of batches written to logs.
    pub written: ByteSize,
    /// Bytes of frames sent, to replicas and to clients.
    pub sent: ByteSize,
    /// Calls to fdatasync for log data.
    pub syncs: u64,
    /// Delays injected.
    pub injected: Injected,
}

/// What a cluster has consumed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// The replicas.
    pub replicas: Consumed,
    /// isr only: the controllers, so that n+1 replicas are priced honestly.
    pub controllers: Consumed,
}

impl Consumed {
    /// What several nodes have consumed together; unknown where one of them does not know.
    pub(super) fn sum(nodes: impl IntoIterator<Item = Self>) -> Self {
        let mut nodes = nodes.into_iter();
        let Some(first) = nodes.next() else { return Self::default() };
        nodes.fold(first, |sum, node| Self {
            cpu: sum.cpu.zip(node.cpu).map(|(a, b)| a + b),
            resident: sum.resident.zip(node.resident).map(|(a, b)| ByteSize(a.0 + b.0)),
            written: ByteSize(sum.written.0 + node.written.0),
            sent: ByteSize(sum.sent.0 + node.sent.0),
            syncs: sum.syncs + node.syncs,
            injected: sum.injected.and(node.injected),
        })
    }
}
