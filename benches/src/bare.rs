//! What the log is compared with: write and fdatasync on a thread, through the same hop, into zeros that are on disk.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc as std_mpsc;

use bytes::Bytes;
use partition::ids::ByteSize;
use partition::log::disk::{Disk, DiskFile, OpenMode, RealDisk};
use tokio::sync::mpsc;

use crate::appends::Load;

/// The file is written over from its start when it ends.
const FILE_BYTES: u64 = 64 * 1024 * 1024;

/// A thread that writes and syncs what is queued, all of it at once, and says how much that was.
#[derive(Debug)]
pub struct Bare {
    queue: std_mpsc::Sender<Bytes>,
    stored: mpsc::UnboundedReceiver<u64>,
}

impl Bare {
    /// Starts it, with a file of zeros.
    ///
    /// # Panics
    /// When there is no room for that.
    #[must_use]
    pub fn start(path: &Path) -> Self {
        let file = zeros(path);
        let (queue, jobs) = std_mpsc::channel::<Bytes>();
        let (events, stored) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            let mut at = 0;
            let mut buffer = Vec::new();
            while let Ok(first) = jobs.recv() {
                buffer.clear();
                buffer.extend_from_slice(&first);
                let mut count = 1;
                while let Ok(next) = jobs.try_recv() {
                    buffer.extend_from_slice(&next);
                    count += 1;
                }
                if at + buffer.len() as u64 > FILE_BYTES {
                    at = 0;
                }
                file.write_at(&buffer, ByteSize(at)).expect("a write");
                file.sync().expect("a sync");
                at += buffer.len() as u64;
                if events.send(count).is_err() {
                    return;
                }
            }
        });
        Self { queue, stored }
    }

    /// Writes so much, so much of it in flight.
    ///
    /// # Panics
    /// When the thread is gone.
    pub async fn write_all(&mut self, bytes: &Bytes, load: Load) {
        let (mut sent, mut done) = (0, 0);
        while done < load.appends {
            while sent < load.appends && sent - done < load.in_flight {
                self.queue.send(bytes.clone()).expect("the thread runs");
                sent += 1;
            }
            done += self.stored.recv().await.expect("the thread reports");
        }
    }
}

/// The same on the thread that calls: what the hop to another one adds is the difference.
#[derive(Debug)]
pub struct Hopless(Arc<dyn DiskFile>);

impl Hopless {
    /// With a file of zeros.
    ///
    /// # Panics
    /// When there is no room for that.
    #[must_use]
    pub fn start(path: &Path) -> Self {
        Self(zeros(path))
    }

    /// Writes and syncs these bytes so often.
    ///
    /// # Panics
    /// When the disk fails.
    pub fn write_all(&self, bytes: &Bytes, times: u64) {
        for number in 0..times {
            let at = number * bytes.len() as u64 % (FILE_BYTES / 2);
            self.0.write_at(bytes, ByteSize(at)).expect("a write");
            self.0.sync().expect("a sync");
        }
    }
}

/// A file of zeros, on disk.
fn zeros(path: &Path) -> Arc<dyn DiskFile> {
    let file = RealDisk.open(path, OpenMode::New).expect("a file");
    let zeros = vec![0; usize::try_from(FILE_BYTES).expect("fits")];
    file.write_at(&zeros, ByteSize::ZERO).expect("room");
    file.sync().expect("a sync");
    file
}
