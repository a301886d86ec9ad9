//! From failures to survive to what each rule takes for it: replicas, time, storage, traffic, waiting and loss.

use super::majority;
use super::order::at_least;
use super::survival::{in_sync_for, majority_for, record_lost, writes_wait};
use super::unlike::{Curve, quantile};

/// Whom an acknowledgement waits for, as one chooses between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// All that are in sync.
    InSync,
    /// k of those in sync.
    KOfInSync,
    /// A majority.
    Majority,
}

/// What is to be survived, and how likely it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Asked {
    /// f_d: copies that may be destroyed.
    pub lost: usize,
    /// f_a: replicas that may be down while writes go on.
    pub dead: usize,
    /// How many must be in sync, if not one more than copies that may be destroyed. Of an in-sync set only.
    pub min_isr: Option<usize>,
    /// The chance that a copy is lost for good before it is replaced.
    pub copy_lost: f64,
    /// The chance that a replica is down.
    pub down: f64,
}

/// How long copies take.
#[derive(Clone, Copy, Debug)]
pub struct Times<'a> {
    /// The leader's own.
    pub own: &'a Curve,
    /// A follower's in the leader's zone: there, stored and back.
    pub near: &'a Curve,
    /// A follower's in another zone.
    pub far: &'a Curve,
    /// Over how many zones replicas are spread.
    pub zones: usize,
}

/// What a rule takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome {
    /// Copies that are kept.
    pub replicas: usize,
    /// min-ISR, k or the majority.
    pub enough: usize,
    /// Copies that an acknowledgement waits for when nothing has failed.
    pub awaited: usize,
    /// Half of the acknowledgements take no longer, in microseconds; from the hand-in on the leader.
    pub p50_us: f64,
    /// 99 of 100 take no longer.
    pub p99_us: f64,
    /// Bytes stored for each that is acknowledged.
    pub stored: usize,
    /// Bytes sent between replicas for each that is acknowledged.
    pub sent: usize,
    /// The share of time in which writes find too few replicas.
    pub waits: f64,
    /// The chance that a record is lost at the worst moment: when no more copies are sure than were promised.
    pub lost: f64,
}

impl Policy {
    /// All of them, as they are shown.
    pub const ALL: [Self; 3] = [Self::InSync, Self::KOfInSync, Self::Majority];

    /// What it takes to survive what was asked.
    #[must_use]
    pub fn outcome(self, asked: &Asked, times: Times<'_>) -> Outcome {
        let Asked { lost, dead, min_isr, copy_lost, down } = *asked;
        let worst = lost.max(dead);
        let (replicas, enough, awaited, may_be_down) = match self {
            Self::InSync => {
                let (replicas, least) = in_sync_for(lost, dead);
                let enough = min_isr.unwrap_or(least).clamp(1, replicas);
                (replicas, enough, replicas, replicas - enough)
            }
            // Writes need k, and an election all but k - 1 of the set.
            Self::KOfInSync => {
                let (k, replicas) = (worst + 1, worst + 1 + dead);
                (replicas, k, k, (replicas - k).min(k - 1))
            }
            Self::Majority => {
                let replicas = majority_for(lost, dead);
                (replicas, majority(replicas), majority(replicas), worst)
            }
        };
        let followers =
            (1..replicas).map(|at| if at % times.zones.max(1) == 0 { times.near } else { times.far });
        let copies: Vec<&Curve> = std::iter::once(times.own).chain(followers).collect();
        let waits = match self {
            Self::KOfInSync => at_least(replicas, may_be_down + 1, down),
            Self::InSync | Self::Majority => writes_wait(replicas, enough, down),
        };
        Outcome {
            replicas,
            enough,
            awaited,
            p50_us: quantile(&copies, awaited, 0.5),
            p99_us: quantile(&copies, awaited, 0.99),
            stored: replicas,
            sent: replicas - 1,
            waits,
            lost: record_lost(enough, copy_lost),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::unlike::CHANCES;
    use crate::system::{MinIsr, Replicas, Shape, System};
    use partition::log::Durability;

    fn curve(us: u64) -> Curve {
        Curve::of(vec![Duration::from_micros(us); CHANCES.len()])
    }

    fn asked(lost: usize, dead: usize) -> Asked {
        Asked { lost, dead, min_isr: None, copy_lost: 0.01, down: 0.01 }
    }

    #[test]
    fn each_rule_survives_what_was_asked_and_takes_no_more_replicas_than_it_must() {
        let flat = curve(10);
        let times = Times { own: &flat, near: &flat, far: &flat, zones: 3 };
        let system = |policy| match policy {
            Policy::InSync => System::Isr,
            Policy::KOfInSync => System::KOfIsr,
            Policy::Majority => System::Quorum,
        };
        for policy in Policy::ALL {
            for (lost, dead) in [(0, 0), (1, 0), (1, 1), (2, 1), (1, 2), (2, 2), (3, 3)] {
                let outcome = policy.outcome(&asked(lost, dead), times);
                let survives = |replicas: usize, enough: usize| {
                    let replicas = Replicas::new(replicas).unwrap();
                    let min_isr = MinIsr::new(enough, replicas).unwrap();
                    let shape =
                        Shape { system: system(policy), replicas, min_isr, durability: Durability::Synced };
                    let survives = shape.survives();
                    survives.lost_copies >= lost && survives.dead_replicas >= dead
                };
                assert!(survives(outcome.replicas, outcome.enough), "{policy:?} {lost} {dead}: {outcome:?}");
                let fewer = outcome.replicas - 1;
                assert!(
                    !(1..=fewer).any(|enough| survives(fewer, enough)),
                    "{policy:?} {lost} {dead}: {outcome:?}"
                );
            }
        }
    }

    #[test]
    fn the_slow_zone_is_waited_for_by_all_and_not_by_a_majority() {
        let (own, near, far) = (curve(5), curve(10), curve(1000));
        let times = Times { own: &own, near: &near, far: &far, zones: 3 };
        let p50 = |policy: Policy, lost, dead| policy.outcome(&asked(lost, dead), times).p50_us.round();
        assert_eq!(p50(Policy::InSync, 1, 0), 1000.0);
        // Of five in three zones the fourth is near the leader: leader, it, and a far one make three.
        assert_eq!((p50(Policy::Majority, 2, 2), p50(Policy::KOfInSync, 1, 1)), (1000.0, 1000.0));
        let near_all = Times { zones: 1, ..times };
        assert_eq!(Policy::Majority.outcome(&asked(1, 1), near_all).p50_us.round(), 10.0);
    }

    #[test]
    fn a_higher_min_isr_loses_less_and_waits_more() {
        let flat = curve(10);
        let times = Times { own: &flat, near: &flat, far: &flat, zones: 1 };
        let of = |min_isr| Policy::InSync.outcome(&Asked { min_isr, ..asked(1, 1) }, times);
        assert!(of(Some(3)).lost < of(None).lost && of(Some(3)).waits > of(None).waits);
        assert_eq!((of(None).enough, of(Some(9)).enough), (2, 3));
        assert_eq!(of(None).waits, Policy::Majority.outcome(&asked(1, 1), times).waits);
    }
}
