"""Prints the value of each committed record of a topic: committed.py BOOTSTRAP TOPIC [hex]."""

import sys

from confluent_kafka import Consumer, TopicPartition

bootstrap, topic, *form = sys.argv[1:]
consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "committed", "enable.auto.commit": False,
                     "isolation.level": "read_committed", "enable.partition.eof": True})
partitions = consumer.list_topics(topic, 30).topics[topic].partitions
consumer.assign([TopicPartition(topic, partition, 0) for partition in partitions])
ends = 0
while ends < len(partitions):
    message = consumer.poll(30)
    assert message is not None, "no end within 30 s"
    if message.error():
        ends += 1
    else:
        print(message.value().hex() if form else message.value().decode())
consumer.close()
