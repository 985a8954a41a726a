//! The paths of the API, and what each of them answers.

use super::access::Access;
use super::metrics;
use super::wire::{Request, Response};
use crate::consumers::health::{Document, ProgressDocument, Status, Thresholds};
use crate::consumers::lifecycle::{Event, State};
use crate::consumers::registry::check_name;
use crate::consumers::supervisor::Supervisor;
use std::sync::Arc;

/// What stands before the paths of consumers.
pub const PREFIX: &str = "/api/v1/streaming";

/// What the API answers.
pub struct Api {
    /// Who runs the consumers.
    pub supervisor: Arc<Supervisor>,
    /// What is unhealthy.
    pub thresholds: Thresholds,
    /// Who may ask for what.
    pub access: Access,
}

impl Api {
    /// Answers a request.
    pub fn answer(&self, request: &Request) -> Response {
        match self.access.check(request) {
            Ok(()) => self.route(request),
            Err(refused) => refused,
        }
    }

    fn route(&self, request: &Request) -> Response {
        let below = request.path.strip_prefix(PREFIX);
        let parts: Vec<_> = below.unwrap_or(&request.path).split('/').skip(1).collect();
        let is_post = match request.method.as_str() {
            "GET" | "HEAD" => false,
            "POST" => true,
            _ => return Response::error(405, "GET, HEAD or POST"),
        };
        match (is_post, below.is_some(), &parts[..]) {
            (false, true, ["status"]) => {
                Response::json(200, &Status::of(&self.supervisor.snapshot(), &self.thresholds))
            }
            (false, true, ["consumers", name]) => self.consumer(name, false),
            (false, true, ["consumers", name, "progress"]) => self.consumer(name, true),
            (true, true, ["consumers", name, "start"]) => self.ask(name, &Event::Start),
            (true, true, ["consumers", name, "stop"]) => self.ask(name, &Event::Stop),
            (true, true, ["consumers", name, "restart"]) => self.ask(name, &Event::Restart),
            (false, false, ["metrics"]) => {
                let text = metrics::text(&self.supervisor.snapshot(), &self.thresholds);
                Response::text(200, "text/plain; version=0.0.4; charset=utf-8", text)
            }
            (false, false, ["healthz"]) => Response::text(200, "text/plain", "ok\n".into()),
            (false, false, ["readyz"]) => self.ready(),
            (false, true, ["consumers", _, "start" | "stop" | "restart"]) => {
                Response::error(405, "this is a POST")
            }
            _ => Response::error(404, &format!("there is nothing here; {PREFIX}/status shows the consumers")),
        }
    }

    fn consumer(&self, name: &str, progress: bool) -> Response {
        let snapshot = self.supervisor.snapshot();
        match check_name(name).and_then(|()| snapshot.find(name)) {
            Ok(seen) if progress => Response::json(200, &ProgressDocument::of(seen, &self.thresholds)),
            Ok(seen) => Response::json(200, &Document::of(seen, &snapshot, &self.thresholds)),
            Err(error) => Response::error(404, &error.to_string()),
        }
    }

    fn ask(&self, name: &str, event: &Event) -> Response {
        let asked = check_name(name).and_then(|()| self.supervisor.ask(event, &[name.to_string()]));
        let snapshot = self.supervisor.snapshot();
        match (snapshot.find(name), asked) {
            (Ok(_), Err(error)) => Response::error(409, &error.to_string()),
            (Ok(seen), Ok(())) => {
                let answer = serde_json::json!({ "name": name, "status": seen.state.name() });
                Response::json(202, &answer)
            }
            (Err(_), Err(error)) | (Err(error), Ok(())) => Response::error(404, &error.to_string()),
        }
    }

    /// Whether no consumer is on its way to its first batch.
    fn ready(&self) -> Response {
        let snapshot = self.supervisor.snapshot();
        let starting = snapshot.consumers.iter().filter(|seen| seen.state == State::Starting);
        let starting: Vec<_> = starting.map(|seen| seen.name.as_str()).collect();
        match starting.is_empty() {
            true => Response::text(200, "text/plain", "ready\n".into()),
            false => Response::text(503, "text/plain", format!("starting: {}\n", starting.join(", "))),
        }
    }
}
