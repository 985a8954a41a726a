//! Who is connected: bounded in number, in the size of what they ask, and in the time that they take to ask it.

use super::patient::Patient;
use super::refused::Refused;
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::IntoResponse;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::{ServiceExt, service_fn};

/// So many connections are served at once, those that follow events with them; the others are told to come back.
const MOST: usize = 384;

/// The head of a request may take so long, a connection may be idle for so long, and nobody may take what is sent for so
/// long.
const PATIENCE: Duration = Duration::from_secs(10);

/// Who is told to come back may take so long to hear it.
const SHORT: Duration = Duration::from_secs(1);

/// A request's head is no longer, in bytes.
const HEAD: usize = 16 << 10;

/// A request has no more headers.
const HEADERS: usize = 64;

/// Answers all who come, for ever.
pub async fn serve(listener: TcpListener, router: Router) {
    let (free, turned_away) = (Arc::new(Semaphore::new(MOST)), Arc::new(Semaphore::new(MOST)));
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Too many files are open: others have to be closed first.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        match free.clone().try_acquire_owned() {
            Ok(place) => drop(tokio::spawn(answer(stream, router.clone(), place))),
            Err(_) => {
                if let Ok(place) = turned_away.clone().try_acquire_owned() {
                    tokio::spawn(turn_away(stream, place));
                }
            }
        }
    }
}

async fn answer(stream: TcpStream, router: Router, place: OwnedSemaphorePermit) {
    let service = TowerToHyperService::new(router.map_request(|request: Request<_>| request.map(Body::new)));
    let stream = TokioIo::new(Patient::new(stream, PATIENCE));
    if let Err(error) = http().serve_connection(stream, service).await {
        tracing::debug!("http: {error}");
    }
    drop(place);
}

/// What was asked is read, as the answer may get lost otherwise.
async fn turn_away(stream: TcpStream, place: OwnedSemaphorePermit) {
    let busy = service_fn(|_: hyper::Request<hyper::body::Incoming>| async {
        let mut busy = Refused::new(StatusCode::SERVICE_UNAVAILABLE, "too many connections").into_response();
        busy.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        Ok::<_, Infallible>(busy)
    });
    let busy = http().serve_connection(TokioIo::new(stream), TowerToHyperService::new(busy));
    drop(tokio::time::timeout(SHORT, busy).await);
    drop(place);
}

fn http() -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .max_header_size(HEAD)
        .max_headers(HEADERS)
        .max_buf_size(HEAD);
    http
}
