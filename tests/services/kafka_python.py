"""What a program on kafka-python does all day: kafka_python.py BOOTSTRAP TOPIC GROUP. Prints what it saw, as JSON."""

import json
import sys

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import OffsetSpec

bootstrap, topic, group = sys.argv[1:]
admin = KafkaAdminClient(bootstrap_servers=bootstrap)
partitions = [TopicPartition(topic, partition) for partition in range(3)]


def produce(count):
    producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all", compression_type="gzip")
    futures = [
        producer.send(topic, key=b"user-%d" % (number % 7), value=b"record %d" % number, headers=[("origin", b"test")])
        for number in range(count)
    ]
    producer.close(timeout=30)
    return [future.get(timeout=30).partition for future in futures]


def consume(count):
    """Reads `count` records in the group and commits them: the records in the order of arrival."""
    consumer = KafkaConsumer(topic, bootstrap_servers=bootstrap, group_id=group, auto_offset_reset="earliest",
                             enable_auto_commit=False, consumer_timeout_ms=30_000)
    # The range first: the consumer would wait for one record more than there are.
    records = [record for _, record in zip(range(count), consumer)]
    members = len(admin.describe_groups([group])[group]["members"])
    consumer.commit()
    ends = consumer.end_offsets(partitions)
    consumer.close(autocommit=False)
    return records, members, sum(ends.values())


def committed():
    return sum(offset.offset for offset in admin.list_group_offsets({group: None})[group].values())


admin.create_topics({topic: {"num_partitions": 3, "configs": {"retention.ms": "86400000"}}}, wait_for_metadata=True)
description = admin.describe_topics([topic])[0]
produced = produce(100)
records, members, end = consume(100)
by_key = {}
for record in records:
    by_key.setdefault(record.key, []).append(int(record.value.split()[1]))
groups = [listed["group_id"] for listed in admin.list_groups()]
after_reading = committed()
admin.reset_group_offsets(group, {partition: OffsetSpec.EARLIEST for partition in partitions})
after_reset = committed()
again, _, _ = consume(100)
admin.delete_groups([group])
admin.delete_topics([topic])

print(json.dumps({
    "partitions": len(description["partitions"]),
    "delivered": len(produced),
    "in_order": all(numbers == sorted(numbers) for numbers in by_key.values()),
    "headers": all(record.headers == [("origin", b"test")] for record in records),
    "keys": len(by_key),
    "read": len(records),
    "end": end,
    "members": members,
    "group_listed": group in groups,
    "committed": after_reading,
    "after_reset": after_reset,
    "read_again": len(again),
}))
