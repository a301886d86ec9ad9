//! Longer ways between the members of a running cluster: whose frames to whom take longer, and what each has to hold for that.

use std::collections::BTreeMap;
use std::time::Duration;

use partition::latency::Latency;
use partition::transport::Address;
use partition::transport::barred::Way;

use super::cuts::Member;
use super::error::LaunchError;
use super::running::Running;
use crate::node::{Injection, LongerWay};
use crate::profile::{Links, Profile};

/// What stands between nodes and their links.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LinkTerms {
    /// Nothing, but for the delays of a profile.
    #[default]
    Plain,
    /// A layer that can be told to hold frames for longer.
    Yielding,
}

impl LinkTerms {
    /// The profile that a cluster is launched with: where it has no links, a layer is put there that holds frames for no time.
    pub(super) fn injected(self, profile: Profile, seed: u64) -> Option<Injection> {
        let at_once = Latency::Constant(Duration::ZERO);
        let layer = Links { zones: 1, within: at_once, between: at_once };
        let profile = match self {
            Self::Plain => profile,
            Self::Yielding => Profile { links: profile.links.or(Some(layer)), ..profile },
        };
        let is_any = profile.links.is_some() || profile.syncs.is_some();
        is_any.then_some(Injection { profile, seed })
    }
}

/// How much longer frames take from one member to another; the way back is one of its own.
pub type LongerLinks = BTreeMap<(Member, Member), Duration>;

/// What this member has to hold: on its own connections only, for whoever is called does not know by whom.
fn longer_ways(
    member: Member,
    links: &LongerLinks,
    address: impl Fn(Member) -> Option<Address>,
) -> Vec<LongerWay> {
    let longer = |(&(from, to), &by): (&(Member, Member), &Duration)| {
        let (other, way) = match (from == member, to == member) {
            (true, false) => (to, Way::Out),
            (false, true) => (from, Way::Back),
            _ => return None,
        };
        address(other).map(|at| LongerWay { at, way, by })
    };
    links.iter().filter_map(longer).collect()
}

impl Running {
    /// From now on these links, and no others, are longer as this node sees them, where the cluster was launched with links
    /// that can be. One that is down is not told.
    ///
    /// # Errors
    /// [`LaunchError`] when it does not answer.
    pub async fn lengthen_at(&mut self, member: Member, links: &LongerLinks) -> Result<(), LaunchError> {
        let longer = longer_ways(member, links, |other| other.address(&self.plan));
        match self.host_of(member) {
            Some(host) => host.lengthen(&longer).await,
            None => Ok(()),
        }
    }

    /// The same as its clients see them, who have this number.
    pub fn lengthen_for_clients(&self, client: u32, links: &LongerLinks) {
        if let Some(delays) = &self.delays {
            delays.lengthen(&longer_ways(Member::Client(client), links, |other| other.address(&self.plan)));
        }
    }
}

#[cfg(test)]
mod tests {
    use partition::ids::NodeId;

    use super::*;

    #[test]
    fn each_frame_is_held_by_who_made_its_connection_and_by_nobody_else() {
        let [one, two] = [1, 2].map(|node| Member::Replica(NodeId(node)));
        let address = |member| match member {
            Member::Replica(node) => Some(Address::simulated(node)),
            Member::Controller(_) | Member::Client(_) => None,
        };
        let ways = |member, links: &LongerLinks| longer_ways(member, links, address);
        let by = Duration::from_millis(50);
        let links = LongerLinks::from([((one, two), by)]);
        let longer = |at, way| LongerWay { at: Address::simulated(NodeId(at)), way, by };
        assert_eq!(ways(one, &links), [longer(2, Way::Out)], "what it sends over its own");
        assert_eq!(ways(two, &links), [longer(1, Way::Back)], "what it is answered over its own");
        assert_eq!(ways(Member::Replica(NodeId(3)), &links), []);
        let to_client = LongerLinks::from([((one, Member::Client(7)), by)]);
        assert_eq!(ways(one, &to_client), [], "a client is never called");
        assert_eq!(ways(Member::Client(7), &to_client), [longer(1, Way::Back)]);
    }
}
