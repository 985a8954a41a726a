//! Connections: frames in, answers out, one request at a time on each.

use super::room::FREE_BYTES;
use super::{Core, metrics, wire};
use bytes::{Bytes, BytesMut};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::{MissedTickBehavior, timeout};

/// The largest request that carries no records.
const MOST_OTHER_BYTES: usize = 4 << 20;
/// The smallest request: number, version and correlation.
const LEAST_BYTES: usize = 8;
/// How often groups are told the time.
const TICK: Duration = Duration::from_millis(100);
/// Ticks after which the time of a request counts half.
const TICKS_TO_AGE: u32 = metrics::HALF_LIFE * 10;
/// Ticks between two looks for transactions that are open for too long: a second.
const TICKS_TO_TRANSACTIONS: u32 = 10;

/// Serves until `stopped` resolves.
pub async fn serve(
    core: Arc<Core>,
    listener: TcpListener,
    metrics: Option<TcpListener>,
    stopped: oneshot::Receiver<()>,
) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    if let Some(metrics) = metrics {
        tokio::spawn(metrics::http::serve(Arc::clone(&core), metrics));
    }
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
            core.metrics.refused.add(1);
            tracing::warn!(%remote, most = core.config.max_connections, "too many connections; one was closed");
            continue;
        };
        let core = Arc::clone(&core);
        let connected = core.metrics.connected();
        tokio::spawn(async move {
            if let Err(wire::Unanswerable(why)) = converse(&core, stream, remote).await {
                core.metrics.broken.add(1);
                tracing::debug!(%remote, %why, "a connection was closed");
            }
            drop((connected, permit));
        });
    }
}

async fn keep_time(core: Arc<Core>) {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for count in (0..TICKS_TO_AGE).cycle() {
        ticks.tick().await;
        core.groups.tick();
        if count % TICKS_TO_TRANSACTIONS == 0 {
            tokio::task::block_in_place(|| core.transactions.tick());
        }
        if count == 0 {
            core.metrics.age();
        }
    }
}

async fn converse(core: &Core, stream: TcpStream, remote: SocketAddr) -> Result<(), wire::Unanswerable> {
    stream.set_nodelay(true)?;
    let local = stream.local_addr()?;
    let mut stream = BufReader::new(stream);
    while let Some(Frame { bytes, room }) = read_frame(core, &mut stream).await? {
        let (key, asked) = (wire::key_of(&bytes), core.clock.now());
        let answer = wire::answer(core, local, remote, bytes).await?;
        drop(room);
        if let Some(answer) = answer {
            let _held = core.room.hold(answer.len());
            timeout(core.config.underway, stream.write_all(&answer)).await??;
        }
        core.metrics.answered(key, core.clock.now() - asked);
    }
    Ok(())
}

/// A request without its length, and the room that it holds.
struct Frame {
    bytes: Bytes,
    room: Vec<OwnedSemaphorePermit>,
}

/// The next request; `None` when the client has gone.
async fn read_frame(core: &Core, stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Frame>> {
    let mut length = [0; 4];
    match timeout(core.config.idle, stream.read_exact(&mut length)).await? {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    };
    let length = usize::try_from(i32::from_be_bytes(length)).unwrap_or(usize::MAX);
    timeout(core.config.underway, read_body(core, stream, length)).await?.map(Some)
}

async fn read_body(core: &Core, stream: &mut (impl AsyncRead + Unpin), length: usize) -> io::Result<Frame> {
    let refuse = |what: &str| Err(io::Error::other(format!("a request of {length} bytes is {what}")));
    if length < LEAST_BYTES {
        return refuse("too small");
    }
    let key = stream.read_i16().await?;
    let most = if key == 0 { core.config.max_request_bytes } else { MOST_OTHER_BYTES };
    if length > most {
        return refuse("too large");
    }
    // Room is made as bytes arrive: a length alone costs a client nothing.
    let mut room = Vec::new();
    let mut frame = BytesMut::with_capacity(length.min(FREE_BYTES));
    frame.extend_from_slice(&key.to_be_bytes());
    while frame.len() < length {
        if frame.len() == frame.capacity() {
            let more = (length - frame.len()).min(frame.len());
            room.extend(core.room.for_request(more).await);
            frame.reserve(more);
        }
        let missing = (length - frame.len()) as u64;
        if (&mut *stream).take(missing).read_buf(&mut frame).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(Frame { bytes: frame.freeze(), room })
}
