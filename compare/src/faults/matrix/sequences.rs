//! Every sequence that was written down, S-01 to S-26 and R-01 to R-13, and where it is proved: a row, a mutant, or a test.
//!
//! A row places it in a whole cluster. What no fault of a whole cluster places exactly is a transcript of a replica, or a test
//! with a hand in the protocol; where the older rule cannot be chosen and has no row, a mutant is hunted for it.

use std::fmt;

use super::row::Row;

/// A sequence and where it is proved.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// Its number, such as `S-10b`.
    pub number: &'static str,
    /// What it is about.
    pub what: &'static str,
    /// Where it is proved.
    pub proofs: &'static [Proof],
}

/// Where a sequence is proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// By a row of the matrix.
    Row(Row),
    /// By a mutant that is caught: its name.
    Mutant(&'static str),
    /// By a test: its file, and its name there.
    Test(&'static str, &'static str),
    /// By a transcript: its file.
    Script(&'static str),
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Row(row) => write!(f, "row {row}"),
            Self::Mutant(name) => write!(f, "mutant {name}"),
            Self::Test(file, name) => write!(f, "test {name} of {file}"),
            Self::Script(file) => write!(f, "transcript {file}"),
        }
    }
}

impl Known {
    /// All of them, in order.
    pub const ALL: &[Self] = &[
        known(
            "S-01",
            "truncation by high watermark after a bounce",
            &[
                Proof::Row(Row::BounceAndPowerCut),
                Proof::Script("isr-log/tests/scripts/s01_truncate_by_epoch"),
            ],
        ),
        known(
            "S-02",
            "two power cuts: logs that differ for ever, and what was never synced",
            &[
                Proof::Row(Row::PowerCutOfBoth),
                Proof::Script("isr-log/tests/scripts/s02_a_power_cut_of_both"),
            ],
        ),
        known(
            "S-03",
            "two tails at one offset (KIP-279)",
            &[Proof::Row(Row::TwoTailsAtOneOffset), Proof::Mutant("isr/OneShotLookup")],
        ),
        known(
            "S-04",
            "fetches of another epoch count (KIP-320)",
            &[
                Proof::Mutant("isr/AnyLeaderEpoch"),
                Proof::Script("isr-log/tests/scripts/s04_fetch_of_another_epoch"),
            ],
        ),
        known(
            "S-05",
            "a zombie leader",
            &[
                Proof::Row(Row::LeaderCutFromControllers),
                Proof::Row(Row::ClientWithMinority),
                Proof::Script("isr-log/tests/scripts/s05_a_zombie_leader"),
            ],
        ),
        known(
            "S-06",
            "growth of the set by an old high watermark",
            &[Proof::Row(Row::GrowthByAnOldMark), Proof::Mutant("isr/NoEpochStart")],
        ),
        known(
            "S-07",
            "growth of the set that the leader has not heard of (KIP-497)",
            &[Proof::Row(Row::GrowthUnheard), Proof::Mutant("isr/CommitByRecordedSet")],
        ),
        known(
            "S-08",
            "a fetch of a former life (KIP-903)",
            &[
                Proof::Mutant("isr/AnyBrokerEpoch"),
                Proof::Script("isr-log/tests/scripts/s08_a_fetch_of_a_former_life"),
            ],
        ),
        known(
            "S-09",
            "removed and added again in one step",
            &[
                Proof::Mutant("isr/ReportWithoutFetch"),
                Proof::Script("isr-log/tests/scripts/s09_removed_and_added_again"),
            ],
        ),
        known(
            "S-10",
            "the last replica standing loses its tail (KIP-966)",
            &[Proof::Row(Row::LastReplicaStanding)],
        ),
        known("S-10b", "the leader is back first, with less", &[Proof::Row(Row::LeaderBackFirst)]),
        known(
            "S-11",
            "nobody has ended in order: logs are compared",
            &[Proof::Row(Row::NobodyEndedInOrder), Proof::Mutant("isr/CompareAnybody")],
        ),
        known(
            "S-12",
            "total loss of power without syncs",
            &[Proof::Row(Row::AllLosePower), Proof::Row(Row::AllLosePowerMidway)],
        ),
        known(
            "S-13",
            "alone in the set, and then the disk is gone",
            &[
                Proof::Row(Row::LastInSyncDestroyed),
                Proof::Test(
                    "isr-log/tests/situations/elections.rs",
                    "s13_with_a_minimum_of_one_what_one_disk_alone_had_goes_with_it",
                ),
            ],
        ),
        known(
            "S-14",
            "unclean election",
            &[
                Proof::Row(Row::LastInSyncKilled),
                Proof::Test(
                    "isr-log/tests/situations/elections.rs",
                    "s14_what_an_unclean_election_loses_is_counted_to_the_record",
                ),
            ],
        ),
        known(
            "S-15",
            "a new leader does not know what is committed",
            &[Proof::Row(Row::LeaderUnaware), Proof::Mutant("isr/ShowOldMark")],
        ),
        known(
            "S-16",
            "a follower whose fetches hang while its heartbeats go on",
            &[
                Proof::Row(Row::FetchPathCut),
                Proof::Test(
                    "isr-log/tests/situations/lag.rs",
                    "s16_c11_a_hung_follower_stalls_appends_for_one_to_one_and_a_half_times_the_lag",
                ),
            ],
        ),
        known(
            "S-17",
            "crash, stop in order, and hang",
            &[
                Proof::Row(Row::FollowerKilled),
                Proof::Row(Row::FollowerStopped),
                Proof::Row(Row::FollowerPaused),
            ],
        ),
        known(
            "S-18",
            "a follower that is slow, and just in time",
            &[Proof::Row(Row::SlowLink), Proof::Row(Row::SlowDiskFollower)],
        ),
        known("S-19", "a slow leader", &[Proof::Row(Row::SlowDiskLeader)]),
        known("S-20", "a full disk", &[Proof::Row(Row::FullDiskFollower), Proof::Row(Row::FullDiskLeader)]),
        known(
            "S-20b",
            "a leader that removed healthy followers loses its disk (KAFKA-12241)",
            &[Proof::Row(Row::LastInSyncDestroyed), Proof::Row(Row::SyncErrorLeader)],
        ),
        known(
            "S-21",
            "rejected after the append, and committed later",
            &[
                Proof::Row(Row::TooFewAfterAppend),
                Proof::Script("isr-log/tests/scripts/s21_rejected_after_the_append"),
            ],
        ),
        known(
            "S-22",
            "a lost answer, and a duplicate",
            &[
                Proof::Row(Row::AnswersLost),
                Proof::Test(
                    "partition/src/client/producer/tests/doubt.rs",
                    "s22_c09_a_lost_acknowledgement_duplicates_without_a_stamp_and_not_with_one",
                ),
            ],
        ),
        known(
            "S-23",
            "a joiner holds the high watermark, on purpose",
            &[
                Proof::Script("isr-log/tests/scripts/s23_a_joiner_holds_the_high_watermark"),
                Proof::Test(
                    "isr-log/src/replica/throttle.rs",
                    "s23_who_has_nearly_caught_up_is_let_go_since_appends_wait_for_it",
                ),
            ],
        ),
        known("S-24", "controllers lost, then a follower", &[Proof::Row(Row::ControllersLostThenFollower)]),
        known("S-25", "heartbeats alone are lost", &[Proof::Row(Row::FollowerCutFromControllers)]),
        known(
            "S-26",
            "every pair of short logs",
            &[Proof::Test(
                "isr-log/src/replica/truncation/tests/every_pair.rs",
                "s26_by_epoch_a_follower_ends_where_the_logs_part_after_one_exchange_an_epoch_at_most",
            )],
        ),
        known(
            "R-01",
            "one that was cut off comes back",
            &[Proof::Row(Row::Rejoin), Proof::Row(Row::FollowerCutOff), Proof::Mutant("quorum/SkipPreVote")],
        ),
        known(
            "R-02",
            "a split in part",
            &[
                Proof::Row(Row::PartialSplit),
                Proof::Row(Row::FetchPathCut),
                Proof::Test(
                    "quorum-log/tests/elections.rs",
                    "r02_of_five_in_a_partial_split_the_three_that_hear_each_other_go_on",
                ),
            ],
        ),
        known("R-03", "a deaf leader", &[Proof::Row(Row::LeaderDeaf)]),
        known(
            "R-04",
            "reads of a leader that was replaced",
            &[
                Proof::Row(Row::ReadersWithMinority),
                Proof::Mutant("quorum/ReadWithoutProof"),
                Proof::Test(
                    "quorum-log/tests/reads.rs",
                    "r04_by_lease_a_clock_slower_than_assumed_gives_stale_reads_and_by_index_it_does_not",
                ),
            ],
        ),
        known(
            "R-05",
            "Figure 8",
            &[
                Proof::Test(
                    "quorum-log/tests/majorities.rs",
                    "r05_an_old_entry_on_most_disks_is_not_committed_and_may_yet_be_overwritten",
                ),
                Proof::Mutant("isr/CommitOlderEpochs"),
            ],
        ),
        known(
            "R-06",
            "changes of one voter at a time",
            &[
                Proof::Test(
                    "quorum-log/src/ledger.rs",
                    "r06_while_voters_are_changed_most_of_both_sets_must_have_it",
                ),
                Proof::Test(
                    "quorum-log/tests/membership.rs",
                    "r06_one_change_at_a_time_and_one_that_was_cut_short_is_finished_by_asking_again",
                ),
            ],
        ),
        known(
            "R-07",
            "amnesia, and syncs that lie",
            &[
                Proof::Row(Row::Amnesia),
                Proof::Row(Row::TailForgotten),
                Proof::Test(
                    "quorum-log/tests/majorities.rs",
                    "r07_a_voter_that_comes_back_with_an_empty_disk_can_undo_what_was_acknowledged",
                ),
            ],
        ),
        known(
            "R-08",
            "a number that is used again",
            &[Proof::Test(
                "quorum-log/tests/membership.rs",
                "r08_a_wiped_voter_is_replaced_under_load_and_its_number_is_refused_for_good",
            )],
        ),
        known(
            "R-09",
            "two of five are counted for a majority",
            &[Proof::Test(
                "quorum-log/src/ledger.rs",
                "r09_two_of_five_are_no_quorum_in_whatever_order_they_answered",
            )],
        ),
        known(
            "R-10",
            "leaders die again and again",
            &[
                Proof::Row(Row::LeadersKilledInTurn),
                Proof::Test(
                    "quorum-log/tests/elections.rs",
                    "r10_leaders_die_again_and_again_and_each_time_another_is_elected",
                ),
            ],
        ),
        known(
            "R-11",
            "a hung follower is removed",
            &[
                Proof::Row(Row::HungFollowerReplaced),
                Proof::Test(
                    "quorum-log/tests/membership.rs",
                    "r11_a_hung_follower_is_removed_and_nobody_waits_for_it",
                ),
            ],
        ),
        known(
            "R-12",
            "a restart keeps no leadership",
            &[Proof::Row(Row::LeaderBounced), Proof::Mutant("quorum/RestoreLeader")],
        ),
        known(
            "R-13",
            "an even number of voters",
            &[Proof::Row(Row::FKilled), Proof::Row(Row::OneMoreKilled)],
        ),
    ];
}

const fn known(number: &'static str, what: &'static str, proofs: &'static [Proof]) -> Known {
    Known { number, what, proofs }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::Mutant;

    #[test]
    fn every_number_is_accounted_for_once_and_in_order() {
        let mut numbers: Vec<String> = (1..=26).map(|number| format!("S-{number:02}")).collect();
        numbers.insert(10, "S-10b".to_owned());
        numbers.insert(21, "S-20b".to_owned());
        numbers.extend((1..=13).map(|number| format!("R-{number:02}")));
        let known: Vec<&str> = Known::ALL.iter().map(|known| known.number).collect();
        assert_eq!(known, numbers);
        assert!(Known::ALL.iter().all(|known| !known.proofs.is_empty()));
    }

    #[test]
    fn every_row_that_carries_a_number_is_told_under_it_and_every_mutant_is_one() {
        for row in Row::ALL {
            let Some((number, _)) = row.name().split_once('-') else { continue };
            let (letter, digits) = number.split_at(1);
            if !["s", "r"].contains(&letter) || !digits.starts_with(|c: char| c.is_ascii_digit()) {
                continue;
            }
            let number = format!("{}-{digits}", letter.to_uppercase());
            let known = Known::ALL.iter().find(|known| known.number == number).expect("it is told");
            assert!(known.proofs.contains(&Proof::Row(*row)), "{row}");
        }
        for proof in Known::ALL.iter().flat_map(|known| known.proofs) {
            if let Proof::Mutant(name) = proof {
                assert!(name.parse::<Mutant>().is_ok(), "{name}");
            }
        }
    }
}
