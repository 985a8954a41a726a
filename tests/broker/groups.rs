//! Consumer groups.

use super::*;
use rdkafka::consumer::CommitMode;
use std::collections::BTreeSet;

fn member(address: &str, strategy: &str) -> BaseConsumer {
    let settings = [
        ("session.timeout.ms", "6000"),
        ("heartbeat.interval.ms", "200"),
        ("partition.assignment.strategy", strategy),
    ];
    let consumer = consumer(address, "team", &settings);
    consumer.subscribe(&["t"]).unwrap();
    consumer
}

fn assigned(consumer: &BaseConsumer) -> BTreeSet<i32> {
    if let Some(message) = consumer.poll(Duration::from_millis(20)) {
        message.unwrap();
    }
    consumer.assignment().unwrap().elements().iter().map(|place| place.partition()).collect()
}

#[test]
fn two_members_share_the_partitions_and_one_alone_has_all() {
    for strategy in ["range", "cooperative-sticky"] {
        let served = Served::with_topic("t", 4);
        let first = member(&served.address(), strategy);
        wait_for("the first member's partitions", || (assigned(&first).len() == 4).then_some(()));
        let second = member(&served.address(), strategy);
        wait_for("a fair share", || {
            let (one, two) = (assigned(&first), assigned(&second));
            (one.len() == 2 && two.len() == 2 && one.is_disjoint(&two)).then_some(())
        });
        drop(first);
        wait_for("the second member's partitions", || (assigned(&second).len() == 4).then_some(()));
    }
}

#[test]
fn a_group_goes_on_where_it_committed_after_a_restart() {
    let served = Served::with_topic("t", 1);
    let values = |from: i32, to: i32| (from..to).map(|at| at.to_string()).collect::<Vec<_>>();
    let sender = producer(&served.address(), &[]);
    send_all(&sender, "t", &values(0, 10));
    let take = |consumer: &BaseConsumer, count: usize| {
        let mut seen = Vec::new();
        wait_for("records", || {
            let message = consumer.poll(Duration::from_millis(50))?.unwrap();
            seen.push(String::from_utf8_lossy(message.payload().unwrap()).into_owned());
            if seen.len() < count {
                return None;
            }
            consumer.commit_message(&message, CommitMode::Sync).unwrap();
            Some(())
        });
        seen
    };
    let first = member(&served.address(), "range");
    assert_eq!(take(&first, 4), values(0, 4));
    drop(first);
    let served = served.restart();
    assert_eq!(take(&member(&served.address(), "range"), 6), values(4, 10));
}

#[test]
fn offsets_are_committed_without_membership_and_go_with_their_topic() {
    let served = Served::with_topic("t", 1);
    let committed = |served: &Served| {
        let mut asked = TopicPartitionList::new();
        asked.add_partition("t", 0);
        let consumer = consumer(&served.address(), "mirror", &[]);
        let found = consumer.committed_offsets(asked, PATIENCE).unwrap();
        (found.elements()[0].offset(), found.elements()[0].metadata().to_string())
    };
    let mut place = TopicPartitionList::new();
    place.add_partition_offset("t", 0, Offset::Offset(5)).unwrap();
    place.elements().iter_mut().for_each(|place| place.set_metadata("query=q"));
    consumer(&served.address(), "mirror", &[]).commit(&place, CommitMode::Sync).unwrap();
    assert_eq!(committed(&served), (Offset::Offset(5), "query=q".into()));
    let served = served.restart();
    assert_eq!(committed(&served), (Offset::Offset(5), "query=q".into()));
    block_on(admin(&served.address()).delete_topics(&["t"], &AdminOptions::new()))
        .unwrap()
        .remove(0)
        .unwrap();
    create(&served.address(), "t", 1, &[]).unwrap();
    assert_eq!(committed(&served).0, Offset::Invalid);
}

#[test]
fn a_group_is_listed_and_deleted_when_nobody_is_in_it() {
    let served = Served::with_topic("t", 1);
    let admin = admin(&served.address());
    let delete = || block_on(admin.delete_groups(&["team"], &AdminOptions::new())).unwrap().remove(0);
    assert_eq!(delete().unwrap_err().1, RDKafkaErrorCode::GroupIdNotFound);
    let only = member(&served.address(), "range");
    wait_for("the partition", || (assigned(&only).len() == 1).then_some(()));
    let listed = admin.inner().fetch_group_list(None, PATIENCE).unwrap();
    let group = &listed.groups()[0];
    assert_eq!((group.name(), group.state(), group.protocol()), ("team", "Stable", "range"));
    assert_eq!(group.members().len(), 1);
    assert_eq!(delete().unwrap_err().1, RDKafkaErrorCode::NonEmptyGroup);
    send(&producer(&served.address(), &[]), "t", 0, "x").unwrap();
    let message = wait_for("the record", || only.poll(Duration::from_millis(50))).unwrap();
    only.commit_message(&message, CommitMode::Sync).unwrap();
    drop(message);
    drop(only);
    wait_for("the group to be empty", || delete().is_ok().then_some(()));
}
