//! Dead letters in a topic: as they were, and once, whatever fails.

use super::{TOPIC, cluster, committed, header};
use crate::support::Cluster;
use crate::support::relay::{Protocol, Relay, is_request};
use ecap::catalog::Topic;
use ecap::clock::{Clock, SystemClock};
use ecap::dead_letters::Filter;
use ecap::dead_letters::place::Place;
use ecap::dead_letters::replay::Replay;
use ecap::error::Fault;
use ecap::kafka::config::Connection;
use ecap::record::letter::Letter;
use ecap::record::letter::rows::{Builder, columns};
use ecap::record::schema::Schema;
use ecap::sink::kafka::{Destination, KafkaSink};
use ecap::sink::{Batch, Rows, Sink, Writer};
use rdkafka::message::{Message, OwnedMessage};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

/// Requests, by the numbers that the protocol gives them.
const PRODUCE: i16 = 0;
const END_TXN: i16 = 26;

/// The time of the first letter, in milliseconds.
static BASE: LazyLock<i64> = LazyLock::new(|| SystemClock.now() / 1_000 - 1_000);

fn open(cluster: &Cluster, address: &str) -> ecap::Result<KafkaSink> {
    let destination = Destination {
        connection: Connection::new(address),
        prefix: cluster.prefix.clone(),
        topic: Topic::undeclared(&cluster.name(TOPIC), Schema::default()),
        key: vec![],
        patience: Duration::from_secs(4),
        longest: Duration::from_secs(60),
        clock: Arc::new(SystemClock),
    };
    KafkaSink::of_letters(destination, &Writer { query: "sums".into(), sink: "dead.letters".into() })
}

/// Five letters of a batch, one of them without key and value.
fn write(sink: &mut KafkaSink, topic: &str, id: u64) -> ecap::Result<()> {
    let mut rows = Builder::default();
    for number in 0..5_u8 {
        let (bytes, offset) = ([number, 0xff], id as i64 * 5 + i64::from(number));
        let bytes = (number > 0).then_some(&bytes[..]);
        rows.push(&Letter {
            topic,
            partition: Some(2),
            offset: Some(offset),
            timestamp: Some((*BASE + offset) * 1_000),
            key: bytes,
            value: bytes,
            stage: "decode",
            code: "MALFORMED_JSON",
            reason: "no object",
            batch: Some(id as i64),
            ..Letter::default()
        });
    }
    let rows = [rows.take()?];
    sink.write(&Batch { id, columns: columns(), rows: Rows::Held(&rows), records: 9, total_records: 9 })
}

/// The requests at which the network is cut, and whether the broker has them by then.
const CUTS: [(i16, bool); 4] = [(PRODUCE, false), (PRODUCE, true), (END_TXN, false), (END_TXN, true)];

/// The offsets in a header of these records, in order.
fn offsets(records: &[OwnedMessage], of: &str) -> Vec<i64> {
    let number = |text: String| text.rsplit('/').next().unwrap().parse().unwrap();
    let mut offsets: Vec<_> = records.iter().map(|record| number(header(record, of))).collect();
    offsets.sort_unstable();
    offsets
}

#[test]
fn a_replay_that_is_cut_off_at_any_request_sends_each_record_once() {
    let cluster = cluster();
    let relay = Relay::start(Protocol::Kafka, &cluster.address);
    let mut sink = open(&cluster, &cluster.address).unwrap();
    let (topic, letters) = (cluster.name("customer-transactions"), [Place::Topic(cluster.name(TOPIC))]);
    let replay = Replay {
        connection: &Connection::new(format!("127.0.0.1:{}", relay.port())),
        prefix: &cluster.prefix,
        places: &letters,
        filter: &Filter::default(),
        to: None,
        again: false,
        topic: &|name| Topic::undeclared(name, Schema::default()),
        patience: Duration::from_secs(4),
        clock: &SystemClock,
    };
    for (batch, (kind, delivered)) in (0..).zip(CUTS) {
        write(&mut sink, &topic, batch).unwrap();
        let planned = replay.plan().unwrap();
        assert_eq!((planned.records(), planned.before), (5, batch * 5));
        relay.cut_at(delivered, move |message| is_request(message, kind));
        let error = replay.run(&planned).unwrap_err();
        assert_eq!(error.fault(), Fault::Unreachable, "{kind} {delivered}: {error}");
        relay.up();
        replay.run(&planned).unwrap();
        assert_eq!(replay.plan().unwrap().records(), 0);
    }
    let back = committed(&cluster, "customer-transactions");
    assert_eq!(offsets(&back, "ecap.replayed"), (0..20).collect::<Vec<_>>());
}

#[test]
fn a_cut_at_any_request_loses_and_doubles_no_letter() {
    let cluster = cluster();
    let relay = Relay::start(Protocol::Kafka, &cluster.address);
    let address = format!("127.0.0.1:{}", relay.port());
    let mut sink = open(&cluster, &address).unwrap();
    let mut batch = 0;
    for (kind, delivered) in CUTS {
        for restarts in [false, true] {
            relay.cut_at(delivered, move |message| is_request(message, kind));
            assert_eq!(write(&mut sink, "sales", batch).unwrap_err().fault(), Fault::Unreachable);
            relay.up();
            if restarts {
                sink = open(&cluster, &address).unwrap();
            }
            write(&mut sink, "sales", batch).unwrap();
            // A batch that runs again is passed over.
            write(&mut sink, "sales", batch).unwrap();
            batch += 1;
        }
    }
    let records = committed(&cluster, TOPIC);
    assert_eq!(offsets(&records, "ecap.offset"), (0..batch as i64 * 5).collect::<Vec<_>>());
    for record in &records {
        let offset: i64 = header(record, "ecap.offset").parse().unwrap();
        let bytes = [(offset % 5) as u8, 0xff];
        let bytes = (offset % 5 > 0).then_some(&bytes[..]);
        assert_eq!((record.key(), record.payload()), (bytes, bytes));
        assert_eq!(record.timestamp().to_millis(), Some(*BASE + offset));
        assert_eq!(header(record, "ecap.batch"), (offset / 5).to_string());
        assert_eq!(header(record, "ecap.topic"), "sales");
    }
}
