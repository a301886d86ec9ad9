//! Reassignments as a seed draws them: each to a set of its own, some taken back before they can be complete.
//!
//! They come from a stream of chance of their own, so that a seed's other faults are the same with them and without.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{RngExt, SeedableRng};

use super::{BEGIN_PERCENT, Episode, Frame, Kind};
use crate::clock::Moment;
use crate::fault::{Fault, MembershipFault, ProcessFault};
use crate::ids::NodeId;

/// What makes this stream of chance another one than the seed's own.
const STREAM: u64 = 0x006d_6f76_6573;
/// The most reassignments of a run: each needs some time in which the others do not replace it.
pub(super) const MOVES_MAX: usize = 3;
/// How soon after its reassignment one is cancelled: a newcomer needs some milliseconds to copy a short log.
const CANCEL_MILLIS: std::ops::Range<u64> = 1..300;
/// How long a spare is in trouble.
const TROUBLE_MILLIS: std::ops::Range<u64> = 20..2000;

/// The reassignments of this seed; none in half of the seeds, unless nothing else may be drawn.
pub(super) fn drawn(seed: u64, frame: &Frame) -> Vec<Episode> {
    let mut random = StdRng::seed_from_u64(seed ^ STREAM);
    let only = frame.kinds.iter().all(|kind| kind.is_of_membership());
    let on = frame.kinds.contains(&Kind::Reassign) && (only || random.random());
    if !on {
        return Vec::new();
    }
    let mut episodes = Vec::new();
    let mut assigned = frame.replicas.clone();
    for _ in 0..random.random_range(1..=MOVES_MAX) {
        let at = begin(&mut random, frame);
        let Some(replicas) = target(&mut random, frame, &assigned) else { continue };
        assigned.clone_from(&replicas);
        episodes.push(at_once(at, MembershipFault::Reassign { replicas }));
        if frame.kinds.contains(&Kind::CancelReassign) && random.random_range(0..3) == 0 {
            let after = Duration::from_millis(random.random_range(CANCEL_MILLIS));
            episodes.push(at_once(at.after(after), MembershipFault::CancelReassign));
        }
    }
    episodes.extend(trouble_of_a_spare(&mut random, frame));
    episodes
}

fn at_once(at: Moment, fault: MembershipFault) -> Episode {
    Episode { at, lasts: None, fault: Fault::Membership(fault) }
}

fn begin(random: &mut StdRng, frame: &Frame) -> Moment {
    let run = u64::try_from(frame.duration.as_nanos()).expect("a run of less than centuries");
    Moment(random.random_range(BEGIN_PERCENT.start * run / 100..BEGIN_PERCENT.end * run / 100))
}

/// A set of some size, from one less than at the beginning up to the most.
fn target(random: &mut StdRng, frame: &Frame, last: &[NodeId]) -> Option<Vec<NodeId>> {
    let mut all: Vec<NodeId> = frame.replicas.iter().chain(&frame.spares).copied().collect();
    let least = (frame.replicas.len().saturating_sub(1)).max(frame.assigned_min).max(1);
    let most = frame.assigned_max.min(all.len());
    if least > most {
        return None;
    }
    let size = random.random_range(least..=most);
    all.shuffle(random);
    // Most moves of real clusters leave most members where they are.
    if random.random() {
        all.sort_by_key(|node| !last.contains(node));
        let swapped = random.random_range(0..size);
        if let Some(newcomer) = all[size..].choose(random) {
            all[swapped] = *newcomer;
        }
    }
    all.truncate(size);
    Some(all)
}

/// Other faults hit those who are replicas from the beginning: one here hits one who may become one.
fn trouble_of_a_spare(random: &mut StdRng, frame: &Frame) -> Option<Episode> {
    let faults = [
        (Kind::Kill, ProcessFault::Kill),
        (Kind::PowerLoss, ProcessFault::PowerLoss),
        (Kind::PowerLossMidway, ProcessFault::PowerLossMidway),
        (Kind::Stop, ProcessFault::Stop),
        (Kind::Pause, ProcessFault::Pause),
    ];
    let may = |kind: &Kind| frame.kinds.contains(kind);
    let faults: Vec<ProcessFault> =
        faults.into_iter().filter(|(kind, _)| may(kind)).map(|(_, fault)| fault).collect();
    let (node, fault) = (*frame.spares.choose(random)?, *faults.choose(random)?);
    let lasts = Duration::from_millis(random.random_range(TROUBLE_MILLIS));
    Some(Episode { at: begin(random, frame), lasts: Some(lasts), fault: Fault::Process { node, fault } })
}
