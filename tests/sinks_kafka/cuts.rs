//! A network that is cut, a writer that is killed, transactions that others leave open.

use super::{TOPIC, cluster, has_each_once, open, open_as, open_at};
use crate::support::numbered::{killed_again_and_again, write, write_as_told};
use crate::support::relay::{Protocol, Relay, is_request};
use crate::support::{Cluster, PATIENCE};
use ecap::clock::{Clock, ManualClock, SystemClock};
use ecap::error::Fault;
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use std::sync::Arc;
use std::time::Duration;

/// Requests, by the numbers that the protocol gives them.
const PRODUCE: i16 = 0;
const INIT_PRODUCER_ID: i16 = 22;
const ADD_PARTITIONS_TO_TXN: i16 = 24;
const END_TXN: i16 = 26;

#[test]
fn a_transaction_that_lasts_too_long_is_no_other_run_and_its_batch_is_given_again() {
    let clock = Arc::new(ManualClock::at(SystemClock.now()));
    let cluster = Cluster::at(clock.clone());
    cluster.create_topics(&[TOPIC]);
    let relay = Relay::start(Protocol::Kafka, &cluster.address);
    let mut sink = open_at(&format!("127.0.0.1:{}", relay.port()), "", "sums").unwrap();
    // The commit is on its way for two minutes of the broker's time, in which it looks at its transactions.
    relay.cut_at(true, move |message| {
        if is_request(message, END_TXN) {
            clock.set(clock.now() + 120_000_000);
            std::thread::sleep(Duration::from_secs(3));
        }
        false
    });
    let error = write(&mut sink, 0).unwrap_err();
    assert!(error.to_string().contains("took longer than 1m"), "{error}");
    assert_eq!(error.fault(), Fault::Unreachable);
    relay.up();
    write(&mut sink, 0).unwrap();
    has_each_once(&cluster, 1);
}

#[test]
fn a_broker_that_was_stopped_has_each_batch_once() {
    let mut cluster = Cluster::at(Arc::new(SystemClock));
    cluster.create_topics(&[TOPIC]);
    let mut sink = open(&cluster, "sums");
    for batch in 0..3 {
        write(&mut sink, batch).unwrap();
        cluster.stop();
        let error = write(&mut sink, batch + 1).unwrap_err();
        assert_eq!(error.fault(), Fault::Unreachable, "{error}");
        // There is nobody to begin anew with either.
        assert_eq!(write(&mut sink, batch + 1).unwrap_err().fault(), Fault::Unreachable);
        cluster.again();
    }
    write(&mut sink, 3).unwrap();
    has_each_once(&cluster, 4);
}

/// A transaction on the topic of commits that a writer left open.
fn left_open(cluster: &Cluster, id: &str) -> BaseProducer {
    let left: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", &cluster.address)
        .set("transactional.id", cluster.name(id))
        .create()
        .unwrap();
    left.init_transactions(PATIENCE).unwrap();
    left.begin_transaction().unwrap();
    let commits = cluster.name("ecap-commits");
    left.send(BaseRecord::to(&commits).key("other").payload("{}").partition(0)).map_err(|_| ()).unwrap();
    left.flush(PATIENCE).unwrap();
    left
}

#[test]
fn what_another_writer_left_open_is_waited_for() {
    let cluster = cluster();
    drop(open(&cluster, "sums"));
    let other = left_open(&cluster, "other");
    // What stands behind it cannot be read yet, and might be a batch of this query.
    let mut sink = open(&cluster, "sums");
    let error = write(&mut sink, 0).unwrap_err();
    assert_eq!(error.fault(), Fault::Unreachable);
    assert!(error.to_string().contains("could not be read to its end"), "{error}");
    other.abort_transaction(PATIENCE).unwrap();
    write(&mut sink, 0).unwrap();
    has_each_once(&cluster, 1);
}

#[test]
fn what_another_sink_of_the_query_left_open_is_ended_by_its_next_run() {
    let cluster = cluster();
    drop(open(&cluster, "sums"));
    let _left = left_open(&cluster, "ecap-sums.letters");
    let mut sink = open(&cluster, "sums");
    let _letters = open_as(&cluster.address, &cluster.prefix, ("sums", "letters")).unwrap();
    write(&mut sink, 0).unwrap();
    has_each_once(&cluster, 1);
}

#[test]
fn a_broker_that_hangs_is_given_the_batch_again() {
    let cluster = cluster();
    let relay = Relay::start(Protocol::Kafka, &cluster.address);
    let mut sink = open_at(&format!("127.0.0.1:{}", relay.port()), &cluster.prefix, "sums").unwrap();
    for batch in [0, 1] {
        write(&mut sink, batch).unwrap();
        relay.hang();
        for _ in 0..2 {
            let error = write(&mut sink, batch + 1).unwrap_err();
            assert_eq!(error.fault(), Fault::Unreachable, "{error}");
        }
        relay.up();
    }
    write(&mut sink, 2).unwrap();
    has_each_once(&cluster, 3);
}

/// Cuts the network at each request of this kind, before and after the broker has it, and has the same sink or a new
/// one go on. A request that the sink does not send fails the test.
fn survives_a_cut_at(kind: i16, is_of_begin: bool) {
    let cluster = cluster();
    let relay = Relay::start(Protocol::Kafka, &cluster.address);
    let address = format!("127.0.0.1:{}", relay.port());
    let reopen = || open_at(&address, &cluster.prefix, "sums");
    let mut sink = Some(reopen().unwrap());
    let mut batch = 0;
    for delivered in [false, true] {
        for restarts in [false, true] {
            let cuts = relay.cuts();
            if is_of_begin {
                sink = None;
            }
            relay.cut_at(delivered, move |message| is_request(message, kind));
            let failed = match &mut sink {
                Some(sink) => write(sink, batch),
                None => reopen().map(|_| ()),
            };
            assert_eq!(relay.cuts(), cuts + 1, "request {kind} was not there: {failed:?}");
            let error = failed.unwrap_err();
            assert_eq!(error.fault(), Fault::Unreachable, "{error}");
            if restarts {
                sink = None;
            }
            relay.up();
            let own = sink.get_or_insert_with(|| reopen().unwrap());
            write(own, batch).unwrap();
            batch += 1;
        }
    }
    has_each_once(&cluster, batch);
}

#[test]
fn a_cut_before_the_id_is_taken_over_loses_and_doubles_nothing() {
    survives_a_cut_at(INIT_PRODUCER_ID, true);
}

#[test]
fn a_cut_before_rows_are_sent_loses_and_doubles_nothing() {
    survives_a_cut_at(ADD_PARTITIONS_TO_TXN, false);
}

#[test]
fn a_cut_while_rows_are_sent_loses_and_doubles_nothing() {
    survives_a_cut_at(PRODUCE, false);
}

#[test]
fn a_cut_at_the_commit_loses_and_doubles_nothing() {
    survives_a_cut_at(END_TXN, false);
}

#[test]
fn a_killed_writer_loses_and_doubles_nothing() {
    let cluster = cluster();
    let place = format!("{}/{}", cluster.address, cluster.prefix);
    let batches = killed_again_and_again("sinks_kafka::cuts::writes_as_told", &place);
    has_each_once(&cluster, batches);
}

#[test]
#[ignore = "is run by the test above, to be killed"]
fn writes_as_told() {
    write_as_told(|place| {
        let (address, prefix) = place.split_once('/').unwrap();
        Box::new(open_at(address, prefix, "sums").unwrap())
    });
}
