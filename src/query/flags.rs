//! Flags become SQL text, so that there is one way to a plan.

use crate::catalog::{RECORD_TIME, Topic};
use crate::{Error, Result};
use std::time::Duration;

/// A windowed query as flags say it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flags {
    /// How long a window is.
    pub window: Option<Duration>,
    /// How far windows are apart; the window's length where it is not given.
    pub slide: Option<Duration>,
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
    /// The SQL text over `topic`, whose short name stands in FROM. Without a window and `aggregated`,
    /// the records themselves.
    ///
    /// # Errors
    /// A usage error when flags do not go together.
    pub fn to_sql(&self, name: &str, topic: &Topic, aggregated: bool) -> Result<String> {
        let condition = self.condition.as_ref().map_or(String::new(), |sql| format!("\nWHERE {sql}"));
        if self.window.is_none() && !aggregated {
            self.refuse_without_window()?;
            return Ok(format!("SELECT *\nFROM {}{condition}", quoted(name)));
        }
        let record = topic.record.as_ref();
        let time = self.time.as_deref().or(record.map(|record| record.time.as_str())).unwrap_or(RECORD_TIME);
        let size = self.window.unwrap_or(DEFAULT_WINDOW);
        let window = match self.slide {
            Some(slide) => format!("window({}, '{}', '{}')", quoted(time), interval(size), interval(slide)),
            None => format!("window({}, '{}')", quoted(time), interval(size)),
        };
        let own = record.map_or(&[][..], |record| &record.windowed[..]);
        let aggregates = if self.aggregates.is_empty() { own } else { &self.aggregates[..] };
        let mut selected = vec!["window.start AS window_start".into(), "window.end AS window_end".into()];
        selected.extend_from_slice(&self.group_by);
        selected.extend_from_slice(aggregates);
        let groups = std::iter::once(window).chain(self.group_by.iter().cloned()).collect::<Vec<_>>();
        Ok(format!(
            "SELECT {}\nFROM {}{condition}\nGROUP BY {}",
            selected.join(",\n       "),
            quoted(name),
            groups.join(", ")
        ))
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

/// A name as SQL takes it, in Spark's quotes where it needs them.
fn quoted(name: &str) -> String {
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

    fn sql(flags: &Flags) -> Result<String> {
        let catalog = Catalog::built_in().expect("valid");
        let topic = catalog.topic("customer-transactions").expect("declared");
        flags.to_sql("customer-transactions", topic, false)
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
}
