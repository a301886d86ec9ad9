//! What a run was measured on: figures do not travel between machines, so they say where they come from.

mod sync_times;

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

pub use sync_times::{SyncTimes, Together};

/// A machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// Model of the CPU.
    pub cpu: String,
    /// How many threads it runs at once.
    pub cores: usize,
    /// Bytes of memory.
    pub memory_bytes: u64,
    /// Name and release of the operating system.
    pub kernel: String,
    /// File system and device of the data directory.
    pub disk: String,
    /// How many programs wanted a CPU in the minute before; near 0 on a machine that was left alone.
    pub load_before: f64,
    /// How long fdatasync took after a write of 1 KiB into a file that already had its length.
    pub sync_us: SyncTimes,
    /// How long a write of 1 KiB and its fdatasync took when several did that at once, each to a file of its own:
    /// what replicas that share this disk wait for at least, with no protocol and no network.
    #[serde(default)]
    pub sync_together_us: Vec<Together>,
}

impl Machine {
    /// This one; syncs are timed in `dir`.
    ///
    /// # Errors
    /// When nothing can be written there.
    pub fn observe(dir: &Path) -> io::Result<Self> {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let kib = field(&read("/proc/meminfo"), "MemTotal")
            .and_then(|text| text.split_whitespace().next().and_then(|number| number.parse::<u64>().ok()));
        let name = read("/proc/sys/kernel/ostype");
        let release = read("/proc/sys/kernel/osrelease");
        Ok(Self {
            cpu: field(&read("/proc/cpuinfo"), "model name").unwrap_or_else(|| "unknown".to_owned()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_bytes: kib.unwrap_or(0) * 1024,
            kernel: format!("{} {}", name.trim(), release.trim()).trim().to_owned(),
            disk: mount_of(&fs::canonicalize(dir)?, &read("/proc/mounts")),
            load_before: read("/proc/loadavg")
                .split(' ')
                .next()
                .and_then(|load| load.parse().ok())
                .unwrap_or(0.0),
            sync_us: sync_times::alone(dir)?,
            sync_together_us: sync_times::together(dir)?,
        })
    }

    /// Whether others kept so much of it busy that figures are theirs as well.
    #[must_use]
    pub fn was_busy(&self) -> bool {
        self.load_before > self.cores as f64 / 2.0
    }
}

/// The commit this was built from, `-dirty` behind it when files differ; `unknown` outside a repository.
#[must_use]
pub fn commit() -> String {
    let asked = Command::new("git")
        .args([
            "-C",
            env!("CARGO_MANIFEST_DIR"),
            "describe",
            "--always",
            "--dirty",
            "--abbrev=40",
            "--exclude=*",
        ])
        .output();
    match asked {
        Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        _ => "unknown".to_owned(),
    }
}

/// CPU time of this process so far.
#[must_use]
pub fn own_cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let (seconds, nanos) = (u64::try_from(time.tv_sec), u32::try_from(time.tv_nsec));
    Duration::new(seconds.unwrap_or_default(), nanos.unwrap_or_default())
}

/// Resident memory of this process, in bytes.
#[must_use]
pub fn own_resident() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let kib: u64 = field(&status, "VmRSS")?.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1024)
}

/// The first `name: value` of a file as Linux writes them.
fn field(text: &str, name: &str) -> Option<String> {
    let value = |line: &str| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim().to_owned())
    };
    text.lines().find_map(value)
}

/// File system and device that hold `dir`: the longest mount point above it, the last of several there.
fn mount_of(dir: &Path, mounts: &str) -> String {
    let found = mounts
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ');
            let (device, point, kind) = (words.next()?, words.next()?, words.next()?);
            dir.starts_with(point).then(|| (point.len(), format!("{kind} on {device}")))
        })
        .max_by_key(|(length, _)| *length);
    found.map_or_else(|| "unknown".to_owned(), |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_disk_is_that_of_the_longest_mount_point() {
        let mounts = "/dev/vda / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n/dev/vdb /tmp/data xfs rw 0 0\n";
        assert_eq!(mount_of(Path::new("/tmp/data/x"), mounts), "xfs on /dev/vdb");
        assert_eq!(mount_of(Path::new("/tmp/database"), mounts), "tmpfs on tmpfs");
        assert_eq!(mount_of(Path::new("/home"), mounts), "ext4 on /dev/vda");
        assert_eq!(mount_of(Path::new("/home"), ""), "unknown");
    }

    #[test]
    fn this_machine_has_a_cpu_and_a_disk_and_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let machine = Machine::observe(dir.path()).unwrap();
        assert!(
            machine.cores >= 1 && machine.sync_us.p50 > 0.0 && machine.sync_us.p99 >= machine.sync_us.p50
        );
        assert!(machine.sync_together_us.iter().all(|together| together.times.p50 > 0.0));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        assert!(Machine::observe(Path::new("/no/such/directory")).is_err());
    }
}
