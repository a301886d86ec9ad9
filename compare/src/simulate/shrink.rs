//! Makes a failing scenario smaller: fewer faults and fewer clients, as long as it fails in the same way.

use partition::fault::{Episode, Schedule};
use partition::simulation::Tracing;

use super::run::run;
use super::scenario::{Client, Scenario};
use super::sweep::Halt;

/// Runs that are spent on making one scenario smaller. Removing one by one converges long before.
const RUNS_MAX: usize = 200;

/// A scenario that fails as this one does, with as few faults and clients as removing finds. `progress` is told of each
/// one that was removed.
#[must_use]
pub fn shrink(
    scenario: &Scenario,
    finding: &str,
    halt: &Halt,
    mut progress: impl FnMut(&Scenario),
) -> Scenario {
    let mut smallest = scenario.clone();
    let mut runs = 0;
    let mut still_fails = |candidate: &Scenario| {
        runs += 1;
        runs <= RUNS_MAX
            && !halt.is_set()
            && run(candidate, Tracing::Digest).findings.first().is_some_and(|first| first.name == finding)
    };
    loop {
        let before = smallest.clone();
        let faults = remove_some(&smallest.faults.episodes, |kept: &[Episode]| {
            still_fails(&smallest.reduced(Schedule { episodes: kept.to_vec() }, smallest.clients.clone()))
        });
        let fewer_faults = smallest.reduced(Schedule { episodes: faults }, smallest.clients.clone());
        let clients = remove_some(&fewer_faults.clients, |kept: &[Client]| {
            still_fails(&fewer_faults.reduced(fewer_faults.faults.clone(), kept.to_vec()))
        });
        smallest = fewer_faults.reduced(fewer_faults.faults.clone(), clients);
        if smallest == before || smallest == *scenario {
            return smallest;
        }
        progress(&smallest);
    }
}

/// As few of these as suffice: halves are left out first, then quarters, then each alone.
fn remove_some<T: Clone>(all: &[T], mut suffices: impl FnMut(&[T]) -> bool) -> Vec<T> {
    let mut kept = all.to_vec();
    let mut size = kept.len().div_ceil(2);
    while size > 0 {
        let mut at = 0;
        while at < kept.len() {
            let mut fewer = kept.clone();
            fewer.drain(at..(at + size).min(kept.len()));
            if suffices(&fewer) {
                kept = fewer;
            } else {
                at += size;
            }
        }
        size /= 2;
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_needed_stays_and_all_else_goes() {
        let all: Vec<u32> = (0..20).collect();
        let needed = |kept: &[u32]| kept.contains(&3) && kept.contains(&17);
        assert_eq!(remove_some(&all, needed), [3, 17]);
        assert_eq!(remove_some(&all, |_| true), Vec::<u32>::new());
        assert_eq!(remove_some(&all, |_| false), all);
    }
}
