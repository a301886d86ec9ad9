//! The image: what the metadata records say when they are applied in order, the same wherever that is done.

mod comparison;
mod membership;
pub(in crate::controller) mod poll;
mod reassignment;
mod snapshot;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use partition::ids::{NodeId, Offset, PartitionId};

use super::command::{AlterInSync, Command, ControllerEpoch, Disk, Record, Registration};
use super::lease::Leases;
use super::rejection::Rejection;
use crate::metadata::{CommitRule, Incarnation, Members, PartitionSpec, PartitionState, Recovery};
use crate::mutant::{Mutant, Mutated};
use crate::rules::HistoricRules;
use membership::{Change, End, Rebirth, Sets, Settling};
use serde::{Deserialize, Serialize};
pub use snapshot::Snapshot;

/// The most replicas of a partition: each costs the leader a parked fetch, and nobody runs more (`compare` asks for less).
pub const REPLICAS_MAX: usize = 32;
/// The most brokers: bounds what strangers who register can make a controller remember.
pub const BROKERS_MAX: usize = 1024;
/// The most partitions: a snapshot of them all, some 100 to 700 bytes each, has to fit one batch.
pub const PARTITIONS_MAX: usize = 1024;

/// All that the records have decided so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    applied_to: Offset,
    snapshot_at: Option<Offset>,
    epoch: ControllerEpoch,
    controller: Option<NodeId>,
    rules: HistoricRules,
    leases: Leases,
    brokers: Brokers,
    partitions: BTreeMap<PartitionId, Arc<PartitionState>>,
    /// A rule that is broken, in a simulation.
    #[serde(skip)]
    mutated: Mutated,
}

/// The brokers that have ever registered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Brokers(BTreeMap<NodeId, Broker>);

/// One broker, in its present life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Broker {
    /// The life.
    pub incarnation: Incarnation,
    /// The first life that used the disk it has now: a wiped disk starts anew (H-02).
    pub disk_since: Incarnation,
    /// Whether it counts.
    pub standing: Standing,
}

/// Whether a broker counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Standing {
    /// It may lead and be in sync.
    Alive,
    /// It is going to stop, and may do neither any more.
    Leaving,
    /// It may not, until it has been heard from and has read the record that says so.
    Fenced {
        /// Where that record lies.
        since: Offset,
    },
}

/// What a record that counts has changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// The partitions whose state is another one now.
    pub partitions: Vec<PartitionId>,
}

impl Brokers {
    /// The broker, if it ever registered.
    #[must_use]
    pub fn get(&self, node: NodeId) -> Option<&Broker> {
        self.0.get(&node)
    }

    /// Whether the broker may lead and be in sync in that life.
    #[must_use]
    pub fn is_alive_as(&self, node: NodeId, incarnation: Incarnation) -> bool {
        self.alive(node) == Some(incarnation)
    }

    /// The broker's life, if it may lead and be in sync.
    #[must_use]
    pub fn alive(&self, node: NodeId) -> Option<Incarnation> {
        let broker = self.get(node)?;
        (broker.standing == Standing::Alive).then_some(broker.incarnation)
    }

    /// All that may lead and be in sync.
    pub fn all_alive(&self) -> impl Iterator<Item = (NodeId, Incarnation)> {
        self.0.keys().filter_map(|node| Some((*node, self.alive(*node)?)))
    }
}

impl Image {
    /// Nothing is applied yet; in a simulation, a rule may be broken.
    #[must_use]
    pub fn mutated(mutated: Mutated) -> Self {
        Self { mutated, ..Self::default() }
    }

    /// All below it is applied.
    #[must_use]
    pub fn applied_to(&self) -> Offset {
        self.applied_to
    }

    /// The controller epoch in office; zero before the first claim.
    #[must_use]
    pub fn epoch(&self) -> ControllerEpoch {
        self.epoch
    }

    /// Where the newest snapshot lies that counts: nothing below it is needed any more.
    #[must_use]
    pub fn snapshot_at(&self) -> Option<Offset> {
        self.snapshot_at
    }

    /// The rules that hold.
    #[must_use]
    pub fn rules(&self) -> HistoricRules {
        self.rules
    }

    /// Whether, and on what terms, leases may have been granted.
    #[must_use]
    pub fn leases(&self) -> Leases {
        self.leases
    }

    /// The controller in office.
    #[must_use]
    pub fn controller(&self) -> Option<NodeId> {
        self.controller
    }

    /// The brokers.
    #[must_use]
    pub fn brokers(&self) -> &Brokers {
        &self.brokers
    }

    /// One partition.
    #[must_use]
    pub fn partition(&self, id: &PartitionId) -> Option<&Arc<PartitionState>> {
        self.partitions.get(id)
    }

    /// All partitions.
    pub fn partitions(&self) -> impl Iterator<Item = &Arc<PartitionState>> {
        self.partitions.values()
    }

    /// Applies the record at `at`. A record that does not count changes nothing but how far is applied.
    ///
    /// # Errors
    /// Why it does not count.
    ///
    /// # Panics
    /// When applied out of order.
    pub fn apply(&mut self, at: Offset, record: &Record) -> Result<Applied, Rejection> {
        assert!(at >= self.applied_to, "record {at} applied after {}", self.applied_to);
        let before = std::mem::replace(&mut self.applied_to, at.next());
        match &record.command {
            Command::Claim { node } => return self.claim(*node, record.epoch),
            Command::Snapshot(snapshot) => return self.rest_on(at, before, snapshot),
            _ => self.in_office(record.epoch)?,
        }
        match &record.command {
            Command::Claim { .. } | Command::Snapshot(_) => unreachable!("handled above"),
            Command::CreatePartition(spec) => self.create(spec),
            Command::Register(registration) => self.register(Incarnation(at), registration),
            Command::Fence { broker, incarnation } => self.fence(at, *broker, *incarnation),
            Command::Unfence { broker, incarnation } => self.unfence(*broker, *incarnation),
            Command::AlterInSync(change) => self.alter(change),
            Command::Leave { broker, incarnation } => self.leave(*broker, *incarnation),
            Command::ElectPreferred(partition) => self.elect_preferred(partition),
            Command::Reassign(wish) => self.reassign(wish),
            Command::CancelReassignment(partition) => self.cancel_reassignment(partition),
            Command::ReportLog(report) => self.report_log(report),
            Command::SetRules(rules) => {
                self.rules = *rules;
                Ok(Applied::default())
            }
            Command::SetLeases(leases) => {
                self.leases = *leases;
                Ok(Applied::default())
            }
        }
    }

    fn in_office(&self, found: ControllerEpoch) -> Result<(), Rejection> {
        if found == self.epoch || self.mutated.breaks(Mutant::ResumeOffice) {
            return Ok(());
        }
        Err(Rejection::StaleController { current: self.epoch, found })
    }

    fn claim(&mut self, node: NodeId, claimed: ControllerEpoch) -> Result<Applied, Rejection> {
        if claimed != self.epoch.next() {
            return Err(Rejection::StaleController { current: self.epoch, found: claimed });
        }
        self.epoch = claimed;
        self.controller = Some(node);
        Ok(Applied::default())
    }

    fn create(&mut self, spec: &PartitionSpec) -> Result<Applied, Rejection> {
        if self.partitions.contains_key(&spec.id) {
            return Err(Rejection::Exists(spec.id.clone()));
        }
        verify(spec)?;
        if self.partitions.len() >= PARTITIONS_MAX {
            return Err(Rejection::TooManyPartitions { limit: PARTITIONS_MAX });
        }
        let alive = |node: &NodeId| Some((*node, self.brokers.alive(*node)?));
        let in_sync: Members = spec.replicas.iter().filter_map(alive).collect();
        if in_sync.len() < spec.min_isr {
            return Err(Rejection::TooFewAlive { alive: in_sync.len(), needed: spec.min_isr });
        }
        let (new, sets) = (PartitionState::undecided(spec.clone()), Sets::of_new(in_sync));
        let state =
            membership::settle(&new, sets, &self.brokers, self.settling()).expect("a leader is elected");
        self.partitions.insert(spec.id.clone(), Arc::new(state));
        Ok(Applied { partitions: vec![spec.id.clone()] })
    }

    fn register(&mut self, life: Incarnation, wish: &Registration) -> Result<Applied, Rejection> {
        let former = self.brokers.get(wish.node).copied();
        let current = former.map(|broker| broker.incarnation);
        if wish.replaces != current {
            return Err(Rejection::Superseded { current });
        }
        if former.is_none() && self.brokers.0.len() >= BROKERS_MAX {
            return Err(Rejection::TooManyBrokers { limit: BROKERS_MAX });
        }
        let kept = former.zip(wish.disk.life()).filter(|(former, kept)| former.disk_holds(*kept));
        let kept = kept.map(|(former, _)| former);
        let kept = if self.mutated.breaks(Mutant::WipedDiskPasses) { former } else { kept };
        let disk_since = kept.map_or(life, |former| former.disk_since);
        let ended = match wish.disk {
            Disk::Clean(_) => End::Clean,
            Disk::Fresh | Disk::Crashed(_) => End::Unclean,
            Disk::Unsynced(_) => End::Unsynced,
        };
        let standing = Standing::Fenced { since: life.0 };
        if self.mutated.breaks(Mutant::ResumeEpoch) && former.is_some() {
            let standing = Standing::Alive;
            self.brokers.0.insert(wish.node, Broker { incarnation: life, disk_since, standing });
            return Ok(self.resume(wish.node, life));
        }
        self.brokers.0.insert(wish.node, Broker { incarnation: life, disk_since, standing });
        Ok(self.settle_all(wish.node, Change::Reborn(Rebirth { life, disk_since, former: ended })))
    }

    fn fence(&mut self, at: Offset, node: NodeId, life: Incarnation) -> Result<Applied, Rejection> {
        let broker = self.living(node, life)?;
        if broker.standing != Standing::Alive {
            return Err(Rejection::NothingToDo(node));
        }
        broker.standing = Standing::Fenced { since: at };
        if self.mutated.breaks(Mutant::FenceWithoutElection) {
            return Ok(Applied::default());
        }
        Ok(self.settle_all(node, Change::Gone))
    }

    fn leave(&mut self, node: NodeId, life: Incarnation) -> Result<Applied, Rejection> {
        let broker = self.living(node, life)?;
        if broker.standing != Standing::Alive {
            return Err(Rejection::NothingToDo(node));
        }
        self.has_successors(node)?;
        let broker = self.living(node, life)?;
        broker.standing = Standing::Leaving;
        Ok(self.settle_all(node, Change::Gone))
    }

    fn unfence(&mut self, node: NodeId, life: Incarnation) -> Result<Applied, Rejection> {
        let broker = self.living(node, life)?;
        let Standing::Fenced { .. } = broker.standing else {
            return Err(Rejection::NothingToDo(node));
        };
        broker.standing = Standing::Alive;
        Ok(self.settle_all(node, Change::Unfenced))
    }

    fn alter(&mut self, change: &AlterInSync) -> Result<Applied, Rejection> {
        let missing = || Rejection::NoSuchPartition(change.partition.clone());
        let settling = self.settling();
        let state = self.partitions.get_mut(&change.partition).ok_or_else(missing)?;
        if state.leader != Some(change.leader) || state.epoch != change.epoch {
            return Err(Rejection::NotLeader { leader: state.leader, epoch: state.epoch });
        }
        if state.version != change.version {
            return Err(Rejection::StaleVersion { current: state.version });
        }
        if !change.in_sync.contains_key(&change.leader) {
            return Err(Rejection::WithoutLeader);
        }
        let enough = state.spec.commit == CommitRule::EnoughInSync;
        let eligible = |node: NodeId, life: Incarnation| {
            let any = self.mutated.breaks(Mutant::AnyBrokerEpoch) && self.brokers.alive(node).is_some();
            let stays = enough && state.in_sync.get(&node) == Some(&life);
            state.spec.replicas.contains(&node) && (any || stays || self.brokers.is_alive_as(node, life))
        };
        if let Some((node, _)) = change.in_sync.iter().find(|(node, life)| !eligible(**node, **life)) {
            return Err(Rejection::Ineligible(*node));
        }
        if enough && change.in_sync.len() < state.min_isr() {
            return Err(Rejection::TooSmall { found: change.in_sync.len(), needed: state.min_isr() });
        }
        let alone = change.in_sync.len() == 1;
        if state.recovery == Recovery::Pending && !alone {
            return Err(Rejection::Recovering);
        }
        // Its leader is in sync and alive, so it stays. The version rises even when the set is the one on record: that is how a
        // leader makes sure that no lost copy of an earlier proposal can count any more (H-14).
        let sets = Sets::altered(state, change.in_sync.clone(), self.rules);
        let mut altered = PartitionState::clone(state);
        altered.passed_over.retain(|node, _| !change.in_sync.contains_key(node));
        altered.recovery = Recovery::Done;
        altered.version = state.version.next();
        sets.put_into(&mut altered);
        if enough {
            altered.witnesses = poll::still_doubtful(state, &change.in_sync);
        }
        *state = Arc::new(reassignment::completed(altered, &self.brokers, settling));
        Ok(Applied { partitions: vec![change.partition.clone()] })
    }

    /// The first of the assigned replicas leads again: it is in sync, so nothing is lost by it. Where enough in sync suffice
    /// that does not follow: it may lack what others have committed, and to know it takes a poll, which a wish is not worth.
    fn elect_preferred(&mut self, id: &PartitionId) -> Result<Applied, Rejection> {
        let missing = || Rejection::NoSuchPartition(id.clone());
        let state = self.partitions.get_mut(id).ok_or_else(missing)?;
        let preferred = *state.spec.replicas.first().expect("a partition has replicas");
        if state.leader == Some(preferred) {
            return Err(Rejection::NothingToDo(preferred));
        }
        let lives = |life: &Incarnation| self.brokers.is_alive_as(preferred, *life);
        let known_to_have_all = state.spec.commit == CommitRule::AllInSync;
        if !known_to_have_all
            || !state.in_sync.get(&preferred).is_some_and(lives)
            || state.recovery == Recovery::Pending
        {
            return Err(Rejection::MayNotLead(preferred));
        }
        *state = Arc::new(membership::elected(state, preferred));
        Ok(Applied { partitions: vec![id.clone()] })
    }

    fn living(&mut self, broker: NodeId, incarnation: Incarnation) -> Result<&mut Broker, Rejection> {
        let found = self.brokers.0.get_mut(&broker).filter(|found| found.incarnation == incarnation);
        found.ok_or(Rejection::NotThatLife { broker, incarnation })
    }

    fn settling(&self) -> Settling {
        Settling { rules: self.rules, mutated: self.mutated }
    }

    /// A new life takes the place of the old one wherever that was in sync, and leads on where it led.
    fn resume(&mut self, node: NodeId, life: Incarnation) -> Applied {
        let mut applied = Applied::default();
        for (id, state) in &mut self.partitions {
            if state.in_sync.contains_key(&node) {
                let mut resumed = PartitionState::clone(state);
                resumed.in_sync.insert(node, life);
                resumed.version = state.version.next();
                *state = Arc::new(resumed);
                applied.partitions.push(id.clone());
            }
        }
        applied
    }

    /// What happened to a broker, carried into every partition: in-sync sets and elections, in one atom (H-13).
    fn settle_all(&mut self, node: NodeId, change: Change) -> Applied {
        let mut applied = Applied::default();
        let settling = self.settling();
        for (id, state) in &mut self.partitions {
            let settled = match state.spec.commit {
                CommitRule::AllInSync => {
                    let sets = Sets::after(state, node, change, self.rules);
                    membership::settle(state, sets, &self.brokers, settling)
                }
                CommitRule::EnoughInSync => poll::settle(state, node, change, &self.brokers, self.mutated),
            };
            if let Some(settled) = settled {
                *state = Arc::new(reassignment::completed(settled, &self.brokers, settling));
                applied.partitions.push(id.clone());
            }
        }
        applied
    }
}

impl Broker {
    /// Whether the disk it has now is one that holds what that life wrote.
    fn disk_holds(&self, life: Incarnation) -> bool {
        self.disk_since <= life && life <= self.incarnation
    }
}

/// Whether a partition can be so; checked where it is asked for, too, to refuse it early.
///
/// # Errors
/// [`Rejection::Impossible`], with the reason.
pub fn verify(spec: &PartitionSpec) -> Result<(), Rejection> {
    let impossible = |why: String| Err(Rejection::Impossible(why));
    let count = spec.replicas.len();
    if count == 0 || count > REPLICAS_MAX {
        return impossible(format!("{count} replicas, not 1 to {REPLICAS_MAX}"));
    }
    if spec.min_isr == 0 || spec.min_isr > count {
        return impossible(format!("a minimum of {} in sync among {count} replicas", spec.min_isr));
    }
    let twice = spec.replicas.iter().enumerate().find(|(at, node)| spec.replicas[..*at].contains(node));
    match twice {
        Some((_, node)) => impossible(format!("node {node} twice")),
        None => Ok(()),
    }
}
