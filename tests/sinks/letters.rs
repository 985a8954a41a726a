//! Dead letters in files and tables are read as they were written, whatever bytes they have.

use super::writer;
use crate::support::cases;
use ecap::clock::ManualClock;
use ecap::dead_letters::place::Place;
use ecap::kafka::config::Connection;
use ecap::record::letter::rows::{Builder, columns};
use ecap::record::letter::{Letter, text};
use ecap::sink::delta::{DeltaSink, Options};
use ecap::sink::file::{FileSink, Form, Layout};
use ecap::sink::letters::Readable;
use ecap::sink::{Batch, Rows, Sink};
use proptest::prelude::*;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;

/// What is special to a letter: key and value, reason and column, partition and offset, milliseconds.
type Told = (Option<Vec<u8>>, Option<Vec<u8>>, String, Option<String>, Option<(i32, i64)>, Option<i64>);

fn letter(told: &Told) -> Letter<'_> {
    let (key, value, reason, column, place, millis) = told;
    Letter {
        topic: "sales",
        partition: place.map(|(partition, _)| partition),
        offset: place.map(|(_, offset)| offset),
        timestamp: millis.map(|millis| millis * 1_000),
        key: key.as_deref(),
        value: value.as_deref(),
        stage: "decode",
        code: "MALFORMED_JSON",
        column: column.as_deref(),
        reason,
        batch: Some(7),
        ..Letter::default()
    }
}

fn bytes() -> impl Strategy<Value = Option<Vec<u8>>> {
    let some = prop_oneof![any::<String>().prop_map(String::into_bytes), any::<Vec<u8>>()];
    prop_oneof![1 => Just(None), 5 => some.prop_map(Some)]
}

fn told() -> impl Strategy<Value = Told> {
    let millis = prop::option::of(0_i64..4_000_000_000_000);
    (bytes(), bytes(), any::<String>(), any::<Option<String>>(), any::<Option<(i32, i64)>>(), millis)
}

/// The sinks of a folder, each with the place that reads it.
fn sinks(folder: &Path) -> Vec<(Box<dyn Sink>, Place)> {
    let clock = Arc::new(ManualClock::at(0));
    let files = |name: &str, form, columns| {
        let (path, layout) = (folder.join(name), Layout::new(form));
        let sink = FileSink::open(&path, layout, &columns, writer("q"), clock.clone()).unwrap();
        (Box::new(sink) as Box<dyn Sink>, Place::Files(path))
    };
    let lines = |name| {
        let (sink, place) = files(name, Form::Ndjson, text::columns(&columns()));
        (Box::new(Readable(sink)) as Box<dyn Sink>, place)
    };
    let table = folder.join("delta").to_str().unwrap().to_string();
    let place = ecap::place::Place::open(&table, &[]).unwrap();
    let delta = DeltaSink::open(place, Options::default(), &columns(), writer("q"), clock.clone()).unwrap();
    vec![
        lines("letters.ndjson"),
        lines("letters"),
        files("parquet", Form::Parquet, columns()),
        (Box::new(delta), Place::Delta(table)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases().cases / 16, ..cases() })]

    #[test]
    fn letters_are_read_as_they_were_written(batches in prop::collection::vec(prop::collection::vec(told(), 1..9), 1..4)) {
        let folder = TempDir::new().unwrap();
        // A table has no order.
        let mut wanted: Vec<_> = batches.iter().flatten().map(|told| format!("{:?}", letter(told))).collect();
        wanted.sort_unstable();
        for (mut sink, place) in sinks(folder.path()) {
            for (id, batch) in (0..).zip(&batches) {
                let mut rows = Builder::default();
                batch.iter().for_each(|told| rows.push(&letter(told)));
                let rows = [rows.take().unwrap()];
                sink.write(&Batch { id, columns: columns(), rows: Rows::Held(&rows), records: 0, total_records: 0 }).unwrap();
            }
            let mut read = Vec::new();
            place.read(&Connection::new("nowhere:1"), &mut |letter| {
                read.push(format!("{letter:?}"));
                Ok(())
            }).unwrap();
            read.sort_unstable();
            prop_assert_eq!(&read, &wanted, "{}", place);
        }
    }
}

#[test]
fn what_a_batch_left_behind_that_was_cut_off_is_not_read() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("letters.ndjson");
    let told = (None, Some(b"x".to_vec()), "r".into(), None, Some((0, 1)), None);
    for (mut sink, place) in sinks(folder.path()).into_iter().take(1) {
        let mut rows = Builder::default();
        rows.push(&letter(&told));
        let rows = [rows.take().unwrap()];
        sink.write(&Batch {
            id: 0,
            columns: columns(),
            rows: Rows::Held(&rows),
            records: 0,
            total_records: 0,
        })
        .unwrap();
        let whole = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("{whole}{}", &whole[..20])).unwrap();
        let mut read = 0;
        place
            .read(&Connection::new("nowhere:1"), &mut |_| {
                read += 1;
                Ok(())
            })
            .unwrap();
        assert_eq!(read, 1);
    }
}
