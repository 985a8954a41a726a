"""Reads, works and writes exactly once: confluent_transactions.py BOOTSTRAP TOPIC GROUP. Prints what it saw, as JSON."""

import json
import sys

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

bootstrap, topic, group = sys.argv[1:]
source, result = topic + "-in", topic + "-out"
admin = AdminClient({"bootstrap.servers": bootstrap})
for created in admin.create_topics([NewTopic(name, num_partitions=1) for name in (source, result)]).values():
    created.result(timeout=30)


def transactional():
    producer = Producer({"bootstrap.servers": bootstrap, "transactional.id": topic + "-worker"})
    producer.init_transactions(30)
    return producer


def read(name, level):
    """Every value of a topic that a reader at this isolation level gets."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group + level, "auto.offset.reset": "earliest",
                         "isolation.level": level, "enable.partition.eof": True})
    consumer.assign([TopicPartition(name, 0, 0)])
    values = []
    while True:
        message = consumer.poll(30)
        assert message is not None, "no end within 30 s"
        if message.error():
            break
        values.append(message.value().decode())
    consumer.close()
    return values


def worker():
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group, "auto.offset.reset": "earliest",
                         "enable.auto.commit": False, "isolation.level": "read_committed"})
    consumer.subscribe([source])
    return consumer


def work(producer, consumer, commits):
    """Ten records in one transaction, with the place that they were read from."""
    producer.begin_transaction()
    for _ in range(10):
        message = consumer.poll(30)
        assert message is not None and message.error() is None, message and message.error()
        producer.produce(result, "done " + message.value().decode())
    producer.send_offsets_to_transaction(consumer.position(consumer.assignment()), consumer.consumer_group_metadata())
    # An abort would throw away what was not sent yet.
    assert producer.flush(30) == 0
    if commits:
        producer.commit_transaction(30)
    else:
        producer.abort_transaction(30)


feed = Producer({"bootstrap.servers": bootstrap})
for number in range(30):
    feed.produce(source, f"{number:02}")
assert feed.flush(30) == 0

first, consumer = transactional(), worker()
work(first, consumer, True)
work(first, consumer, False)
consumer.close()

second, consumer = transactional(), worker()
try:
    first.begin_transaction()
    first.produce(result, "zombie")
    first.commit_transaction(30)
    zombie = "committed"
except KafkaException as error:
    zombie = error.args[0].name()
work(second, consumer, True)
work(second, consumer, True)
committed = consumer.committed([TopicPartition(source, 0)], timeout=30)[0].offset
consumer.close()

print(json.dumps({
    "zombie": zombie,
    "committed": committed,
    "result": read(result, "read_committed") == [f"done {number:02}" for number in range(30)],
    "with what was aborted": len(read(result, "read_uncommitted")),
}))
