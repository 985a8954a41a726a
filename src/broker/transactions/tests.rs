use super::*;
use crate::broker::batch::tests::transacted;
use crate::broker::batch::{HEADER_SIZE, Header};
use crate::broker::groups::Caller;
use crate::broker::journal::Committed;
use crate::broker::log::{Admitted, Log};
use crate::broker::settings::Settings;
use crate::broker::{Config, Core, Storage};
use crate::clock::ManualClock;
use proptest::prelude::*;
use std::collections::HashSet;
use tempfile::TempDir;

const TIMEOUT_MS: i32 = 60_000;
const NOBODY: Caller<'static> = Caller { member_id: "", instance_id: None, generation: -1 };

/// A broker without its server, that can be killed.
struct Node {
    folder: TempDir,
    clock: Arc<ManualClock>,
    core: Option<Core>,
}

impl Node {
    fn new(partitions: usize) -> Self {
        let mut node =
            Self { folder: TempDir::new().unwrap(), clock: Arc::new(ManualClock::at(0)), core: None };
        node.kill();
        node.core().topics.create("t", partitions, Settings::new()).unwrap();
        node
    }

    fn core(&self) -> &Core {
        self.core.as_ref().unwrap()
    }

    fn transactions(&self) -> &Transactions {
        &self.core().transactions
    }

    /// Nothing is written when it ends, so that an end is a kill; then it starts again.
    fn kill(&mut self) {
        self.core = None;
        let config = Config { storage: Storage::Dir(self.folder.path().into()), ..Config::default() };
        let clock: Arc<dyn Clock> = self.clock.clone();
        self.core = Some(Core::open(config, clock).unwrap());
    }

    fn pass(&self, ms: i64) {
        self.clock.set(self.clock.now() + ms * 1_000);
        self.transactions().tick();
    }

    /// Asks until the transaction of the producer before is ended.
    fn init(&self, id: &str) -> Identity {
        let ask = || self.transactions().init(id, TIMEOUT_MS, None);
        ask().or_else(|_| ask()).unwrap()
    }

    fn add(&self, id: &str, who: Identity, partition: i32) -> Result<(), ResponseError> {
        self.transactions().add(id, who, vec![("t".into(), partition)], None)
    }

    fn send(&self, id: &str, who: Identity, partition: i32, sequence: i32) -> Result<i64, ResponseError> {
        let topic = self.core().topics.get("t").unwrap();
        let batch = transacted(2, self.clock.now() / 1_000, who.producer_id, who.epoch, sequence);
        let write = || {
            let found = topic.partition(partition).unwrap();
            found.log().append_first(
                &Admitted::new(&batch, &topic.rules, 0).map_err(|refused| refused.error)?,
                &topic.rules,
                0,
            )
        };
        let placed = self.transactions().write_in(id, who, Part::Partition("t", partition), write)?;
        Ok(placed.offset)
    }

    fn commit_offset(&self, id: &str, who: Identity, offset: i64) -> Result<(), ResponseError> {
        self.transactions().add(id, who, Vec::new(), Some("g".into()))?;
        let committed = Committed { offset, leader_epoch: -1, metadata: String::new(), time: 0 };
        let offsets = vec![(("t".to_string(), 0), committed)];
        let keep = || self.core().groups.commit_pending("g", NOBODY, who.producer_id, offsets);
        self.transactions().write_in(id, who, Part::Group("g"), keep)
    }

    fn committed_offset(&self) -> Option<i64> {
        let look = |group: &crate::broker::groups::Group| {
            group.offsets.get(&("t".to_string(), 0)).map(|committed| committed.offset)
        };
        self.core().groups.look("g", look).flatten()
    }

    fn knows(&self, id: &str) -> bool {
        self.transactions().look(id, |_| ()).is_some()
    }

    fn state(&self, id: &str) -> State {
        self.transactions().look(id, |known| known.state).unwrap()
    }

    /// The last stable offset, and the base offsets that a reader of committed records sees.
    fn read_committed(&self, partition: i32) -> (i64, Vec<i64>) {
        let found = self.core().topics.partition("t", partition).unwrap();
        let log = found.log();
        (log.last_stable(), read_committed(&log))
    }
}

/// What a client makes of a fetch: batches of producers are skipped from where the list says that they
/// were aborted until their marker.
fn read_committed(log: &Log) -> Vec<i64> {
    let Some((_, span)) = log.read_stable_from(0).unwrap() else { return Vec::new() };
    let (bytes, next) = span.read(usize::MAX, usize::MAX).unwrap();
    let mut aborted = log.aborted_between(0, next.unwrap()).unwrap();
    let (mut skipped, mut seen, mut at) = (HashSet::new(), Vec::new(), 0);
    while let Some(header) = bytes.get(at..).and_then(Header::read) {
        let batch = &bytes[at..at + header.size()];
        at += header.size();
        aborted.retain(|aborted| {
            let begins = aborted.first < header.next_offset();
            if begins {
                skipped.insert(aborted.producer_id);
            }
            !begins
        });
        match Marker::read(&header, batch) {
            Some(marker) if marker.outcome == Outcome::Abort => {
                skipped.remove(&header.producer_id);
            }
            Some(_) => {}
            None if skipped.contains(&header.producer_id) => {}
            None => seen.push(header.base_offset),
        }
    }
    assert!(bytes.is_empty() || bytes.len() > HEADER_SIZE);
    seen
}

#[test]
fn a_commit_shows_everything_at_once_and_an_abort_nothing() {
    let node = Node::new(2);
    let who = node.init("a");
    for partition in [0, 1] {
        node.add("a", who, partition).unwrap();
        node.send("a", who, partition, 0).unwrap();
    }
    node.commit_offset("a", who, 7).unwrap();
    assert_eq!((node.read_committed(0), node.committed_offset()), ((0, vec![]), None));
    node.transactions().end("a", who, Outcome::Commit).unwrap();
    assert_eq!((node.read_committed(0), node.read_committed(1)), ((3, vec![0]), (3, vec![0])));
    assert_eq!(node.committed_offset(), Some(7));
    node.transactions().end("a", who, Outcome::Commit).unwrap();
    assert_eq!(node.read_committed(0).0, 3, "said twice, done once");

    node.add("a", who, 0).unwrap();
    node.send("a", who, 0, 2).unwrap();
    node.commit_offset("a", who, 9).unwrap();
    node.transactions().end("a", who, Outcome::Abort).unwrap();
    assert_eq!((node.read_committed(0), node.committed_offset()), ((6, vec![0]), Some(7)));
}

#[test]
fn what_is_not_in_the_transaction_is_not_written() {
    let node = Node::new(2);
    let who = node.init("a");
    assert_eq!(node.send("a", who, 0, 0), Err(ResponseError::TransactionAbortable));
    node.add("a", who, 0).unwrap();
    assert_eq!(node.send("a", who, 1, 0), Err(ResponseError::TransactionAbortable));
    let topic = node.core().topics.get("t").unwrap();
    let batch = transacted(1, 0, who.producer_id, who.epoch, 0);
    let batch = Admitted::new(&batch, &topic.rules, 0).unwrap();
    let past = topic.partition(1).unwrap().log().append(&batch, &topic.rules, 0);
    assert_eq!(past, Err(ResponseError::InvalidTxnState));
}

#[test]
fn the_next_producer_fences_the_one_before_and_aborts_its_transaction() {
    let mut node = Node::new(1);
    let old = node.init("a");
    node.add("a", old, 0).unwrap();
    node.send("a", old, 0, 0).unwrap();
    node.kill();
    assert_eq!(node.state("a"), State::Ongoing, "over a restart too");
    let ask = || node.transactions().init("a", TIMEOUT_MS, None);
    assert_eq!(ask(), Err(ResponseError::ConcurrentTransactions));
    assert_eq!(ask(), Ok(Identity { epoch: old.epoch + 2, ..old }));
    assert_eq!(node.read_committed(0), (3, vec![]));
    assert_eq!(node.add("a", old, 0), Err(ResponseError::ProducerFenced));
    assert_eq!(node.transactions().end("a", old, Outcome::Commit), Err(ResponseError::ProducerFenced));
}

#[test]
fn a_transaction_is_aborted_after_its_timeout_and_its_producer_may_go_on() {
    let mut node = Node::new(1);
    let slow = node.init("a");
    node.add("a", slow, 0).unwrap();
    node.send("a", slow, 0, 0).unwrap();
    node.pass(i64::from(TIMEOUT_MS));
    assert_eq!(node.state("a"), State::Ongoing);
    node.kill();
    node.pass(1);
    assert_eq!(node.state("a"), State::CompleteAbort);
    assert_eq!(node.read_committed(0), (3, vec![]));
    assert_eq!(node.transactions().end("a", slow, Outcome::Commit), Err(ResponseError::ProducerFenced));
    let next = node.transactions().init("a", TIMEOUT_MS, Some(slow)).unwrap();
    assert_eq!(next, Identity { epoch: slow.epoch + 1, ..slow });
    node.add("a", next, 0).unwrap();
    assert_eq!(node.send("a", next, 0, 0), Ok(3));
}

#[test]
fn an_id_is_forgotten_a_week_after_its_last_use() {
    let mut node = Node::new(1);
    let first = node.init("a");
    node.pass(EXPIRATION_MS - 1);
    assert!(node.knows("a"));
    node.pass(1);
    assert!(!node.knows("a"));
    node.kill();
    assert!(!node.knows("a"));
    assert!(node.init("a").producer_id > first.producer_id);
}

#[test]
fn used_up_epochs_give_a_new_producer_id() {
    let node = Node::new(1);
    let first = node.init("a");
    let mut last = Transaction::new(first.producer_id, 0);
    last.identity.epoch = i16::MAX - 1;
    node.transactions().lock().keep("a", last.clone()).unwrap();
    let again = |expected| node.transactions().init("a", TIMEOUT_MS, expected);
    let given = again(Some(last.identity)).unwrap();
    assert_eq!((given.epoch, given.producer_id > first.producer_id), (0, true));
    assert_eq!(again(Some(last.identity)), Ok(given), "asked again, as the answer was lost");
    assert_eq!(again(Some(Identity { epoch: 5, ..first })), Err(ResponseError::ProducerFenced));
}

#[test]
fn a_transaction_of_a_deleted_topic_can_end() {
    let node = Node::new(1);
    let who = node.init("a");
    node.add("a", who, 0).unwrap();
    node.core().topics.delete("t").unwrap();
    node.transactions().end("a", who, Outcome::Commit).unwrap();
    assert_eq!(node.state("a"), State::CompleteCommit);
}

#[derive(Debug, Clone)]
enum Step {
    Init(usize),
    Send(usize, i32),
    Offset(usize),
    End(usize, bool),
    /// The decision is written and perhaps one marker, and then it ends.
    DecideAndDie(usize, bool, bool),
    Kill,
    Pass(i64),
}

fn step() -> impl Strategy<Value = Step> {
    let who = 0..3usize;
    prop_oneof![
        1 => who.clone().prop_map(Step::Init),
        8 => (who.clone(), 0..2).prop_map(|(who, partition)| Step::Send(who, partition)),
        1 => who.clone().prop_map(Step::Offset),
        3 => (who.clone(), any::<bool>()).prop_map(|(who, commits)| Step::End(who, commits)),
        1 => (who, any::<bool>(), any::<bool>())
            .prop_map(|(who, commits, marks)| Step::DecideAndDie(who, commits, marks)),
        1 => Just(Step::Kill),
        1 => (1..TIMEOUT_MS as i64).prop_map(Step::Pass),
    ]
}

/// A producer, and what it knows of its transaction.
#[derive(Default, Clone)]
struct Writer {
    identity: Option<Identity>,
    sequences: [i32; 2],
    open: Vec<(usize, i64)>,
    offset: Option<i64>,
}

/// What readers must see.
#[derive(Default)]
struct Truth {
    writers: [Writer; 3],
    committed: [Vec<i64>; 2],
    offset: Option<i64>,
    next_offset: i64,
}

impl Truth {
    fn take(&mut self, node: &mut Node, step: &Step) {
        match *step {
            Step::Init(who) => {
                let identity = Some(node.init(&who.to_string()));
                self.writers[who] = Writer { identity, ..Writer::default() };
            }
            Step::Send(who, partition) => self.send(node, who, partition),
            Step::Offset(who) => {
                let Some(identity) = self.writers[who].identity else { return };
                self.next_offset += 1;
                if node.commit_offset(&who.to_string(), identity, self.next_offset).is_ok() {
                    self.writers[who].offset = Some(self.next_offset);
                }
            }
            Step::End(who, commits) => {
                let Some(identity) = self.writers[who].identity else { return };
                if node.transactions().end(&who.to_string(), identity, outcome(commits)).is_ok() {
                    self.ended(who, commits);
                }
            }
            Step::DecideAndDie(who, commits, marks) => self.decide_and_die(node, who, commits, marks),
            Step::Kill => node.kill(),
            Step::Pass(ms) => {
                node.pass(ms);
                for who in 0..3 {
                    let id = who.to_string();
                    let fenced = |known: &Transaction| Some(known.identity) != self.writers[who].identity;
                    if node.transactions().look(&id, fenced).unwrap_or(false) {
                        self.writers[who] = Writer::default();
                    }
                }
            }
        }
    }

    fn send(&mut self, node: &Node, who: usize, partition: i32) {
        let (id, at) = (who.to_string(), partition as usize);
        let Some(identity) = self.writers[who].identity else { return };
        node.add(&id, identity, partition).unwrap();
        let offset = node.send(&id, identity, partition, self.writers[who].sequences[at]).unwrap();
        self.writers[who].sequences[at] += 2;
        self.writers[who].open.push((at, offset));
    }

    fn decide_and_die(&mut self, node: &mut Node, who: usize, commits: bool, marks: bool) {
        let (id, now) = (who.to_string(), node.transactions().now_ms());
        let Some(identity) = self.writers[who].identity else { return };
        {
            let mut inner = node.transactions().lock();
            let Ok(Some(decided)) = inner.all[&id].decide(identity, outcome(commits), now) else { return };
            inner.keep(&id, decided.clone()).unwrap();
            if let Some((topic, partition)) = decided.partitions.first().filter(|_| marks) {
                let marker = Marker {
                    producer_id: identity.producer_id,
                    producer_epoch: identity.epoch,
                    outcome: outcome(commits),
                    coordinator_epoch: COORDINATOR_EPOCH,
                };
                node.transactions().write_marker(topic, *partition, &marker).unwrap();
            }
        }
        node.kill();
        self.ended(who, commits);
    }

    fn ended(&mut self, who: usize, commits: bool) {
        let open = std::mem::take(&mut self.writers[who].open);
        let offset = self.writers[who].offset.take();
        if commits {
            open.into_iter().for_each(|(partition, offset)| self.committed[partition].push(offset));
            self.offset = offset.or(self.offset);
        }
    }

    fn check(&self, node: &Node) -> Result<(), TestCaseError> {
        for partition in [0, 1] {
            let (stable, seen) = node.read_committed(partition as i32);
            let open = self.writers.iter().flat_map(|writer| &writer.open);
            let first_open = open.filter(|(at, _)| *at == partition).map(|(_, offset)| *offset).min();
            let end = node.core().topics.partition("t", partition as i32).unwrap().log().end();
            prop_assert_eq!(stable, first_open.unwrap_or(end));
            let mut expected = self.committed[partition].clone();
            expected.retain(|offset| *offset < stable);
            expected.sort_unstable();
            prop_assert_eq!(seen, expected);
        }
        prop_assert_eq!(node.committed_offset(), self.offset);
        Ok(())
    }
}

fn outcome(commits: bool) -> Outcome {
    if commits { Outcome::Commit } else { Outcome::Abort }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(64), ..ProptestConfig::default() })]

    #[test]
    fn readers_see_whole_transactions_in_order_whatever_happens(
        steps in proptest::collection::vec(step(), 1..60),
    ) {
        let mut node = Node::new(2);
        let mut truth = Truth::default();
        for step in &steps {
            truth.take(&mut node, step);
            truth.check(&node)?;
        }
    }
}

/// As many as a long run says, or `default`: a case writes to the disk.
fn cases(default: u32) -> u32 {
    std::env::var("ECAP_TEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(default)
}
