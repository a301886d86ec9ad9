//! Under which conditions clusters run: delays, slow replicas, one that hangs.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::node::Scale;
use crate::profile::Profile;
use crate::system::{Hosts, Whom};

/// Under which conditions clusters run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    /// Delays that are injected.
    pub profile: Profile,
    /// So many followers have slow links.
    pub slow_replicas: usize,
    /// One replica is held in each block.
    pub hang: Option<Hang>,
    /// How many partitions there are.
    pub scale: Scale,
    /// Nodes that run elsewhere, in place of those that would be started here.
    pub hosts: Option<Hosts>,
}

/// One replica is stopped (SIGSTOP) when a third of a block is over, and goes on after this time: in every block, so
/// that blocks stay alike. Before the next block all replicas are in sync again, if they come to be in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hang {
    /// Who.
    pub whom: Whom,
    /// How long.
    pub span: Duration,
}

impl Hang {
    /// A longer one would only be waited for.
    const SPAN_MAX: f64 = 600.0;
}

impl FromStr for Hang {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (whom, seconds) = text
            .split_once(':')
            .ok_or_else(|| format!("not REPLICA:SECONDS: {text:?} (for example 3:0.5)"))?;
        let whom = whom.parse().map_err(|error| format!("{error}"))?;
        let fine = |seconds: &f64| *seconds > 0.0 && *seconds <= Self::SPAN_MAX;
        let seconds = seconds.parse().ok().filter(fine);
        let wrong = || format!("a hang lasts up to {} seconds: {text:?}", Self::SPAN_MAX);
        Ok(Self { whom, span: Duration::from_secs_f64(seconds.ok_or_else(wrong)?) })
    }
}

impl fmt::Display for Hang {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} hangs for {} s", self.whom, self.span.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use partition::ids::NodeId;

    use super::*;

    #[test]
    fn a_hang_names_whom_and_how_long() {
        let hang = |text: &str| text.parse::<Hang>();
        let half = Duration::from_millis(500);
        assert_eq!(hang("3:0.5"), Ok(Hang { whom: Whom::Replica(NodeId(3)), span: half }));
        assert_eq!(hang("leader:0.5"), Ok(Hang { whom: Whom::Leader, span: half }));
        assert_eq!(hang("follower:0.5").unwrap().to_string(), "a follower hangs for 0.5 s");
        for wrong in ["3", "x:1", "3:0", "3:-1", "3:x", "3:601", ":1"] {
            assert!(hang(wrong).is_err(), "{wrong:?} was taken for a hang");
        }
    }
}
