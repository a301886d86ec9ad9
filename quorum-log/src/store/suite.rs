//! openraft's own suite for storage: on real files, in memory, and on a disk that does all a store must bear without an error.
//!
//! It knows storage that may begin at any index, and state machines whose snapshot is of what was applied last. Here a log
//! begins at entry 0 or where a snapshot says, and a snapshot is of where the log starts (H-09): the two wrappers
//! below say so to the store, and leave the rest to it.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::io;
use std::num::NonZeroUsize;
use std::ops::RangeBounds;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::Stream;
use openraft::storage::{EntryResponder, IOFlushed, RaftLogStorage, RaftStateMachine};
use openraft::testing::log::{StoreBuilder, Suite};
use openraft::type_config::TypeConfigExt;
use openraft::type_config::alias::{SnapshotMetaOf, SnapshotOf};
use openraft::{LogState, OptionalSend, RaftLogReader, StorageError};
use partition::clock::Clock;
use partition::fault::{DiskFault, Fault};
use partition::ids::{NodeId, Ordinal, PartitionId};
use partition::log::disk::RealDisk;
use partition::log::writer::Writers;
use partition::log::{Log, LogConfig, Producers};
use partition::meta::MemoryCheckpoints;
use partition::simulation;
use partition::transport::Address;
use partition::transport::tcp::TcpTransport;
use partition::world::{Random, Tasks, World};
use tempfile::TempDir;
use tokio::sync::mpsc;

use super::kept::Beginning;
use super::log::LogStore;
use super::machine::{Builder, Machine};
use super::reader::Reader;
use crate::config::{Config, Reads, Timing};
use crate::mutant::Mutated;
use crate::raft::{Entry, LogId, StoredVoters, Types, Vote};
use crate::runtime::scoped;

const NODE: NodeId = NodeId(1);

struct SuiteLog(LogStore);

impl RaftLogReader<Types> for SuiteLog {
    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: RB,
    ) -> Result<Vec<Entry>, io::Error> {
        self.0.try_get_log_entries(range).await
    }

    async fn read_vote(&mut self) -> Result<Option<Vote>, io::Error> {
        self.0.read_vote().await
    }
}

impl RaftLogStorage<Types> for SuiteLog {
    type LogReader = Reader;

    async fn get_log_state(&mut self) -> Result<LogState<Types>, io::Error> {
        self.0.get_log_state().await
    }

    async fn get_log_reader(&mut self) -> Reader {
        self.0.get_log_reader().await
    }

    async fn save_vote(&mut self, vote: &Vote) -> Result<(), io::Error> {
        self.0.save_vote(vote).await
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> Result<(), io::Error> {
        self.0.save_committed(committed).await
    }

    async fn read_committed(&mut self) -> Result<Option<LogId>, io::Error> {
        self.0.read_committed().await
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<Types>) -> Result<(), io::Error>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let entries: Vec<Entry> = entries.into_iter().collect();
        let first = entries.first().map_or(Ordinal::ZERO, |entry| Ordinal(entry.log_id.index));
        let mut reader = self.0.get_log_reader().await;
        let (have, end) = reader.replica.with_log(|log| (log.ordinals(), log.end()))?;
        if have.is_empty() && have.end != first {
            reader.replica.restart(first, end, Producers::default(), None)?;
        }
        assert!(reader.read_vote().await.is_ok());
        self.0.append(entries, callback).await
    }

    async fn truncate_after(&mut self, last: Option<LogId>) -> Result<(), io::Error> {
        self.0.truncate_after(last).await
    }

    async fn purge(&mut self, upto: LogId) -> Result<(), io::Error> {
        self.0.purge(upto).await
    }
}

struct SuiteMachine(Machine);

impl RaftStateMachine<Types> for SuiteMachine {
    type SnapshotData = Beginning;
    type SnapshotBuilder = Builder;

    async fn applied_state(&mut self) -> Result<(Option<LogId>, StoredVoters), io::Error> {
        self.0.applied_state().await
    }

    async fn apply<S>(&mut self, entries: S) -> Result<(), io::Error>
    where
        S: Stream<Item = Result<EntryResponder<Types>, io::Error>> + Unpin + OptionalSend,
    {
        self.0.apply(entries).await
    }

    async fn get_snapshot_builder(&mut self) -> Builder {
        self.0.suites_builder()
    }

    async fn install_snapshot(
        &mut self,
        meta: &SnapshotMetaOf<Types>,
        beginning: Beginning,
    ) -> Result<(), io::Error> {
        self.0.install_snapshot(meta, beginning).await
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<SnapshotOf<Types, Beginning>>, io::Error> {
        self.0.get_current_snapshot().await
    }
}

/// Opens stores, each a new one.
struct Stores {
    /// The world that they live in.
    world: World,
    /// Where the next one's files go.
    next: Box<dyn Fn() -> PathBuf + Send + Sync>,
}

/// Lives as long as the store.
struct Guard(#[expect(dead_code, reason = "it is held open, not read")] mpsc::UnboundedReceiver<()>);

impl StoreBuilder<Types, SuiteLog, SuiteMachine, Guard> for Stores {
    async fn build(&self) -> Result<(Guard, SuiteLog, SuiteMachine), StorageError<Types>> {
        let config = Config {
            node: NODE,
            voters: BTreeMap::from([(NODE, Address::simulated(NODE))]),
            partition: PartitionId::new("suite", 0).unwrap(),
            dir: (self.next)(),
            log: LogConfig::default(),
            timing: Timing::default(),
            reads: Reads::default(),
        };
        let (events, mut reported) = mpsc::unbounded_channel();
        let (trims, trimmed) = mpsc::unbounded_channel();
        let store = super::open(&self.world, &config, Mutated::NOT, events, trims).await.unwrap();
        let replica = Arc::clone(&store.replica);
        self.world.tasks.spawn(async move {
            while let Some(event) = reported.recv().await {
                replica.observe(event);
            }
        });
        assert!(store.replica.with_log(Log::generation).is_ok());
        Ok((Guard(trimmed), SuiteLog(store.log), SuiteMachine(store.machine)))
    }
}

impl Stores {
    /// In directories that bear numbers.
    fn numbered(world: World, above: PathBuf) -> Self {
        let count = AtomicU64::new(0);
        let next = move || above.join(count.fetch_add(1, Ordering::Relaxed).to_string());
        Self { world, next: Box::new(next) }
    }

    async fn pass(self) {
        Suite::<Types, SuiteLog, SuiteMachine, Self, Guard>::test_all(self).await.unwrap();
    }
}

#[test]
fn openrafts_own_suite_passes_on_real_files() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().to_owned();
    Types::run(async move {
        let world = World {
            clock: Clock::real(),
            random: Random::seeded(1),
            tasks: Tasks::default(),
            disk: Arc::new(RealDisk),
            network: Arc::new(TcpTransport),
            writers: Writers::threads(NonZeroUsize::MIN),
            checkpoints: Arc::new(MemoryCheckpoints::default()),
        };
        Stores::numbered(world, path).pass().await;
    });
}

/// Runs the suite in virtual time, on a disk on which these faults are.
fn passes_in_memory(faults: &[DiskFault]) {
    simulation::run(1, async |simulation| {
        let world = simulation.world(NODE);
        for fault in faults {
            simulation.fault(&Fault::Disk { node: NODE, fault: fault.clone() });
        }
        scoped(&world, Stores::numbered(world.clone(), PathBuf::from("/suite")).pass()).await;
    });
}

#[test]
fn openrafts_own_suite_passes_in_memory() {
    passes_in_memory(&[]);
}

#[test]
fn openrafts_own_suite_passes_while_syncs_are_slow_and_reads_are_short() {
    passes_in_memory(&[DiskFault::ShortReads, DiskFault::SlowSync { by: Duration::from_millis(7) }]);
}
