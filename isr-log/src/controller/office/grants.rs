//! Leases as an active controller grants them (H-16): one barrier for all who wait, and a note of who may hold one.

use std::collections::{BTreeMap, BTreeSet};

use partition::clock::Moment;
use partition::error::ReadError;
use partition::ids::{NodeId, Offset};

use super::{Asker, Duty, Effect, Office};
use crate::controller::lease::{Grant, Leases};
use crate::controller::message::{ControllerReply, Heard};
use crate::metadata::Incarnation;
use crate::mutant::Mutant;

/// The leases of one time in office.
#[derive(Debug)]
pub(super) struct Grants {
    /// Before it, any broker may hold a lease of an earlier controller.
    pub(super) settled_at: Moment,
    /// Until when a broker may hold one of this controller.
    pub(super) held_until: BTreeMap<NodeId, Moment>,
    /// From whom commands that wait, or are under way, would take leadership: they get no further lease.
    pub(super) outgoing: BTreeSet<NodeId>,
    /// When the first of the commands that wait for a lease may go.
    pub(super) free_at: Option<Moment>,
    /// Who came since the barrier under way began: the next one is theirs.
    asked: Vec<Wish>,
    /// Whose barrier is under way.
    barrier: Option<Vec<Wish>>,
    /// Whose barrier is passed, with how far the image must be applied.
    passed: Vec<(Offset, Wish)>,
}

/// A heartbeat that wants a lease.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish {
    pub(super) asker: Asker,
    pub(super) broker: NodeId,
    pub(super) life: Incarnation,
    /// When it was heard: the lease has begun before.
    pub(super) heard: Moment,
}

impl Grants {
    /// Those of a controller that takes office now, where leases of these terms may have been granted before.
    pub(super) fn new(now: Moment, before: Leases) -> Self {
        Self {
            settled_at: now.after(before.hold()),
            held_until: BTreeMap::new(),
            outgoing: BTreeSet::new(),
            free_at: None,
            asked: Vec::new(),
            barrier: None,
            passed: Vec::new(),
        }
    }

    /// How many wait for an answer.
    pub(super) fn waiting(&self) -> usize {
        self.asked.len() + self.barrier.as_ref().map_or(0, Vec::len) + self.passed.len()
    }

    /// All who wait: nothing is granted any more.
    pub(super) fn take_askers(&mut self) -> Vec<Asker> {
        let under_way = self.barrier.take().into_iter().flatten();
        let passed = std::mem::take(&mut self.passed).into_iter().map(|(_, wish)| wish);
        let asked = std::mem::take(&mut self.asked);
        passed.chain(under_way).chain(asked).map(|wish| wish.asker).collect()
    }

    /// Until when this broker may hold a lease; in the past when it holds none.
    pub(super) fn may_run_until(&self, broker: NodeId) -> Moment {
        self.held_until.get(&broker).map_or(self.settled_at, |until| self.settled_at.max(*until))
    }
}

impl Office {
    /// A broker in good standing wants a lease with its answer.
    pub(super) fn wishes(&mut self, wish: Wish, effects: &mut Vec<Effect>) {
        match &mut self.duty {
            Duty::Active(term) if self.config.leases != Leases::Off => term.grants.asked.push(wish),
            _ => effects.push(Effect::Answer(wish.asker, self.heard(wish.broker, wish.life))),
        }
    }

    /// When the terms of leases on record give way to other ones: at once where there were none, else when all leases of
    /// earlier controllers have ended. Those who come later wait for what is on record.
    pub(super) fn leases_change_at(&self) -> Option<Moment> {
        let Duty::Active(term) = &self.duty else { return None };
        if self.image.leases() == self.config.leases {
            return None;
        }
        Some(if self.image.leases() == Leases::Off { term.began } else { term.grants.settled_at })
    }

    /// The barrier has ended: the log reaches to there, and the claim of whoever took office before it began lies below.
    pub(super) fn barrier(&mut self, result: Result<Offset, ReadError>, effects: &mut Vec<Effect>) {
        let Duty::Active(term) = &mut self.duty else { return };
        let Some(wishes) = term.grants.barrier.take() else { return };
        match result {
            Ok(to) => term.grants.passed.extend(wishes.into_iter().map(|wish| (to, wish))),
            Err(error) => {
                tracing::debug!(%error, "no barrier, no lease");
                for Wish { asker, broker, life, .. } in wishes {
                    effects.push(Effect::Answer(asker, self.heard(broker, life)));
                }
            }
        }
    }

    /// Answers whose barrier is passed and applied, and begins the next one when somebody waits for it.
    pub(super) fn grant(&mut self, effects: &mut Vec<Effect>) {
        let reached = self.reached;
        let Duty::Active(term) = &mut self.duty else { return };
        if self.mutated.breaks(Mutant::GrantWithoutBarrier) {
            let asked = std::mem::take(&mut term.grants.asked);
            term.grants.passed.extend(asked.into_iter().map(|wish| (Offset::ZERO, wish)));
        }
        let grants = &mut term.grants;
        let ready: Vec<Wish> =
            grants.passed.extract_if(.., |(to, _)| *to <= reached).map(|(_, wish)| wish).collect();
        if grants.barrier.is_none() && !grants.asked.is_empty() {
            grants.barrier = Some(std::mem::take(&mut grants.asked));
            effects.push(Effect::Barrier);
        }
        for wish in ready {
            let reply = self.granted(wish).unwrap_or_else(|| self.heard(wish.broker, wish.life));
            effects.push(Effect::Answer(wish.asker, reply));
        }
    }

    /// A lease, unless leadership is about to be taken from this broker.
    fn granted(&mut self, Wish { broker, life, heard, .. }: Wish) -> Option<ControllerReply> {
        let (leases, applied_to) = (self.leases_in_force(), self.image.applied_to());
        let alive = self.image.brokers().is_alive_as(broker, life);
        let (Leases::On(terms), Duty::Active(term)) = (leases, &mut self.duty) else { return None };
        if !alive || term.grants.outgoing.contains(&broker) {
            return None;
        }
        let until = heard.after(terms.hold());
        let held = term.grants.held_until.entry(broker).or_insert(until);
        *held = until.max(*held);
        Some(ControllerReply::Heard(Heard::Leased(Grant { length: terms.length, applied_to })))
    }

    /// The leases that this controller grants: none before its terms, and its other rules, are on record.
    fn leases_in_force(&self) -> Leases {
        let recorded =
            self.image.leases() == self.config.leases && self.image.rules() == self.config.historic;
        if recorded { self.config.leases } else { Leases::Off }
    }
}
