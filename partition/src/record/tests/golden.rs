//! Batches whose bytes are known: written down field by field from Kafka's description of the format, with a checksum
//! that another program computed. What is built must be these bytes, and what they say must be read.

use super::*;
use crate::record::{Compression, TimestampType, UnpackError};

const TIME: i64 = 1_700_000_000_000;
const STAMP: ProducerStamp =
    ProducerStamp { id: ProducerId(7), epoch: ProducerEpoch(3), sequence: Sequence(41) };

/// The fields of a header that differ between these batches.
struct Fields {
    base: i64,
    crc: u32,
    attributes: i16,
    count: i32,
    max_time: i64,
    producer: (i64, i16, i32),
}

fn bytes_of(fields: &Fields, body: &[u8]) -> Bytes {
    let mut bytes = Vec::new();
    bytes.extend(fields.base.to_be_bytes());
    bytes.extend(i32::try_from(49 + body.len()).unwrap().to_be_bytes());
    bytes.extend(9_i32.to_be_bytes()); // leader epoch
    bytes.push(2); // magic
    bytes.extend(fields.crc.to_be_bytes());
    bytes.extend(fields.attributes.to_be_bytes());
    bytes.extend((fields.count - 1).to_be_bytes()); // last offset delta
    bytes.extend(TIME.to_be_bytes());
    bytes.extend(fields.max_time.to_be_bytes());
    bytes.extend(fields.producer.0.to_be_bytes());
    bytes.extend(fields.producer.1.to_be_bytes());
    bytes.extend(fields.producer.2.to_be_bytes());
    bytes.extend(fields.count.to_be_bytes());
    bytes.extend(body);
    bytes.into()
}

fn hex(text: &str) -> Vec<u8> {
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// Two records: five milliseconds late, with key, value, a header and a header without value; one early, with nothing.
const TWO_RECORDS: &[&[u8]] = &[
    &[0x38, 0x00, 0x0a, 0x00],       // length 28, attributes, time +5, offset +0
    &[0x06, b'k', b'e', b'y', 0x0a], // key of 3, value of 5
    b"value",                        //
    &[0x04, 0x0a],                   // two headers, the first key of 5
    b"trace",                        //
    &[0x02, b'x', 0x08, b'n', b'u', b'l', b'l', 0x01], // value of 1; key of 4, value -1
    &[0x0c, 0x00, 0x01, 0x02, 0x01, 0x01, 0x00], // length 6, time -1, offset +1, key -1, value -1, no header
];

fn records() -> Vec<Record> {
    let header = |key: &str, value| Header { key: key.to_owned(), value };
    let (key, value) = (Bytes::from_static(b"key"), Bytes::from_static(b"value"));
    let headers = vec![header("trace", Some(Bytes::from_static(b"x"))), header("null", None)];
    vec![
        Record { offset: Offset(500), time_ms: TIME + 5, key: Some(key), value: Some(value), headers },
        Record { offset: Offset(501), time_ms: TIME - 1, key: None, value: None, headers: Vec::new() },
    ]
}

fn built() -> BatchBuilder {
    let mut builder = BatchBuilder::new(TIME).stamped(STAMP);
    for record in records() {
        builder.push(record.time_ms, record.key.as_deref(), record.value.as_deref(), &record.headers);
    }
    builder
}

#[test]
fn a_producers_batch() {
    let fields = Fields {
        base: 500,
        crc: 0xa042_f1d7,
        attributes: 0,
        count: 2,
        max_time: TIME + 5,
        producer: (7, 3, 41),
    };
    let golden = bytes_of(&fields, &TWO_RECORDS.concat());
    assert_eq!(built().build().placed(Offset(500), Epoch(9)).bytes(), &golden);
    let batch = Batch::parse(&golden).unwrap();
    assert_eq!((batch.producer(), batch.checksum()), (Some(STAMP), 0xa042_f1d7));
    assert_eq!(batch.records().map(Result::unwrap).collect::<Vec<_>>(), records());
    assert_eq!(batch.attributes().timestamp_type(), TimestampType::Create);
}

#[test]
fn a_batch_with_the_leaders_time() {
    let fields = Fields {
        base: 500,
        crc: 0x2dcd_a635,
        attributes: 0x08,
        count: 2,
        max_time: TIME + 9000,
        producer: (7, 3, 41),
    };
    let golden = bytes_of(&fields, &TWO_RECORDS.concat());
    let stamped = built().build().with_append_time(TIME + 9000).placed(Offset(500), Epoch(9));
    assert_eq!(stamped.bytes(), &golden);
    let batch = Batch::parse(&golden).unwrap();
    assert_eq!(batch.attributes().timestamp_type(), TimestampType::Append);
    assert!(batch.records().all(|record| record.unwrap().time_ms == TIME + 9000));
}

#[test]
fn the_marker_that_commits_a_transaction() {
    // Key: version 0, type 1. Value: version 0, coordinator epoch 4. No sequence: a marker takes none.
    let body = hex("2000000008000000010c00000000000400");
    let fields = Fields {
        base: 502,
        crc: 0xd5af_6e6a,
        attributes: 0x30,
        count: 1,
        max_time: TIME,
        producer: (7, 3, -1),
    };
    let batch = Batch::parse(&bytes_of(&fields, &body)).unwrap();
    assert!(batch.is_control() && batch.attributes().is_transactional());
    assert_eq!(batch.producer(), None, "a marker is no duplicate of anything");
    let record = batch.records().next().unwrap().unwrap();
    assert_eq!(record.key.as_deref(), Some(&[0, 0, 0, 1][..]));
    assert_eq!(record.value.as_deref(), Some(&[0, 0, 0, 0, 0, 4][..]));
}

/// Twelve records "compressed", as gzip 1.12, lz4 1.9 and zstd 1.5 pack them, and by hand as Snappy's format has it.
const PACKED: [(Compression, u32, &str); 5] = [
    (
        Compression::Gzip,
        0x6c17_3e93,
        "1f8b08000000000002035dc8410a80201445d197888888887c1cbbb7741845ee1f1a77cff00c49879df7f5bc6bef3535e41cc27b4408\
         881811292172469482a815d11ac20cd1fb2f3eb8980a9ccc000000",
    ),
    (
        Compression::Snappy,
        0x391a_d3c6,
        "cc0140200000000114636f6d70726573736564000c200002023211000c200004043211000c200006063211000c200008083211000c20\
         000a0a3211000c20000c0c3211000c20000e0e3211000c200010103211000c200012123211000c200014143211000c20001616321100",
    ),
    (
        Compression::Snappy,
        0xe1e4_8c4a,
        "82534e4150505900000000010000000100000\
         06ccc0140200000000114636f6d70726573736564000c200002023211000c200004043211000c200006063211000c200008083211000c\
         20000a0a3211000c20000c0c3211000c20000e0e3211000c200010103211000c200012123211000c200014143211000c2000161632\
         1100",
    ),
    (
        Compression::Lz4,
        0xe43a_ccf2,
        "04224d1860408251000000fb06200000000114636f6d70726573736564002000020211002b040411002b060611002b080811002b0a0a11\
         002b0c0c11002b0e0e11002b101011002b121211002b14141100241616110050737365640000000000",
    ),
    (
        Compression::Zstd,
        0x6ba4_1e26,
        "28b52ffd20cc2502009402200000000114636f6d7072657373656400200002020404060608080a0a0c0c0e0e10101212141416160b00\
         e0c0a0c3a0c3a0c3a0c3a0c3a0c3a0c3a0c3a0c3a99b4c",
    ),
];

#[test]
fn compressed_batches_are_kept_as_they_are_and_read_by_who_looks() {
    for (compression, crc, packed) in PACKED {
        let fields = Fields {
            base: 600,
            crc,
            attributes: i16::from(compression.number()),
            count: 12,
            max_time: TIME + 11,
            producer: (-1, -1, -1),
        };
        let golden = bytes_of(&fields, &hex(packed));
        let batch = Batch::parse(&golden).unwrap();
        assert_eq!(batch.attributes().compression(), compression);
        assert!(batch.records().all(|record| record == Err(RecordError::Compressed)));
        let records: Vec<Record> = batch.unpacked().unwrap().map(Result::unwrap).collect();
        assert_eq!(records.len(), 12, "{compression:?}");
        for (record, index) in records.iter().zip(0_u8..) {
            assert_eq!(record.offset, Offset(600 + u64::from(index)));
            assert_eq!(record.time_ms, TIME + i64::from(index));
            assert_eq!(record.value.as_deref(), Some(&b"compressed"[..]));
        }
        let mut builder = BatchBuilder::new(TIME);
        for index in 0..12 {
            builder.push(TIME + index, None, Some(b"compressed"), &[]);
        }
        let built = builder.build_packed(compression, |_| hex(packed)).placed(Offset(600), Epoch(9));
        assert_eq!(built.bytes(), &golden, "{compression:?}");
    }
}

#[test]
fn records_that_were_packed_wrongly_are_reported_though_the_checksum_holds() {
    let packed = |compression, bytes: &'static [u8]| {
        let mut builder = BatchBuilder::new(TIME);
        builder.push_value(b"x");
        builder.build_packed(compression, |_| bytes.to_vec())
    };
    let garbled = Batch::parse(packed(Compression::Zstd, b"not zstd").bytes()).unwrap();
    assert!(matches!(garbled.unpacked().err(), Some(UnpackError::Malformed { .. })));
    // One literal byte, as Snappy packs it: no record is so short.
    let torn = Batch::parse(packed(Compression::Snappy, &[1, 0, 0x20]).bytes()).unwrap();
    let found: Vec<_> = torn.unpacked().unwrap().collect();
    assert_eq!(found, [Err(RecordError::Malformed { base: Offset(0), index: 0 })]);
}
