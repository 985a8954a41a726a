"""What confluent-kafka asks of many partitions and groups.

admin.py groups BOOTSTRAP COUNT     makes so many groups, each with four partitions committed
admin.py watermarks BOOTSTRAP       prints how long one metadata request takes with the first and the next offset of every
                                    partition, in seconds, asked for by many partitions at a time on a connection that is there
"""

import concurrent.futures
import sys
import time

from confluent_kafka import ConsumerGroupTopicPartitions, IsolationLevel, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

# librdkafka compares each partition of a request with all others: with more at a time it is slower.
MANY = 200


def partitions_of(admin):
    topics = admin.list_topics(timeout=60).topics.values()
    return [TopicPartition(topic.topic, number) for topic in topics for number in sorted(topic.partitions)]


def settle(admin):
    """Waits for a broker that was just given topics, and is not the leader of all their partitions yet."""
    while True:
        try:
            return watermarks(admin)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.NOT_LEADER_FOR_PARTITION:
                raise
            time.sleep(1)


def make_groups(admin, count):
    settle(admin)
    partitions = partitions_of(admin)
    names = {f"bench-{number:04}" for number in range(count)}
    # A coordinator that is still loading refuses offsets, or says nothing: they are given again.
    while missing := sorted(names - {group.group_id for group in admin.list_consumer_groups().result().valid}):
        answers = []
        for name in missing[:50]:
            first = 4 * int(name.removeprefix("bench-"))
            own = [partitions[(first + offset) % len(partitions)] for offset in range(4)]
            own = [TopicPartition(place.topic, place.partition, 0) for place in own]
            group = ConsumerGroupTopicPartitions(name, own)
            answers += admin.alter_consumer_group_offsets([group], request_timeout=10).values()
        concurrent.futures.wait(answers)


def watermarks(admin):
    admin.describe_cluster().result(timeout=60)
    began = time.perf_counter()
    partitions, answers = partitions_of(admin), []
    for place in (OffsetSpec.earliest(), OffsetSpec.latest()):
        for first in range(0, len(partitions), MANY):
            asked = {partition: place for partition in partitions[first:first + MANY]}
            answers += admin.list_offsets(asked, isolation_level=IsolationLevel.READ_COMMITTED).values()
    for answer in answers:
        answer.result(timeout=60)
    return time.perf_counter() - began


client = AdminClient({"bootstrap.servers": sys.argv[2]})
if sys.argv[1] == "groups":
    make_groups(client, int(sys.argv[3]))
else:
    print(f"{watermarks(client):.3f}")
