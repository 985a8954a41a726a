//! What goes wrong, and what becomes of it.

use super::Stage;
use crate::support::wait_for;
use serde_json::Value;
use std::collections::BTreeSet;

/// A consumer that writes the number of each purchase into a file.
const NUMBERS: &str = "[[consumer]]\nname = 'numbers'\ntype = 'query'\nquery = 'numbers.sql'\n\n[consumer.options]\n\
                       sink = 'ndjson'\npath = 'numbers.ndjson'\ntrigger = '0s'\nfrom = 'earliest'\n";

fn numbers(stage: &Stage) {
    let home = stage.cluster.folder.path().join("home");
    std::fs::create_dir_all(&home).unwrap();
    std::fs::write(home.join("numbers.sql"), "SELECT transaction_id FROM transactions").unwrap();
}

/// The numbers that were written, each one once.
fn written(stage: &Stage) -> BTreeSet<String> {
    let text =
        std::fs::read_to_string(stage.cluster.folder.path().join("numbers.ndjson")).unwrap_or_default();
    let whole = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let all: Vec<String> = whole.map(|row| row["transaction_id"].as_str().unwrap().to_string()).collect();
    let once: BTreeSet<_> = all.iter().cloned().collect();
    assert_eq!(once.len(), all.len(), "a number came twice");
    once
}

#[test]
fn a_wrong_definition_and_one_that_fails_are_no_matter_of_the_others() {
    let stage = Stage::new();
    numbers(&stage);
    let poisoned = "[[consumer]]\nname = 'poisoned'\ntype = 'transaction'\n[consumer.options]\nsink = 'exec'\n\
                    command = 'exit 1'\ntrigger = '0s'\nfrom = 'earliest'\noutput-mode = 'update'\n";
    let wrong = "[[consumer]]\nname = 'wrong'\ntype = 'transaction'\n[consumer.options]\nwindw = '10s'\n";
    stage.registry(&format!("{wrong}\n{poisoned}\n{NUMBERS}"));
    stage
        .consume(&["list-consumers"])
        .fails(2, &["consumers.toml, line 5", "'wrong'", "did you mean 'window'?"]);
    stage.buy(0..50);
    let process = stage.run(&[]);
    process.told.says(&["wrong is failed: ", "line 5", "did you mean 'window'?"]);
    process.told.says(&["poisoned is failed: 5 failures within 10m"]);
    let failed = process.becomes("poisoned", "failed");
    assert_eq!(failed["total_failures"], 5);
    let wrong = process.becomes("wrong", "failed");
    assert!(
        wrong["last_error"].as_str().unwrap().contains("line 5: consumer 'wrong', option 'windw'"),
        "{wrong}"
    );
    let (_, document) = process.http("GET", "/api/v1/streaming/consumers/wrong", &[]);
    let document: Value = serde_json::from_str(&document).unwrap();
    assert_eq!(document["changes"][0]["status"], "failed", "{document}");
    assert!(
        document["changes"][0]["error"].as_str().is_some_and(|error| error.contains("'windw'")),
        "{document}"
    );
    wait_for("all numbers", || (written(&stage).len() == 50).then_some(()));
    assert_eq!(process.status()["overall_status"], "degraded");
    stage.consume(&["start-consumers", "--name", "wrong"]).fails(2, &["did you mean 'window'?"]);
    process.told.end();
}

#[test]
fn a_process_that_is_killed_goes_on_exactly_where_it_was() {
    let stage = Stage::new();
    numbers(&stage);
    stage.registry(NUMBERS);
    for round in 0..4 {
        let process = stage.run(&[]);
        stage.buy(round * 100..(round + 1) * 100);
        wait_for("some numbers", || (written(&stage).len() > round as usize * 100).then_some(()));
        process.told.signal("-KILL");
    }
    let process = stage.run(&[]);
    wait_for("all numbers", || (written(&stage).len() == 400).then_some(()));
    process.told.end();
    assert_eq!(written(&stage).len(), 400);
}

#[test]
fn a_broker_that_is_away_is_waited_for_and_is_no_failure() {
    let mut stage = Stage::new();
    if std::env::var(crate::support::REAL_KAFKA).is_ok() {
        return;
    }
    numbers(&stage);
    stage.registry(NUMBERS);
    stage.buy(0..10);
    let mut command = stage.cluster.command("ecap-consume");
    command.args(["run", "--listen", "127.0.0.1:0"]).stdout(std::process::Stdio::null());
    let told = crate::support::Told::start(&mut command);
    told.says(&["/api/v1/streaming/status"]);
    let status = |stage: &Stage, expected: &str| {
        wait_for(expected, || {
            let document: Value =
                serde_json::from_str(&stage.consume(&["status", "--format", "json"]).out).ok()?;
            let details = document["consumer_details"]["numbers"].clone();
            (details["status"] == expected).then_some(details)
        })
    };
    status(&stage, "running");
    stage.cluster.stop();
    let degraded = status(&stage, "degraded");
    assert_eq!(degraded["total_failures"], 0);
    assert!(degraded["last_error"].as_str().unwrap().contains("no broker answers"), "{degraded}");
    stage.cluster.again();
    status(&stage, "running");
    stage.buy(10..20);
    wait_for("all numbers", || (written(&stage).len() == 20).then_some(()));
    told.end();
}

#[test]
fn a_sink_that_is_away_is_waited_for_and_is_no_failure() {
    let stage = Stage::new();
    stage.registry(
        "[[consumer]]\nname = 'patient'\ntype = 'transaction'\n[consumer.options]\nsink = 'exec'\n\
         command = 'test -e there || exit 75'\noutput-mode = 'update'\ntrigger = '0s'\nfrom = 'earliest'\n",
    );
    stage.buy(0..5);
    let process = stage.run(&[]);
    let degraded = process.becomes("patient", "degraded");
    assert_eq!(degraded["total_failures"], 0);
    let error = degraded["last_error"].as_str().unwrap();
    assert!(error.starts_with("sink exec: the command did not take batch"), "{error}");
    stage.consume(&["status"]).fails(3, &["1 of 1 consumer is not healthy"]);
    std::fs::write(stage.cluster.folder.path().join("there"), "").unwrap();
    let running = process.becomes("patient", "running");
    assert_eq!((&running["total_failures"], &running["consecutive_failures"]), (&0.into(), &0.into()));
    let (_, one) = process.http("GET", "/api/v1/streaming/consumers/patient", &[]);
    let one: Value = serde_json::from_str(&one).unwrap();
    assert!(one["sink_retries"].as_u64().is_some_and(|retries| retries > 0), "{one}");
    process.told.end();
}

#[test]
fn a_batch_that_takes_too_long_at_the_end_is_named() {
    let stage = Stage::new();
    stage.registry(
        "[[consumer]]\nname = 'slow'\ntype = 'transaction'\n[consumer.options]\nsink = 'exec'\n\
         command = 'touch began; sleep 20'\noutput-mode = 'update'\ntrigger = '0s'\nfrom = 'earliest'\n",
    );
    stage.buy(0..5);
    let mut process = stage.run(&["--shutdown-timeout", "100ms"]);
    let began = stage.cluster.folder.path().join("began");
    wait_for("the batch", || began.exists().then_some(()));
    process.told.interrupt();
    process.told.says(&["not ended within --shutdown-timeout 100ms: slow"]);
    assert_eq!(process.told.ended(), 1);
}

#[test]
fn a_second_process_is_refused_and_told_where_the_first_is() {
    let stage = Stage::new();
    let process = stage.run(&[]);
    let pid = process.told.process().to_string();
    stage.consume(&["run", "--listen", "127.0.0.1:0"]).fails(2, &[&pid, &process.address, "already"]);
    let other = crate::support::Cluster::start();
    other
        .run("ecap-consume", &["run", "--listen", &process.address])
        .fails(2, &["--listen", &process.address]);
    process.told.end();
    stage.run(&[]).told.end();
}

#[test]
fn more_consumers_than_places_wait_and_say_for_whom() {
    let stage = Stage::new();
    let process = stage.run(&["--max-concurrent", "1"]);
    process.becomes("transaction_consumer", "running");
    let waits = process.becomes("user_behavior_consumer", "pending");
    assert_eq!(waits["last_error"], "waits until one of transaction_consumer ends: --max-concurrent is 1");
    stage.consume(&["stop-consumers", "--name", "transaction_consumer"]).ok();
    process.becomes("user_behavior_consumer", "running");
    process.told.end();
}

#[test]
fn an_alert_comes_once_for_each_change() {
    let stage = Stage::new();
    let process = stage.run(&["--alert-command", "cat >> alerts"]);
    process.becomes("transaction_consumer", "running");
    process.becomes("user_behavior_consumer", "running");
    // The first status is no change, and it is looked for changes twice a second.
    wait_for("the first status", || {
        let details = process.status()["consumer_details"]["transaction_consumer"].clone();
        (details["uptime_seconds"].as_f64()? > 3.0).then_some(())
    });
    let alerts = |count: usize| {
        wait_for("alerts", || {
            let text =
                std::fs::read_to_string(stage.cluster.folder.path().join("alerts")).unwrap_or_default();
            let alerts: Vec<Value> =
                text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
            (alerts.len() >= count).then_some(alerts)
        })
    };
    for (verb, count) in [("stop-consumers", 1), ("start-consumers", 2)] {
        stage.consume(&[verb, "--name", "transaction_consumer"]).ok();
        alerts(count);
    }
    let told: Vec<_> = alerts(2)
        .iter()
        .map(|alert| {
            let text = |field: &str| alert[field].as_str().unwrap_or_default().to_string();
            (text("consumer_name"), text("previous_status"), text("status"), alert["is_healthy"] == true)
        })
        .collect();
    let one = |was: &str, is: &str, healthy| {
        ("transaction_consumer".to_string(), was.to_string(), is.to_string(), healthy)
    };
    assert_eq!(told, [one("running", "stopped", false), one("stopped", "running", true)]);
    process.told.end();
}
