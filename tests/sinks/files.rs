//! What is special to files: their names, what is in the folder already, and how large they are.

use super::fault::{Fault, Kind};
use super::subjects::{committed, globbed, ids, steps};
use super::{give, rows, writer};
use ecap::clock::ManualClock;
use ecap::sink::Writer;
use ecap::sink::file::{FileSink, Form, Layout};
use ecap::{Error, Result};
use std::fs;
use std::path::Path;
use std::sync::Arc;

pub fn open(path: &Path, layout: Layout, writer: Writer) -> Result<FileSink> {
    FileSink::open(path, layout, &rows([]).schema(), writer, Arc::new(ManualClock::at(0)))
}

fn names(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = names.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_file_says_its_partition_and_its_batch() {
    let folder = tempfile::tempdir().unwrap();
    let layout = Layout { partition_by: vec!["day".into(), "category".into()], ..Layout::new(Form::Csv) };
    let mut sink = open(folder.path(), layout, writer("q")).unwrap();
    give(&mut sink, 42, &rows([1, 2, 3, 7])).unwrap();
    let files: Vec<_> = globbed(folder.path(), Form::Csv)
        .iter()
        .map(|file| {
            let path = file.strip_prefix(folder.path()).unwrap().to_str().unwrap();
            let (place, name) = path.rsplit_once('/').unwrap();
            assert!(name.starts_with("batch-000042-") && name.ends_with(".csv"), "{name}");
            (place.to_string(), fs::read_to_string(file).unwrap())
        })
        .collect();
    let nothing = "day=2025-07-27/category=__HIVE_DEFAULT_PARTITION__";
    let file = |place: &str, rows: &str| (place.to_string(), format!("id,at\n{rows}"));
    assert_eq!(
        files,
        [
            file(nothing, "2,1970-01-01T00:00:02.000Z\n"),
            file("day=2025-07-28/category=Books", "3,1970-01-01T00:00:03.000Z\n"),
            file(
                "day=2025-07-28/category=Games%2FToys",
                "1,1970-01-01T00:00:01.000Z\n7,1970-01-01T00:00:07.000Z\n"
            ),
        ]
    );
}

#[test]
fn what_was_cut_off_is_gone_when_the_query_starts_again() {
    for step in 0..4 {
        let folder = tempfile::tempdir().unwrap();
        let layout = || Layout { partition_by: vec!["category".into()], ..Layout::new(Form::Parquet) };
        let fault = Fault::at(Kind::Kill, step);
        let mut sink = open(folder.path(), layout(), writer("q")).unwrap().watched(steps(&fault));
        assert!(give(&mut sink, 0, &rows(0..9)).is_err());
        // What a process leaves that is killed while it writes.
        fs::write(folder.path().join("category=Books/.batch-000000-6a1f2b3c.parquet.77"), "half").unwrap();
        assert_eq!(committed(folder.path()).len(), 0, "{step}");
        let other = open(folder.path(), layout(), writer("other")).unwrap();
        let left = globbed(folder.path(), Form::Parquet).len();
        assert_eq!(left, step.min(3), "nobody else's files are touched");
        drop(other);
        open(folder.path(), layout(), writer("q")).unwrap();
        assert_eq!(globbed(folder.path(), Form::Parquet).len(), 0, "{step}");
    }
}

#[test]
fn readers_without_the_manifest_see_the_same_when_no_batch_is_on_its_way() {
    let folder = tempfile::tempdir().unwrap();
    for query in ["a", "b"] {
        let mut sink = open(folder.path(), Layout::new(Form::Parquet), writer(query)).unwrap();
        (0..3).for_each(|batch| give(&mut sink, batch, &rows([batch as i64])).unwrap());
    }
    let mut by_manifest = committed(folder.path());
    by_manifest.sort();
    assert_eq!(by_manifest, globbed(folder.path(), Form::Parquet));
    assert_eq!(by_manifest.len(), 6);
    let others = names(folder.path()).into_iter().filter(|name| !name.ends_with(".parquet"));
    assert!(others.clone().all(|name| name.starts_with('_')), "{:?}", others.collect::<Vec<_>>());
}

#[test]
fn a_batch_becomes_files_of_the_size_that_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let many = rows(0..40_000);
    for (form, size) in [(Form::Ndjson, 600_000), (Form::Parquet, 60_000)] {
        let path = folder.path().join(form.ending());
        let mut sink = open(&path, Layout { file_size: size, ..Layout::new(form) }, writer("q")).unwrap();
        give(&mut sink, 0, &many).unwrap();
        let files = globbed(&path, form);
        assert!(files.len() > 2, "{files:?}");
        let all: Vec<_> = committed(&path).iter().flat_map(|file| ids(form, file)).collect();
        assert_eq!(all, (0..40_000).collect::<Vec<_>>());
    }
}

#[test]
fn a_folder_with_files_that_nobody_accounts_for_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("mine.csv"), "a\n1\n").unwrap();
    let refused = open(folder.path(), Layout::new(Form::Csv), writer("q")).map(drop).unwrap_err().to_string();
    assert!(refused.contains("mine.csv") && refused.contains("another folder"), "{refused}");
    open(folder.path(), Layout::new(Form::Ndjson), writer("q")).unwrap();
}

#[test]
fn a_layout_that_does_not_fit_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |name: &str, partition_by: &[&str], form, parts: &[&str]| {
        let partition_by = partition_by.iter().map(ToString::to_string).collect();
        let layout = Layout { partition_by, ..Layout::new(form) };
        let error: Error = open(&folder.path().join(name), layout, writer("q")).map(drop).unwrap_err();
        let text = error.to_string();
        assert!(parts.iter().all(|part| text.contains(part)), "{text}");
    };
    refused("out", &["absent"], Form::Parquet, &["absent", "id, category, day, at"]);
    refused("out", &["id", "category", "day", "at"], Form::Parquet, &["all columns"]);
    refused("out.csv", &["day"], Form::Csv, &["needs a folder"]);
    refused("out.parquet", &[], Form::Parquet, &["folder"]);
}

#[test]
fn what_was_in_a_file_before_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.ndjson");
    fs::write(&path, "{\"id\":-1}\n").unwrap();
    for _ in 0..2 {
        let mut sink = open(&path, Layout::new(Form::Ndjson), writer("q")).unwrap();
        give(&mut sink, 0, &rows([7])).unwrap();
    }
    assert_eq!(ids(Form::Ndjson, &path), [-1, 7]);
    // Who empties a file gets what comes from then on.
    fs::write(&path, "").unwrap();
    let mut sink = open(&path, Layout::new(Form::Ndjson), writer("q")).unwrap();
    give(&mut sink, 1, &rows([8])).unwrap();
    assert_eq!(ids(Form::Ndjson, &path), [8]);
}

#[test]
fn rows_that_were_cut_off_in_a_file_are_taken_away() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.csv");
    let fault = Fault::at(Kind::Kill, 4);
    let mut sink = open(&path, Layout::new(Form::Csv), writer("q")).unwrap().watched(steps(&fault));
    give(&mut sink, 0, &rows([1])).unwrap();
    assert!(give(&mut sink, 1, &rows([2])).is_err());
    assert_eq!(ids(Form::Csv, &path), [1, 2], "the rows are there, and not committed");
    open(&path, Layout::new(Form::Csv), writer("another")).unwrap();
    assert_eq!(ids(Form::Csv, &path), [1]);
}
