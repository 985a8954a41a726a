//! Queries whose processes end at each step of a batch and are started again: the results are those of one that did not end.

use super::{SALES, Sale, Stage, at, sales};
use crate::sinks::subjects::committed;
use crate::sinks_kafka;
use crate::support::{Cluster, Ended};
use arrow::array::RecordBatch;
use ecap::clock::SystemClock;
use ecap::delta::table::{Interest, Table};
use ecap::delta::{read, runtime};
use ecap::place::Place;
use ecap::sink::lines;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use rdkafka::message::{Headers, Message};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

/// The steps of the checkpoint in its folder, and the time at which a query ends there.
const STEPS: [&str; 18] = [
    "claimed",
    "entry:2",
    "entered:2",
    "state",
    "state:4",
    "commit",
    "commit:4",
    "done",
    "done:4",
    "removal",
    "removal:2",
    "removal:5",
    "written",
    "written:6",
    "synced:4",
    "synced:7",
    "renamed:5",
    "renamed:8",
];

/// Windows that end while the query runs, a few in each batch, and some when it closes them.
const WINDOWS: [&str; 17] = [
    "--topic",
    SALES,
    "--window",
    "4s",
    "--watermark",
    "1s",
    "--output-mode",
    "append",
    "--from",
    "earliest",
    "--trigger",
    "available-now",
    "--max-offsets-per-trigger",
    "12",
    "--flush-at-end",
    "--min-batches-to-retain",
    "1",
];

/// The topic of results.
const RESULTS: &str = "analytics-results";

/// A sink that keeps results, in a place of its own for each query.
pub struct Kept<'a> {
    /// Its flags for the query of this number.
    pub flags: &'a dyn Fn(usize) -> Vec<String>,
    /// The steps that it has.
    pub steps: &'a [&'a str],
    /// The rows of this number's query, in an order of their own.
    pub rows: &'a dyn Fn(&Cluster, usize) -> Vec<String>,
}

/// A minute of sales, one each second.
fn stage() -> Stage {
    let stage = Stage::new(&[SALES, RESULTS]);
    stage.sell(&(0..60).map(|second| at(second * 1_000)).collect::<Vec<Sale>>());
    stage
}

/// Has a query end at each step, once for each, and go on.
pub fn holds(kept: &Kept<'_>) {
    let stage = stage();
    let run = |number: usize, at: Option<&str>| {
        let mut command = stage.cluster.command("ecap-consume");
        command.args(WINDOWS).args(["--checkpoint", &format!("kept-{number}")]).args((kept.flags)(number));
        Ended::of(command.envs(at.map(|at| ("ECAP_FAILPOINT", at))))
    };
    let rows = |number: usize| {
        let mut rows = (kept.rows)(&stage.cluster, number);
        rows.sort_unstable();
        rows
    };
    run(0, None).ok();
    let expected = rows(0);
    assert_eq!(expected.len(), 15, "{expected:?}");
    for (number, at) in (1..).zip(STEPS.iter().chain(kept.steps)) {
        let ended = run(number, Some(at));
        let step = at.split_once(':').map_or(*at, |(step, _)| step);
        assert!(ended.err.contains(&format!("ECAP_FAILPOINT: {step}")), "{at} was not reached: {ended:?}");
        assert_eq!(ended.code, -1, "{at}: {ended:?}");
        run(number, None).ok();
        assert_eq!(rows(number), expected, "{at}");
    }
}

fn flags(args: &[&str]) -> Vec<String> {
    args.iter().map(ToString::to_string).collect()
}

fn texts(rows: &[RecordBatch]) -> Vec<String> {
    let text = lines::ndjson(rows).unwrap();
    String::from_utf8(text).unwrap().lines().map(Into::into).collect()
}

#[test]
fn lines_in_a_file_are_there_once_wherever_a_query_ends() {
    holds(&Kept {
        flags: &|number| flags(&["--sink", "ndjson", "--path", &format!("out-{number}.ndjson")]),
        steps: &["rows:2", "manifest:2", "committed:2"],
        rows: &|cluster, number| {
            let text = fs::read_to_string(cluster.folder.path().join(format!("out-{number}.ndjson")));
            text.unwrap().lines().map(Into::into).collect()
        },
    });
}

#[test]
fn parquet_in_a_folder_is_there_once_wherever_a_query_ends() {
    let read = |file: &Path| {
        let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(file).unwrap()).unwrap();
        texts(&reader.build().unwrap().collect::<Result<Vec<_>, _>>().unwrap())
    };
    holds(&Kept {
        flags: &|number| flags(&["--sink", "parquet", "--path", &format!("out-{number}")]),
        steps: &["file:2", "manifest:2", "committed:2"],
        rows: &|cluster, number| {
            let files = committed(&cluster.folder.path().join(format!("out-{number}")));
            files.iter().flat_map(|file| read(file)).collect()
        },
    });
}

#[test]
fn a_delta_table_has_each_row_once_wherever_a_query_ends() {
    let read = |place: &str| {
        let interest = Interest { app: None, files: true };
        runtime().unwrap().block_on(async {
            let place = Place::open(place, &[]).unwrap();
            let table = Table::existing(place, interest, Arc::new(SystemClock)).await.unwrap();
            read::all(&table).await.unwrap()
        })
    };
    holds(&Kept {
        flags: &|number| flags(&["--sink", "delta", "--path", &format!("out-{number}")]),
        steps: &["delta commit", "delta commit:2", "delta committed", "delta committed:2"],
        rows: &|cluster, number| {
            texts(&read(&cluster.folder.path().join(format!("out-{number}")).display().to_string()))
        },
    });
}

#[test]
fn a_topic_has_each_row_once_wherever_a_query_ends() {
    let own = |cluster: &Cluster, number: usize| {
        let shown = ["checkpoint", "show", &format!("kept-{number}"), "--format", "json"];
        let shown: Value = serde_json::from_str(&cluster.run("ecap-consume", &shown).ok()).unwrap();
        shown["query"]["id"].as_str().unwrap().to_string()
    };
    holds(&Kept {
        flags: &|_| flags(&["--sink", "kafka", "--sink-option", &format!("topic={RESULTS}")]),
        steps: &["kafka claim", "kafka commit", "kafka commit:3", "kafka committed", "kafka committed:3"],
        rows: &|cluster, number| {
            let id = own(cluster, number);
            let records = sinks_kafka::committed(cluster, RESULTS);
            let is_own = |headers: &rdkafka::message::OwnedHeaders| {
                headers.iter().any(|header| header.key == "ecap.query" && header.value == Some(id.as_bytes()))
            };
            let of_query = records.iter().filter(|record| record.headers().is_some_and(is_own));
            of_query.map(|record| String::from_utf8_lossy(record.payload().unwrap()).into_owned()).collect()
        },
    });
}

#[test]
fn a_command_gets_the_same_bytes_when_a_batch_comes_again() {
    let stage = Stage::with(&sales(3_000, 600_000));
    let groups = ["--window", "1m", "--group-by", "customer_id"];
    for (kept, query) in [("rows", &[][..]), ("groups", &groups[..])] {
        let folder = stage.cluster.folder.path().join(kept);
        fs::create_dir(&folder).unwrap();
        let shell = format!("cat > {kept}/$ECAP_BATCH-$$");
        let args = ["--topic", SALES, "--from", "earliest", "--trigger", "available-now", "--checkpoint"];
        let sink = ["--sink", "exec", "--command", &shell, "--output-mode", "append", "--flush-at-end"];
        for at in [Some("commit:2"), None] {
            let mut command = stage.cluster.command("ecap-consume");
            command.args(args).arg(format!("kept-{kept}")).args(sink).args(query);
            let ended = Ended::of(command.envs(at.map(|at| ("ECAP_FAILPOINT", at))));
            assert_eq!(ended.code == 0, at.is_none(), "{ended:?}");
        }
        let mut given: BTreeMap<String, Vec<Vec<u8>>> = BTreeMap::new();
        for file in fs::read_dir(folder).unwrap() {
            let file = file.unwrap().path();
            let name = file.file_name().unwrap().to_string_lossy().into_owned();
            let batch = name.split_once('-').unwrap().0.to_string();
            given.entry(batch).or_default().push(fs::read(file).unwrap());
        }
        let twice: Vec<_> = given.values().filter(|bytes| bytes.len() == 2).collect();
        assert_eq!(twice.len(), 1, "the batch that was not done comes again");
        assert_eq!(twice[0][0], twice[0][1]);
    }
}
