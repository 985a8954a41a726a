//! Deduplication: the first row of each key passes, the others do not, until the watermark has passed the
//! time for which a key is remembered.

use super::{Operator, Part, Pushed, Snapshot};
use crate::clock::Micros;
use crate::engine::options::OutputMode;
use crate::query::dedup::DedupSpec;
use arrow::array::{
    Array, ArrayRef, AsArray, BinaryBuilder, BooleanArray, RecordBatch, TimestampMicrosecondArray,
};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{Field, Schema, TimestampMicrosecondType};
use arrow::row::{RowConverter, SortField};
use datafusion::common::{Result, internal_datafusion_err};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

/// The keys that were seen, and until when each is remembered.
pub struct Dedup {
    spec: Arc<DedupSpec>,
    /// How long a key is remembered behind its row's time, in microseconds.
    delay: Micros,
    rows: RowConverter,
    seen: HashMap<Arc<[u8]>, Micros>,
    /// The same keys by the time at which they are forgotten.
    expiring: BTreeMap<Micros, Vec<Arc<[u8]>>>,
    /// Keys that no snapshot gave yet.
    unsaved: Vec<Arc<[u8]>>,
    watermark: Micros,
}

impl Dedup {
    /// No key yet.
    ///
    /// # Errors
    /// When keys are of a type that cannot be compared.
    pub fn new(spec: Arc<DedupSpec>, delay: Duration) -> Result<Self> {
        let fields = spec.key_types()?.into_iter().map(SortField::new).collect();
        Ok(Self {
            delay: if spec.time_is_key { 0 } else { delay.as_micros() as Micros },
            spec,
            rows: RowConverter::new(fields)?,
            seen: HashMap::new(),
            expiring: BTreeMap::new(),
            unsaved: Vec::new(),
            watermark: Micros::MIN,
        })
    }

    fn remember(&mut self, key: &[u8], until: Micros) {
        let key: Arc<[u8]> = key.into();
        self.seen.insert(key.clone(), until);
        self.expiring.entry(until).or_default().push(key);
    }

    fn restore_keys(&mut self, rows: &RecordBatch) -> Result<()> {
        let [keys, until] = rows.columns() else {
            return Err(internal_datafusion_err!("the keys of a snapshot have another form"));
        };
        let until = until.as_primitive::<TimestampMicrosecondType>();
        for (key, until) in keys.as_binary::<i32>().iter().zip(until.iter()) {
            if let (Some(key), Some(until)) = (key, until) {
                self.remember(key, until);
            }
        }
        Ok(())
    }

    fn forget(&mut self) {
        while let Some(first) = self.expiring.first_entry()
            && *first.key() <= self.watermark
        {
            for key in first.remove() {
                self.seen.remove(&key);
            }
        }
    }
}

impl Operator for Dedup {
    fn push(&mut self, _: usize, rows: &RecordBatch) -> Result<Pushed> {
        let (keys, times) = self.spec.evaluate(rows)?;
        let keys = self.rows.convert_columns(&keys)?;
        let times = times.as_primitive::<TimestampMicrosecondType>();
        let (mut late, mut first) = (0, Vec::with_capacity(rows.num_rows()));
        for (row, key) in keys.iter().enumerate() {
            // A row without a time is remembered from where event time stands.
            let time = if times.is_valid(row) { times.value(row) } else { self.watermark.saturating_add(1) };
            let is_late = time <= self.watermark;
            late += u64::from(is_late);
            let passes = !is_late && !self.seen.contains_key(key.as_ref());
            first.push(passes);
            if passes {
                self.remember(key.as_ref(), time.saturating_add(self.delay));
                self.unsaved.push(key.as_ref().into());
            }
        }
        let rows = filter_record_batch(rows, &BooleanArray::from(first))?;
        Ok(Pushed { rows: if rows.num_rows() > 0 { vec![rows] } else { vec![] }, late })
    }

    fn advance(&mut self, watermark: Micros, _: OutputMode) -> Result<Vec<RecordBatch>> {
        self.watermark = self.watermark.max(watermark.saturating_sub(self.spec.lag));
        self.forget();
        Ok(vec![])
    }

    fn late_before(&self, _: usize) -> Micros {
        self.watermark.saturating_add(1)
    }

    fn rows(&self) -> usize {
        self.seen.len()
    }

    fn memory(&self) -> usize {
        let key = self.seen.keys().next().map_or(0, |key| key.len());
        self.seen.capacity() * (key + size_of::<(Arc<[u8]>, Micros, Arc<[u8]>)>())
    }

    fn snapshot(&mut self) -> Result<Snapshot> {
        let mut keys = BinaryBuilder::new();
        let mut until = Vec::new();
        for key in self.unsaved.drain(..) {
            if let Some(time) = self.seen.get(&key) {
                keys.append_value(&key);
                until.push(*time);
            }
        }
        let columns: Vec<ArrayRef> =
            vec![Arc::new(keys.finish()), Arc::new(TimestampMicrosecondArray::from(until))];
        let fields = ["key", "until"].into_iter().zip(&columns);
        let fields: Vec<_> =
            fields.map(|(name, column)| Field::new(name, column.data_type().clone(), false)).collect();
        let rows = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?;
        let parts = vec![Part { key: 0, replaces: false, rows: vec![rows] }];
        Ok(Snapshot { mark: self.watermark, parts })
    }

    fn restore(&mut self, snapshots: Vec<Snapshot>) -> Result<()> {
        for snapshot in snapshots {
            for rows in snapshot.parts.iter().flat_map(|part| &part.rows) {
                self.restore_keys(rows)?;
            }
            self.watermark = snapshot.mark;
        }
        self.forget();
        Ok(())
    }
}
