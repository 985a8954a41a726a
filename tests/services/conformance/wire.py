"""Single requests of Kafka's protocol, in every version, and their answers without what differs from run to run."""

import json
import socket
import struct
import sys
import time

import kafka.protocol.admin
import kafka.protocol.consumer
import kafka.protocol.metadata
import kafka.protocol.producer
from kafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder

MODULES = [kafka.protocol.admin, kafka.protocol.consumer, kafka.protocol.metadata, kafka.protocol.producer]

# The versions that are asked, by request; others take part in no case.
VERSIONS = {
    "AlterConfigs": (0, 2), "ApiVersions": (0, 4), "CreatePartitions": (0, 3), "CreateTopics": (2, 7),
    "DeleteGroups": (0, 2), "DeleteRecords": (0, 2), "DeleteTopics": (1, 6), "DescribeCluster": (0, 1),
    "DescribeConfigs": (1, 4), "DescribeGroups": (0, 5), "DescribeLogDirs": (1, 4), "Fetch": (4, 12),
    "FindCoordinator": (0, 4), "Heartbeat": (0, 4), "IncrementalAlterConfigs": (0, 1), "InitProducerId": (0, 4),
    "JoinGroup": (0, 9), "LeaveGroup": (0, 5), "ListGroups": (0, 4), "ListOffsets": (1, 7), "Metadata": (0, 9),
    "OffsetCommit": (2, 8), "OffsetDelete": (0, 0), "OffsetFetch": (1, 8), "OffsetForLeaderEpoch": (2, 4),
    "Produce": (3, 9), "SyncGroup": (0, 5),
}

# What differs from run to run, or from machine to machine.
VOLATILE = {
    "throttle_time_ms", "host", "port", "cluster_id", "rack", "error_message", "batch_index_error_message", "authorized_operations",
    "cluster_authorized_operations", "topic_authorized_operations", "log_append_time_ms", "log_dir", "size",
    "total_bytes", "usable_bytes", "size_in_bytes", "client_host", "client_id", "documentation", "finalized_features",
    "finalized_features_epoch", "supported_features", "zk_migration_ready", "node_endpoints", "is_cordoned",
}


def find(name):
    """The class of a request or response."""
    return next(getattr(module, name) for module in MODULES if hasattr(module, name))


# COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR.
NOT_READY = {14, 15, 16}


def errors_of(answer):
    """All error codes in an answer."""
    if isinstance(answer, dict):
        own = {answer["error_code"]} if "error_code" in answer else set()
        return own.union(*map(errors_of, answer.values()))
    return set().union(*map(errors_of, answer)) if isinstance(answer, list) else set()


def built(fields, given):
    """Dictionaries as the structures that a request is made of."""
    result = {}
    for key, value in given.items():
        field = fields[key]
        if field.is_struct_array() and value is not None:
            value = [field.data_class(**built(field.array_of.fields, item)) for item in value]
        result[key] = value
    return result


class Broker:
    """A connection, and what was asked and answered on it."""

    def __init__(self, address, prefix):
        self.address, self.prefix = address, prefix
        self.socket = self.connect()
        self.transcript = []
        self.names = {}
        self.settled = 0

    def connect(self):
        host, port = self.address.rsplit(":", 1)
        return socket.create_connection((host, int(port)), timeout=15)

    def ask(self, name, version, **fields):
        """The answer as it came."""
        kind = find(name + "Request")
        request = kind(version=version, **built(kind.fields, fields))
        request.with_header(correlation_id=1, client_id="conformance")
        self.socket.sendall(request.encode(header=True, framed=True))
        if name == "Produce" and fields["acks"] == 0:
            return None
        (length,) = struct.unpack(">i", self.receive(4))
        return find(name + "Response")[version].decode(self.receive(length), header=True).to_dict(json=False)

    def ask_until_ready(self, name, version, **fields):
        """The same, once coordinators are there."""
        while True:
            answer = self.ask(name, version, **fields)
            if not NOT_READY.intersection(errors_of(answer)):
                return answer
            time.sleep(0.1)

    def receive(self, length):
        data = b""
        while len(data) < length:
            part = self.socket.recv(length - len(data))
            if not part:
                raise EOFError
            data += part
        return data

    def step(self, what, name, versions=None, without=(), **fields):
        """Asks in every version, or those given, and writes the answers down; gives the last one as it came.

        A field that is a function is called with the version. Keys in `without` do not matter.
        """
        first, last = VERSIONS[name]
        answers, answer = {}, None
        for version in versions or range(first, last + 1):
            given = {key: value(version) if callable(value) else value for key, value in fields.items()}
            try:
                answer = self.ask_until_ready(name, version, **given)
                stable = self.stable(answer, without)
            except EOFError:
                self.socket = self.connect()
                stable = "the connection was closed"
            answers.setdefault(json.dumps(stable, sort_keys=True), []).append(version)
        for stable, versions in answers.items():
            self.transcript.append({"step": what, "request": name, "versions": versions, "answer": json.loads(stable)})
        return answer

    def stable(self, value, without=()):
        if isinstance(value, dict):
            picked = {key: item for key, item in value.items() if key not in VOLATILE and key not in without}
            if "leader" in picked and picked.get("error_code") == 0:
                # All that a member asks of it is whether it is itself.
                picked["leader"] = "itself" if picked["leader"] == picked["member_id"] else "another"
            # What a version does not have is null or left out.
            return {key: self.stable_field(key, item, without) for key, item in picked.items() if item is not None}
        if isinstance(value, (list, tuple)):
            items = [self.stable(item, without) for item in value]
            return sorted(items, key=lambda item: json.dumps(item, sort_keys=True))
        if isinstance(value, str):
            return value.replace(self.prefix, "")
        if isinstance(value, (bytes, bytearray, memoryview)):
            return bytes(value).hex()
        return value

    def stable_field(self, key, value, without):
        if key == "topic_id":
            return "none" if set(str(value)) <= {"0", "-"} else "some"
        if key == "member_id":
            return self.names.setdefault(value, f"member {len(self.names) + 1}") if value else ""
        if key == "producer_id":
            return "none" if value == -1 else "some"
        if key == "records":
            return records_of(value)
        return self.stable(value, without)

    def name(self, name):
        """A name that nobody else on the broker has."""
        return self.prefix + name

    def topic(self, name, partitions=1, **configs):
        """Makes a topic, outside of the transcript; gives its full name."""
        full = self.name(name)
        answer = self.ask("CreateTopics", 5, timeout_ms=30_000, validate_only=False, topics=[{
            "name": full, "num_partitions": partitions, "replication_factor": 1, "assignments": [],
            "configs": [{"name": key.replace("_", "."), "value": value} for key, value in configs.items()]}])
        assert answer["topics"][0]["error_code"] == 0, answer
        # Apache Kafka answers before the partitions can be written.
        for partition in range(partitions):
            while self.end(full, partition) is None:
                time.sleep(0.05)
        return full

    def settle(self):
        """Waits until the broker knows of every change that was answered so far.

        Apache Kafka's controller answers before the broker has heard of a change. The broker hears of changes in
        their order, so once it has a topic that was made after them, it has them all.
        """
        self.settled += 1
        self.topic(f"settled-{self.settled}")

    def end(self, topic, partition=0):
        """The offset behind the last record; None if the partition does not say."""
        answer = self.ask("ListOffsets", 2, replica_id=-1, isolation_level=0, topics=[
            {"name": topic, "partitions": [{"partition_index": partition, "timestamp": -1}]}])
        found = answer["topics"][0]["partitions"][0]
        return found["offset"] if found["error_code"] == 0 else None

    def produce(self, topic, records, partition=0):
        """Appends a batch, outside of the transcript."""
        answer = self.ask("Produce", 3, transactional_id=None, acks=-1, timeout_ms=30_000, topic_data=[
            {"name": topic, "partition_data": [{"index": partition, "records": records}]}])
        assert answer["responses"][0]["partition_responses"][0]["error_code"] == 0, answer


def batch(values, producer=None, sequence=0, codec=0, timestamp=1_000_000_000_000, key=b"k"):
    """A record batch; `producer` is an id and an epoch."""
    number, epoch = producer or (-1, -1)
    builder = DefaultRecordBatchBuilder(
        magic=2, compression_type=codec, is_transactional=False, producer_id=number, producer_epoch=epoch,
        base_sequence=sequence if producer else -1, batch_size=1 << 20)
    for offset, value in enumerate(values):
        assert builder.append(offset, timestamp=timestamp + offset, key=key, value=value, headers=[])
    return bytes(builder.build())


def records_of(data):
    """The batches of a fetch: offsets, kinds and values."""
    data, found = bytes(data or b""), []
    while len(data) >= 61:
        length = struct.unpack(">i", data[8:12])[0] + 12
        if length > len(data):
            break
        read = DefaultRecordBatch(data[:length])
        records = [] if read.is_control_batch else [record.value.decode() if record.value else None for record in read]
        found.append({"base_offset": read.base_offset, "control": read.is_control_batch,
                      "transactional": read.is_transactional, "values": records})
        data = data[length:]
    return found


def main(cases):
    """Runs cases, each on a connection of its own, and prints the transcript as lines of JSON."""
    address, prefix = sys.argv[1:3]
    for case in cases:
        broker = Broker(address, f"{prefix}{case.__name__}.")
        try:
            case(broker)
        finally:
            for line in broker.transcript:
                print(json.dumps({"case": case.__name__, **line}, sort_keys=True))
