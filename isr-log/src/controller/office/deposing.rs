//! Nobody is deposed while he may hold a lease (H-16): such commands wait, whatever they are, and all others go ahead.

use std::collections::{BTreeSet, VecDeque};

use partition::clock::Moment;
use partition::ids::NodeId;

use super::{BATCH_RECORDS_MAX, Duty, Item, Office};
use crate::controller::command::{Command, Record};
use crate::controller::image::Image;
use crate::controller::lease::Leases;
use crate::mutant::Mutant;

impl Office {
    /// The commands of the next batch. Those that would depose a leader whose lease may run stay behind.
    pub(super) fn next_batch(&mut self, now: Moment) -> Vec<Item> {
        let Duty::Active(term) = &mut self.duty else { return Vec::new() };
        let (grants, epoch) = (&mut term.grants, term.epoch);
        grants.free_at = None;
        grants.outgoing.clear();
        let never_leased = self.image.leases() == Leases::Off && self.config.leases == Leases::Off;
        if never_leased && now >= grants.settled_at {
            let count = self.waiting.len().min(BATCH_RECORDS_MAX);
            return self.waiting.drain(..count).collect();
        }
        let forgets = self.mutated.breaks(Mutant::DeposeAtOnce);
        let (mut batch, mut held) = (Vec::new(), VecDeque::new());
        // What comes later in the batch meets what comes earlier.
        let mut trial = self.image.clone();
        for item in std::mem::take(&mut self.waiting) {
            if batch.len() == BATCH_RECORDS_MAX {
                held.push_back(item);
                continue;
            }
            let (after, deposed) = applied(&trial, &Record { epoch, command: item.command.clone() });
            let until = |node: &NodeId| match grants.held_until.get(node) {
                Some(held) if forgets => *held,
                None if forgets => now,
                _ => grants.may_run_until(*node),
            };
            let free_at = deposed.iter().map(until).max().filter(|until| *until > now);
            grants.outgoing.extend(deposed);
            if let Some(at) = free_at {
                grants.free_at = Some(grants.free_at.map_or(at, |first| first.min(at)));
            }
            if free_at.is_some() {
                held.push_back(item);
            } else {
                trial = after;
                batch.push(item);
            }
        }
        self.waiting = held;
        batch
    }
}

/// The image after this record, and from whom that takes leadership without his own doing: not from one who leaves, who has
/// given up his lease before he asked to; nor from one who comes back on the disk of the life that is registered: that disk
/// is locked while a process uses it, so the former one is gone.
fn applied(before: &Image, record: &Record) -> (Image, BTreeSet<NodeId>) {
    let willing = match &record.command {
        Command::Leave { broker, .. } => Some(*broker),
        Command::Register(wish) => {
            let former = before.brokers().get(wish.node).map(|former| former.incarnation);
            (former.is_some() && wish.disk.life() == former).then_some(wish.node)
        }
        _ => None,
    };
    let mut after = before.clone();
    let changed = after.apply(before.applied_to(), record).map_or_else(|_| Vec::new(), |it| it.partitions);
    let both = changed.iter().filter_map(|id| Some((before.partition(id)?, after.partition(id)?)));
    let over = both.filter(|(then, now)| then.epoch != now.epoch);
    let deposed =
        over.filter_map(|(then, _)| then.leader).filter(|leader| Some(*leader) != willing).collect();
    (after, deposed)
}
