//! What the replica runtime is told of the metadata records, and when. Pure.

use std::collections::BTreeSet;
use std::sync::Arc;

use partition::ids::{NodeId, Offset, PartitionId};

use super::BrokerEvent;
use crate::controller::command::Record;
use crate::controller::image::{Image, Standing};
use crate::metadata::Incarnation;
use crate::mutant::Mutated;

/// Applies records, and picks out what concerns one broker in its present life.
#[derive(Debug)]
pub(super) struct Delivery {
    node: NodeId,
    image: Image,
    life: Life,
    /// The partitions of which this broker was told that it replicates them.
    mine: BTreeSet<PartitionId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    /// Not registered: nothing is told.
    Unborn,
    /// Registered, but that record has not been applied here: nothing is told yet (H-01).
    Awaited(Incarnation),
    /// Told of.
    Begun(Incarnation),
    /// Another life has taken its place.
    Over,
}

impl Delivery {
    pub(super) fn new(node: NodeId, mutated: Mutated) -> Self {
        Self { node, image: Image::mutated(mutated), life: Life::Unborn, mine: BTreeSet::new() }
    }

    pub(super) fn image(&self) -> &Image {
        &self.image
    }

    /// Whether another life has taken the place of this one.
    pub(super) fn is_over(&self) -> bool {
        self.life == Life::Over
    }

    /// Whether this life is registered here, and fenced.
    pub(super) fn is_fenced(&self) -> bool {
        matches!((self.life, self.standing()), (Life::Begun(_), Some(Standing::Fenced { .. })))
    }

    fn standing(&self) -> Option<Standing> {
        Some(self.image.brokers().get(self.node)?.standing)
    }

    /// A controller has registered this broker, under this name.
    pub(super) fn registered(&mut self, incarnation: Incarnation) -> Vec<BrokerEvent> {
        assert_eq!(self.life, Life::Unborn, "a life begins once");
        self.life = Life::Awaited(incarnation);
        let mut events = Vec::new();
        self.begin(&mut events);
        events
    }

    /// A controller says that another life is registered.
    pub(super) fn replaced(&mut self) -> Vec<BrokerEvent> {
        let first = self.life != Life::Over;
        self.life = Life::Over;
        if first { vec![BrokerEvent::Replaced] } else { Vec::new() }
    }

    /// Records were read.
    pub(super) fn read(&mut self, records: &[(Offset, Record)]) -> Vec<BrokerEvent> {
        let mut events = Vec::new();
        for (at, record) in records {
            let stood = self.standing();
            // A record that does not count changes nothing, here as everywhere.
            let changed =
                self.image.apply(*at, record).map_or_else(|_| Vec::new(), |applied| applied.partitions);
            match self.life {
                Life::Unborn | Life::Over => {}
                Life::Awaited(_) => self.begin(&mut events),
                Life::Begun(life) if self.registered_life() != Some(life) => events.extend(self.replaced()),
                Life::Begun(_) => {
                    for state in changed.iter().filter_map(|id| self.image.partition(id)) {
                        let is_mine = state.spec.replicas.contains(&self.node);
                        if is_mine {
                            self.mine.insert(state.spec.id.clone());
                            events.push(BrokerEvent::Partition(Arc::clone(state)));
                        } else if self.mine.remove(&state.spec.id) {
                            events.push(BrokerEvent::NotAReplica(Arc::clone(state)));
                        }
                    }
                    if stood != Some(Standing::Leaving) && self.standing() == Some(Standing::Leaving) {
                        events.push(BrokerEvent::Left);
                    }
                }
            }
        }
        events
    }

    /// Begins to tell, once the registration has been applied: first of all partitions as they are now.
    fn begin(&mut self, events: &mut Vec<BrokerEvent>) {
        let Life::Awaited(life) = self.life else {
            return;
        };
        match self.registered_life() {
            Some(current) if current == life => {
                self.life = Life::Begun(life);
                events.push(BrokerEvent::Registered(life));
                for state in self.image.partitions() {
                    if state.spec.replicas.contains(&self.node) {
                        self.mine.insert(state.spec.id.clone());
                        events.push(BrokerEvent::Partition(Arc::clone(state)));
                    } else {
                        events.push(BrokerEvent::NotAReplica(Arc::clone(state)));
                    }
                }
            }
            Some(current) if current > life => events.extend(self.replaced()),
            Some(_) | None => {}
        }
    }

    fn registered_life(&self) -> Option<Incarnation> {
        Some(self.image.brokers().get(self.node)?.incarnation)
    }
}
