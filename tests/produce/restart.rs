//! The broker is killed and comes back while a run goes on.

use super::*;
use std::path::Path;
use std::process::Child;

/// `ecap-broker` as a process.
struct Process {
    child: Child,
    address: String,
}

impl Process {
    fn at(folder: &Path, listen: &str) -> Self {
        let mut command = binary_command("ecap-broker", folder);
        command.args(["--listen", listen, "--data-dir", "data"]).stderr(Stdio::piped());
        let mut child = command.spawn().expect("starts");
        let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
        let address = loop {
            let line = lines.next().expect("it starts").expect("a line");
            if let Some(rest) = line.strip_prefix("ecap-broker ready at ") {
                break rest.split(',').next().expect("an address").to_string();
            }
        };
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address }
    }

    fn kill(&mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("ended");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn no_row_is_lost_or_doubled_when_the_broker_is_killed_and_comes_back() {
    const ROWS: i64 = 100_000;
    let folder = tempfile::TempDir::new().expect("a folder");
    let mut broker = Process::at(folder.path(), "127.0.0.1:0");
    let address = broker.address.clone();
    let mut create = binary_command("ecap-topics", folder.path());
    Ended::of(create.args(["create-topics", TOPIC, "-b", &address])).ok();
    let row = |row: i64| {
        format!("{{\"customer_id\":\"CUST_{}\",\"final_amount\":1.5,\"record_id\":{row}}}\n", row % 97)
    };
    std::fs::write(folder.path().join("rows.ndjson"), (1..=ROWS).map(row).collect::<String>())
        .expect("written");
    let mut command = binary_command("ecap-produce", folder.path());
    // So slow that it is still under way when the broker comes back.
    command.args(["--data-file", "rows.ndjson", "--rate", "20000/s", "--batch-size", "500", "-b", &address]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("starts");
    let mut out = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    assert!(out.next().expect("a batch").expect("a line").starts_with("Batch 1:"));
    let told = std::thread::spawn(move || out.map_while(Result::ok).collect::<Vec<_>>().join("\n"));
    for _ in 0..2 {
        broker.kill();
        broker = Process::at(folder.path(), &address);
        let before = ends(&address);
        wait_for("records behind the restart", || (ends(&address) > before).then_some(()));
    }
    let ended = Ended::from(child.wait_with_output().expect("ended"));
    let told = told.join().expect("told");
    assert_eq!(ended.code, 0, "{ended:#?} {told}");
    let lost = told.lines().find(|line| line.contains("connections lost")).expect("the statistics");
    assert!(lost.chars().any(|digit| ('1'..='9').contains(&digit)), "{told}");
    let seen = values(&address, TOPIC);
    let mut seen: Vec<i64> =
        seen.iter().map(|value| value["record_id"].as_i64().expect("a number")).collect();
    seen.sort_unstable();
    assert!(seen.iter().copied().eq(1..=ROWS), "{} records", seen.len());
}

/// How many records there are.
fn ends(address: &str) -> i64 {
    let consumer: BaseConsumer =
        ClientConfig::new().set("bootstrap.servers", address).create().expect("a client");
    let end = |partition| consumer.fetch_watermarks(TOPIC, partition, PATIENCE).expect("offsets").1;
    (0..3).map(end).sum()
}
