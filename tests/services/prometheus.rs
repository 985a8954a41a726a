//! A real Prometheus with our rules scrapes a process that runs consumers, and Apache Kafka through its JMX exporter:
//! the rules fire, and each query of the dashboards has an answer.

use super::{Kafka, cache, free_ports, installed, run, run_with_input};
use crate::consumers::Stage;
use crate::support::{Cluster, project, wait_for};
use ecap::broker::{Broker, Config, Storage};
use ecap::clock::{Clock, SystemClock};
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

const DASHBOARDS: [&str; 2] = ["ecap-streaming", "kafka-overview"];

/// One that does its work; one that fails, one whose sink takes nothing, one whose sink never ends, and one that reads
/// what is old.
const CONSUMERS: &str = "
[[consumer]]
name = 'sales'
type = 'transaction'
[consumer.options]
trigger = '0s'
from = 'earliest'

[[consumer]]
name = 'fails'
type = 'transaction'
[consumer.options]
sink = 'exec'
command = 'exit 1'
output-mode = 'update'
trigger = '0s'
from = 'earliest'

[[consumer]]
name = 'waits'
type = 'transaction'
[consumer.options]
sink = 'exec'
command = 'exit 75'
output-mode = 'update'
trigger = '0s'
from = 'earliest'

[[consumer]]
name = 'hangs'
type = 'transaction'
[consumer.options]
sink = 'exec'
command = 'sleep 60'
output-mode = 'update'
trigger = '0s'
from = 'earliest'

[[consumer]]
name = 'behind'
type = 'user-behavior'
[consumer.options]
trigger = '0s'
from = 'earliest'
";

/// A program that ends with the test.
struct Running(Child);

impl Running {
    fn start(command: &mut Command) -> Self {
        Self(
            command
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("it starts"),
        )
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn program(name: &str) -> Command {
    installed(&cache().join("tools/prometheus/usr/bin").join(name))
}

fn promtool(args: &[&str]) -> Command {
    let mut command = program("promtool");
    command.args(args).current_dir(project("monitoring"));
    command
}

/// The JMX exporter at this port, for a Kafka whose JMX is at another one.
fn exporter(folder: &Path, port: u16, kafka: u16) -> Running {
    let settings = std::fs::read_to_string(project("monitoring/jmx-kafka.yml")).unwrap();
    let file = folder.join("jmx.yml");
    std::fs::write(&file, settings.replace("kafka:9999", &format!("127.0.0.1:{kafka}"))).unwrap();
    let jar = cache().join("tools/jmx-exporter/jmx_prometheus_httpserver-1.0.1.jar");
    let mut java = Command::new("java");
    java.arg("-jar").arg(&jar).arg(format!("127.0.0.1:{port}")).arg(&file);
    assert!(jar.exists(), "{} is missing: run `make test-services`", jar.display());
    Running::start(&mut java)
}

/// A Prometheus with our settings, but that it looks every two seconds, in which a busy machine answers, and that rules wait for nothing: how long they do is
/// what their own tests are about.
struct Prometheus {
    url: String,
    _process: Running,
    _folder: TempDir,
}

impl Prometheus {
    fn start(port: u16, ecap: &str, kafka: u16) -> Self {
        let folder = TempDir::new().unwrap();
        let file = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        let ours = |name| std::fs::read_to_string(project("monitoring").join(name)).unwrap();
        file("prometheus.yml", &ours("prometheus.yml").replace("15s", "2s"));
        let rules = ours("alerts.yml");
        let at_once: Vec<_> = rules.lines().filter(|line| !line.trim_start().starts_with("for: ")).collect();
        file("alerts.yml", &at_once.join("\n"));
        std::fs::create_dir(folder.path().join("targets")).unwrap();
        file("targets/ecap.yml", &format!("- targets: ['{ecap}']\n"));
        file("targets/kafka.yml", &format!("- targets: ['127.0.0.1:{kafka}']\n"));
        let mut command = program("prometheus");
        command.current_dir(folder.path()).arg("--config.file=prometheus.yml");
        command.args(["--storage.tsdb.path=data", &format!("--web.listen-address=127.0.0.1:{port}")]);
        let process = Running::start(&mut command);
        Self { url: format!("http://127.0.0.1:{port}"), _process: process, _folder: folder }
    }

    /// Whether a query has an answer.
    fn answers(&self, query: &str) -> bool {
        let output = promtool(&["query", "instant", &self.url, query]).output().expect("promtool runs");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() || !error.contains("parse error"), "{query}: {error}");
        output.status.success() && !output.stdout.trim_ascii().is_empty()
    }

    #[track_caller]
    fn will_answer(&self, query: &str) {
        wait_for(query, || self.answers(query).then_some(()));
    }

    /// Waits until an alert fires, and does something meanwhile.
    #[track_caller]
    fn fires(&self, alert: &str, mut meanwhile: impl FnMut()) {
        let query = format!("ALERTS{{alertname=\"{alert}\", alertstate=\"firing\"}}");
        wait_for(alert, || {
            meanwhile();
            self.answers(&query).then_some(())
        });
    }
}

/// What is wanted of Prometheus by a dashboard: the queries of its panels, and of its variables.
fn queries(dashboard: &str) -> Vec<String> {
    fn collect(value: &Value, found: &mut Vec<String>) {
        if let Some(query) = value["expr"].as_str() {
            found.push(query.into());
        }
        if let Some((metric, label)) = value["query"]
            .as_str()
            .and_then(|query| query.strip_prefix("label_values(")?.strip_suffix(')')?.split_once(", "))
        {
            found.push(format!("{metric}{{{label}!=\"\"}}"));
        }
        match value {
            Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
            Value::Object(fields) => fields.values().for_each(|field| collect(field, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    collect(&serde_json::from_str(&json(dashboard)).unwrap(), &mut found);
    let variables = [("$__rate_interval", "1m"), ("$consumer", ".*"), ("$topic", ".*")];
    let chosen = |query: &String| {
        variables.iter().fold(query.clone(), |query, (name, value)| query.replace(name, value))
    };
    found.iter().map(chosen).collect()
}

fn json(dashboard: &str) -> String {
    let file = PathBuf::from("monitoring/grafana/dashboards").join(dashboard).with_extension("json");
    std::fs::read_to_string(project(&file.display().to_string())).unwrap()
}

/// The metrics that the rules name.
fn named_by_rules() -> BTreeSet<String> {
    let rules = std::fs::read_to_string(project("monitoring/alerts.yml")).unwrap();
    let words = rules.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    words.filter(|word| word.starts_with("ecap_") || word.starts_with("kafka_")).map(Into::into).collect()
}

/// What a server says at `/metrics`.
fn page(address: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 ") && !head.contains("chunked"), "{head}");
    body.into()
}

/// Something that happened two hours ago.
fn old_event(stage: &Stage) {
    let millis = SystemClock.now() / 1_000 - 7_200_000;
    stage.put(
        "user-events",
        &format!(
            r#"{{"event_id":"e{millis}","user_id":"u","session_id":"s","event_type":"page_view","timestamp":{millis}}}"#
        ),
    );
}

#[test]
fn the_settings_are_right_and_the_rules_pass_their_tests() {
    run(&mut promtool(&["check", "config", "prometheus.yml"]));
    run(&mut promtool(&["test", "rules", "alerts.test.yml"]));
    let rules = std::fs::read_to_string(project("monitoring/alerts.yml")).unwrap();
    let tests = std::fs::read_to_string(project("monitoring/alerts.test.yml")).unwrap();
    let alerts = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: "));
    for alert in alerts {
        let fires = format!("alertname: {alert}\n        exp_alerts:\n");
        assert!(tests.contains(&fires), "there is no test in which {alert} fires");
    }
}

#[test]
fn the_dashboards_are_what_grafana_s_types_say() {
    let (folder, tools) = (TempDir::new().unwrap(), cache().join("tools/grafana/node_modules"));
    std::os::unix::fs::symlink(&tools, folder.path().join("node_modules")).unwrap();
    std::fs::copy(project("tests/services/grafana/schema.ts"), folder.path().join("schema.ts")).unwrap();
    for dashboard in DASHBOARDS {
        let typed = format!(
            "import type {{ Whole }} from './schema';\nexport const dashboard: Whole =\n{}",
            json(dashboard)
        );
        std::fs::write(folder.path().join(dashboard).with_extension("ts"), typed).unwrap();
    }
    let mut tsc = Command::new("node");
    tsc.current_dir(folder.path()).arg(installed(&tools.join("typescript/bin/tsc")).get_program());
    tsc.args(["--noEmit", "--strict", "--skipLibCheck", "--target", "esnext", "--module", "esnext"]);
    tsc.args(["--moduleResolution", "bundler", "schema.ts"])
        .args(DASHBOARDS.map(|name| format!("{name}.ts")));
    run(&mut tsc);
}

#[test]
fn promtool_finds_nothing_in_the_embedded_broker_s_metrics() {
    let any = "127.0.0.1:0".parse().unwrap();
    let config =
        Config { listen: any, metrics_listen: Some(any), storage: Storage::Memory, ..Config::default() };
    let broker = Broker::start(config).unwrap();
    let cluster = Cluster::of(&broker.address().to_string());
    cluster.create_topics(&["transactions"]);
    cluster.run("ecap-topics", &["test-produce", "transactions"]).ok();
    let page = page(&broker.metrics_address().unwrap().to_string());
    run_with_input(&mut promtool(&["check", "metrics"]), &page);
}

#[test]
fn all_that_rules_and_dashboards_name_is_exported_and_the_rules_fire() {
    let ports = free_ports(3);
    let kafka = Kafka::start(1, &["--jmx-port", &ports.to_string()]);
    let _exporter = exporter(kafka.folder.path(), ports + 1, ports);
    let stage = Stage::on(Cluster::of(&kafka.address));
    stage.registry(CONSUMERS);
    let process = stage.run(&["--max-concurrent", "8"]);
    let prometheus = Prometheus::start(ports + 2, &process.address, ports + 1);
    prometheus.will_answer("count(up == 1) == 2");
    stage.buy(0..12_000);

    prometheus.fires("EcapConsumerFailed", || {});
    prometheus.fires("EcapConsumerUnhealthy", || {});
    prometheus.fires("EcapConsumerStalled", || {});
    prometheus.fires("EcapDeadLetters", || stage.put("transactions", "this is no JSON"));
    prometheus.fires("EcapConsumerLagGrows", || stage.buy(0..10));
    prometheus.fires("EcapWatermarkBehind", || old_event(&stage));

    assert!(!prometheus.answers("ecap_consumer_nothing"));
    let drawn: Vec<_> = DASHBOARDS.iter().flat_map(|dashboard| queries(dashboard)).collect();
    assert!(drawn.len() > 60, "{drawn:#?}");
    for query in drawn.into_iter().chain(named_by_rules()) {
        assert!(!query.contains('$'), "{query}");
        prometheus.will_answer(&query);
    }
    run_with_input(&mut promtool(&["check", "metrics"]), &page(&process.address));

    drop(process);
    prometheus.fires("EcapDown", || {});
    drop(stage);
    drop(kafka);
    prometheus.fires("KafkaDown", || {});
}
