//! What becomes of records and offsets as time passes: the clock is moved, clients look.

use super::*;
use ecap::broker::{Config, Storage};
use ecap::clock::ManualClock;
use rdkafka::consumer::CommitMode;
use std::collections::BTreeMap;
use std::sync::Arc;

const START_MS: i64 = 1_700_000_000_000;
const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// A broker whose clock the test moves.
struct Lived {
    broker: Broker,
    clock: Arc<ManualClock>,
    folder: TempDir,
}

impl Lived {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let clock = Arc::new(ManualClock::at(START_MS * 1_000));
        Self { broker: Self::start(folder.path(), &clock), clock, folder }
    }

    fn start(folder: &Path, clock: &Arc<ManualClock>) -> Broker {
        let listen = "127.0.0.1:0".parse().unwrap();
        let config = Config { listen, storage: Storage::Dir(folder.into()), ..Config::default() };
        Broker::start_at(config, Arc::<ManualClock>::clone(clock)).unwrap()
    }

    fn restart(self) -> Self {
        self.broker.stop().unwrap();
        Self { broker: Self::start(self.folder.path(), &self.clock), ..self }
    }

    fn address(&self) -> String {
        self.broker.address().to_string()
    }

    /// Sets the clock to so many milliseconds after the start.
    fn at(&self, after_ms: i64) {
        self.clock.set((START_MS + after_ms) * 1_000);
    }
}

/// Sends a record with a time of its own.
fn send_at(producer: &FutureProducer, topic: &str, key: &str, value: Option<&str>, after_ms: i64) -> i64 {
    let mut record = FutureRecord::<str, str>::to(topic).partition(0).key(key).timestamp(START_MS + after_ms);
    record.payload = value;
    block_on(producer.send_result(record).map_err(|(error, _)| error).unwrap()).unwrap().unwrap().offset
}

/// Key and value of every record of a partition, by offset.
fn records(address: &str, topic: &str) -> BTreeMap<i64, (String, Option<String>)> {
    let (_, end) = watermarks(address, topic, 0);
    let consumer = consumer(address, "reader", &[]);
    let mut from = TopicPartitionList::new();
    from.add_partition_offset(topic, 0, Offset::Beginning).unwrap();
    consumer.assign(&from).unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut seen = BTreeMap::new();
    wait_for("records", || {
        while let Some(message) = consumer.poll(Duration::from_millis(50)) {
            let message = message.unwrap();
            seen.insert(message.offset(), (text(message.key().unwrap()), message.payload().map(text)));
        }
        seen.contains_key(&(end - 1)).then_some(())
    });
    seen
}

#[test]
fn a_day_of_topics() {
    let lived = Lived::new();
    let address = lived.address();
    let hourly = ("segment.ms", "600000");
    create(&address, "hour", 1, &[("retention.ms", "3600000"), hourly]).unwrap();
    // Its records go a millisecond before those of the other one: whoever sees them gone knows that the
    // broker has looked at both.
    create(&address, "sign", 1, &[("retention.ms", "3599999"), hourly]).unwrap();
    let compact = [("cleanup.policy", "compact"), ("min.cleanable.dirty.ratio", "0.01")];
    let compact = [&compact[..], &[("delete.retention.ms", "7200000"), hourly]].concat();
    create(&address, "keys", 1, &compact).unwrap();
    let sender = producer(&address, &[]);
    let mut sent: Vec<(String, Option<String>)> = Vec::new();
    for hour in 0..24 {
        let now = hour * HOUR;
        lived.at(now);
        let first = |topic: &str| watermarks(&address, topic, 0).0;
        if hour > 0 {
            wait_for("records to go", || (first("sign") == hour).then_some(()));
            assert_eq!(first("hour"), hour - 1, "a record stays for the whole hour");
        }
        send_at(&sender, "hour", "", Some("value"), now);
        send_at(&sender, "sign", "", Some("value"), now);
        let key = if hour > 12 && hour % 3 == 0 { 1 } else { hour % 3 };
        let value = (hour != 12).then(|| hour.to_string());
        send_at(&sender, "keys", &format!("k{key}"), value.as_deref(), now);
        sent.push((format!("k{key}"), value));

        lived.at(now + 5 * MINUTE);
        wait_for("records to go", || (first("hour") == hour).then_some(()));
        let mut last = BTreeMap::new();
        for (offset, (key, _)) in (0..).zip(&sent[..hour as usize]) {
            last.insert(key, offset);
        }
        let mut expected: Vec<i64> = last.into_values().filter(|offset| *offset != 12 || hour < 15).collect();
        expected.sort_unstable();
        expected.push(hour);
        wait_for("compaction", || {
            let found = records(&address, "keys");
            found.iter().all(|(offset, record)| sent[*offset as usize] == *record).then_some(())?;
            found.keys().eq(&expected).then_some(())
        });
    }
    let lived = lived.restart();
    assert_eq!(records(&lived.address(), "keys").len(), 3);
    assert_eq!(watermarks(&lived.address(), "keys", 0), (0, 24));
}

#[test]
fn the_size_that_is_kept_is_bounded() {
    let lived = Lived::new();
    let address = lived.address();
    create(&address, "t", 1, &[("retention.bytes", "3000"), ("segment.bytes", "1000")]).unwrap();
    let sender = producer(&address, &[]);
    for at in 0..20 {
        send_at(&sender, "t", "", Some(&"x".repeat(400)), at);
    }
    lived.at(MINUTE);
    // Two records to a segment, about 950 bytes: four segments are more than 3,000 bytes.
    wait_for("records to go", || (watermarks(&address, "t", 0) == (12, 20)).then_some(()));
}

fn commit(consumer: &BaseConsumer, offset: i64) {
    let mut list = TopicPartitionList::new();
    list.add_partition_offset("t", 0, Offset::Offset(offset)).unwrap();
    consumer.commit(&list, CommitMode::Sync).unwrap();
}

fn committed(address: &str, group: &str) -> Option<i64> {
    let mut list = TopicPartitionList::new();
    list.add_partition("t", 0);
    let found = consumer(address, group, &[]).committed_offsets(list, Timeout::After(PATIENCE)).unwrap();
    match found.elements()[0].offset() {
        Offset::Offset(offset) => Some(offset),
        _ => None,
    }
}

#[test]
fn offsets_are_kept_for_a_week_after_their_group_is_empty() {
    let lived = Lived::new();
    let address = lived.address();
    create(&address, "t", 1, &[]).unwrap();
    // Its offset goes first: whoever sees it gone knows that the broker has looked at all.
    commit(&consumer(&address, "zz sign", &[]), 1);
    lived.at(HOUR);
    commit(&consumer(&address, "alone", &[]), 2);
    let member = |group: &str, offset| {
        let member = consumer(&address, group, &[("session.timeout.ms", "6000")]);
        member.subscribe(&["t"]).unwrap();
        wait_for("an assignment", || {
            member.poll(Duration::from_millis(20));
            (member.assignment().unwrap().count() == 1).then_some(())
        });
        commit(&member, offset);
        member
    };
    drop(member("left", 3));
    let stays = member("stays", 4);
    lived.at(3 * DAY);
    wait_for("the other group", || {
        let groups = stays.fetch_group_list(Some("stays"), PATIENCE).unwrap();
        (groups.groups()[0].state() == "Empty").then_some(())
    });
    drop(stays);
    let lived = lived.restart();
    let address = lived.address();
    let all = || ["zz sign", "alone", "left", "stays"].map(|group| committed(&address, group));
    assert_eq!(all(), [Some(1), Some(2), Some(3), Some(4)]);
    lived.at(7 * DAY + HOUR - 1);
    wait_for("an offset to go", || committed(&address, "zz sign").is_none().then_some(()));
    assert_eq!(all(), [None, Some(2), Some(3), Some(4)]);
    lived.at(7 * DAY + HOUR + 10 * MINUTE);
    wait_for("offsets to go", || (all() == [None, None, None, Some(4)]).then_some(()));
    lived.at(10 * DAY + 10 * MINUTE);
    wait_for("the last offset to go", || (all() == [None; 4]).then_some(()));
    let lived = lived.restart();
    assert_eq!(committed(&lived.address(), "stays"), None);
}
