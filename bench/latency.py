"""Latency of the continuous trigger, from the producer's hand to the sink's, beside a plain consumer and Kafka's tool.

Records at a steady rate carry the time at which they were handed to the producer. ecap-consume gives each one out
on its standard output, a plain librdkafka consumer reads the same topic at the same time, and Kafka's own
end-to-end tool runs behind them, record by record.
"""

import json
import os
import statistics
import subprocess
import sys
import threading
import time

from confluent_kafka import Consumer, Producer, TopicPartition

SERVERS = os.environ["ECAP_BOOTSTRAP_SERVERS"]
TOPIC = "customer-transactions"
RECORDS = int(os.environ.get("RECORDS", "100000"))
RATE = int(os.environ.get("RATE", "5000"))
# Before those that count: a JVM that just started is slower.
WARM = 5 * RATE


def percentiles(name, latencies):
    """Prints median and 99th percentile, in milliseconds, those before them left out."""
    latencies = latencies[WARM:]
    ordered = sorted(latencies)
    median, high = statistics.median(ordered), ordered[int(len(ordered) * 0.99) - 1]
    print(f"{name:44} p50 {median:7.2f} ms   p99 {high:7.2f} ms   ({len(latencies)} records)")
    return median


def read_lines(pipe, latencies):
    """Each line of JSON is a record that was given out; its sent time is in producer_timestamp."""
    for line in pipe:
        now = time.time()
        latencies.append((now - json.loads(line)["sent"]) * 1000)


def read_topic(consumer, latencies, stop):
    while not stop.is_set():
        message = consumer.poll(0.1)
        if message is not None and message.error() is None:
            latencies.append((time.time() - json.loads(message.value())["producer_timestamp"]) * 1000)


def kafka_tool(home):
    """Kafka's own tool: one record there and back at a time, acks=1."""
    command = [f"{home}/bin/kafka-run-class.sh", "org.apache.kafka.tools.EndToEndLatency"]
    command += [SERVERS, "latency-test", "5000", "1", "100"]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = [line for line in told.stdout.splitlines() if line.startswith(("Percentiles", "Avg"))]
    if told.returncode or not lines:
        sys.exit(f"Kafka's end-to-end tool failed: {told.stderr.strip() or told.stdout.strip()}")
    for line in lines:
        print(f"Kafka's end-to-end tool: {line}")


def main():
    select = "SELECT record_id, producer_timestamp AS sent FROM `customer-transactions` WHERE final_amount > 1"
    query = os.path.join(os.environ.get("ECAP_HOME", "."), "latency.sql")
    with open(query, "w", encoding="utf-8") as file:
        file.write(select)
    command = ["ecap-consume", "query", query, "--from", "latest", "--trigger", "continuous"]
    command += ["--format", "json", "--progress", "json"]
    consume = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    producer = Producer({"bootstrap.servers": SERVERS, "linger.ms": 1, "acks": 1})
    ours, plain, stop = [], [], threading.Event()
    consumer = Consumer({"bootstrap.servers": SERVERS, "group.id": "latency", "fetch.wait.max.ms": 100})
    partitions = consumer.list_topics(TOPIC, timeout=10).topics[TOPIC].partitions
    ends = [consumer.get_watermark_offsets(TopicPartition(TOPIC, number), timeout=10)[1] for number in partitions]
    consumer.assign([TopicPartition(TOPIC, number, end) for number, end in zip(partitions, ends)])
    threads = [
        threading.Thread(target=read_lines, args=(consume.stdout, ours)),
        threading.Thread(target=read_topic, args=(consumer, plain, stop)),
        threading.Thread(target=lambda: list(consume.stderr)),
    ]
    for thread in threads:
        thread.start()
    time.sleep(2)
    began = time.time()
    for number in range(WARM + RECORDS):
        due = began + number / RATE
        while time.time() < due:
            producer.poll(0)
            time.sleep(max(0, min(0.0005, due - time.time())))
        record = {"customer_id": "c", "record_id": number, "final_amount": 9.5, "producer_timestamp": time.time()}
        producer.produce(TOPIC, json.dumps(record), key="c")
        producer.poll(0)
    producer.flush(30)
    time.sleep(1)
    consume.send_signal(2)
    consume.wait(30)
    stop.set()
    for thread in threads:
        thread.join()
    if len(ours) != WARM + RECORDS:
        sys.exit(f"ecap-consume gave out {len(ours)} of {WARM + RECORDS} records")
    median = percentiles("a plain librdkafka consumer", plain)
    print(f"ecap-consume is {percentiles('ecap-consume, continuous', ours) - median:.2f} ms above it at the median")
    kafka_tool(os.environ["KAFKA_HOME"])


if __name__ == "__main__":
    main()
