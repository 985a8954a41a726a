//! What a broker says of itself to whoever asks: a setting of the broker that is in no list, and is
//! told to those who ask for it by its name. So it needs nothing but Kafka's protocol.

use super::{Core, wire};
use crate::{Error, Result, process};
use bytes::BufMut;
use kafka_protocol::messages::ApiKey;
use serde::{Deserialize, Serialize};
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

/// The name of the setting.
pub const SETTING: &str = "ecap.status";
/// The oldest version of DescribeConfigs that is offered: its form is the plainest.
const VERSION: i16 = 1;
/// How long to wait for a connection, and for each part of the answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// The largest answer that is read, in bytes.
const MOST_BYTES: u64 = 64 << 10;

/// A running broker in numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Where it was reached.
    pub address: String,
    /// The version of the program.
    pub version: String,
    /// The cluster's id, as clients see it.
    pub cluster_id: String,
    /// The folder, or `memory`.
    pub data: String,
    /// Seconds since it started.
    pub uptime_seconds: i64,
    /// How many topics there are.
    pub topics: usize,
    /// Partitions of all topics.
    pub partitions: usize,
    /// Offsets from the first to the end, of all partitions; some may hold no record any more.
    pub records: i64,
    /// Bytes stored.
    pub bytes: u64,
    /// Consumer groups.
    pub groups: usize,
    /// Members of all groups.
    pub members: usize,
    /// Open connections, that of the question among them.
    pub connections: u64,
    /// Requests answered since it started.
    pub requests: u64,
    /// Records produced since it started.
    pub messages_in: u64,
    /// Bytes of batches produced since it started, as they came.
    pub bytes_in: u64,
    /// Bytes of batches fetched since it started.
    pub bytes_out: u64,
    /// Its memory in RAM, where the system tells.
    pub resident_bytes: Option<u64>,
}

impl Status {
    /// Of a broker that was reached at `address`.
    pub(super) fn of(core: &Core, address: String) -> Self {
        let topics = core.topics.all();
        let members = core.groups.look_at_all(|_, group| group.members.len());
        let mut status = Self {
            address,
            version: env!("CARGO_PKG_VERSION").into(),
            cluster_id: core.cluster_id.clone(),
            data: core.folder.as_ref().map_or_else(|| "memory".into(), |folder| folder.display().to_string()),
            uptime_seconds: (core.clock.now() - core.started) / 1_000_000,
            topics: topics.len(),
            partitions: 0,
            records: 0,
            bytes: 0,
            groups: members.len(),
            members: members.iter().sum(),
            connections: core.metrics.connections(),
            requests: core.metrics.requests(),
            messages_in: core.metrics.traffic.messages_in.get(),
            bytes_in: core.metrics.traffic.bytes_in.get(),
            bytes_out: core.metrics.traffic.bytes_out.get(),
            resident_bytes: process::resident_bytes(),
        };
        for partition in topics.iter().flat_map(|topic| &topic.partitions) {
            let log = partition.log();
            status.partitions += 1;
            status.records += log.end() - log.start();
            status.bytes += log.size();
        }
        status
    }

    /// Asks the broker at one of these addresses (`host:port`, comma separated).
    ///
    /// # Errors
    /// Unreachable, or not an `ecap-broker`.
    pub fn ask(servers: &str) -> Result<Self> {
        let mut tried = Vec::new();
        for server in servers.split(',').map(str::trim) {
            match connect(server) {
                Ok(stream) => return question(stream, server),
                Err(error) => tried.push(format!("{server}: {error}")),
            }
        }
        Err(Error::unreachable(format!("no broker answers ({})", tried.join(", ")))
            .hint("start one with `ecap-broker`, or name its address with -b HOST:PORT"))
    }
}

fn connect(server: &str) -> io::Result<TcpStream> {
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for address in server.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn question(mut stream: TcpStream, server: &str) -> Result<Status> {
    let answer = exchange(&mut stream).map_err(|error| {
        Error::unreachable(format!("{server} is no broker: {error}")).hint("name a broker with -b HOST:PORT")
    })?;
    let told = value_in(&answer).and_then(|text| serde_json::from_slice(text).ok());
    told.ok_or_else(|| {
        Error::failed(format!("{server} is no ecap-broker of this version"))
            .hint("`ecap-topics health-check` tells about any Kafka")
    })
}

fn exchange(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(&request())?;
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let length = u64::from(u32::from_be_bytes(length));
    if length > MOST_BYTES {
        return Err(io::Error::other("its answer is none of Kafka's"));
    }
    let mut answer = Vec::new();
    stream.take(length).read_to_end(&mut answer)?;
    Ok(answer)
}

/// DescribeConfigs for the one setting.
fn request() -> Vec<u8> {
    const BROKER: u8 = 4;
    let mut body = Vec::new();
    body.put_i16(ApiKey::DescribeConfigs as i16);
    body.put_i16(VERSION);
    body.put_i32(0);
    put_text(&mut body, "ecap-broker status");
    body.put_i32(1);
    body.put_u8(BROKER);
    put_text(&mut body, &wire::NODE.0.to_string());
    body.put_i32(1);
    put_text(&mut body, SETTING);
    body.put_u8(0);
    let mut frame = Vec::from((body.len() as u32).to_be_bytes());
    frame.append(&mut body);
    frame
}

fn put_text(body: &mut Vec<u8>, text: &str) {
    body.put_u16(text.len() as u16);
    body.put_slice(text.as_bytes());
}

/// The setting's value in the answer. It is read by hand, as the decoder believes every length.
fn value_in(answer: &[u8]) -> Option<&[u8]> {
    // Correlation, throttling, one resource and its error; its message, type and name; one setting.
    let (_, rest) = answer.split_at_checked(14)?;
    let (_, rest) = split_text(rest)?;
    let (_, rest) = split_text(rest.get(1..)?)?;
    let (name, rest) = split_text(rest.get(4..)?)?;
    let (value, _) = split_text(rest)?;
    (name == SETTING.as_bytes()).then_some(value)
}

/// A text, empty if it is null, and what follows.
fn split_text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(usize::try_from(i16::from_be_bytes(*length)).unwrap_or(0))
}
