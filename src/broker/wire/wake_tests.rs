//! Whoever waits for committed records is woken by whatever lets more of them be read: an append, a marker,
//! a fenced producer, a timeout. Time stands still, so that nothing else ends the wait.

use super::fetch::fetch;
use super::produce::produce;
use super::transactions::{end_txn, init_producer_id};
use super::*;
use crate::broker::batch::Header;
use crate::broker::batch::tests::transacted;
use crate::broker::settings::Settings;
use crate::broker::transactions::Identity;
use crate::broker::{Config, Core};
use crate::clock::{Clock, ManualClock};
use fetch_request::{FetchPartition, FetchTopic};
use futures::FutureExt;
use produce_request::{PartitionProduceData, TopicProduceData};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::LazyLock;
use tokio::runtime::{Builder, Runtime};

const PARTITIONS: usize = 2;
const TIMEOUT_MS: i32 = 60_000;

#[derive(Debug, Clone)]
enum Step {
    /// A producer sends a batch into a partition, in its transaction.
    Send(usize, i32),
    /// It ends its transaction.
    End(usize, bool),
    /// Another producer takes its id over.
    TakeOver(usize),
    /// Transactions run out of time.
    Pass,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0..3usize, 0..PARTITIONS as i32).prop_map(|(who, partition)| Step::Send(who, partition)),
        3 => (0..3usize, any::<bool>()).prop_map(|(who, commits)| Step::End(who, commits)),
        1 => (0..3usize).prop_map(Step::TakeOver),
        1 => Just(Step::Pass),
    ];
    prop::collection::vec(step, 1..60)
}

/// The producers of three transactional ids.
struct Producers<'a> {
    core: &'a Core,
    clock: &'a ManualClock,
    identities: [Option<Identity>; 3],
    sequences: BTreeMap<(usize, i32), i32>,
}

impl<'a> Producers<'a> {
    fn new(core: &'a Core, clock: &'a ManualClock) -> Self {
        Self { core, clock, identities: [None; 3], sequences: BTreeMap::new() }
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Send(who, partition) => self.send(who, partition),
            Step::End(who, commits) => self.end(who, commits),
            Step::TakeOver(who) => {
                self.identities[who] = None;
                self.identity(who);
            }
            Step::Pass => {
                self.clock.set(self.clock.now() + i64::from(TIMEOUT_MS) * 1_000 + 1_000);
                self.core.transactions.tick();
            }
        }
    }

    fn identity(&mut self, who: usize) -> Identity {
        if let Some(known) = self.identities[who] {
            return known;
        }
        let request = || {
            InitProducerIdRequest::default()
                .with_transactional_id(Some(id(who)))
                .with_transaction_timeout_ms(TIMEOUT_MS)
        };
        let mut given = init_producer_id(&context(self.core, 4), request());
        if given.error_code != 0 {
            given = init_producer_id(&context(self.core, 4), request());
        }
        let identity = Identity { producer_id: given.producer_id.0, epoch: given.producer_epoch };
        self.sequences.retain(|(known, _), _| *known != who);
        self.identities[who] = Some(identity);
        identity
    }

    /// A producer whose transaction ran out of time is refused, and begins anew with the next step.
    fn send(&mut self, who: usize, partition: i32) {
        let identity = self.identity(who);
        let place = vec![("t".to_string(), partition)];
        if self.core.transactions.add(&id(who), identity, place, None).is_err() {
            self.identities[who] = None;
            return;
        }
        let sequence = self.sequences.entry((who, partition)).or_default();
        let time = self.clock.now() / 1_000;
        let batch = transacted(2, time, identity.producer_id, identity.epoch, *sequence);
        *sequence += 2;
        let data = PartitionProduceData::default().with_index(partition).with_records(Some(batch));
        let topic = TopicProduceData::default().with_name(name()).with_partition_data(vec![data]);
        let request = ProduceRequest::default()
            .with_acks(-1)
            .with_transactional_id(Some(id(who)))
            .with_topic_data(vec![topic]);
        let answer = produce(&context(self.core, 9), request).unwrap();
        assert_eq!(answer.responses[0].partition_responses[0].error_code, 0);
    }

    fn end(&mut self, who: usize, commits: bool) {
        let Identity { producer_id, epoch } = self.identity(who);
        let request = EndTxnRequest::default()
            .with_transactional_id(id(who))
            .with_producer_id(ProducerId(producer_id))
            .with_producer_epoch(epoch)
            .with_committed(commits);
        end_txn(&context(self.core, 3), request);
    }
}

fn context(core: &Core, version: i16) -> Context<'_> {
    let here = "127.0.0.1:9092".parse().unwrap();
    Context { core, version, client_id: String::new(), local: here, remote: here }
}

fn name() -> TopicName {
    TopicName(text("t"))
}

fn id(who: usize) -> TransactionalId {
    TransactionalId(text(format!("id-{who}")))
}

/// A reader of committed records who stands at these offsets, and waits for more.
async fn read(core: &Core, offsets: [i64; PARTITIONS]) -> FetchResponse {
    let partition = |(partition, offset): (usize, i64)| {
        let asked = FetchPartition::default().with_partition(partition as i32).with_fetch_offset(offset);
        asked.with_partition_max_bytes(1 << 20)
    };
    let partitions = offsets.into_iter().enumerate().map(partition).collect();
    let topic = FetchTopic::default().with_topic(name()).with_partitions(partitions);
    let request = FetchRequest::default().with_isolation_level(1).with_min_bytes(1).with_max_bytes(1 << 20);
    let request = request.with_max_wait_ms(300_000).with_topics(vec![topic]);
    fetch(&context(core, 12), request).await
}

/// Whether there is anything for that reader.
fn is_due(core: &Core, offsets: [i64; PARTITIONS]) -> bool {
    let found = |(partition, offset): (usize, i64)| {
        let partition = core.topics.partition("t", partition as i32).unwrap();
        let found = partition.log().read_stable_from(offset).unwrap();
        found.is_some()
    };
    offsets.into_iter().enumerate().any(found)
}

/// Where the reader stands behind what it got.
fn behind(answer: &FetchResponse, mut offsets: [i64; PARTITIONS]) -> [i64; PARTITIONS] {
    for data in &answer.responses[0].partitions {
        assert_eq!(data.error_code, 0);
        let mut records = data.records.clone().unwrap_or_default();
        while let Some(header) = Header::read(&records) {
            offsets[data.partition_index as usize] = header.next_offset();
            records.advance(header.size());
        }
    }
    offsets
}

proptest! {
    #[test]
    fn whoever_waits_for_committed_records_is_woken_by_whatever_shows_more_of_them(steps in steps()) {
        static RUNTIME: LazyLock<Runtime> =
            LazyLock::new(|| Builder::new_current_thread().enable_time().build().unwrap());
        let _timers = RUNTIME.enter();
        let clock = Arc::new(ManualClock::at(0));
        let core = Core::open(Config::default(), clock.clone()).unwrap();
        core.topics.create("t", PARTITIONS, Settings::new()).unwrap();
        let mut producers = Producers::new(&core, &clock);
        let mut offsets = [0; PARTITIONS];
        let mut reader = Box::pin(read(&core, offsets));
        prop_assert!(reader.as_mut().now_or_never().is_none());
        for step in &steps {
            producers.take(step);
            let answer = reader.as_mut().now_or_never();
            prop_assert_eq!(answer.is_some(), is_due(&core, offsets), "{:?} at {:?}", step, offsets);
            if let Some(answer) = answer {
                offsets = behind(&answer, offsets);
                reader = Box::pin(read(&core, offsets));
                prop_assert!(reader.as_mut().now_or_never().is_none(), "everything was there at once");
            }
        }
    }
}
