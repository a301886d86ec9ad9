//! A broker whose disk fails: it stops for good, and somebody else leads.

use std::io;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use isr_log::cluster::{Ground, IsrCluster, Shape};
use partition::cluster::Cluster;
use partition::ids::{ByteSize, NodeId, ProducerEpoch, ProducerId, Sequence};
use partition::log::disk::{Disk, DiskFile, DiskLock, OpenMode, RealDisk};
use partition::partition::{Acks, Append};
use partition::record::{BatchBuilder, ProducerStamp};
use partition::world::World;

/// A disk that reports an error from each sync, once it is told to.
#[derive(Clone, Debug, Default)]
struct FailingDisk {
    fails: Arc<AtomicBool>,
}

#[derive(Debug)]
struct FailingFile {
    file: Arc<dyn DiskFile>,
    fails: Arc<AtomicBool>,
}

impl Disk for FailingDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn DiskFile>> {
        let file = RealDisk.open(path, mode)?;
        Ok(Arc::new(FailingFile { file, fails: Arc::clone(&self.fails) }))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        RealDisk.list(dir)
    }

    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        RealDisk.create_dir(dir)
    }

    fn remove_dir(&self, dir: &Path) -> io::Result<()> {
        RealDisk.remove_dir(dir)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        RealDisk.sync_dir(dir)
    }

    fn lock(&self, path: &Path) -> io::Result<DiskLock> {
        RealDisk.lock(path)
    }

    fn is_instant(&self) -> bool {
        RealDisk.is_instant()
    }
}

impl DiskFile for FailingFile {
    fn read_some_at(&self, buffer: &mut [u8], at: ByteSize) -> io::Result<usize> {
        self.file.read_some_at(buffer, at)
    }

    fn write_at(&self, bytes: &[u8], at: ByteSize) -> io::Result<()> {
        self.file.write_at(bytes, at)
    }

    fn sync(&self) -> io::Result<()> {
        if self.fails.load(Ordering::SeqCst) {
            return Err(io::Error::other("input/output error"));
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

fn append(sequence: u32) -> Append {
    let stamp = ProducerStamp { id: ProducerId(1), epoch: ProducerEpoch(0), sequence: Sequence(sequence) };
    let mut batch = BatchBuilder::new(0).stamped(stamp);
    batch.push_value(b"x");
    Append { batch: batch.build(), acks: Acks::Committed, timeout: Duration::from_secs(20) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_whose_disk_fails_is_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let ground = Ground::real(dir.path());
    let disk = FailingDisk::default();
    let world = World::real(&dir.path().join("n1/meta/checkpoints"), NonZeroUsize::MIN).unwrap();
    ground.place(NodeId(1), World { disk: Arc::new(disk.clone()), ..world });
    let cluster = IsrCluster::start(ground, Shape::of(3)).await;
    let client = cluster.client();
    client.append(append(0)).await.expect("acknowledged");
    let leader = client.status().await.expect("a leader").node;
    assert_eq!(leader, NodeId(1), "the first replica leads while it is well");
    disk.fails.store(true, Ordering::SeqCst);
    client.append(append(1)).await.expect("acknowledged by another leader");
    assert_ne!(client.status().await.expect("a leader").node, leader);
    assert!(cluster.replica(leader).status().await.is_err(), "a replica whose disk failed answers nothing");
}
