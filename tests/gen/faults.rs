//! Faults are made on purpose, and what is true about them is what a consumer finds.

use super::ecap_gen;
use crate::support::{Ended, binary_command};
use serde_json::Value;
use tempfile::TempDir;

#[test]
fn a_consumer_finds_what_the_truth_says() {
    let folder = TempDir::new().expect("a folder");
    let faults = ["--late", "5%", "--late-by", "2m..5m", "--out-of-order", "10%", "--duplicates", "2%"];
    let poison = ["--malformed", "1%", "--missing", "1%", "--wrong-type", "1%", "--fraud", "0.5%"];
    let truth = ["--truth", "truth.ndjson", "--truth-window", "1m", "--truth-window", "5m/1m"];
    let args =
        ["transactions", "-n", "20000", "-o", "in/t.ndjson", "--start", "2026-01-05", "--event-rate", "50"];
    ecap_gen(folder.path(), &[&args[..], &["--seed", "7"], &faults, &poison, &truth].concat()).ok();

    let consume = |args: &[&str]| {
        let mut command = binary_command("ecap-consume", folder.path());
        command.args(["--source", "in", "--topic", "transactions", "--dedup", "transaction_id"]);
        command.args(["--trigger", "available-now", "--output-mode", "append", "--flush-at-end"]);
        let results = Ended::of(command.args(["--format", "csv"]).args(args)).ok();
        std::fs::write(folder.path().join("results.csv"), &results).expect("written");
        results
    };
    let verify = |args: &[&str]| {
        let files = ["verify", "--truth", "truth.ndjson", "--results", "results.csv"];
        ecap_gen(folder.path(), &[&files[..], args].concat())
    };
    for args in [
        &["--window", "1m"][..],
        &["--window", "1m", "--group-by", "category_name"],
        &["--window", "5m", "--slide", "1m", "--group-by", "category_id"],
        &[
            "--window",
            "1m",
            "--group-by",
            "user_id",
            "--agg",
            "count(*) AS n",
            "--agg",
            "sum(total_amount) AS total",
        ],
    ] {
        consume(args);
        let ended = verify(&[]);
        assert!(ended.code == 0 && ended.err.contains("as the truth says"), "{args:?}: {ended:#?}");
    }
    let results = consume(&["--window", "1m"]);
    verify(&["--without-late"]).fails(3, &["not as the truth says"]);
    let cut = results.lines().count() - 1;
    let some: Vec<&str> = results.lines().take(cut).collect();
    std::fs::write(folder.path().join("results.csv"), some.join("\n")).expect("written");
    let ended = verify(&["--format", "json"]);
    assert!(ended.out.contains(r#""what":"missing""#), "{ended:#?}");
    ended.fails(3, &["1 window", "--flush-at-end"]);
}

#[test]
fn a_scenario_happens_when_it_says() {
    let folder = TempDir::new().expect("a folder");
    let scenario = "[[sale]]\nat = '12:00'\nfor = '1h'\ntraffic = 3\ndiscount = 50\n\
        [[silence]]\npartition = 2\nof = 6\nat = '10m'\nfor = '20m'\n\
        [[poison]]\nat = '1h'\nfor = '10m'\nshare = '100%'\n";
    std::fs::write(folder.path().join("s.toml"), scenario).expect("written");
    let args = ["transactions", "--start", "2026-01-05T11:00:00Z", "--event-rate", "1", "--event-span", "2h"];
    let more = ["--seed", "7", "--traffic", "flat", "--scenario", "s.toml", "-o", "t.ndjson"];
    ecap_gen(folder.path(), &[&args[..], &more].concat()).ok();
    let text = std::fs::read_to_string(folder.path().join("t.ndjson")).expect("a file");
    let rows: Vec<Option<Value>> = text.lines().map(|line| serde_json::from_str(line).ok()).collect();
    let time =
        |row: &Value| ecap::units::parse_time(row["timestamp"].as_str().expect("a time")).expect("a time");
    let minute = |row: &Value| (time(row) - 1_767_610_800_000_000) / 60_000_000;
    let good: Vec<&Value> = rows.iter().flatten().collect();
    let between = |from, to| good.iter().filter(|row| (from..to).contains(&minute(row))).count();
    // Three times the traffic, while the mean of the day stays; ten minutes of it are poison.
    assert!(between(70, 120) * 60 > between(0, 60) * 50 * 5 / 2, "{} {}", between(0, 60), between(70, 120));
    assert_eq!(between(60, 70), 0);
    assert!(rows.iter().filter(|row| row.is_none()).count() > 500);
    for row in &good {
        let [price, quantity, off] =
            ["price", "quantity", "discount_applied"].map(|name| row[name].as_f64().expect("a number"));
        assert!(minute(row) < 60 || off > price * quantity * 0.49, "{row}");
    }
    // What happened in the silence comes at its end.
    let behind = good.windows(2).filter(|pair| time(pair[1]) < time(pair[0])).map(|pair| minute(pair[1]));
    let behind: Vec<_> = behind.collect();
    assert!(!behind.is_empty() && behind.iter().all(|minute| (10..30).contains(minute)), "{behind:?}");
    std::fs::write(folder.path().join("s.toml"), "[[storm]]").expect("written");
    ecap_gen(folder.path(), &[&args[..], &more, &["--force"]].concat()).fails(2, &["s.toml", "storm"]);
}

#[test]
fn truth_and_faults_that_do_not_fit_are_named() {
    let folder = TempDir::new().expect("a folder");
    let run = |args: &[&str]| ecap_gen(folder.path(), args);
    run(&["--truth", "t", "--truth-window", "1m"]).fails(2, &["arrival", "--truth-window"]);
    run(&["--late", "5%"]).fails(2, &["customer-transactions", "late"]);
    run(&["transactions", "--late", "60%", "--missing", "60%"]).fails(2, &["120.0%", "at most one fault"]);
    for wrong in [["--late", "5"], ["--truth-window", "1m"], ["--late-by", "1m..2m"], ["--fraud", "x%"]] {
        assert_eq!(run(&[&["transactions"], &wrong[..]].concat()).code, 2, "{wrong:?}");
    }
    run(&["verify", "--truth", "none", "--results", "none"]).fails(2, &["cannot read none"]);
}
