//! A partition on its way to other brokers (KIP-455).

use partition::ids::NodeId;
use serde::{Deserialize, Serialize};

/// A partition on its way to other brokers. While it lasts, all of both assignments replicate.
///
/// ```text
///   replicas   [1 2 3] ──reassign to [2 3 4]──> [2 3 4 1] ──────all of the target in sync──────> [2 3 4]
///   in sync    [1 2 3]                          [1 2 3]  ──4 catches up──> [1 2 3 4], in the same atom [2 3 4]
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Reassignment {
    /// Who is to replicate it, in assignment order. Not less than the minimum in sync.
    pub target: Vec<NodeId>,
    /// Who did before the first request; to them a cancelled move goes back.
    pub former: Vec<NodeId>,
}

impl Reassignment {
    /// Who is being added.
    pub fn adding(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.target.iter().copied().filter(|node| !self.former.contains(node))
    }
}
