//! The guide's examples, as people type them.

use super::Stage;
use serde_json::Value;

const REGISTER: [&str; 9] = [
    "register-consumer",
    "--name",
    "my_consumer",
    "--topic",
    "transactions",
    "--consumer-group",
    "my-group",
    "--consumer-type",
    "transaction",
];

#[test]
fn a_consumer_is_registered_with_four_flags_and_started_by_name() {
    let stage = Stage::new();
    let registered = stage.consume(&REGISTER);
    assert!(registered.err.contains("`ecap-consume run --name my_consumer` runs it"), "{registered:?}");
    stage.consume(&REGISTER).fails(2, &["'my_consumer' is registered already", "unregister-consumer"]);
    let listed: Value =
        serde_json::from_str(&stage.consume(&["list-consumers", "--format", "json"]).ok()).unwrap();
    let names: Vec<_> = listed.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["transaction_consumer", "user_behavior_consumer", "my_consumer"]);
    assert_eq!((&listed[2]["type"], &listed[2]["group"]), (&"transaction".into(), &"my-group".into()));

    let process = stage.run(&["--name", "my_consumer"]);
    process.becomes("my_consumer", "running");
    stage.buy(0..20);
    process.reads("my_consumer", 20.0);
    assert_eq!(process.status()["consumer_details"]["transaction_consumer"]["status"], "stopped");
    let progress = stage.consume(&["progress", "--name", "my_consumer", "--format", "json"]).ok();
    let progress: Value = serde_json::from_str(&progress).unwrap();
    let fields: Vec<_> = progress.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(fields, ["query_id", "query_name", "status", "batch_metrics", "performance_trends"]);
    assert_eq!(progress["query_name"], "my_consumer");
    assert!(progress["batch_metrics"][0]["numInputRows"].as_u64().is_some_and(|rows| rows > 0), "{progress}");
    assert!(stage.consume(&["progress", "--name", "my_consumer"]).ok().contains("records"));
    stage.consume(&["progress", "--name", "my_consumr"]).fails(2, &["did you mean 'my_consumer'?"]);
    let groups = stage.cluster.run("ecap-topics", &["consumer-groups", "--format", "json"]).ok();
    assert!(groups.contains("my-group"), "{groups}");
    process.told.end();

    for name in ["../x", "<script>", "A b"] {
        let args = [&["register-consumer", "--name", name], &REGISTER[3..]].concat();
        stage.consume(&args).fails(2, &["is no name of a consumer"]);
    }
    let wrong =
        [&["register-consumer", "--name", "other", "--topic", "transaction"], &REGISTER[5..]].concat();
    stage.consume(&wrong).fails(2, &["topic 'transaction'", "did you mean 'transactions'?"]);

    stage.consume(&["unregister-consumer", "--name", "my_consumer"]).ok();
    stage.consume(&["unregister-consumer", "--name", "my_consumer"]).fails(2, &["no consumer 'my_consumer'"]);
}

#[test]
fn the_default_consumers_run_and_the_status_is_the_documented_document() {
    let stage = Stage::new();
    let process = stage.run(&["--setup-defaults"]);
    process.becomes("transaction_consumer", "running");
    process.becomes("user_behavior_consumer", "running");
    let status = stage.consume(&["status", "--format", "json"]);
    assert_eq!(status.code, 0, "{status:?}");
    let status: Value = serde_json::from_str(&status.out).unwrap();
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let expected =
        ["total_consumers", "healthy_consumers", "unhealthy_consumers", "overall_status", "consumer_details"];
    assert_eq!(keys(&status), expected);
    assert_eq!((&status["healthy_consumers"], &status["overall_status"]), (&2.into(), &"healthy".into()));
    let details = &status["consumer_details"]["user_behavior_consumer"];
    let expected = [
        "status",
        "consecutive_failures",
        "total_failures",
        "last_check",
        "uptime_seconds",
        "last_error",
        "metrics",
    ];
    assert_eq!(keys(details), expected);
    let expected = [
        "input_rows_per_second",
        "processed_rows_per_second",
        "processing_ratio",
        "batch_duration_ms",
        "lag",
        "watermark",
        "state_rows",
        "late_rows",
        "dead_letters",
        "memory_bytes",
        "cpu_percent",
    ];
    assert_eq!(keys(&details["metrics"]), expected);
    assert!(stage.consume(&["status"]).ok().contains("user_behavior_consumer"));

    stage.consume(&["stop-consumers", "--name", "transaction_consumer"]).ok();
    process.becomes("transaction_consumer", "stopped");
    stage.consume(&["status"]).fails(3, &["1 of 2 consumers are not healthy"]);
    stage.consume(&["start-consumers", "--name", "transaction_consumer"]).ok();
    process.becomes("transaction_consumer", "running");
    stage.consume(&["restart-consumers"]).ok();
    process.becomes("user_behavior_consumer", "running");
    stage.consume(&["stop-consumers", "--name", "nobody"]).fails(2, &["there is no consumer 'nobody'"]);
    let registered = stage.consume(&REGISTER);
    let next = "`ecap-consume start-consumers --name my_consumer` runs it";
    assert!(registered.err.contains(next), "{registered:?}");
    process.told.end();
}

#[test]
fn without_a_process_the_consumers_are_stopped_and_it_is_said_how_to_run_them() {
    let stage = Stage::new();
    let status = stage.consume(&["status", "--format", "json"]);
    let document: Value = serde_json::from_str(&status.out).unwrap();
    assert_eq!(document["consumer_details"]["transaction_consumer"]["status"], "stopped");
    assert_eq!((&document["total_consumers"], &document["overall_status"]), (&2.into(), &"unhealthy".into()));
    status.fails(4, &["no process runs the consumers", "`ecap-consume run`"]);
    stage.consume(&["start-consumers"]).fails(4, &["`ecap-consume run`"]);
    stage.consume(&["progress", "--name", "transaction_consumer"]).fails(4, &["`ecap-consume run`"]);
}

#[test]
fn a_file_under_version_control_is_compared_and_applied() {
    let stage = Stage::new();
    let file = stage.cluster.folder.path().join("ours.toml");
    let text = "[[consumer]]\nname = 'transaction_consumer'\ntype = 'transaction'\n[consumer.options]\nwindow = '5m'\n\n\
                [[consumer]]\nname = 'sales'\ntype = 'query'\nquery = 'sales.sql'\n";
    std::fs::write(&file, text).unwrap();
    let query = stage.cluster.folder.path().canonicalize().unwrap().join("sales.sql");
    let plan = stage.consume(&["plan", "ours.toml", "--exit-code", "--format", "csv"]);
    let rows = format!(
        "consumer,change,is,becomes\ntransaction_consumer,options.window,,5m\n\
         transaction_consumer,topic,transactions,\ntransaction_consumer,group,transaction-analytics-group,\n\
         sales,register,,\nsales,type,,query\nsales,query,,{}\n",
        query.display()
    );
    assert_eq!(plan.out, rows);
    assert!(plan.err.contains("1 consumer to register, 1 consumer to alter"), "{}", plan.err);
    plan.fails(3, &["the registry is not as the file says", "ecap-consume apply ours.toml"]);
    stage.consume(&["plan", "ours.toml"]).ok();
    let process = stage.run(&["--name", "transaction_consumer"]);
    let applied = stage.consume(&["apply", "ours.toml"]);
    assert!(applied.err.contains("restart-consumers --name transaction_consumer"), "{}", applied.err);
    applied.ok();
    process.told.end();
    stage.consume(&["plan", "ours.toml", "--exit-code"]).ok();
    let listed = stage.consume(&["list-consumers", "--format", "json"]).ok();
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let of = |name: &str| listed.as_array().unwrap().iter().find(|one| one["name"] == name).unwrap().clone();
    assert_eq!(of("transaction_consumer")["options"]["window"], "5m");
    assert!(
        of("sales")["query"].as_str().unwrap().ends_with("/sales.sql")
            && of("user_behavior_consumer").is_object()
    );
    let pruned = stage.consume(&["plan", "ours.toml", "--prune", "--format", "json"]).ok();
    let pruned: Value = serde_json::from_str(&pruned).unwrap();
    assert_eq!(pruned["changes"][0]["name"], "user_behavior_consumer");
    assert_eq!((&pruned["changes"][0]["action"], &pruned["applied"]), (&"unregister".into(), &false.into()));
    stage.consume(&["apply", "ours.toml", "--prune"]).ok();
    let names = stage.consume(&["list-consumers", "--format", "json"]).ok();
    assert!(!names.contains("user_behavior_consumer"), "{names}");
    std::fs::write(&file, text.replace("window", "windw")).unwrap();
    stage.consume(&["apply", "ours.toml"]).fails(2, &["ours.toml, line 5", "did you mean 'window'?"]);
}
