//! Commits the faults of a schedule to processes: signals, and cuts.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use partition::clock::{Clock, Moment};
use partition::cluster::Cluster;
use partition::fault::{DiskFault, Episode, Fault, NetworkFault, ProcessFault, Schedule};
use partition::ids::NodeId;
use partition::transport::barred::Barriers;

use super::cast::Cast;
use crate::faults::matrix::story::Event;
use crate::node::DiskTerms;
use crate::system::{Cut, LaunchError, Member, Running};

/// The disks that nodes need for these faults, and how that is said.
pub(in crate::faults::matrix) fn disk(schedule: &Schedule) -> (DiskTerms, Option<&'static str>) {
    let has = |wanted: fn(&Fault) -> bool| schedule.episodes.iter().any(|episode| wanted(&episode.fault));
    if has(|fault| matches!(fault, Fault::Process { fault: ProcessFault::PowerLoss, .. })) {
        let said = "power: what was not synced is in the memory of each process (injected), which is killed";
        (DiskTerms::Forgetful, Some(said))
    } else if has(|fault| matches!(fault, Fault::Disk { .. })) {
        (
            DiskTerms::Troubled,
            Some("disk: a layer over the files of each process that fails on demand (injected)"),
        )
    } else {
        (DiskTerms::Plain, None)
    }
}

/// Whether processes can have this fault; if not, why.
pub(in crate::faults::matrix) fn possible(fault: &Fault) -> Result<(), &'static str> {
    match fault {
        Fault::Network(NetworkFault::Cut { .. } | NetworkFault::Split { .. } | NetworkFault::Flap { .. }) => {
            Ok(())
        }
        Fault::Network(_) => {
            Err("the transport of processes has barriers, and neither losses nor delays of its own")
        }
        Fault::Process { fault, .. } => match fault {
            ProcessFault::PowerLossMidway => {
                Err("processes that forget what was not synced forget all of it, and tear no write")
            }
            _ => Ok(()),
        },
        Fault::Disk { fault: DiskFault::FlipBit { .. }, .. } => Err("nothing changes bytes under processes"),
        Fault::Disk { .. } => Ok(()),
        Fault::Clock { .. } => Err("processes share this machine's clock"),
        Fault::Membership(_) => Err("the replicas of a cluster of processes do not change"),
    }
}

/// What is to be done when: a flapping link is a cut after another.
pub(super) fn steps(schedule: &Schedule) -> Vec<(Moment, Fault)> {
    let mut episodes = Vec::new();
    for episode in &schedule.episodes {
        match &episode.fault {
            Fault::Network(NetworkFault::Flap { one, other, every }) => {
                let (lasts, every) = (episode.lasts.unwrap_or_default(), *every);
                let mut after = Duration::ZERO;
                while after < lasts {
                    for (from, to) in [(*one, *other), (*other, *one)] {
                        let fault = Fault::Network(NetworkFault::Cut { from, to });
                        episodes.push(Episode { at: episode.at.after(after), lasts: Some(every), fault });
                    }
                    after += every * 2;
                }
            }
            _ => episodes.push(episode.clone()),
        }
    }
    Schedule { episodes }.steps()
}

/// Cuts that follow each other so soon are one.
const AT_ONCE: Duration = Duration::from_millis(100);

/// What commits faults in one trial, and knows what is on.
pub(super) struct Hand<'a> {
    running: &'a mut Running,
    cast: Cast,
    /// Of each client, by its number.
    clients: BTreeMap<u32, Barriers>,
    /// Cuts and splits that are on.
    network: Vec<NetworkFault>,
    down: BTreeSet<Member>,
    paused: BTreeSet<NodeId>,
    restarts: u64,
    clock: Clock,
    events: Vec<Event>,
}

impl<'a> Hand<'a> {
    pub(super) fn new(
        running: &'a mut Running,
        cast: Cast,
        clients: BTreeMap<u32, Barriers>,
        clock: &Clock,
    ) -> Self {
        let (network, down, paused, events) = Default::default();
        Self { running, cast, clients, network, down, paused, restarts: 0, clock: clock.clone(), events }
    }

    /// Whether it has nothing to end.
    pub(super) fn is_idle(&self) -> bool {
        self.network.is_empty() && self.down.is_empty() && self.paused.is_empty() && self.restarts == 0
    }

    /// Replicas that were started again so far.
    pub(super) fn restarts(&self) -> u64 {
        self.restarts
    }

    /// What was committed so far.
    pub(super) fn events(&self) -> &[Event] {
        &self.events
    }

    /// Commits a fault, or the end of one. Returns when it has been done.
    pub(super) async fn commit(&mut self, fault: &Fault) -> Result<(), LaunchError> {
        self.note(fault);
        match fault {
            Fault::Network(fault) => self.network(fault).await,
            Fault::Process { node, fault } => {
                self.process(self.cast.member(*node), *fault).await;
                Ok(())
            }
            Fault::Disk { node, fault } => self.disk(self.cast.replica(*node), fault).await,
            Fault::Clock { .. } | Fault::Membership(_) => {
                panic!("{fault} was let through, though processes cannot have it")
            }
        }
    }

    /// Ends all faults.
    pub(super) async fn heal(&mut self) -> Result<(), LaunchError> {
        if !self.network.is_empty() {
            self.network.clear();
            self.cut().await?;
        }
        for node in std::mem::take(&mut self.paused) {
            self.running.resume(node).await;
        }
        // Controllers are down first in order, and come up first: replicas ask them.
        for member in self.down.clone().into_iter().rev() {
            self.process(member, ProcessFault::Restart).await;
        }
        Ok(())
    }

    /// By the first word of the fault, as schedules write it; a cut is told of once, whichever ways it goes.
    fn note(&mut self, fault: &Fault) {
        let at = self.clock.now();
        let what = fault.to_string();
        let what = what.split(' ').next().unwrap_or_default().to_owned();
        let replica = fault.node().and_then(|node| match self.cast.member(node) {
            Member::Replica(node) => Some(node),
            Member::Controller(_) | Member::Client(_) => None,
        });
        let again = |last: &Event| {
            last.what == what && replica.is_none() && last.replica.is_none() && at.since(last.at) < AT_ONCE
        };
        if !self.events.last().is_some_and(again) {
            self.events.push(Event { at, what, replica });
        }
    }

    async fn disk(&mut self, node: NodeId, fault: &DiskFault) -> Result<(), LaunchError> {
        if matches!(fault, DiskFault::SyncError | DiskFault::WriteError) {
            // It stops by itself when it has met the error.
            self.down.insert(Member::Replica(node));
        }
        self.running.trouble(node, fault).await
    }

    async fn process(&mut self, member: Member, fault: ProcessFault) {
        match (member, fault) {
            // Of nodes on disks that forget a kill is a power cut.
            (Member::Replica(node), ProcessFault::Kill | ProcessFault::PowerLoss) => self.end(node).await,
            (Member::Replica(node), ProcessFault::Wipe) => {
                self.end(node).await;
                self.running.wipe(node).await;
            }
            (Member::Replica(node), ProcessFault::Stop) => {
                self.running.stop(node).await;
                self.down.insert(member);
            }
            (Member::Replica(node), ProcessFault::Restart) => {
                if self.down.remove(&member) {
                    self.restarts += 1;
                    // One whose disk has failed may not have met the error yet.
                    self.running.crash(node).await;
                    self.running.restart(node).await;
                }
            }
            (Member::Replica(node), ProcessFault::Pause) => {
                self.running.pause(node).await;
                self.paused.insert(node);
            }
            (Member::Replica(node), ProcessFault::Resume) => {
                self.paused.remove(&node);
                self.running.resume(node).await;
            }
            (Member::Controller(node), ProcessFault::Kill) => {
                self.running.crash_controller(node).await;
                self.down.insert(member);
            }
            (Member::Controller(node), ProcessFault::Restart) => {
                if self.down.remove(&member) {
                    self.running.restart_controller(node).await;
                }
            }
            (member, fault) => panic!("no row does this to {member}: {fault:?}"),
        }
    }

    async fn end(&mut self, node: NodeId) {
        self.running.crash(node).await;
        self.down.insert(Member::Replica(node));
    }

    async fn network(&mut self, fault: &NetworkFault) -> Result<(), LaunchError> {
        match fault {
            NetworkFault::Cut { .. } | NetworkFault::Split { .. } => self.network.push(fault.clone()),
            NetworkFault::Heal { from, to } => self.ended(&NetworkFault::Cut { from: *from, to: *to }),
            NetworkFault::Join { side } => self.ended(&NetworkFault::Split { side: side.clone() }),
            _ => panic!("a fault of the network was let through, though processes cannot have it"),
        }
        self.cut().await
    }

    fn ended(&mut self, fault: &NetworkFault) {
        if let Some(at) = self.network.iter().position(|on| on == fault) {
            self.network.remove(at);
        }
    }

    /// Tells all what is cut now.
    async fn cut(&mut self) -> Result<(), LaunchError> {
        let cuts = self.cuts();
        for (client, barriers) in &self.clients {
            barriers.set(&self.running.barriers_of(*client, &cuts));
        }
        self.running.cut(&cuts).await
    }

    fn cuts(&self) -> BTreeSet<Cut> {
        let mut all = self.running.members();
        all.extend(self.clients.keys().map(|client| Member::Client(*client)));
        let cuts = self.network.iter().flat_map(|fault| match fault {
            NetworkFault::Cut { from, to } => {
                vec![Cut { from: self.cast.member(*from), to: self.cast.member(*to) }]
            }
            NetworkFault::Split { side } => {
                let side: BTreeSet<Member> = side.iter().map(|node| self.cast.member(*node)).collect();
                let others: Vec<Member> = all.difference(&side).copied().collect();
                let pairs = side.iter().flat_map(|one| others.iter().map(|other| (*one, *other)));
                pairs.flat_map(|(from, to)| [Cut { from, to }, Cut { from: to, to: from }]).collect()
            }
            _ => Vec::new(),
        });
        cuts.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flapping_link_is_cut_both_ways_for_half_of_the_time() {
        let fault: Fault = "flap 1-3 300ms".parse().unwrap();
        let lasts = Some(Duration::from_millis(900));
        let schedule = Schedule { episodes: vec![Episode { at: Moment(0), lasts, fault }] };
        let told: Vec<String> =
            steps(&schedule).iter().map(|(at, fault)| format!("{} {fault}", at.0 / 1_000_000)).collect();
        assert_eq!(
            told,
            [
                "0 cut 1>3",
                "0 cut 3>1",
                "300 heal 1>3",
                "300 heal 3>1",
                "600 cut 1>3",
                "600 cut 3>1",
                "900 heal 1>3",
                "900 heal 3>1",
            ]
        );
    }

    #[test]
    fn a_fault_that_processes_cannot_have_says_why() {
        let verdict = |text: &str| possible(&text.parse().unwrap());
        assert_eq!(verdict("kill 1"), Ok(()));
        assert_eq!(verdict("split 1"), Ok(()));
        assert_eq!(verdict("power-loss 1"), Ok(()));
        assert_eq!(verdict("full 1"), Ok(()));
        for text in ["power-loss-midway 1", "drift 1 0.5", "delay 1>2 50ms"] {
            assert!(verdict(text).is_err(), "{text}");
        }
    }
}
