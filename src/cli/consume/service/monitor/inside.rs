//! The lists of one consumer, the newest first.

use super::draw::{Field, cells, clock, columns, count};
use super::sample::{Batch, Consumer, Inside, Snapshot};
use crate::cli::screen::{Column, Row, rate, wide};
use crate::consumers::last_rows::Rows;
use crate::consumers::supervisor::Change;
use crate::consumers::vitals::Partition;
use crate::units::{format_count, format_time, parse_time};
use serde_json::Value;

/// How many lists there are: batches, partitions, rows given out, changes of status, dead letters.
pub const SECTIONS: usize = 5;

/// No column of a result is wider.
const WIDEST: usize = 40;

/// A list.
pub struct Section<'a> {
    pub title: String,
    pub columns: Vec<Column<'a>>,
    pub rows: Vec<Row>,
}

/// The columns of batches.
const BATCHES: [Field<Batch>; 15] = [
    (("batch", 8, true), 0, |batch| batch.batch_id.to_string()),
    ((" at", 10, false), 0, |batch| format!(" {}", clock(&batch.timestamp))),
    (("records", 11, true), 0, |batch| format_count(batch.num_input_rows)),
    (("ms", 7, true), 0, |batch| format_count(batch.duration_ms.trigger_execution)),
    (("fetch", 7, true), 0, |batch| format_count(batch.duration_ms.fetch)),
    (("decode", 7, true), 0, |batch| format_count(batch.duration_ms.decode)),
    (("plan", 7, true), 0, |batch| format_count(batch.duration_ms.plan)),
    (("state", 7, true), 0, |batch| format_count(batch.duration_ms.state)),
    (("result", 7, true), 0, |batch| format_count(batch.duration_ms.result)),
    (("sink", 7, true), 0, |batch| format_count(batch.duration_ms.sink)),
    (("checkpoint", 11, true), 100, |batch| batch.duration_ms.checkpoint.map_or("".into(), format_count)),
    (("in/s", 11, true), 140, |batch| rate(Some(batch.input_rows_per_second))),
    (("processed/s", 13, true), 140, |batch| rate(Some(batch.processed_rows_per_second))),
    (("rows", 9, true), 140, |batch| format_count(batch.sink.num_output_rows)),
    (("  watermark", 22, false), 160, |batch| {
        batch.event_time.watermark.as_deref().map_or("".into(), |time| format!("  {}", readable(time)))
    }),
];

/// How many rows each list has.
pub fn lengths(consumer: &Consumer<'_>, snapshot: &Snapshot) -> [usize; SECTIONS] {
    let (document, windows) = match snapshot.inside(consumer.name) {
        Some(Inside { document, windows, .. }) => (document, windows),
        None => return [consumer.batches.len(), 0, 0, 0, consumer.refused().len()],
    };
    let refused = consumer.refused().len();
    [consumer.batches.len(), document.partitions.len(), windows.rows.len(), document.changes.len(), refused]
}

/// The lists of a consumer on a screen of this width.
pub fn sections<'a>(consumer: &Consumer<'_>, inside: &'a Inside, width: usize) -> [Section<'a>; SECTIONS] {
    [
        batches(consumer, width),
        partitions(&inside.document.partitions, width),
        windows(&inside.windows, width),
        changes(&inside.document.changes, width),
        refused(consumer, width),
    ]
}

fn batches(consumer: &Consumer<'_>, width: usize) -> Section<'static> {
    let rows = consumer.batches.iter().rev().map(|batch| cells(&BATCHES, batch, width).into());
    let title = format!("Batches · the last {}, in milliseconds by phase", consumer.batches.len());
    Section { title, columns: columns(&BATCHES, width), rows: rows.collect() }
}

fn partitions(partitions: &[Partition], width: usize) -> Section<'static> {
    let rows = partitions.iter().map(|row| {
        let end = row.end.map_or("-".into(), |end| end.to_string());
        Row::from(vec![
            row.topic.clone(),
            row.partition.to_string(),
            row.next.to_string(),
            end,
            count(row.lag),
        ])
    });
    let topic = width.saturating_sub(51).clamp(10, 60);
    let columns = [("topic", topic, false), ("partition", 10, true), ("next", 14, true), ("end", 14, true)];
    let columns = columns.into_iter().chain([("lag", 13, true)]).collect();
    Section { title: "Lag by partition".into(), columns, rows: rows.collect() }
}

/// As many columns as there is room for.
fn windows(windows: &Rows, width: usize) -> Section<'_> {
    let rows: Vec<Vec<String>> =
        windows.rows.iter().rev().map(|row| row.iter().map(readable_value).collect()).collect();
    let (mut columns, mut used) = (Vec::new(), 0);
    for (number, name) in windows.columns.iter().enumerate() {
        let widest = rows.iter().filter_map(|row| row.get(number)).map(|cell| wide(cell)).max();
        let own = widest.unwrap_or(0).max(wide(name)).min(WIDEST) + 2;
        if used + own > width && !columns.is_empty() {
            break;
        }
        used += own;
        columns.push((name.as_str(), own, false));
    }
    let hidden = match windows.columns.len() - columns.len() {
        0 => String::new(),
        hidden => format!(" · {hidden} more columns on a wider screen"),
    };
    let title = format!("Rows given out · the last {}{hidden}", rows.len());
    Section { title, columns, rows: rows.into_iter().map(Row::from).collect() }
}

fn changes(changes: &[Change], width: usize) -> Section<'static> {
    let row = |change: &Change| Row {
        cells: vec![
            readable(&change.timestamp),
            change.status.clone(),
            change.error.clone().unwrap_or_default(),
        ],
        is_bad: change.error.is_some(),
    };
    let columns = vec![("at", 21, false), ("status", 13, false), ("error", width.saturating_sub(34), false)];
    Section { title: "Changes of status".into(), columns, rows: changes.iter().rev().map(row).collect() }
}

fn refused(consumer: &Consumer<'_>, width: usize) -> Section<'static> {
    let rows = consumer.refused().into_iter().map(|(reason, count, last)| {
        Row::from(vec![reason.into(), format_count(count), format!("  {}", readable(last))])
    });
    let title = format!(
        "Dead letters · {} in all, by reason in the last {} batches",
        count(consumer.details.metrics.dead_letters),
        consumer.batches.len()
    );
    let reason = width.saturating_sub(36).clamp(10, 40);
    let columns = vec![("reason", reason, false), ("records", 12, true), ("  last", 24, false)];
    Section { title, columns, rows: rows.collect() }
}

/// A time as people read it, where the text is one.
fn readable(text: &str) -> String {
    let time = Some(text).filter(|text| text.ends_with('Z')).and_then(|text| parse_time(text).ok());
    time.map_or_else(|| text.into(), format_time)
}

fn readable_value(value: &Value) -> String {
    match value {
        Value::Null => "NULL".into(),
        Value::String(text) => readable(text),
        other => other.to_string(),
    }
}
