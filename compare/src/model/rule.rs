//! Whom an acknowledgement waits for, and how long that takes when the time to each copy is known.

use std::time::Duration;

/// Whom an acknowledgement waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The leader's own disk.
    Leader,
    /// Every copy, the leader's among them.
    AllInSync,
    /// So many copies, whoever's.
    Copies(usize),
    /// So many copies, the leader's always among them.
    LeaderAnd(usize),
}

impl Rule {
    /// When this rule is satisfied, by the times to the copies, the leader's own first. More copies than there are take for ever.
    #[must_use]
    pub fn latency(self, times: &[Duration]) -> Duration {
        let (own, followers) = times.split_first().expect("a leader has a copy");
        match self {
            Self::Leader => *own,
            Self::AllInSync => kth(times, times.len()),
            Self::Copies(count) => kth(times, count),
            Self::LeaderAnd(count) => kth(followers, count.saturating_sub(1)).max(*own),
        }
    }
}

/// The k-th smallest; nothing is waited for when k is 0.
fn kth(times: &[Duration], k: usize) -> Duration {
    let Some(at) = k.checked_sub(1) else { return Duration::ZERO };
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    sorted.get(at).copied().unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_is_an_order_statistic_of_the_same_times() {
        // The leader's disk is the slowest but one.
        let times = [40, 10, 50, 20, 30].map(Duration::from_millis);
        let ms = |rule: Rule| rule.latency(&times).as_millis();
        assert_eq!(ms(Rule::Leader), 40);
        assert_eq!(ms(Rule::AllInSync), 50);
        assert_eq!(ms(Rule::Copies(3)), 30, "three followers are a majority without their leader");
        assert_eq!(ms(Rule::LeaderAnd(3)), 40, "with it they wait for its disk");
        assert_eq!(ms(Rule::Copies(2)), 20);
        assert_eq!((ms(Rule::Copies(1)), ms(Rule::LeaderAnd(1))), (10, 40));
        assert_eq!(Rule::Copies(6).latency(&times), Duration::MAX);
    }

    #[test]
    fn alone_all_rules_are_the_leaders_disk() {
        let alone = [Duration::from_millis(7)];
        for rule in [Rule::Leader, Rule::AllInSync, Rule::Copies(1), Rule::LeaderAnd(1)] {
            assert_eq!(rule.latency(&alone), alone[0], "{rule:?}");
        }
    }
}
