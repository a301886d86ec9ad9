//! What is wrong with the ways between nodes, and how long a frame takes on them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;

use super::Latency;
use crate::clock::Moment;
use crate::fault::{FeltCounter, NetworkFault};
use crate::ids::NodeId;

/// From one node to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Way {
    pub(super) from: NodeId,
    pub(super) to: NodeId,
}

impl Way {
    fn joins(self, one: NodeId, other: NodeId) -> bool {
        (self.from, self.to) == (one, other) || (self.from, self.to) == (other, one)
    }
}

/// TCP sends a lost frame again after this time at least (Linux's `TCP_RTO_MIN`), then after twice as long, and so on.
const RETRANSMISSION: Duration = Duration::from_millis(200);
/// A frame that is lost so often in a row ends its connection: after 12.6 s, where Linux needs 15 losses and minutes,
/// longer than a run.
const LOSSES_MAX: u32 = 6;

/// How a frame fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fare {
    /// It arrives after so long.
    Arrives(Duration),
    /// After so long the sender gives up.
    Never(Duration),
}

/// What a cut does to a frame that should arrive now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Passage {
    Open,
    /// Until somebody heals it.
    Cut,
    /// Until then.
    CutUntil(Moment),
}

/// A link that is cut and healed in turn, since a moment.
#[derive(Clone, Copy, Debug)]
struct Flap {
    since: Moment,
    every: Duration,
}

/// What is wrong now.
#[derive(Debug, Default)]
pub(super) struct Troubles {
    usual: Latency,
    latencies: BTreeMap<Way, Latency>,
    /// Cuts, splits and bridges: each is ended for itself.
    cuts: Vec<NetworkFault>,
    flaps: BTreeMap<(NodeId, NodeId), Flap>,
    delays: BTreeMap<Way, Duration>,
    losses: BTreeMap<Way, u32>,
    /// The next frame on this way is the last of its connection.
    lost_replies: BTreeSet<Way>,
    felt: FeltCounter,
}

impl Troubles {
    /// Those of a network that counts here.
    pub(super) fn counted_by(felt: FeltCounter) -> Self {
        Self { felt, ..Self::default() }
    }

    pub(super) fn set_latency(&mut self, latency: Latency) {
        self.usual = latency;
    }

    pub(super) fn set_latency_between(&mut self, way: Way, latency: Latency) {
        self.latencies.insert(way, latency);
    }

    /// How the next frame on this way fares.
    pub(super) fn draw(&self, way: Way, random: &mut StdRng) -> Fare {
        let latency = self.latencies.get(&way).unwrap_or(&self.usual).draw(random);
        let mut took = latency;
        if let Some(delay) = self.delays.get(&way).filter(|delay| !delay.is_zero()) {
            self.felt.count();
            took += *delay;
        }
        let Some(permille) = self.losses.get(&way) else { return Fare::Arrives(took) };
        for lost in 0..LOSSES_MAX {
            if random.random_range(0..1000) >= *permille {
                return Fare::Arrives(took);
            }
            self.felt.count();
            took += RETRANSMISSION * 2_u32.pow(lost);
        }
        Fare::Never(took)
    }

    /// Whether a frame gets through at this moment.
    pub(super) fn passage(&self, way: Way, now: Moment) -> Passage {
        if self.cuts.iter().any(|cut| severs(cut, way)) {
            self.felt.count();
            return Passage::Cut;
        }
        let Some((_, flap)) = self.flaps.iter().find(|((one, other), _)| way.joins(*one, *other)) else {
            return Passage::Open;
        };
        let phases = now.since(flap.since).as_nanos() / flap.every.as_nanos().max(1);
        if phases.is_multiple_of(2) {
            self.felt.count();
            let phases = u32::try_from(phases + 1).unwrap_or(u32::MAX);
            return Passage::CutUntil(flap.since.after(flap.every.saturating_mul(phases)));
        }
        Passage::Open
    }

    /// Whether this frame is the last of its connection; asked once for each.
    pub(super) fn takes_reply(&mut self, way: Way) -> bool {
        self.lost_replies.remove(&way)
    }

    /// Begins or ends what lasts. Says what was begun or ended at once for connections.
    pub(super) fn change(&mut self, fault: &NetworkFault, now: Moment) {
        let end = |cuts: &mut Vec<NetworkFault>, begun: NetworkFault| {
            if let Some(at) = cuts.iter().position(|cut| *cut == begun) {
                cuts.remove(at);
            }
        };
        match fault.clone() {
            NetworkFault::Cut { .. } | NetworkFault::Split { .. } | NetworkFault::Bridge { .. } => {
                self.cuts.push(fault.clone());
            }
            NetworkFault::Heal { from, to } => end(&mut self.cuts, NetworkFault::Cut { from, to }),
            NetworkFault::Join { side } => end(&mut self.cuts, NetworkFault::Split { side }),
            NetworkFault::Unbridge { middle, side } => {
                end(&mut self.cuts, NetworkFault::Bridge { middle, side });
            }
            NetworkFault::Flap { one, other, every } => {
                self.flaps.insert((one, other), Flap { since: now, every });
            }
            NetworkFault::Unflap { one, other } => drop(self.flaps.remove(&(one, other))),
            NetworkFault::HealAll => {
                // The latencies are the network's nature, not a trouble.
                let (usual, latencies) = (self.usual, std::mem::take(&mut self.latencies));
                *self = Self { usual, latencies, ..Self::counted_by(self.felt.clone()) };
            }
            NetworkFault::Delay { from, to, by } => drop(self.delays.insert(Way { from, to }, by)),
            NetworkFault::Loss { from, to, permille: 0 } => drop(self.losses.remove(&Way { from, to })),
            NetworkFault::Loss { from, to, permille } => {
                self.losses.insert(Way { from, to }, permille);
            }
            NetworkFault::LoseReply { from, to } => {
                self.lost_replies.insert(Way { from, to });
            }
            NetworkFault::Reset { .. } => {}
        }
    }
}

fn severs(cut: &NetworkFault, way: Way) -> bool {
    let apart = |side: &[NodeId]| side.contains(&way.from) != side.contains(&way.to);
    match cut {
        NetworkFault::Cut { from, to } => way == Way { from: *from, to: *to },
        NetworkFault::Split { side } => apart(side),
        NetworkFault::Bridge { middle, side } => way.from != *middle && way.to != *middle && apart(side),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;
    use crate::fault::Felt;

    const fn way(from: u32, to: u32) -> Way {
        Way { from: NodeId(from), to: NodeId(to) }
    }

    fn open(troubles: &Troubles, from: u32, to: u32) -> bool {
        troubles.passage(way(from, to), Moment(0)) == Passage::Open
    }

    fn change(troubles: &mut Troubles, fault: &str) {
        let crate::fault::Fault::Network(fault) = fault.parse().unwrap() else { panic!("of the network") };
        troubles.change(&fault, Moment(0));
    }

    #[test]
    fn a_bridge_is_heard_by_both_sides_which_do_not_hear_each_other() {
        let mut troubles = Troubles::default();
        change(&mut troubles, "bridge 3 1,4");
        assert!(open(&troubles, 1, 3) && open(&troubles, 3, 2) && open(&troubles, 1, 4));
        assert!(!open(&troubles, 1, 2) && !open(&troubles, 2, 4));
        change(&mut troubles, "unbridge 3 1,4");
        assert!(open(&troubles, 1, 2));
    }

    #[test]
    fn one_cut_of_two_over_the_same_way_is_healed_alone() {
        let felt = FeltCounter::default();
        let mut troubles = Troubles::counted_by(felt.clone());
        change(&mut troubles, "split 1");
        change(&mut troubles, "cut 1>2");
        change(&mut troubles, "join 1");
        assert!(open(&troubles, 2, 1) && open(&troubles, 1, 3));
        assert_eq!(felt.so_far(), Felt(0), "nobody met it");
        assert!(!open(&troubles, 1, 2));
        assert_eq!(felt.so_far(), Felt(1));
        change(&mut troubles, "heal-all");
        assert!(open(&troubles, 1, 2));
    }

    #[test]
    fn a_flapping_link_is_cut_and_healed_in_turn() {
        let mut troubles = Troubles::default();
        change(&mut troubles, "flap 1-2 100ms");
        let at = |millis: u64| troubles.passage(way(2, 1), Moment(millis * 1_000_000));
        assert_eq!(at(0), Passage::CutUntil(Moment(100_000_000)));
        assert_eq!(at(99), Passage::CutUntil(Moment(100_000_000)));
        assert_eq!([at(100), at(199)], [Passage::Open; 2]);
        assert_eq!(at(250), Passage::CutUntil(Moment(300_000_000)));
    }

    #[test]
    fn a_lost_frame_comes_late_and_one_that_is_always_lost_ends_its_connection() {
        let mut troubles = Troubles::default();
        let mut random = StdRng::seed_from_u64(1);
        change(&mut troubles, "loss 1>2 0.500");
        let fares: Vec<Fare> = (0..1000).map(|_| troubles.draw(way(1, 2), &mut random)).collect();
        let on_time = |fare: &&Fare| matches!(fare, Fare::Arrives(took) if *took < RETRANSMISSION);
        let given_up = |fare: &&Fare| matches!(fare, Fare::Never(_));
        assert!((450..550).contains(&fares.iter().filter(on_time).count()));
        assert!((5..40).contains(&fares.iter().filter(given_up).count()));
        change(&mut troubles, "loss 1>2 0.000");
        assert!((0..100).all(|_| on_time(&&troubles.draw(way(1, 2), &mut random))));
    }
}
