//! Records to columns: what was read is decoded at once, partition by partition.

use super::source::{InFile, SourceRecord};
use super::span::Span;
use crate::catalog::{ARRIVAL_TIME, RECORD_TIME, Record, Topic};
use crate::clock::Micros;
use crate::query::table::KAFKA_COLUMNS;
use crate::record::decode::Decoder;
use crate::record::observed::Observed;
use crate::record::reject::{Code, Reject};
use crate::{Error, Result};
use arrow::array::{
    ArrayRef, AsArray, Int32Array, Int64Array, RecordBatch, RecordBatchOptions, StringArray, StringBuilder,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{SchemaRef, TimestampMicrosecondType};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What happened to the records that were read: counts since the start or the last batch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Records read, the refused ones with them.
    pub read: u64,
    /// Records refused, by reason.
    pub rejected: BTreeMap<Code, u64>,
    /// Null values in a compacted topic.
    pub tombstones: u64,
}

impl Counts {
    /// Adds what happened later.
    pub fn add(&mut self, later: Self) {
        self.read += later.read;
        self.tombstones += later.tombstones;
        for (code, count) in later.rejected {
            *self.rejected.entry(code).or_default() += count;
        }
    }
}

/// Decodes records as they are read.
pub struct Intake {
    topic: Topic,
    record: Record,
    columns: SchemaRef,
    time: String,
    /// Whether the bytes of records are kept until their rows have gone through the query.
    keeps_originals: bool,
    partitions: BTreeMap<i32, Open>,
    /// What happened since [`Self::take_counts`].
    counts: Counts,
}

/// The records of one partition since the last batch.
struct Open {
    decoder: Decoder,
    offsets: Vec<i64>,
    timestamps: Vec<Micros>,
    keys: Option<StringBuilder>,
    originals: Option<Originals>,
    in_files: Vec<InFile>,
}

/// The records of one partition as columns.
#[derive(Debug)]
pub struct Decoded {
    /// The partition.
    pub partition: i32,
    /// The columns that the plan wants.
    pub rows: RecordBatch,
    /// The event time of each row.
    pub times: Option<ArrayRef>,
    /// The offset of each row.
    pub offsets: Int64Array,
    /// Kafka's time of each row.
    pub timestamps: TimestampMicrosecondArray,
    /// The bytes of each row, where they are kept.
    pub originals: Option<Originals>,
    /// Where each row stands, where they were read from files.
    pub in_files: Vec<InFile>,
}

impl Decoded {
    /// The event time of each row.
    pub fn event_times(&self) -> Option<&TimestampMicrosecondArray> {
        self.times.as_ref()?.as_primitive_opt::<TimestampMicrosecondType>()
    }

    /// The event times, if any row has one.
    pub fn span(&self) -> Option<Span> {
        Span::of_column(self.event_times()?)
    }

    /// The record that a row was made from; without key and value where they are not kept.
    pub fn record(&self, row: usize) -> SourceRecord<'_> {
        let (key, value) = self.originals.as_ref().map_or((None, None), |originals| originals.of(row));
        let (offset, timestamp) = (self.offsets.value(row), self.timestamps.value(row));
        let in_file = self.in_files.get(row);
        SourceRecord { partition: self.partition, offset, timestamp, key, value, in_file }
    }
}

/// The keys and values of records, one after the other.
#[derive(Debug, Default)]
pub struct Originals {
    bytes: Vec<u8>,
    /// Where each key and each value ends; `None` for one that is null.
    ends: Vec<[Option<usize>; 2]>,
    starts: Vec<usize>,
}

impl Originals {
    fn keep(&mut self, record: &SourceRecord<'_>) {
        self.starts.push(self.bytes.len());
        self.ends.push([record.key, record.value].map(|part| {
            self.bytes.extend_from_slice(part?);
            Some(self.bytes.len())
        }));
    }

    fn of(&self, row: usize) -> (Option<&[u8]>, Option<&[u8]>) {
        let (Some(start), Some([key, value])) = (self.starts.get(row), self.ends.get(row)) else {
            return (None, None);
        };
        let behind_key = key.unwrap_or(*start);
        let part = |from: usize, end: &Option<usize>| end.and_then(|end| self.bytes.get(from..end));
        (part(*start, key), part(behind_key, value))
    }
}

impl Intake {
    /// An intake of a topic's records for a plan that wants `columns`. Event time is the column `time`.
    ///
    /// # Errors
    /// A usage error when the topic holds dead letters.
    pub fn new(topic: &Topic, columns: SchemaRef, time: &str) -> Result<Self> {
        let Some(record) = topic.record.clone() else {
            return Err(Error::usage(format!("topic '{}' has no columns", topic.name)));
        };
        let (time, partitions) = (time.to_string(), BTreeMap::new());
        let (counts, keeps_originals) = (Counts::default(), false);
        Ok(Self { topic: topic.clone(), record, columns, time, keeps_originals, partitions, counts })
    }

    /// From now on the bytes of records are kept until their rows are taken.
    pub fn keep_originals(&mut self) {
        self.keeps_originals = true;
    }

    /// Decodes one record.
    ///
    /// # Errors
    /// Why it cannot be used; it is counted.
    #[inline]
    pub fn take(&mut self, record: &SourceRecord<'_>) -> Result<(), Reject> {
        self.counts.read += 1;
        if let Some(flaw) = record.in_file.and_then(|at| at.flaw.as_ref()) {
            self.refused(flaw.code);
            return Err(flaw.clone());
        }
        if record.value.is_none() && self.topic.is_compacted() {
            self.counts.tombstones += 1;
            return Ok(());
        }
        let open = match self.partitions.get_mut(&record.partition) {
            Some(open) => open,
            None => {
                let open = Open::new(&self.record, &self.columns, &self.time, self.keeps_originals);
                self.partitions.entry(record.partition).or_insert(open)
            }
        };
        match open.decoder.push(record.value) {
            Ok(()) => open.accept(record),
            Err(reject) => {
                self.refused(reject.code);
                return Err(reject);
            }
        }
        Ok(())
    }

    /// Counts a record that was refused.
    pub fn refused(&mut self, code: Code) {
        *self.counts.rejected.entry(code).or_default() += 1;
    }

    /// What happened since the last call.
    pub fn take_counts(&mut self) -> Counts {
        std::mem::take(&mut self.counts)
    }

    /// What all records so far had that the schema does not say.
    pub fn observed(&self) -> Observed {
        let mut observed = Observed::default();
        self.partitions.values().for_each(|open| observed.add(&open.decoder.observed()));
        observed
    }

    /// The accepted records since the last call, by partition, which arrived at `now`.
    ///
    /// # Errors
    /// When Arrow refuses the columns, which is a fault of the decoder.
    pub fn take_rows(&mut self, now: Micros) -> Result<Vec<Decoded>> {
        let mut decoded = Vec::new();
        for (partition, open) in &mut self.partitions {
            if open.offsets.is_empty() {
                continue;
            }
            decoded.push(open.finish(*partition, &self.topic.name, &self.columns, &self.time, now)?);
        }
        Ok(decoded)
    }
}

impl Open {
    fn new(record: &Record, columns: &SchemaRef, time: &str, keeps_originals: bool) -> Self {
        let wanted = |name: &&String| !KAFKA_COLUMNS.contains(&name.as_str());
        let mut names: Vec<_> =
            columns.fields().iter().map(|field| field.name()).filter(wanted).cloned().collect();
        if ![RECORD_TIME, ARRIVAL_TIME].contains(&time) && !names.iter().any(|name| name == time) {
            names.push(time.to_string());
        }
        let keys = columns.field_with_name("_key").is_ok().then(StringBuilder::new);
        let originals = keeps_originals.then(Originals::default);
        let (offsets, timestamps, in_files) = (vec![], vec![], vec![]);
        Self { decoder: Decoder::new(record, &names), offsets, timestamps, keys, originals, in_files }
    }

    #[inline]
    fn accept(&mut self, record: &SourceRecord<'_>) {
        self.offsets.push(record.offset);
        self.timestamps.push(record.timestamp);
        self.in_files.extend(record.in_file.cloned());
        if let Some(originals) = &mut self.originals {
            originals.keep(record);
        }
        if let Some(keys) = &mut self.keys {
            keys.append_option(record.key.map(String::from_utf8_lossy));
        }
    }

    fn finish(
        &mut self,
        partition: i32,
        topic: &str,
        columns: &SchemaRef,
        time: &str,
        now: Micros,
    ) -> Result<Decoded> {
        let rows = self.offsets.len();
        let mut own = self.decoder.finish()?.into_iter();
        let timestamps = TimestampMicrosecondArray::from(std::mem::take(&mut self.timestamps));
        let offsets = Int64Array::from(std::mem::take(&mut self.offsets));
        let mut arrays: Vec<ArrayRef> = Vec::with_capacity(columns.fields().len());
        let arrival = || Arc::new(TimestampMicrosecondArray::from_value(now, rows)) as ArrayRef;
        let mut times = match time {
            RECORD_TIME => Some(Arc::new(timestamps.clone()) as ArrayRef),
            ARRIVAL_TIME => Some(arrival()),
            _ => None,
        };
        for field in columns.fields() {
            let array = match field.name().as_str() {
                "_timestamp" => Arc::new(timestamps.clone()),
                ARRIVAL_TIME => arrival(),
                "_offset" => Arc::new(offsets.clone()),
                "_partition" => Arc::new(Int32Array::from_value(partition, rows)),
                "_topic" => Arc::new(StringArray::from_iter_values(std::iter::repeat_n(topic, rows))),
                "_key" => match &mut self.keys {
                    Some(keys) => Arc::new(keys.finish()),
                    None => Arc::new(StringArray::new_null(rows)),
                },
                _ => own.next().ok_or_else(|| Error::failed("the decoder left out a column"))?,
            };
            if field.name() == time {
                times = Some(array.clone());
            }
            arrays.push(array);
        }
        let times = times.or_else(|| own.next());
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let rows = RecordBatch::try_new_with_options(columns.clone(), arrays, &options)?;
        let originals = self.originals.as_mut().map(std::mem::take);
        let in_files = std::mem::take(&mut self.in_files);
        Ok(Decoded { partition, rows, times, offsets, timestamps, originals, in_files })
    }
}
