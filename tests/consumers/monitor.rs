//! `monitor` tells programs what `status` does, again and again.

use super::Stage;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

/// The stream of documents.
struct Stream {
    monitor: Child,
    lines: Box<dyn Iterator<Item = std::io::Result<String>>>,
}

impl Stream {
    fn start(stage: &Stage) -> Self {
        let mut command = stage.cluster.command("ecap-consume");
        command.args(["monitor", "--interval", "200ms", "--format", "json"]).stdout(Stdio::piped());
        let mut monitor = command.stderr(Stdio::piped()).spawn().expect("starts");
        let lines = Box::new(BufReader::new(monitor.stdout.take().expect("piped")).lines());
        Self { monitor, lines }
    }

    /// Waits for a document in which a consumer has this status. In between the process may be asked when it just ended.
    #[track_caller]
    fn tells(&mut self, name: &str, status: &str) -> Value {
        let lines = self.lines.by_ref().take(150).map(|line| line.expect("text"));
        let mut documents = lines.map(|line| serde_json::from_str::<Value>(&line).expect("JSON"));
        let found = documents.find(|document| document["consumer_details"][name]["status"] == status);
        found.unwrap_or_else(|| panic!("{name} was never {status}"))
    }
}

#[test]
fn documents_stream_whether_a_process_runs_or_not() {
    let stage = Stage::new();
    let mut stream = Stream::start(&stage);
    let stopped = stream.tells("transaction_consumer", "stopped");
    assert_eq!(stopped["total_consumers"], 2);
    let process = stage.run(&["--name", "transaction_consumer"]);
    let running = stream.tells("transaction_consumer", "running");
    let fields = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(fields(&running), fields(&process.status()), "the document of `status`");
    process.told.signal("-KILL");
    stream.tells("transaction_consumer", "stopped");
    let process = stage.run(&["--name", "transaction_consumer"]);
    stream.tells("transaction_consumer", "running");

    // Nobody reads any more: a quiet end.
    let Stream { monitor, lines } = stream;
    drop(lines);
    let ended = monitor.wait_with_output().expect("ends");
    assert_eq!((ended.status.code(), String::from_utf8_lossy(&ended.stderr).as_ref()), (Some(0), ""));
    process.told.end();
}

#[test]
fn a_number_of_documents_ends_by_itself() {
    let stage = Stage::new();
    let told = stage.consume(&["monitor", "--interval", "0.1", "--count", "2", "--format", "json"]).ok();
    assert_eq!(told.lines().count(), 2, "{told}");
    assert!(told.lines().all(|line| line.contains("\"overall_status\":\"unhealthy\"")), "{told}");
}

#[test]
fn a_screen_needs_a_terminal() {
    let stage = Stage::new();
    stage.consume(&["monitor", "--interval", "10"]).fails(2, &["terminal", "--format json"]);
    stage.consume(&["monitor", "--format", "csv"]).fails(2, &["--format json"]);
    stage.consume(&["monitor", "--interval", "ten"]).fails(2, &["'ten' is not a duration"]);
}
