//! What the kernel says about a process: its CPU time, its memory, whether it is stopped.

use std::fs;
use std::time::Duration;

use partition::ids::ByteSize;
use rustix::process::Pid;

/// A process as `/proc` shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Process {
    /// User and system time of all its threads, also of those that have ended; to the nanosecond where the kernel keeps
    /// that and none has ended, else to the tick.
    pub(super) cpu: Duration,
    pub(super) resident: ByteSize,
    pub(super) state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Stopped,
    Other,
}

/// Fields of `/proc/<pid>/stat`, counted from the one after the name (proc_pid_stat(5) counts from 1 with pid).
const STATE: usize = 0;
const USER_TIME: usize = 11;
const SYSTEM_TIME: usize = 12;
const RESIDENT_PAGES: usize = 21;

impl Process {
    /// `None` when there is no such process any more.
    pub(super) fn look_at(pid: Pid) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
        let process =
            Self::parse(&stat, rustix::param::clock_ticks_per_second(), rustix::param::page_size() as u64)?;
        let exact = on_cpu(pid).unwrap_or_default();
        Some(Self { cpu: process.cpu.max(exact), ..process })
    }

    fn parse(stat: &str, ticks_per_second: u64, page_size: u64) -> Option<Self> {
        // The name is in brackets and may contain anything, brackets and spaces too.
        let (_, fields) = stat.rsplit_once(')')?;
        let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
        let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
        let ticks = number(USER_TIME)? + number(SYSTEM_TIME)?;
        let state = match *fields.get(STATE)? {
            "T" => State::Stopped,
            _ => State::Other,
        };
        Some(Self {
            cpu: Duration::from_nanos(ticks * (1_000_000_000 / ticks_per_second.max(1))),
            resident: ByteSize(number(RESIDENT_PAGES)? * page_size),
            state,
        })
    }
}

/// What the threads that a process has now have spent on a CPU, by the scheduler's own count.
fn on_cpu(pid: Pid) -> Option<Duration> {
    let tasks = fs::read_dir(format!("/proc/{}/task", pid.as_raw_nonzero())).ok()?;
    let spent = tasks.filter_map(|task| {
        let stat = fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
        stat.split_ascii_whitespace().next()?.parse().ok().map(Duration::from_nanos)
    });
    Some(spent.sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_and_spaces_does_not_shift_the_fields() {
        let stat = "77 (a) b (c) T 1 77 77 0 -1 4194304 10 0 0 0 150 50 0 0 20 0 3 0 99 1000000 25 0";
        let expected =
            Process { cpu: Duration::from_secs(2), resident: ByteSize(25 * 4096), state: State::Stopped };
        assert_eq!(Process::parse(stat, 100, 4096), Some(expected));
        assert_eq!(Process::parse("77 (torn", 100, 4096), None);
    }

    #[test]
    fn this_process_has_used_memory() {
        let own = Process::look_at(rustix::process::getpid()).unwrap();
        assert!(own.resident > ByteSize::mib(1), "{own:?}");
    }
}
