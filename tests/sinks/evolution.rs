//! Rows whose columns are not those of the table.

use super::delta::{refused, store};
use super::fault::Fault;
use super::subjects::{place, table_rows};
use super::{give, writer};
use arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray,
};
use arrow::datatypes::{Int64Type, SchemaRef};
use ecap::Result;
use ecap::clock::ManualClock;
use ecap::sink::delta::{DeltaSink, Options};
use object_store::ObjectStore;
use std::sync::Arc;

fn rows<const N: usize>(columns: [(&str, ArrayRef); N]) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true))).unwrap()
}

fn ids(values: &[i64]) -> (&'static str, ArrayRef) {
    ("id", Arc::new(Int64Array::from(values.to_vec())))
}

fn texts(name: &str, values: &[&str]) -> (String, ArrayRef) {
    (name.to_string(), Arc::new(StringArray::from(values.to_vec())))
}

fn open(store: &Arc<dyn ObjectStore>, columns: &SchemaRef, options: Options) -> Result<DeltaSink> {
    let clock = Arc::new(ManualClock::at(0));
    DeltaSink::open(place(store, &Fault::none()), options, columns, writer("q"), clock)
}

fn merging() -> Options {
    Options { merge_schema: true, ..Options::default() }
}

#[test]
fn a_table_gets_new_columns_on_request_only() {
    let store = store();
    let narrow = rows([ids(&[1])]);
    give(&mut open(&store, &narrow.schema(), Options::default()).unwrap(), 0, &narrow).unwrap();
    let (name, note) = texts("note", &["new"]);
    let wide = rows([ids(&[2]), (&name, note)]);
    refused(open(&store, &wide.schema(), Options::default()), &["no column note", "merge-schema=true"]);
    give(&mut open(&store, &wide.schema(), merging()).unwrap(), 1, &wide).unwrap();
    // What has fewer columns is still taken.
    give(&mut open(&store, &narrow.schema(), Options::default()).unwrap(), 2, &rows([ids(&[3])])).unwrap();
    let mut found: Vec<_> = table_rows(&store)
        .iter()
        .flat_map(|rows| {
            let (ids, notes) =
                (rows.column(0).as_primitive::<Int64Type>(), rows.column(1).as_string::<i32>());
            let note = |row| notes.is_valid(row).then(|| notes.value(row).to_string());
            (0..rows.num_rows()).map(|row| (ids.value(row), note(row))).collect::<Vec<_>>()
        })
        .collect();
    found.sort();
    assert_eq!(found, [(1, None), (2, Some("new".to_string())), (3, None)]);
}

#[test]
fn a_value_of_another_type_is_taken_where_it_has_a_place() {
    let store = store();
    let table = rows([ids(&[1])]);
    let mut sink = open(&store, &table.schema(), Options::default()).unwrap();
    give(&mut sink, 0, &table).unwrap();
    let small = rows([("id", Arc::new(Int32Array::from(vec![2])) as ArrayRef)]);
    give(&mut open(&store, &small.schema(), Options::default()).unwrap(), 1, &small).unwrap();
    for (kind, column) in [
        ("Utf8", Arc::new(StringArray::from(vec!["2"])) as ArrayRef),
        ("Float64", Arc::new(Float64Array::from(vec![2.5]))),
    ] {
        let other = rows([("id", column)]);
        refused(open(&store, &other.schema(), merging()), &["column id is Int64", kind]);
    }
}

#[test]
fn two_queries_add_columns_at_the_same_time() {
    let store = store();
    let narrow = rows([ids(&[0])]);
    drop(open(&store, &narrow.schema(), Options::default()).unwrap());
    let wide = |number: i64, name: &str| {
        let (name, column) = texts(name, &["x"]);
        rows([ids(&[number]), (&name, column)])
    };
    let (left, right) = (wide(1, "left"), wide(2, "right"));
    let mut first = open(&store, &left.schema(), merging()).unwrap();
    let place = place(&store, &Fault::none());
    let clock = Arc::new(ManualClock::at(0));
    let mut second = DeltaSink::open(place, merging(), &right.schema(), writer("r"), clock).unwrap();
    give(&mut first, 0, &left).unwrap();
    give(&mut second, 0, &right).unwrap();
    give(&mut first, 1, &left).unwrap();
    let all = table_rows(&store);
    let names: Vec<_> = all[0].schema().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(names, ["id", "left", "right"]);
    let filled = |name| {
        all.iter()
            .map(|rows| rows.num_rows() - rows.column_by_name(name).unwrap().null_count())
            .sum::<usize>()
    };
    assert_eq!((filled("id"), filled("left"), filled("right")), (3, 2, 1));
}
