//! A disk that fails, and a real one.

use std::io;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::ids::Generation;
use crate::log::disk::{Disk, DiskFile, DiskLock, OpenMode, RealDisk};

/// What fails from now on.
#[derive(Debug, Default)]
struct Switches {
    sync: AtomicBool,
    write: AtomicBool,
}

#[derive(Debug)]
struct FailingDisk {
    disk: SimulatedDisk,
    fails: Arc<Switches>,
}

#[derive(Debug)]
struct FailingFile {
    file: Arc<dyn DiskFile>,
    fails: Arc<Switches>,
}

impl Disk for FailingDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn DiskFile>> {
        let file = self.disk.open(path, mode)?;
        Ok(Arc::new(FailingFile { file, fails: Arc::clone(&self.fails) }))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.disk.list(dir)
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        self.disk.create_dir(dir)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk.remove(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.disk.sync_dir(dir)
    }

    fn lock(&self, path: &Path) -> io::Result<DiskLock> {
        self.disk.lock(path)
    }

    fn is_instant(&self) -> bool {
        true
    }
}

impl DiskFile for FailingFile {
    fn read_some_at(&self, buffer: &mut [u8], at: ByteSize) -> io::Result<usize> {
        self.file.read_some_at(buffer, at)
    }

    fn write_at(&self, bytes: &[u8], at: ByteSize) -> io::Result<()> {
        if self.fails.write.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.file.write_at(bytes, at)
    }

    fn sync(&self) -> io::Result<()> {
        // It fails once; what a second one would say is not to be believed.
        if self.fails.sync.swap(false, Ordering::Relaxed) {
            return Err(io::Error::other("the disk lost a page"));
        }
        self.file.sync()
    }

    fn set_length(&self, length: ByteSize) -> io::Result<()> {
        self.file.set_length(length)
    }

    fn length(&self) -> io::Result<ByteSize> {
        self.file.length()
    }
}

/// A log with one batch stored, on a disk that can be told to fail.
async fn failing_bench() -> (Bench, Arc<Switches>) {
    let mut bench = Bench::new(LogConfig::default()).await;
    let fails = Arc::new(Switches::default());
    bench.world.disk = Arc::new(FailingDisk { disk: bench.disk.clone(), fails: Arc::clone(&fails) });
    let (sender, events) = mpsc::unbounded_channel();
    bench.log.close().await.unwrap();
    bench.log = Log::open(&bench.world, Path::new(DIR), bench.config.clone(), sender).await.unwrap();
    bench.events = events;
    bench.append(1, &["kept"]);
    bench.settle().await;
    (bench, fails)
}

#[tokio::test(start_paused = true)]
async fn a_failed_sync_poisons_the_log() {
    let (mut bench, fails) = failing_bench().await;
    fails.sync.store(true, Ordering::Relaxed);
    bench.append(1, &["lost"]);
    let event = bench.event().await;
    assert!(matches!(&event, LogEvent::Failed(why) if why.contains("lost a page")), "{event:?}");
    // What was on its way when it failed is not stored by a later sync that succeeds.
    let refused = bench.log.append(&batch(&["late"]), Epoch(1));
    assert!(matches!(refused, Err(LogError::Poisoned(_))), "{refused:?}");
    assert_eq!(bench.log.stored(), Offset(1));
    assert!(bench.log.truncate(Offset(1)).is_err());
    bench.world.clock.sleep(Duration::from_secs(1)).await;
    assert!(bench.events.try_recv().is_err(), "a poisoned log reported something");
    assert!(matches!(bench.log.close().await, Err(LogError::Poisoned(_))));
}

#[tokio::test(start_paused = true)]
async fn appends_behind_a_failure_are_never_stored() {
    let (mut bench, fails) = failing_bench().await;
    fails.sync.store(true, Ordering::Relaxed);
    bench.append(1, &["lost"]);
    bench.world.clock.sleep(WRITE).await;
    // The front does not know yet.
    bench.append(1, &["behind"]);
    assert!(matches!(bench.event().await, LogEvent::Failed(_)));
    bench.world.clock.sleep(Duration::from_secs(1)).await;
    assert!(bench.events.try_recv().is_err(), "a poisoned log stored an append");
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_refuses_appends_serves_reads_and_goes_on_when_there_is_room() {
    let (mut bench, fails) = failing_bench().await;
    fails.write.store(true, Ordering::Relaxed);
    // This one is in the log before the disk was found to be full: it waits, with what followed it.
    bench.append(1, &["waits"]);
    bench.append(2, &["behind"]);
    let event = bench.event().await;
    assert!(matches!(&event, LogEvent::Full(_)), "{event:?}");
    let refused = bench.log.append(&batch(&["no room"]), Epoch(2));
    assert!(matches!(refused, Err(LogError::NoSpace(_))), "{refused:?}");
    assert_eq!((bench.log.stored(), bench.contents().await.len()), (Offset(1), 3));
    // A follower has no choice: what its leader has taken waits here as well.
    bench.log.append_placed(&[batch(&["placed"]).placed(Offset(3), Epoch(2))]).unwrap();
    bench.world.clock.sleep(Duration::from_secs(1)).await;
    assert!(bench.events.try_recv().is_err(), "something was reported without room");

    fails.write.store(false, Ordering::Relaxed);
    bench.settle().await;
    while bench.log.check_space().is_err() {
        bench.event().await;
    }
    bench.append(2, &["room"]);
    bench.settle().await;
    let bench = bench.crash().await.unwrap();
    let values: Vec<_> = bench.contents().await.into_iter().map(|(_, _, value)| value).collect();
    assert_eq!(values, ["kept", "waits", "behind", "placed", "room"]);
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_costs_nothing_that_was_stored() {
    let (mut bench, fails) = failing_bench().await;
    fails.write.store(true, Ordering::Relaxed);
    bench.append(1, &["no room"]);
    assert!(matches!(bench.event().await, LogEvent::Full(_)));
    let bench = bench.crash().await.unwrap();
    assert_eq!(bench.contents().await.len(), 1);
}

#[tokio::test]
async fn a_log_is_kept_in_real_files_by_real_threads() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("n1/orders-0");
    let mut world = world(&SimulatedDisk::default());
    world.disk = Arc::new(RealDisk);
    world.writers = Writers::threads(NonZeroUsize::new(2).unwrap());
    let open = |events| Log::open(&world, &path, small(), events);

    let (sender, mut events) = mpsc::unbounded_channel();
    let mut log = open(sender).await.unwrap();
    assert_eq!(log.opening(), Opening::New);
    for number in 0..50_u32 {
        log.append(&batch(&[&number.to_string()]), Epoch(1 + number / 20)).unwrap();
    }
    while log.stored() < log.end() {
        log.observe(events.recv().await.unwrap());
    }
    log.truncate(Offset(30)).unwrap();
    log.trim(Offset(12)).unwrap();
    log.append(&batch(&["after the cut"]), Epoch(7)).unwrap();
    while log.stored() < log.end() {
        log.observe(events.recv().await.unwrap());
    }
    let batches = log.reader().read(Offset(12), Offset(31), ByteSize(1)).await.unwrap();
    assert_eq!(batches.values_from(Offset(12)).unwrap()[0].1, "12", "read from a file, by a blocking thread");
    // Dropped without being closed, as when the process is killed.
    drop(log);

    let (sender, mut events) = mpsc::unbounded_channel();
    let mut log = open(sender).await.unwrap();
    assert_eq!((log.start(), log.end(), log.opening()), (Offset(12), Offset(31), Opening::Unclean));
    assert_eq!(log.generation(), Generation(1));
    assert_eq!(log.epochs().latest(), Some(Epoch(7)));
    log.append(&batch(&["once more"]), Epoch(8)).unwrap();
    log.observe(events.recv().await.unwrap());
    log.close().await.unwrap();

    let log = open(mpsc::unbounded_channel().0).await.unwrap();
    assert_eq!((log.end(), log.opening()), (Offset(32), Opening::Clean));
    let batches = log.reader().read(Offset(30), Offset(32), ByteSize::mib(1)).await.unwrap();
    let values: Vec<_> =
        batches.values_from(Offset(30)).unwrap().into_iter().map(|(_, value)| value).collect();
    assert_eq!(values, ["after the cut", "once more"]);
}
