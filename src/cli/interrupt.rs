//! ctrl-C and SIGTERM: the first asks for a clean end, the second ends at once.

use super::exit_code;
use crate::Result;
use crate::clock::Stop;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Whoever does something again and again waits no less between.
pub const SHORTEST: Duration = Duration::from_millis(100);

/// Listens for ctrl-C and SIGTERM from now on; the answer is requested by the first of them.
///
/// # Errors
/// When the system refuses a signal handler or a thread.
#[expect(clippy::disallowed_methods, reason = "the second ctrl-C ends at once, whatever is not finished")]
pub fn listen() -> Result<Stop> {
    let stop = Stop::default();
    let asked = stop.clone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut signals = {
        let _entered = runtime.enter();
        Signals { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? }
    };
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        runtime.block_on(async {
            signals.next().await;
            asked.request();
            signals.next().await;
            std::process::exit(i32::from(exit_code::INTERRUPTED));
        });
    })?;
    Ok(stop)
}

/// Heard from the moment at which they are made.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
