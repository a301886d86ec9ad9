//! PURE: what a visitor can have done to a node, and when that makes sense.

use serde::{Deserialize, Serialize};

use super::seen::{Condition, Standing};
use crate::system::Member;

/// What can be done to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Deed {
    /// kill -9: what it wrote is left to the operating system.
    Kill,
    /// kill -9 on a disk that forgets what was not synced.
    PowerCut,
    /// Starts its process, after it has ended the one that runs.
    Restart,
    /// SIGSTOP.
    Pause,
    /// SIGCONT.
    Resume,
    /// Nothing gets to it or from it: of nodes, controllers and the clients of the load.
    CutOff,
    /// The same, but clients still reach it.
    CutFromNodes,
    /// Ends either.
    Heal,
    /// Each frame takes longer, each way.
    SlowLink,
    /// Ends that.
    QuickLink,
    /// Each sync takes longer.
    SlowDisk,
    /// Ends that.
    QuickDisk,
}

impl Deed {
    #[cfg(test)]
    const ALL: [Self; 12] = [
        Self::Kill,
        Self::PowerCut,
        Self::Restart,
        Self::Pause,
        Self::Resume,
        Self::CutOff,
        Self::CutFromNodes,
        Self::Heal,
        Self::SlowLink,
        Self::QuickLink,
        Self::SlowDisk,
        Self::QuickDisk,
    ];

    /// What the list of events says when it was done.
    pub(super) fn done(self) -> &'static str {
        match self {
            Self::Kill => "killed",
            Self::PowerCut => "lost power",
            Self::Restart => "restarted",
            Self::Pause => "paused",
            Self::Resume => "resumed",
            Self::CutOff | Self::CutFromNodes => "cut off",
            Self::Heal => "healed",
            Self::SlowLink => "link slow",
            Self::QuickLink => "link quick",
            Self::SlowDisk => "disk slow",
            Self::QuickDisk => "disk quick",
        }
    }

    /// Whether it makes sense for a node in this condition.
    pub(super) fn check(self, member: Member, now: Condition) -> Result<(), Senseless> {
        let of_controllers = [Self::Kill, Self::Restart, Self::CutOff, Self::Heal];
        match (self, now.standing) {
            _ if matches!(member, Member::Controller(_)) && !of_controllers.contains(&self) => Err(
                Senseless("a controller can be killed, restarted, cut off and healed here, and nothing else"),
            ),
            (_, Standing::Starting) => Err(Senseless("it is being started: wait until it answers")),
            (Self::Kill | Self::PowerCut | Self::Pause, Standing::Down) => {
                Err(Senseless("it is down already: restart it first"))
            }
            (Self::Pause, Standing::Paused) => Err(Senseless("it stands still already: resume it first")),
            (Self::Resume, Standing::Up | Standing::Down) => Err(Senseless("it is not paused")),
            (Self::CutOff | Self::CutFromNodes, _) if now.cut => Err(Senseless("it is cut off already")),
            (Self::Heal, _) if !now.cut => Err(Senseless("it is not cut off")),
            (Self::SlowLink, _) if now.slow_link => Err(Senseless("its link is slow already")),
            (Self::QuickLink, _) if !now.slow_link => Err(Senseless("its link is not slow")),
            (Self::SlowDisk, _) if now.slow_disk => Err(Senseless("its disk is slow already")),
            (Self::QuickDisk, _) if !now.slow_disk => Err(Senseless("its disk is not slow")),
            _ => Ok(()),
        }
    }

    /// The condition after it.
    pub(super) fn after(self, now: Condition) -> Condition {
        let standing = match self {
            Self::Kill | Self::PowerCut => Standing::Down,
            Self::Restart | Self::Resume => Standing::Up,
            Self::Pause => Standing::Paused,
            _ => now.standing,
        };
        let told = |on: Self, off: Self, now: bool| if self == on { true } else { now && self != off };
        Condition {
            standing,
            cut: told(Self::CutOff, Self::Heal, now.cut) || self == Self::CutFromNodes,
            slow_link: told(Self::SlowLink, Self::QuickLink, now.slow_link),
            slow_disk: told(Self::SlowDisk, Self::QuickDisk, now.slow_disk),
        }
    }
}

/// Why a deed is not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Senseless(&'static str);

/// What undoes all that was done to a node in this condition, in order.
pub(super) fn amends(now: Condition) -> Vec<Deed> {
    let mut deeds = Vec::new();
    let mut when = |on: bool, deed| {
        if on {
            deeds.push(deed)
        }
    };
    when(now.standing == Standing::Paused, Deed::Resume);
    when(now.cut, Deed::Heal);
    when(now.slow_link, Deed::QuickLink);
    when(now.slow_disk, Deed::QuickDisk);
    when(now.standing == Standing::Down, Deed::Restart);
    deeds
}

#[cfg(test)]
mod tests {
    use partition::ids::NodeId;

    use super::*;

    const REPLICA: Member = Member::Replica(NodeId(1));

    #[test]
    fn amends_make_a_node_whole_again_whatever_was_done() {
        let mut conditions = vec![Condition::default()];
        for _ in 0..3 {
            let further = conditions.iter().flat_map(|now| {
                let possible = Deed::ALL.into_iter().filter(|deed| deed.check(REPLICA, *now).is_ok());
                possible.map(|deed| deed.after(*now)).collect::<Vec<_>>()
            });
            conditions = further.collect();
        }
        for now in conditions {
            let mut mended = now;
            for deed in amends(now) {
                assert_eq!(deed.check(REPLICA, mended), Ok(()), "{deed:?} of {now:?}");
                mended = deed.after(mended);
            }
            assert_eq!(mended, Condition::default(), "{now:?}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_a_reason() {
        let down = Deed::Kill.after(Condition::default());
        assert!(Deed::Pause.check(REPLICA, down).is_err());
        assert!(Deed::Kill.check(REPLICA, down).unwrap_err().to_string().contains("restart it first"));
        assert!(Deed::SlowDisk.check(Member::Controller(NodeId(1)), Condition::default()).is_err());
        assert_eq!(Deed::Restart.check(REPLICA, Condition::default()), Ok(()), "a bounce");
    }
}
