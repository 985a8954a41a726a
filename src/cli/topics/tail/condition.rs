//! `--where`: a condition in the SQL of queries, over the columns of the topic's records.

use crate::catalog::Topic;
use crate::cli::common::Settings;
use crate::clock::{Clock, SystemClock};
use crate::engine::intake::Intake;
use crate::engine::source::SourceRecord;
use crate::kafka::tail::Message;
use crate::query::error::reason;
use crate::query::parse;
use crate::query::plan::StreamPlan;
use crate::record::reject::Code;
use crate::record::schema::Schema;
use crate::units::format_count;
use crate::{Error, Result};
use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Int32Type, Int64Type};
use std::collections::{BTreeMap, HashSet};

/// Decides by a condition which records are wanted.
pub struct Condition {
    plan: StreamPlan,
    intake: Intake,
    /// Records that are not as the schema says, by what is wrong with them.
    refused: BTreeMap<Code, u64>,
    /// Records on which the condition failed, and why the first did.
    failed: u64,
    first_failure: String,
}

impl Condition {
    /// A condition over the records of `topic`, whose columns `schema` says, or else the catalog.
    ///
    /// # Errors
    /// A usage error when it is no condition over a record, or the columns are not known.
    pub fn new(sql: &str, topic: &str, schema: Option<&str>, settings: &Settings) -> Result<Self> {
        let wrong = |error: Error| error.without_place().at("--where");
        let mut catalog = settings.catalog.clone();
        if let Some(schema) = schema {
            let schema = Schema::parse(schema).map_err(|error| error.at("--schema"))?;
            catalog = catalog.with(Topic::undeclared(topic, schema));
        } else if settings.topic(topic).is_err() {
            let message =
                format!("--where: the catalog does not say what the records of topic '{topic}' are");
            return Err(Error::usage(message).hint("--schema 'amount DOUBLE, …' does"));
        }
        parse::expression(sql).map_err(wrong)?;
        // A comment at the end of the condition ends with its line.
        let query = format!("SELECT _partition, _offset FROM `{}` WHERE (\n{sql}\n)", settings.bare(topic));
        let plan = StreamPlan::new(&query, &catalog, &settings.prefix, None).map_err(wrong)?;
        let is_by_row = plan.stages.operators.is_empty()
            && matches!(&plan.scans[..], [scan] if scan.feeds.len() == 1)
            && matches!(&plan.stages.stages[..], [stage] if stage.leaves.len() == 1);
        if !is_by_row {
            return Err(Error::usage("--where takes a condition over one record").hint("amount > 100"));
        }
        let scan = &plan.scans[0];
        let intake = Intake::new(&scan.topic, scan.columns.clone(), &scan.time)?;
        Ok(Self { plan, intake, refused: BTreeMap::new(), failed: 0, first_failure: String::new() })
    }

    /// Keeps the records for which it holds.
    ///
    /// # Errors
    /// When the columns cannot be made, which is a fault of the program.
    pub fn keep(&mut self, records: &mut Vec<&Message>) -> Result<()> {
        for message in &*records {
            // What is refused is counted.
            let _ = self.intake.take(&SourceRecord {
                partition: message.partition(),
                offset: message.offset(),
                timestamp: message.timestamp().unwrap_or(0).saturating_mul(1_000),
                key: message.key(),
                value: message.value(),
                in_file: None,
            });
        }
        for (code, count) in self.intake.take_counts().rejected {
            *self.refused.entry(code).or_default() += count;
        }
        let now = SystemClock.now();
        self.plan.begin(now);
        let mut found = HashSet::new();
        for decoded in self.intake.take_rows(now)? {
            self.evaluate(&decoded.rows, &mut found)?;
        }
        records.retain(|message| found.contains(&(message.partition(), message.offset())));
        Ok(())
    }

    /// Rows on which the condition fails are found by halving.
    fn evaluate(&mut self, rows: &RecordBatch, found: &mut HashSet<(i32, i64)>) -> Result<()> {
        let mut parts = vec![(0, rows.num_rows())];
        while let Some((start, count)) = parts.pop() {
            let stage = &self.plan.stages.stages[0];
            let own = rows.slice(start, count).project(&self.plan.scans[0].feeds[0].columns)?;
            stage.leaves[0].slot.put(vec![own]);
            match self.plan.run(stage) {
                Ok(kept) => kept.iter().for_each(|kept| {
                    let partitions = kept.column(0).as_primitive::<Int32Type>().values().iter();
                    let offsets = kept.column(1).as_primitive::<Int64Type>().values().iter();
                    found.extend(partitions.copied().zip(offsets.copied()));
                }),
                Err(error) if count <= 1 => {
                    if self.failed == 0 {
                        self.first_failure = reason(&error);
                    }
                    self.failed += 1;
                }
                Err(_) => {
                    let half = count / 2;
                    parts.push((start + half, count - half));
                    parts.push((start, half));
                }
            }
        }
        Ok(())
    }

    /// What is to be said of the records that it could not decide about.
    pub fn undecided(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let refused: u64 = self.refused.values().sum();
        if refused > 0 {
            let codes: Vec<_> =
                self.refused.iter().map(|(code, count)| format!("{code} {}", format_count(*count))).collect();
            let count = format_count(refused);
            lines.push(format!(
                "--where: {count} records are not as the topic's schema says, and are not shown: {}",
                codes.join(", ")
            ));
        }
        if self.failed > 0 {
            let (count, why) = (format_count(self.failed), &self.first_failure);
            lines
                .push(format!("--where: the condition fails on {count} records, which are not shown: {why}"));
        }
        lines
    }
}
