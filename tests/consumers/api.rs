//! The API: its documents, and who may ask it for what.

use super::Stage;
use crate::support::wait_for;
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;

const RESTART: &str = "/api/v1/streaming/consumers/transaction_consumer/restart";

#[test]
fn the_documented_paths_answer() {
    let stage = Stage::new();
    let process = stage.run(&["--name", "transaction_consumer"]);
    process.becomes("transaction_consumer", "running");
    let get = |path: &str| process.http("GET", path, &[]);
    let (status, document) = get("/api/v1/streaming/status");
    assert_eq!(status, 200);
    assert_eq!(serde_json::from_str::<Value>(&document).unwrap()["total_consumers"], 2);
    let (_, one) = get("/api/v1/streaming/consumers/transaction_consumer");
    let one: Value = serde_json::from_str(&one).unwrap();
    assert_eq!((&one["type"], &one["is_healthy"]), (&"transaction".into(), &true.into()));
    assert_eq!(get("/api/v1/streaming/consumers/transaction_consumer/progress").0, 200);
    let (status, unknown) = get("/api/v1/streaming/consumers/transaction_consume");
    assert!(status == 404 && unknown.contains("did you mean 'transaction_consumer'?"), "{unknown}");
    assert_eq!(get("/healthz"), (200, "ok\n".into()));
    assert_eq!(get("/readyz"), (200, "ready\n".into()));
    assert_eq!(get("/nothing").0, 404);
    assert_eq!(get(RESTART).0, 405);
    assert_eq!(process.http("POST", RESTART, &[]).0, 202);
    process.becomes("transaction_consumer", "running");
    let (_, metrics) = get("/metrics");
    assert!(metrics.contains("# TYPE ecap_consumer_healthy gauge"), "{metrics}");
    assert!(metrics.contains("ecap_consumer_state{consumer=\"transaction_consumer\",state=\"running\"} 1"));
    process.told.end();
}

#[test]
fn a_page_elsewhere_and_what_is_no_request_change_nothing() {
    let stage = Stage::new();
    let process = stage.run(&["--name", "transaction_consumer"]);
    process.becomes("transaction_consumer", "running");
    let post = |headers: &[&str]| process.http("POST", RESTART, headers).0;
    assert_eq!(post(&["Origin: http://evil.example"]), 403);
    assert_eq!(post(&["Host: evil.example"]), 421);
    for name in ["..%2f..%2fetc", "%3Cscript%3E", "a;reboot", "A"] {
        let path = format!("/api/v1/streaming/consumers/{name}/restart");
        let (status, body) = process.http("POST", &path, &[]);
        assert!(status == 404 && serde_json::from_str::<Value>(&body).is_ok(), "{name}: {status} {body}");
    }
    // What is told of a name is never taken for a page.
    let script = b"GET /api/v1/streaming/consumers/%3Cscript%3E HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let told = process.answer(script);
    for header in [
        "content-type: application/json",
        "x-content-type-options: nosniff",
        "content-security-policy: default-src 'self'",
    ] {
        assert!(told.contains(header), "{told}");
    }
    assert_eq!(process.raw(b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n").0, 400);
    assert_eq!(
        process
            .raw(
                b"POST /x HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 999999\r\nConnection: close\r\n\r\n"
            )
            .0,
        413
    );
    let chunked =
        format!("POST {RESTART} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n");
    assert_eq!(process.raw(chunked.as_bytes()).0, 411);
    let long = format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(20_000));
    assert_eq!(process.raw(long.as_bytes()).0, 431);
    let details = process.becomes("transaction_consumer", "running");
    assert_eq!(details["total_failures"], 0);
    process.told.end();
}

#[test]
fn a_token_is_needed_where_there_is_one_and_is_kept_from_others() {
    let stage = Stage::new();
    let token = stage.cluster.folder.path().join("token");
    std::fs::write(&token, "0123456789abcdef\n").unwrap();
    let mode = |mode| std::fs::set_permissions(&token, std::fs::Permissions::from_mode(mode)).unwrap();
    mode(0o644);
    stage.consume(&["run", "--token-file", "token"]).fails(2, &["everybody can read it", "chmod 600"]);
    mode(0o600);
    let process = stage.run(&["--name", "transaction_consumer", "--token-file", "token"]);
    process.becomes("transaction_consumer", "running");
    assert_eq!(process.http("POST", RESTART, &[]).0, 401);
    assert_eq!(process.http("POST", RESTART, &["Authorization: Bearer 0123456789abcdeX"]).0, 401);
    assert_eq!(process.http("POST", RESTART, &["Authorization: Bearer 0123456789abcdef"]).0, 202);
    stage.consume(&["restart-consumers"]).fails(2, &["this needs a token", "--token-file"]);
    stage.consume(&["restart-consumers", "--token-file", "token"]).ok();
    process.becomes("transaction_consumer", "running");
    process.told.end();

    let process = {
        let mut command = stage.cluster.command("ecap-consume");
        command.args(["run", "--listen", "0.0.0.0:0"]).stdout(std::process::Stdio::null());
        crate::support::Told::start(&mut command)
    };
    process.says(&["nothing can be started or stopped", "--token-file"]);
    stage.consume(&["stop-consumers"]).fails(2, &["nothing can be changed here"]);
    process.end();
}

#[test]
fn who_listens_to_events_is_sent_the_status_at_once_and_again() {
    let stage = Stage::new();
    let process = stage.run(&["--name", "transaction_consumer"]);
    process.becomes("transaction_consumer", "running");
    let mut stream = BufReader::new(TcpStream::connect(&process.address).unwrap());
    let head = format!("GET /api/v1/streaming/events HTTP/1.1\r\nHost: {}\r\n\r\n", process.address);
    stream.get_mut().write_all(head.as_bytes()).unwrap();
    let documents = stream.lines().map_while(Result::ok);
    let documents =
        documents.filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("data: ")?).ok());
    let documents: Vec<_> = documents.take(3).collect();
    assert_eq!(documents[0]["consumer_details"]["transaction_consumer"]["status"], "running");
    let at =
        |document: &Value| document["consumer_details"]["transaction_consumer"]["last_check"].to_string();
    assert!(at(&documents[0]) <= at(&documents[1]) && at(&documents[1]) < at(&documents[2]));
    process.told.end();
}

#[test]
fn the_last_rows_changes_and_places_of_a_consumer_are_told() {
    let stage = Stage::new();
    stage.registry(
        "[[consumer]]\nname = \"raw\"\ntype = \"query\"\nquery = \"raw.sql\"\n[consumer.options]\ntrigger = \"100ms\"\n",
    );
    let query = "SELECT transaction_id AS id FROM transactions";
    std::fs::write(stage.cluster.folder.path().join("home/raw.sql"), query).unwrap();
    let process = stage.run(&[]);
    process.becomes("raw", "running");
    stage.buy(0..3);
    process.reads("raw", 3.0);
    let get = |path: &str| -> Value {
        let (status, body) = process.http("GET", &format!("/api/v1/streaming/consumers/raw{path}"), &[]);
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    };
    let rows = wait_for("the rows", || {
        let rows = get("/windows");
        (rows["rows"].as_array()?.len() == 3).then_some(rows)
    });
    assert_eq!(rows, serde_json::json!({ "columns": ["id"], "rows": [["t0"], ["t1"], ["t2"]] }));
    let one = wait_for("no lag", || {
        let one = get("");
        (one["metrics"]["lag"] == 0).then_some(one)
    });
    let partitions = one["partitions"].as_array().unwrap();
    assert_eq!(partitions.iter().map(|one| one["next"].as_i64().unwrap()).sum::<i64>(), 3);
    assert!(one["latency_ms"]["p50"].as_i64().is_some(), "{one}");
    let changes: Vec<_> =
        one["changes"].as_array().unwrap().iter().map(|one| one["status"].as_str().unwrap()).collect();
    assert_eq!(changes, ["pending", "starting", "running"]);
    process.told.end();
}

#[test]
fn too_many_connections_are_told_to_come_back() {
    let stage = Stage::new();
    let process = stage.run(&["--name", "transaction_consumer"]);
    let idle: Vec<_> = (0..384).map(|_| TcpStream::connect(&process.address).unwrap()).collect();
    assert_eq!(process.http("GET", "/healthz", &[]).0, 503);
    drop(idle);
    wait_for("a free place", || (process.http("GET", "/healthz", &[]).0 == 200).then_some(()));
    process.told.end();
}

#[test]
fn more_than_may_listen_to_events_are_told_to_come_back() {
    let stage = Stage::new();
    let process = stage.run(&["--name", "transaction_consumer"]);
    let listen = || {
        let mut stream = BufReader::new(TcpStream::connect(&process.address).unwrap());
        let head = format!("GET /api/v1/streaming/events HTTP/1.1\r\nHost: {}\r\n\r\n", process.address);
        stream.get_mut().write_all(head.as_bytes()).unwrap();
        let mut status = String::new();
        stream.read_line(&mut status).unwrap();
        (status, stream)
    };
    let mut listening: Vec<_> = (0..256).map(|_| listen()).collect();
    assert!(listening.iter().all(|(status, _)| status.contains("200 OK")));
    assert!(listen().0.contains("503"), "the 257th");
    listening.pop();
    wait_for("a free place", || listen().0.contains("200 OK").then_some(()));
    process.told.end();
}

#[test]
fn who_is_slow_to_ask_and_who_never_reads_lose_their_connections() {
    let stage = Stage::new();
    let process = stage.run(&["--name", "transaction_consumer"]);
    process.becomes("transaction_consumer", "running");
    let open = || {
        let (_, metrics) = process.http("GET", "/metrics", &[]);
        let count = metrics.lines().find_map(|line| line.strip_prefix("process_open_fds ")).unwrap();
        count.parse::<usize>().unwrap()
    };
    let (before, asked) = (open(), "GET /page/uPlot.js HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let slow: Vec<_> = (0..10)
        .map(|_| {
            let mut stream = TcpStream::connect(&process.address).unwrap();
            stream.write_all(b"GET / HTTP/1.1\r\nHost: ").unwrap();
            stream
        })
        .collect();
    let deaf: Vec<_> = (0..10)
        .map(|_| {
            let mut stream = TcpStream::connect(&process.address).unwrap();
            // More than the system keeps for a connection.
            stream.write_all(asked.repeat(250).as_bytes()).unwrap();
            stream
        })
        .collect();
    wait_for("the connections", || (open() >= before + 15).then_some(()));
    wait_for("all of them to be let go", || (open() < before + 5).then_some(()));
    drop((slow, deaf));
    process.told.end();
}
