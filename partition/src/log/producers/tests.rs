//! Duplicates, gaps, fences, and taking them back.

use bytes::Bytes;

use super::*;
use crate::ids::ProducerId;
use crate::record::{Batch, BatchBuilder};

fn stamp(id: u64, epoch: u16, sequence: u32) -> ProducerStamp {
    ProducerStamp { id: ProducerId(id), epoch: ProducerEpoch(epoch), sequence: Sequence(sequence) }
}

fn batch(stamp: ProducerStamp, records: u32, base: u64) -> Batch {
    let mut builder = BatchBuilder::new(0).stamped(stamp);
    for _ in 0..records {
        builder.push_value(&Bytes::from_static(b"x"));
    }
    builder.build().placed(Offset(base), Epoch(3))
}

/// A table that noted batches of one record, one after another, from these producers.
fn noted(ids: impl IntoIterator<Item = u64>) -> Producers {
    let mut producers = Producers::default();
    let mut next = std::collections::BTreeMap::<u64, u32>::new();
    for (base, id) in ids.into_iter().enumerate() {
        let sequence = next.entry(id).or_default();
        producers.note(&batch(stamp(id, 0, *sequence), 1, base as u64));
        *sequence += 1;
    }
    producers
}

fn check(producers: &Producers, id: u64, epoch: u16, sequence: u32) -> SequenceCheck {
    producers.check(stamp(id, epoch, sequence), RecordCount(1))
}

fn duplicate(base: u64) -> SequenceCheck {
    let placement = Placement { base: Offset(base), epoch: Epoch(3) };
    SequenceCheck::Duplicate { placement, end: Offset(base + 1) }
}

#[test]
fn a_duplicate_is_answered_with_where_the_first_one_lies() {
    let producers = noted([7, 9, 7, 7]);
    assert_eq!(check(&producers, 7, 0, 1), duplicate(2));
    assert_eq!(check(&producers, 9, 0, 0), duplicate(1));
    assert_eq!(check(&producers, 7, 0, 3), SequenceCheck::Next);
}

#[test]
fn a_gap_is_refused_and_so_is_a_beginning_that_is_none() {
    let producers = noted([7]);
    for (id, expected, found) in [(7, 1, 2), (8, 0, 5)] {
        let refusal =
            Refusal::OutOfOrder { producer: ProducerId(id), expected: expected.into(), found: found.into() };
        assert_eq!(check(&producers, id, 0, found), SequenceCheck::Refused(refusal));
    }
    assert_eq!(check(&Producers::partial(), 8, 0, 5), SequenceCheck::Next);
}

#[test]
fn a_newer_instance_fences_the_older_one_and_begins_at_zero() {
    let mut producers = noted([7, 7]);
    assert!(matches!(check(&producers, 7, 1, 2), SequenceCheck::Refused(Refusal::OutOfOrder { .. })));
    assert_eq!(check(&producers, 7, 1, 0), SequenceCheck::Next);
    producers.note(&batch(stamp(7, 1, 0), 1, 2));
    let fenced = Refusal::FencedProducer { producer: ProducerId(7), current: ProducerEpoch(1) };
    assert_eq!(check(&producers, 7, 0, 2), SequenceCheck::Refused(fenced));
}

#[test]
fn sequences_go_on_behind_the_last_one() {
    let mut producers = Producers::partial();
    producers.note(&batch(stamp(7, 0, 2_147_483_646), 3, 0));
    assert_eq!(check(&producers, 7, 0, 1), SequenceCheck::Next);
    let ancient = SequenceCheck::Refused(Refusal::AncientDuplicate {
        producer: ProducerId(7),
        found: Sequence(2_147_483_640),
    });
    assert_eq!(check(&producers, 7, 0, 2_147_483_640), ancient);
}

#[test]
fn h10_a_truncation_takes_back_what_it_cut() {
    let whole = noted([7, 9, 7, 7, 9]);
    for cut in 0..5_u8 {
        let mut producers = whole.clone();
        producers.truncate(Offset(cut.into()));
        assert_eq!(producers, noted([7, 9, 7, 7, 9].into_iter().take(cut.into())), "cut at {cut}");
    }
}

#[test]
fn a_cut_deeper_than_can_be_taken_back_is_made_good_by_looking_it_up() {
    let mut producers = noted(std::iter::repeat_n(7, UNDO_BATCHES + 100));
    producers.truncate(Offset(50));
    assert_eq!(producers.forgotten(), [ProducerId(7)]);
    assert_eq!(check(&producers, 7, 0, 50), SequenceCheck::Refused(Refusal::Overloaded));
    // The first batch after the cut arrives before what lies below it was found.
    producers.note(&batch(stamp(7, 0, 50), 1, 50));
    producers.recall(&noted(std::iter::repeat_n(7, 50)));
    assert_eq!(check(&producers, 7, 0, 51), SequenceCheck::Next);
    assert_eq!(check(&producers, 7, 0, 49), duplicate(49));
}

#[test]
fn the_producer_that_was_silent_longest_goes_first() {
    let ids = 0..PRODUCERS_MAX as u64 + 1;
    let producers = noted(ids);
    assert_eq!(check(&producers, 0, 0, 7), SequenceCheck::Next, "forgotten, so any sequence is a beginning");
    assert_eq!(check(&producers, 1, 0, 0), duplicate(1));
}

#[test]
fn a_snapshot_holds_what_was_known_at_its_offset() {
    let producers = noted([7, 9, 7, 7, 9, 7]);
    let snapshot = producers.as_of(Offset(4));
    assert_eq!(check(&snapshot, 7, 0, 2), duplicate(3));
    assert_eq!(check(&snapshot, 9, 0, 1), SequenceCheck::Next);
}
