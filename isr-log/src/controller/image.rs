//! The image: what the metadata records say when they are applied in order, the same wherever that is done.

mod membership;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use partition::ids::{NodeId, Offset, PartitionId};

use super::command::{AlterInSync, Command, ControllerEpoch, Record, Registration};
use super::rejection::Rejection;
use crate::metadata::{Incarnation, PartitionSpec, PartitionState};
use membership::Change;

/// The most replicas of a partition: each costs the leader a parked fetch, and nobody runs more (`compare` asks for less).
pub const REPLICAS_MAX: usize = 32;
/// The most brokers: bounds what strangers who register can make a controller remember.
pub const BROKERS_MAX: usize = 1024;

/// All that the records have decided so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    applied_to: Offset,
    epoch: ControllerEpoch,
    controller: Option<NodeId>,
    brokers: Brokers,
    partitions: BTreeMap<PartitionId, Arc<PartitionState>>,
}

/// The brokers that have ever registered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Brokers(BTreeMap<NodeId, Broker>);

/// One broker, in its present life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broker {
    /// The life.
    pub incarnation: Incarnation,
    /// The first life that used the disk it has now: a wiped disk starts anew (H-02).
    pub disk_since: Incarnation,
    /// Whether it counts.
    pub standing: Standing,
}

/// Whether a broker counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It may lead and be in sync.
    Alive,
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
        self.applied_to = at.next();
        if let Command::Claim { node } = record.command {
            return self.claim(node, record.epoch);
        }
        self.in_office(record.epoch)?;
        match &record.command {
            Command::Claim { .. } => unreachable!("handled above"),
            Command::CreatePartition(spec) => self.create(spec),
            Command::Register(registration) => self.register(Incarnation(at), registration),
            Command::Fence { broker, incarnation } => self.fence(at, *broker, *incarnation),
            Command::Unfence { broker, incarnation } => self.unfence(*broker, *incarnation),
            Command::AlterInSync(change) => self.alter(change),
        }
    }

    fn in_office(&self, found: ControllerEpoch) -> Result<(), Rejection> {
        if found == self.epoch {
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
        let alive = |node: &NodeId| Some((*node, self.brokers.alive(*node)?));
        let in_sync: BTreeMap<_, _> = spec.replicas.iter().filter_map(alive).collect();
        if in_sync.len() < spec.min_isr {
            return Err(Rejection::TooFewAlive { alive: in_sync.len(), needed: spec.min_isr });
        }
        let state = membership::settle(&PartitionState::undecided(spec.clone()), in_sync, &self.brokers)
            .expect("a leader is elected");
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
        let disk_since = match (former, wish.disk.life()) {
            (Some(former), Some(kept)) if former.disk_holds(kept) => former.disk_since,
            _ => life,
        };
        let standing = Standing::Fenced { since: life.0 };
        self.brokers.0.insert(wish.node, Broker { incarnation: life, disk_since, standing });
        Ok(self.settle_all(wish.node, Change::Reborn { life, disk_since }))
    }

    fn fence(&mut self, at: Offset, node: NodeId, life: Incarnation) -> Result<Applied, Rejection> {
        let broker = self.living(node, life)?;
        if broker.standing != Standing::Alive {
            return Err(Rejection::NothingToDo(node));
        }
        broker.standing = Standing::Fenced { since: at };
        Ok(self.settle_all(node, Change::Fenced))
    }

    fn unfence(&mut self, node: NodeId, life: Incarnation) -> Result<Applied, Rejection> {
        let broker = self.living(node, life)?;
        if broker.standing == Standing::Alive {
            return Err(Rejection::NothingToDo(node));
        }
        broker.standing = Standing::Alive;
        Ok(self.settle_all(node, Change::Unfenced))
    }

    fn alter(&mut self, change: &AlterInSync) -> Result<Applied, Rejection> {
        let missing = || Rejection::NoSuchPartition(change.partition.clone());
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
        let eligible = |node: NodeId, life: Incarnation| {
            state.spec.replicas.contains(&node) && self.brokers.is_alive_as(node, life)
        };
        if let Some((node, _)) = change.in_sync.iter().find(|(node, life)| !eligible(**node, **life)) {
            return Err(Rejection::Ineligible(*node));
        }
        // Its leader is in sync and alive, so it stays. The version rises even when the set is the one on record: that is how a
        // leader makes sure that no lost copy of an earlier proposal can count any more (H-14).
        let (in_sync, version) = (change.in_sync.clone(), state.version.next());
        *state = Arc::new(PartitionState { in_sync, version, ..PartitionState::clone(state) });
        Ok(Applied { partitions: vec![change.partition.clone()] })
    }

    fn living(&mut self, broker: NodeId, incarnation: Incarnation) -> Result<&mut Broker, Rejection> {
        let found = self.brokers.0.get_mut(&broker).filter(|found| found.incarnation == incarnation);
        found.ok_or(Rejection::NotThatLife { broker, incarnation })
    }

    /// What happened to a broker, carried into every partition: in-sync sets and elections, in one atom (H-13).
    fn settle_all(&mut self, node: NodeId, change: Change) -> Applied {
        let mut applied = Applied::default();
        for (id, state) in &mut self.partitions {
            let in_sync = membership::after(&state.in_sync, node, change);
            if let Some(settled) = membership::settle(state, in_sync, &self.brokers) {
                *state = Arc::new(settled);
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
