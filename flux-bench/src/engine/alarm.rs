use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::time::Duration;

use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// A timer that is good to some ten microseconds. Tokio's own rounds to a millisecond, which would be most of the latency
/// that a good server shows.
#[derive(Debug)]
pub struct Alarm {
    timer: AsyncFd<Descriptor>,
}

#[derive(Debug)]
struct Descriptor(TimerFd);

impl AsRawFd for Descriptor {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

impl Alarm {
    /// Needs a runtime with I/O.
    #[expect(
        deprecated,
        reason = "the replacement is unsafe; what it asks for holds, Descriptor owns one timer and never changes it"
    )]
    pub fn new() -> io::Result<Self> {
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC)?;
        Ok(Self { timer: AsyncFd::with_interest(Descriptor(timer), Interest::READABLE)? })
    }

    pub async fn sleep(&self, duration: Duration) -> io::Result<()> {
        // Zero would disarm the timer.
        let duration = duration.max(Duration::from_nanos(1));
        let expiration = Expiration::OneShot(TimeSpec::from_duration(duration));
        self.timer.get_ref().0.set(expiration, TimerSetTimeFlags::empty())?;
        loop {
            let mut ready = self.timer.readable().await?;
            match ready.try_io(|descriptor| descriptor.get_ref().0.wait().map_err(io::Error::from)) {
                Ok(result) => {
                    // It will not fire again by itself: without this the next sleep begins with a read in vain.
                    ready.clear_ready();
                    return result;
                }
                Err(_would_block) => continue,
            }
        }
    }
}
