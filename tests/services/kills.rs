//! Queries that are killed at random moments, into every sink that keeps results: nothing is lost and nothing comes twice,
//! neither rows nor dead letters, by what DuckDB, pyarrow, the Python package of Delta Lake, Spark, confluent-kafka, kcat and psql find.

use super::{cache, committed_by_kcat, installed, python, run, script};
use crate::support::{Cluster, Ended};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// How many kills in all; ECAP_TEST_KILLS for a long run.
fn kills() -> u32 {
    crate::support::number("ECAP_TEST_KILLS", 30)
}

/// A query, the file that it stands in, and where its rows go.
struct Query {
    name: &'static str,
    sql: &'static str,
    sink: Vec<String>,
}

/// The topic that rows go to.
const RESULTS: &str = "analytics-results";

/// The topic that dead letters go to.
const LETTERS: &str = "transactions.dlq";

const WINDOWS: &str = "SELECT window.start AS s, category_name AS k, count(*) AS n, count(DISTINCT user_id) AS u, \
    sum(quantity) AS q FROM transactions GROUP BY window(timestamp, '20 seconds', '10 seconds'), category_name";
const RAW: &str = "SELECT transaction_id, user_id, price, _partition, _offset FROM transactions";
const ONCE: &str = "SELECT DISTINCT ON (transaction_id) transaction_id, user_id FROM transactions";
const SESSIONS: &str = "SELECT session_window.start AS s, session_window.end AS e, user_id AS u, count(*) AS n \
    FROM transactions GROUP BY session_window(timestamp, '1 minute'), user_id";
const JOINED: &str = "SELECT a.transaction_id AS a, b.transaction_id AS b FROM transactions a JOIN transactions b \
    ON a.user_id = b.user_id AND b.timestamp BETWEEN a.timestamp - INTERVAL 30 SECONDS \
    AND a.timestamp WHERE a.transaction_id <> b.transaction_id";

#[test]
fn queries_that_are_killed_at_any_moment_lose_nothing_and_double_nothing() {
    let cluster = Cluster::start();
    cluster.create_topics(&["transactions", RESULTS, LETTERS]);
    let folder = cluster.folder.path();
    let postgres = super::postgres::Postgres::start();
    let records = (kills() * 1_500).max(45_000).to_string();
    let rates = ["--event-rate", "300", "--traffic", "flat", "--customers", "3000", "--seed", "11"];
    let poison = ["--malformed", "1%", "--missing", "1%", "--wrong-type", "1%", "--truth", "truth.ndjson"];
    let faults = [&poison[..], &["--duplicates", "2%", "-n", &records, "-o", "in.ndjson"]].concat();
    cluster.run("ecap-gen", &[&["transactions"][..], &rates, &faults].concat()).ok();

    let out = |args: &[&str]| args.iter().map(ToString::to_string).collect::<Vec<_>>();
    let queries = [
        Query {
            name: "windows",
            sql: WINDOWS,
            sink: out(&[
                "--sink",
                "parquet",
                "--path",
                "windows",
                "--dead-letters",
                "parquet:windows-letters",
            ]),
        },
        Query {
            name: "raw",
            sql: RAW,
            sink: out(&["--sink", "delta", "--path", "raw", "--dead-letters", "delta:raw-letters"]),
        },
        Query {
            name: "once",
            sql: ONCE,
            sink: out(&[
                "--sink",
                "kafka",
                "--sink-option",
                &format!("topic={RESULTS}"),
                "--dead-letters",
                "topic",
            ]),
        },
        Query {
            name: "sessions",
            sql: SESSIONS,
            sink: out(&[
                "--sink",
                "ndjson",
                "--path",
                "sessions.ndjson",
                "--dead-letters",
                "./sessions-letters.ndjson",
            ]),
        },
        Query {
            name: "joined",
            sql: JOINED,
            sink: out(&[
                "--sink",
                "postgres",
                "--sink-option",
                &format!("url={}", postgres.url()),
                "--sink-option",
                "table=joined",
            ]),
        },
    ];
    for query in &queries {
        std::fs::write(folder.join(query.name).with_extension("sql"), query.sql).expect("written");
    }
    let mut producer = cluster.command("ecap-produce");
    producer.args(["--data-file", "in.ndjson", "--topic", "transactions", "--throughput", "3000"]);
    producer.arg("--no-validate");
    let mut producer = producer.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("starts");

    let done = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for (seed, query) in (0..).zip(&queries) {
            let (cluster, done) = (&cluster, &done);
            scope.spawn(move || kill_again_and_again(cluster, query, seed, done));
        }
    });
    let status = producer.wait().expect("ends");
    assert!(status.success(), "all records were produced: {status}");
    for query in &queries {
        let end = ["--trigger", "available-now", "--flush-at-end"];
        Ended::of(command(&cluster, query).args(end)).ok();
    }

    let kept = |name: &str, text: String| std::fs::write(folder.join(name), text).expect("written");
    kept("once.ndjson", run(python("committed.py").args([&cluster.address, &cluster.name(RESULTS)])));
    kept("once-kcat.ndjson", committed_by_kcat(&cluster, &cluster.name(RESULTS)));
    kept(
        "once-letters.hex",
        run(python("committed.py").args([&cluster.address, &cluster.name(LETTERS), "hex"])),
    );
    kept("joined.csv", postgres.run("COPY joined TO STDOUT WITH (FORMAT csv, HEADER)"));
    let mut spark = installed(&cache().join("spark-4.0.0/bin/python"));
    let columns = ["transaction_id", "user_id", "price"];
    run(spark.arg(script("spark_rows.py")).args(["raw", "raw-spark"]).args(columns).current_dir(folder));
    let mut check = installed(&cache().join("tools/tables/bin/python"));
    check.args(["-W", "ignore"]).arg(script("kills.py")).current_dir(folder);
    let found = run(&mut check);
    println!("{} kills: {found}", done.load(Ordering::Relaxed));
    assert!(found.starts_with("all right"), "{found}");
}

/// The command of a query that goes on from its checkpoint.
fn command(cluster: &Cluster, query: &Query) -> Command {
    let mut command = cluster.command("ecap-consume");
    let file = format!("{}.sql", query.name);
    command.args(["query", &file, "--from", "earliest", "--checkpoint", &format!("kept-{}", query.name)]);
    command.args(["--watermark", "10m", "--output-mode", "append", "--progress", "json"]).args(&query.sink);
    // The records of a thousand kills are made for longer than the hour that a clock may be wrong by.
    command.args(["--max-future", "off"]);
    command
}

/// Starts a query, kills it at some moment, and so on until there were enough kills in all.
fn kill_again_and_again(cluster: &Cluster, query: &Query, seed: u64, done: &AtomicU32) {
    let mut dice = ChaCha8Rng::seed_from_u64(seed);
    while done.fetch_add(1, Ordering::Relaxed) < kills() {
        let mut command = command(cluster, query);
        let mut child = command
            .args(["--trigger", "0s"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("starts");
        // Mostly in the middle of its work, sometimes before it began.
        if dice.random_bool(0.8) {
            first_batch(query, &mut child);
        }
        std::thread::sleep(Duration::from_millis(dice.random_range(0..400)));
        child.kill().expect("is there");
        let status = child.wait().expect("ends");
        assert_eq!(status.code(), None, "{} ended by itself: {status}", query.name);
    }
    done.fetch_sub(1, Ordering::Relaxed);
}

/// Waits until a query tells of a batch.
fn first_batch(query: &Query, child: &mut Child) {
    let lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
    let mut said = Vec::new();
    for line in lines.map_while(Result::ok) {
        if line.starts_with('{') {
            return;
        }
        said.push(line);
    }
    panic!("{} ended before its first batch: {said:?}", query.name);
}
