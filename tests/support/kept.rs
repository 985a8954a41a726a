//! A checkpoint in memory that outlives the query which writes it, and a fuse that kills a query at a step.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Float64Type, SchemaRef};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use ecap::engine::checkpoint::{Owned, Store};
use ecap::sink::{Batch, Sink};
use ecap::{Error, Result};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// What a killed query ends with.
pub const KILLED: &str = "killed";

/// Kills at a step: every effect has one before it, and one after it, when only the answer is lost.
#[derive(Debug, Clone)]
pub struct Fuse {
    left: Arc<AtomicU64>,
    panics: Arc<AtomicBool>,
}

impl Fuse {
    /// Never kills.
    pub fn none() -> Self {
        Self::of(u64::MAX)
    }

    /// Kills after so many steps.
    pub fn of(steps: u64) -> Self {
        Self { left: Arc::new(AtomicU64::new(steps)), panics: Arc::default() }
    }

    /// Kills after so many steps from now.
    pub fn set(&self, steps: u64) {
        self.left.store(steps, Ordering::Relaxed);
    }

    /// Kills after so many steps from now, once and by a panic.
    pub fn panic_after(&self, steps: u64) {
        self.set(steps);
        self.panics.store(true, Ordering::Relaxed);
    }

    /// How many steps are left.
    pub fn left(&self) -> u64 {
        self.left.load(Ordering::Relaxed)
    }

    fn step(&self) -> Result<()> {
        match self.left() {
            0 if self.panics.swap(false, Ordering::Relaxed) => {
                self.set(u64::MAX);
                panic!("{KILLED}")
            }
            0 => Err(Error::failed(KILLED)),
            left => {
                self.set(left - 1);
                Ok(())
            }
        }
    }

    /// Has an effect, unless the query is killed before it; its answer is lost where it is killed after it.
    pub fn around<T>(&self, effect: impl FnOnce() -> Result<T>) -> Result<T> {
        self.step()?;
        let answer = effect()?;
        self.step().map(|()| answer)
    }
}

/// Files in memory; clones share them.
#[derive(Debug, Clone)]
pub struct Kept {
    files: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    fuse: Fuse,
}

impl Kept {
    /// No file yet.
    pub fn new(fuse: Fuse) -> Self {
        Self { files: Arc::default(), fuse }
    }

    /// The names of the files.
    pub fn files(&self) -> Vec<String> {
        self.files.lock().expect("not poisoned").keys().cloned().collect()
    }

    /// Changes what a file holds, as a bad disk does.
    pub fn corrupt(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        change(self.files.lock().expect("not poisoned").get_mut(name).expect("is there"));
    }
}

impl Store for Kept {
    fn place(&self) -> String {
        "memory".into()
    }

    fn names(&self) -> Result<Vec<String>> {
        Ok(self.files())
    }

    fn size(&self) -> Result<u64> {
        Ok(self.files.lock().expect("not poisoned").values().map(|bytes| bytes.len() as u64).sum())
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.files.lock().expect("not poisoned").get(name).cloned())
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        self.fuse.around(|| {
            self.files.lock().expect("not poisoned").insert(name.into(), bytes.into());
            Ok(())
        })
    }

    fn remove(&self, names: &[String]) -> Result<()> {
        names.iter().try_for_each(|name| {
            self.fuse.around(|| {
                self.files.lock().expect("not poisoned").remove(name);
                Ok(())
            })
        })
    }

    fn own(&self, _: &str) -> Result<Owned> {
        Ok(Owned::nothing())
    }
}

/// A sink in memory that outlives the query which writes to it; clones share it.
#[derive(Debug, Clone)]
pub struct Results {
    given: Arc<Mutex<Given>>,
    fuse: Fuse,
    /// Whether the last digits of floats may be others when a batch comes again.
    rounds: bool,
}

#[derive(Debug, Default)]
struct Given {
    columns: Option<SchemaRef>,
    batches: BTreeMap<u64, Vec<RecordBatch>>,
    again: u64,
}

impl Results {
    /// Nothing yet.
    pub fn new(fuse: Fuse) -> Self {
        Self { given: Arc::default(), fuse, rounds: false }
    }

    /// The same for state on the disk, where a batch that runs again adds floats up in another order.
    pub fn rounding(fuse: Fuse) -> Self {
        Self { rounds: true, ..Self::new(fuse) }
    }

    /// The columns, once something was given out.
    pub fn columns(&self) -> Option<SchemaRef> {
        self.given.lock().expect("not poisoned").columns.clone()
    }

    /// The rows by batch.
    pub fn batches(&self) -> BTreeMap<u64, Vec<RecordBatch>> {
        self.given.lock().expect("not poisoned").batches.clone()
    }

    /// All rows as lines of text, in an order of their own.
    pub fn lines(&self) -> Vec<String> {
        self.lines_from(0)
    }

    /// The same of the batches from a number on.
    pub fn lines_from(&self, batch: u64) -> Vec<String> {
        let batches = self.batches().split_off(&batch);
        let mut lines: Vec<String> = batches.into_values().flat_map(|rows| lines(&rows, false)).collect();
        lines.sort_unstable();
        lines
    }

    /// How often a batch came that was there already.
    pub fn again(&self) -> u64 {
        self.given.lock().expect("not poisoned").again
    }
}

impl Sink for Results {
    /// As every sink: what it has already it passes over. That is the same when it comes again.
    fn write(&mut self, batch: &Batch<'_>) -> Result<()> {
        self.fuse.around(|| {
            let mut given = self.given.lock().expect("not poisoned");
            given.columns = Some(batch.columns.clone());
            let rows = batch.rows.all()?.into_owned();
            let Some(has) = given.batches.get(&batch.id) else {
                given.batches.insert(batch.id, rows);
                return Ok(());
            };
            let (was, is) = (lines(has, self.rounds), lines(&rows, self.rounds));
            if was != is {
                let (was, is) = (was.join("\n"), is.join("\n"));
                return Err(Error::failed(format!("batch {} was\n{was}\nand is\n{is}", batch.id)));
            }
            given.again += 1;
            Ok(())
        })
    }
}

/// Rows as sorted lines, floats with twelve digits where they are rounded.
fn lines(rows: &[RecordBatch], rounds: bool) -> Vec<String> {
    let mut lines = Vec::new();
    for rows in rows {
        let options = FormatOptions::new().with_null("NULL");
        let columns = rows.columns().iter().map(|column| ArrayFormatter::try_new(column.as_ref(), &options));
        let columns = columns.collect::<std::result::Result<Vec<_>, _>>().expect("has a text");
        let value = |(number, text): (usize, &ArrayFormatter<'_>), row| match rows
            .column(number)
            .as_primitive_opt::<Float64Type>()
        {
            Some(floats) if rounds && floats.is_valid(row) => format!("{:.11e}", floats.value(row)),
            _ => text.value(row).to_string(),
        };
        let line =
            |row| columns.iter().enumerate().map(|column| value(column, row)).collect::<Vec<_>>().join(" ");
        lines.extend((0..rows.num_rows()).map(line));
    }
    lines.sort_unstable();
    lines
}
