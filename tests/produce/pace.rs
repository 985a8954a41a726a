//! Batches come when they are said to come, by a clock that needs no waiting.

use super::*;
use clap::Parser;
use ecap::cli::produce::{ProduceCli, run_by};
use ecap::clock::{Clock, ManualClock, Micros, Stop, SystemClock};

/// Runs a command as it is typed by a clock that passes over each pause; how long it took by that clock.
fn typed(cluster: &Cluster, line: &str) -> Duration {
    let words =
        ["ecap-produce", "--format", "json", "-b", &cluster.address, "--topic-prefix", &cluster.prefix];
    let cli = ProduceCli::parse_from(words.into_iter().chain(line.split_whitespace()));
    let clock = ManualClock::at(SystemClock.now());
    let start = clock.now();
    let (_, outcome) = run_by(cli, &clock, || Ok(Stop::default())).expect("it begins");
    outcome.expect("all is sent");
    Duration::from_micros((clock.now() - start).unsigned_abs())
}

/// The records by batch, and of each its place in the batch and its time.
fn batches(cluster: &Cluster) -> BTreeMap<i64, Vec<(i64, i64)>> {
    let mut batches: BTreeMap<i64, Vec<(i64, i64)>> = BTreeMap::new();
    for Read { value, time, .. } in read(cluster) {
        let number = |name: &str| value[name].as_i64().expect("a number");
        batches.entry(number("batch_number")).or_default().push((number("batch_position"), time));
    }
    batches.values_mut().for_each(|batch| batch.sort_unstable());
    batches
}

/// Milliseconds from each record of `transactions` to the next one.
fn distances(cluster: &Cluster) -> Vec<i64> {
    let records = read_topic(cluster, "transactions", 6);
    let mut times: Vec<i64> = records.iter().map(|record| record.time).collect();
    times.sort_unstable();
    times.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

#[test]
fn the_documented_demo_is_100_batches_of_10_in_990_seconds() {
    let cluster = cluster();
    let args = ["--seed", "42", "-o", "data/customer_transactions_1200.csv"];
    cluster.run("ecap-gen", &args).ok();
    let file = cluster.folder.path().join("data/customer_transactions_1200.csv");
    let line = format!(
        "--data-file {} --topic customer-transactions --batch-size 10 --sleep-seconds 10 --max-records 1000",
        file.display()
    );
    assert_eq!(typed(&cluster, &line), Duration::from_secs(990));
    let batches = batches(&cluster);
    assert!(batches.keys().copied().eq(1..=100));
    let start = batches[&1][0].1;
    for (number, batch) in batches {
        let time = start + (number - 1) * 10_000;
        let expected: Vec<_> = (1..=10).map(|place| (place, time)).collect();
        assert_eq!(batch, expected, "batch {number}");
    }
}

#[test]
fn the_bare_demo_is_100_batches_of_10_in_990_seconds() {
    let cluster = cluster();
    assert_eq!(typed(&cluster, "--batch-size 10 --sleep 10"), Duration::from_secs(990));
    let batches = batches(&cluster);
    assert!(batches.keys().copied().eq(1..=100));
    assert!(batches.values().all(|batch| batch.iter().map(|(place, _)| *place).eq(1..=10)));
}

#[test]
fn a_replay_is_as_long_as_its_records_say() {
    let cluster = cluster();
    file(&cluster, 7, Into::into);
    let rows = cluster.folder.path().join("rows.csv");
    // One purchase in every four hours: six intervals from the first to the last row.
    let text = std::fs::read_to_string(&rows).expect("there");
    let time = |line: &str| {
        let time = line.split(',').nth(2).expect("a date");
        ecap::units::parse_time(time).expect(time)
    };
    let times: Vec<Micros> = text.lines().skip(1).map(time).collect();
    let long = Duration::from_micros((times[6] - times[0]).unsigned_abs());
    let took = typed(&cluster, &format!("--data-file {} --replay --speed 100x", rows.display()));
    assert_eq!(took.as_millis(), (long / 100).as_millis());
}

#[test]
fn generated_records_come_one_by_one() {
    let cluster = Cluster::start();
    cluster.create_topics(&["transactions"]);
    let took = typed(&cluster, "--num-transactions 100 --interval 1.0");
    assert_eq!(took, Duration::from_secs(99));
    assert_eq!(distances(&cluster), [1_000; 99]);
    let cluster = Cluster::start();
    cluster.create_topics(&["transactions"]);
    let took = typed(&cluster, "--continuous --duration 300");
    assert_eq!(took, Duration::from_secs(299), "the record of second 300 would come after it");
    assert_eq!(distances(&cluster), [1_000; 299]);
    let took = typed(&cluster, "--synthetic transactions --rate 50/s --max-records 500 --seed 1");
    assert!(took > Duration::from_secs(9) && took < Duration::from_secs(10), "{took:?}");
    let took = typed(&cluster, "--synthetic transactions --throughput -1 --max-records 500 --seed 1");
    assert_eq!(took, Duration::ZERO);
}

#[test]
fn what_does_not_go_together_is_refused() {
    let cluster = cluster();
    let refused = |line: &str, parts: &[&str]| {
        let ended = cluster.run("ecap-produce", &line.split_whitespace().collect::<Vec<_>>());
        assert_eq!(ended.code, 2, "{line}: {ended:#?}");
        assert!(parts.iter().all(|part| ended.err.contains(part)), "{line}: {ended:#?}");
    };
    refused("--rate 5/s --sleep 1s", &["--rate", "--sleep"]);
    refused("--replay --throughput 5", &["--replay", "--throughput"]);
    refused("--num-transactions 5 --rate 5", &["--num-transactions"]);
    refused("--speed 10x", &["--replay"]);
    refused("--replay --speed fast", &["not a speed", "10x"]);
    refused("--throughput 0", &["not a rate"]);
    refused("--rate 5/fortnight", &["5000/s"]);
    refused("--catch-up perhaps", &["catch-up"]);
    refused("--batch-size 0", &["batch-size"]);
    refused("--num-transactions 0", &["--num-transactions"]);
    refused("--interval 5", &["--num-transactions", "--continuous"]);
    refused("--continuous --interval 5 --rate 5", &["--interval", "--rate"]);
    refused("--file-format csv", &["--data-file"]);
    refused("--data-file - --file-format csv --loop", &["standard input cannot begin again"]);
    refused("--delivery-timeout 0", &["too short", "at least 1s"]);
    refused("--data-file rows.csv --late 5%", &["--data-file", "--late"]);
    refused("--data-file rows.csv --seed 5", &["--data-file", "--seed"]);
    refused("--reject-file .", &["reject file . is a folder"]);
    refused("--topic transactions", &["has other columns than the rows, which are customer-transactions"]);
    refused("--synthetic user-events --topic transactions", &["which are user-events", "--topic"]);
    refused("-X acks=1", &["acks cannot be '1'", "all replicas", "leave the setting out"]);
    refused("-X enable.idempotence=false", &["enable.idempotence cannot be 'false'"]);
    refused("-X transactional.id=a", &["--transactional-id"]);
    refused("-X message.timeout.ms=5000", &["--delivery-timeout"]);
}
