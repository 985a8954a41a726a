"""What transactions look like on the wire: transactions.py BOOTSTRAP TOPIC GROUP. Prints the answers, as JSON.

Clients hide most error codes; this asks for them one by one, in Kafka's protocol."""

import json
import socket
import struct
import sys
import time

from confluent_kafka.admin import AdminClient, NewTopic

bootstrap, topic, group = sys.argv[1:]
seen = {}


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def text(value):
    return struct.pack(">h", -1) if value is None else struct.pack(">h", len(value)) + value.encode()


def compact(value):
    return b"\0" if value is None else bytes([len(value) + 1]) + value.encode()


def batch(owner, sequence, values, attributes=0x10):
    """A record batch of a transaction, at a fixed time."""
    records = b""
    for delta, value in enumerate(values):
        record = bytes([0, 0, delta * 2, 1, len(value) * 2]) + value.encode() + b"\0"
        records += bytes([len(record) * 2]) + record
    now = int(time.time() * 1000)
    checked = struct.pack(">hiqqqhii", attributes, len(values) - 1, now, now, owner[0], owner[1], sequence,
                          len(values)) + records
    rest = struct.pack(">ibI", 0, 2, crc32c(checked)) + checked
    return struct.pack(">qi", 0, len(rest)) + rest


class Connection:
    def __init__(self):
        host, port = bootstrap.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout=30)

    def ask(self, key, version, body, flexible=False):
        header = struct.pack(">hhi", key, version, 7) + text("raw") + (b"\0" if flexible else b"")
        self.socket.sendall(struct.pack(">i", len(header + body)) + header + body)
        size = struct.unpack(">i", self.read(4))[0]
        return self.read(size)[5 if flexible else 4:]

    def read(self, size):
        data = b""
        while len(data) < size:
            more = self.socket.recv(size - len(data))
            assert more, "the connection was closed"
            data += more
        return data


wire = Connection()


def find_coordinator(kind, name):
    """Makes the coordinator's own topic, where it has one."""
    for _ in range(300):
        if struct.unpack_from(">h", wire.ask(10, 1, text(name) + bytes([kind])), 4)[0] == 0:
            return
        time.sleep(0.1)
    raise AssertionError(f"{name} has no coordinator")


def init(name, timeout=60_000, expected=(-1, -1)):
    """(error, (producer id, epoch))"""
    body = compact(name) + struct.pack(">iqh", timeout, *expected) + b"\0"
    error, producer, epoch = struct.unpack_from(">hqh", wire.ask(22, 4, body, flexible=True), 4)
    return error, (producer, epoch)


def start(name, **options):
    """Asks until it gets an epoch, as clients do."""
    for _ in range(300):
        error, owner = init(name, **options)
        if error not in (14, 15, 16, 51):
            assert error == 0, error
            return owner
        time.sleep(0.1)
    raise AssertionError(f"{name} gets no epoch")


def add(name, owner, partitions, topic=topic, version=2):
    body = text(name) + struct.pack(">qhi", *owner, 1) + text(topic)
    body += struct.pack(f">i{len(partitions)}i", len(partitions), *partitions)
    answer = wire.ask(24, version, body)[8 + 2 + len(topic) + 4:]
    return [struct.unpack_from(">h", answer, 6 * at + 4)[0] for at in range(len(partitions))]


def add_group(name, owner, group=group, version=2):
    return struct.unpack_from(">h", wire.ask(25, version, text(name) + struct.pack(">qh", *owner) + text(group)), 4)[0]


def end(name, owner, commits, version=2):
    return struct.unpack_from(">h", wire.ask(26, version, text(name) + struct.pack(">qhb", *owner, commits)), 4)[0]


def settle(name, owner, commits):
    """Ends a transaction and waits until its markers are written."""
    errors = [end(name, owner, commits)]
    while errors[-1] == 0 and len(errors) < 300:
        errors.append(end(name, owner, commits))
        if errors[-1] == 51:
            errors.pop()
            time.sleep(0.05)
        else:
            break
    return errors


def apart(name):
    """Another group whose offsets Apache Kafka does not keep beside those of `name`: it takes offsets into a
    transaction by the partition of `__consumer_offsets`, of which there may be 8 or 50."""
    def place(name):
        java_hash = 0
        for letter in name.encode():
            java_hash = (java_hash * 31 + letter) & 0xFFFFFFFF
        return min(java_hash, 2**32 - java_hash)

    others = (f"{name}-{number}" for number in range(1_000))
    return next(other for other in others if all(place(other) % count != place(name) % count for count in (8, 50)))


def commit_offset(name, owner, offset, topic=topic, group=group, member=("", -1), version=3, metadata="m"):
    body = compact(name) + compact(group) + struct.pack(">qhi", *owner, member[1]) + compact(member[0]) + b"\0"
    body += b"\2" + compact(topic) + b"\2" + struct.pack(">iqi", 0, offset, -1) + compact_long(metadata)
    body += b"\0\0\0"
    answer = wire.ask(28, version, body, flexible=True)
    return struct.unpack_from(">h", answer, 4 + 1 + 1 + len(topic) + 1 + 4)[0]


def compact_long(value):
    length, prefix = len(value) + 1, b""
    while length > 0x7F:
        prefix += bytes([length & 0x7F | 0x80])
        length >>= 7
    return prefix + bytes([length]) + value.encode()


def produce(name, owner, sequence, values=("a",), partition=0, version=8, **options):
    """(error, offset)"""
    data = batch(owner, sequence, values, **options)
    if version < 9:
        body = text(name) + struct.pack(">hii", -1, 30_000, 1) + text(topic)
        body += struct.pack(">iii", 1, partition, len(data)) + data
        answer = wire.ask(0, version, body)
        return list(struct.unpack_from(">hq", answer, 4 + 2 + len(topic) + 4 + 4))
    body = compact(name) + struct.pack(">hi", -1, 30_000) + b"\2" + compact(topic) + b"\2"
    body += struct.pack(">i", partition) + compact_long("x" * len(data))[:-len(data)] + data + b"\0\0\0"
    answer = wire.ask(0, version, body, flexible=True)
    return list(struct.unpack_from(">hq", answer, 1 + 1 + len(topic) + 1 + 4))


def fetch(offset, committed=1, partition=0):
    """Error, end, last stable offset, first offsets of aborted transactions, base offsets of batches."""
    body = struct.pack(">iiiibi", -1, 100, 1, 1 << 20, committed, 1) + text(topic)
    body += struct.pack(">iiqi", 1, partition, offset, 1 << 20)
    answer = wire.ask(1, 4, body)[4 + 4 + 2 + len(topic) + 4:]
    _, error, end, stable, count = struct.unpack_from(">ihqqi", answer)
    aborted = [struct.unpack_from(">qq", answer, 26 + 16 * at)[1] for at in range(max(count, 0))]
    records = answer[26 + 16 * max(count, 0) + 4:]
    bases = []
    while len(records) > 12:
        bases.append(struct.unpack_from(">q", records)[0])
        records = records[12 + struct.unpack_from(">i", records, 8)[0]:]
    return [error, end, stable, aborted if count >= 0 else None, bases]


def list_offset(time, committed, partition=0):
    body = struct.pack(">ibi", -1, committed, 1) + text(topic) + struct.pack(">iiq", 1, partition, time)
    return struct.unpack_from(">hqq", wire.ask(2, 2, body), 4 + 4 + 2 + len(topic) + 4 + 4)[2]


def committed_offset(stable, group=group):
    """(error, offset)"""
    body = compact(group) + b"\2" + compact(topic) + b"\2" + struct.pack(">i", 0) + b"\0" + bytes([stable]) + b"\0"
    answer = wire.ask(9, 7, body, flexible=True)
    at = 4 + 1 + 1 + len(topic) + 1 + 4
    offset, _ = struct.unpack_from(">qi", answer, at)
    at += 12
    at += max(answer[at] - 1, 0) + 1
    return [struct.unpack_from(">h", answer, at)[0], offset]


admin = AdminClient({"bootstrap.servers": bootstrap})
for created in admin.create_topics([NewTopic(topic, num_partitions=2)]).values():
    created.result(timeout=30)

for at in range(600):
    # A partition answers a moment after its topic is there.
    if fetch(0, partition=at % 2)[0] != 0:
        time.sleep(0.1)
    elif at % 2:
        break
find_coordinator(1, topic + "-one")
find_coordinator(0, group)

# Who may be a producer, and until when.
one = topic + "-one"
owner = start(one)
seen["first epoch"] = owner[1]
seen["empty id"] = init("")[0]
seen["timeout 0"] = init(one, timeout=0)[0]
seen["timeout too long"] = init(one, timeout=900_001)[0]
seen["timeout longest"] = init(one, timeout=900_000)[0]
seen["half expected"] = [init(one, expected=(5, -1))[0], init(one, expected=(-1, 5))[0]]
seen["expected of nobody"] = init(one, expected=(owner[0] + 999, 0))[0]
seen["expected of the past"] = init(one, expected=owner)[0]
owner = (owner[0], owner[1] + 1)
error, next_owner = init(one, expected=owner)
seen["expected, next"] = [error, next_owner[0] == owner[0], next_owner[1] - owner[1]]
error, again = init(one, expected=owner)
seen["expected, again"] = [error, again == next_owner]
owner = start(one)
seen["unexpected, next"] = owner[1] - next_owner[1]
seen["new id, expected"] = init(topic + "-new", expected=(77, 3))[0]

# A transaction, step by step.
seen["end of nothing"] = [end(one, owner, 1), end(one, owner, 0)]
seen["produce outside"] = [produce(one, owner, 0), produce(one, owner, 0, version=11)]
seen["produce without an id"] = produce(None, owner, 0)
seen["add to an unknown id"] = [add("nobody", owner, [0]), add("", owner, [0])]
seen["add by a stranger"] = add(one, (owner[0] + 999, 0), [0])
zombie = (owner[0], owner[1] - 1)
seen["add by a zombie"] = [add(one, zombie, [0]), add(one, zombie, [0], version=0)]
seen["add what is not there"] = [sorted(add(one, owner, [0, 9])), add(one, owner, [0], topic=topic + "-no")]
seen["add"] = [add(one, owner, [0, 1]), add(one, owner, [1])]
seen["produce"] = [produce(one, owner, 0, "ab"), produce(one, owner, 2, "c"), produce(one, owner, 2, "c")]
seen["produce in the other partition"] = produce(one, owner, 0, "x", partition=1)
seen["produce with a gap"] = produce(one, owner, 9)
seen["produce without a transaction"] = produce(None, owner, 3, attributes=0)
seen["produce a control batch"] = produce(one, owner, 3, attributes=0x30)
seen["produce without a sequence"] = produce(one, owner, -1)
seen["produce by a zombie"] = produce(one, zombie, 0)
seen["produce under a wrong id"] = produce("nobody", owner, 3)
seen["open: fetch"] = [fetch(0), fetch(3), fetch(0, committed=0)]
seen["open: offsets"] = [list_offset(-1, 0), list_offset(-1, 1), list_offset(0, 0), list_offset(0, 1),
                         list_offset(-3, 1), list_offset(-2, 1)]
seen["end by a zombie"] = [end(one, zombie, 1), end(one, zombie, 1, version=0)]
seen["end by a stranger"] = [end(one, (owner[0] + 999, 0), 1), end("nobody", owner, 1), end("", owner, 1)]
seen["commit"] = settle(one, owner, 1)
seen["abort after commit"] = end(one, owner, 0)
seen["committed: fetch"] = [fetch(0), fetch(4)]
seen["committed: offsets"] = [list_offset(-1, 0), list_offset(-1, 1), list_offset(0, 1)]

# An abort among others' records.
two = topic + "-two"
other = start(two)
seen["abort: add"] = [add(one, owner, [0]), add(two, other, [0])]
seen["abort: produce"] = [produce(one, owner, 3, "d"), produce(two, other, 0, "e"), produce(None, (-1, -1), -1, "f", attributes=0)]
seen["abort"] = settle(two, other, 0)
seen["commit after abort"] = end(two, other, 1)
seen["abort: fetch before the other ends"] = fetch(4)
seen["abort: commit of the other"] = settle(one, owner, 1)
seen["abort: fetch"] = [fetch(0), fetch(6), fetch(9), fetch(0, committed=0)]

# A second producer with the same id fences the first, and aborts what it left open.
seen["fence: add"] = [add(two, other, [0]), produce(two, other, 1, "g")]
seen["fence: first answer"] = init(two)[0]
fencing = start(two)
seen["fence: epochs"] = fencing[1] - other[1]
seen["fence: the old one"] = [add(two, other, [0]), add_group(two, other), end(two, other, 1), produce(two, other, 2),
                              init(two, expected=other)[0]]
seen["fence: fetch"] = fetch(10)

# The producer that was fenced may take the id back until the other one has its epoch.
four = topic + "-four"
first = start(four)
seen["taken back: add"] = add(four, first, [1])
seen["taken back: fenced"] = init(four)[0]
back = start(four, expected=first)
seen["taken back: epochs"] = [back[1] - first[1], start(four, expected=first)[1] - first[1], start(four)[1] - first[1]]
seen["taken back: too late"] = [init(four, expected=first)[0], init(four, expected=back)[0]]

# Offsets of a group.
seen["offsets: not added"] = [commit_offset(one, owner, 5), commit_offset(one, owner, 5, version=4)]
seen["offsets: add by a zombie"] = [add_group(one, zombie), add_group(one, zombie, version=0)]
seen["offsets: add"] = add_group(one, owner)
seen["offsets: commit"] = commit_offset(one, owner, 5)
seen["offsets: unknown topic"] = commit_offset(one, owner, 5, topic=topic + "-no")
seen["offsets: long metadata"] = commit_offset(one, owner, 5, metadata="m" * 5_000)
seen["offsets: unknown member"] = commit_offset(one, owner, 5, member=("m", 3))
seen["offsets: zombie"] = commit_offset(one, zombie, 6)
seen["offsets: other group"] = commit_offset(one, owner, 6, group=apart(group))
seen["offsets: while open"] = [committed_offset(0), committed_offset(1)]
seen["offsets: end"] = settle(one, owner, 1)
seen["offsets: committed"] = [committed_offset(0), committed_offset(1)]
seen["offsets: again"] = [add_group(one, owner), commit_offset(one, owner, 9), settle(one, owner, 0)]
seen["offsets: aborted"] = [committed_offset(0), committed_offset(1)]

# A timeout.
three = topic + "-three"
slow = start(three, timeout=100)
seen["timeout: add"] = [add(three, slow, [1]), produce(three, slow, 0, partition=1)]
for _ in range(300):
    if fetch(0, partition=1)[1:3] == [5, 5]:
        break
    time.sleep(0.1)
seen["timeout: fetch"] = fetch(0, partition=1)
seen["timeout: end"] = [end(three, slow, 1), produce(three, slow, 1, partition=1), add(three, slow, [1])]
seen["timeout: init"] = init(three, timeout=100, expected=slow)[0]
seen["timeout: init anew"] = start(three)[1] - slow[1]

print(json.dumps(seen))
