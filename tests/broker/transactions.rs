//! Transactions, as librdkafka makes and reads them.

use super::*;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

fn transactional(address: &str, id: &str) -> BaseProducer {
    let settings = [("transactional.id", id), ("transaction.timeout.ms", "20000"), ("linger.ms", "0")];
    client(address, &settings).create().unwrap()
}

fn put(producer: &BaseProducer, topic: &str, partition: i32, value: &str) {
    let record = BaseRecord::<(), str>::to(topic).partition(partition).payload(value);
    producer.send(record).map_err(|(error, _)| error).unwrap();
}

/// One transaction with a record in each of the topic's two partitions.
fn write(producer: &BaseProducer, value: &str) {
    producer.begin_transaction().unwrap();
    put(producer, "t", 0, value);
    put(producer, "t", 1, value);
    producer.flush(PATIENCE).unwrap();
}

/// What a reader at this isolation level sees in a partition until it comes to its end.
pub fn all(address: &str, partition: i32, level: &str) -> Vec<String> {
    let settings = [("isolation.level", level), ("enable.partition.eof", "true")];
    let consumer = consumer(address, "all", &settings);
    let mut from = TopicPartitionList::new();
    from.add_partition_offset("t", partition, Offset::Beginning).unwrap();
    consumer.assign(&from).unwrap();
    let mut seen = Vec::new();
    wait_for("the end", || match consumer.poll(Duration::from_millis(100))? {
        Err(KafkaError::PartitionEOF(_)) => Some(()),
        message => {
            seen.push(String::from_utf8_lossy(message.unwrap().payload().unwrap()).into_owned());
            None
        }
    });
    seen
}

#[test]
fn committed_records_are_read_and_aborted_ones_are_not() {
    let served = Served::with_topic("t", 2);
    let address = served.address();
    let producer = transactional(&address, "a");
    producer.init_transactions(PATIENCE).unwrap();
    for (value, commits) in [("one", true), ("two", false), ("three", true)] {
        write(&producer, value);
        if commits {
            producer.commit_transaction(PATIENCE).unwrap();
        } else {
            producer.abort_transaction(PATIENCE).unwrap();
        }
    }
    write(&producer, "open");
    let served = served.restart();
    let address = served.address();
    for partition in [0, 1] {
        assert_eq!(all(&address, partition, "read_committed"), ["one", "three"]);
        assert_eq!(all(&address, partition, "read_uncommitted"), ["one", "two", "three", "open"]);
    }
}

#[test]
fn a_second_producer_with_the_id_fences_the_first() {
    let served = Served::with_topic("t", 2);
    let address = served.address();
    let first = transactional(&address, "a");
    first.init_transactions(PATIENCE).unwrap();
    write(&first, "lost");
    let second = transactional(&address, "a");
    second.init_transactions(PATIENCE).unwrap();
    write(&second, "kept");
    let refused = first.commit_transaction(PATIENCE).unwrap_err();
    assert!(matches!(refused, KafkaError::Transaction(error) if error.is_fatal()));
    second.commit_transaction(PATIENCE).unwrap();
    assert_eq!(all(&address, 0, "read_committed"), ["kept"]);
}

#[test]
fn offsets_are_committed_with_the_records_that_come_of_them() {
    let served = Served::with_topic("t", 2);
    let address = served.address();
    let producer = transactional(&address, "a");
    producer.init_transactions(PATIENCE).unwrap();
    let member = consumer(&address, "g", &[]);
    let group = member.group_metadata().unwrap();
    let committed = || {
        let mut places = TopicPartitionList::new();
        places.add_partition("t", 0);
        let found = member.committed_offsets(places, PATIENCE).unwrap();
        found.elements()[0].offset()
    };
    for (at, commits, expected) in [(1, true, 1), (2, false, 1), (3, true, 3)] {
        write(&producer, "out");
        let mut read = TopicPartitionList::new();
        read.add_partition_offset("t", 0, Offset::Offset(at)).unwrap();
        producer.send_offsets_to_transaction(&read, &group, PATIENCE).unwrap();
        if commits {
            producer.commit_transaction(PATIENCE).unwrap();
        } else {
            producer.abort_transaction(PATIENCE).unwrap();
        }
        assert_eq!(committed(), Offset::Offset(expected));
    }
}
