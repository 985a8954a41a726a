"""What a program on confluent-kafka does all day: confluent.py BOOTSTRAP TOPIC GROUP. Prints what it saw, as JSON."""

import json
import sys

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic

bootstrap, topic, group = sys.argv[1:]
admin = AdminClient({"bootstrap.servers": bootstrap})


def done(futures):
    """Waits for each of an admin call's answers."""
    return {key: future.result(timeout=30) for key, future in futures.items()}


def produce(count):
    delivered = []

    def on_delivery(error, message):
        assert error is None, error
        delivered.append(message.partition())

    producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True, "compression.type": "lz4"})
    for number in range(count):
        producer.produce(topic, key=f"user-{number % 7}", value=f"record {number}", on_delivery=on_delivery)
    assert producer.flush(30) == 0
    return delivered


def consume(count):
    """Reads `count` records in the group and commits them: values by key, in order."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group, "auto.offset.reset": "earliest",
                         "enable.auto.commit": False})
    consumer.subscribe([topic])
    values = {}
    while sum(map(len, values.values())) < count:
        message = consumer.poll(30)
        assert message is not None, "no record within 30 s"
        assert message.error() is None, message.error()
        values.setdefault(message.key().decode(), []).append(message.value().decode())
    described = done(admin.describe_consumer_groups([group]))[group]
    consumer.commit(asynchronous=False)
    consumer.close()
    return values, described.state.name, len(described.members)


def committed():
    offsets = done(admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)]))[group]
    return sum(partition.offset for partition in offsets.topic_partitions)


done(admin.create_topics([NewTopic(topic, num_partitions=3, config={"retention.ms": "86400000"})]))
metadata = admin.list_topics(topic, timeout=30).topics[topic]
configs = list(done(admin.describe_configs([ConfigResource(ConfigResource.Type.TOPIC, topic)])).values())[0]
delivered = produce(100)
values, state, members = consume(100)
groups = [listed.group_id for listed in admin.list_consumer_groups().result(timeout=30).valid]
after_reading = committed()
rewound = [TopicPartition(topic, partition, 0) for partition in range(3)]
done(admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(group, rewound)]))
after_reset = committed()
again, _, _ = consume(100)
done(admin.delete_consumer_groups([group]))
done(admin.delete_topics([topic]))

print(json.dumps({
    "partitions": len(metadata.partitions),
    "retention": configs["retention.ms"].value,
    "delivered": len(delivered),
    "in_order": all(read == sorted(read, key=lambda value: int(value.split()[1])) for read in values.values()),
    "keys": len(values),
    "read": sum(map(len, values.values())),
    "state": state,
    "members": members,
    "group_listed": group in groups,
    "committed": after_reading,
    "after_reset": after_reset,
    "read_again": sum(map(len, again.values())),
}))
