//! Every state that a power cut can leave, in short runs: the power goes after each single operation on the disk, and
//! of what was not synced then, each combination of sectors, lengths and names is tried.
//!
//! Sidecar files that nobody relies on are kept or lost together. The judge is the model's: what was reported as stored
//! is there, and what is there is a beginning of what was appended.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use super::model::{Failed, Model, Op, Trial};
use super::*;
use crate::log::disk::{Disk, DiskFile, DiskLock, Grain, OpenMode};

/// A disk whose power goes after so many operations that change something: they fail then, and change nothing.
#[derive(Clone, Debug)]
pub(super) struct FailingPower {
    pub(super) disk: SimulatedDisk,
    pub(super) left: Arc<AtomicU64>,
}

impl FailingPower {
    fn spend(&self) -> io::Result<()> {
        let spent = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        spent.map(drop).map_err(|_| io::Error::other("the power is gone"))
    }
}

#[derive(Debug)]
struct PoweredFile {
    file: Arc<dyn DiskFile>,
    power: FailingPower,
}

impl Disk for FailingPower {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn DiskFile>> {
        let there = self.disk.open(path, OpenMode::Existing);
        let file = match (there, mode) {
            (Ok(_), OpenMode::New) => self.disk.open(path, mode)?,
            (Ok(file), _) => file,
            (Err(error), OpenMode::Existing) => return Err(error),
            (Err(_), _) => {
                self.spend()?;
                self.disk.open(path, mode)?
            }
        };
        Ok(Arc::new(PoweredFile { file, power: self.clone() }))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.disk.list(dir)
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        self.disk.create_dir(dir)
    }

    fn remove_dir(&self, dir: &Path) -> io::Result<()> {
        self.spend()?;
        self.disk.remove_dir(dir)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.spend()?;
        self.disk.remove(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.spend()?;
        self.disk.rename(from, to)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.spend()?;
        self.disk.sync_dir(dir)
    }

    fn lock(&self, path: &Path) -> io::Result<DiskLock> {
        self.disk.lock(path)
    }

    fn is_instant(&self) -> bool {
        true
    }
}

impl DiskFile for PoweredFile {
    fn read_some_at(&self, buffer: &mut [u8], at: ByteSize) -> io::Result<usize> {
        self.file.read_some_at(buffer, at)
    }

    fn write_at(&self, bytes: &[u8], at: ByteSize) -> io::Result<()> {
        self.power.spend()?;
        self.file.write_at(bytes, at)
    }

    fn sync(&self) -> io::Result<()> {
        self.power.spend()?;
        self.file.sync()
    }

    fn set_length(&self, length: ByteSize) -> io::Result<()> {
        self.power.spend()?;
        self.file.set_length(length)
    }

    fn length(&self) -> io::Result<ByteSize> {
        self.file.length()
    }
}

/// What a log relies on is looked at by the sector.
pub(super) fn grain(path: &Path) -> Grain {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let relied_on = name.ends_with(".log")
        || matches!(name, "log-state" | "clean-shutdown" | "segment.spare" | "being-removed");
    if relied_on { Grain::Sectors } else { Grain::Together }
}

/// The log as it is while its disk has power for so many operations.
async fn open(
    disk: &SimulatedDisk,
    checkpoints: &MemoryCheckpoints,
    left: &Arc<AtomicU64>,
) -> Result<Bench, LogError> {
    let mut world = world(disk);
    world.disk = Arc::new(FailingPower { disk: disk.clone(), left: Arc::clone(left) });
    world.checkpoints = Arc::new(checkpoints.clone());
    let (sender, events) = mpsc::unbounded_channel();
    let log = Log::open(&world, Path::new(DIR), tiny(), sender).await?;
    let (disk, checkpoints, config) = (disk.clone(), checkpoints.clone(), tiny());
    Ok(Bench { disk, checkpoints, world, config, log, events })
}

/// Three batches fill a segment, and a sector holds most of it.
pub(super) fn tiny() -> LogConfig {
    LogConfig { segment_bytes: ByteSize(300), ..small() }
}

/// A step of a run.
#[derive(Clone, Copy, Debug)]
enum Step {
    Do(Op),
    /// Closes the log in order, and opens it again.
    Reopen,
}

const APPEND: Step = Step::Do(Op::Append { epoch_step: 0, records: 1, size: 9, producer: 1 });
const NEXT_EPOCH: Step = Step::Do(Op::Append { epoch_step: 1, records: 1, size: 9, producer: 2 });
const SETTLE: Step = Step::Do(Op::Settle);
/// The sweeper does what it was asked for.
const PAUSE: Step = Step::Do(Op::Wait { ms: 200 });

fn truncate(percent: u8) -> Step {
    Step::Do(Op::Truncate { percent })
}

fn trim(percent: u8) -> Step {
    Step::Do(Op::Trim { percent })
}

/// How many crash states were looked at.
#[derive(Default)]
struct Looked {
    moments: u64,
    states: u64,
}

/// Runs the steps again and again, with power for one operation more each time, and looks at all that a crash may leave.
fn enumerate(steps: &[Step]) -> Looked {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let mut looked = Looked::default();
    runtime.block_on(async {
        for operations in 0.. {
            let left = Arc::new(AtomicU64::new(operations));
            let run = run(steps, &left).await;
            let whole = left.load(Ordering::Relaxed) > 0;
            look(&run, operations, &mut looked).await;
            if whole {
                break;
            }
        }
    });
    looked
}

/// A run, at the moment when its power is gone.
struct Run {
    disk: SimulatedDisk,
    checkpoints: MemoryCheckpoints,
    model: Model,
    before: VecDeque<(super::model::Change, Model)>,
}

async fn run(steps: &[Step], left: &Arc<AtomicU64>) -> Run {
    let (disk, checkpoints) = (SimulatedDisk::default(), MemoryCheckpoints::default());
    let opened = open(&disk, &checkpoints, left).await;
    let Ok(bench) = opened else {
        return Run { disk, checkpoints, model: Model::new(), before: VecDeque::new() };
    };
    let mut trial = Trial::new(bench, Model::new(), VecDeque::new(), Failed::NotYet);
    for step in steps {
        match step {
            Step::Do(op) => trial.apply(*op).await,
            Step::Reopen => {
                trial.apply(Op::Settle).await;
                let Trial { bench, model, before, .. } = trial;
                let closed = bench.log.close().await;
                let opened = if closed.is_ok() { open(&disk, &checkpoints, left).await.ok() } else { None };
                let Some(bench) = opened else { return Run { disk, checkpoints, model, before } };
                trial = Trial::new(bench, model, before, Failed::NotYet);
            }
        }
        trial.listen();
        if matches!(trial.failed, Failed::Has(_)) {
            break;
        }
    }
    trial.bench.world.tasks.crash();
    Run { disk, checkpoints, model: trial.model, before: trial.before }
}

async fn look(run: &Run, operations: u64, looked: &mut Looked) {
    looked.moments += 1;
    for disk in run.disk.crash_states(grain) {
        for checkpoints in [run.checkpoints.copied(), MemoryCheckpoints::default()] {
            looked.states += 1;
            let opened = Bench::open(disk.copied(), checkpoints, tiny()).await;
            let bench = opened
                .unwrap_or_else(|error| panic!("power for {operations} operations: {error}\n{disk:#?}"));
            let mut trial = Trial::new(bench, run.model.clone(), run.before.clone(), Failed::Never);
            trial.check_after_crash().await;
            trial.check().await;
            // It is a log like any other.
            trial.apply(Op::Append { epoch_step: 1, records: 2, size: 3, producer: 1 }).await;
            trial.apply(Op::Settle).await;
            trial.check().await;
        }
    }
}

fn all_crash_states_of(steps: &[Step]) {
    let looked = enumerate(steps);
    println!("{} crash states at {} moments", looked.states, looked.moments);
    assert!(looked.moments > 10 && looked.states > 2 * looked.moments, "the power never failed midway");
}

#[test]
fn appends_survive_every_crash() {
    all_crash_states_of(&[APPEND, APPEND, SETTLE, NEXT_EPOCH, APPEND, SETTLE]);
}

#[test]
fn rolls_survive_every_crash() {
    all_crash_states_of(&[APPEND, APPEND, SETTLE, PAUSE, APPEND, APPEND, SETTLE, PAUSE, APPEND, SETTLE]);
}

#[test]
fn h05_truncations_survive_every_crash() {
    all_crash_states_of(&[APPEND, APPEND, NEXT_EPOCH, SETTLE, truncate(34), NEXT_EPOCH, SETTLE]);
}

#[test]
fn h05_truncations_over_segments_survive_every_crash() {
    all_crash_states_of(&[
        APPEND,
        APPEND,
        SETTLE,
        APPEND,
        APPEND,
        APPEND,
        SETTLE,
        truncate(20),
        NEXT_EPOCH,
        SETTLE,
    ]);
}

#[test]
fn h06_trims_and_what_is_used_again_survive_every_crash() {
    all_crash_states_of(&[
        APPEND,
        APPEND,
        APPEND,
        APPEND,
        SETTLE,
        trim(100),
        SETTLE,
        PAUSE,
        NEXT_EPOCH,
        APPEND,
        PAUSE,
        APPEND,
        SETTLE,
    ]);
}

#[test]
fn an_emptying_survives_every_crash() {
    all_crash_states_of(&[APPEND, APPEND, SETTLE, Step::Do(Op::RestartAhead { by: 3 }), APPEND, SETTLE]);
}

#[test]
fn closing_and_opening_survive_every_crash() {
    all_crash_states_of(&[APPEND, SETTLE, Step::Reopen, NEXT_EPOCH, SETTLE]);
}
