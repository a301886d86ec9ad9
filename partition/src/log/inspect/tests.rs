//! What an inspection says of sound, torn and damaged logs, and that the recovery agrees.

use std::path::Path;

use super::*;
use crate::ids::Epoch;
use crate::log::LogConfig;
use crate::log::disk::SimulatedDisk;
use crate::log::tests::{Bench, DIR, batch, small};
use crate::record::{BatchBuilder, Compression};
use crate::world::Random;

fn look_at(bench: &Bench, depth: Depth) -> LogReport {
    look_with(&bench.disk, Some(&bench.checkpoints), depth)
}

fn look_with(disk: &SimulatedDisk, checkpoints: Option<&dyn Checkpoints>, depth: Depth) -> LogReport {
    inspect(&Request { disk, dir: Path::new(DIR), checkpoints, depth }).unwrap()
}

/// Changes what is on the disk behind the log's back.
fn overwrite(disk: &SimulatedDisk, name: &str, at: u64, bytes: &[u8]) {
    let file = disk.open(&Path::new(DIR).join(name), OpenMode::Existing).unwrap();
    file.write_at(bytes, ByteSize(at)).unwrap();
    file.sync().unwrap();
}

const FIRST: &str = "00000000000000000000.log";

async fn twenty() -> Bench {
    let mut bench = Bench::new(small()).await;
    for number in 0..20 {
        bench.append(1 + number / 7, &["some value", "another"]);
    }
    bench.settle().await;
    bench
}

#[tokio::test(start_paused = true)]
async fn a_sound_log_is_shown_as_it_is_open_or_closed() {
    let bench = twenty().await;
    let report = look_at(&bench, Depth::Records);
    assert!(report.is_sound(), "{:?}", report.findings);
    assert_eq!((report.start, report.end), (Offset(0), Offset(40)));
    assert_eq!(report.segments.iter().map(|segment| segment.batches).sum::<u64>(), 20);
    assert_eq!(report.segments.iter().map(|segment| segment.records).sum::<u64>(), 40);
    assert_eq!(report.epochs, bench.log.epochs().entries());
    assert_eq!((&report.cuts[..], report.closing), (&[][..], Closing::Unclean));
    let Origin::Ours { run: 1, .. } = report.origin else { panic!("{:?}", report.origin) };
    let (disk, checkpoints) = (bench.disk.clone(), bench.checkpoints.clone());
    bench.log.close().await.unwrap();
    let closed = look_with(&disk, Some(&checkpoints), Depth::Headers);
    assert!(closed.is_sound(), "{:?}", closed.findings);
    assert_eq!(closed.closing, Closing::Clean { end: Offset(40) });
    assert_eq!((closed.epochs_file, closed.recovery_point), (EpochsFile::Agrees, Some(Offset(40))));
    let last = closed.segments.last().unwrap();
    assert_eq!((last.file_bytes, &last.tail), (last.batch_bytes, &Tail::Nothing));
}

#[tokio::test(start_paused = true)]
async fn each_batch_is_visited_where_it_lies() {
    let bench = twenty().await;
    let report = look_at(&bench, Depth::Headers);
    let mut found = Vec::new();
    each_batch(&bench.disk, &report, |batch| {
        found.push((batch.segment, batch.position, batch.batch.base_offset()));
        Ok(())
    })
    .unwrap();
    assert_eq!(found.len(), 20);
    assert!(found.windows(2).all(|pair| pair[0].2 < pair[1].2));
    let first_of_second = found.iter().find(|(segment, ..)| *segment > Offset(0)).unwrap();
    assert_eq!((first_of_second.1, first_of_second.2), (ByteSize::ZERO, first_of_second.0));
}

#[tokio::test(start_paused = true)]
async fn what_a_crash_tore_is_a_cut_and_what_it_cannot_have_torn_is_damage() {
    let mut bench = Bench::new(LogConfig::default()).await;
    bench.append(1, &["a"]);
    bench.settle().await;
    let at = batch(&["a"]).size().0;
    let torn = batch(&["b"]).placed(Offset(1), Epoch(1));
    overwrite(&bench.disk, FIRST, at, &torn.bytes()[..40]);
    let report = look_at(&bench, Depth::Headers);
    assert!(report.is_sound(), "{:?}", report.findings);
    assert_eq!((report.end, report.cuts.len()), (Offset(1), 1));
    assert_eq!((report.cuts[0].file.as_str(), report.cuts[0].position), (FIRST, ByteSize(at)));
    // The same bytes in a log that was closed behind them.
    let (disk, checkpoints) = (bench.disk.clone(), bench.checkpoints.clone());
    bench.append(1, &["b"]);
    bench.log.close().await.unwrap();
    overwrite(&disk, FIRST, at + 30, &[0xff]);
    let report = look_with(&disk, Some(&checkpoints), Depth::Records);
    let finding = &report.findings[0];
    assert_eq!((finding.file.as_str(), finding.position), (FIRST, Some(ByteSize(at))));
    assert_eq!(finding.offset, Some(Offset(1)));
    assert!(finding.what.contains("checksum") && finding.now.contains("stop this replica"), "{finding:?}");
}

#[tokio::test(start_paused = true)]
async fn damage_says_where_sound_batches_go_on() {
    let bench = twenty().await;
    let disk = bench.disk.clone();
    bench.log.close().await.unwrap();
    let size = batch(&["some value", "another"]).size().0;
    overwrite(&disk, FIRST, size + 70, b"?");
    // Headers do not tell: the byte lies in a record.
    assert!(look_with(&disk, None, Depth::Headers).is_sound());
    let report = look_with(&disk, None, Depth::Records);
    let Tail::Broken { resumes, .. } = &report.segments[0].tail else { panic!("{report:?}") };
    assert_eq!(*resumes, Some((ByteSize(2 * size), Offset(4))));
    assert_eq!(report.segments.len(), 3, "what follows is shown all the same");
    assert!(report.findings[0].what.contains("offset 4"), "{:?}", report.findings);
}

#[tokio::test(start_paused = true)]
async fn records_that_were_packed_wrongly_are_found_by_a_deep_look() {
    let mut bench = Bench::new(LogConfig::default()).await;
    let packed = |bytes: &'static [u8]| {
        let mut builder = BatchBuilder::new(0);
        builder.push_value(b"x");
        builder.build_packed(Compression::Lz4, |_| bytes.to_vec())
    };
    bench.log.append(&packed(b"not lz4"), Epoch(1)).unwrap();
    bench.settle().await;
    assert!(look_at(&bench, Depth::Headers).is_sound());
    let report = look_at(&bench, Depth::Records);
    assert!(report.findings[0].what.contains("not lz4"), "{:?}", report.findings);
    assert_eq!((report.segments[0].compressed_batches, report.end), (1, Offset(1)));
}

#[tokio::test(start_paused = true)]
async fn a_log_without_its_state_is_damaged_unless_it_is_kafkas() {
    let bench = twenty().await;
    let disk = bench.disk.clone();
    bench.log.close().await.unwrap();
    disk.remove(&Path::new(DIR).join(STATE_FILE)).unwrap();
    let report = look_with(&disk, None, Depth::Headers);
    assert_eq!((&report.origin, report.findings.len()), (&Origin::Stateless, 1));
    assert_eq!(report.findings[0].file, STATE_FILE);
    disk.open(&Path::new(DIR).join("partition.metadata"), OpenMode::New).unwrap();
    let report = look_with(&disk, None, Depth::Headers);
    assert_eq!((&report.origin, report.is_sound()), (&Origin::Foreign, true));
    assert_eq!(report.end, Offset(40));
}

#[tokio::test(start_paused = true)]
async fn a_directory_that_holds_no_log_is_none() {
    let disk = SimulatedDisk::default();
    disk.create_dir(Path::new(DIR)).unwrap();
    disk.open(&Path::new(DIR).join("notes.log"), OpenMode::New).unwrap();
    let request = Request { disk: &disk, dir: Path::new(DIR), checkpoints: None, depth: Depth::Headers };
    assert!(matches!(inspect(&request), Err(InspectError::NotALog(_))));
    assert!(!is_log(&disk, Path::new(DIR)));
}

/// The judgement is made twice, here and by the recovery: nothing that is called sound may be refused or lost.
#[tokio::test(start_paused = true)]
async fn the_recovery_does_what_the_inspection_said() {
    let (mut refused, mut cut, mut kept) = (0, 0, 0);
    for seed in 0..150 {
        let random = Random::seeded(seed);
        let mut bench = Bench::new(small()).await;
        for number in 0..8 + random.below(12) {
            bench.append(1 + u32::try_from(number / 5).unwrap(), &["some value"]);
        }
        bench.settle().await;
        for _ in 0..random.below(3) {
            bench.append(9, &["not synced, perhaps"]);
        }
        let closed = random.below(3) == 0;
        let Bench { disk, checkpoints, world, config, log, .. } = bench;
        if closed {
            log.close().await.unwrap();
        } else {
            world.tasks.crash();
            disk.crash_midway(&random);
        }
        if random.below(2) == 0 {
            let names = disk.list(Path::new(DIR)).unwrap();
            let logs: Vec<_> = names.iter().filter(|name| name.ends_with(".log")).collect();
            let name = logs[usize::try_from(random.below(logs.len() as u64)).unwrap()];
            let file = disk.open(&Path::new(DIR).join(name), OpenMode::Existing).unwrap();
            let length = file.length().unwrap().0;
            if length > 0 {
                let bytes = random.seed().to_be_bytes();
                overwrite(&disk, name, random.below(length), &bytes[..1 + (seed % 8) as usize]);
            }
        }
        let report = look_with(&disk, Some(&checkpoints), Depth::Records);
        match Bench::open(disk, checkpoints, config).await {
            Err(error) => {
                refused += 1;
                assert!(!report.is_sound(), "seed {seed}: called sound, and refused: {error}");
            }
            Ok(bench) if report.is_sound() => {
                assert_eq!(bench.log.end(), report.end, "seed {seed}: {report:?}");
                let records = bench.contents().await.len() as u64;
                assert_eq!(records, report.end.0, "seed {seed}: what was called sound is not served");
                if report.cuts.is_empty() { kept += 1 } else { cut += 1 }
            }
            Ok(_) => {}
        }
    }
    assert!(refused > 10 && cut > 10 && kept > 10, "{refused} refused, {cut} cut, {kept} kept");
}
