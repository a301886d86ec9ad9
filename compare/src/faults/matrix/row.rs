//! The rows of the matrix: a closed list of what can happen to a cluster.

use std::fmt;

use super::column::Column;
use super::scripted;
use crate::system::System;

macro_rules! rows {
    ($(#[doc = $doc:literal] $variant:ident = $name:literal,)+) => {
        /// What happens to a cluster. The leader is the replica that led when it began.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Row {
            $(#[doc = $doc] $variant,)+
        }

        impl Row {
            /// All of them: processes, network, disks, clocks, load, membership, and sequences that were written down.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Its name in results and on the command line.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// What happens, in a sentence.
            #[must_use]
            pub fn what(self) -> &'static str {
                match self {
                    $(Self::$variant => $doc.trim_ascii(),)+
                }
            }
        }
    };
}

rows! {
    /// No fault: the ground under all other rows.
    Nothing = "nothing",
    /// The leader's process is killed.
    LeaderKilled = "leader-killed",
    /// Nothing the leader sends arrives at a follower any more, and 0.3 s later it is killed: with acks=leader a control.
    LeaderKilledUnreplicated = "leader-killed-unreplicated",
    /// A follower's process is killed.
    FollowerKilled = "follower-killed",
    /// The leader is stopped in order (S-17).
    LeaderStopped = "leader-stopped",
    /// A follower is stopped in order (S-17).
    FollowerStopped = "follower-stopped",
    /// The active controller's process is killed.
    ControllerKilled = "controller-killed",
    /// A majority of the controllers is killed.
    ControllersLost = "controllers-lost",
    /// A majority of the controllers dies, then a follower (S-24).
    ControllersLostThenFollower = "controllers-lost-then-follower",
    /// As many as may be dead are killed, the leader among them.
    FKilled = "f-killed",
    /// One more than may be dead are killed, the leader among them.
    OneMoreKilled = "f+1-killed",
    /// All replicas are killed; their machines live.
    AllKilled = "all-killed",
    /// The leader stands still for 0.1 s (SIGSTOP).
    LeaderPausedBriefly = "leader-paused-0.1s",
    /// The leader stands still for a second.
    LeaderPausedASecond = "leader-paused-1s",
    /// The leader stands still for ten seconds.
    LeaderPaused = "leader-paused-10s",
    /// A follower stands still for ten seconds.
    FollowerPaused = "follower-paused-10s",
    /// Each replica is stopped in order and started, in turn.
    RollingRestart = "rolling-restart",
    /// A follower is killed and comes back with an empty disk.
    FollowerWiped = "follower-wiped",
    /// The leader is killed and comes back with an empty disk.
    LeaderWiped = "leader-wiped",
    /// The leader is cut off from everybody.
    LeaderCutOff = "leader-cut-off",
    /// A follower is cut off from everybody.
    FollowerCutOff = "follower-cut-off",
    /// Nothing reaches the leader; all hear it.
    LeaderDeaf = "leader-deaf",
    /// The leader hears all; nothing it says arrives.
    LeaderMute = "leader-mute",
    /// Leader and one follower hear nothing of each other, all others do (S-16, R-02).
    FetchPathCut = "fetch-path-cut",
    /// The link between leader and a follower flaps each 300 ms.
    LinkFlaps = "link-flaps",
    /// Each tenth frame between leader and a follower is lost and sent again.
    LossyLink = "lossy-link",
    /// Frames between leader and a follower take 50 ms longer (S-18).
    SlowLink = "slow-link",
    /// The leader is cut off from the controllers only (S-05).
    LeaderCutFromControllers = "leader-cut-from-controllers",
    /// A follower is cut off from the controllers only (S-25).
    FollowerCutFromControllers = "follower-cut-from-controllers",
    /// The leader is cut off together with a producer (R-04, S-05).
    ClientWithMinority = "client-with-minority",
    /// All followers are cut off from the leader, which dies when it is alone in the set (C10, S-13, S-14).
    LastInSyncKilled = "last-in-sync-killed",
    /// The leader's machine loses its power.
    LeaderLosesPower = "leader-loses-power",
    /// Each machine loses its power for 0.8 s, in turn, the first one twice (S-01, S-02).
    LeadersLosePowerInTurn = "power-lost-in-turn",
    /// All machines lose their power at once (S-12).
    AllLosePower = "all-lose-power",
    /// The same while disks are at work: writes are torn.
    AllLosePowerMidway = "all-lose-power-midway",
    /// The leader's disk is full (S-20).
    FullDiskLeader = "full-disk-leader",
    /// A follower's disk is full (S-20).
    FullDiskFollower = "full-disk-follower",
    /// A sync of the leader fails (S-20b).
    SyncErrorLeader = "sync-error-leader",
    /// A sync of a follower fails.
    SyncErrorFollower = "sync-error-follower",
    /// Each sync of the leader takes 40 ms longer (S-19).
    SlowDiskLeader = "slow-disk-leader",
    /// Each sync of a follower takes 40 ms longer (S-18).
    SlowDiskFollower = "slow-disk-follower",
    /// The leader's clock jumps ahead by ten seconds.
    ClockAheadLeader = "clock-ahead-leader",
    /// The leader's clock runs at half its speed.
    SlowClockLeader = "slow-clock-leader",
    /// Two producers more, each with up to 16 batches at once: four times the load.
    Burst = "burst",
    /// A bit of a follower's log flips, its process starts anew, and its disk is replaced 2 s later.
    FlippedBit = "flipped-bit",
    /// A follower dies for good, and a new replica takes its place 1.5 s later.
    FollowerReplaced = "follower-replaced",
    /// A new replica takes the leader's place, which is well.
    LeaderReplaced = "leader-replaced",
    /// One is dead, another bounces before it hears what is committed, and their leader dies before it has fetched (S-01).
    BounceAndPowerCut = "s01-bounce-and-power-cut",
    /// Of two the leader is killed and the other loses its power, and leads without what it had not flushed (S-02).
    PowerCutOfBoth = "s02-power-cut-of-both",
    /// Two replicas lead in turn, neither has fetched from the other, and then one follows (S-03).
    TwoTailsAtOneOffset = "s03-two-tails-at-one-offset",
    /// A leader that does not know all that is committed takes one into the set that has no more than it knows of (S-06).
    GrowthByAnOldMark = "s06-growth-by-an-old-mark",
    /// The leader does not hear that one has joined, goes on without it, and that one is elected (S-07).
    GrowthUnheard = "s07-growth-unheard",
    /// All replicas leave in turn; the last one loses its power, and comes back after the others (S-10).
    LastReplicaStanding = "s10-last-replica-standing",
    /// Of three one is dead, one hangs, and the leader loses its power, and comes back first (S-10b).
    LeaderBackFirst = "s10b-leader-back-first",
    /// The same, but the one that has all was killed: nobody has ended in order (S-11).
    NobodyEndedInOrder = "s11-nobody-ended-in-order",
    /// Leader cut off from its followers, in sync alone, and then its disk is gone (S-13, S-20b).
    LastInSyncDestroyed = "s13-last-in-sync-destroyed",
    /// The next leader has not heard of the last commits, and hears late what the others have (S-15).
    LeaderUnaware = "s15-leader-unaware",
    /// What the leader has appended nobody fetches any more, and the set becomes too small (S-21).
    TooFewAfterAppend = "s21-too-few-after-append",
    /// Answers to producers are lost, and what they asked for was done (S-22).
    AnswersLost = "s22-answers-lost",
    /// One is cut off for many elections, and comes back.
    Rejoin = "r01-rejoin",
    /// Not all hear each other, and as many as are needed do, the leader among them.
    PartialSplit = "r02-partial-split",
    /// The leader is cut off together with readers.
    ReadersWithMinority = "r04-readers-with-minority",
    /// Just enough have what is acknowledged; one of them forgets all, f die, and those who were away come back.
    Amnesia = "r07-amnesia",
    /// One is away, the second loses its power, and then the leader is cut off: the first two are left.
    TailForgotten = "r07-tail-forgotten",
    /// The leader is killed, and the next one, and so on, each as soon as it leads.
    LeadersKilledInTurn = "r10-leaders-killed-in-turn",
    /// A follower hangs, and a new replica takes its place.
    HungFollowerReplaced = "r11-hung-follower-replaced",
    /// The leader is killed and started again at once (R-12, H-01).
    LeaderBounced = "r12-leader-bounced",
}

impl Row {
    /// Those that are told first, with enough trials on processes for how long a silence lasts.
    pub const HEADLINES: [Self; 8] = [
        Self::LeaderKilled,
        Self::FollowerKilled,
        Self::FetchPathCut,
        Self::LeaderPaused,
        Self::LeaderCutOff,
        Self::FKilled,
        Self::OneMoreKilled,
        Self::AllLosePower,
    ];

    /// The columns that it has beside those of all rows.
    pub(super) fn columns(self) -> Vec<Column> {
        let plain = |system, n, m| Column::of(system, n, m);
        match self {
            // An even number of voters, and of members beside it.
            Self::FKilled | Self::OneMoreKilled => {
                let even = [(System::Isr, 4, 2), (System::Quorum, 4, 3), (System::Quorum, 6, 4)];
                even.map(|(system, n, m)| plain(system, n, m)).to_vec()
            }
            _ => scripted::columns(self),
        }
    }

    /// Whether it is one of [`HEADLINES`](Self::HEADLINES).
    #[must_use]
    pub fn is_headline(self) -> bool {
        Self::HEADLINES.contains(&self)
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_row_has_a_name_of_its_own() {
        let names: BTreeSet<&str> = Row::ALL.iter().map(|row| row.name()).collect();
        assert_eq!(names.len(), Row::ALL.len());
        assert_eq!(Row::LeaderKilled.what(), "The leader's process is killed.");
    }
}
