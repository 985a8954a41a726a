//! The picture of a snapshot: it depends on nothing but the snapshot, what is chosen, and the size of the screen.

use super::sample::{PartitionRow, Snapshot, TopicRow};
use super::view::{Chosen, GROUP_ORDERS, Pane, TOPIC_ORDERS};
use crate::cli::screen::{Column, Picture, Row, paint, rate, sparkline, time_of_day};
use crate::cli::topics::lag::{GroupRow, Trend};
use crate::units::{format_age, format_count, format_size};
use ratatui::Frame;

/// What is shown at the bottom.
const KEYS: &str = "q quit  ? help  Tab list  ↑↓ select  Enter topic  Esc back  s sort  / filter";

/// What is shown on request.
const HELP: &str = "\
q      quit
Tab    the other list
↑ ↓    select; j k, PgUp PgDn, Home End too
Enter  look into a topic: its partitions, and the groups that read it
Esc    back
s      sort by the next column
r      turn the order
/      filter by a part of the name

skew     the fullest partition by the mean
bytes/s  estimated: messages a second, times the mean size of records
behind   the age of the next record to read
done in  when nothing is left to read, if it goes on like this
*        mirrors the progress of a query";

/// Draws everything.
pub fn draw(frame: &mut Frame<'_>, snapshot: Option<&Snapshot>, view: &Chosen) {
    let heading = heading(snapshot);
    paint(frame, &view.common, (&heading, false), (KEYS, HELP), |picture, room| {
        match (snapshot, &view.common.inside) {
            (None, _) => {}
            (Some(snapshot), None) => lists(picture, snapshot, view, room),
            (Some(snapshot), Some(topic)) => one_topic(picture, snapshot, topic, view, room),
        }
    });
}

fn heading(snapshot: Option<&Snapshot>) -> String {
    let Some(snapshot) = snapshot else { return "ecap monitor · waiting for the first reading".into() };
    let cluster = snapshot.cluster.as_deref().unwrap_or("cluster");
    let brokers = format!("{} broker{}", snapshot.brokers, if snapshot.brokers == 1 { "" } else { "s" });
    let (messages, bytes) = (rate(snapshot.messages_per_second), bytes(snapshot.bytes_per_second));
    format!("{cluster} · {brokers} · {messages} msg/s · {bytes} · {}", time_of_day(&snapshot.time))
}

fn lists(picture: &mut Picture, snapshot: &Snapshot, view: &Chosen, room: usize) {
    let (topics, groups) = (view.topics(snapshot), view.groups(snapshot));
    let (width, only) = (picture.width, view.common.only());
    // Two lines of each list are its title and its headings.
    let lower = (groups.len() + 2).clamp(4, (room / 2).max(4));
    let upper = room.saturating_sub(lower);
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
    let title = format!("Topics {} · {}{only}", topics.len(), view.topics.sorted(&TOPIC_ORDERS));
    let rows: Vec<_> = topics.iter().map(|row| topic_cells(row, spark)).collect();
    let chosen = (view.pane == Pane::Topics).then_some(view.topics.selected);
    picture.table(&title, &columns, &rows, (chosen, upper));
    let title = format!("Groups {} · {}{only}", groups.len(), view.groups.sorted(&GROUP_ORDERS));
    let rows: Vec<_> = groups.iter().map(|row| group_cells(row, row.lag)).collect();
    let chosen = (view.pane == Pane::Groups).then_some(view.groups.selected);
    picture.table(&title, &group_columns(width), &rows, (chosen, lower));
}

fn topic_cells(row: &TopicRow, spark: usize) -> Row {
    let cells = vec![
        row.topic.clone(),
        row.partitions.len().to_string(),
        format_count(row.messages),
        rate(row.messages_per_second),
        bytes(row.bytes_per_second),
        row.skew.map(|skew| format!("{skew:.2}")).unwrap_or_default(),
        format!(" {}", sparkline(&row.history, spark.saturating_sub(2))),
    ];
    cells.into()
}

fn group_columns(width: usize) -> [Column<'static>; 7] {
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

fn group_cells(row: &GroupRow, lag: i64) -> Row {
    let [trend, ends] = Trend::cells(row.trend);
    let mirrors = if row.query.is_some() { "* " } else { "" };
    let cells = vec![
        format!("{mirrors}{}", row.group),
        row.state.clone(),
        row.members.to_string(),
        format_count(u64::try_from(lag).unwrap_or(0)),
        row.behind_ms.map(format_age).unwrap_or_default(),
        trend,
        ends,
    ];
    cells.into()
}

fn one_topic(picture: &mut Picture, snapshot: &Snapshot, topic: &str, view: &Chosen, room: usize) {
    let (groups, width) = (view.groups(snapshot), picture.width);
    let lower = (groups.len() + 2).clamp(4, (room / 2).max(4));
    let upper = room.saturating_sub(lower);
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
    picture.table(&heading, &columns, &rows, (chosen, upper));
    let rows: Vec<_> =
        groups.iter().map(|row| group_cells(row, row.topics.get(topic).copied().unwrap_or(0))).collect();
    let chosen = (view.pane == Pane::Groups).then_some(view.groups.selected);
    let heading = format!("Groups {} · lag in this topic", groups.len());
    picture.table(&heading, &group_columns(width), &rows, (chosen, lower));
}

fn partition_cells(row: &PartitionRow, fullest: i64, bar: usize) -> Row {
    let held = row.next - row.first;
    let filled = (held.max(0) as f64 / fullest as f64 * bar as f64).round() as usize;
    let cells = vec![
        row.partition.to_string(),
        row.leader.map_or_else(|| "none".into(), |leader| leader.to_string()),
        row.first.to_string(),
        row.next.to_string(),
        format_count(u64::try_from(held).unwrap_or(0)),
        rate(row.messages_per_second),
        format!(" {}", "█".repeat(filled.min(bar))),
    ];
    cells.into()
}

/// Estimated, and so with a sign of it.
fn bytes(rate: Option<f64>) -> String {
    match rate {
        None => "- B/s".into(),
        Some(rate) if rate < 1.0 => "0 B/s".into(),
        Some(rate) => format!("~{}/s", format_size(rate.round() as u64)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::Memory;
    use super::super::sample::tests::reading;
    use super::*;
    use crate::cli::screen::{Key, View, picture as drawn};
    use crate::kafka::ages::Look;

    fn picture(size: (u16, u16), snapshot: Option<&Snapshot>, view: &Chosen) -> String {
        drawn(size, |frame| view.draw(frame, snapshot))
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
        insta::assert_snapshot!(picture((80, 24), Some(&snapshot()), &Chosen::new(false)));
    }

    #[test]
    fn a_large_screen_has_more_of_them() {
        insta::assert_snapshot!(picture((200, 50), Some(&snapshot()), &Chosen::new(true)));
    }

    #[test]
    fn a_topic_is_looked_into() {
        let (snapshot, mut view) = (snapshot(), Chosen::new(false));
        assert!(view.key(Key::Enter, &snapshot));
        insta::assert_snapshot!(picture((80, 24), Some(&snapshot), &view));
    }

    #[test]
    fn a_broker_that_is_away_and_a_filter_are_seen() {
        let (snapshot, mut view) = (snapshot(), Chosen::new(false));
        view.common.trouble = Some("no answer since 10:00:00".into());
        for key in [Key::Letter('/'), Key::Letter('v')] {
            assert!(view.key(key, &snapshot));
        }
        insta::assert_snapshot!(picture((80, 24), Some(&snapshot), &view));
    }

    #[test]
    fn no_screen_is_too_small() {
        let snapshot = snapshot();
        for width in [1, 7, 40, 79] {
            for height in [1, 2, 5, 9] {
                picture((width, height), Some(&snapshot), &Chosen::new(true));
                picture((width, height), None, &Chosen::new(true));
            }
        }
    }

    #[test]
    fn the_keys_are_explained() {
        let (snapshot, mut view) = (snapshot(), Chosen::new(false));
        assert!(view.key(Key::Letter('?'), &snapshot));
        insta::assert_snapshot!(picture((80, 24), Some(&snapshot), &view));
    }
}
