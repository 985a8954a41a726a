//! The paths of the API, and what each of them answers.

use super::access::{self, Access};
use super::events::{self, Events};
use super::metrics;
use super::page;
use super::recent::Recent;
use super::refused::{Problem, Refused};
use crate::clock::Micros;
use crate::consumers::health::{Document, ProgressDocument, Status, Thresholds, one_of_statuses};
use crate::consumers::last_rows::Rows;
use crate::consumers::lifecycle::{Event, State as Life};
use crate::consumers::registry::check_name;
use crate::consumers::supervisor::{Seen, Supervisor};
use crate::exposition::CONTENT_TYPE;
use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, middleware, routing};
use serde::Serialize;
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use utoipa::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{Content, Ref, Response as Answer};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The text of all numbers is not older: who keeps them asks less often.
const AGE: Duration = Duration::from_secs(1);

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
    /// Who is told what happens.
    pub(super) events: Events,
    metrics: Recent,
}

/// What was done.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
struct Done {
    name: String,
    #[schema(schema_with = one_of_statuses)]
    status: &'static str,
}

#[derive(OpenApi)]
#[openapi(info(
    title = "ecap-consume run",
    description = "Consumers of one process: how they are, and what they are to do. A path that is asked by another method \
        than it says answers 405."
))]
struct Described;

/// Why any request may be refused.
const REFUSALS: [(StatusCode, &str); 5] = [
    (StatusCode::BAD_REQUEST, "There is no Host header, or more than one"),
    (StatusCode::FORBIDDEN, "A page of another server asks for this"),
    (StatusCode::LENGTH_REQUIRED, "There is a body that does not say how long it is"),
    (StatusCode::PAYLOAD_TOO_LARGE, "The body is longer than 16 KiB"),
    (StatusCode::MISDIRECTED_REQUEST, "The Host header is no name of this server"),
];

type Asked<T> = Result<Json<T>, Refused>;

/// All paths, each with its description.
pub fn router(api: Arc<Api>) -> Router {
    let (router, _) = described().split_for_parts();
    router
        .route("/", routing::get(page))
        .route("/page/{file}", routing::get(page))
        .route("/openapi.json", routing::get(openapi))
        .fallback(nothing_here)
        .method_not_allowed_fallback(another_method)
        .with_state(api.clone())
        .layer(middleware::from_fn_with_state(api, access::check))
}

fn described() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::with_openapi(Described::openapi())
        .routes(routes!(status))
        .routes(routes!(consumer))
        .routes(routes!(progress))
        .routes(routes!(windows))
        .routes(routes!(events::follow))
        .routes(routes!(start))
        .routes(routes!(stop))
        .routes(routes!(restart))
        .routes(routes!(measured))
        .routes(routes!(alive))
        .routes(routes!(ready))
}

/// The whole description.
fn description() -> utoipa::openapi::OpenApi {
    let mut api = described().into_openapi();
    let token = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    api.components.get_or_insert_default().add_security_scheme("token", token);
    for path in api.paths.paths.values_mut() {
        for operation in [&mut path.get, &mut path.post].into_iter().flatten() {
            for (status, why) in REFUSALS {
                let problem = Content::new(Some(Ref::from_schema_name("Problem")));
                let refused = Answer::builder().description(why).content("application/json", problem);
                let described = &mut operation.responses.responses;
                described.entry(status.as_str().into()).or_insert_with(|| refused.build().into());
            }
        }
    }
    api
}

/// The description, which is made when it is asked for first.
async fn openapi() -> impl IntoResponse {
    static DESCRIPTION: LazyLock<utoipa::openapi::OpenApi> = LazyLock::new(description);
    Json(&*DESCRIPTION)
}

/// A file of the live page.
async fn page(uri: Uri) -> Result<impl IntoResponse, Refused> {
    match page::file(uri.path()) {
        Some((kind, content)) => Ok(([(header::CONTENT_TYPE, kind)], content)),
        None => Err(nothing_here().await),
    }
}

async fn nothing_here() -> Refused {
    Refused::new(StatusCode::NOT_FOUND, format!("there is nothing here; {PREFIX}/status shows the consumers"))
}

async fn another_method() -> Refused {
    let message = "start, stop and restart are a POST, everything else is a GET";
    Refused::new(StatusCode::METHOD_NOT_ALLOWED, message)
}

impl Api {
    /// What a supervisor's consumers are asked for, by whom `access` lets.
    pub fn new(supervisor: Arc<Supervisor>, thresholds: Thresholds, access: Access) -> Self {
        Self { supervisor, thresholds, access, events: Events::default(), metrics: Recent::new(AGE) }
    }

    /// How all consumers are now.
    pub fn status(&self) -> Status {
        Status::of(&self.supervisor.snapshot(), &self.thresholds)
    }

    /// A document of one consumer.
    fn of<T>(&self, name: &str, document: impl FnOnce(&Seen, Micros) -> T) -> Asked<T> {
        match check_name(name).and_then(|()| self.supervisor.seen(name)) {
            Ok((seen, at)) => Ok(Json(document(&seen, at))),
            Err(error) => Err(Refused::new(StatusCode::NOT_FOUND, error.to_string())),
        }
    }

    fn ask(&self, name: &str, event: &Event) -> Result<(StatusCode, Json<Done>), Refused> {
        let asked = check_name(name).and_then(|()| self.supervisor.ask(event, &[name.to_string()]));
        let done = self.of(name, |seen, _| Done { name: name.into(), status: seen.state.name() })?;
        match asked {
            Ok(()) => Ok((StatusCode::ACCEPTED, done)),
            Err(error) => Err(Refused::new(StatusCode::CONFLICT, error.to_string())),
        }
    }
}

/// How all consumers are
#[utoipa::path(get, path = "/api/v1/streaming/status", responses((status = 200, description = "Their status", body = Status)))]
async fn status(State(api): State<Arc<Api>>) -> Json<Status> {
    Json(api.status())
}

/// One consumer: what it is, how it is, and why
#[utoipa::path(get, path = "/api/v1/streaming/consumers/{name}", params(("name" = String, Path)), responses(
    (status = 200, description = "What is known of it", body = Document),
    (status = 404, description = "There is no such consumer", body = Problem),
))]
async fn consumer(State(api): State<Arc<Api>>, Path(name): Path<String>) -> Asked<Document> {
    api.of(&name, |seen, at| Document::of(seen, at, &api.thresholds))
}

/// The last 100 batches of a consumer, and how it goes on
#[utoipa::path(get, path = "/api/v1/streaming/consumers/{name}/progress", params(("name" = String, Path)), responses(
    (status = 200, description = "Its batches, the newest last", body = ProgressDocument),
    (status = 404, description = "There is no such consumer", body = Problem),
))]
async fn progress(State(api): State<Arc<Api>>, Path(name): Path<String>) -> Asked<ProgressDocument> {
    api.of(&name, |seen, _| ProgressDocument::of(seen, &api.thresholds))
}

/// The last rows that a consumer gave out, the newest last
#[utoipa::path(get, path = "/api/v1/streaming/consumers/{name}/windows", params(("name" = String, Path)), responses(
    (status = 200, description = "Its rows", body = Rows),
    (status = 404, description = "There is no such consumer", body = Problem),
))]
async fn windows(State(api): State<Arc<Api>>, Path(name): Path<String>) -> Asked<Rows> {
    api.of(&name, |seen, _| Rows::of(&seen.rows))
}

macro_rules! asked_for {
    ($(#[$doc:meta])* $name:ident, $path:literal, $event:expr) => {
        $(#[$doc])*
        #[utoipa::path(post, path = $path, params(("name" = String, Path)), security((), ("token" = [])), responses(
            (status = 202, description = "It is on its way", body = Done),
            (status = 401, description = "A token is needed, or another one", body = Problem),
            (status = 403, description = "Nothing can be changed from there", body = Problem),
            (status = 404, description = "There is no such consumer", body = Problem),
            (status = 409, description = "The definition is wrong, or the process is ending", body = Problem),
        ))]
        async fn $name(
            State(api): State<Arc<Api>>,
            Path(name): Path<String>,
        ) -> Result<(StatusCode, Json<Done>), Refused> {
            api.ask(&name, &$event)
        }
    };
}

asked_for! {
    /// Starts a consumer
    start, "/api/v1/streaming/consumers/{name}/start", Event::Start
}
asked_for! {
    /// Lets a consumer finish its batch, and ends it
    stop, "/api/v1/streaming/consumers/{name}/stop", Event::Stop
}
asked_for! {
    /// Ends a consumer, and starts it with its definition of now
    restart, "/api/v1/streaming/consumers/{name}/restart", Event::Restart
}

/// All numbers in Prometheus' form
#[utoipa::path(get, path = "/metrics", responses((status = 200, description = "Text", body = String, content_type = "text/plain")))]
async fn measured(State(api): State<Arc<Api>>) -> Response {
    let make = || metrics::text(&api.supervisor.snapshot(), &api.thresholds);
    let text = api.metrics.text(api.supervisor.now(), make);
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response()
}

/// Whether the process answers
#[utoipa::path(get, path = "/healthz", responses((status = 200, description = "Text", body = String, content_type = "text/plain")))]
async fn alive() -> &'static str {
    "ok\n"
}

/// Whether no consumer is on its way to its first batch
#[utoipa::path(get, path = "/readyz", responses(
    (status = 200, description = "Text", body = String, content_type = "text/plain"),
    (status = 503, description = "Some are starting", body = String, content_type = "text/plain"),
))]
async fn ready(State(api): State<Arc<Api>>) -> (StatusCode, String) {
    let snapshot = api.supervisor.snapshot();
    let starting = snapshot.consumers.iter().filter(|seen| seen.state == Life::Starting);
    let starting: Vec<_> = starting.map(|seen| seen.name.as_str()).collect();
    match starting.is_empty() {
        true => (StatusCode::OK, "ready\n".into()),
        false => (StatusCode::SERVICE_UNAVAILABLE, format!("starting: {}\n", starting.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The schema of the status in `docs/status.schema.json`.
    fn schema() -> String {
        let description = serde_json::to_value(description()).unwrap();
        let text =
            description["components"]["schemas"].to_string().replace("#/components/schemas/", "#/$defs/");
        let mut all: serde_json::Value = serde_json::from_str(&text).unwrap();
        // In the description a consumer's document has the fields of its details, and others.
        for name in ["Status", "Details", "Metrics"] {
            all[name]["additionalProperties"] = false.into();
        }
        let parts = ["Details", "Metrics", "Overall"].map(|name| (name.to_string(), all[name].clone()));
        let mut schema = serde_json::json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "The status of consumers",
        });
        for (key, value) in all["Status"].as_object().unwrap() {
            schema[key] = value.clone();
        }
        schema["$defs"] = parts.into_iter().collect::<serde_json::Map<_, _>>().into();
        for object in [&schema, &schema["$defs"]["Details"], &schema["$defs"]["Metrics"]] {
            let fields: Vec<_> = object["properties"].as_object().unwrap().keys().collect();
            assert_eq!(object["required"], serde_json::json!(fields), "all of them are always there");
        }
        serde_json::to_string_pretty(&schema).unwrap() + "\n"
    }

    #[test]
    fn each_path_says_why_it_refuses_and_what_changes_something_may_need_a_token() {
        let description = serde_json::to_value(description()).unwrap();
        assert_eq!(description["components"]["securitySchemes"]["token"]["scheme"], "bearer");
        for (path, methods) in description["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                for status in ["400", "403", "411", "413", "421"] {
                    assert!(
                        operation["responses"][status]["content"].is_object(),
                        "{method} {path}: {status}"
                    );
                }
                let needs_token = operation["security"] == serde_json::json!([{}, { "token": [] }]);
                assert_eq!(needs_token, method == "post", "{method} {path}");
            }
        }
    }

    #[test]
    fn the_schema_of_the_status_in_the_docs_is_that_of_the_status() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/status.schema.json");
        if std::env::var_os("ECAP_WRITE_DOCS").is_some() {
            std::fs::write(path, schema()).unwrap();
        }
        let kept = std::fs::read_to_string(path).unwrap_or_default();
        assert!(kept == schema(), "docs/status.schema.json is another: ECAP_WRITE_DOCS=1 writes it anew");
    }
}
