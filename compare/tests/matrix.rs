//! The fault matrix can tell: what should hold holds, what should be lost is lost, and a wrong expectation is noticed.

use std::time::Duration;

use compare::faults::matrix::{
    Answers, Availability, Cell, Column, Judged, Losses, Measured, Row, Trials, Verdict,
};
use compare::results::MatrixRow;
use compare::simulate::Halt;

const TRIALS: Trials = Trials { first: 1, each: 1 };

fn judged(name: &str) -> Judged {
    let cells = Cell::all(&Column::all());
    let cell = cells.iter().find(|cell| cell.to_string() == name).expect("a cell of this name");
    TRIALS.one(cell, &Halt::default()).expect("nobody halts it")
}

fn verdicts(judged: &Judged) -> [Verdict; 4] {
    [judged.property(), judged.coverage(), judged.lifecycle(), judged.answers()]
}

#[test]
fn every_row_is_in_the_matrix_and_every_column_too() {
    let columns = Column::all();
    let cells = Cell::all(&columns);
    for row in Row::ALL {
        assert!(cells.iter().any(|cell| cell.row == *row), "{row} has no cell");
    }
    for column in &columns {
        assert!(cells.iter().any(|cell| cell.column == *column), "{column} has no cell");
    }
}

#[test]
fn every_control_must_lose_something_in_each_system_that_has_it() {
    let cells = Cell::all(&Column::all());
    for control in [
        "leader-killed-unreplicated/isr-3:2/leader/synced",
        "leader-killed-unreplicated/quorum-3/leader/synced",
        "last-in-sync-killed/isr-3:1/committed/synced/unclean-election",
        "all-lose-power/isr-3:2/committed/cached",
        "all-lose-power/quorum-3/committed/cached",
        "s01-bounce-and-power-cut/isr-3:2/committed/synced/truncate-by-high-watermark",
    ] {
        let cell = cells.iter().find(|cell| cell.to_string() == control).expect("a cell of this name");
        assert_eq!(cell.expected().losses, Losses::Shown, "{control}");
    }
}

#[test]
fn what_the_leader_alone_had_is_lost_with_it_where_that_was_enough_to_acknowledge() {
    for system in ["isr-3:2", "quorum-3"] {
        let control = judged(&format!("leader-killed-unreplicated/{system}/leader/synced"));
        assert!(control.measured.lost > 0, "{system}: {:?}", control.measured);
        assert_eq!(verdicts(&control), [Verdict::AsExpected; 4], "{system}: {:?}", control.measured);
        let committed = judged(&format!("leader-killed-unreplicated/{system}/committed/synced"));
        assert_eq!(verdicts(&committed), [Verdict::AsExpected; 4], "{system}: {:?}", committed.measured);
    }
}

#[test]
fn s17_a_dead_leader_is_replaced_and_a_dead_follower_is_waited_for_by_the_set_alone() {
    for (cell, availability) in [
        ("leader-killed/isr-3:2/committed/synced", Availability::Resumes),
        ("leader-killed/quorum-3/committed/synced", Availability::Resumes),
        ("follower-killed/isr-3:2/committed/synced", Availability::Resumes),
        ("follower-killed/quorum-3/committed/synced", Availability::GoesOn),
    ] {
        let judged = judged(cell);
        assert_eq!(verdicts(&judged), [Verdict::AsExpected; 4], "{cell}: {:?}", judged.measured);
        assert_eq!(judged.measured.worst(), Some(availability), "{cell}");
        assert_eq!(judged.measured.lost, 0, "{cell}");
    }
}

#[test]
fn s24_without_a_majority_of_controllers_a_dead_follower_stops_the_set_until_they_are_back() {
    for (cell, availability) in [
        ("controllers-lost/isr-3:2/committed/synced", Availability::GoesOn),
        ("controllers-lost-then-follower/isr-3:2/committed/synced", Availability::Stops),
        // It has no controllers to lose, and two of three are enough.
        ("follower-killed/quorum-3/committed/synced", Availability::GoesOn),
    ] {
        let judged = judged(cell);
        assert_eq!(verdicts(&judged), [Verdict::AsExpected; 4], "{cell}: {:?}", judged.measured);
        assert_eq!(judged.measured.worst(), Some(availability), "{cell}");
        assert_eq!(judged.measured.lost, 0, "{cell}: what waited is committed when they are back");
    }
}

#[test]
fn s01_truncation_by_high_watermark_loses_what_was_acknowledged_and_by_epoch_nothing_is_lost() {
    let cell = "s01-bounce-and-power-cut/isr-3:2/committed/synced";
    let today = judged(cell);
    assert_eq!(verdicts(&today), [Verdict::AsExpected; 4], "{:?}", today.measured);
    let older = judged(&format!("{cell}/truncate-by-high-watermark"));
    assert!(older.measured.lost > 0, "{:?}", older.measured);
    assert_eq!(verdicts(&older), [Verdict::AsExpected; 4], "{:?}", older.measured);
}

#[test]
fn s02_by_high_watermark_logs_differ_for_ever_and_what_was_never_synced_is_lost_under_either_rule() {
    let cell = "s02-power-cut-of-both/isr-2:1/committed/cached";
    let (today, older) = (judged(cell), judged(&format!("{cell}/truncate-by-high-watermark")));
    assert!(today.measured.lost > 0 && older.measured.lost > 0);
    assert!(today.measured.apart == 0 && older.measured.apart > 0, "{:?}", older.measured);
}

#[test]
fn a_flipped_bit_is_refused_by_its_checksum() {
    let judged = judged("flipped-bit/isr-3:2/committed/synced");
    assert_eq!(verdicts(&judged), [Verdict::AsExpected; 4], "{:?}", judged.measured);
}

#[test]
fn s12_what_was_never_synced_is_lost_with_the_power_and_the_matrix_counts_it() {
    for system in ["isr-3:2", "quorum-3"] {
        let cached = judged(&format!("all-lose-power/{system}/committed/cached"));
        assert!(cached.measured.lost > 0, "{system}: {:?}", cached.measured);
        assert_eq!(cached.property(), Verdict::AsExpected);
        let synced = judged(&format!("all-lose-power/{system}/committed/synced"));
        assert_eq!((synced.measured.lost, synced.property()), (0, Verdict::AsExpected), "{system}");
    }
}

#[test]
fn a_weaker_promise_excuses_what_it_does_not_promise_and_nothing_else() {
    let mut weak = judged("leader-killed/quorum-3/nobody/synced");
    assert_eq!((weak.expected.losses, weak.property()), (Losses::Unpromised, Verdict::AsExpected));
    weak.measured.lost = 7;
    assert_eq!(weak.property(), Verdict::AsExpected, "nobody was promised more");
    for spoil in [
        |measured: &mut Measured| measured.duplicated = 1,
        |measured: &mut Measured| measured.phantom = 1,
        |measured: &mut Measured| measured.apart = 1,
        |measured: &mut Measured| measured.stale = 1,
    ] {
        let mut spoilt = weak.clone();
        spoil(&mut spoilt.measured);
        assert_eq!(spoilt.property(), Verdict::Unlike, "{:?}", spoilt.measured);
    }
    let mut older = weak;
    older.expected.losses = Losses::Possible;
    older.measured.apart = 1;
    assert_eq!(older.property(), Verdict::Unlike, "logs become one whatever was lost");
}

#[test]
fn a_cell_unlike_its_expectation_is_noticed() {
    let sound = judged("leader-killed/quorum-3/committed/synced");
    let mut wrong = sound.clone();
    wrong.expected.answers = Answers::Exactly(Availability::GoesOn);
    assert_eq!(wrong.answers(), Verdict::Unlike, "worse than expected");
    wrong.expected.answers = Answers::Exactly(Availability::Stops);
    assert_eq!(wrong.answers(), Verdict::Unlike, "better than expected");
    wrong.expected.losses = Losses::Shown;
    assert_eq!(wrong.property(), Verdict::Unlike, "a control that shows no loss");
    let mut lost = sound.clone();
    lost.measured.lost = 1;
    assert_eq!(lost.property(), Verdict::Unlike);
    let mut one_of_two = sound.clone();
    one_of_two.measured.trials = 2;
    one_of_two.measured.happened = 2;
    assert_eq!(one_of_two.answers(), Verdict::Unknown, "a trial without any answer");
    one_of_two.measured.no_ack.insert(0, Duration::from_millis(1));
    assert_eq!(one_of_two.answers(), Verdict::Unlike, "a better trial is hidden by no worse one");
    assert_eq!(one_of_two.lifecycle(), Verdict::Unknown, "one has not come back");
    let mut unseen = sound;
    unseen.measured.happened = 0;
    assert_eq!(unseen.coverage(), Verdict::Unknown);
    assert!(!MatrixRow::of(&unseen, &TRIALS).is_good(), "an open question is no pass");
}
