"""Requests about topics, partitions and their settings."""

from wire import batch, main


def create_topics(b):
    def step(what, topics, versions=None, validate_only=False):
        b.step(what, "CreateTopics", versions=versions, timeout_ms=30_000, validate_only=validate_only,
               topics=topics, without={"configs"})

    def topic(name, **fields):
        filled = {"num_partitions": 1, "replication_factor": 1, "assignments": [], "configs": []}
        return {**filled, "name": name, **fields}

    full = b.name
    for version in range(2, 8):
        step("a new topic", [topic(full(f"new{version}"), num_partitions=2)], [version])
    step("one that is there", [topic(full("new2"))])
    step("only checked", [topic(full("checked"))], validate_only=True)
    step("only checked, and it is there", [topic(full("new2"))], validate_only=True)
    step("defaults", [topic(full("defaults"), num_partitions=-1, replication_factor=-1)], [7], validate_only=True)
    step("no partitions", [topic(full("none"), num_partitions=0)])
    step("a negative number of partitions", [topic(full("negative"), num_partitions=-3)])
    step("too many replicas", [topic(full("replicas"), replication_factor=3)])
    step("no replicas", [topic(full("replicas"), replication_factor=0)])
    for name in ["", ".", "..", "a/b", "a b", "x" * 250, "ü"]:
        step(f"the name '{name[:5]}'", [topic(name)], [7])
    step("a name that differs from another in a dot", [topic(full("dot.ted"))], [7])
    step("a name that differs from another in a dot", [topic(full("dot_ted"))], [7])
    step("twice in a request", [topic(full("twice")), topic(full("twice"))])
    step("an unknown setting", [topic(full("setting"), configs=[{"name": "no.such", "value": "1"}])])
    for name, value in [("retention.ms", "soon"), ("retention.ms", "-2"), ("cleanup.policy", "shred"),
                        ("cleanup.policy", ""), ("compression.type", "rar"), ("segment.bytes", "1"),
                        ("min.cleanable.dirty.ratio", "2"), ("preallocate", "perhaps"), ("max.message.bytes", "-1"),
                        ("message.timestamp.type", "Never"), ("min.insync.replicas", "0"), ("retention.ms", None)]:
        step(f"{name} = {value}", [topic(full("setting"), configs=[{"name": name, "value": value}])], [7], True)
    step("settings", [topic(full("settings"), configs=[{"name": "retention.ms", "value": "-1"},
                                                       {"name": "cleanup.policy", "value": "compact,delete"}])], [5])
    by_hand = {"num_partitions": -1, "replication_factor": -1}
    step("assigned by hand", [topic(full("assigned"), **by_hand, assignments=[
        {"partition_index": 0, "broker_ids": [1]}, {"partition_index": 1, "broker_ids": [1]}])], [7])
    step("assigned with a count", [topic(full("counted"), assignments=[
        {"partition_index": 0, "broker_ids": [1]}])])
    step("assigned to a stranger", [topic(full("stranger"), **by_hand, assignments=[
        {"partition_index": 0, "broker_ids": [77]}])])
    step("assigned with a gap", [topic(full("gap"), **by_hand, assignments=[
        {"partition_index": 0, "broker_ids": [1]}, {"partition_index": 2, "broker_ids": [1]}])])
    step("assigned to nobody", [topic(full("nobody"), **by_hand, assignments=[
        {"partition_index": 0, "broker_ids": []}])])
    step("assigned twice to one", [topic(full("again"), **by_hand, assignments=[
        {"partition_index": 0, "broker_ids": [1, 1]}])])


def delete_topics(b):
    def names(version, *names):
        return {"topics": [{"name": name, "topic_id": None} for name in names]} if version >= 6 else {
            "topic_names": list(names)}

    for version in range(1, 7):
        there = b.topic(f"there{version}")
        for what, name in [("a topic", there), ("it again", there), ("one that never was", b.name("never"))]:
            b.step(what, "DeleteTopics", versions=[version], timeout_ms=30_000, **names(version, name))
    both = b.topic("both")
    b.step("one that is there and one that is not", "DeleteTopics", versions=[4], timeout_ms=30_000,
           **names(4, both, b.name("never")))


def metadata(b):
    topic = b.topic("t", 3)
    asked = {"allow_auto_topic_creation": False, "include_cluster_authorized_operations": False,
             "include_topic_authorized_operations": False}
    for what, name in [("a topic", topic), ("one that is not there", b.name("no")), ("a name that none can have", "a/b")]:
        b.step(what, "Metadata", topics=[{"name": name}], **asked)
    b.step("no topics", "Metadata", versions=range(1, 10), topics=[], **asked)
    b.step("the cluster", "DescribeCluster", include_cluster_authorized_operations=False)


def create_partitions(b):
    topic = b.topic("t", 2)

    def step(what, name, count, assignments=None, validate_only=False, versions=None):
        b.step(what, "CreatePartitions", versions=versions, timeout_ms=30_000, validate_only=validate_only,
               topics=[{"name": name, "count": count, "assignments": assignments}])

    step("only checked", topic, 4, validate_only=True)
    step("fewer", topic, 1)
    step("as many", topic, 2)
    step("none", topic, 0)
    step("of a topic that is not there", b.name("no"), 4)
    step("more", topic, 3, versions=[0])
    step("more, by hand", topic, 4, assignments=[{"broker_ids": [1]}], versions=[3])
    step("more, with too few assignments", topic, 7, assignments=[{"broker_ids": [1]}])
    step("more, for a stranger", topic, 5, assignments=[{"broker_ids": [77]}])
    b.settle()
    b.step("what there is", "Metadata", versions=[9], topics=[{"name": topic}], allow_auto_topic_creation=False,
           include_cluster_authorized_operations=False, include_topic_authorized_operations=False)


def configs(b):
    topic = b.topic("t", 1, delete_retention_ms="60000")

    def describe(what, kind, name, keys=None, versions=None):
        b.settle()
        b.step(what, "DescribeConfigs", versions=versions, include_synonyms=True, include_documentation=False,
               resources=[{"resource_type": kind, "resource_name": name, "configuration_keys": keys}])

    chosen = ["delete.retention.ms", "cleanup.policy", "max.message.bytes", "no.such"]
    describe("some settings of a topic", 2, topic, chosen)
    describe("a topic that is not there", 2, b.name("no"), chosen)
    describe("a name that no topic has", 2, "a/b", chosen)
    describe("a broker that is not there", 4, "77", [])
    describe("a broker without a number", 4, "one", [])
    describe("a kind that is not there", 99, "x", [])

    def set_all(what, kind, name, pairs, validate_only=False):
        b.step(what, "AlterConfigs", validate_only=validate_only, resources=[
            {"resource_type": kind, "resource_name": name,
             "configs": [{"name": key, "value": value} for key, value in pairs]}])

    set_all("all settings", 2, topic, [("cleanup.policy", "compact")])
    describe("after that", 2, topic, chosen)
    set_all("only checked", 2, topic, [("cleanup.policy", "delete")], validate_only=True)
    set_all("a wrong value", 2, topic, [("cleanup.policy", "shred")])
    set_all("no value", 2, topic, [("cleanup.policy", None)])
    set_all("a setting that is not there", 2, topic, [("no.such", "1")])
    set_all("of a topic that is not there", 2, b.name("no"), [("cleanup.policy", "compact")])
    set_all("of an unknown kind", 99, "x", [("cleanup.policy", "compact")])

    def change(what, pairs, name=topic, kind=2, validate_only=False):
        b.step(what, "IncrementalAlterConfigs", validate_only=validate_only, resources=[
            {"resource_type": kind, "resource_name": name,
             "configs": [{"name": key, "config_operation": how, "value": value} for key, how, value in pairs]}])

    change("one is set", [("delete.retention.ms", 0, "1000")])
    change("an item is added", [("cleanup.policy", 2, "delete")])
    change("an item that is there is added", [("cleanup.policy", 2, "delete")])
    describe("after that", 2, topic, chosen)
    change("an item is taken away", [("cleanup.policy", 3, "compact")])
    change("one is taken back", [("delete.retention.ms", 1, None)])
    describe("after that", 2, topic, chosen)
    change("an item is added to what is no list", [("delete.retention.ms", 2, "1")])
    change("one twice", [("delete.retention.ms", 0, "1"), ("delete.retention.ms", 0, "2")])
    change("a wrong value", [("delete.retention.ms", 0, "soon")])
    change("no value", [("delete.retention.ms", 0, None)])
    change("a setting that is not there", [("no.such", 0, "1")])
    change("only checked", [("delete.retention.ms", 0, "5")], validate_only=True)
    change("of a topic that is not there", [("delete.retention.ms", 0, "5")], name=b.name("no"))
    describe("at the end", 2, topic, chosen)


def log_dirs(b):
    topic = b.topic("t", 2)
    b.step("two partitions", "DescribeLogDirs", topics=[{"topic": topic, "partitions": [0, 1, 7]}])
    b.step("a topic that is not there", "DescribeLogDirs", topics=[{"topic": b.name("no"), "partitions": [0]}])


def delete_records(b):
    topic = b.topic("t", 2)
    b.produce(topic, batch([b"v"] * 10))

    def step(what, name, partition, offset):
        b.step(what, "DeleteRecords", timeout_ms=30_000, topics=[
            {"name": name, "partitions": [{"partition_index": partition, "offset": offset}]}])

    step("some", topic, 0, 4)
    step("fewer than before", topic, 0, 2)
    step("more than there are", topic, 0, 11)
    step("a negative offset", topic, 0, -5)
    step("of a partition that is not there", topic, 5, 1)
    step("of a topic that is not there", b.name("no"), 0, 1)
    step("all", topic, 0, -1)
    step("all of none", topic, 1, -1)


main([create_topics, delete_topics, metadata, create_partitions, configs, log_dirs, delete_records])
