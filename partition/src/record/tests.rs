//! What a batch keeps, and what it detects.

use proptest::prelude::*;

use super::*;

mod golden;

fn stamp() -> ProducerStamp {
    ProducerStamp { id: ProducerId(7), epoch: ProducerEpoch(3), sequence: Sequence(41) }
}

fn two_records() -> Batch {
    let mut builder = BatchBuilder::new(1_000).stamped(stamp());
    let header = Header { key: "trace".to_owned(), value: Some(Bytes::from_static(b"x")) };
    builder.push(1_005, Some(b"key"), Some(b"value"), &[header]);
    builder.push(999, None, None, &[]);
    builder.build()
}

#[test]
fn what_was_put_in_comes_out() {
    let batch = Batch::parse(two_records().bytes()).unwrap().placed(Offset(500), Epoch(9));
    let batch = Batch::parse(batch.bytes()).expect("placing leaves the checksum true");
    assert_eq!(
        (batch.base_offset(), batch.next_offset(), batch.epoch()),
        (Offset(500), Offset(502), Epoch(9))
    );
    assert_eq!(batch.producer(), Some(stamp()));
    assert_eq!(batch.max_timestamp_ms(), 1_005);
    let records: Vec<Record> = batch.records().map(Result::unwrap).collect();
    assert_eq!(records[0].key.as_deref(), Some(&b"key"[..]));
    assert_eq!(records[0].headers[0].key, "trace");
    assert_eq!((records[1].offset, records[1].time_ms), (Offset(501), 999));
    assert_eq!((&records[1].key, &records[1].value), (&None, &None));
}

#[test]
fn the_bytes_are_kafkas() {
    // Written out by hand from Kafka's description of the format: one record, value "hi", at time 5.
    let batch = BatchBuilder::of_values(5, &[Bytes::from_static(b"hi")]);
    let bytes = batch.bytes();
    let record = [0x10, 0x00, 0x00, 0x00, 0x01, 0x04, b'h', b'i', 0x00];
    assert_eq!(&bytes[61..], &record);
    assert_eq!(&bytes[8..12], &(49_i32 + 9).to_be_bytes());
    assert_eq!(&bytes[16..17], &[2]);
    assert_eq!(&bytes[43..57], &[0xff; 14], "no producer: id, epoch and sequence are -1");
    assert_eq!(&bytes[57..61], &1_i32.to_be_bytes());
}

#[test]
fn a_flip_of_any_bit_under_the_checksum_is_detected() {
    let sound = two_records();
    for bit in (AT_MAGIC * 8)..(sound.bytes().len() * 8) {
        let mut bytes = BytesMut::from(&sound.bytes()[..]);
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(Batch::parse(&bytes.freeze()).is_err(), "bit {bit} flipped unseen");
    }
}

#[test]
fn records_that_do_not_count_up_or_do_not_fill_the_batch_are_malformed() {
    let mut builder = BatchBuilder::new(0);
    builder.push_value(b"a").push_value(b"b");
    let sound = builder.build();
    // The second record's offset delta lies three bytes into its nine; then a byte too many at the end.
    let edits: [fn(&mut Vec<u8>); 2] = [|bytes| bytes[61 + 8 + 3] = 4, |bytes| bytes.push(0)];
    for edit in edits {
        let mut bytes = sound.bytes().to_vec();
        edit(&mut bytes);
        let length = i32::try_from(bytes.len() - LENGTH_OVERHEAD).unwrap();
        bytes[AT_LENGTH..AT_LENGTH + 4].copy_from_slice(&length.to_be_bytes());
        let crc = crc32c::crc32c(&bytes[AT_ATTRIBUTES..]);
        bytes[AT_CRC..AT_CRC + 4].copy_from_slice(&crc.to_be_bytes());
        let batch = Batch::parse(&bytes.into()).unwrap();
        let found: Vec<_> = batch.records().map(|record| record.is_ok()).collect();
        assert_eq!(found, [true, false]);
    }
}

#[test]
fn control_records_name_their_kind() {
    let batch = BatchBuilder::control(1, ControlKind::Membership, b"voters");
    assert!(batch.is_control());
    let record = batch.records().next().unwrap().unwrap();
    assert_eq!(ControlKind::of_key(&record.key.unwrap()), Some(ControlKind::Membership));
    assert!(Batches::unverified(batch.bytes().clone()).values_from(Offset(0)).unwrap().is_empty());
}

#[test]
fn the_end_of_a_run_is_read_from_headers_alone() {
    let run = [two_records().placed(Offset(5), Epoch(1)), two_records().placed(Offset(7), Epoch(2))];
    let bytes: Vec<u8> = run.iter().flat_map(|batch| batch.bytes().to_vec()).collect();
    assert_eq!(Batches::unverified(Bytes::from(bytes.clone())).end(), Ok(Some(Offset(9))));
    assert_eq!(Batches::default().end(), Ok(None));
    let torn = Bytes::from(bytes).slice(..run[0].bytes().len() + 70);
    assert!(matches!(Batches::unverified(torn).end(), Err(BatchError::Short { .. })));
}

proptest! {
    #[test]
    fn bytes_from_anywhere_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let bytes = Bytes::from(bytes);
        if let Ok(batch) = Batch::parse(&bytes) {
            batch.records().for_each(drop);
        }
    }

    #[test]
    fn records_from_a_hostile_sender_never_panic(body in prop::collection::vec(any::<u8>(), 0..100), count in 1..5_i32) {
        let mut bytes = BytesMut::from(&two_records().bytes()[..HEADER_LENGTH]);
        bytes.extend_from_slice(&body);
        let length = i32::try_from(bytes.len() - LENGTH_OVERHEAD).unwrap();
        bytes[AT_LENGTH..AT_LENGTH + 4].copy_from_slice(&length.to_be_bytes());
        bytes[AT_COUNT..AT_COUNT + 4].copy_from_slice(&count.to_be_bytes());
        bytes[AT_LAST_DELTA..AT_LAST_DELTA + 4].copy_from_slice(&(count - 1).to_be_bytes());
        let crc = crc32c::crc32c(&bytes[AT_ATTRIBUTES..]);
        bytes[AT_CRC..AT_CRC + 4].copy_from_slice(&crc.to_be_bytes());
        Batch::parse(&bytes.freeze()).unwrap().records().for_each(drop);
    }
}
