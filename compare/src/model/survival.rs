//! What is lost, when writes wait, and what the copies cost, by numbers of replicas and independent chances.

use super::majority;
use super::order::{at_least, exactly};

/// The chance that an acknowledged record is lost, where only so many copies of it are sure, and each is lost for good
/// with chance `lost` before it is repaired: m of an in-sync set (its floor: min-ISR), q of a majority at its worst, n at rest.
#[must_use]
pub fn record_lost(copies: usize, lost: f64) -> f64 {
    exactly(copies, copies, lost)
}

/// The chance that a majority's guarantee is void: so many are lost that what is left may lack what was committed.
#[must_use]
pub fn guarantee_void(replicas: usize, lost: f64) -> f64 {
    at_least(replicas, replicas - majority(replicas) + 1, lost)
}

/// The chance that a write finds fewer than `needed` of so many replicas, each down with chance `down`.
#[must_use]
pub fn writes_wait(replicas: usize, needed: usize, down: f64) -> f64 {
    at_least(replicas, replicas - needed + 1, down)
}

/// Replicas that survive `lost` copies destroyed and `dead` replicas down with writes going on, and the min-ISR that says so.
#[must_use]
pub fn in_sync_for(lost: usize, dead: usize) -> (usize, usize) {
    (lost + dead + 1, lost + 1)
}

/// Voters that survive either.
#[must_use]
pub fn majority_for(lost: usize, dead: usize) -> usize {
    2 * lost.max(dead) + 1
}

/// The mean time to the loss of all of `f + 1` copies at once, of `replicas` that each fail `failures` times in a unit of time
/// and are repaired `repairs` times in it, one after the other.
#[must_use]
pub fn mean_time_to_loss(replicas: usize, f: usize, failures: f64, repairs: f64) -> f64 {
    let repaired: f64 = (0..f).map(|_| repairs / failures).product();
    let ways: f64 = (replicas - f..=replicas).map(|left| left as f64).product();
    repaired / (failures * ways)
}

/// Bytes that cross zones for each byte appended, in three zones, with so many readers of everything.
#[must_use]
pub fn across_three_zones(replicas: usize, fan_out: f64) -> f64 {
    (replicas - 1) as f64 + 2.0 / 3.0 + fan_out * 2.0 / 3.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(value: f64, expected: f64) {
        assert!((value / expected - 1.0).abs() < 0.005, "{value} is not {expected}");
    }

    #[test]
    fn a_majoritys_guarantee_is_void_long_before_its_last_copy_is_gone() {
        near(guarantee_void(3, 0.01), 2.98e-4);
        near(record_lost(3, 0.01), 1e-6);
    }

    #[test]
    fn writes_wait_as_often_for_two_in_sync_of_three_as_for_a_majority() {
        near(writes_wait(3, 2, 0.01), 2.98e-4);
        near(writes_wait(3, majority(3), 0.01), 2.98e-4);
        near(writes_wait(3, 1, 0.01), 1e-6);
        near(writes_wait(3, 3, 0.01), 2.97e-2);
        near(writes_wait(2, 1, 0.01), 1e-4);
    }

    #[test]
    fn at_equal_failures_a_majority_keeps_nearly_twice_the_copies() {
        assert_eq!([1, 2, 3].map(|f| (in_sync_for(f, 0).0, majority_for(f, 0))), [(2, 3), (3, 5), (4, 7)]);
        assert_eq!(in_sync_for(1, 1), (3, 2));
        assert_eq!(majority_for(1, 1), 3);
    }

    #[test]
    fn loss_takes_f_repairs_that_come_too_late() {
        // One of two lost, and the other before the repair: 1 / (λ · 2 · λ/μ).
        near(mean_time_to_loss(2, 1, 0.001, 10.0), 10.0 / (0.001 * 0.001 * 2.0));
        near(mean_time_to_loss(3, 0, 0.5, 10.0), 1.0 / 1.5);
        near(across_three_zones(3, 1.0), 2.0 + 4.0 / 3.0);
    }
}
