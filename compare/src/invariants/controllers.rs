//! What the controllers have decided: alike wherever it was applied, and sound in itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use isr_log::controller::image::{Broker, Image, Standing};
use isr_log::metadata::{CommitRule, Incarnation, PartitionState};
use isr_log::probe::ControllerProbe;
use partition::ids::{NodeId, Offset};
use partition::probe::Life;

use super::coverage::Coverage;
use super::name::{Breach, Invariant};
use super::sight::{Former, Sight};

/// Images of records that were applied so long ago are not compared any more: no controller lags so much and is well.
const IMAGES_MAX: usize = 1024;

/// Whether the controllers know more than before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Decided {
    AsBefore,
    Newer,
}

/// All controllers, and what was seen of the records.
#[derive(Debug, Default)]
pub(super) struct Controllers {
    probes: BTreeMap<NodeId, (ControllerProbe, Option<u64>)>,
    images: BTreeMap<Offset, (NodeId, Arc<Image>)>,
    newest: Option<Arc<Image>>,
    /// Lives that were in sync or eligible as soon as they had registered.
    carried: BTreeMap<NodeId, Incarnation>,
}

/// A life joins an in-sync set in three records at least: it registers, is unfenced, and is proposed. Between images so
/// close to each other it cannot have.
const TOO_CLOSE_TO_JOIN: u64 = 2;

impl Controllers {
    pub(super) fn started(&mut self, node: NodeId, probe: ControllerProbe) {
        self.probes.insert(node, (probe, None));
    }

    pub(super) fn ended(&mut self, node: NodeId) {
        self.probes.remove(&node);
    }

    /// The newest decision about the one partition there is.
    pub(super) fn state(&self) -> Option<&Arc<PartitionState>> {
        self.newest.as_ref()?.partitions().next()
    }

    /// Looks at those that have changed.
    pub(super) fn look(&mut self, coverage: &mut Coverage) -> Result<Decided, Breach> {
        let mut news = Vec::new();
        for (node, (probe, seen)) in &mut self.probes {
            let version = probe.version();
            if *seen != Some(version) {
                *seen = Some(version);
                news.extend(probe.snapshot().map(|snapshot| (*node, snapshot.image)));
            }
        }
        let mut decided = Decided::AsBefore;
        for (node, image) in news {
            decided = decided.max(self.applied(node, image, coverage)?);
        }
        Ok(decided)
    }

    fn applied(
        &mut self,
        node: NodeId,
        image: Arc<Image>,
        coverage: &mut Coverage,
    ) -> Result<Decided, Breach> {
        let at = image.applied_to();
        let (other, known) = self.images.entry(at).or_insert_with(|| (node, Arc::clone(&image)));
        if *known != image {
            let what = format!("controllers {node} and {other} have applied all below {at}, and differ");
            return Err(Breach::of(Invariant::MetadataLogMatching, what));
        }
        if self.images.len() > IMAGES_MAX {
            self.images.pop_first();
        }
        if self.newest.as_ref().is_some_and(|newest| newest.applied_to() >= at) {
            return Ok(Decided::AsBefore);
        }
        for state in image.partitions() {
            let before = self.newest.as_ref().and_then(|newest| newest.partition(&state.spec.id));
            coverage.decided(before.map(|before| &**before), state);
            sound(state, |node| image.brokers().get(node).copied())?;
        }
        self.carry(&image);
        self.newest = Some(image);
        Ok(Decided::Newer)
    }

    /// Notes who has registered since the image before, and is in sync or eligible already.
    fn carry(&mut self, image: &Image) {
        let Some(before) = &self.newest else { return };
        if image.applied_to().since(before.applied_to()) > TOO_CLOSE_TO_JOIN
            || !image.rules().keeps_eligible()
        {
            return;
        }
        let waited_for = |state: &&Arc<PartitionState>| state.spec.commit == CommitRule::AllInSync;
        for state in image.partitions().filter(waited_for) {
            for (node, life) in state.in_sync.iter().chain(&state.eligible) {
                let former = before.brokers().get(*node).map(|broker| broker.incarnation);
                if former.is_some_and(|former| former < *life) {
                    self.carried.insert(*node, *life);
                }
            }
        }
    }

    /// Nobody who has crashed was carried into his new life.
    pub(super) fn exclude_crashed(&self, sights: &[Sight]) -> Result<(), Breach> {
        let carried = |sight: &&Sight| {
            let life = self.carried.get(&sight.node).map(|life| Life::from(*life));
            let is_of_now = life.is_some() && sight.now.as_ref().is_some_and(|now| now.life == life);
            is_of_now && sight.former == Former::Crash
        };
        match sights.iter().find(carried) {
            Some(sight) => {
                let what = format!("{} has crashed, and was a candidate when it had registered", sight.node);
                Err(Breach::of(Invariant::UncleanExclusion, what))
            }
            None => Ok(()),
        }
    }
}

/// A decision is sound in itself, and beside what is known of the brokers.
pub(super) fn sound(state: &PartitionState, broker: impl Fn(NodeId) -> Option<Broker>) -> Result<(), Breach> {
    let breach = |name, what: &str| Err(Breach::of(name, format!("{what}: {state:?}")));
    if state.leader.is_some_and(|leader| !state.in_sync.contains_key(&leader)) {
        return breach(Invariant::LeaderInIsr, "a leader that is not in sync");
    }
    let candidates = || state.in_sync.iter().chain(&state.eligible);
    if candidates().any(|(node, _)| !state.spec.replicas.contains(node)) {
        return breach(Invariant::ValidControllerIsrAndElr, "a candidate that is no replica");
    }
    if state.in_sync.keys().any(|node| state.eligible.contains_key(node)) {
        return breach(Invariant::ValidControllerIsrAndElr, "both in sync and eligible");
    }
    if state.in_sync.len() >= state.min_isr() && !state.eligible.is_empty() {
        return breach(Invariant::ValidControllerIsrAndElr, "eligible beside enough that are in sync");
    }
    if state.spec.commit == CommitRule::EnoughInSync {
        // Who is silent, or has lost his disk, stays in the set, as one who is dead.
        return if state.in_sync.len() < state.min_isr() || !state.eligible.is_empty() {
            breach(Invariant::ValidControllerIsrAndElr, "fewer in sync than a commit needs")
        } else {
            Ok(())
        };
    }
    // The last one stays on record whatever becomes of it: without it nobody would be known to have the data.
    if candidates().count() == 1 {
        return Ok(());
    }
    let is_fenced = |node| broker(node).is_some_and(|broker| broker.standing != Standing::Alive);
    if state.in_sync.keys().any(|node| is_fenced(*node)) {
        return breach(Invariant::ValidControllerIsrAndElr, "fenced and in sync");
    }
    let lives = |node, life| broker(node).is_some_and(|broker| broker.incarnation == life);
    if !candidates().all(|(node, life)| lives(*node, *life)) {
        return breach(Invariant::UncleanExclusion, "a candidate that has registered anew since");
    }
    Ok(())
}
