"""Requests that write and read records, and that ask for offsets."""

import struct

from wire import batch, main


def produced(topic, records, partition=0):
    return [{"name": topic, "partition_data": [{"index": partition, "records": records}]}]


def produce(b):
    topic, small = b.topic("t"), b.topic("small", max_message_bytes="200")

    def step(what, name, records, partition=0, acks=-1, versions=None, transactional_id=None):
        b.step(what, "Produce", versions=versions, transactional_id=transactional_id, acks=acks, timeout_ms=30_000,
               topic_data=produced(name, records, partition))

    good = batch([b"a", b"b"])
    step("a batch", topic, good)
    step("acknowledged by the leader", topic, good, acks=1)
    step("an odd acks", topic, good, acks=5)
    step("a partition that is not there", topic, good, partition=7)
    step("a topic that is not there", b.name("no"), good)
    step("too large", small, batch([b"x" * 500]))
    # The library compresses in this codec only; tests of other clients have all of them.
    step("gzip", topic, batch([b"a"] * 10, codec=1), versions=[3, 7, 9])
    step("a wrong checksum", topic, good[:17] + b"\0\0\0\0" + good[21:])
    step("cut short", topic, good[:-3])
    step("an unknown magic", topic, good[:16] + b"\x07" + good[17:])
    step("nothing", topic, b"")
    step("two batches", topic, good + good)
    compacted = b.topic("compacted", cleanup_policy="compact")
    step("no key for a compacted topic", compacted, batch([b"a"], key=None))
    step("a key for a compacted topic", compacted, batch([b"a"]))
    step("a tombstone", compacted, batch([None]))
    stamped = b.topic("stamped", message_timestamp_type="LogAppendTime")
    answer = b.ask("Produce", 3, transactional_id=None, acks=-1, timeout_ms=30_000, topic_data=produced(stamped, good))
    stamp = answer["responses"][0]["partition_responses"][0]["log_append_time_ms"]
    b.transcript.append({"step": "a stamp of its own", "request": "Produce", "versions": [3], "answer": stamp > 0})
    bounded = b.topic("bounded", message_timestamp_before_max_ms="1000")
    step("a time long past", bounded, good)
    ahead = batch([b"a"], timestamp=4_000_000_000_000)
    step("a time far ahead", topic, ahead)
    replicas = b.topic("replicas", min_insync_replicas="2")
    step("fewer replicas than asked for", replicas, good)
    step("fewer replicas, and one acknowledges", replicas, good, acks=1)
    b.ask("Produce", 3, transactional_id=None, acks=0, timeout_ms=30_000, topic_data=produced(topic, good))
    b.step("the log's end", "ListOffsets", versions=[4], replica_id=-1, isolation_level=0, topics=[
        {"name": topic, "partitions": [{"partition_index": 0, "timestamp": -1, "current_leader_epoch": -1}]}])


def idempotence(b):
    topic = b.topic("t")
    answer = b.step("a producer's id", "InitProducerId", versions=[4], transactional_id=None,
                    transaction_timeout_ms=60_000, producer_id=-1, producer_epoch=-1)
    producer = (answer["producer_id"], answer["producer_epoch"])

    def step(what, sequence, count=1, producer=producer):
        records = batch([b"v"] * count, producer=producer, sequence=sequence)
        b.step(what, "Produce", versions=[7], transactional_id=None, acks=-1, timeout_ms=30_000,
               topic_data=produced(topic, records))

    step("the first", 0, 2)
    step("the first again", 0, 2)
    step("the next", 2, 3)
    step("the first again", 0, 2)
    step("a gap", 9)
    step("the same beginning, another end", 2, 2)
    for sequence in range(5, 11):
        step("one more", sequence)
    step("one that is forgotten", 0, 2)
    step("a new epoch that does not begin at 0", 11, producer=(producer[0], 1))
    step("a new epoch", 0, producer=(producer[0], 1))
    step("the old epoch", 11)
    step("a producer that nobody knows, in the middle", 5, producer=(producer[0] + 100_000, 0))
    b.step("the log's end", "ListOffsets", versions=[4], replica_id=-1, isolation_level=0, topics=[
        {"name": topic, "partitions": [{"partition_index": 0, "timestamp": -1, "current_leader_epoch": -1}]}])


def fetch(b):
    topic = b.topic("t", 2)
    b.produce(topic, batch([b"a", b"b", b"c"]))
    b.produce(topic, batch([b"d"] * 5, codec=1))

    def step(what, offset, partition=0, name=topic, most=1 << 20, whole=1 << 20, epoch=-1, isolation=0, session=(0, -1)):
        b.step(what, "Fetch", replica_id=-1, max_wait_ms=0, min_bytes=0, max_bytes=whole, isolation_level=isolation,
               session_id=session[0], session_epoch=session[1], forgotten_topics_data=[], rack_id="", topics=[
                   {"topic": name, "partitions": [{"partition": partition, "fetch_offset": offset, "log_start_offset": -1,
                                                   "partition_max_bytes": most, "current_leader_epoch": epoch,
                                                   "last_fetched_epoch": -1}]}])

    step("from the beginning", 0)
    step("from inside a batch", 4)
    step("at the end", 8)
    step("behind the end", 9)
    step("before the beginning", -1)
    step("one byte", 0, most=1, whole=1)
    step("a partition that is empty", 0, partition=1)
    step("a partition that is not there", 0, partition=5)
    step("a topic that is not there", 0, name=b.name("no"))
    step("only what is committed", 0, isolation=1)
    step("an epoch of the leader to come", 0, epoch=99)
    step("a session that nobody began", 0, session=(12345, 7))


def offsets(b):
    topic = b.topic("t", 2)
    b.produce(topic, batch([b"a", b"b", b"c"], timestamp=1_700_000_000_000))
    b.produce(topic, batch([b"d", b"e"], timestamp=1_700_000_001_000, codec=1))

    def step(what, timestamp, partition=0, name=topic, epoch=-1, versions=None):
        b.step(what, "ListOffsets", versions=versions, replica_id=-1, isolation_level=0, topics=[
            {"name": name, "partitions": [{"partition_index": partition, "timestamp": timestamp,
                                           "current_leader_epoch": epoch}]}])

    for what, time in [("the latest", -1), ("the earliest", -2), ("a time before all", 5), ("a record's own time",
                       1_700_000_000_001), ("between two", 1_700_000_000_500), ("a time after all", 1_900_000_000_000)]:
        step(what, time)
    step("the largest time", -3, versions=[7])
    step("the largest time of nothing", -3, partition=1, versions=[7])
    step("a time, of nothing", 5, partition=1)
    step("a partition that is not there", -1, partition=7)
    step("a topic that is not there", -1, name=b.name("no"))
    step("an epoch of the leader to come", -1, epoch=99)

    def epoch(what, leader_epoch, name=topic, partition=0, current=-1):
        b.step(what, "OffsetForLeaderEpoch", replica_id=-1, topics=[{"topic": name, "partitions": [
            {"partition": partition, "current_leader_epoch": current, "leader_epoch": leader_epoch}]}])

    epoch("the end of the epoch", 0)
    epoch("an epoch to come", 5)
    epoch("a leader to come", 0, current=9)
    epoch("a partition that is not there", 0, partition=7)
    epoch("a topic that is not there", 0, name=b.name("no"))


def unknown_requests(b):
    """What closes the connection, and what is answered with an error."""
    def raw(what, data):
        b.socket.sendall(struct.pack(">i", len(data)) + data)
        try:
            (length,) = struct.unpack(">i", b.receive(4))
            seen = b.receive(length)[:6].hex()
        except (EOFError, ConnectionError):
            b.socket = b.connect()
            seen = "the connection was closed"
        b.transcript.append({"step": what, "request": "raw", "versions": [0], "answer": seen})

    raw("a request that nobody knows", struct.pack(">hhih", 999, 0, 1, -1))
    raw("versions in a version to come", struct.pack(">hhihb", 18, 99, 1, -1, 0))
    raw("metadata in a version to come", struct.pack(">hhih", 3, 99, 1, -1))
    raw("half a header", b"\0\3")
    raw("a body that is cut", struct.pack(">hhihi", 3, 1, 1, -1, 5))


main([produce, idempotence, fetch, offsets, unknown_requests])
