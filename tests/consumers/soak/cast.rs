//! The eight consumers, and the file in which they are registered.

use crate::consumers::Stage;
use serde_json::Value;

/// A consumer as the registry has it: name, type, query where it is of that type, and options.
pub type Consumer = (&'static str, &'static str, &'static str, String);

/// Options of all consumers.
const ALL: &str = "from = 'earliest'\nwatermark = '5m'\nidle-timeout = 'off'\n";

/// The one that stops at the first record that cannot be used.
pub const POISONED: &str = "poisoned";
/// The one whose sink goes away.
pub const LOST: &str = "lost";
/// The one that fails at a step.
pub const FAILING: &str = "failing";
/// The others.
pub const STEADY: [&str; 5] = ["revenue", "activity", "raw", "once", "bought"];

/// The sink that goes away.
pub struct Sink<'a> {
    /// Its options.
    pub options: String,
    /// Takes it away, or gives it back.
    pub is_there: Box<dyn Fn(bool) + 'a>,
    /// Its rows.
    pub rows: Box<dyn Fn() -> Vec<Value> + 'a>,
}

/// All of them; one has this sink, which goes away.
pub fn consumers(lost: &Sink<'_>) -> Vec<Consumer> {
    let revenue = "dedup = 'transaction_id'\nagg = ['count(*) AS n', 'sum(total_amount) AS revenue']\n";
    let events = "dedup = 'event_id'\nagg = 'count(*) AS n'\ngroup-by = 'event_category'\n";
    let raw = "SELECT transaction_id, _partition, _offset FROM transactions";
    let once = "SELECT DISTINCT ON (event_id) event_id, session_id FROM `user-events`";
    let bought = "SELECT t.transaction_id AS t, e.event_id AS e FROM transactions t JOIN `user-events` e \
        ON t.session_id = e.session_id AND e.timestamp BETWEEN t.timestamp - INTERVAL 1 SECOND \
        AND t.timestamp + INTERVAL 1 SECOND WHERE e.event_type = 'purchase'";
    let sessions = "SELECT session_window.start AS s, session_window.end AS e, session_id AS k, count(*) AS n \
        FROM `user-events` GROUP BY session_window(timestamp, '1 minute'), session_id";
    let file = |sink: &str, path: &str| format!("sink = '{sink}'\npath = '{path}'\n");
    let minute =
        format!("{revenue}window = '1m'\ngroup-by = 'category_name'\n{}", file("parquet", "revenue"));
    let sliding = format!("{revenue}window = '5m'\nslide = '1m'\ngroup-by = 'category_id'\n");
    let activity = format!("{events}window = '1m'\n{}", file("ndjson", "activity.ndjson"));
    let topic = "sink = 'kafka'\nsink-option = 'topic=analytics-results'\n".into();
    vec![
        ("revenue", "transaction", "", minute),
        ("activity", "user-behavior", "", activity),
        ("raw", "query", raw, file("delta", "raw")),
        ("once", "query", once, topic),
        ("bought", "query", bought, file("parquet", "bought")),
        (FAILING, "query", sessions, file("ndjson", "sessions.ndjson")),
        (POISONED, "transaction", "", format!("{sliding}{}", file("ndjson", "poisoned.ndjson"))),
        (LOST, "user-behavior", "", format!("{events}window = '5m'\nslide = '1m'\n{}", lost.options)),
    ]
}

/// Writes the registry, with these options for all and those for the poisoned one.
pub fn register(stage: &Stage, consumers: &[Consumer], all: &str, poisoned: &str) {
    let entry = |(name, kind, sql, options): &Consumer| {
        let query = if sql.is_empty() { String::new() } else { format!("query = '{name}.sql'\n") };
        let own = if *name == POISONED { poisoned } else { "" };
        format!(
            "[[consumer]]\nname = '{name}'\ntype = '{kind}'\n{query}[consumer.options]\n{ALL}{all}{own}{options}\n"
        )
    };
    stage.registry(&consumers.iter().map(entry).collect::<String>());
    for (name, _, sql, _) in consumers.iter().filter(|(.., sql, _)| !sql.is_empty()) {
        std::fs::write(stage.cluster.folder.path().join("home").join(name).with_extension("sql"), sql)
            .unwrap();
    }
}
