//! Consumers that have names: registered, run in one process, looked at and asked from outside.

mod api;
mod fair;
mod guide;
mod life;
mod monitor;
mod panics;
pub mod soak;
mod steady;

use crate::support::{Cluster, Ended, PATIENCE, Told, wait_for, wait_while};
use ecap::clock::{Clock, SystemClock};
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use serde_json::Value;
use std::process::Stdio;

/// A cluster with the topics that the default consumers read, and a client that writes to them.
pub struct Stage {
    pub cluster: Cluster,
    pub producer: BaseProducer,
}

impl Stage {
    pub fn new() -> Self {
        Self::on(Cluster::start())
    }

    pub fn on(cluster: Cluster) -> Self {
        cluster.create_topics(&["transactions", "user-events"]);
        let producer = ClientConfig::new()
            .set("bootstrap.servers", &cluster.address)
            .set("linger.ms", "1")
            .create()
            .unwrap();
        Self { cluster, producer }
    }

    /// Purchases with these numbers, now.
    pub fn buy(&self, numbers: std::ops::Range<u32>) {
        let millis = SystemClock.now() / 1_000;
        for number in numbers {
            let value = format!(
                r#"{{"transaction_id":"t{number}","user_id":"u","product_id":"p","price":2.5,"quantity":2,"timestamp":{millis}}}"#
            );
            self.put("transactions", &value);
        }
        self.producer.flush(PATIENCE).unwrap();
    }

    pub fn put(&self, topic: &str, value: &str) {
        let topic = self.cluster.name(topic);
        let record = BaseRecord::<str, str>::to(&topic).key("k").payload(value);
        self.producer.send(record).map_err(|(error, _)| error).unwrap();
    }

    pub fn consume(&self, args: &[&str]) -> Ended {
        self.cluster.run("ecap-consume", args)
    }

    /// Starts the process that runs the consumers, at a free port, and waits until it says where it is.
    pub fn run(&self, args: &[&str]) -> Process<'_> {
        self.run_at("127.0.0.1:0", args)
    }

    /// The same, at this address.
    pub fn run_at(&self, address: &str, args: &[&str]) -> Process<'_> {
        let mut command = self.cluster.command("ecap-consume");
        command.args(["run", "--listen", address]).args(args).stdout(Stdio::null());
        let told = Told::start(&mut command);
        let line = told.says(&["/api/v1/streaming/status"]);
        let address = line.split("http://").nth(1).unwrap().split('/').next().unwrap().to_string();
        Process { stage: self, told, address }
    }

    /// Writes the registry by hand.
    pub fn registry(&self, text: &str) {
        let home = self.cluster.folder.path().join("home");
        std::fs::create_dir_all(&home).unwrap();
        std::fs::write(home.join("consumers.toml"), text).unwrap();
    }
}

/// The process that runs the consumers.
pub struct Process<'a> {
    pub stage: &'a Stage,
    pub told: Told,
    /// Where its API is, `host:port`.
    pub address: String,
}

impl Process<'_> {
    /// The status document.
    pub fn status(&self) -> Value {
        serde_json::from_str(&self.stage.consume(&["status", "--format", "json"]).out).expect("a document")
    }

    /// Waits until a consumer has a status; its details.
    #[track_caller]
    pub fn becomes(&self, name: &str, status: &str) -> Value {
        wait_while(|| {
            let details = self.status()["consumer_details"][name].clone();
            let is_there = details["status"] == status;
            if is_there { Ok(details) } else { Err(format!("{name} to be {status}; it is {details}")) }
        })
    }

    /// Waits until so many records were read.
    #[track_caller]
    pub fn reads(&self, name: &str, records: f64) {
        wait_for(&format!("{name} to read {records}"), || {
            (self.measured("input_records_total", name)? >= records).then_some(())
        });
    }

    /// A metric of a consumer that has no other label, as it is now.
    pub fn measured(&self, metric: &str, name: &str) -> Option<f64> {
        let metric = format!("ecap_consumer_{metric}{{consumer=\"{name}\"}} ");
        let (_, metrics) = self.http("GET", "/metrics", &[]);
        metrics.lines().find_map(|line| line.strip_prefix(&metric))?.parse().ok()
    }

    /// Asks the API: status and body.
    pub fn http(&self, method: &str, path: &str, headers: &[&str]) -> (u16, String) {
        let host = format!("Host: {}", self.address);
        let own = !headers.iter().any(|header| header.starts_with("Host:"));
        let headers: Vec<_> = headers.iter().copied().chain(own.then_some(host.as_str())).collect();
        let headers: Vec<_> = headers.into_iter().chain(["Connection: close"]).collect();
        self.raw(format!("{method} {path} HTTP/1.1\r\n{}\r\n\r\n", headers.join("\r\n")).as_bytes())
    }

    /// Sends bytes to the API: status and body.
    pub fn raw(&self, bytes: &[u8]) -> (u16, String) {
        let answer = self.answer(bytes);
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
        (status, body.to_string())
    }

    /// Sends bytes to the API: all that it answers.
    pub fn answer(&self, bytes: &[u8]) -> String {
        use std::io::{Read, Write};
        let mut stream = std::net::TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(bytes).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}
