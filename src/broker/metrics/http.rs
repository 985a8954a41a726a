//! A page for Prometheus: `GET /metrics`, and nothing else.

use super::text;
use crate::broker::Core;
use crate::exposition::CONTENT_TYPE;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// Requests at the same time; more are closed at once.
const MOST_CONNECTIONS: usize = 16;
/// The largest head of a request, in bytes.
const MOST_HEAD: u64 = 8 << 10;
/// How long a request and its answer may take together.
const PATIENCE: Duration = Duration::from_secs(10);

/// Answers until the runtime ends.
pub async fn serve(core: Arc<Core>, listener: TcpListener) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let room = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file handles, usually.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let Ok(permit) = Arc::clone(&room).try_acquire_owned() else { continue };
        let core = Arc::clone(&core);
        tokio::spawn(async move {
            if !matches!(timeout(PATIENCE, answer(&core, stream)).await, Ok(Ok(()))) {
                tracing::debug!("a request for metrics was not finished");
            }
            drop(permit);
        });
    }
}

async fn answer(core: &Core, mut stream: TcpStream) -> io::Result<()> {
    let head = read_head(&mut stream).await?;
    let path = head.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
    let path = path.split(|byte| *byte == b'?').next().unwrap_or_default();
    let (status, body) = match path {
        _ if !head.starts_with(b"GET ") => ("405 Method Not Allowed", "only GET\n".into()),
        b"/metrics" => ("200 OK", text::render(core)),
        _ => ("404 Not Found", "the page is /metrics\n".into()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {CONTENT_TYPE}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    stream.shutdown().await
}

/// What a client says up to the empty line.
async fn read_head(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    let mut limited = stream.take(MOST_HEAD);
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        if limited.read_buf(&mut head).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(head)
}
