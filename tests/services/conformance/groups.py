"""Requests of consumer groups: members, their offsets, and who looks after both."""

from wire import batch, main

METADATA = b"\0\1\0\0\0\1\0\1t\xff\xff\xff\xff"


class Member:
    """A member of a group that speaks the classic protocol."""

    def __init__(self, broker, group, instance=None, protocols=("range",), session=10_000):
        self.b, self.group, self.instance, self.session = broker, group, instance, session
        self.protocols = [{"name": name, "metadata": METADATA} for name in protocols]
        self.id, self.generation = "", -1

    def join(self, what, version=5, protocol_type="consumer", session=None):
        answer = self.b.step(what, "JoinGroup", versions=[version], group_id=self.group,
                             session_timeout_ms=session or self.session, rebalance_timeout_ms=10_000,
                             member_id=self.id, group_instance_id=self.instance, protocol_type=protocol_type,
                             protocols=self.protocols)
        self.id = answer["member_id"] or self.id
        self.generation = answer["generation_id"]
        return answer

    def sync(self, what, assignments=(), version=3, generation=None, member=None):
        return self.b.step(what, "SyncGroup", versions=[version], group_id=self.group, member_id=member or self.id,
                           generation_id=self.generation if generation is None else generation,
                           group_instance_id=self.instance, assignments=[
                               {"member_id": member, "assignment": assignment} for member, assignment in assignments])

    def heartbeat(self, what, generation=None, member=None, group=None):
        self.b.step(what, "Heartbeat", versions=[3], group_id=group or self.group,
                    generation_id=self.generation if generation is None else generation,
                    member_id=self.id if member is None else member, group_instance_id=self.instance)

    def leave(self, what, member=None):
        self.b.step(what, "LeaveGroup", versions=[3], group_id=self.group, members=[
            {"member_id": self.id if member is None else member, "group_instance_id": self.instance}])


def coordinators(b):
    b.step("of a group", "FindCoordinator", versions=range(0, 4), key=b.name("g"), key_type=0)
    b.step("of groups", "FindCoordinator", versions=[4], key_type=0, coordinator_keys=[b.name("g"), b.name("h")])
    b.step("of an unknown kind", "FindCoordinator", versions=[3], key=b.name("g"), key_type=9)
    b.step("of no group", "FindCoordinator", versions=[3], key="", key_type=0)


def membership(b):
    group = b.name("g")
    first = Member(b, group)
    first.join("a first word gets an id")
    first.join("and joins with it")
    first.heartbeat("before the assignment")
    first.sync("the leader assigns", [(first.id, b"all")])
    first.heartbeat("in a stable group")
    first.heartbeat("of another generation", generation=99)
    first.heartbeat("of a stranger", member="stranger")
    first.heartbeat("in a group that is not there", group=b.name("no"))
    first.sync("a follower's question", [])
    first.sync("of another generation", generation=99)
    first.sync("of a stranger", member="stranger")
    first.join("again, unchanged")
    first.sync("the same assignment", [(first.id, b"all")])
    stranger = Member(b, group)
    stranger.id = "stranger"
    stranger.join("with an id that nobody gave")
    Member(b, group, protocols=("sticky",)).join("with a protocol of its own", version=3)
    Member(b, group).join("with another type", version=3, protocol_type="connect")
    Member(b, group).join("with too short a session", session=5)
    Member(b, group).join("with too long a session", session=100_000_000)
    Member(b, "").join("a group without a name")
    Member(b, b.name("empty"), protocols=()).join("without protocols", version=3)
    b.step("the group", "DescribeGroups", groups=[group], include_authorized_operations=False)
    first.leave("a stranger leaves", member="stranger")
    first.leave("the member leaves")
    first.leave("it leaves again")
    b.step("the group without members", "DescribeGroups", groups=[group], include_authorized_operations=False)
    b.step("a group that is not there", "DescribeGroups", groups=[b.name("no")], include_authorized_operations=False)
    b.step("it is deleted", "DeleteGroups", versions=[2], groups_names=[group])
    b.step("it is deleted again", "DeleteGroups", groups_names=[group])


def static_members(b):
    group = b.name("g")
    first = Member(b, group, instance="one")
    first.join("joins at once")
    first.sync("the leader assigns", [(first.id, b"all")])
    again = Member(b, group, instance="one")
    again.join("comes back under its name")
    first.heartbeat("the one before is fenced")
    first.sync("and again", [])
    again.heartbeat("the one that came back")
    b.step("leaves by its name", "LeaveGroup", versions=[3], group_id=group, members=[
        {"member_id": "", "group_instance_id": "one"}])
    b.step("a name that is not there leaves", "LeaveGroup", versions=[3], group_id=group, members=[
        {"member_id": "", "group_instance_id": "two"}])


def offsets(b):
    topic, group = b.topic("t", 2), b.name("g")
    b.produce(topic, batch([b"v"] * 5))

    def commit(what, offset, partition=0, name=topic, member="", generation=-1, of=group, metadata="", versions=None):
        b.step(what, "OffsetCommit", versions=versions, group_id=of, member_id=member, group_instance_id=None,
               retention_time_ms=-1, topics=[{"name": name, "partitions": [
                   {"partition_index": partition, "committed_offset": offset, "committed_leader_epoch": -1,
                    "committed_metadata": metadata}]}], **{"generation_id_or_member_epoch": generation})

    def fetch(what, of=group, topics=None, versions=None):
        asked = [{"name": topic, "partition_indexes": [0, 1, 5]}] if topics is None else topics
        b.step(what, "OffsetFetch", versions=versions or range(1, 8), group_id=of, require_stable=False, topics=asked)

    fetch("nothing was committed")
    commit("without members", 3, metadata="note")
    commit("behind the end", 1_000, partition=1)
    commit("a negative offset", -7, versions=[8])
    commit("of a partition that is not there", 3, partition=9)
    commit("of a topic that is not there", 3, name=b.name("no"))
    commit("as a member that is not there", 3, member="stranger", generation=1)
    commit("with a generation", 3, generation=4)
    commit("too long a note", 3, metadata="x" * 5_000)
    commit("of a group without a name", 3, of="", versions=[8])
    fetch("what was committed")
    b.step("of all topics", "OffsetFetch", versions=range(2, 8), group_id=group, require_stable=False, topics=None)
    b.step("of several groups", "OffsetFetch", versions=[8], require_stable=False, groups=[
        {"group_id": group, "topics": [{"name": topic, "partition_indexes": [0]}]},
        {"group_id": b.name("no"), "topics": None}])
    b.step("one is deleted", "OffsetDelete", group_id=group, topics=[
        {"name": topic, "partitions": [{"partition_index": 1}, {"partition_index": 7}]}])
    b.step("of a group that is not there", "OffsetDelete", group_id=b.name("no"), topics=[
        {"name": topic, "partitions": [{"partition_index": 1}]}])
    fetch("after that", versions=[7])
    b.step("the group", "DescribeGroups", versions=[5], groups=[group], include_authorized_operations=False)
    member = Member(b, group)
    member.join("a member comes")
    member.join("and joins")
    member.sync("and assigns", [(member.id, b"all")])
    commit("by nobody, while there is a member", 1)
    commit("by the member", 2, member=member.id, generation=member.generation)
    commit("by the member, of another generation", 2, member=member.id, generation=50)
    b.step("an offset in use is deleted", "OffsetDelete", group_id=group, topics=[
        {"name": topic, "partitions": [{"partition_index": 0}]}])
    b.step("a group in use is deleted", "DeleteGroups", groups_names=[group])
    member.leave("the member leaves")
    b.step("an empty group is deleted", "DeleteGroups", versions=[2], groups_names=[group])
    fetch("after that", versions=[7])


main([coordinators, membership, static_members, offsets])
