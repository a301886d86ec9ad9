//! What the page shows, as it is told to browsers: plain data.

use partition::ids::{Epoch, NodeId, Offset};
use partition::partition::Role;
use serde::Serialize;

use crate::system::{Member, System};

/// Whether a node runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Standing {
    /// As far as it was done to it.
    #[default]
    Up,
    /// Its process ended.
    Down,
    /// Its process stands still.
    Paused,
    /// It was started and does not answer yet.
    Starting,
}

/// What was done to a node and not undone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Condition {
    /// Whether it runs.
    pub(super) standing: Standing,
    /// It hears nobody, and nobody hears it.
    pub(super) cut: bool,
    /// Each frame to and from it takes longer.
    pub(super) slow_link: bool,
    /// Each sync of it takes longer.
    pub(super) slow_disk: bool,
}

/// What a replica says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Says {
    /// What it takes itself for.
    #[serde(serialize_with = "role_name")]
    pub(super) role: Role,
    /// Its epoch.
    pub(super) epoch: Epoch,
    /// Its next offset.
    pub(super) log_end: Offset,
    /// What it knows to be committed.
    pub(super) high_watermark: Offset,
    /// Its first offset.
    pub(super) log_start: Offset,
    /// Whose copy counts, as it knows.
    pub(super) members: Vec<NodeId>,
}

fn role_name<S: serde::Serializer>(role: &Role, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(named(*role))
}

/// A role in a word.
pub(super) fn named(role: Role) -> &'static str {
    match role {
        Role::Leader => "leader",
        Role::Follower => "follower",
        Role::Candidate => "candidate",
        Role::Idle => "idle",
    }
}

/// One node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct NodeSeen {
    /// `n2`, or `c1`.
    pub(super) name: String,
    /// What was done to it.
    pub(super) condition: Condition,
    /// Whether it answered when it was asked last.
    pub(super) answers: bool,
    /// What it said last; none of controllers, which are not asked.
    pub(super) says: Option<Says>,
}

/// What the checker says so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Colour {
    /// Nothing was judged yet.
    #[default]
    Unlit,
    /// Nothing contradicts the promise.
    Kept,
    /// It was broken.
    Broken,
}

/// The checker's light.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Light {
    /// Its colour.
    pub(super) colour: Colour,
    /// What it rests on, or what was found.
    pub(super) words: String,
}

/// One system, as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct SystemSeen {
    /// Which.
    pub(super) system: System,
    /// As `isr-3:2`.
    pub(super) name: String,
    /// Who leads in the newest epoch that anybody claims.
    pub(super) leader: Option<NodeId>,
    /// That epoch.
    pub(super) epoch: Epoch,
    /// Whose copy counts, as the leader knows.
    pub(super) members: Vec<NodeId>,
    /// Its replicas.
    pub(super) replicas: Vec<NodeSeen>,
    /// Its controllers.
    pub(super) controllers: Vec<NodeSeen>,
    /// What the checker says.
    pub(super) light: Light,
}

/// One second of one system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(super) struct Second {
    /// When it ended, in milliseconds since 1970.
    pub(super) at_ms: i64,
    /// Appends acknowledged.
    pub(super) acked: u64,
    /// Appends refused for certain.
    pub(super) failed: u64,
    /// Appends of unknown outcome.
    pub(super) unknown: u64,
    /// On their way at its end.
    pub(super) waiting: u64,
    /// Half of the acknowledged took no longer; none where there were none.
    pub(super) p50_ms: Option<f64>,
    /// 99 of 100 took no longer.
    pub(super) p99_ms: Option<f64>,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Happening {
    /// Their order.
    pub(super) number: u64,
    /// When, in milliseconds since 1970.
    pub(super) at_ms: i64,
    /// To which system.
    pub(super) system: System,
    /// To whom: `n2`.
    pub(super) whom: String,
    /// In a word, which is also its kind: `killed`, `elected`.
    pub(super) what: String,
    /// More of it; may be empty.
    pub(super) more: String,
}

/// A node as the page names it.
pub(super) fn name_of(member: Member) -> String {
    match member {
        Member::Replica(node) => format!("n{node}"),
        Member::Controller(node) => format!("c{node}"),
        Member::Client(number) => format!("client {number}"),
    }
}

/// The node of this name on the page.
pub(super) fn member_named(name: &str) -> Option<Member> {
    let number = |rest: &str| rest.parse().ok().map(NodeId);
    match name.split_at_checked(1)? {
        ("n", rest) => number(rest).map(Member::Replica),
        ("c", rest) => number(rest).map(Member::Controller),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_reads_back_from_its_name() {
        for member in [Member::Replica(NodeId(2)), Member::Controller(NodeId(3))] {
            assert_eq!(member_named(&name_of(member)), Some(member));
        }
        for wrong in ["", "n", "x1", "n-1", "é"] {
            assert_eq!(member_named(wrong), None, "{wrong}");
        }
    }
}
