//! A command that gets each batch: what it gets, and what becomes of one that fails.

use crate::support::{Cluster, Ended, Told, binary_command, wait_for};
use arrow::array::AsArray;
use arrow::datatypes::{DataType, TimeUnit, TimestampMicrosecondType};
use arrow::ipc::reader::StreamReader;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Command;
use tempfile::TempDir;

/// A folder with three files of two rows each, which a query reads as three batches.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(TempDir::new().unwrap());
        fs::create_dir(place.path("in")).unwrap();
        for file in 0..3 {
            let line = |n: i64| format!("{{\"n\":{n},\"at\":\"2025-07-27T10:00:0{n}Z\"}}\n");
            let rows = [line(2 * file), line(2 * file + 1)].concat();
            fs::write(place.path(&format!("in/{file}.ndjson")), rows).unwrap();
        }
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// A query over them to these sinks.
    fn query(&self, args: &[&str]) -> Command {
        let mut command = binary_command("ecap-consume", self.0.path());
        command.args(["--source", "in", "--topic", "t", "--schema", "t=n INT, at TIMESTAMP, more STRING"]);
        command.args(["--max-files-per-trigger", "1", "--trigger", "available-now"]).args(args);
        command
    }

    fn run(&self, shell: &str, args: &[&str]) -> Ended {
        Ended::of(&mut self.query(&[&["--sink", "exec", "--command", shell], args].concat()))
    }
}

#[test]
fn each_batch_is_lines_of_json_with_its_number() {
    let place = Place::new();
    let shell = r#"echo "$ECAP_SINK $ECAP_FORMAT $ECAP_QUERY" >> names; cat > batch-$ECAP_BATCH; echo took $ECAP_BATCH"#;
    let out = place.run(shell, &["--sink", "console"]).ok();
    assert!(out.contains("took 0") && out.contains("took 2") && out.contains("Batch 2"), "{out}");
    let batches: Vec<_> = (0..3).map(|batch| place.read(&format!("batch-{batch}"))).collect();
    let lines: Vec<_> = batches.iter().flat_map(|batch| batch.lines()).collect();
    assert_eq!(lines.len(), 6);
    assert!(lines[5].contains(r#""n":5,"at":"2025-07-27T10:00:05.000Z""#), "{lines:?}");
    let names = place.read("names");
    let mut queries: Vec<_> = names.lines().map(|line| line.strip_prefix("exec ndjson ").unwrap()).collect();
    assert_eq!(queries.len(), 3);
    queries.dedup();
    assert!(queries.len() == 1 && queries[0].len() == 36, "one identity, its checkpoint's: {names}");
}

#[test]
fn a_batch_is_arrow_where_that_is_asked_for() {
    let place = Place::new();
    place.run("cat > batch-$ECAP_BATCH", &["--sink-option", "format=arrow"]).ok();
    let reader = StreamReader::try_new(File::open(place.path("batch-1")).unwrap(), None).unwrap();
    let rows: Vec<_> = reader.map(|rows| rows.unwrap()).collect();
    let at = rows[0].column_by_name("at").unwrap();
    assert_eq!(*at.data_type(), DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())));
    assert_eq!(at.as_primitive::<TimestampMicrosecondType>().value(0), 1_753_610_402_000_000);
}

#[test]
fn a_command_that_fails_has_not_taken_the_batch() {
    let place = Place::new();
    let failing = "cat > /dev/null; for n in 1 2 3 4 5 6; do echo line $n >&2; done; exit 3";
    let ended = place.run(failing, &[]);
    ended.fails(1, &["sink exec: the command did not take batch 0: exit status: 3"]);
    let ended = place.run(failing, &[]);
    assert!(ended.err.contains("line 2\n  line 3") && !ended.err.contains("line 1\n"), "{ended:?}");
    place.run("kill -KILL $$", &[]).fails(1, &["batch 0: signal: 9"]);
    place.run("no-such-program", &[]).fails(1, &["exit status: 127"]);
}

#[test]
fn a_command_may_ask_for_the_same_again_later() {
    let place = Place::new();
    // The second time it takes the batch.
    let later = "cat > given-$ECAP_BATCH-$$; [ -e seen-$ECAP_BATCH ] || { touch seen-$ECAP_BATCH; echo busy >&2; exit 75; }";
    let ended = place.run(later, &[]);
    assert!(ended.err.contains("batch 1 with 2 rows is held back and given again"), "{ended:?}");
    ended.ok();
    let mut given: Vec<_> =
        fs::read_dir(place.0.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    given.retain(|name| name.to_string_lossy().starts_with("given-"));
    given.sort();
    assert_eq!(given.len(), 6);
    for pair in given.chunks(2) {
        let [first, second] = [0, 1].map(|n| fs::read(place.0.path().join(&pair[n])).unwrap());
        assert_eq!(first, second);
    }
    let never = place.run("exit 75", &["--sink-retries", "2", "--name", "another"]);
    never.fails(4, &["batch 0 with 2 rows was not taken", "given again 2 times"]);
}

#[test]
fn a_command_need_not_read() {
    let place = Place::new();
    let line = format!("{{\"n\":1,\"at\":\"2025-07-27T10:00:00Z\",\"more\":\"{}\"}}\n", "x".repeat(900_000));
    fs::write(place.path("in/3.ndjson"), line).unwrap();
    place.run("exec < /dev/null; echo $ECAP_BATCH >> ids", &[]).ok();
    assert_eq!(place.read("ids").lines().count(), 4);
}

#[test]
fn ctrl_c_lets_the_command_end_its_batch() {
    let place = Place::new();
    let slow =
        "echo started >&2; until [ -e go ] || [ ! -d in ]; do sleep 0.01; done; cat > batch-$ECAP_BATCH";
    let mut command = place.query(&["--sink", "exec", "--command", slow, "-v"]);
    let mut running = Told::start(&mut command);
    running.says(&["started"]);
    running.interrupt();
    fs::write(place.path("go"), "").unwrap();
    assert_eq!(running.ended(), 0);
    assert_eq!(place.read("batch-0").lines().count(), 2);
    assert!(!place.path("batch-1").exists());
}

#[test]
fn several_sinks_get_each_batch() {
    let place = Place::new();
    place.run("cat >> one", &[]).ok();
    let sinks = ["--sink", "exec", "--sink", "more=exec", "--sink-option", "more.command=cat >> more"];
    let sinks = [&sinks[..], &["--sink", "csv", "--path", "out.csv", "--name", "several"]].concat();
    let mut ambiguous = place.query(&[&sinks[..], &["--command", "cat >> two"]].concat());
    Ended::of(&mut ambiguous).fails(2, &["--command: which sink's is this?", "exec.command", "more.command"]);
    Ended::of(&mut place.query(&[&sinks[..], &["--sink-option", "exec.command=cat >> two"]].concat())).ok();
    assert_eq!((place.read("two"), place.read("more")), (place.read("one"), place.read("one")));
    assert_eq!(place.read("out.csv").lines().count(), 7);
}

#[test]
fn a_command_that_takes_its_time_is_told_of() {
    let place = Place::new();
    let slow = "until [ -e go ] || [ ! -d in ]; do sleep 0.01; done; cat > batch-$ECAP_BATCH";
    let mut running = Told::start(&mut place.query(&["--sink", "exec", "--command", slow]));
    running.says(&["sink exec: batch 0 with 2 rows is not taken after 10s, and is waited for"]);
    fs::write(place.path("go"), "").unwrap();
    running.says(&["sink exec: batch 0 with 2 rows was taken after"]);
    assert_eq!(running.ended(), 0);
    assert!(place.path("batch-2").exists());
}

#[test]
fn memory_stays_as_it_is_while_a_sink_is_away() {
    let cluster = Cluster::start();
    cluster.create_topics(&["transactions"]);
    let sell = |count: &str| {
        let records = ["--synthetic", "transactions", "--topic", "transactions", "--max-records", count];
        cluster.run("ecap-produce", &[&records[..], &["--throughput", "-1"]].concat()).ok();
    };
    sell("10");
    let mut query = cluster.command("ecap-consume");
    query.args(["--topic", "transactions", "--from", "earliest", "--trigger", "0s", "--max-future", "off"]);
    query.args(["--sink", "exec", "--command", "[ -e go ] || exit 75; wc -l >> out"]);
    let query = Told::start(&mut query);
    query.says(&["batch 0 with 10 rows is held back and given again"]);
    let before = query.resident();
    sell("100000");
    let after = query.resident();
    assert!(before > 0 && after < before + 24, "{before} MB, and {after} MB with 100,000 records behind");
    let (go, out) = (cluster.folder.path().join("go"), cluster.folder.path().join("out"));
    fs::write(go, "").unwrap();
    query.says(&["batch 0 with 10 rows was taken after"]);
    let count = |line: &str| line.trim().parse::<u64>().unwrap();
    let rows = || fs::read_to_string(&out).unwrap_or_default().lines().map(count).sum::<u64>();
    wait_for("all rows", || (rows() == 100_010).then_some(()));
    query.end();
}
