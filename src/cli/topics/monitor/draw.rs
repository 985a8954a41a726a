//! The picture of a snapshot: it depends on nothing but the snapshot, what is chosen, and the size of the screen.

use super::sample::{GroupRow, PartitionRow, Snapshot, TopicRow};
use super::view::{GROUP_ORDERS, Pane, Position, TOPIC_ORDERS, View};
use crate::cli::topics::lag::{Trend, age};
use crate::units::{format_count, format_size};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// What is shown while nothing was heard yet, and at the bottom.
const KEYS: &str = "q quit  Tab list  ↑↓ select  Enter topic  Esc back  s sort  r turn  / filter";

/// A column: its heading, its width, and whether it stands at the right.
type Column = (&'static str, usize, bool);

/// Draws everything.
pub fn draw(frame: &mut Frame<'_>, snapshot: Option<&Snapshot>, view: &View) {
    let area = frame.area();
    let width = usize::from(area.width);
    let mut lines = vec![header(snapshot, width, view)];
    let body = usize::from(area.height).saturating_sub(3);
    match (snapshot, &view.topic) {
        (None, _) => {}
        (Some(snapshot), None) => lists(&mut lines, snapshot, view, width, body),
        (Some(snapshot), Some(topic)) => one_topic(&mut lines, snapshot, topic, view, width, body),
    }
    lines.resize(body + 2, Line::default());
    lines.push(footer(view, width));
    lines.truncate(usize::from(area.height));
    frame.render_widget(Paragraph::new(lines), Rect { ..area });
}

fn header(snapshot: Option<&Snapshot>, width: usize, view: &View) -> Line<'static> {
    let text = match snapshot {
        None => "ecap monitor · waiting for the first reading".into(),
        Some(snapshot) => {
            let cluster = snapshot.cluster.as_deref().unwrap_or("cluster");
            let brokers =
                format!("{} broker{}", snapshot.brokers, if snapshot.brokers == 1 { "" } else { "s" });
            let time = snapshot.time.get(11..19).unwrap_or_default();
            let messages = rate(snapshot.messages_per_second);
            let bytes = bytes(snapshot.bytes_per_second);
            format!("{cluster} · {brokers} · {messages} msg/s · {bytes} · {time} UTC")
        }
    };
    match &view.trouble {
        None => styled(fit(&text, width, false), Modifier::BOLD, None, view),
        Some(trouble) => {
            let text = format!("{trouble} · {text}");
            styled(fit(&text, width, false), Modifier::BOLD, Some(Color::Red), view)
        }
    }
}

fn footer(view: &View, width: usize) -> Line<'static> {
    let text = if view.typing {
        format!("filter: {}▏ (Enter keeps it, Esc clears it)", view.filter)
    } else {
        KEYS.into()
    };
    styled(fit(&text, width, false), Modifier::DIM, None, view)
}

fn lists(lines: &mut Vec<Line<'static>>, snapshot: &Snapshot, view: &View, width: usize, body: usize) {
    let (topics, groups) = (view.topics(snapshot), view.groups(snapshot));
    // Two lines of each list are its title and its headings.
    let lower = (groups.len() + 2).clamp(4, (body / 2).max(4));
    let upper = body.saturating_sub(lower);
    let filter = if view.filter.is_empty() { String::new() } else { format!(" · only '{}'", view.filter) };
    let title = |name: &str, count: usize, orders: &[&str], position: Position| {
        let order = orders.get(position.order).unwrap_or(&"");
        let turned = if position.reversed { ", turned" } else { "" };
        format!("{name} {count} · by {order}{turned}{filter}")
    };
    let name = topics
        .iter()
        .map(|row| row.topic.chars().count())
        .max()
        .map_or(10, |longest| longest + 1)
        .clamp(10, (width / 3).max(10));
    let fixed = name + 6 + 14 + 9 + 14 + 6;
    let spark = width.saturating_sub(fixed + 1);
    let columns = [
        ("topic", name, false),
        ("parts", 6, true),
        ("messages", 14, true),
        ("msg/s", 9, true),
        ("bytes/s", 14, true),
        ("skew", 6, true),
        ("", spark, false),
    ];
    let heading = title("Topics", topics.len(), &TOPIC_ORDERS, view.topics);
    let cells = |row: &&TopicRow| topic_cells(row, spark);
    let chosen = (view.pane == Pane::Topics).then_some(view.topics.selected);
    table(lines, &heading, &columns, &topics.iter().map(cells).collect::<Vec<_>>(), (chosen, upper), view);
    let heading = title("Groups", groups.len(), &GROUP_ORDERS, view.groups);
    let rows: Vec<_> = groups.iter().map(|row| group_cells(row, row.lag)).collect();
    let chosen = (view.pane == Pane::Groups).then_some(view.groups.selected);
    table(lines, &heading, &group_columns(width), &rows, (chosen, lower), view);
}

fn topic_cells(row: &TopicRow, spark: usize) -> Vec<String> {
    vec![
        row.topic.clone(),
        row.partitions.len().to_string(),
        format_count(row.messages),
        rate(row.messages_per_second),
        bytes(row.bytes_per_second),
        row.skew.map(|skew| format!("{skew:.2}")).unwrap_or_default(),
        format!(" {}", sparkline(&row.history, spark.saturating_sub(2))),
    ]
}

fn group_columns(width: usize) -> [Column; 7] {
    let fixed = 20 + 4 + 13 + 9 + 11 + 10;
    let name = width.saturating_sub(fixed).clamp(13, 60);
    [
        ("group", name, false),
        ("state", 20, false),
        ("in", 4, true),
        ("lag", 13, true),
        ("behind", 9, true),
        ("trend", 11, true),
        ("done in", 10, true),
    ]
}

fn group_cells(row: &GroupRow, lag: i64) -> Vec<String> {
    let [trend, ends] = Trend::cells(row.trend);
    let mirrors = if row.query.is_some() { "* " } else { "" };
    vec![
        format!("{mirrors}{}", row.group),
        row.state.clone(),
        row.members.to_string(),
        format_count(u64::try_from(lag).unwrap_or(0)),
        row.behind_ms.map(age).unwrap_or_default(),
        trend,
        ends,
    ]
}

fn one_topic(
    lines: &mut Vec<Line<'static>>,
    snapshot: &Snapshot,
    topic: &str,
    view: &View,
    width: usize,
    body: usize,
) {
    let groups = view.groups(snapshot);
    let lower = (groups.len() + 2).clamp(4, (body / 2).max(4));
    let upper = body.saturating_sub(lower);
    let found = snapshot.topics.iter().find(|row| row.topic == topic);
    let bar = width.saturating_sub(10 + 8 + 14 + 14 + 14 + 9 + 1);
    let columns = [
        ("partition", 10, true),
        ("leader", 8, true),
        ("first", 14, true),
        ("next", 14, true),
        ("messages", 14, true),
        ("msg/s", 9, true),
        ("", bar, false),
    ];
    let partitions = found.map(|row| row.partitions.as_slice()).unwrap_or_default();
    let fullest = partitions.iter().map(|row| row.next - row.first).max().unwrap_or(0).max(1);
    let cells = |row: &PartitionRow| partition_cells(row, fullest, bar.saturating_sub(2));
    let rows: Vec<_> = partitions.iter().map(cells).collect();
    let heading = match found {
        None => format!("Topic {topic} is gone"),
        Some(row) => {
            let skew = row.skew.map(|skew| format!(" · skew {skew:.2}")).unwrap_or_default();
            let (messages, bytes) = (rate(row.messages_per_second), bytes(row.bytes_per_second));
            format!("Topic {topic} · {messages} msg/s · {bytes}{skew}")
        }
    };
    let chosen =
        (view.pane == Pane::Topics).then_some(view.topics.selected.min(rows.len().saturating_sub(1)));
    table(lines, &heading, &columns, &rows, (chosen, upper), view);
    let rows: Vec<_> =
        groups.iter().map(|row| group_cells(row, row.topics.get(topic).copied().unwrap_or(0))).collect();
    let chosen = (view.pane == Pane::Groups).then_some(view.groups.selected);
    let heading = format!("Groups {} · lag in this topic", groups.len());
    table(lines, &heading, &group_columns(width), &rows, (chosen, lower), view);
}

fn partition_cells(row: &PartitionRow, fullest: i64, bar: usize) -> Vec<String> {
    let held = row.next - row.first;
    let filled = (held.max(0) as f64 / fullest as f64 * bar as f64).round() as usize;
    vec![
        row.partition.to_string(),
        row.leader.map_or_else(|| "none".into(), |leader| leader.to_string()),
        row.first.to_string(),
        row.next.to_string(),
        format_count(u64::try_from(held).unwrap_or(0)),
        rate(row.messages_per_second),
        format!(" {}", "█".repeat(filled.min(bar))),
    ]
}

/// A title, headings, and as many rows as there is room for around the chosen one.
fn table(
    lines: &mut Vec<Line<'static>>,
    title: &str,
    columns: &[Column],
    rows: &[Vec<String>],
    (chosen, height): (Option<usize>, usize),
    view: &View,
) {
    if height < 3 {
        return;
    }
    let width: usize = columns.iter().map(|(_, width, _)| width).sum();
    let colour = chosen.map(|_| Color::Cyan);
    lines.push(styled(fit(title, width, false), Modifier::BOLD, colour, view));
    let cell = |(text, (_, width, right)): (&str, &Column)| fit(text, *width, *right);
    let headings = columns.iter().map(|column| cell((column.0, column))).collect::<String>();
    lines.push(styled(headings, Modifier::UNDERLINED, None, view));
    let room = height - 2;
    let first = chosen.map_or(0, |chosen| (chosen + 1).saturating_sub(room));
    for number in first..first + room {
        let Some(row) = rows.get(number) else {
            lines.push(Line::default());
            continue;
        };
        let text: String = row.iter().map(String::as_str).zip(columns).map(cell).collect();
        let is_chosen = chosen == Some(number);
        let modifier = if is_chosen { Modifier::REVERSED } else { Modifier::empty() };
        lines.push(styled(text, modifier, None, view));
    }
}

fn styled(text: String, modifier: Modifier, colour: Option<Color>, view: &View) -> Line<'static> {
    let style = Style::default().add_modifier(modifier);
    Line::styled(text, colour.filter(|_| view.colour).map_or(style, |colour| style.fg(colour)))
}

/// A text of exactly so many letters; what is too long ends with `…`.
fn fit(text: &str, width: usize, right: bool) -> String {
    let length = text.chars().count();
    // A blank keeps columns apart.
    let room = width.saturating_sub(1);
    match length > room {
        true if room == 0 => " ".repeat(width),
        true => {
            let cut: String = text.chars().take(room - 1).chain(['…']).collect();
            if right { format!("{cut:>width$}") } else { format!("{cut:<width$}") }
        }
        false if right => format!("{text:>width$}"),
        false => format!("{text:<width$}"),
    }
}

fn rate(rate: Option<f64>) -> String {
    match rate {
        None => "-".into(),
        Some(rate) if rate < 10.0 => format!("{rate:.1}"),
        Some(rate) if rate < 1e6 => format_count(rate.round() as u64),
        Some(rate) => format!("{:.2}M", rate / 1e6),
    }
}

/// Estimated, and so with a sign of it.
fn bytes(rate: Option<f64>) -> String {
    match rate {
        None => "- B/s".into(),
        Some(rate) if rate < 1.0 => "0 B/s".into(),
        Some(rate) => format!("~{}/s", format_size(rate.round() as u64)),
    }
}

/// The last values that there is room for; the highest is a full bar.
fn sparkline(values: &[f64], width: usize) -> String {
    let shown = &values[values.len().saturating_sub(width)..];
    let highest = shown.iter().copied().fold(0.0, f64::max);
    let bar = |value: &f64| {
        let level = if highest > 0.0 { (value / highest * 7.0).round() as usize } else { 0 };
        BARS[level.min(7)]
    };
    shown.iter().map(bar).collect()
}

#[cfg(test)]
mod tests {
    use super::super::sample::Memory;
    use super::super::sample::tests::reading;
    use super::super::view::Key;
    use super::*;
    use crate::kafka::ages::Look;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    fn picture(size: (u16, u16), snapshot: Option<&Snapshot>, view: &View) -> String {
        let mut terminal = Terminal::new(TestBackend::new(size.0, size.1)).expect("a screen");
        terminal.draw(|frame| draw(frame, snapshot, view)).expect("drawn");
        let buffer = terminal.backend().buffer();
        let line = |y: u16| {
            let line: String = (0..size.0).map(|x| buffer[(x, y)].symbol()).collect();
            line.trim_end().to_string() + "\n"
        };
        (0..size.1).map(line).collect()
    }

    fn snapshot() -> Snapshot {
        let (mut memory, mut last) = (Memory::default(), None);
        for (second, rate) in (0..).zip([0, 10, 40, 80, 20, 60]) {
            let mut now = reading([[1_000 + 100 * second + rate, 500], [second, 0]]);
            now.looks.insert((("orders".into(), 0), 7), Look { time: Some(0), bytes: 250 });
            last = Some(memory.compare(second * 1_000_000, now));
        }
        last.expect("a reading")
    }

    #[test]
    fn a_small_screen_has_both_lists() {
        insta::assert_snapshot!(picture((80, 24), Some(&snapshot()), &View::new(false)));
    }

    #[test]
    fn a_large_screen_has_more_of_them() {
        insta::assert_snapshot!(picture((200, 50), Some(&snapshot()), &View::new(true)));
    }

    #[test]
    fn a_topic_is_looked_into() {
        let (snapshot, mut view) = (snapshot(), View::new(false));
        assert!(view.press(Key::Enter, &snapshot));
        insta::assert_snapshot!(picture((80, 24), Some(&snapshot), &view));
    }

    #[test]
    fn a_broker_that_is_away_and_a_filter_are_seen() {
        let (snapshot, mut view) = (snapshot(), View::new(false));
        view.trouble = Some("no answer since 10:00:00".into());
        for key in [Key::Letter('/'), Key::Letter('v')] {
            assert!(view.press(key, &snapshot));
        }
        insta::assert_snapshot!(picture((80, 24), Some(&snapshot), &view));
    }

    #[test]
    fn no_screen_is_too_small() {
        let snapshot = snapshot();
        for width in [1, 7, 40, 79] {
            for height in [1, 2, 5, 9] {
                picture((width, height), Some(&snapshot), &View::new(true));
                picture((width, height), None, &View::new(true));
            }
        }
    }

    #[test]
    fn a_sparkline_is_as_high_as_its_highest_value() {
        assert_eq!(sparkline(&[9.0, 0.0, 5.0, 10.0], 3), "▁▅█");
        assert_eq!(sparkline(&[0.0, 0.0], 9), "▁▁");
        assert_eq!(sparkline(&[], 9), "");
    }
}
