//! What is special to Delta: what stands in the log, who else writes, and what a table needs from time to time.

use super::fault::Fault;
use super::subjects::{TABLE, place, table_rows};
use super::{give, rows, writer};
use ecap::clock::{Clock, ManualClock, Stop, SystemClock};
use ecap::delta::optimize::{Optimized, optimize};
use ecap::delta::runtime;
use ecap::delta::table::{Interest, Table};
use ecap::delta::vacuum::{Wanted, vacuum};
use ecap::place::Place;
use ecap::sink::Writer;
use ecap::sink::delta::{DeltaSink, Options};
use ecap::sink::retry::{Patience, Retrying};
use ecap::{Error, Result};
use futures::TryStreamExt;
use object_store::memory::InMemory;
use object_store::path::Path as StorePath;
use object_store::{ObjectStore, ObjectStoreExt};
use serde_json::{Value, json};
use std::sync::Arc;

type Store = Arc<dyn ObjectStore>;

pub fn store() -> Store {
    Arc::new(InMemory::new())
}

pub fn open(store: &Store, options: Options, writer: Writer) -> Result<DeltaSink> {
    let clock = Arc::new(ManualClock::at(1_753_610_889_123_456));
    DeltaSink::open(place(store, &Fault::none()), options, &rows([]).schema(), writer, clock)
}

pub fn refused(opened: Result<DeltaSink>, parts: &[&str]) {
    let error: Error = opened.map(drop).unwrap_err();
    let text = error.to_string();
    assert!(parts.iter().all(|part| text.contains(part)), "{text}");
}

/// The actions of a version; none where there is no such version.
pub fn version(store: &Store, version: u64) -> Option<Vec<Value>> {
    let path = StorePath::from(format!("lake/table/_delta_log/{version:020}.json"));
    runtime().unwrap().block_on(async {
        let text = store.get(&path).await.ok()?.bytes().await.ok()?;
        let lines = std::str::from_utf8(&text).unwrap().lines();
        Some(lines.map(|line| serde_json::from_str(line).unwrap()).collect())
    })
}

/// Writes a version by hand.
pub fn put_version(store: &Store, version: u64, actions: &[Value]) {
    let path = StorePath::from(format!("lake/table/_delta_log/{version:020}.json"));
    let lines: String = actions.iter().map(|action| format!("{action}\n")).collect();
    runtime().unwrap().block_on(store.put(&path, lines.into())).unwrap();
}

pub fn files(store: &Store) -> Vec<String> {
    let all = runtime().unwrap().block_on(store.list(None).try_collect::<Vec<_>>()).unwrap();
    all.into_iter().map(|file| file.location.to_string()).collect()
}

fn ids(store: &Store) -> Vec<i64> {
    use arrow::array::AsArray;
    use arrow::datatypes::Int64Type;
    let rows = table_rows(store);
    let mut ids: Vec<_> = rows
        .iter()
        .flat_map(|rows| rows.column_by_name("id").unwrap().as_primitive::<Int64Type>().values().to_vec())
        .collect();
    ids.sort_unstable();
    ids
}

fn named<'a>(actions: &'a [Value], name: &str) -> Vec<&'a Value> {
    actions.iter().filter_map(|action| action.get(name)).collect()
}

#[test]
fn a_table_is_created_in_a_commit_of_its_own() {
    let store = store();
    let options = Options {
        partition_by: vec!["day".into()],
        properties: vec![("delta.checkpointInterval".into(), "10".into())],
        ..Options::default()
    };
    let mut sink = open(&store, options, writer("q")).unwrap();
    let created = version(&store, 0).unwrap();
    assert!(named(&created, "add").is_empty() && named(&created, "txn").is_empty());
    let metadata = named(&created, "metaData")[0];
    assert_eq!(metadata["partitionColumns"], json!(["day"]));
    assert_eq!(metadata["configuration"]["delta.checkpointInterval"], "10");
    assert!(metadata["schemaString"].as_str().unwrap().contains(r#""name":"at","type":"timestamp""#));
    assert_eq!(named(&created, "protocol")[0]["minWriterVersion"], 2, "what every reader and writer knows");
    give(&mut sink, 3, &rows([2, 4, 5])).unwrap();
    let first = version(&store, 1).unwrap();
    let transaction = json!({"appId": "q/out", "version": 3, "lastUpdated": 1_753_610_889_123_i64});
    assert_eq!(named(&first, "txn"), [&transaction]);
    assert_eq!(named(&first, "add").len(), 2);
    assert!(version(&store, 2).is_none());
    let store = self::store();
    open(&store, Options::default(), writer("q")).unwrap();
    let created = version(&store, 0).unwrap();
    let metadata = named(&created, "metaData")[0];
    assert_eq!(metadata["configuration"]["delta.checkpointInterval"], "10", "where nobody says otherwise");
}

#[test]
fn files_are_zstd_and_have_statistics() {
    let store = store();
    let options = Options { partition_by: vec!["day".into()], ..Options::default() };
    give(&mut open(&store, options, writer("q")).unwrap(), 0, &rows([2, 4, 8])).unwrap();
    let actions = version(&store, 1).unwrap();
    let add = named(&actions, "add")[0];
    assert!(add["path"].as_str().unwrap().ends_with(".zstd.parquet"), "{add}");
    assert_eq!(add["partitionValues"], json!({"day": "2025-07-27"}));
    let stats: Value = serde_json::from_str(add["stats"].as_str().unwrap()).unwrap();
    assert_eq!(stats["numRecords"], 3);
    assert_eq!((&stats["minValues"]["id"], &stats["maxValues"]["id"]), (&json!(2), &json!(8)));
    assert_eq!(stats["nullCount"]["category"], 0);
    // Instants have milliseconds there: the least is below, the greatest above.
    assert_eq!(stats["minValues"]["at"], "1970-01-01T00:00:02.000Z");
    assert_eq!(stats["maxValues"]["at"], "1970-01-01T00:00:08.001Z");
}

#[test]
fn checkpoints_are_written_and_taken_up() {
    let store = store();
    let options = || Options {
        properties: vec![("delta.checkpointInterval".into(), "5".into())],
        ..Options::default()
    };
    let mut sink = open(&store, options(), writer("q")).unwrap();
    (0..12).for_each(|batch| give(&mut sink, batch, &rows([batch as i64])).unwrap());
    let checkpoints = files(&store).into_iter().filter(|file| file.contains(".checkpoint")).count();
    assert_eq!(checkpoints, 2);
    // What stands before the checkpoint is no longer needed: a reader begins there.
    for version in 0..9 {
        let path = StorePath::from(format!("lake/table/_delta_log/{version:020}.json"));
        runtime().unwrap().block_on(store.delete(&path)).unwrap();
    }
    let mut sink = open(&store, options(), writer("q")).unwrap();
    give(&mut sink, 11, &rows([-1])).unwrap();
    give(&mut sink, 12, &rows([12])).unwrap();
    assert_eq!(ids(&store), (0..13).collect::<Vec<_>>());
}

#[test]
fn a_log_that_was_not_looked_at_for_long_is_read_anew() {
    let store = store();
    let clock = Arc::new(ManualClock::at(0));
    let columns = rows([]).schema();
    let options = || Options {
        properties: vec![("delta.checkpointInterval".into(), "5".into())],
        ..Options::default()
    };
    let at = place(&store, &Fault::none());
    let mut idle = DeltaSink::open(at, options(), &columns, writer("idle"), clock.clone()).unwrap();
    let mut busy = open(&store, options(), writer("busy")).unwrap();
    (0..9).for_each(|batch| give(&mut busy, batch, &rows([batch as i64])).unwrap());
    // Another client removed what the checkpoint has.
    for version in 0..9 {
        let path = StorePath::from(format!("lake/table/_delta_log/{version:020}.json"));
        runtime().unwrap().block_on(store.delete(&path)).unwrap();
    }
    clock.set(2 * 3_600_000_000);
    give(&mut idle, 0, &rows([100])).unwrap();
    assert!(version(&store, 1).is_none(), "no version is written that was there before");
    assert_eq!(ids(&store), (0..9).chain([100]).collect::<Vec<_>>());
}

#[test]
fn a_batch_without_rows_is_no_version() {
    let store = store();
    give(&mut open(&store, Options::default(), writer("q")).unwrap(), 0, &rows([])).unwrap();
    assert!(version(&store, 1).is_none());
}

#[test]
fn the_data_of_a_batch_are_written_once_when_others_commit_first() {
    let store = store();
    let mut first = open(&store, Options::default(), writer("a")).unwrap();
    let mut second = open(&store, Options::default(), writer("b")).unwrap();
    (0..5).for_each(|batch| give(&mut first, batch, &rows([batch as i64])).unwrap());
    give(&mut second, 0, &rows([100])).unwrap();
    assert_eq!(ids(&store), [0, 1, 2, 3, 4, 100]);
    assert_eq!(files(&store).iter().filter(|file| file.ends_with(".parquet")).count(), 6);
}

#[test]
fn who_is_overtaken_again_and_again_comes_back_later() {
    let (store, fault) = (store(), Fault::none());
    let columns = rows([]).schema();
    let clock = Arc::new(ManualClock::at(0));
    let sink =
        DeltaSink::open(place(&store, &fault), Options::default(), &columns, writer("a"), clock.clone());
    let (told, lines) = std::sync::mpsc::channel();
    let mut sink = Retrying::new(
        "delta",
        Box::new(sink.unwrap()),
        Patience {
            retries: Some(3),
            slow: None,
            timer: clock.clone(),
            stop: Stop::default(),
            dice: || 0.5,
            tell: Box::new(move |line| told.send(line.to_string()).unwrap()),
        },
    );
    fault.overtake(12);
    give(&mut sink, 0, &rows([1, 2])).unwrap();
    let lines: Vec<_> = lines.try_iter().collect();
    assert!(
        lines[0]
            .contains("other writers committed first, 5 times in a row: batch 0 with 2 rows is held back")
    );
    assert!(lines[1].contains("was taken after"), "{lines:?}");
    assert!(clock.now() > 0, "there are pauses between");
    assert_eq!(ids(&store), [1, 2]);
    fault.overtake(usize::MAX);
    let error = give(&mut sink, 1, &rows([3])).unwrap_err();
    assert!(error.to_string().contains("was given again 3 times"), "{error}");
}

#[test]
fn another_layout_is_refused() {
    let store = store();
    open(&store, Options { partition_by: vec!["day".into()], ..Options::default() }, writer("q")).unwrap();
    let by = |column: &str| Options { partition_by: vec![column.into()], ..Options::default() };
    refused(open(&store, by("category"), writer("q")), &[TABLE, "parted by day"]);
    refused(open(&store, by("absent"), writer("q")), &["--partition-by absent", "id, category, day, at"]);
    let merge_on = Options { merge_on: vec!["absent".into()], ..Options::default() };
    refused(open(&store, merge_on, writer("q")), &["--merge-on absent"]);
    open(&store, Options::default(), writer("q")).unwrap();
}

#[test]
fn what_we_do_not_write_is_refused() {
    let properties = |name: &str, value: &str| {
        let store = store();
        open(&store, Options::default(), writer("q")).unwrap();
        let mut created = version(&store, 0).unwrap();
        for action in &mut created {
            if let Some(metadata) = action.get_mut("metaData") {
                metadata["configuration"][name] = value.into();
            }
        }
        put_version(&store, 1, &created);
        store
    };
    let merge_on = || Options { merge_on: vec!["id".into()], ..Options::default() };
    let store = properties("delta.constraints.positive", "id > 0");
    refused(open(&store, Options::default(), writer("q")), &["a constraint"]);
    let store = properties("delta.appendOnly", "true");
    open(&store, Options::default(), writer("q")).unwrap();
    refused(open(&store, merge_on(), writer("q")), &["delta.appendOnly"]);
    let store = properties("delta.enableChangeDataFeed", "true");
    open(&store, Options::default(), writer("q")).unwrap();
    refused(open(&store, merge_on(), writer("q")), &["change data feed"]);
    let protocol = json!({"protocol": {"minReaderVersion": 1, "minWriterVersion": 7,
        "writerFeatures": ["appendOnly", "rowTracking"]}});
    put_version(&store, 2, &[protocol]);
    refused(open(&store, Options::default(), writer("q")), &["rowTracking"]);
}

#[test]
fn a_table_that_changes_under_a_query_is_looked_at_again() {
    let store = store();
    let mut sink = open(&store, Options::default(), writer("q")).unwrap();
    give(&mut sink, 0, &rows([0])).unwrap();
    let mut created = version(&store, 0).unwrap();
    for action in &mut created {
        if let Some(metadata) = action.get_mut("metaData") {
            metadata["configuration"]["delta.constraints.positive"] = "id > 0".into();
        }
    }
    created.retain(|action| action.get("metaData").is_some());
    put_version(&store, 2, &created);
    let error = give(&mut sink, 1, &rows([1])).unwrap_err().to_string();
    assert!(error.contains("batch 1") && error.contains("a constraint"), "{error}");
    assert_eq!(ids(&store), [0]);
}

fn optimized(store: &Store, size: Option<u64>) -> Optimized {
    let interest = Interest { app: None, files: true };
    runtime().unwrap().block_on(async {
        let place = place(store, &Fault::none());
        let mut table = Table::existing(place, interest, Arc::new(SystemClock)).await.unwrap();
        optimize(&mut table, size).await.unwrap()
    })
}

#[test]
fn small_files_become_large_ones_and_a_query_goes_on() {
    let store = store();
    let options = || Options { partition_by: vec!["day".into()], ..Options::default() };
    let mut sink = open(&store, options(), writer("q")).unwrap();
    (0..6).for_each(|batch| give(&mut sink, batch, &rows([batch as i64, 100 + batch as i64])).unwrap());
    let before = ids(&store);
    let done = optimized(&store, None);
    assert_eq!((done.before, done.after), (6, 2));
    assert_eq!(ids(&store), before);
    assert_eq!(optimized(&store, None), Optimized::default());
    let last = version(&store, 8).unwrap();
    let unchanged = named(&last, "add").into_iter().chain(named(&last, "remove"));
    assert!(unchanged.clone().count() > 2 && unchanged.clone().all(|action| action["dataChange"] == false));
    give(&mut sink, 5, &rows([-1])).unwrap();
    give(&mut sink, 6, &rows([6])).unwrap();
    assert_eq!(ids(&store), [&[0, 1, 2, 3, 4, 5, 6][..], &[100, 101, 102, 103, 104, 105]].concat());
}

#[test]
fn a_vacuum_deletes_what_is_no_longer_of_the_table() {
    let store = store();
    let mut sink = open(&store, Options::default(), writer("q")).unwrap();
    (0..4).for_each(|batch| give(&mut sink, batch, &rows([batch as i64])).unwrap());
    optimized(&store, None);
    let run = |wanted| runtime().unwrap().block_on(vacuum(&place(&store, &Fault::none()), wanted));
    let wanted = |keep, force, dry_run| Wanted { keep, force, dry_run };
    let now = std::time::Duration::ZERO;
    let early = run(wanted(Some(now), false, false)).unwrap_err().to_string();
    assert!(early.contains("--force"), "{early}");
    assert_eq!(run(wanted(None, false, false)).unwrap(), Vec::<String>::new(), "a week is not over");
    let parquet = || files(&store).iter().filter(|file| file.ends_with(".parquet")).count();
    assert_eq!(run(wanted(Some(now), true, true)).unwrap().len(), 4);
    assert_eq!(parquet(), 5);
    assert_eq!(run(wanted(Some(now), true, false)).unwrap().len(), 4);
    assert_eq!((parquet(), ids(&store)), (1, vec![0, 1, 2, 3]));
}

#[test]
fn a_table_on_the_disk_is_as_one_in_a_store() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a table");
    let text = path.to_str().unwrap();
    let options = || Options { partition_by: vec!["day".into(), "category".into()], ..Options::default() };
    let open = || {
        let place = Place::open(text, &[]).unwrap();
        DeltaSink::open(place, options(), &rows([]).schema(), writer("q"), Arc::new(ManualClock::at(0)))
            .unwrap()
    };
    for batch in 0..4 {
        give(&mut open(), batch, &rows([batch as i64])).unwrap();
        give(&mut open(), batch, &rows([batch as i64])).unwrap();
    }
    assert!(path.join("_delta_log/00000000000000000004.json").is_file());
    assert!(!path.join("_delta_log/00000000000000000005.json").exists());
    let interest = Interest { app: None, files: true };
    let count: usize = runtime().unwrap().block_on(async {
        let place = Place::open(text, &[]).unwrap();
        let table = Table::existing(place, interest, Arc::new(ManualClock::at(0))).await.unwrap();
        ecap::delta::read::all(&table).await.unwrap().iter().map(arrow::array::RecordBatch::num_rows).sum()
    });
    assert_eq!(count, 4);
}
