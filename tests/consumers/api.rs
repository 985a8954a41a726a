//! The API: its documents, and who may ask it for what.

use super::Stage;
use serde_json::Value;
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
        assert!(status == 404 && !body.contains('<'), "{name}: {status} {body}");
    }
    assert_eq!(process.raw(b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n").0, 400);
    assert_eq!(process.raw(b"POST /x HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 999999\r\n\r\n").0, 413);
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
fn too_many_connections_are_told_to_come_back() {
    let stage = Stage::new();
    let process = stage.run(&["--name", "transaction_consumer"]);
    let idle: Vec<_> = (0..64).map(|_| std::net::TcpStream::connect(&process.address).unwrap()).collect();
    assert_eq!(process.http("GET", "/healthz", &[]).0, 503);
    drop(idle);
    crate::support::wait_for("a free place", || {
        (process.http("GET", "/healthz", &[]).0 == 200).then_some(())
    });
    process.told.end();
}
