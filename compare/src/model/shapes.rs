//! Predictions from the shapes of an injected profile alone, by drawing: what would be measured if nothing else took time.

use std::collections::BTreeSet;
use std::time::Duration;

use partition::ids::NodeId;
use partition::latency::Latency;
use partition::log::Durability;
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::joint::Sampled;
use crate::profile::{Profile, SLOW_TIMES};

/// Draws: a p99.9 that scatters by a few per cent.
const DRAWS: usize = 100_000;

/// A cluster, as a profile sees it.
#[derive(Clone, Debug)]
pub struct Place<'a> {
    /// What is injected.
    pub profile: &'a Profile,
    /// Who leads.
    pub leader: NodeId,
    /// Who follows.
    pub followers: Vec<NodeId>,
    /// Whose links are slow.
    pub slow: BTreeSet<NodeId>,
    /// Whether a copy counts when it is synced.
    pub durability: Durability,
}

impl Place<'_> {
    /// How long one batch takes with one in flight: `L` = D, `X_i` = RTT_i + D_i, a client two frames away. A pull takes as long as
    /// a push where links do not scatter, for a fetch is parked; where they do, the report also waits for the fetch that was sent
    /// before it, on a link that keeps its order. That is not drawn here: it is the protocol's, and the samples have it.
    #[must_use]
    pub fn draw(&self, random: &mut StdRng) -> Sampled {
        let mut times = vec![self.sync(random)];
        for follower in &self.followers {
            let there = self.frame(self.leader, *follower, random);
            let stored = self.sync(random);
            times.push(there + stored + self.frame(*follower, self.leader, random));
        }
        Sampled { times, client: self.client(random), weight: 1.0 }
    }

    /// Many batches, the same for the same seed.
    #[must_use]
    pub fn draws(&self, seed: u64) -> Vec<Sampled> {
        let mut random = StdRng::seed_from_u64(seed);
        (0..DRAWS).map(|_| self.draw(&mut random)).collect()
    }

    /// The way from a client to the leader, and back.
    #[must_use]
    pub fn client(&self, random: &mut StdRng) -> Duration {
        self.profile
            .links
            .map_or(Duration::ZERO, |links| links.within.draw(random) + links.within.draw(random))
    }

    fn frame(&self, from: NodeId, to: NodeId, random: &mut StdRng) -> Duration {
        let Some(links) = self.profile.links else { return Duration::ZERO };
        let is_slow = self.slow.contains(&from) || self.slow.contains(&to);
        links.one_way(from.0, to.0).draw(random) * if is_slow { SLOW_TIMES } else { 1 }
    }

    fn sync(&self, random: &mut StdRng) -> Duration {
        let syncs = self.profile.syncs.filter(|_| self.durability == Durability::Synced);
        syncs.map_or(Duration::ZERO, |syncs: Latency| syncs.draw(random))
    }
}

#[cfg(test)]
mod tests {
    use super::super::joint::predict;
    use super::super::{Rule, order};
    use super::*;
    use crate::profile::Links;

    fn profile(within: Latency, between: Latency, syncs: Option<Latency>) -> Profile {
        Profile { name: "t".to_owned(), links: Some(Links { zones: 3, within, between }), syncs }
    }

    fn place(profile: &Profile) -> Place<'_> {
        let (leader, followers) = (NodeId(1), (2..=5).map(NodeId).collect());
        Place { profile, leader, followers, slow: BTreeSet::new(), durability: Durability::Synced }
    }

    #[test]
    fn constant_delays_add_up_along_the_way() {
        let constant = |ms| Latency::Constant(Duration::from_millis(ms));
        let profile = profile(constant(1), constant(5), Some(constant(2)));
        let mut place = place(&profile);
        let drawn = |place: &Place<'_>| place.draw(&mut StdRng::seed_from_u64(1));
        // Of five replicas in three zones the fourth is in the leader's.
        let sample = drawn(&place);
        assert_eq!(sample.times, [2, 12, 12, 4, 12].map(Duration::from_millis));
        assert_eq!(sample.client, Duration::from_millis(2));
        place.slow.insert(NodeId(4));
        assert_eq!(drawn(&place).times[3], Duration::from_millis(22), "ten times each way, and a sync");
        place.durability = Durability::Cached;
        assert_eq!(drawn(&place).times, [0, 10, 10, 20, 10].map(Duration::from_millis));
    }

    #[test]
    fn exponential_syncs_agree_with_the_closed_form() {
        let mean = Duration::from_millis(10);
        let syncs = Latency::Exponential { least: Duration::ZERO, mean };
        let profile = Profile { name: "t".to_owned(), links: None, syncs: Some(syncs) };
        // The leader's copy is one of five that are alike.
        let samples = place(&profile).draws(3);
        for (rule, k) in [(Rule::AllInSync, 5), (Rule::Copies(3), 3), (Rule::Copies(2), 2)] {
            let drawn = predict(&samples, rule).unwrap();
            for (drawn, p) in [(drawn.p50, 0.5), (drawn.p99, 0.99)] {
                let (drawn, exact) = (drawn.unwrap() / 1e4, order::exponential_quantile(5, k, p));
                assert!((drawn / exact - 1.0).abs() < 0.02, "{rule:?} p{p}: {drawn} against {exact}");
            }
        }
    }
}
