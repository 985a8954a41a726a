//! Connections: frames in, answers out, one request at a time on each.

use super::{Core, wire};
use bytes::{Bytes, BytesMut};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::{MissedTickBehavior, timeout};

/// The largest request that carries no records.
const MOST_OTHER_BYTES: usize = 4 << 20;
/// The smallest request: number, version and correlation.
const LEAST_BYTES: usize = 8;
/// Room that is made before any of a frame has arrived.
const FIRST_ROOM: usize = 1 << 20;
/// How long a connection may be silent.
const IDLE: Duration = Duration::from_secs(600);
/// How long a request that has begun may take to arrive, and its answer to be taken.
const UNDERWAY: Duration = Duration::from_secs(60);
/// How often groups are told the time.
const TICK: Duration = Duration::from_millis(100);

/// Serves until `stopped` resolves.
pub async fn serve(core: Arc<Core>, listener: TcpListener, stopped: oneshot::Receiver<()>) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    tokio::spawn(keep_time(Arc::clone(&core)));
    tokio::select! {
        () = accept(core, listener) => {}
        _ = stopped => {}
    }
    Ok(())
}

async fn accept(core: Arc<Core>, listener: tokio::net::TcpListener) {
    let room = Arc::new(Semaphore::new(core.config.max_connections));
    loop {
        let (stream, remote) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file handles, usually: others must close before it can go on.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(TICK).await;
                continue;
            }
        };
        let Ok(permit) = Arc::clone(&room).try_acquire_owned() else {
            tracing::warn!(%remote, most = core.config.max_connections, "too many connections; one was closed");
            continue;
        };
        let core = Arc::clone(&core);
        tokio::spawn(async move {
            if let Err(wire::Unanswerable(why)) = converse(&core, stream, remote).await {
                tracing::debug!(%remote, %why, "a connection was closed");
            }
            drop(permit);
        });
    }
}

async fn keep_time(core: Arc<Core>) {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        core.groups.tick();
    }
}

async fn converse(core: &Core, stream: TcpStream, remote: SocketAddr) -> Result<(), wire::Unanswerable> {
    stream.set_nodelay(true)?;
    let local = stream.local_addr()?;
    let mut stream = BufReader::new(stream);
    while let Some(frame) = read_frame(&mut stream, core.config.max_request_bytes).await? {
        if let Some(answer) = wire::answer(core, local, remote, frame).await? {
            timeout(UNDERWAY, stream.write_all(&answer)).await??;
        }
    }
    Ok(())
}

/// The next request, without its length; `None` when the client has gone.
async fn read_frame(stream: &mut (impl AsyncRead + Unpin), most: usize) -> io::Result<Option<Bytes>> {
    let mut length = [0; 4];
    match timeout(IDLE, stream.read_exact(&mut length)).await? {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    };
    let length = usize::try_from(i32::from_be_bytes(length)).unwrap_or(usize::MAX);
    timeout(UNDERWAY, read_body(stream, length, most)).await?.map(Some)
}

async fn read_body(stream: &mut (impl AsyncRead + Unpin), length: usize, most: usize) -> io::Result<Bytes> {
    let refuse = |what: &str| Err(io::Error::other(format!("a request of {length} bytes is {what}")));
    if length < LEAST_BYTES {
        return refuse("too small");
    }
    let key = stream.read_i16().await?;
    let most = if key == 0 { most } else { MOST_OTHER_BYTES };
    if length > most {
        return refuse("too large");
    }
    // Room is made as bytes arrive: a length alone costs a client nothing.
    let mut frame = BytesMut::with_capacity(length.min(FIRST_ROOM));
    frame.extend_from_slice(&key.to_be_bytes());
    while frame.len() < length {
        let missing = length - frame.len();
        frame.reserve(missing.min(frame.len().max(FIRST_ROOM)));
        if (&mut *stream).take(missing as u64).read_buf(&mut frame).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(frame.freeze())
}
