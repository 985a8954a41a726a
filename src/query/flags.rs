//! Flags become SQL text, so that there is one way to a plan.

use super::table::KAFKA_COLUMNS;
use crate::catalog::{ARRIVAL_TIME, RECORD_TIME, Topic};
use crate::{Error, Result};
use std::time::Duration;

/// A windowed query as flags say it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flags {
    /// How long a window is.
    pub window: Option<Duration>,
    /// How far windows are apart; the window's length where it is not given.
    pub slide: Option<Duration>,
    /// The gap after which a session ends, in the place of a window.
    pub session: Option<Duration>,
    /// The columns by which a record that comes again is known.
    pub dedup: Vec<String>,
    /// The columns or expressions to group by, besides the window.
    pub group_by: Vec<String>,
    /// Aggregates as SQL; the topic's own where there are none.
    pub aggregates: Vec<String>,
    /// A condition on records.
    pub condition: Option<String>,
    /// The column of event time; the topic's own where it is not given.
    pub time: Option<String>,
}

/// How long a window is where a topic's default query is asked for without one.
const DEFAULT_WINDOW: Duration = Duration::from_secs(60);

impl Flags {
    /// The SQL text over topics, whose short names stand in FROM; several are united by the columns that they
    /// share. Without a window and `aggregated`, the records themselves.
    ///
    /// # Errors
    /// A usage error when flags do not go together.
    pub fn to_sql(&self, topics: &[(&str, &Topic)], aggregated: bool) -> Result<String> {
        let Some((_, first)) = topics.first() else { return Err(Error::usage("the query reads no topic")) };
        let from = self.from(topics)?;
        let condition = self.condition.as_ref().map_or(String::new(), |sql| format!("\nWHERE {sql}"));
        if self.window.is_none() && self.session.is_none() && !aggregated {
            self.refuse_without_window()?;
            return Ok(format!("SELECT *\nFROM {from}{condition}"));
        }
        let (name, window) = self.window(&self.time(topics)?)?;
        let own = first.record.as_ref().map_or(&[][..], |record| &record.windowed[..]);
        let aggregates = if self.aggregates.is_empty() { own } else { &self.aggregates[..] };
        let bound = |bound: &str| format!("{name}.{bound} AS window_{bound}");
        let mut selected = vec![bound("start"), bound("end")];
        selected.extend_from_slice(&self.group_by);
        selected.extend_from_slice(aggregates);
        let groups = std::iter::once(window).chain(self.group_by.iter().cloned()).collect::<Vec<_>>();
        Ok(format!(
            "SELECT {}\nFROM {from}{condition}\nGROUP BY {}",
            selected.join(",\n       "),
            groups.join(", ")
        ))
    }

    /// The function that makes windows, and its call.
    fn window(&self, time: &str) -> Result<(&'static str, String)> {
        let time = quoted(time);
        match (self.session, self.window, self.slide) {
            (Some(_), Some(_), _) | (Some(_), _, Some(_)) => {
                Err(Error::usage("--session stands in the place of --window and --slide"))
            }
            (Some(gap), None, None) => {
                Ok(("session_window", format!("session_window({time}, '{}')", interval(gap))))
            }
            (None, size, slide) => {
                let size = interval(size.unwrap_or(DEFAULT_WINDOW));
                let slide = slide.map_or(String::new(), |slide| format!(", '{}'", interval(slide)));
                Ok(("window", format!("window({time}, '{size}'{slide})")))
            }
        }
    }

    /// The column of the windows' time.
    fn time(&self, topics: &[(&str, &Topic)]) -> Result<String> {
        if let Some(time) = &self.time {
            return Ok(time.clone());
        }
        let own =
            |topic: &Topic| topic.record.as_ref().map_or(RECORD_TIME.into(), |record| record.time.clone());
        let mut times: Vec<String> = topics.iter().map(|(_, topic)| own(topic)).collect();
        times.dedup();
        match &times[..] {
            [time] => Ok(time.clone()),
            _ => Err(Error::usage(format!("the topics have different times: {}", times.join(", ")))
                .hint(format!("say which with --time-column; {RECORD_TIME} is when Kafka got a record"))),
        }
    }

    /// What stands behind FROM.
    fn from(&self, topics: &[(&str, &Topic)]) -> Result<String> {
        let columns = match topics {
            [_] => "*".to_string(),
            _ => shared(topics)?.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", "),
        };
        let distinct = match &self.dedup[..] {
            [] => String::new(),
            keys => format!("DISTINCT ON ({}) ", keys.join(", ")),
        };
        if let ([(name, _)], true) = (topics, distinct.is_empty()) {
            return Ok(quoted(name));
        }
        let each = topics.iter().map(|(name, _)| format!("SELECT {columns} FROM {}", quoted(name)));
        let united = each.collect::<Vec<_>>().join("\n      UNION ALL ");
        match (topics, distinct.is_empty()) {
            ([(name, _)], false) => Ok(format!("(SELECT {distinct}* FROM {})", quoted(name))),
            (_, true) => Ok(format!("({united})")),
            (_, false) => Ok(format!("(SELECT {distinct}* FROM ({united}))")),
        }
    }

    fn refuse_without_window(&self) -> Result<()> {
        let lonely = [
            ("--slide", self.slide.is_some()),
            ("--group-by", !self.group_by.is_empty()),
            ("--agg", !self.aggregates.is_empty()),
        ];
        match lonely.iter().find(|(_, given)| *given) {
            Some((flag, _)) => {
                Err(Error::usage(format!("{flag} needs a window")).hint("add --window, such as --window 10s"))
            }
            None => Ok(()),
        }
    }
}

/// The columns that all topics have with the same type, in the order of the first.
fn shared(topics: &[(&str, &Topic)]) -> Result<Vec<String>> {
    let columns = |topic: &Topic| -> Vec<(String, String)> {
        let Some(record) = &topic.record else { return vec![] };
        let own = record.columns().fields.into_iter().map(|field| (field.name, field.kind.to_string()));
        let derived = record.derived.iter().map(|(name, sql)| (name.clone(), sql.clone()));
        own.chain(derived).collect()
    };
    let mut each = topics.iter().map(|(_, topic)| columns(topic));
    let mut shared = each.next().unwrap_or_default();
    for other in each {
        shared.retain(|column| other.contains(column));
    }
    let kafka = KAFKA_COLUMNS.into_iter().filter(|name| *name != ARRIVAL_TIME).map(String::from);
    match shared.is_empty() {
        true => {
            let names: Vec<_> = topics.iter().map(|(name, _)| *name).collect();
            Err(Error::usage(format!("the topics {} have no column in common", names.join(", "))))
        }
        false => Ok(shared.into_iter().map(|(name, _)| name).chain(kafka).collect()),
    }
}

/// A name as SQL takes it, in Spark's quotes where it needs them.
pub fn quoted(name: &str) -> String {
    let plain = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if plain { name.into() } else { format!("`{}`", name.replace('`', "``")) }
}

/// A duration as Spark writes intervals: `10 seconds`, `1 hours 30 minutes`.
fn interval(duration: Duration) -> String {
    let micros = duration.as_micros();
    if micros == 0 {
        return "0 seconds".into();
    }
    let units = [("hours", 3_600_000_000), ("minutes", 60_000_000), ("seconds", 1_000_000)];
    let units = units.into_iter().chain([("milliseconds", 1_000), ("microseconds", 1)]);
    let mut rest = micros;
    let mut parts = Vec::new();
    for (unit, size) in units {
        if rest >= size {
            parts.push(format!("{} {unit}", rest / size));
            rest %= size;
        }
    }
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use crate::query::plan::StreamPlan;

    fn sql(flags: &Flags) -> Result<String> {
        let catalog = Catalog::built_in().expect("valid");
        let topic = catalog.topic("customer-transactions").expect("declared");
        flags.to_sql(&[("customer-transactions", topic)], false)
    }

    #[test]
    fn the_default_query_is_the_documented_one() {
        let flags = Flags {
            window: Some(Duration::from_secs(10)),
            slide: Some(Duration::from_secs(5)),
            ..Flags::default()
        };
        insta::assert_snapshot!(sql(&flags).expect("fits"), @r"
        SELECT window.start AS window_start,
               window.end AS window_end,
               count(*) AS record_count,
               sum(final_amount) AS total_transaction_value,
               avg(final_amount) AS avg_transaction_value,
               count(DISTINCT customer_id) AS unique_customers,
               min(batch_number) AS min_batch_number,
               max(batch_number) AS max_batch_number
        FROM `customer-transactions`
        GROUP BY window(_timestamp, '10 seconds', '5 seconds')
        ");
    }

    #[test]
    fn every_flag_has_its_place() {
        let flags = Flags {
            window: Some(Duration::from_millis(90_500)),
            group_by: vec!["product_category".into()],
            aggregates: vec!["sum(final_amount) AS revenue".into()],
            condition: Some("quantity > 2".into()),
            time: Some("Time".into()),
            ..Flags::default()
        };
        insta::assert_snapshot!(sql(&flags).expect("fits"), @r"
        SELECT window.start AS window_start,
               window.end AS window_end,
               product_category,
               sum(final_amount) AS revenue
        FROM `customer-transactions`
        WHERE quantity > 2
        GROUP BY window(`Time`, '1 minutes 30 seconds 500 milliseconds'), product_category
        ");
    }

    #[test]
    fn a_flag_without_its_window_is_refused() {
        let flags = Flags { slide: Some(Duration::from_secs(5)), ..Flags::default() };
        assert!(sql(&flags).expect_err("refused").to_string().starts_with("--slide needs a window"));
        assert_eq!(sql(&Flags::default()).as_deref(), Ok("SELECT *\nFROM `customer-transactions`"));
    }

    #[test]
    fn a_session_stands_in_the_place_of_a_window() {
        let session = Some(Duration::from_secs(300));
        let flags = Flags { session, dedup: vec!["transaction_id".into()], ..Flags::default() };
        let flags = Flags { aggregates: vec!["count(*) AS n".into()], ..flags };
        insta::assert_snapshot!(sql(&flags).expect("fits"), @r"
        SELECT session_window.start AS window_start,
               session_window.end AS window_end,
               count(*) AS n
        FROM (SELECT DISTINCT ON (transaction_id) * FROM `customer-transactions`)
        GROUP BY session_window(_timestamp, '5 minutes')
        ");
        let both = Flags { window: session, ..flags };
        assert!(sql(&both).expect_err("refused").to_string().contains("in the place of --window"));
    }

    #[test]
    fn several_topics_are_united_by_what_they_share() {
        let catalog = Catalog::built_in().expect("valid");
        let topics =
            ["transactions", "user-events"].map(|name| (name, catalog.topic(name).expect("declared")));
        let flags = Flags { window: Some(Duration::from_secs(60)), ..Flags::default() };
        let flags = Flags { aggregates: vec!["count(*) AS n".into()], ..flags };
        let sql = flags.to_sql(&topics, false).expect("fits");
        assert!(sql.contains("UNION ALL"), "{sql}");
        assert!(!sql.contains("price") && sql.contains("session_id"), "{sql}");
        assert!(StreamPlan::new(&sql, &catalog, "", None).is_ok(), "{sql}");
        let other =
            [topics[0], ("customer-transactions", catalog.topic("customer-transactions").expect("declared"))];
        let refused = flags.to_sql(&other, false).expect_err("refused").to_string();
        assert!(refused.contains("different times: timestamp, _timestamp"), "{refused}");
    }
}
