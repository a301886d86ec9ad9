//! How long nothing is acknowledged when a replica stops or hangs.

use std::time::Duration;

/// The mean stall of an in-sync set by a follower that hangs: its lag, half a check (one each half of the lag) and the
/// change of the set, which is small beside them.
#[must_use]
pub fn follower_hangs(lag_max: Duration, alter: Duration) -> Duration {
    lag_max + lag_max / 4 + alter
}

/// The stall of an in-sync set by a replica that dies: its session, the next look at sessions, and the record.
#[must_use]
pub fn replica_dies(session: Duration, looks_per_session: u32, record: Duration) -> Duration {
    session + session / looks_per_session / 2 + record
}

/// The mean of the first of `voters` timeouts that are drawn between two bounds, each as likely: how long a dead leader of a
/// majority is missed, before the votes.
#[must_use]
pub fn first_timeout(least: Duration, most: Duration, voters: u32) -> Duration {
    least + most.saturating_sub(least) / (voters + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hung_follower_stalls_for_a_lag_and_a_quarter() {
        let stall = follower_hangs(Duration::from_secs(30), Duration::ZERO);
        assert_eq!(stall, Duration::from_millis(37_500));
    }

    #[test]
    fn a_dead_leader_is_missed_after_a_session_or_the_first_timeout() {
        let (session, most) = (Duration::from_secs(8), Duration::from_millis(300));
        assert_eq!(replica_dies(session, 4, Duration::from_millis(5)), Duration::from_millis(9_005));
        assert_eq!(first_timeout(Duration::from_millis(150), most, 2), Duration::from_millis(200));
    }
}
