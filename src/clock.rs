//! Time as an argument: only [`SystemClock`] reads the wall clock. And the request to [`Stop`].

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Microseconds since the Unix epoch, UTC: the unit of every instant inside the library.
pub type Micros = i64;

/// Where the time comes from.
pub trait Clock: Send + Sync {
    /// Now, in microseconds since the epoch.
    fn now(&self) -> Micros;
}

/// A clock by which one can wait.
pub trait Timer: Clock {
    /// Waits for `time`, or until the end is asked for; whether it was.
    fn wait(&self, time: Duration, stop: &Stop) -> bool;
}

/// The machine's clock.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn now(&self) -> Micros {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as Micros)
    }
}

impl Timer for SystemClock {
    fn wait(&self, time: Duration, stop: &Stop) -> bool {
        stop.wait(time)
    }
}

/// A clock that stands still until it is told otherwise, for tests and replays.
#[derive(Debug, Default)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that shows `now` (microseconds since the epoch).
    pub fn at(now: Micros) -> Self {
        Self(AtomicI64::new(now))
    }

    /// Moves the clock to `now` (microseconds since the epoch).
    pub fn set(&self, now: Micros) {
        self.0.store(now, Ordering::Relaxed);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Micros {
        self.0.load(Ordering::Relaxed)
    }
}

impl Timer for ManualClock {
    /// The time is over at once.
    fn wait(&self, time: Duration, stop: &Stop) -> bool {
        self.0.fetch_add(time.as_micros() as Micros, Ordering::Relaxed);
        stop.requested()
    }
}

/// A request to end in an orderly way: cheap to ask for, and it wakes whoever waits.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<(Mutex<bool>, Condvar)>);

impl Stop {
    /// Asks for the end.
    pub fn request(&self) {
        let (requested, wake) = &*self.0;
        *requested.lock().unwrap_or_else(PoisonError::into_inner) = true;
        wake.notify_all();
    }

    /// Whether the end was asked for.
    pub fn requested(&self) -> bool {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for `time`, or until the end is asked for; whether it was.
    pub fn wait(&self, time: Duration) -> bool {
        let (requested, wake) = &*self.0;
        let guard = requested.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = wake.wait_timeout_while(guard, time, |requested| !*requested);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}
