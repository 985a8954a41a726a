//! Small files become large ones, and the rows stay the same, for readers of the manifest at any moment.

use super::fault::{Fault, Kind};
use super::files::open;
use super::subjects::{committed, globbed, ids, steps};
use super::{give, rows, writer};
use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use ecap::clock::ManualClock;
use ecap::sink::file::compact::{Compacted, Targets, compact};
use ecap::sink::file::{FileSink, Form, Layout};
use ecap::sink::steps::Steps;
use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

const ALL: Targets = Targets { file_size: 1 << 20, file_age: Duration::ZERO };

/// An instant, in microseconds, at which all files of a test are old.
const LATER: i64 = i64::MAX / 2;

fn layout(form: Form) -> Layout {
    Layout { partition_by: vec!["day".into()], ..Layout::new(form) }
}

/// A folder with batches of two queries.
fn filled(folder: &Path, form: Form) {
    for (query, first) in [("a", 0), ("b", 1_000)] {
        let mut sink = open(folder, layout(form), writer(query)).unwrap();
        for batch in 0..5u64 {
            let start = first + batch as i64 * 10;
            give(&mut sink, batch, &rows(start..start + 6)).unwrap();
        }
    }
}

fn all() -> Vec<i64> {
    [0, 1_000]
        .iter()
        .flat_map(|first| (0..5).flat_map(move |batch| first + batch * 10..first + batch * 10 + 6))
        .collect()
}

#[track_caller]
fn sorted(form: Form, files: &[std::path::PathBuf]) -> Vec<i64> {
    let mut ids: Vec<_> = files.iter().flat_map(|file| ids(form, file)).collect();
    ids.sort_unstable();
    ids
}

#[test]
fn the_rows_of_small_files_are_in_large_ones() {
    for form in Form::ALL {
        let folder = tempfile::tempdir().unwrap();
        filled(folder.path(), form);
        let done = compact(folder.path(), &ALL, LATER, &mut Steps::default()).unwrap();
        assert_eq!((done.before, done.after), (20, 2), "two days");
        let files = globbed(folder.path(), form);
        assert_eq!(done.bytes, files.iter().map(|file| file.metadata().unwrap().len()).sum::<u64>());
        assert_eq!((files.len(), sorted(form, &files)), (2, all()));
        assert_eq!(sorted(form, &committed(folder.path())), all());
        let again = compact(folder.path(), &ALL, LATER, &mut Steps::default()).unwrap();
        assert_eq!(again, Compacted::default());
        // The queries go on where they were.
        let mut sink = open(folder.path(), layout(form), writer("a")).unwrap();
        give(&mut sink, 4, &rows([77])).unwrap();
        give(&mut sink, 5, &rows([78])).unwrap();
        let rows = sorted(form, &committed(folder.path()));
        assert!(!rows.contains(&77) && rows.contains(&78), "{rows:?}");
    }
}

#[test]
fn a_kill_between_any_two_steps_changes_no_row() {
    for step in 0.. {
        let folder = tempfile::tempdir().unwrap();
        filled(folder.path(), Form::Csv);
        let fault = Fault::at(Kind::Kill, step);
        let killed = compact(folder.path(), &ALL, LATER, &mut steps(&fault));
        assert_eq!(killed.is_err(), fault.was_met());
        assert_eq!(sorted(Form::Csv, &committed(folder.path())), all(), "{step}");
        // The next start of a query tidies up, and so does the next run.
        if step % 2 == 0 {
            open(folder.path(), layout(Form::Csv), writer("a")).unwrap();
        } else {
            compact(folder.path(), &ALL, LATER, &mut Steps::default()).unwrap();
        }
        assert_eq!(sorted(Form::Csv, &globbed(folder.path(), Form::Csv)), all(), "{step}");
        if !fault.was_met() {
            assert!(step > 20, "{step} steps");
            break;
        }
    }
}

#[test]
fn a_query_goes_on_while_its_files_are_merged() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), Form::Ndjson);
    let mut sink = open(folder.path(), layout(Form::Ndjson), writer("a")).unwrap();
    let mut batch = 5;
    let mut steps = Steps::watched(move |step| {
        if step == "swap" {
            give(&mut sink, batch, &rows([batch as i64 * 10]))?;
            batch += 1;
        }
        Ok(())
    });
    let done = compact(folder.path(), &ALL, LATER, &mut steps).unwrap();
    assert_eq!(done.after, 2);
    let mut expected = [all(), vec![50]].concat();
    expected.sort_unstable();
    assert_eq!(sorted(Form::Ndjson, &committed(folder.path())), expected);
    assert_eq!(sorted(Form::Ndjson, &globbed(folder.path(), Form::Ndjson)), expected);
}

#[test]
fn young_files_wait_until_they_fill_a_large_one() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), Form::Csv);
    let now = 1_000_000_000_000_000;
    for (number, file) in globbed(folder.path(), Form::Csv).iter().enumerate() {
        let age = if number < 10 { 7_200 } else { 60 };
        let time = UNIX_EPOCH + Duration::from_micros(now) - Duration::from_secs(age);
        File::options().write(true).open(file).unwrap().set_modified(time).unwrap();
    }
    let hour = Duration::from_secs(3_600);
    let compact_to = |file_size| {
        let targets = Targets { file_size, file_age: hour };
        compact(folder.path(), &targets, now as i64, &mut Steps::default()).unwrap()
    };
    let done = compact_to(1 << 20);
    assert_eq!((done.before, done.after), (10, 1), "the old day alone");
    let done = compact_to(300);
    assert!(done.before > done.after && done.after > 0, "what fills a file of 300 bytes: {done:?}");
}

#[test]
fn files_with_other_columns_stay_apart() {
    let folder = tempfile::tempdir().unwrap();
    let numbers = |name: &str, number| {
        let column: ArrayRef = Arc::new(Int64Array::from(vec![number]));
        RecordBatch::try_from_iter([("id", column.clone()), (name, column)]).unwrap()
    };
    for (query, name) in [("a", "x"), ("b", "y")] {
        let columns = numbers(name, 0).schema();
        let clock = Arc::new(ManualClock::at(0));
        let layout = Layout::new(Form::Parquet);
        let mut sink = FileSink::open(folder.path(), layout, &columns, writer(query), clock).unwrap();
        (0..3).for_each(|batch| give(&mut sink, batch, &numbers(name, batch as i64)).unwrap());
    }
    let done = compact(folder.path(), &ALL, LATER, &mut Steps::default()).unwrap();
    assert_eq!((done.before, done.after), (6, 2));
}

#[test]
fn a_sink_merges_its_files_itself_where_it_is_asked_to() {
    let folder = tempfile::tempdir().unwrap();
    let layout = Layout { file_age: Some(Duration::ZERO), ..Layout::new(Form::Parquet) };
    let clock = Arc::new(ManualClock::at(LATER));
    let columns = rows([]).schema();
    let mut sink = FileSink::open(folder.path(), layout, &columns, writer("q"), clock).unwrap();
    (0..40).for_each(|batch| give(&mut sink, batch, &rows([batch as i64])).unwrap());
    let files = globbed(folder.path(), Form::Parquet);
    assert!(files.len() < 12, "{} files", files.len());
    assert_eq!(sorted(Form::Parquet, &files), (0..40).collect::<Vec<_>>());
    assert_eq!(sorted(Form::Parquet, &committed(folder.path())), (0..40).collect::<Vec<_>>());
}

#[test]
fn only_one_merges_and_only_results() {
    let folder = tempfile::tempdir().unwrap();
    let refused = compact(folder.path(), &ALL, LATER, &mut Steps::default()).unwrap_err().to_string();
    assert!(refused.contains("no manifest"), "{refused}");
    filled(folder.path(), Form::Csv);
    let path = folder.path().to_owned();
    let mut second = None;
    let mut steps = Steps::watched(move |_| {
        if second.is_none() {
            second = Some(compact(&path, &ALL, LATER, &mut Steps::default()).map(drop));
            let refused = second.clone().unwrap().unwrap_err().to_string();
            assert!(refused.contains("already"), "{refused}");
        }
        Ok(())
    });
    compact(folder.path(), &ALL, LATER, &mut steps).unwrap();
    assert!(fs::exists(folder.path().join("_manifest")).unwrap());
}
