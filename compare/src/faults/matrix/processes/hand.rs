//! Commits the faults of a schedule to processes: signals, cuts, delays, and orders to disks.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::FutureExt;
use partition::clock::{Clock, Moment};
use partition::cluster::Cluster;
use partition::fault::{DiskFault, Episode, Fault, Felt, NetworkFault, ProcessFault, Schedule};
use partition::ids::NodeId;
use partition::transport::barred::Barriers;

use super::cast::Cast;
use crate::faults::matrix::story::Event;
use crate::node::DiskTerms;
use crate::system::{Cut, LaunchError, LinkTerms, LongerLinks, Member, Running};

/// The disks that nodes need for these faults, and how that is said.
pub(in crate::faults::matrix) fn disk(schedule: &Schedule) -> (DiskTerms, Option<&'static str>) {
    let has = |wanted: fn(&Fault) -> bool| schedule.episodes.iter().any(|episode| wanted(&episode.fault));
    let forgets = has(|fault| matches!(fault, Fault::Process { fault: ProcessFault::PowerLoss, .. }));
    let fails = has(|fault| matches!(fault, Fault::Disk { .. }));
    if forgets {
        let said = "power: what was not synced is in the memory of each process (injected), which is killed";
        (if fails { DiskTerms::Both } else { DiskTerms::Forgetful }, Some(said))
    } else if fails {
        (
            DiskTerms::Troubled,
            Some("disk: a layer over the files of each process that fails on demand (injected)"),
        )
    } else {
        (DiskTerms::Plain, None)
    }
}

/// The links that nodes need for these faults, and how that is said.
pub(in crate::faults::matrix) fn links(schedule: &Schedule) -> (LinkTerms, Option<&'static str>) {
    let is_late = |episode: &Episode| matches!(episode.fault, Fault::Network(NetworkFault::Delay { .. }));
    if schedule.episodes.iter().any(is_late) {
        (LinkTerms::Yielding, Some("links: a layer in each process that holds frames (injected)"))
    } else {
        (LinkTerms::Plain, None)
    }
}

/// Whether processes can have this fault; if not, why.
pub(in crate::faults::matrix) fn possible(fault: &Fault) -> Result<(), &'static str> {
    match fault {
        Fault::Network(
            NetworkFault::Cut { .. }
            | NetworkFault::Split { .. }
            | NetworkFault::Flap { .. }
            | NetworkFault::Delay { .. },
        ) => Ok(()),
        Fault::Network(_) => {
            Err("the transport of processes has barriers and delays, and loses nothing by chance")
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
    /// Links that are longer than usual.
    longer: LongerLinks,
    down: BTreeSet<Member>,
    paused: BTreeSet<NodeId>,
    /// Faults of disks whose processes stand still.
    deferred: Vec<(NodeId, DiskFault)>,
    restarts: u64,
    felt: Felt,
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
        let (network, longer, down, paused, deferred, felt, events) = Default::default();
        let clock = clock.clone();
        let restarts = 0;
        Self {
            running,
            cast,
            clients,
            network,
            longer,
            down,
            paused,
            deferred,
            restarts,
            felt,
            clock,
            events,
        }
    }

    /// Replicas that were started again so far.
    pub(super) fn restarts(&self) -> u64 {
        self.restarts
    }

    /// How often cuts and faults of disks were felt; by then they have ended.
    pub(super) fn felt(&self) -> Felt {
        self.felt + self.clients.values().map(Barriers::felt).sum()
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
            Fault::Process { node, fault } => self.process(self.cast.member(*node), *fault).await,
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
        if !self.longer.is_empty() {
            self.longer.clear();
            self.lengthen().await?;
        }
        for node in self.paused.clone() {
            self.resume(node).await?;
        }
        self.felt += self.running.felt().await?;
        for node in self.running.replicas() {
            if self.running.has_ended(node) {
                self.down.insert(Member::Replica(node));
            }
        }
        // Controllers are down first in order, and come up first: replicas ask them.
        for member in self.down.clone().into_iter().rev() {
            self.process(member, ProcessFault::Restart).await?;
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
        if self.paused.contains(&node) {
            // Who stands still hears of nothing.
            self.deferred.push((node, fault.clone()));
            return Ok(());
        }
        if self.down.contains(&Member::Replica(node)) {
            // Its next life has a disk that is well.
            return Ok(());
        }
        if self.running.has_ended(node) {
            // It found no room when it began. Whoever supervises it begins again when there is some.
            self.down.insert(Member::Replica(node));
            return match fault {
                DiskFault::Freed => {
                    self.process(Member::Replica(node), ProcessFault::Restart).boxed_local().await
                }
                _ => Ok(()),
            };
        }
        if matches!(fault, DiskFault::SyncError | DiskFault::WriteError) {
            // It stops by itself when it has met the error.
            self.down.insert(Member::Replica(node));
        }
        self.running.trouble(node, fault).await
    }

    async fn process(&mut self, member: Member, fault: ProcessFault) -> Result<(), LaunchError> {
        match (member, fault) {
            (Member::Replica(node), ProcessFault::PowerLoss) => {
                self.running.lose_power(node).await;
                self.down.insert(member);
            }
            // Its machine lives on: a disk that forgets with its process is told not to.
            (Member::Replica(node), ProcessFault::Kill) => {
                self.running.keep(node).await?;
                self.end(node).await;
            }
            (Member::Replica(node), ProcessFault::Wipe) => {
                self.end(node).await;
                self.running.wipe(node).await;
            }
            (Member::Replica(node), ProcessFault::Stop) => {
                self.running.keep(node).await?;
                self.running.stop(node).await;
                self.down.insert(member);
            }
            (Member::Replica(node), ProcessFault::Restart) => {
                if self.down.remove(&member) {
                    self.restarts += 1;
                    self.felt += self.running.felt_by(node).await?;
                    // One whose disk has failed may not have met the error yet.
                    self.running.crash(node).await;
                    self.running.restart(node).await;
                    self.tell_again(member).await?;
                }
            }
            (Member::Replica(node), ProcessFault::Pause) => {
                self.running.pause(node).await;
                self.paused.insert(node);
            }
            (Member::Replica(node), ProcessFault::Resume) => self.resume(node).await?,
            (Member::Controller(node), ProcessFault::Kill) => {
                self.running.crash_controller(node).await;
                self.down.insert(member);
            }
            (Member::Controller(node), ProcessFault::Restart) => {
                if self.down.remove(&member) {
                    self.running.restart_controller(node).await;
                    self.tell_again(member).await?;
                }
            }
            (member, fault) => panic!("no row does this to {member}: {fault:?}"),
        }
        Ok(())
    }

    /// Lets one that stood still go on, and tells it what it has missed.
    async fn resume(&mut self, node: NodeId) -> Result<(), LaunchError> {
        self.paused.remove(&node);
        self.running.resume(node).await;
        // Of cuts that have ended meanwhile, too.
        self.running.cut_at(Member::Replica(node)).await?;
        self.running.lengthen_at(Member::Replica(node), &self.longer).await?;
        let (missed, others) =
            std::mem::take(&mut self.deferred).into_iter().partition(|(whose, _)| *whose == node);
        self.deferred = others;
        for (node, fault) in missed {
            self.disk(node, &fault).await?;
        }
        Ok(())
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
            NetworkFault::Delay { from, to, by } => {
                let link = (self.cast.member(*from), self.cast.member(*to));
                self.longer.remove(&link);
                self.longer.extend((!by.is_zero()).then_some((link, *by)));
                return self.lengthen().await;
            }
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
        // Who stands still does not answer, and hears of it when it goes on.
        let away = self.running.members().into_iter().filter(|member| self.is_away(*member)).collect();
        self.running.cut(&cuts, &away).await
    }

    /// Tells all which links are longer now.
    async fn lengthen(&mut self) -> Result<(), LaunchError> {
        for client in self.clients.keys() {
            self.running.lengthen_for_clients(*client, &self.longer);
        }
        for member in self.running.members() {
            if !self.is_away(member) {
                self.running.lengthen_at(member, &self.longer).await?;
            }
        }
        Ok(())
    }

    /// Tells one that was started again which links are longer; of cuts it has heard.
    async fn tell_again(&mut self, member: Member) -> Result<(), LaunchError> {
        if self.is_away(member) || self.longer.is_empty() {
            return Ok(());
        }
        self.running.lengthen_at(member, &self.longer).await
    }

    fn is_away(&self, member: Member) -> bool {
        let paused = matches!(member, Member::Replica(node) if self.paused.contains(&node));
        paused || self.down.contains(&member)
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
        assert_eq!(verdict("delay 1>2 50ms"), Ok(()));
        for text in ["power-loss-midway 1", "drift 1 0.5", "loss 1>2 0.1"] {
            assert!(verdict(text).is_err(), "{text}");
        }
    }
}
