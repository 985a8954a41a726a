//! What librdkafka does with it.

use super::*;
use rdkafka::admin::{AlterConfig, ConfigSource, NewPartitions, ResourceSpecifier};
use rdkafka::message::{Header, Headers, OwnedHeaders};

#[test]
fn topics_are_made_described_changed_and_deleted() {
    let served = Served::new();
    let address = served.address();
    create(&address, "orders", 3, &[("retention.ms", "60000")]).unwrap();
    assert_eq!(create(&address, "orders", 3, &[]), Err(RDKafkaErrorCode::TopicAlreadyExists));
    assert_eq!(create(&address, "a/b", 3, &[]), Err(RDKafkaErrorCode::InvalidTopic));
    assert_eq!(create(&address, "other", 3, &[("retention", "1")]), Err(RDKafkaErrorCode::InvalidConfig));

    let admin = admin(&address);
    let options = AdminOptions::new();
    let grown = block_on(admin.create_partitions(&[NewPartitions::new("orders", 5)], &options)).unwrap();
    assert_eq!(grown, [Ok("orders".to_string())]);
    let metadata = admin.inner().fetch_metadata(Some("orders"), PATIENCE).unwrap();
    assert_eq!(metadata.topics()[0].partitions().len(), 5);
    assert_eq!(metadata.orig_broker_id(), 1);

    let change = AlterConfig::new(ResourceSpecifier::Topic("orders")).set("cleanup.policy", "compact");
    block_on(admin.alter_configs([&change], &options)).unwrap().remove(0).unwrap();
    let described = block_on(admin.describe_configs([&ResourceSpecifier::Topic("orders")], &options));
    let described = described.unwrap().remove(0).unwrap();
    let value = |name: &str| {
        let entry = described.get(name).unwrap();
        (entry.value.clone().unwrap(), &entry.source)
    };
    assert_eq!(value("cleanup.policy"), ("compact".into(), &ConfigSource::DynamicTopic));
    assert_eq!(
        value("retention.ms"),
        ("86400000".into(), &ConfigSource::StaticBroker),
        "24 hours by default"
    );
    assert_eq!(value("max.message.bytes"), ("1048588".into(), &ConfigSource::Default));

    block_on(admin.delete_topics(&["orders"], &options)).unwrap().remove(0).unwrap();
    let missing = block_on(admin.delete_topics(&["orders"], &options)).unwrap().remove(0);
    assert_eq!(missing.unwrap_err().1, RDKafkaErrorCode::UnknownTopicOrPartition);
    assert!(!served.folder.path().join("topics/orders").exists());
}

#[test]
fn records_come_back_as_they_were_sent_in_every_codec() {
    let served = Served::with_topic("t", 1);
    let codecs = ["none", "gzip", "snappy", "lz4", "zstd"];
    for codec in codecs {
        let producer =
            producer(&served.address(), &[("compression.type", codec), ("enable.idempotence", "true")]);
        let sent: Vec<_> = (0..200)
            .map(|at| {
                let key = format!("{codec}-{at}");
                let value = key.repeat(20);
                let headers = OwnedHeaders::new()
                    .insert(Header { key: "codec", value: Some(codec) })
                    .insert(Header { key: "none", value: None::<&str> });
                let record = FutureRecord::to("t").key(&key).headers(headers).timestamp(1_000 + at);
                // Every tenth is a tombstone.
                let record = if at % 10 == 0 { record } else { record.payload(&value) };
                producer.send_result(record).unwrap()
            })
            .collect();
        for sent in sent {
            block_on(sent).unwrap().unwrap();
        }
    }
    let mut at = 0;
    read(&served.address(), "t", 0, 0, 1_000, |message| {
        let (codec, number) = (codecs[at / 200], at % 200);
        let key = format!("{codec}-{number}");
        assert_eq!(message.offset(), at as i64);
        assert_eq!(message.key(), Some(key.as_bytes()));
        assert_eq!(message.payload().is_none(), number % 10 == 0);
        assert!(message.payload().is_none_or(|value| value == key.repeat(20).as_bytes()));
        assert_eq!(message.timestamp().to_millis(), Some(1_000 + number as i64));
        let headers = message.headers().unwrap();
        assert_eq!(headers.get(0).value, Some(codec.as_bytes()));
        assert_eq!(headers.get(1).value, None);
        at += 1;
    });
}

#[test]
fn every_kind_of_acknowledgement_stores_the_record() {
    let served = Served::with_topic("t", 1);
    for acks in ["0", "1", "all"] {
        let producer = producer(&served.address(), &[("acks", acks)]);
        send(&producer, "t", 0, acks).unwrap();
        wait_for("the record", || {
            let end = watermarks(&served.address(), "t", 0).1;
            (end == ["0", "1", "all"].iter().position(|known| *known == acks).unwrap() as i64 + 1)
                .then_some(())
        });
    }
    assert_eq!(values(&served.address(), "t", 0, 3), ["0", "1", "all"]);
}

#[test]
fn a_record_that_is_too_large_is_refused_with_kafkas_error() {
    let served = Served::new();
    create(&served.address(), "small", 1, &[("max.message.bytes", "1000")]).unwrap();
    let producer = producer(&served.address(), &[]);
    let error = send(&producer, "small", 0, &"x".repeat(2_000)).unwrap_err();
    assert_eq!(error_code(&error), Some(RDKafkaErrorCode::MessageSizeTooLarge));
    assert_eq!(send(&producer, "small", 0, "fits").unwrap(), 0);
}

#[test]
fn a_compacted_topic_wants_keys() {
    let served = Served::new();
    create(&served.address(), "t", 1, &[("cleanup.policy", "compact")]).unwrap();
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let producer = producer(&served.address(), &[("compression.type", codec)]);
        let value = "v".repeat(1_000);
        let error = send(&producer, "t", 0, &value).unwrap_err();
        assert_eq!(error_code(&error), Some(RDKafkaErrorCode::InvalidRecord), "{codec}");
        let keyed = FutureRecord::to("t").key("k").payload(&value);
        block_on(producer.send_result(keyed).unwrap()).unwrap().unwrap();
    }
    assert_eq!(watermarks(&served.address(), "t", 0), (0, 5));
}

#[test]
fn a_batch_larger_than_the_fetch_limit_is_still_delivered() {
    let served = Served::with_topic("t", 1);
    let producer = producer(&served.address(), &[]);
    let large = "x".repeat(900_000);
    send(&producer, "t", 0, &large).unwrap();
    send(&producer, "t", 0, "small").unwrap();
    let limits = [("fetch.message.max.bytes", "1000"), ("fetch.max.bytes", "1000000")];
    let consumer = consumer(&served.address(), "g", &limits);
    let mut from = TopicPartitionList::new();
    from.add_partition_offset("t", 0, Offset::Beginning).unwrap();
    consumer.assign(&from).unwrap();
    let mut sizes = Vec::new();
    wait_for("both records", || {
        let message = consumer.poll(Duration::from_millis(100))?;
        sizes.push(message.unwrap().payload_len());
        (sizes.len() == 2).then_some(())
    });
    assert_eq!(sizes, [large.len(), 5]);
}

#[test]
fn a_fetch_that_waits_is_woken_by_a_record() {
    let served = Served::with_topic("t", 1);
    let waits = [("fetch.wait.max.ms", "200000"), ("socket.timeout.ms", "300000"), ("fetch.min.bytes", "1")];
    let consumer = consumer(&served.address(), "g", &waits);
    let mut from = TopicPartitionList::new();
    from.add_partition_offset("t", 0, Offset::Beginning).unwrap();
    consumer.assign(&from).unwrap();
    assert!(consumer.poll(Duration::from_millis(500)).is_none());
    let producer = producer(&served.address(), &[]);
    for value in ["first", "second"] {
        send(&producer, "t", 0, value).unwrap();
        let message = wait_for("the record", || consumer.poll(Duration::from_millis(100)));
        assert_eq!(message.unwrap().payload(), Some(value.as_bytes()));
    }
}

#[test]
fn offsets_are_found_by_time_and_a_lost_place_begins_anew() {
    let served = Served::with_topic("t", 1);
    let producer = producer(&served.address(), &[("compression.type", "lz4"), ("linger.ms", "100")]);
    let sent: Vec<_> = (0..10)
        .map(|at| {
            let record = FutureRecord::<str, str>::to("t").payload("x").timestamp(1_000 + at * 100);
            producer.send_result(record).unwrap()
        })
        .collect();
    for sent in sent {
        block_on(sent).unwrap().unwrap();
    }
    let consumer = consumer(&served.address(), "g", &[]);
    for (time, found) in
        [(0, Offset::Offset(0)), (1_101, Offset::Offset(2)), (1_900, Offset::Offset(9)), (1_901, Offset::End)]
    {
        let mut asked = TopicPartitionList::new();
        asked.add_partition_offset("t", 0, Offset::Offset(time)).unwrap();
        let answered = consumer.offsets_for_times(asked, PATIENCE).unwrap();
        assert_eq!(answered.elements()[0].offset(), found, "{time}");
    }
    // Behind the end, `auto.offset.reset` decides; here it begins at the first record.
    let offsets = read(&served.address(), "t", 0, 1_000, 10, |message| message.offset());
    assert_eq!(offsets, (0..10).collect::<Vec<_>>());
}

#[test]
fn deleted_records_cannot_be_read() {
    let served = Served::with_topic("t", 1);
    let producer = producer(&served.address(), &[]);
    send_all(&producer, "t", &(0..10).map(|at| at.to_string()).collect::<Vec<_>>());
    let mut before = TopicPartitionList::new();
    before.add_partition_offset("t", 0, Offset::Offset(7)).unwrap();
    block_on(admin(&served.address()).delete_records(&before, &AdminOptions::new())).unwrap();
    assert_eq!(watermarks(&served.address(), "t", 0), (7, 10));
    let served = served.restart();
    assert_eq!(values(&served.address(), "t", 0, 3), ["7", "8", "9"]);
}

#[test]
fn topics_are_made_on_first_use_only_where_that_is_asked_for() {
    use ecap::broker::{Config, Storage};
    for auto_create_topics in [false, true] {
        let listen = "127.0.0.1:0".parse().unwrap();
        let config = Config { listen, storage: Storage::Memory, auto_create_topics, ..Config::default() };
        let broker = Broker::start(config).unwrap();
        let producer = producer(&broker.address().to_string(), &[("message.timeout.ms", "2000")]);
        let record = FutureRecord::<str, str>::to("new").payload("x");
        let sent = block_on(producer.send_result(record).unwrap()).unwrap();
        assert_eq!(sent.is_ok(), auto_create_topics);
        assert_eq!(broker.topic_count(), usize::from(auto_create_topics));
    }
}
