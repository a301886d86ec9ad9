//! Near misses: histories that look wrong and are not.

use partition::ids::Offset;
use partition::partition::Acks;

use super::story::{Story, at, records};
use crate::checker::{Anomaly, Verdict};
use crate::history::{Gaps, Outcome, Retention, Seen, Sender, Sighting, View};

fn is_legal(story: Story) {
    let watched = story.clone().watched();
    assert!(watched.counts.is_empty(), "by the watch: {watched}");
    let report = story.judged();
    assert_eq!(report.verdict, Verdict::Kept, "{report}");
    assert!(report.counts.is_empty(), "{report}");
}

#[test]
fn appends_that_overlap_may_lie_in_either_order() {
    is_legal(
        Story::default().append(1, 0..3, &[10], at(1)).append(2, 1..2, &[11], at(0)).ends_with(&[11, 10]),
    );
}

#[test]
fn an_append_of_unknown_outcome_may_appear_late_or_never() {
    let story = Story::default().append(1, 0..1, &[10], Outcome::Unknown).append(1, 2..3, &[11], at(0));
    is_legal(story.clone().ends_with(&[11]));
    is_legal(story.ends_with(&[11, 10]));
}

#[test]
fn a_tail_may_miss_what_is_acknowledged_while_it_runs() {
    let story = Story::default().append(1, 0..3, &[10], at(0)).tail(2, 1..5, 0).tail(3, 2..4, 1);
    is_legal(story.ends_with(&[10]));
}

#[test]
fn a_follower_or_a_deposed_leader_may_lag_but_not_lie() {
    let story = Story::default().append(1, 0..1, &[10], at(0)).append(1, 2..3, &[11], at(1));
    let lagging = Seen { high_watermark: Some(Offset(1)), records: records(0, &[10]), ..Seen::default() };
    let story = story.read_from(2, 4..5, View::Follower, Some(0), lagging.clone());
    is_legal(story.read_from(3, 6..7, View::Committed, Some(0), lagging).ends_with(&[10, 11]));
}

#[test]
fn an_uncommitted_read_proves_nothing() {
    let story = Story::default().append(1, 0..1, &[10], Outcome::Unknown).append(1, 2..3, &[11], at(0));
    is_legal(story.read(2, 4..5, View::Uncommitted, 0, &[10]).ends_with(&[11]));
}

#[test]
fn a_plain_client_that_sends_again_makes_its_own_duplicate() {
    let story = Story::default().append_as(1, 0..1, &[10], at(0), Acks::Committed, Sender::Plain, 2);
    let story = story.append(2, 2..3, &[11], at(1)).ends_with(&[10, 11, 10]);
    assert_eq!(story.clone().judged().figures.own_duplicates, 1);
    is_legal(story);
}

#[test]
fn acknowledged_records_that_were_trimmed_are_not_lost() {
    let story = Story::default().append(1, 0..1, &[10], at(0)).append(1, 2..3, &[11], at(1));
    is_legal(story.clone().trim(1, 4..5, 1, Some(1)).ends_from(1, &[11]));
    is_legal(story.clone().trim(1, 4..5, 1, None).ends_from(1, &[11]));
    is_legal(story.clone().trim(1, 4..5, 1, None).ends_with(&[10, 11]));
    is_legal(story.with_retention(Retention::Policy).ends_from(2, &[]));
}

#[test]
fn a_reader_whose_place_was_trimmed_goes_on_at_the_log_start() {
    let story = Story::default().append(1, 0..1, &[10], at(0)).append(1, 2..3, &[11], at(1));
    let story = story.poll(2, 4..5, View::Committed, Vec::new()).append(1, 6..7, &[12], at(2));
    let later = Seen { records: records(2, &[12]), log_start: Offset(2), high_watermark: None };
    let story = story.trim(1, 8..9, 2, Some(2)).read_from(2, 10..11, View::Committed, None, later);
    is_legal(story.ends_from(2, &[12]));
}

#[test]
fn a_trim_may_cut_a_batch_and_a_read_may_show_a_part_of_one() {
    let story = Story::default().append(1, 0..1, &[10, 11, 12], at(0));
    let story = story.read(2, 2..3, View::Committed, 1, &[11]);
    is_legal(story.trim(1, 4..5, 2, Some(2)).ends_from(2, &[12]));
}

#[test]
fn a_replica_that_begins_anew_inside_a_batch_may_know_of_nothing_behind_its_start() {
    let empty = |end| Seen { records: Vec::new(), log_start: Offset(1), high_watermark: Some(Offset(end)) };
    let story = |end| {
        let story = Story::default().append(1, 0..1, &[10, 11, 12], at(0)).trim(1, 2..3, 1, Some(1));
        story.read_from(2, 4..5, View::Follower, Some(1), empty(end)).ends_from(1, &[11, 12])
    };
    is_legal(story(1));
    story(2).shows(
        &[Anomaly::TornBatch],
        "client 2's follower read (events 4-5) was answered an end of 2, where value 12 goes on with its batch",
    );
}

#[test]
fn the_protocols_own_records_take_offsets_that_no_client_filled() {
    let own = |offset| Sighting { offset: Offset(offset), value: None };
    let story = Story::default().append(1, 0..1, &[10], at(1)).append(1, 2..3, &[11], at(2));
    let all = [vec![own(0)], records(1, &[10, 11]), vec![own(3)]].concat();
    let seen = Seen { records: all, high_watermark: Some(Offset(4)), ..Seen::default() };
    is_legal(story.clone().read_from(9, 50..51, View::Final, Some(0), seen));
    let shown = Seen { records: records(1, &[10, 11]), high_watermark: Some(Offset(4)), ..Seen::default() };
    is_legal(story.with_gaps(Gaps::Allowed).read_from(9, 50..51, View::Final, Some(0), shown));
}

#[test]
fn a_client_that_looks_elsewhere_on_purpose_skips_nothing() {
    let story = Story::default().append(1, 0..1, &[10], at(0)).append(1, 2..3, &[11], at(1));
    let story = story.read(2, 4..5, View::Committed, 1, &[11]).read(2, 6..7, View::Committed, 0, &[10]);
    is_legal(story.ends_with(&[10, 11]));
}

#[test]
fn a_history_far_from_offset_zero_is_judged_as_any_other() {
    const FAR: u64 = 1 << 50;
    let story = Story::default().with_retention(Retention::Policy);
    let story = story.append(1, 0..1, &[10], at(3)).append(1, 2..3, &[11], at(FAR)).tail(2, 4..5, FAR + 1);
    is_legal(story.ends_from(FAR, &[11]));
}
