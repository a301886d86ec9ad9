//! Finding offsets by time, and what a wrong index does to a reader.

use super::*;
use crate::ids::{Ordinal, Timestamp};
use crate::log::disk::{Disk, OpenMode};
use crate::log::index::{OffsetEntry, OffsetIndex, Seal};
use crate::record::ControlKind;

/// A batch of records with these times.
fn timed(times: &[i64]) -> Batch {
    let mut builder = BatchBuilder::new(times[0]);
    for time in times {
        builder.push(*time, None, Some(b"some value"), &[]);
    }
    builder.build()
}

/// Batches of two records whose times go up and down, in several segments; all times by offset.
async fn timed_log(batches: i64) -> (Bench, Vec<i64>) {
    let mut bench = Bench::new(small()).await;
    let mut times = Vec::new();
    for number in 0..batches {
        let pair = [1000 + 10 * (number ^ 3), 1000 + 10 * (number ^ 6) + 5];
        bench.log.append(&timed(&pair), Epoch(1)).unwrap();
        times.extend(pair);
        bench.settle().await;
    }
    (bench, times)
}

async fn check_all(bench: &Bench, times: &[i64]) {
    let reader = bench.log.reader();
    let start = usize::try_from(bench.log.start().0).unwrap();
    for time in (980..1000 + 10 * i64::try_from(times.len()).unwrap()).step_by(3) {
        let expected = (start..times.len()).find(|at| times[*at] >= time).map(|at| Offset(at as u64));
        assert_eq!(reader.first_since(Timestamp(time)).await.unwrap(), expected, "since {time}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_time_leads_to_the_first_record_that_is_as_new() {
    let (bench, times) = timed_log(40).await;
    check_all(&bench, &times).await;
    // From files alone.
    let mut bench = bench.reopen().await;
    check_all(&bench, &times).await;
    bench.log.trim(Offset(31)).unwrap();
    check_all(&bench, &times).await;
}

/// A leader's answer to a fetch that takes its time is of the log it led, though that was cut meanwhile and has grown again.
#[tokio::test(start_paused = true)]
async fn a_read_of_a_generation_finds_nothing_of_a_later_one() {
    let (mut bench, _) = timed_log(40).await;
    let (reader, of, mib) = (bench.log.reader(), bench.log.generation(), ByteSize::mib(1));
    let (from, until) = (Offset(42), Offset(46));
    let found = reader.read_of(of, from, until, mib).await.unwrap().expect("it is as it was");
    assert_eq!(found.verified().unwrap()[0].epoch(), Epoch(1));
    bench.log.truncate(Offset(40)).unwrap();
    for _ in 0..20 {
        bench.log.append(&timed(&[1, 2]), Epoch(2)).unwrap();
    }
    bench.settle().await;
    assert!(reader.read_of(of, from, until, mib).await.unwrap().is_none());
    let now = reader.read_of(bench.log.generation(), from, until, mib).await.unwrap().expect("of now");
    assert_eq!(now.verified().unwrap()[0].epoch(), Epoch(2));
    bench.log.restart_at(Offset(40), Ordinal(20)).unwrap();
    assert!(reader.read_of(of, Offset(40), until, mib).await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_time_that_was_cut_off_leads_nowhere() {
    let (mut bench, times) = timed_log(40).await;
    bench.log.truncate(Offset(42)).unwrap();
    check_all(&bench, &times[..42]).await;
    let bench = bench.reopen().await;
    check_all(&bench, &times[..42]).await;
}

#[tokio::test(start_paused = true)]
async fn a_control_batch_is_not_what_a_time_leads_to() {
    let mut bench = Bench::new(small()).await;
    bench.log.append(&timed(&[1000]), Epoch(1)).unwrap();
    bench.log.append(&BatchBuilder::control(2000, ControlKind::Blank, b""), Epoch(1)).unwrap();
    bench.log.append(&timed(&[1500]), Epoch(1)).unwrap();
    let reader = bench.log.reader();
    assert_eq!(reader.first_since(Timestamp(1400)).await.unwrap(), Some(Offset(2)));
    assert_eq!(reader.first_since(Timestamp(1600)).await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn an_index_that_leads_astray_is_seen_through() {
    let (bench, _) = timed_log(40).await;
    let bench = bench.reopen().await;
    // Its entries lead a batch too far, and its seal says that this is right.
    let read = |ending: &str| {
        let file = bench.disk.open(&Path::new(DIR).join(format!("{:020}.{ending}", 0)), OpenMode::Existing);
        let file = file.unwrap();
        let mut bytes = vec![0; file.length().unwrap().as_len()];
        file.read_at(&mut bytes, ByteSize::ZERO).unwrap();
        (file, bytes)
    };
    let (file, bytes) = read("index");
    let right = OffsetIndex::of_file(Offset(0), bytes).unwrap();
    let mut wrong = OffsetIndex::new(Offset(0));
    let size = timed(&[1000, 1001]).size().0;
    for OffsetEntry { last, position } in right.iter() {
        wrong.push(OffsetEntry { last, position: ByteSize(position.0 + size) });
    }
    assert!(wrong.count() > 1);
    file.write_at(wrong.bytes(), ByteSize::ZERO).unwrap();
    let (file, bytes) = read("ordinals");
    let at = bytes.len() - Seal::LENGTH.as_len();
    let seal = Seal { offsets: wrong.checksum(), ..Seal::decode(&bytes[at..]).unwrap() };
    file.write_at(&seal.encoded(), ByteSize(at as u64)).unwrap();
    let bench = bench.reopen().await;
    let reader = bench.log.reader();
    for offset in 0..10 {
        let read = reader.read(Offset(offset), bench.log.end(), ByteSize(1)).await.unwrap();
        let batch = read.iter().next().unwrap().unwrap();
        assert_eq!(batch.base_offset().0, offset / 2 * 2);
        let ordinals = Ordinal(offset / 2)..Ordinal(40);
        let read = reader.read_ordinals(ordinals, ByteSize(1)).await.unwrap();
        assert_eq!(read[0], batch);
    }
}
