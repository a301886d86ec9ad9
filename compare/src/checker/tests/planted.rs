//! Each anomaly, planted once in a history that is sound otherwise, is found by its name, and told in one line.

use partition::ids::Offset;
use partition::partition::Acks;

use super::story::{Story, at, records};
use crate::checker::{Anomaly, Verdict};
use crate::history::{Gaps, Outcome, Retention, Seen, Sender, View};

fn two_acked() -> Story {
    Story::default().append(1, 0..1, &[10], at(0)).append(1, 2..3, &[11], at(1))
}

#[test]
fn an_acknowledged_record_that_is_missing_is_a_lost_write() {
    two_acked().ends_with(&[10]).shows(
        &[Anomaly::LostWrite],
        "value 11, acknowledged at offset 1 to client 1's append (events 2-3), is not in client 99's final read \
         (events 1000-1001)",
    );
}

#[test]
fn an_acknowledged_record_that_another_one_replaced_is_lost_and_the_offset_inconsistent() {
    let story = two_acked().append(2, 4..5, &[12], Outcome::Unknown).ends_with(&[10, 12]);
    story.shows(
        &[Anomaly::LostWrite, Anomaly::InconsistentOffsets],
        "value 11, acknowledged at offset 1 to client 1's append (events 2-3), is not in client 99's final read \
         (events 1000-1001)",
    );
}

#[test]
fn a_record_that_was_shown_and_is_missing_is_a_lost_read() {
    let story = Story::default().append(1, 0..1, &[10], at(0)).append(2, 2..3, &[11], Outcome::Unknown);
    story.read(3, 4..5, View::Committed, 0, &[10, 11]).ends_with(&[10]).shows(
        &[Anomaly::LostRead],
        "value 11 of client 2's append (events 2-3), shown at offset 1 to client 3's committed read (events 4-5), \
         is not in client 99's final read (events 1000-1001)",
    );
}

#[test]
fn two_records_at_one_offset_are_inconsistent() {
    let story =
        Story::default().append(1, 0..1, &[10], Outcome::Unknown).append(2, 2..3, &[11], Outcome::Unknown);
    let story = story.read(3, 4..5, View::Follower, 0, &[10]).read(4, 6..7, View::Committed, 0, &[11]);
    let report = story.judged();
    assert_eq!(report.count(Anomaly::InconsistentOffsets), 1);
    assert_eq!(
        report.findings[0].shown_by,
        "offset 0 holds value 10 by client 3's follower read (events 4-5), and value 11 by client 4's committed \
         read (events 6-7)"
    );
}

#[test]
fn a_record_at_two_offsets_is_a_duplicate() {
    two_acked().ends_with(&[10, 11, 10]).shows(
        &[Anomaly::Duplicate],
        "value 10 of client 1's append (events 0-1) lies at 0 and at 2 (told by client 99's final read (events \
         1000-1001))",
    );
}

#[test]
fn a_record_that_nobody_sent_is_a_phantom() {
    two_acked().ends_with(&[10, 11, 66]).shows(
        &[Anomaly::Phantom],
        "value 66 at offset 2 was seen by client 99's final read (events 1000-1001); nobody sent it",
    );
}

#[test]
fn a_record_that_failed_for_certain_and_is_seen_is_an_aborted_read() {
    two_acked().append(2, 4..5, &[12], Outcome::Failed).ends_with(&[10, 11, 12]).shows(
        &[Anomaly::AbortedRead],
        "value 12 of client 2's append (events 4-5), which failed for certain, was seen at 2 by client 99's final \
         read (events 1000-1001)",
    );
}

#[test]
fn half_a_batch_is_a_torn_batch() {
    let story = Story::default().append(1, 0..1, &[10, 11], Outcome::Unknown);
    let torn = story.clone().append(2, 2..3, &[12], at(1)).ends_with(&[10, 12]);
    torn.shows(
        &[Anomaly::TornBatch],
        "value 10 lies at 0, but its batch, that of client 1's append (events 0-1), is torn by value 12 at 1",
    );
    story.clone().ends_with(&[10]).shows(
        &[Anomaly::TornBatch],
        "client 99's final read (events 1000-1001) was answered an end of 1, where value 11 goes on with its batch",
    );
    story.tail(2, 2..3, 1).ends_with(&[10, 11]).shows(
        &[Anomaly::TornBatch],
        "client 2's tail (events 2-3) was answered an end of 1, where value 11 goes on with its batch",
    );
}

#[test]
fn a_tail_before_what_was_acknowledged_is_stale() {
    two_acked().tail(2, 4..5, 1).ends_with(&[10, 11]).shows(
        &[Anomaly::StaleTail],
        "client 1's append (events 2-3) was acknowledged offset 1, and client 2's tail (events 4-5), which began \
         later, answered that the log ends there or before",
    );
}

#[test]
fn a_linearizable_read_that_ends_before_another_one_did_is_stale() {
    let seen = |end| Seen { high_watermark: Some(Offset(end)), ..Seen::default() };
    let story = Story::default().append(1, 0..9, &[10], Outcome::Unknown);
    let story = story.read_from(2, 1..2, View::Linearizable, Some(0), seen(1));
    story.read_from(3, 3..4, View::Linearizable, Some(0), seen(0)).ends_with(&[10]).shows(
        &[Anomaly::StaleTail],
        "client 2's linearizable read (events 1-2) counted offset 0, and client 3's linearizable read (events 3-4), \
         which began later, answered that the log ends there or before",
    );
}

#[test]
fn offsets_against_the_order_of_events_break_real_time() {
    let story = Story::default().append(1, 0..1, &[11], at(1)).append(2, 2..3, &[10], at(0));
    story.ends_with(&[10, 11]).shows(
        &[Anomaly::RealTimeOrder],
        "client 1's append (events 0-1) was acknowledged offset 1, but client 2's append (events 2-3), whose record \
         lies there or before, began later",
    );
}

#[test]
fn a_log_that_begins_behind_what_was_trimmed_has_lost_records() {
    let story = two_acked().append(1, 4..5, &[12], at(2)).trim(1, 6..7, 1, Some(1));
    let report = story.ends_from(2, &[12]).judged();
    assert_eq!((report.count(Anomaly::LogStartAhead), report.count(Anomaly::LostWrite)), (1, 1), "{report}");
}

#[test]
fn a_log_that_begins_behind_what_is_committed_is_ahead_whatever_the_policy() {
    let seen = |start, end| Seen { log_start: Offset(start), high_watermark: end, ..Seen::default() };
    let story = two_acked().with_retention(Retention::Policy);
    let beyond = story.clone().read_from(2, 4..5, View::Committed, Some(0), seen(3, None)).tail(3, 6..7, 2);
    beyond.ends_from(3, &[]).shows(
        &[Anomaly::LogStartAhead],
        "client 2's committed read (events 4-5) found the log to begin behind offset 2, and client 3's tail (events \
         6-7), which began later, answered that the log ends there or before",
    );
    let by_itself = story.read_from(2, 4..5, View::Follower, Some(0), seen(2, Some(Offset(1))));
    by_itself.ends_from(2, &[]).shows(
        &[Anomaly::LogStartAhead],
        "client 2's follower read (events 4-5) found the log to begin at 2, behind the end of what is committed, 1",
    );
}

#[test]
fn a_log_that_begins_before_what_was_trimmed_already_is_behind() {
    two_acked().trim(1, 4..5, 1, Some(1)).ends_with(&[10, 11]).shows(
        &[Anomaly::LogStartBehind],
        "client 99's final read (events 1000-1001) found the log to begin at 0; event 5 proved 1 before",
    );
}

#[test]
fn appends_of_one_client_against_the_order_of_its_calls_are_nonmonotonic() {
    let story = Story::default().append(1, 0..3, &[10], at(1)).append(1, 1..2, &[11], at(0));
    story.ends_with(&[11, 10]).shows(
        &[Anomaly::NonmonotonicSend],
        "client 1's append (events 0-3) was acknowledged at 1, but client 1's append (events 1-2), which it began \
         later, at 0",
    );
}

fn three_acked() -> Story {
    two_acked().append(1, 4..5, &[12], at(2)).append(1, 6..7, &[13], at(3))
}

#[test]
fn a_reader_that_skips_between_its_polls() {
    let story = three_acked().poll(2, 10..11, View::Committed, records(0, &[10]));
    story.poll(2, 12..13, View::Committed, records(2, &[12])).ends_with(&[10, 11, 12, 13]).shows(
        &[Anomaly::PollSkip],
        "client 2's committed read (events 12-13) was shown nothing from 1 up to 2",
    );
}

#[test]
fn a_reader_that_goes_back_between_its_polls() {
    let story = three_acked().poll(2, 10..11, View::Committed, records(0, &[10, 11]));
    story.poll(2, 12..13, View::Committed, records(1, &[11])).ends_with(&[10, 11, 12, 13]).shows(
        &[Anomaly::NonmonotonicPoll],
        "client 2's committed read (events 12-13) stood at 2 and was shown offset 1",
    );
}

#[test]
fn an_answer_that_skips_or_goes_back_within_itself() {
    let skip = [records(0, &[10]), records(2, &[12])].concat();
    let back = [records(1, &[11]), records(0, &[10])].concat();
    for gaps in [Gaps::Never, Gaps::Allowed] {
        let story = three_acked().with_gaps(gaps).ends_with(&[10, 11, 12, 13]);
        story.clone().poll(2, 10..11, View::Committed, skip.clone()).shows(
            &[Anomaly::IntPollSkip],
            "client 2's committed read (events 10-11) was shown nothing from 1 up to 2",
        );
        story.poll(2, 10..11, View::Committed, back.clone()).shows(
            &[Anomaly::IntNonmonotonicPoll],
            "client 2's committed read (events 10-11) stood at 2 and was shown offset 0",
        );
    }
}

#[test]
fn an_acknowledged_record_that_nobody_was_shown_leaves_a_doubt_where_there_is_no_final_read() {
    let story = two_acked().read(2, 4..5, View::Committed, 0, &[10]);
    assert_eq!(story.clone().judged().verdict, Verdict::Unknown);
    story.shows(
        &[Anomaly::Unseen],
        "value 11, acknowledged at offset 1 to client 1's append (events 2-3), was shown to nobody",
    );
}

#[test]
fn what_a_leader_alone_acknowledged_is_counted_apart_when_lost() {
    let plain = |story: Story, span, value: u64, outcome, acks| {
        story.append_as(2, span, &[value], outcome, acks, Sender::Plain, 1)
    };
    let story = plain(two_acked(), 4..5, 12, at(2), Acks::Leader);
    let story = plain(story, 6..7, 13, at(1), Acks::Leader);
    let story = plain(story, 8..9, 14, Outcome::Sent, Acks::Nobody);
    let report = story.ends_with(&[10, 11, 13]).judged();
    assert_eq!(report.verdict, Verdict::Kept, "{report}");
    let figures = report.figures;
    assert_eq!((figures.acked_by_leader, figures.leader_lost), (2, 1));
    assert_eq!((figures.sent, figures.sent_lost), (1, 1));
}

#[test]
fn a_hundred_losses_are_counted_and_a_few_told() {
    let story = (0..100).fold(Story::default(), |story, value| {
        story.append(1, value * 2..value * 2 + 1, &[value], at(value))
    });
    let report = story.ends_with(&[]).judged();
    assert_eq!(report.count(Anomaly::LostWrite), 100);
    assert_eq!(report.findings.len() as u64, crate::checker::FINDINGS_KEPT);
}
