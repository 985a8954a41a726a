//! The sinks that are held against the contract, and how their rows are read back.

use super::fault::{Fault, Verdict};
use super::rows;
use crate::sinks_kafka;
use crate::support::Cluster;
use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use ecap::catalog::Topic;
use ecap::clock::{ManualClock, SystemClock};
use ecap::delta::table::{Interest, Table};
use ecap::delta::{read, runtime};
use ecap::kafka::config::Connection;
use ecap::place::Place;
use ecap::record::schema::Schema;
use ecap::sink::delta::{DeltaSink, Options};
use ecap::sink::exec::{self, Exec};
use ecap::sink::file::{FileSink, Form, Layout};
use ecap::sink::kafka::{Destination, KafkaSink};
use ecap::sink::memory::Memory;
use ecap::sink::steps::Steps;
use ecap::sink::{Sink, Writer};
use ecap::{Error, Result};
use object_store::memory::InMemory;
use object_store::path::Path as StorePath;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions,
};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use rdkafka::message::{Message, OwnedMessage};
use serde_json::Value;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// A sink, with a place of its own.
pub struct Subject {
    open: Opens,
    read: Box<dyn Fn() -> Vec<i64>>,
    /// Whether readers never see a part of a batch.
    pub gives_whole_batches: bool,
    /// How many steps a batch has at least.
    pub steps: usize,
}

type Opens = Box<dyn Fn(Writer, &Fault) -> Result<Box<dyn Sink>>>;

impl Subject {
    /// A sink whose steps nothing is done to, by how it is opened for a writer and how the ids of its rows are read.
    pub fn new<S: Sink + 'static>(
        open: impl Fn(Writer) -> Result<S> + 'static,
        read: impl Fn() -> Vec<i64> + 'static,
    ) -> Self {
        let open = move |writer, _: &Fault| Ok(Box::new(open(writer)?) as Box<dyn Sink>);
        Self { open: Box::new(open), read: Box::new(read), gives_whole_batches: true, steps: 0 }
    }

    /// Opens the sink.
    pub fn open(&self, writer: Writer, fault: &Fault) -> Box<dyn Sink> {
        (self.open)(writer, fault).unwrap()
    }

    /// Opens the sink; the fault lies behind that.
    pub fn open_before_the_fault(&self, writer: Writer, fault: &Fault) -> Box<dyn Sink> {
        fault.hold();
        let sink = self.open(writer, fault);
        fault.begin();
        sink
    }

    /// The ids of all rows, in order.
    pub fn ids(&self) -> Vec<i64> {
        let mut ids = (self.read)();
        ids.sort_unstable();
        ids
    }
}

/// Steps of files with a fault among them.
pub fn steps(fault: &Fault) -> Steps {
    let fault = fault.clone();
    Steps::watched(move |step| match fault.step() {
        Verdict::Take | Verdict::TakeTwice | Verdict::TakeAndSleep => Ok(()),
        Verdict::Refuse | Verdict::TakeAndLose => Err(Error::failed(format!("killed before {step}"))),
    })
}

fn in_files(layout: Layout, name: &'static str) -> Subject {
    let folder = Arc::new(TempDir::new().unwrap());
    let path = folder.path().join(name);
    let (form, place) = (layout.form, path.clone());
    let open = move |writer, fault: &Fault| {
        let columns = rows([]).schema();
        let sink = FileSink::open(&place, layout.clone(), &columns, writer, Arc::new(ManualClock::at(0)))?;
        Ok(Box::new(sink.watched(steps(fault))) as Box<dyn Sink>)
    };
    let is_folder = !name.contains('.');
    let read = move || {
        let _kept = &folder;
        if is_folder {
            committed(&path).iter().flat_map(|file| ids(form, file)).collect()
        } else {
            ids(form, &path)
        }
    };
    Subject { open: Box::new(open), read: Box::new(read), gives_whole_batches: is_folder, steps: 3 }
}

/// The files that the manifest of a folder names.
pub fn committed(folder: &Path) -> Vec<PathBuf> {
    let manifest = fs::read_to_string(folder.join("_manifest")).unwrap_or_default();
    let line = |line: &str| -> Vec<PathBuf> {
        let line: Value = serde_json::from_str(line).unwrap();
        let files = line["files"].as_array().unwrap().iter();
        files.map(|file| folder.join(file["path"].as_str().unwrap())).collect()
    };
    manifest.lines().flat_map(line).collect()
}

/// All files of results below a folder, whatever the manifest says.
pub fn globbed(folder: &Path, form: Form) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(globbed(&path, form));
        } else if path.extension().is_some_and(|ending| ending == form.ending()) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The ids in a file.
pub fn ids(form: Form, path: &Path) -> Vec<i64> {
    match form {
        Form::Parquet => {
            let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
            reader.build().unwrap().flat_map(|rows| ids_of(&rows.unwrap())).collect()
        }
        Form::Ndjson => {
            let text = fs::read_to_string(path).unwrap_or_default();
            let id = |line: &str| serde_json::from_str::<Value>(line).unwrap()["id"].as_i64().unwrap();
            text.lines().map(id).collect()
        }
        Form::Csv => {
            let text = fs::read_to_string(path).unwrap_or_default();
            text.lines().skip(1).map(|line| line.split(',').next().unwrap().parse().unwrap()).collect()
        }
    }
}

fn ids_of(rows: &RecordBatch) -> Vec<i64> {
    rows.column_by_name("id").unwrap().as_primitive::<Int64Type>().values().to_vec()
}

pub fn ndjson_in_a_folder() -> Subject {
    in_files(Layout::new(Form::Ndjson), "out")
}

pub fn csv_in_a_folder() -> Subject {
    in_files(Layout::new(Form::Csv), "out")
}

pub fn parquet_in_a_folder() -> Subject {
    in_files(Layout::new(Form::Parquet), "out")
}

pub fn parquet_in_partitions() -> Subject {
    let partition_by = vec!["day".into(), "category".into()];
    in_files(Layout { partition_by, ..Layout::new(Form::Parquet) }, "out")
}

pub fn ndjson_in_a_file() -> Subject {
    in_files(Layout::new(Form::Ndjson), "out.ndjson")
}

pub fn csv_in_a_file() -> Subject {
    in_files(Layout::new(Form::Csv), "out.csv")
}

/// A store with a fault among the requests to it.
#[derive(Debug, Clone)]
pub struct Faulty {
    pub inner: Arc<dyn ObjectStore>,
    pub fault: Fault,
}

impl std::fmt::Display for Faulty {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.inner)
    }
}

fn broken() -> object_store::Error {
    object_store::Error::Generic { store: "faulty", source: "no answer".into() }
}

impl Faulty {
    async fn step<T, F: Future<Output = object_store::Result<T>>>(
        &self,
        request: impl Fn() -> F,
    ) -> object_store::Result<T> {
        match self.fault.step() {
            Verdict::Take => request().await,
            Verdict::Refuse => Err(broken()),
            Verdict::TakeAndLose => {
                request().await?;
                Err(broken())
            }
            Verdict::TakeTwice => {
                request().await?;
                request().await
            }
            Verdict::TakeAndSleep => {
                let answer = request().await;
                self.fault.sleep();
                answer
            }
        }
    }
}

#[async_trait::async_trait]
impl ObjectStore for Faulty {
    async fn put_opts(
        &self,
        at: &StorePath,
        data: PutPayload,
        how: PutOptions,
    ) -> object_store::Result<PutResult> {
        if at.as_ref().contains("_delta_log/") && self.fault.is_overtaken() {
            self.inner.put_opts(at, "{\"commitInfo\":{}}\n".into(), how.clone()).await?;
        }
        self.step(|| self.inner.put_opts(at, data.clone(), how.clone())).await
    }

    async fn put_multipart_opts(
        &self,
        at: &StorePath,
        how: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        self.step(|| self.inner.put_multipart_opts(at, how.clone())).await
    }

    async fn get_opts(&self, at: &StorePath, how: GetOptions) -> object_store::Result<GetResult> {
        self.step(|| self.inner.get_opts(at, how.clone())).await
    }

    fn delete_stream(
        &self,
        paths: futures::stream::BoxStream<'static, object_store::Result<StorePath>>,
    ) -> futures::stream::BoxStream<'static, object_store::Result<StorePath>> {
        self.inner.delete_stream(paths)
    }

    fn list(
        &self,
        below: Option<&StorePath>,
    ) -> futures::stream::BoxStream<'static, object_store::Result<ObjectMeta>> {
        self.inner.list(below)
    }

    async fn list_with_delimiter(&self, below: Option<&StorePath>) -> object_store::Result<ListResult> {
        self.step(|| self.inner.list_with_delimiter(below)).await
    }

    async fn copy_opts(
        &self,
        from: &StorePath,
        to: &StorePath,
        how: CopyOptions,
    ) -> object_store::Result<()> {
        self.step(|| self.inner.copy_opts(from, to, how.clone())).await
    }

    async fn rename_opts(
        &self,
        from: &StorePath,
        to: &StorePath,
        how: RenameOptions,
    ) -> object_store::Result<()> {
        self.step(|| self.inner.rename_opts(from, to, how.clone())).await
    }
}

/// Where the tables of tests are.
pub const TABLE: &str = "memory:///lake/table";

/// The place of a table in a store, with a fault on the way.
pub fn place(store: &Arc<dyn ObjectStore>, fault: &Fault) -> Place {
    Place::on(Arc::new(Faulty { inner: store.clone(), fault: fault.clone() }), TABLE).unwrap()
}

/// The rows of a table in a store.
pub fn table_rows(store: &Arc<dyn ObjectStore>) -> Vec<RecordBatch> {
    let interest = Interest { app: None, files: true };
    runtime().unwrap().block_on(async {
        let place = place(store, &Fault::none());
        match Table::load(place, interest, Arc::new(ManualClock::at(0))).await.unwrap() {
            Some(table) => read::all(&table).await.unwrap(),
            None => vec![],
        }
    })
}

fn in_delta(options: Options) -> Subject {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let own = store.clone();
    let open = move |writer, fault: &Fault| {
        let columns = rows([]).schema();
        let clock = Arc::new(ManualClock::at(0));
        let sink = DeltaSink::open(place(&own, fault), options.clone(), &columns, writer, clock)?;
        Ok(Box::new(sink) as Box<dyn Sink>)
    };
    let read = move || table_rows(&store).iter().flat_map(ids_of).collect();
    Subject { open: Box::new(open), read: Box::new(read), gives_whole_batches: true, steps: 2 }
}

pub fn kafka() -> Subject {
    const TOPIC: &str = "analytics-results";
    let cluster = Rc::new(Cluster::start());
    cluster.create_topics(&[TOPIC]);
    let own = cluster.clone();
    let open = move |writer: Writer| {
        let destination = Destination {
            connection: Connection::new(&own.address),
            prefix: own.prefix.clone(),
            topic: Topic::undeclared(&own.name(TOPIC), Schema::default()),
            key: vec!["category".into()],
            patience: Duration::from_secs(30),
            longest: Duration::from_secs(60),
            clock: Arc::new(SystemClock),
        };
        KafkaSink::new(destination, &rows([]).schema(), &writer)
    };
    let id = |record: &OwnedMessage| {
        serde_json::from_slice::<Value>(record.payload().unwrap()).unwrap()["id"].as_i64().unwrap()
    };
    let read = move || sinks_kafka::committed(&cluster, TOPIC).iter().map(id).collect();
    Subject::new(open, read)
}

pub fn exec_by_number() -> Subject {
    let folder = Rc::new(TempDir::new().unwrap());
    let own = folder.clone();
    let open = move |writer| {
        let command = format!("cat > {}/$ECAP_QUERY-$ECAP_BATCH.ndjson", own.path().display());
        Ok(Exec::new(command, exec::Form::Ndjson, writer))
    };
    let read = move || {
        globbed(folder.path(), Form::Ndjson).iter().flat_map(|file| ids(Form::Ndjson, file)).collect()
    };
    Subject::new(open, read)
}

pub fn memory() -> Subject {
    let memory = Memory::default();
    let own = memory.clone();
    Subject::new(move |_| Ok(own.clone()), move || memory.rows().iter().flat_map(ids_of).collect())
}

pub fn delta_that_adds() -> Subject {
    in_delta(Options::default())
}

pub fn delta_in_partitions() -> Subject {
    in_delta(Options { partition_by: vec!["day".into(), "category".into()], ..Options::default() })
}

pub fn delta_that_merges() -> Subject {
    in_delta(Options { merge_on: vec!["id".into()], ..Options::default() })
}

pub fn delta_with_checkpoints() -> Subject {
    in_delta(Options {
        properties: vec![("delta.checkpointInterval".into(), "2".into())],
        ..Options::default()
    })
}
