//! A query that is stopped at any step goes on from its checkpoint as if nothing had been.

use crate::support::kept::{Fuse, KILLED, Kept, Results};
use crate::support::listed::{Listed, Stored};
use ecap::Error;
use ecap::catalog::Catalog;
use ecap::clock::{Clock, ManualClock, Stop};
use ecap::engine::checkpoint::{Asked, Checkpoint, Folder, Options as CheckpointOptions, Store, inspect};
use ecap::engine::letters::LetterSink;
use ecap::engine::options::{Options, OutputMode, Trigger};
use ecap::engine::source::{Allowance, Origin, Source};
use ecap::engine::watermark::Policy;
use ecap::engine::{Engine, Surroundings, Totals};
use ecap::query::plan::StreamPlan;
use ecap::tables::Table;
use std::sync::Arc;
use std::time::Duration;

/// A query whose checkpoint and results outlive it.
#[derive(Clone)]
pub struct Life {
    pub sql: &'static str,
    /// What it reads from, where that is told.
    pub origins: Vec<Origin>,
    pub mode: OutputMode,
    pub trigger: Trigger,
    pub flush: bool,
    pub per_read: usize,
    /// Hears of each read before it.
    pub reads: Option<Arc<dyn Fn() + Send + Sync>>,
    /// Whether each other read gives nothing.
    pub pauses: bool,
    pub policy: Policy,
    pub clock: Arc<ManualClock>,
    /// So many records are there.
    pub records: usize,
    /// Each of them.
    pub record: fn(usize) -> Stored,
    pub options: CheckpointOptions,
    pub kept: Kept,
    pub results: Results,
    /// The records that it could not use, late ones among them.
    pub letters: Results,
    pub fuse: Fuse,
    pub stop: Stop,
    pub tables: Vec<Arc<Table>>,
}

impl Life {
    pub fn of(sql: &'static str, mode: OutputMode) -> Self {
        let fuse = Fuse::none();
        let options = CheckpointOptions::default();
        let kept = Kept::new(fuse.clone());
        let (results, letters) = (Results::new(fuse.clone()), Results::new(fuse.clone()));
        Self {
            sql,
            origins: vec![],
            mode,
            trigger: Trigger::AvailableNow,
            flush: true,
            per_read: 40,
            reads: None,
            pauses: false,
            policy: Policy::default(),
            clock: Arc::new(ManualClock::at(0)),
            records: 200,
            record: sale,
            options,
            kept,
            results,
            letters,
            fuse,
            stop: Stop::default(),
            tables: vec![],
        }
    }

    /// Runs over all that is there, and to the end, or until it is killed.
    pub fn run(&self) -> Result<Totals, Error> {
        self.run_in(Box::new(self.kept.clone()))
    }

    /// The same, with its checkpoint in this store.
    pub fn run_in(&self, store: Box<dyn Store>) -> Result<Totals, Error> {
        let catalog = Catalog::built_in().expect("valid");
        let plan = StreamPlan::with_tables(self.sql, &catalog, "", None, self.tables.clone()).expect("plans");
        let asked = Asked {
            name: "test".into(),
            sql: self.sql.into(),
            sink: "a test".into(),
            topics: plan.scans.iter().map(|scan| scan.topic.name.clone()).collect(),
            origins: self.origins.clone(),
            state: plan.state(),
        };
        let checkpoint = Checkpoint::open(store, "a test", asked, &self.options, 0)?;
        let source = || {
            let mut listed = Listed::all((0..self.records).map(self.record), self.per_read);
            if self.pauses {
                listed.reads.push(0);
            }
            listed.hears.clone_from(&self.reads);
            Box::new(listed)
        };
        let around = Surroundings {
            sources: plan.scans.iter().map(|_| source() as _).collect(),
            sink: Box::new(self.results.clone()),
            letters: Some(LetterSink {
                sink: Box::new(self.letters.clone()),
                consumer: "a test".into(),
                query: "a test".into(),
            }),
            checkpoint: Some(checkpoint),
            listener: Box::new(|_| Ok(())),
            clock: self.clock.clone(),
        };
        let options = Options {
            trigger: self.trigger,
            mode: self.mode,
            policy: self.policy,
            delay: Some(Duration::from_secs(5)),
            idle_timeout: None,
            flush_at_end: self.flush,
            keep_late: true,
            ..Options::default()
        };
        Engine::new(plan, options, around)?.run(&self.stop)
    }

    /// What is wrong with its checkpoint.
    pub fn verify(&self) -> Vec<String> {
        inspect::verify(|| Ok(Box::new(self.kept.clone()))).expect("can be read")
    }

    /// Runs, killed after so many steps, and on to the end.
    pub fn killed_after(&self, steps: u64) -> Totals {
        self.fuse.set(steps);
        match self.run() {
            Err(error) if error.message() == KILLED => {}
            ended => return ended.expect("runs"),
        }
        self.fuse.set(u64::MAX);
        self.run().expect("goes on")
    }
}

/// Sales of two minutes on three partitions; times go up and down by seconds.
pub fn sale(number: usize) -> Stored {
    let (n, seconds) = (number as i64, number as i64 * 600 / 1_000);
    let time = (seconds + [0, 2, -3, 1][number % 4]) * 1_000_000;
    let value = format!(
        r#"{{"customer_id":"c{}","product_category":"k{}","quantity":{n},"final_amount":{}}}"#,
        n * 7 % 11,
        n * 5 % 3,
        1 + n % 13
    );
    Stored { partition: (n % 3) as i32, timestamp: time, value: Some(value), ..Stored::default() }
}

pub const TUMBLING: &str = "SELECT window.start AS s, product_category AS k, count(*) AS n, \
    count(DISTINCT customer_id) AS u, sum(quantity) AS q FROM `customer-transactions` \
    GROUP BY window(_timestamp, '10 seconds'), product_category";
pub const SLIDING: &str = "SELECT window.start AS s, product_category AS k, count(*) AS n, \
    count(DISTINCT customer_id) AS u FROM `customer-transactions` \
    GROUP BY window(_timestamp, '20 seconds', '5 seconds'), product_category";
const SESSIONS: &str = "SELECT session_window.start AS s, customer_id AS c, count(*) AS n \
    FROM `customer-transactions` GROUP BY session_window(_timestamp, '6 seconds'), customer_id";
const ONCE: &str = "SELECT DISTINCT customer_id, _timestamp FROM `customer-transactions`";
const JOINED: &str = "SELECT a.customer_id, a.quantity AS q, b.quantity AS r FROM `customer-transactions` a \
    LEFT JOIN `customer-transactions` b ON a.customer_id = b.customer_id AND a.quantity = b.quantity + 11 \
    AND b._timestamp BETWEEN a._timestamp - INTERVAL 9 SECONDS AND a._timestamp";
const RAW: &str = "SELECT customer_id, quantity, _partition, _offset FROM `customer-transactions`";

pub const QUERIES: [(&str, OutputMode); 8] = [
    (TUMBLING, OutputMode::Append),
    (TUMBLING, OutputMode::Update),
    (SLIDING, OutputMode::Append),
    (SLIDING, OutputMode::Update),
    (SESSIONS, OutputMode::Append),
    (ONCE, OutputMode::Append),
    (JOINED, OutputMode::Append),
    (RAW, OutputMode::Append),
];

#[test]
fn a_query_that_is_killed_at_any_step_gives_what_one_gives_that_is_not() {
    let mut kills = 0;
    for (sql, mode) in QUERIES {
        let straight = Life::of(sql, mode);
        let totals = straight.run().expect("runs");
        let steps = u64::MAX - straight.fuse.left();
        assert!(totals.batches > 4 && steps > 6 * totals.batches, "{sql}: {steps} steps");
        for step in 0..steps {
            let killed = Life::of(sql, mode);
            assert_eq!(killed.killed_after(step), totals, "{sql}, {mode:?}, killed after {step} steps");
            assert_eq!(
                killed.results.lines(),
                straight.results.lines(),
                "{sql}, {mode:?}, after {step} steps"
            );
            kills += 1;
        }
    }
    println!("{kills} kills, each with the same rows");
}

#[test]
fn a_batch_that_sinks_have_already_is_passed_over() {
    let life = Life::of(TUMBLING, OutputMode::Append);
    // The start's commit, the first batch's entry, and its rows: the answer of the sink is lost.
    life.killed_after(2 * 3 + 1);
    assert_eq!(life.results.again(), 1);
}

#[test]
fn a_batch_that_was_cut_off_is_left_as_it_was_where_the_end_is_asked_for() {
    let whole = Life::of(RAW, OutputMode::Append);
    let totals = whole.run().expect("runs");
    let life = Life::of(RAW, OutputMode::Append);
    // As above: the sink has the first batch.
    life.fuse.set(2 * 3 + 1);
    life.run().expect_err("is killed");
    life.fuse.set(u64::MAX);
    let asked = Life {
        stop: Stop::default(),
        trigger: Trigger::Interval(Duration::from_secs(5)),
        per_read: 7,
        ..life
    };
    asked.stop.request();
    assert_eq!(asked.run().expect("ends").batches, 0);
    let life = Life { stop: Stop::default(), trigger: Trigger::AvailableNow, per_read: 40, ..asked };
    assert_eq!(life.run().expect("goes on"), totals);
    assert_eq!(life.results.lines(), whole.results.lines());
}

#[test]
fn a_file_that_is_not_as_it_was_written_costs_a_batch_and_no_row() {
    for ending in [".commit", ".state"] {
        let (whole, life) = (Life::of(TUMBLING, OutputMode::Append), Life::of(TUMBLING, OutputMode::Append));
        whole.run().expect("runs");
        life.fuse.set(40);
        life.run().expect_err("is killed");
        life.fuse.set(u64::MAX);
        let files = life.kept.files();
        let last = files.iter().rfind(|name| name.ends_with(ending)).expect("has one");
        life.kept.corrupt(last, |bytes| {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
        });
        let wrong = life.verify();
        assert_eq!(wrong.len(), 1, "{wrong:?}");
        life.run().expect("goes on");
        assert_eq!(life.results.lines(), whole.results.lines(), "{ending}");
        assert!(life.results.again() >= 1, "the batch before runs again");
    }
}

#[test]
fn what_is_left_behind_by_a_batch_is_removed() {
    let life = Life { records: 4_000, per_read: 20, ..Life::of(TUMBLING, OutputMode::Update) };
    let totals = life.run().expect("runs");
    let files = life.kept.files();
    let of = |ending: &str| files.iter().filter(|name| name.ends_with(ending)).count();
    assert!(totals.batches > 150, "{totals:?}");
    assert_eq!((of(".commit"), of(".entry")), (11, 10), "{files:?}");
    assert!(of(".state") < 40, "{files:?}");
    assert_eq!(life.verify(), Vec::<String>::new());
}

#[test]
fn what_comes_after_a_run_to_the_end_is_counted_in_windows_of_its_own() {
    let mut life = Life { records: 100, ..Life::of(TUMBLING, OutputMode::Append) };
    life.run().expect("runs");
    let before = life.results.lines();
    life.records = 200;
    let totals = life.run().expect("goes on");
    let after = life.results.lines();
    assert!(before.iter().all(|line| after.contains(line)), "a window comes once");
    let counted: i64 =
        after.iter().map(|line| line.split(' ').nth(2).expect("n").parse::<i64>().expect("a number")).sum();
    assert_eq!(totals.read, 200);
    assert_eq!(counted as u64, 200 - totals.late, "{totals:?}");
    assert!(totals.late < 20, "only what belongs to the window that was closed: {totals:?}");
}

#[test]
fn a_changed_query_goes_on_where_its_state_is_made_by_the_same() {
    const FILTERED: &str = "SELECT window.start AS s, product_category AS k, count(*) AS n, \
        count(DISTINCT customer_id) AS u, sum(quantity) AS q FROM `customer-transactions` \
        GROUP BY window(_timestamp, '10 seconds'), product_category HAVING count(*) > 2";
    let mut life = Life { flush: false, records: 120, ..Life::of(TUMBLING, OutputMode::Append) };
    life.run().expect("runs");
    (life.sql, life.records) = (FILTERED, 200);
    assert_eq!(life.run().expect("goes on").read, 200);
    for (sql, why) in [
        (SLIDING, "its state was made by"),
        (
            "SELECT user_id FROM `user-events`",
            "it reads customer-transactions, and this one reads user-events",
        ),
    ] {
        life.sql = sql;
        let error = life.run().expect_err("is another query").to_string();
        assert!(error.contains(why) && error.contains("another --checkpoint"), "{error}");
    }
    life.options.anew = true;
    life.sql = SLIDING;
    let totals = life.run().expect("begins anew");
    assert_eq!(totals.read, 400, "all is read once more, and numbered on");
}

#[test]
fn what_is_known_of_where_its_records_came_from_has_to_be_the_same() {
    let topic = |cluster: Option<&str>, id: Option<&str>| {
        vec![Origin::Topic { cluster: cluster.map(Into::into), id: id.map(Into::into) }]
    };
    // As older programs wrote it: nothing but the offsets.
    let mut life = Life { flush: false, ..Life::of(TUMBLING, OutputMode::Append) };
    life.run().expect("runs");
    for (origins, why) in [
        (vec![Origin::Folder], Some("it reads the topic 'customer-transactions', and this one reads files")),
        (topic(None, None), None),
        (topic(Some("a"), Some("1")), None),
        (topic(Some("a"), None), None),
        (topic(None, None), None),
        (topic(Some("b"), Some("1")), Some("of the cluster a, and this one that of the cluster b")),
        (topic(Some("a"), Some("2")), Some("its topic 'customer-transactions' was deleted")),
        (topic(Some("a"), Some("1")), None),
    ] {
        life.origins.clone_from(&origins);
        match (life.run(), why) {
            (Ok(_), None) => {}
            (Err(error), Some(why)) => {
                let error = error.to_string();
                assert!(error.contains(why) && error.contains("another --checkpoint"), "{error}");
            }
            (ended, _) => panic!("{origins:?}: {ended:?}"),
        }
    }
}

#[test]
fn a_batch_that_runs_again_sees_tables_as_they_were() {
    use arrow::array::{RecordBatch, StringArray};
    let rows = |word: &str| {
        let keys = StringArray::from(vec!["k0", "k1", "k2"]);
        let words = StringArray::from(vec![word; 3]);
        RecordBatch::try_from_iter([("key", Arc::new(keys) as _), ("word", Arc::new(words) as _)])
            .expect("fits")
    };
    let table = |word: &str| Arc::new(Table::of("words", rows(word).schema(), vec![rows(word)]));
    let mut life = Life::of(
        "SELECT t.quantity, w.word FROM `customer-transactions` t JOIN words w ON t.product_category = w.key",
        OutputMode::Append,
    );
    life.tables = vec![table("old")];
    // The sink has the first batch, and its answer is lost: the start's commit, the table, the entry, the rows.
    life.fuse.set(2 * 4 + 1);
    life.run().expect_err("is killed");
    life.fuse.set(u64::MAX);
    life.tables = vec![table("new")];
    life.run().expect("goes on");
    assert_eq!(life.results.again(), 1);
    let words = |batch: u64| format!("{:?}", life.results.batches()[&batch]);
    assert!(words(0).contains("old") && !words(0).contains("new"), "{}", words(0));
    assert!(words(1).contains("new") && !words(1).contains("old"), "{}", words(1));
}

#[test]
fn a_batch_that_runs_again_judges_what_is_late_as_it_did_though_time_went_on_without_a_batch() {
    // With each read 20 s pass, and so the watermark: also with those that bring nothing, of which no batch is made.
    let life = || {
        let life =
            Life { policy: Policy::Processing, pauses: true, ..Life::of(TUMBLING, OutputMode::Update) };
        let clock = life.clock.clone();
        Life { reads: Some(Arc::new(move || clock.set(clock.now() + 20_000_000))), ..life }
    };
    let straight = life();
    let totals = straight.run().expect("runs");
    assert!(totals.late > 0 && totals.late < 200 && totals.batches < 8, "{totals:?}");
    let (mut step, mut again) = (0, 0);
    loop {
        let life = life();
        life.fuse.set(step);
        if life.run().is_ok() {
            break;
        }
        life.fuse.set(u64::MAX);
        // A batch that the sinks have, and that comes again with other rows, is an error there.
        life.run().expect("goes on");
        again += life.results.again();
        step += 1;
    }
    assert!(again >= totals.batches, "{again} of {} batches came again", totals.batches);
}

#[test]
fn a_query_can_go_back_and_is_another_one_for_its_sinks() {
    let life = Life::of(TUMBLING, OutputMode::Append);
    life.run().expect("runs");
    let before = inspect::query_of(&life.kept).expect("is there").id;
    let error = inspect::rewind(&life.kept, 99, "a test").expect_err("is not remembered").to_string();
    assert!(error.contains("it remembers 0 to"), "{error}");
    inspect::rewind(&life.kept, 2, "a test").expect("goes back");
    assert_ne!(inspect::query_of(&life.kept).expect("is there").id, before);
    assert_eq!(inspect::known(&life.kept).expect("can be read").last().expect("has one").batches, 2);
    assert_eq!(life.run().expect("goes on").read, 200);
    inspect::remove(&life.kept, "a test").expect("is removed");
    assert_eq!(life.kept.files(), Vec::<String>::new());
    inspect::query_of(&life.kept).expect_err("is gone");
}

#[test]
fn what_a_killed_query_left_is_removed_at_its_next_start() {
    let life = Life::of(TUMBLING, OutputMode::Append);
    life.run().expect("runs");
    let before = life.kept.files();
    for name in ["000000000099.state", "table-words-1-00000000.arrow"] {
        life.kept.write(name, b"of a batch that was cut off").expect("written");
    }
    life.run().expect("goes on");
    assert_eq!(life.kept.files(), before);

    let folder = tempfile::tempdir().expect("a folder");
    let place = Folder::open(folder.path()).expect("is there");
    std::fs::write(folder.path().join(".000000000003.entry.4711"), "half").expect("written");
    let _owned = place.own("a test").expect("is free");
    assert_eq!(place.names().expect("can be read"), ["owner"]);
}

#[test]
fn a_folder_goes_on_in_a_file_and_reads_again_what_was_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let rows =
        |from: u32| (from..from + 6).map(|n| format!("{{\"customer_id\":\"c{n}\"}}\n")).collect::<String>();
    for (name, from) in [("a.ndjson", 0), ("b.ndjson", 6)] {
        std::fs::write(folder.path().join(name), rows(from)).expect("written");
    }
    let catalog = Catalog::built_in().expect("valid");
    let topic = catalog.topic("customer-transactions").expect("declared");
    let open = || {
        let options = ecap::folder::Options {
            max_files: 10,
            latest_first: false,
            clean: ecap::folder::Clean::Off,
            fail_fast: false,
            wants_keys: false,
        };
        // Far ahead, so that no file may still be written.
        let clock = Arc::new(ManualClock::at(i64::MAX / 2));
        ecap::folder::Folder::new(folder.path(), topic, options, clock).expect("opens")
    };
    let read = |source: &mut ecap::folder::Folder, most: Option<u64>| {
        let mut seen = Vec::new();
        source.allow(Allowance { records: most, ..Allowance::default() }).expect("allows");
        source
            .read(usize::MAX, Duration::ZERO, &mut |record| {
                seen.push((
                    record.offset,
                    String::from_utf8_lossy(record.value.expect("has one")).into_owned(),
                ));
            })
            .expect("reads");
        seen
    };
    let mut first = open();
    first.look_ahead().expect("lists");
    let (begin, all) = (first.mark(), read(&mut open_listed(open()), None));
    assert_eq!(all.len(), 12);
    assert_eq!(read(&mut first, Some(8)), all[..8]);
    let half = first.mark();

    let mut next = open();
    next.go_to(&half).expect("goes on");
    next.look_ahead().expect("lists");
    assert_eq!(read(&mut next, None), all[8..], "each record once");

    let mut again = open();
    again.go_to(&begin).expect("goes back");
    again.stop_at(&half);
    assert_eq!(read(&mut again, None), all[..8]);
    assert!(again.positions().values().all(|at| at.caught_up));
    again.go_to(&half).expect("goes on");
    again.look_ahead().expect("lists");
    assert_eq!(read(&mut again, None), all[8..]);
}

fn open_listed(mut folder: ecap::folder::Folder) -> ecap::folder::Folder {
    folder.look_ahead().expect("lists");
    folder
}
