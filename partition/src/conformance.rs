//! What every partition must do, as one suite.
//!
//! A case is a function over a [`Cluster`] and a clock, and opens with the promise that it checks. The suite knows no
//! protocol, and does not know whether time is real: each crate runs every case on real sockets and files, and in
//! virtual time. Write [`conformance_tests!`](crate::conformance_tests) with the name of a function that starts a
//! cluster and calls [`Case::run`], and each case is a test of its own.

mod appends;
mod clients;
mod crashes;
pub mod determinism;
mod load;
mod producers;
mod reads;
mod replicas;
pub mod space;
mod stage;
pub mod told;
mod trims;

use std::fmt;

use futures_util::future::LocalBoxFuture;

use crate::clock::Clock;
use crate::cluster::Cluster;

use self::stage::Stage;

/// How many replicas a case needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Any number will do: it is about one partition.
    Any,
    /// At least three, of which one can be lost.
    Three,
}

type Body = for<'a, 'b> fn(&'a mut Stage<'b>) -> LocalBoxFuture<'a, ()>;

/// One promise, and how it is checked.
#[derive(Clone, Copy)]
pub struct Case {
    /// What it is called: the promise in short.
    pub name: &'static str,
    /// On how many replicas it makes sense.
    pub needs: Needs,
    body: Body,
}

impl Case {
    /// Checks the promise on a cluster that has just started.
    ///
    /// # Panics
    /// When the promise is not kept.
    pub async fn run(&self, cluster: &mut dyn Cluster, clock: &Clock) {
        let mut stage = Stage::new(cluster, clock);
        stage.ready().await;
        (self.body)(&mut stage).await;
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

macro_rules! cases {
    ($($needs:ident $module:ident::$name:ident,)*) => {
        /// All cases.
        pub const CASES: &[Case] = &[$(Case {
            name: stringify!($name),
            needs: Needs::$needs,
            body: |stage| Box::pin($module::$name(stage)),
        }),*];
    };
}

cases! {
    Any appends::appends_lie_one_after_another_and_are_read_back_whole,
    Any appends::the_order_of_calls_is_the_order_of_appends,
    Any appends::each_acknowledgement_is_given_as_asked,
    Any appends::what_is_too_large_is_refused_and_not_appended,
    Any appends::clients_cannot_write_control_batches,
    Any reads::a_committed_read_stays_below_the_high_watermark,
    Any reads::linearizable_reads_and_tails_see_all_that_was_acknowledged,
    Any reads::a_read_waits_for_data_and_returns_soon_after_it_came,
    Any reads::a_read_without_data_returns_empty_at_its_deadline,
    Any reads::a_read_outside_the_log_is_out_of_range,
    Any reads::a_read_returns_at_least_one_batch_however_little_is_asked,
    Any trims::a_trim_moves_the_start_on_every_replica_for_good,
    Any trims::a_trim_beyond_what_is_committed_is_refused,
    Any producers::a_duplicate_is_answered_with_the_first_offset,
    Any producers::a_duplicate_is_known_after_the_leader_crashed,
    Any producers::gaps_and_fenced_producers_are_refused,
    Any clients::s22_a_producer_delivers_each_record_once_in_order_through_a_leader_crash,
    Any clients::a_newer_instance_of_a_producer_fences_the_older_one,
    Any clients::a_consumer_is_told_what_a_trim_took_from_it,
    Any crashes::a_leader_crash_under_load_loses_and_repeats_nothing,
    Any crashes::a_crash_of_all_loses_nothing_acknowledged,
    Any crashes::a_stop_in_order_loses_nothing,
    Three replicas::a_follower_refuses_appends_and_names_the_leader,
    Three replicas::a_follower_calls_what_it_does_not_have_yet_unavailable_and_not_out_of_range,
    Three replicas::all_replicas_come_to_agree,
    Three replicas::a_restarted_replica_catches_up,
    Three trims::a_replica_that_was_away_begins_where_the_log_does_now,
    Three clients::c15_c18_a_consumer_of_a_follower_reads_what_is_committed_and_goes_on_at_the_leader,
    Three replicas::a_crashed_follower_is_not_missed,
    Three replicas::a_paused_leader_is_replaced_and_does_not_disturb_when_it_wakes,
}

/// The case of this name.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn case(name: &str) -> Case {
    *CASES.iter().find(|case| case.name == name).expect("a case of the suite")
}

/// One test for each case: `conformance_tests!(any, run)` for those that one replica can pass, `conformance_tests!(three,
/// run)` for those that need three; `run` is a function that takes a [`Case`].
#[macro_export]
macro_rules! conformance_tests {
    (any, $run:path) => {
        $crate::conformance_tests! { $run;
            appends_lie_one_after_another_and_are_read_back_whole
            the_order_of_calls_is_the_order_of_appends
            each_acknowledgement_is_given_as_asked
            what_is_too_large_is_refused_and_not_appended
            clients_cannot_write_control_batches
            a_committed_read_stays_below_the_high_watermark
            linearizable_reads_and_tails_see_all_that_was_acknowledged
            a_read_waits_for_data_and_returns_soon_after_it_came
            a_read_without_data_returns_empty_at_its_deadline
            a_read_outside_the_log_is_out_of_range
            a_read_returns_at_least_one_batch_however_little_is_asked
            a_trim_moves_the_start_on_every_replica_for_good
            a_trim_beyond_what_is_committed_is_refused
            a_duplicate_is_answered_with_the_first_offset
            a_duplicate_is_known_after_the_leader_crashed
            gaps_and_fenced_producers_are_refused
            s22_a_producer_delivers_each_record_once_in_order_through_a_leader_crash
            a_newer_instance_of_a_producer_fences_the_older_one
            a_consumer_is_told_what_a_trim_took_from_it
            a_leader_crash_under_load_loses_and_repeats_nothing
            a_crash_of_all_loses_nothing_acknowledged
            a_stop_in_order_loses_nothing
        }
    };
    (three, $run:path) => {
        $crate::conformance_tests! { $run;
            a_follower_refuses_appends_and_names_the_leader
            a_follower_calls_what_it_does_not_have_yet_unavailable_and_not_out_of_range
            all_replicas_come_to_agree
            a_restarted_replica_catches_up
            a_replica_that_was_away_begins_where_the_log_does_now
            c15_c18_a_consumer_of_a_follower_reads_what_is_committed_and_goes_on_at_the_leader
            a_crashed_follower_is_not_missed
            a_paused_leader_is_replaced_and_does_not_disturb_when_it_wakes
        }
    };
    ($run:path; $($name:ident)*) => {
        $(#[test] fn $name() { $run($crate::conformance::case(stringify!($name))); })*

        /// Whoever adds a case adds it here too.
        #[test]
        fn no_case_is_left_out() {
            let named = [$(stringify!($name)),*];
            let needs = $crate::conformance::case(named[0]).needs;
            let cases = $crate::conformance::CASES.iter().filter(|case| case.needs == needs);
            let missing: Vec<_> = cases.filter(|case| !named.contains(&case.name)).collect();
            assert!(missing.is_empty(), "not run: {missing:?}");
        }
    };
}
