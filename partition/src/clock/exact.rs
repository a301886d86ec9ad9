//! Timers of the operating system, exact to some tens of microseconds: tokio's tick is a millisecond.
//!
//! A timerfd is not subject to the slack that the kernel allows itself with threads that sleep, and wakes the runtime
//! like a socket does: no thread of its own, no core that spins.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::{Clock, Kind, Moment, Ticks};

/// One timer: waits for one moment at a time.
#[derive(Debug)]
pub struct ExactTimer {
    clock: Clock,
    /// Absent where time is virtual, and exact anyway.
    machine: Option<AsyncFd<OwnedFd>>,
    /// What it is set to, if it has not gone off yet.
    set_to: Option<Moment>,
}

impl ExactTimer {
    pub(super) fn new(clock: &Clock) -> io::Result<Self> {
        let machine = match &clock.0 {
            Kind::Tokio { ticks: Ticks::Machine, .. } => Some(machine_timer()?),
            Kind::Tokio { ticks: Ticks::Paused, .. } | Kind::Virtual(_) => None,
        };
        Ok(Self { clock: clock.clone(), machine, set_to: None })
    }

    /// Waits for that moment. Safe to cancel; asked again for the same moment, it waits on.
    pub async fn wait_until(&mut self, moment: Moment) {
        let left = moment.since(self.clock.now());
        if left.is_zero() {
            return;
        }
        let Some(timer) = &self.machine else { return self.clock.sleep_until(moment).await };
        if self.set_to != Some(moment) {
            set(timer.get_ref(), left).expect("the timer is one, and the time is in range");
            self.set_to = Some(moment);
        }
        loop {
            let mut ready = timer.readable().await.expect("the runtime outlives its tasks");
            // It may be the word of an earlier setting: then there is nothing to read.
            if ready.try_io(|timer| Ok(rustix::io::read(timer, &mut [0_u8; 8])?)).is_ok() {
                self.set_to = None;
                return;
            }
        }
    }
}

#[expect(
    deprecated,
    reason = "its replacement is unsafe for descriptors that may change; an owned one never does"
)]
fn machine_timer() -> io::Result<AsyncFd<OwnedFd>> {
    let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
    AsyncFd::with_interest(timer, Interest::READABLE)
}

/// Sets a timer to go off once, after so long.
fn set(timer: &OwnedFd, after: Duration) -> io::Result<()> {
    let never = Timespec { tv_sec: 0, tv_nsec: 0 };
    let once = Timespec {
        tv_sec: i64::try_from(after.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: after.subsec_nanos().into(),
    };
    let setting = Itimerspec { it_interval: never, it_value: once };
    timerfd_settime(timer, TimerfdTimerFlags::empty(), &setting)?;
    Ok(())
}

/// Blocks this thread for so long.
pub(super) fn block(span: Duration) -> io::Result<()> {
    if span.is_zero() {
        return Ok(());
    }
    let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC)?;
    set(&timer, span)?;
    loop {
        match rustix::io::read(&timer, &mut [0_u8; 8]) {
            Err(rustix::io::Errno::INTR) => {}
            read => return Ok(read.map(|_| ())?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_timer_never_goes_off_early_however_often_it_is_set_anew() {
        let clock = Clock::real();
        let mut timer = clock.exact_timer().unwrap();
        for micros in [300, 50, 700, 1, 0] {
            // One wait that is given up, so that its word may come later.
            let soon = clock.now().after(Duration::from_micros(micros / 2));
            let _ = clock.timeout(Duration::ZERO, timer.wait_until(soon)).await;
            let moment = clock.now().after(Duration::from_micros(micros));
            timer.wait_until(moment).await;
            assert!(clock.now() >= moment, "{micros} us");
        }
    }

    #[test]
    fn a_blocked_thread_goes_on_no_sooner_than_asked() {
        let clock = Clock::real();
        let moment = clock.now().after(Duration::from_micros(200));
        clock.block_until(moment).unwrap();
        assert!(clock.now() >= moment);
        clock.block_until(Moment::default()).unwrap();
    }
}
