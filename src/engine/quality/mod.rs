//! What the records of a topic are worth: nulls, age, duplicates, anomalies, and a score of them all.
//!
//! Measured on columns, a chunk of records at a time, in bounded memory; only where that was asked for. What is
//! known of ids and of usual values begins anew with each start of a query.

mod anomalies;
mod duplicates;
mod freshness;
mod nulls;
mod sample;
mod score;

use super::intake::{Counts, Decoded};
use crate::catalog::Record;
use crate::clock::Micros;
use crate::record::reject::{Code, Reject};
use crate::record::schema::Type;
use anomalies::Usual;
use arrow::array::{ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, TimestampMicrosecondType};
use datafusion::common::Result;
use duplicates::Duplicates;
use freshness::{Ages, Freshness};
use nulls::Nulls;
use score::Measure;
pub use score::Reason;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// Measures the records of a topic.
pub struct Quality {
    nulls: Nulls,
    id: Option<String>,
    duplicates: Duplicates,
    usual: BTreeMap<String, Usual>,
    batch: Tally,
    total: Tally,
    /// What a batch begins with.
    blank: Tally,
}

/// What was counted in a batch, or since the start.
#[derive(Debug, Clone)]
struct Tally {
    counts: Counts,
    nulls: BTreeMap<String, u64>,
    ids: u64,
    duplicates: u64,
    /// By column: how many anomalies there are, and how many numbers.
    anomalies: BTreeMap<String, (u64, u64)>,
    ages: Ages,
}

/// What the records of a batch, or of a run, are worth.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Quality)]
pub struct Report {
    /// From 0 to 100.
    pub score: f64,
    /// What lowers the score, the worst first.
    pub reasons: Vec<Reason>,
    /// Records read.
    pub rows: u64,
    /// Records that were not refused.
    pub valid: u64,
    /// Records refused, by the code's name.
    pub dead_letters: BTreeMap<String, u64>,
    /// Of which share of the records each critical column is null, the refused ones with them.
    pub null_rates: BTreeMap<String, f64>,
    /// How old the records are, where they have a time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub freshness: Option<Freshness>,
    /// Records whose id was there before, inside the watermark.
    pub duplicates: u64,
    /// Numbers far from what their column usually has, by column.
    pub anomalies: BTreeMap<String, u64>,
}

/// The columns that measuring needs of a topic's records, besides event time.
pub fn columns(record: &Record) -> Vec<String> {
    let mut names: Vec<String> = record.critical.iter().chain(&record.roles.id).cloned().collect();
    names.extend(numbers(record));
    names.sort_unstable();
    names.dedup();
    names
}

/// The columns whose numbers can be unusual: the source's own, without the id.
fn numbers(record: &Record) -> impl Iterator<Item = String> + '_ {
    let own = record.schema.fields.iter().filter(|field| Some(&field.name) != record.roles.id.as_ref());
    own.filter(|field| matches!(field.kind, Type::Int | Type::BigInt | Type::Double))
        .map(|field| field.name.clone())
}

impl Quality {
    /// Nothing was measured yet of a topic whose windows wait `delay` for late records, and whose records should
    /// not be older than `limit`.
    pub fn new(record: &Record, delay: Duration, limit: Option<Duration>) -> Self {
        let limit = limit.map(|limit| Micros::try_from(limit.as_micros()).unwrap_or(Micros::MAX));
        let tally = Tally {
            counts: Counts::default(),
            nulls: record.critical.iter().map(|column| (column.clone(), 0)).collect(),
            ids: 0,
            duplicates: 0,
            anomalies: numbers(record).map(|column| (column, (0, 0))).collect(),
            ages: Ages::new(limit),
        };
        Self {
            nulls: Nulls::new(&record.critical),
            id: record.roles.id.clone(),
            duplicates: Duplicates::new(delay),
            usual: numbers(record).map(|column| (column, Usual::default())).collect(),
            batch: tally.clone(),
            total: tally.clone(),
            blank: tally,
        }
    }

    /// Measures records that were read at `now`, whose rows have [`columns()`]. O(rows).
    ///
    /// # Errors
    /// When ids are of a type that cannot be compared.
    pub fn measure(&mut self, decoded: &Decoded, now: Micros, watermark: Option<Micros>) -> Result<()> {
        let (rows, batch) = (&decoded.rows, &mut self.batch);
        let times =
            decoded.times.as_ref().and_then(|times| times.as_primitive_opt::<TimestampMicrosecondType>());
        self.nulls.count(rows, &mut batch.nulls);
        if let Some(times) = times {
            batch.ages.add(times, now);
            self.total.ages.add(times, now);
        }
        if let Some(ids) = self.id.as_ref().and_then(|id| rows.column_by_name(id)) {
            let watermark = watermark.unwrap_or(Micros::MIN);
            let (again, all) = self.duplicates.count(ids, times, watermark)?;
            batch.duplicates += again;
            batch.ids += all;
        }
        for (name, usual) in &mut self.usual {
            let Some(column) = rows.column_by_name(name) else { continue };
            let numbers = floats(column)?;
            let counted = batch.anomalies.entry(name.clone()).or_default();
            counted.0 += usual.count(&numbers);
            counted.1 += numbers.len() as u64;
        }
        Ok(())
    }

    /// Takes a record into account that was refused before it had columns.
    pub fn refused(&mut self, reject: &Reject) {
        if let Some(column) = reject.missing() {
            self.nulls.count_refused(column, &mut self.batch.nulls);
        }
    }

    /// The batch is done, with these counts: what its records are worth. `None` where there were none.
    pub fn finish(&mut self, counts: &Counts) -> Option<Report> {
        self.batch.counts = counts.clone();
        let report = self.batch.report();
        self.total.add(std::mem::replace(&mut self.batch, self.blank.clone()));
        report
    }

    /// What the records of all batches so far are worth. `None` where there were none.
    pub fn total(&self) -> Option<Report> {
        self.total.report()
    }
}

impl Tally {
    /// Adds what was counted in a batch; ages are added as records come.
    fn add(&mut self, later: Self) {
        self.counts.add(later.counts);
        self.ids += later.ids;
        self.duplicates += later.duplicates;
        for (column, nulls) in later.nulls {
            *self.nulls.entry(column).or_default() += nulls;
        }
        for (column, (far, all)) in later.anomalies {
            let known = self.anomalies.entry(column).or_default();
            *known = (known.0 + far, known.1 + all);
        }
    }

    fn report(&self) -> Option<Report> {
        let rows = self.counts.read;
        let refused: u64 = self.counts.rejected.values().sum();
        if rows == 0 {
            return None;
        }
        let reasons = self.reasons();
        Some(Report {
            score: score::score(&reasons),
            reasons,
            rows,
            valid: rows.saturating_sub(refused),
            dead_letters: super::progress::by_name(&self.counts.rejected),
            null_rates: self
                .nulls
                .iter()
                .map(|(name, nulls)| (name.clone(), *nulls as f64 / rows as f64))
                .collect(),
            freshness: self.ages.freshness(),
            duplicates: self.duplicates,
            anomalies: self.anomalies.iter().map(|(name, (far, _))| (name.clone(), *far)).collect(),
        })
    }

    fn reasons(&self) -> Vec<Reason> {
        let rows = self.counts.read;
        let judged = self.counts.rejected.iter().filter(|(code, _)| **code != Code::Stale);
        let refused = judged.map(|(_, count)| count).sum();
        let nulls = self
            .nulls
            .iter()
            .filter_map(|(name, nulls)| Reason::of(Measure::Nulls, Some(name), *nulls, rows));
        let anomalies = self.anomalies.iter();
        let anomalies =
            anomalies.filter_map(|(name, (far, all))| Reason::of(Measure::Anomalies, Some(name), *far, *all));
        let reasons = [
            Reason::of(Measure::DeadLetters, None, refused, rows),
            worst(nulls),
            Reason::of(Measure::Duplicates, None, self.duplicates, self.ids),
            Reason::of(Measure::TooOld, None, self.ages.older, self.ages.all),
            worst(anomalies),
        ];
        let mut reasons: Vec<_> = reasons.into_iter().flatten().collect();
        reasons.sort_by(|one, other| other.points.total_cmp(&one.points));
        reasons
    }
}

fn worst(reasons: impl Iterator<Item = Reason>) -> Option<Reason> {
    reasons.max_by(|one, other| one.share.total_cmp(&other.share))
}

/// The numbers of a column, nulls left out.
fn floats(column: &ArrayRef) -> Result<Vec<f64>> {
    let column = cast(column, &DataType::Float64)?;
    Ok(column.as_primitive::<Float64Type>().iter().flatten().collect())
}
