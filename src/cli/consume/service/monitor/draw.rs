//! The picture of a snapshot: it depends on nothing but the snapshot, what is chosen, and the size of the screen.

use super::inside::{SECTIONS, sections};
use super::sample::{Consumer, Document, Inside, Process, Quality, Snapshot};
use super::view::{Chosen, ORDERS};
use crate::cli::screen::{Column, Picture, Row, paint, rate, sparkline, time_of_day, wide};
use crate::consumers::health::{Details, Overall};
use crate::units::{format_age, format_count, format_rfc3339, format_size};
use ratatui::Frame;
use ratatui::style::{Color, Modifier};

/// What is shown at the bottom of the list, and of one consumer.
const KEYS: &str = "q quit  ? help  ↑↓ select  Enter consumer  s sort  r turn  / filter";
const KEYS_INSIDE: &str = "q quit  ? help  Esc back  Tab next list  ↑↓ select";

/// What is shown on request.
const HELP: &str = "\
q      quit
↑ ↓    select; j k, PgUp PgDn, Home End too
Enter  look into a consumer
Tab    its next list: batches, partitions, rows, changes, dead letters
Esc    back
s      sort by the next column
r      turn the order
/      filter by a part of the name

in/s    records that came per second, by the last batch, and its batches before
done/s  records per second of work
lag     records that are there and were not read
behind  how long ago the newest time was that was read, 0s with everything read
delay   how long ago the watermark's time was
kept    rows of state";

/// The least lines of a list of a consumer.
const LEAST: usize = 7;

/// A column, the width of the screen from which it is there, and what it shows.
pub type Field<T> = (Column<'static>, usize, fn(&T) -> String);

/// Draws everything.
pub fn draw(frame: &mut Frame<'_>, snapshot: Option<&Snapshot>, view: &Chosen) {
    let (heading, is_bad) = heading(snapshot);
    let inside = &view.common.inside;
    let keys = if inside.is_some() { KEYS_INSIDE } else { KEYS };
    paint(frame, &view.common, (&heading, is_bad), (keys, HELP), |picture, room| match (snapshot, inside) {
        (None, _) => {}
        (Some(snapshot), None) => list(picture, snapshot, view, room),
        (Some(snapshot), Some(name)) => one(picture, snapshot, name, view, room),
    });
}

/// How it goes on the whole, and whether that is bad.
fn heading(snapshot: Option<&Snapshot>) -> (String, bool) {
    let Some(snapshot) = snapshot else {
        return ("ecap monitor · waiting for the first reading".into(), false);
    };
    let time = time_of_day(&format_rfc3339(snapshot.time));
    let starts = format!("`ecap-consume run` starts one · {time}");
    let address = match &snapshot.process {
        Process::Nobody => return (format!("NO PROCESS RUNS THE CONSUMERS · {starts}"), true),
        Process::Gone(since) => {
            let since = time_of_day(&format_rfc3339(*since));
            return (format!("NO PROCESS SINCE {since} · {starts}"), true);
        }
        Process::At(address) => address.strip_prefix("http://").unwrap_or(address),
    };
    let status = &snapshot.status;
    let (all, healthy, overall) = (status.total_consumers, status.healthy_consumers, status.overall_status);
    let input: f64 = status.consumer_details.values().map(|one| one.metrics.input_rows_per_second).sum();
    let lag: u64 = status.consumer_details.values().filter_map(|one| one.metrics.lag).sum();
    let (input, lag) = (rate(Some(input)), format_count(lag));
    let text = format!(
        "{} · {healthy} of {all} healthy · {input}/s in · lag {lag} · {time} · {address}",
        overall.name()
    );
    (text, overall == Overall::Unhealthy)
}

/// The columns of consumers, besides their names and what the last batches were.
fn fields<'a>() -> [Field<Consumer<'a>>; 16] {
    [
        (("status", 12, false), 0, |row| row.details.status.clone()),
        (("in/s", 9, true), 0, |row| rate(Some(row.details.metrics.input_rows_per_second))),
        (("done/s", 9, true), 110, |row| rate(Some(row.details.metrics.processed_rows_per_second))),
        (("lag", 10, true), 0, |row| count(row.details.metrics.lag)),
        (("behind", 9, true), 0, |row| age(row.behind)),
        (("delay", 9, true), 110, |row| age(row.delay)),
        (("batch", 8, true), 0, |row| millis(row.details.metrics.batch_duration_ms)),
        (("fetch", 7, true), 190, |row| phase(row, 0)),
        (("decode", 7, true), 190, |row| phase(row, 1)),
        (("plan", 7, true), 190, |row| phase(row, 2)),
        (("state", 7, true), 190, |row| phase(row, 3)),
        (("result", 7, true), 190, |row| phase(row, 4)),
        (("sink", 7, true), 190, |row| phase(row, 5)),
        (("kept", 10, true), 140, |row| count(row.details.metrics.state_rows)),
        (("late", 8, true), 140, |row| count(row.details.metrics.late_rows)),
        (("dead letters", 13, true), 140, |row| count(row.details.metrics.dead_letters)),
    ]
}

/// All consumers, and the selected one below them.
fn list(picture: &mut Picture, snapshot: &Snapshot, view: &Chosen, room: usize) {
    let (consumers, width) = (view.consumers(snapshot), picture.width);
    let mut own = columns(&fields(), width);
    let fixed: usize = own.iter().map(|(_, width, _)| width).sum();
    let longest = consumers.iter().map(|row| wide(row.name)).max().unwrap_or(0);
    let name = (longest + 1).clamp(10, width.saturating_sub(fixed + 9).max(10));
    let spark = width.saturating_sub(fixed + name);
    own.insert(0, ("consumer", name, false));
    own.push(("", spark, false));
    let row = |row: &Consumer<'_>| {
        let rates = format!(" {}", sparkline(&rates(row), spark.saturating_sub(2)));
        let cells = std::iter::once(row.name.into()).chain(cells(&fields(), row, width)).chain([rates]);
        Row { cells: cells.collect(), is_bad: is_bad(row.details) }
    };
    let rows: Vec<_> = consumers.iter().map(row).collect();
    let (count, order) = (rows.len(), view.list.sorted(&ORDERS));
    let below = view.selected(snapshot).filter(|_| room > 2 * LEAST).map(|row| numbers(&row, None, width));
    let below = below.unwrap_or_default();
    let title = format!("Consumers {count} · {order}{}", view.common.only());
    picture.table(&title, &own, &rows, (Some(view.list.selected), room - below.len()));
    show(picture, below);
}

/// One consumer: its numbers, and as many of its lists as there is room for, the chosen one first where there is not.
fn one(picture: &mut Picture, snapshot: &Snapshot, name: &str, view: &Chosen, room: usize) {
    let Some(consumer) = snapshot.consumer(name) else {
        return picture.text(&format!("{name} is not registered any more"));
    };
    let (width, none) = (picture.width, Inside::default());
    let inside = snapshot.inside(name).unwrap_or(&none);
    let mut numbers = numbers(&consumer, Some(&inside.document), width);
    // On a screen that is very small a list is worth more than all numbers.
    numbers.truncate(room.saturating_sub(LEAST).max(1));
    let room = room.saturating_sub(numbers.len());
    show(picture, numbers);
    let sections = sections(&consumer, inside, width);
    let shown = (room / LEAST).clamp(1, SECTIONS);
    let first = if shown == SECTIONS { 0 } else { view.section };
    for number in 0..shown {
        let index = (first + number) % SECTIONS;
        // What is left over is the last one's.
        let height = room / shown + if number + 1 == shown { room % shown } else { 0 };
        let chosen = (index == view.section).then_some(view.sections[index].selected);
        let section = &sections[index];
        picture.table(&section.title, &section.columns, &section.rows, (chosen, height));
    }
}

/// A line of text, and whether it tells of something that is amiss.
type Told = (String, bool);

fn show(picture: &mut Picture, lines: Vec<Told>) {
    for (number, (line, is_bad)) in lines.into_iter().enumerate() {
        let modifier = if number == 0 { Modifier::BOLD } else { Modifier::empty() };
        picture.line(&line, modifier, is_bad.then_some(Color::Red));
    }
}

/// The numbers of a consumer, in words; more of them where it is looked into.
fn numbers(row: &Consumer<'_>, document: Option<&Document>, width: usize) -> Vec<Told> {
    let (details, metrics) = (row.details, &row.details.metrics);
    let (input, done) =
        (rate(Some(metrics.input_rows_per_second)), rate(Some(metrics.processed_rows_per_second)));
    let records = format!("records  {input}/s in, {done}/s done, ratio {:.1}", metrics.processing_ratio);
    let phases = row.batches.last().map_or(String::new(), |last| {
        let mut phases = last.duration_ms.phases().to_vec();
        phases.extend(last.duration_ms.quality.map(|millis| ("quality", millis)));
        phases.extend(last.duration_ms.checkpoint.map(|millis| ("checkpoint", millis)));
        let phases = phases.iter().map(|(name, millis)| format!("{name} {millis}"));
        format!(": {}", phases.collect::<Vec<_>>().join(" "))
    });
    let latency = document.and_then(|document| document.latency_ms).map_or(String::new(), |latency| {
        let (half, most) = (format_age(latency.p50), format_age(latency.p99));
        format!(" · latency {half}, p99 {most}")
    });
    let lag = format!(
        "lag      {} records, {} behind · watermark {} ago{latency}",
        count(metrics.lag),
        age(row.behind),
        age(row.delay)
    );
    let kept = format!(
        "kept     {} rows, {} · late {} · dead letters {} · cpu {} %",
        count(metrics.state_rows),
        metrics.memory_bytes.map_or("-".into(), format_size),
        count(metrics.late_rows),
        count(metrics.dead_letters),
        metrics.cpu_percent.map_or("-".into(), |cpu| format!("{cpu:.1}")),
    );
    let durations: Vec<_> =
        row.batches.iter().map(|batch| batch.duration_ms.trigger_execution as f64).collect();
    let batch = format!("batch    {}{phases}", millis(metrics.batch_duration_ms));
    let error = details.last_error.as_deref().unwrap_or("-");
    // Who waits for a place is told who has them.
    let waits = details.status == "pending";
    let mut lines = vec![
        (title(row, document), is_bad(details)),
        (with_spark(records, &rates(row), width), false),
        (with_spark(batch, &durations, width), false),
        (lag, false),
        (kept, false),
    ];
    lines.extend(quality(document).map(|line| (line, false)));
    lines.extend([
        (life(details, document), false),
        (
            format!("{}{error}", if waits { "pending  " } else { "error    " }),
            !waits && details.last_error.is_some(),
        ),
    ]);
    let warnings = document.iter().flat_map(|document| &document.warnings);
    lines.extend(warnings.map(|warning| (format!("warning  {warning}"), true)));
    lines
}

/// What the records of each topic were worth, where that is measured.
fn quality(document: Option<&Document>) -> impl Iterator<Item = String> {
    document.into_iter().flat_map(|document| &document.quality).map(|(topic, Quality { score, reasons })| {
        let reasons: Vec<_> = reasons.iter().map(ToString::to_string).collect();
        let reasons = if reasons.is_empty() { String::new() } else { format!(": {}", reasons.join(", ")) };
        format!("quality  {topic} {}{reasons}", score.floor())
    })
}

fn title(row: &Consumer<'_>, document: Option<&Document>) -> String {
    let reads = document.and_then(|document| document.topic.as_ref().or(document.query.as_ref()));
    let reads = reads.map(|topic| format!(" · reads {topic}"));
    let group =
        document.and_then(|document| document.group.as_ref()).map(|group| format!(" · group {group}"));
    format!("{}{}{}", row.name, reads.unwrap_or_default(), group.unwrap_or_default())
}

fn life(details: &Details, document: Option<&Document>) -> String {
    let (status, failures) = (&details.status, details.total_failures);
    let time = match details.uptime_seconds {
        seconds if seconds > 0.0 => format!(", up for {}", format_age((seconds * 1e3) as i64)),
        _ => String::new(),
    };
    let in_a_row = match details.consecutive_failures {
        0 => String::new(),
        number => format!(" ({number} in a row)"),
    };
    let restarts = document.map_or(String::new(), |document| format!(" · restarts {}", document.restarts));
    format!("status   {status}{time} · failures {failures}{in_a_row}{restarts}")
}

/// A text, and what the last values were where there is room.
fn with_spark(text: String, values: &[f64], width: usize) -> String {
    match width.saturating_sub(wide(&text) + 4) {
        room @ 8.. => format!("{text}  {}", sparkline(values, room)),
        _ => text,
    }
}

fn rates(row: &Consumer<'_>) -> Vec<f64> {
    row.batches.iter().map(|batch| batch.input_rows_per_second).collect()
}

fn is_bad(details: &Details) -> bool {
    matches!(details.status.as_str(), "failed" | "backing-off" | "degraded" | "stalled")
}

/// The columns that there are on a screen of this width.
pub fn columns<T>(fields: &[Field<T>], width: usize) -> Vec<Column<'static>> {
    fields.iter().filter(|(_, from, _)| width >= *from).map(|(column, ..)| *column).collect()
}

/// What they show.
pub fn cells<T>(fields: &[Field<T>], row: &T, width: usize) -> Vec<String> {
    fields.iter().filter(|(_, from, _)| width >= *from).map(|(.., cell)| cell(row)).collect()
}

/// How many, where that is known.
pub fn count(count: Option<u64>) -> String {
    count.map_or("-".into(), format_count)
}

/// The time of day in a time as RFC 3339.
pub fn clock(time: &str) -> String {
    time.get(11..19).unwrap_or_default().into()
}

fn age(millis: Option<i64>) -> String {
    millis.map_or("-".into(), format_age)
}

fn millis(millis: Option<u64>) -> String {
    age(millis.and_then(|millis| i64::try_from(millis).ok()))
}

fn phase(row: &Consumer<'_>, number: usize) -> String {
    row.batches.last().map_or("-".into(), |batch| format_count(batch.duration_ms.phases()[number].1))
}

#[cfg(test)]
mod tests;
