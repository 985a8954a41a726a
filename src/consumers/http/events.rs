//! The status of all consumers once a second, as server-sent events. Whoever listens is sent the same bytes.

use super::api::Api;
use super::recent::Recent;
use super::refused::Refused;
use crate::consumers::supervisor::TICK;
use axum::body::Body;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::{StreamExt, stream};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, watch};

/// So many listen at once.
const MOST: usize = 256;

/// How often something is sent.
const EVERY: Duration = Duration::from_secs(1);

/// A browser that lost the connection comes back after a second.
const FIRST: &[u8] = b"retry: 1000\n\n";

/// Those who listen.
pub struct Events {
    places: Arc<Semaphore>,
    sent: watch::Sender<Bytes>,
    recent: Recent,
}

impl Default for Events {
    fn default() -> Self {
        Self {
            places: Arc::new(Semaphore::new(MOST)),
            sent: watch::Sender::default(),
            recent: Recent::new(TICK),
        }
    }
}

/// An event with the status of now.
fn event(api: &Api) -> Bytes {
    api.events.recent.text(api.supervisor.now(), || match serde_json::to_string(&api.status()) {
        Ok(status) => format!("event: status\ndata: {status}\n\n"),
        // A comment, which keeps the connection.
        Err(error) => format!(": {error}\n\n"),
    })
}

/// Sends to all who listen, for ever.
pub async fn send(api: Arc<Api>) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if api.events.sent.receiver_count() > 0 {
            api.events.sent.send_replace(event(&api));
        }
    }
}

/// The status document of all consumers, at once and then each second
///
/// Server-sent events: `event: status`, and the status document as `data`. One who is slow misses documents, and is sent
/// the newest.
#[utoipa::path(get, path = "/api/v1/streaming/events", responses(
    (status = 200, description = "Events, for ever", body = String, content_type = "text/event-stream"),
    (status = 503, description = "Too many listen", body = super::refused::Problem),
))]
pub async fn follow(State(api): State<Arc<Api>>) -> Result<Response, Refused> {
    let full = || Refused::new(StatusCode::SERVICE_UNAVAILABLE, "too many listen to events");
    let place = api.events.places.clone().try_acquire_owned().map_err(|_| full())?;
    let mut sent = api.events.sent.subscribe();
    sent.mark_unchanged();
    let first = [Bytes::from_static(FIRST), event(&api)];
    let next = stream::unfold((sent, place), |(mut sent, place)| async {
        sent.changed().await.ok()?;
        let event = sent.borrow_and_update().clone();
        Some((event, (sent, place)))
    });
    let all = stream::iter(first).chain(next).map(Ok::<_, Infallible>);
    Ok(([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(all)).into_response())
}
