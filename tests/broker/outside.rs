//! The broker seen from outside: its metrics and its status.

use super::*;
use crate::support::{Ended, binary_command};
use ecap::broker::{Config, Storage};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

fn with_metrics() -> (Broker, SocketAddr) {
    with(Config::default())
}

/// A broker in memory, and where its metrics are.
pub fn with(config: Config) -> (Broker, SocketAddr) {
    let any = "127.0.0.1:0".parse().unwrap();
    let config = Config { listen: any, metrics_listen: Some(any), storage: Storage::Memory, ..config };
    let broker = Broker::start(config).unwrap();
    let metrics = broker.metrics_address().unwrap();
    (broker, metrics)
}

/// Status line and body.
fn get(address: SocketAddr, path: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nAccept: */*\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains(&format!("Content-Length: {}", body.len())), "{head}");
    (head.lines().next().unwrap().to_string(), body.to_string())
}

/// Every value of the page by its name and labels; the form of each line is checked.
pub fn scrape(address: SocketAddr) -> BTreeMap<String, f64> {
    let (status, body) = get(address, "/metrics");
    assert_eq!(status, "HTTP/1.1 200 OK");
    let typed: Vec<&str> =
        body.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let values = body.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let (name, value) = line.rsplit_once(' ').unwrap();
        let family = name.split('{').next().unwrap();
        let family = family.strip_suffix("_count").filter(|name| typed.contains(name)).unwrap_or(family);
        assert_eq!(typed.iter().filter(|name| **name == family).count(), 1, "{line}");
        (name.to_string(), value.parse().unwrap())
    });
    values.collect()
}

#[test]
fn metrics_have_kafka_s_names_and_count_what_clients_did() {
    let (broker, metrics) = with_metrics();
    let address = broker.address().to_string();
    create(&address, "orders", 2, &[]).unwrap();
    let sent: Vec<String> = (0..50).map(|number| format!("order {number}")).collect();
    send_all(&producer(&address, &[]), "orders", &sent);
    assert_eq!(values(&address, "orders", 0, 50).len(), 50);
    let committer = consumer(&address, "readers", &[]);
    let mut offsets = TopicPartitionList::new();
    offsets.add_partition_offset("orders", 0, Offset::Offset(50)).unwrap();
    committer.commit(&offsets, rdkafka::consumer::CommitMode::Sync).unwrap();

    let seen = scrape(metrics);
    let value = |name: &str| *seen.get(name).unwrap_or_else(|| panic!("{name} is missing in {seen:#?}"));
    for topic in ["", "{topic=\"orders\"}"] {
        assert_eq!(value(&format!("kafka_server_brokertopicmetrics_messagesin_total{topic}")), 50.0);
        assert_eq!(value(&format!("kafka_server_brokertopicmetrics_messagesinpersec{topic}")), 50.0);
        let stored = value("kafka_log_log_size{topic=\"orders\",partition=\"0\"}");
        assert_eq!(value(&format!("kafka_server_brokertopicmetrics_bytesin_total{topic}")), stored);
        assert!(value(&format!("kafka_server_brokertopicmetrics_bytesout_total{topic}")) >= stored);
        assert_eq!(
            value(&format!("kafka_server_brokertopicmetrics_failedproducerequests_total{topic}")),
            0.0
        );
    }
    assert_eq!(value("kafka_log_log_logendoffset{topic=\"orders\",partition=\"0\"}"), 50.0);
    assert_eq!(value("kafka_log_log_logendoffset{topic=\"orders\",partition=\"1\"}"), 0.0);
    assert_eq!(value("kafka_server_replicamanager_partitioncount"), 2.0);
    assert_eq!(value("kafka_server_replicamanager_leadercount"), 2.0);
    assert_eq!(value("kafka_server_replicamanager_underreplicatedpartitions"), 0.0);
    assert_eq!(value("kafka_controller_kafkacontroller_activecontrollercount"), 1.0);
    assert_eq!(value("kafka_controller_kafkacontroller_globaltopiccount"), 1.0);
    assert_eq!(value("kafka_coordinator_group_groupmetadatamanager_numgroups"), 1.0);
    assert_eq!(value("kafka_coordinator_group_groupmetadatamanager_numoffsets"), 1.0);
    assert!(value("kafka_server_socketservermetrics_connection_count") >= 1.0);
    assert_eq!(value("kafka_network_requestmetrics_requests_total{request=\"CreateTopics\"}"), 1.0);
    let produces = value("kafka_network_requestmetrics_totaltimems_count{request=\"Produce\"}");
    assert_eq!(produces, value("kafka_network_requestmetrics_requests_total{request=\"Produce\"}"));
    let median = value("kafka_network_requestmetrics_totaltimems{request=\"Produce\",quantile=\"0.5\"}");
    let last = value("kafka_network_requestmetrics_totaltimems{request=\"Produce\",quantile=\"0.999\"}");
    assert!(value("kafka_network_requestmetrics_totaltimems_count{request=\"FetchConsumer\"}") >= 1.0);
    assert!(produces >= 1.0 && median <= last && last < 30_000.0, "{produces} {median} {last}");
    assert!(value("process_resident_memory_bytes") > 1e6);
}

#[test]
fn totals_stay_when_a_topic_goes_and_refusals_are_counted() {
    let (broker, metrics) = with_metrics();
    let address = broker.address().to_string();
    create(&address, "t", 1, &[("max.message.bytes", "100")]).unwrap();
    send(&producer(&address, &[]), "t", 0, "small").unwrap();
    send(&producer(&address, &[]), "t", 0, &"large".repeat(100)).unwrap_err();
    let seen = scrape(metrics);
    assert_eq!(seen["kafka_server_brokertopicmetrics_messagesin_total{topic=\"t\"}"], 1.0);
    assert_eq!(seen["kafka_server_brokertopicmetrics_failedproducerequests_total{topic=\"t\"}"], 1.0);
    block_on(admin(&address).delete_topics(&["t"], &AdminOptions::new())).unwrap().remove(0).unwrap();
    let seen = scrape(metrics);
    assert_eq!(seen["kafka_server_brokertopicmetrics_messagesin_total"], 1.0);
    assert!(!seen.keys().any(|name| name.contains("topic=\"t\"")), "{seen:#?}");
}

#[test]
fn other_pages_and_other_words_are_refused() {
    let (_broker, metrics) = with_metrics();
    assert_eq!(get(metrics, "/").0, "HTTP/1.1 404 Not Found");
    assert_eq!(get(metrics, "/metrics?name=x").0, "HTTP/1.1 200 OK");
    for bytes in [&b"POST /metrics HTTP/1.1\r\n\r\n"[..], b"\r\n\r\n", b"GET\r\n\r\n", &[0xff; 20_000]] {
        let mut stream = TcpStream::connect(metrics).unwrap();
        stream.write_all(bytes).ok();
        stream.shutdown(std::net::Shutdown::Write).ok();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok();
        assert!(!answer.starts_with(b"HTTP/1.1 200"));
    }
    assert_eq!(get(metrics, "/metrics").0, "HTTP/1.1 200 OK");
}

fn status(address: &str, more: &[&str]) -> Ended {
    let folder = TempDir::new().unwrap();
    Ended::of(binary_command("ecap-broker", folder.path()).args(["status", "-b", address]).args(more))
}

#[test]
fn a_running_broker_is_asked_for_its_status() {
    let served = Served::with_topic("orders", 3);
    let address = served.address();
    send_all(&producer(&address, &[]), "orders", &["one".into(), "two".into()]);
    let held = TcpStream::connect(&address).unwrap();
    let told: serde_json::Value =
        serde_json::from_str(&status(&address, &["--format", "json"]).ok()).unwrap();
    for (name, value) in [("topics", 1), ("partitions", 3), ("records", 2), ("messages_in", 2), ("groups", 0)]
    {
        assert_eq!(told[name], value, "{told}");
    }
    assert_eq!(told["address"], address);
    assert!(told["bytes"].as_u64() > Some(100), "{told}");
    assert!(told["connections"].as_u64() >= Some(2), "{told}");
    assert!(told["uptime_seconds"].as_i64() >= Some(0), "{told}");
    let table = status(&address, &[]).ok();
    assert!(table.contains("uptime") && table.contains("connections"), "{table}");
    drop(held);
}

#[test]
fn status_says_when_nothing_answers_or_something_else() {
    let folder = TempDir::new().unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    status(&free.to_string(), &[]).fails(4, &[&free.to_string()]);
    let (_broker, metrics) = with_metrics();
    status(&metrics.to_string(), &[]).fails(4, &["is no broker"]);
    // A flag of the server's where it is the port that is taken.
    let taken = metrics.to_string();
    let mut second = command(folder.path());
    Ended::of(second.args(["--metrics-listen", &taken])).fails(1, &["cannot listen", "--metrics-listen"]);
}

#[test]
fn no_tool_lists_the_status() {
    use rdkafka::admin::ResourceSpecifier;
    let served = Served::new();
    let admin = admin(&served.address());
    let broker = [ResourceSpecifier::Broker(1)];
    let described =
        block_on(admin.describe_configs(&broker, &AdminOptions::new())).unwrap().remove(0).unwrap();
    assert!(!described.entries.is_empty());
    assert!(described.entries.iter().all(|entry| !entry.name.starts_with("ecap")));
}
