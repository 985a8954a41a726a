//! ctrl-C and SIGTERM: the first asks for a clean end, the second ends at once.

use super::exit_code;
use crate::Result;
use crate::clock::Stop;

/// Listens for ctrl-C and SIGTERM from now on; the answer is requested by the first of them.
///
/// # Errors
/// When the system refuses a signal handler or a thread.
#[expect(clippy::disallowed_methods, reason = "the second ctrl-C ends at once, whatever is not finished")]
pub fn listen() -> Result<Stop> {
    let stop = Stop::default();
    let asked = stop.clone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        runtime.block_on(async {
            if next_signal().await.is_ok() {
                asked.request();
            }
            if next_signal().await.is_ok() {
                std::process::exit(i32::from(exit_code::INTERRUPTED));
            }
        });
    })?;
    Ok(stop)
}

async fn next_signal() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => pressed,
        _ = terminate.recv() => Ok(()),
    }
}
