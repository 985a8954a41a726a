//! Rows that take the place of others with the same keys, whoever commits in between.

use super::delta::{files, store};
use super::fault::{Fault, Kind};
use super::subjects::{place, table_rows};
use super::{give, writer};
use crate::support::cases;
use arrow::array::{
    Array, ArrayRef, AsArray, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use ecap::clock::ManualClock;
use ecap::sink::delta::{DeltaSink, Options};
use object_store::ObjectStore;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The start of a window, a category, and what is known of both.
type Row = (i64, Option<&'static str>, i64);

const CATEGORIES: [Option<&str>; 4] = [None, Some("Books"), Some("Games"), Some("Shoes")];

fn rows(rows: &[Row]) -> RecordBatch {
    let columns: [(&str, ArrayRef); 3] = [
        ("window_start", Arc::new(TimestampMicrosecondArray::from_iter_values(rows.iter().map(|row| row.0)))),
        ("category", Arc::new(StringArray::from_iter(rows.iter().map(|row| row.1)))),
        ("n", Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.2)))),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true))).unwrap()
}

fn open(store: &Arc<dyn ObjectStore>, query: &str, partition_by: &[&str], fault: &Fault) -> DeltaSink {
    let options = Options {
        merge_on: vec!["window_start".into(), "category".into()],
        partition_by: partition_by.iter().map(ToString::to_string).collect(),
        ..Options::default()
    };
    fault.hold();
    let columns = rows(&[]).schema();
    let sink =
        DeltaSink::open(place(store, fault), options, &columns, writer(query), Arc::new(ManualClock::at(0)));
    fault.begin();
    sink.unwrap()
}

/// What is in the table, by key. A key that is there twice fails the test.
#[track_caller]
fn found(store: &Arc<dyn ObjectStore>) -> BTreeMap<(i64, Option<String>), i64> {
    let mut found = BTreeMap::new();
    for rows in table_rows(store) {
        let starts = rows.column(0).as_primitive::<TimestampMicrosecondType>();
        let (categories, counts) =
            (rows.column(1).as_string::<i32>(), rows.column(2).as_primitive::<Int64Type>());
        for row in 0..rows.num_rows() {
            let category = categories.is_valid(row).then(|| categories.value(row).to_string());
            let before = found.insert((starts.value(row), category), counts.value(row));
            assert_eq!(before, None, "row {row} is there twice");
        }
    }
    found
}

fn key(row: &Row) -> (i64, Option<String>) {
    (row.0, row.1.map(ToString::to_string))
}

#[test]
fn a_row_takes_the_place_of_the_one_before() {
    let store = store();
    let mut sink = open(&store, "q", &[], &Fault::none());
    give(&mut sink, 0, &rows(&[(0, Some("Books"), 1), (0, None, 2), (10, Some("Books"), 3)])).unwrap();
    give(&mut sink, 1, &rows(&[(0, None, 20), (10, Some("Books"), 29), (10, Some("Books"), 30)])).unwrap();
    let books = Some("Books".to_string());
    let expected = [((0, None), 20), ((0, books.clone()), 1), ((10, books), 30)];
    assert_eq!(found(&store), BTreeMap::from(expected));
}

#[test]
fn files_without_such_rows_are_left_alone() {
    let store = store();
    let mut sink = open(&store, "q", &[], &Fault::none());
    // An instant between two milliseconds is cut off in the log.
    let starts = [0, 1_000_500, 2_000_999];
    for (batch, start) in (0..).zip(starts) {
        give(&mut sink, batch, &rows(&[(start, Some("Books"), 1)])).unwrap();
    }
    let before = files(&store);
    give(&mut sink, 3, &rows(&[(2_000_999, Some("Books"), 2)])).unwrap();
    let actions = super::delta::version(&store, 4).unwrap();
    let removed = actions.iter().filter(|action| action.get("remove").is_some()).count();
    assert_eq!(
        (removed, files(&store).len() - before.len()),
        (1, 2),
        "one file is written anew, and the log"
    );
    assert_eq!(found(&store).values().sum::<i64>(), 4);
}

/// What happens to a table.
#[derive(Debug, Clone)]
struct Event {
    /// Which of two queries writes.
    query: usize,
    rows: Vec<Row>,
    fault: Option<(Kind, usize)>,
    /// Whether the query starts anew before.
    restarts: bool,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let row = (0..6i64, 0..4usize, 0..1_000i64)
        .prop_map(|(start, category, n)| (start * 1_000_000, CATEGORIES[category], n));
    let kind = prop_oneof![Just(Kind::Kill), Just(Kind::Lost), Just(Kind::Twice)];
    let event =
        (0..2usize, prop::collection::vec(row, 1..6), prop::option::of((kind, 0..12usize)), any::<bool>())
            .prop_map(|(query, rows, fault, restarts)| Event { query, rows, fault, restarts });
    prop::collection::vec(event, 1..8)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases().cases / 4, ..cases() })]

    #[test]
    fn the_last_word_on_a_key_counts(events in events(), is_parted in any::<bool>()) {
        let partition_by: &[&str] = if is_parted { &["category"] } else { &[] };
        let store = store();
        let open = |query: usize, fault: &Fault| open(&store, ["a", "b"][query], partition_by, fault);
        let mut sinks = [0, 1].map(|query| open(query, &Fault::none()));
        let (mut expected, mut numbers) = (BTreeMap::new(), [0, 0]);
        for event in events {
            let (query, rows) = (event.query, rows(&event.rows));
            if event.restarts {
                sinks[query] = open(query, &Fault::none());
            }
            if let Some((kind, step)) = event.fault {
                let mut broken = open(query, &Fault::at(kind, step));
                drop(give(&mut broken, numbers[query], &rows));
            }
            give(&mut sinks[query], numbers[query], &rows).unwrap();
            numbers[query] += 1;
            expected.extend(event.rows.iter().map(|row| (key(row), row.2)));
        }
        prop_assert_eq!(found(&store), expected);
    }
}
