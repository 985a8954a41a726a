//! What is told at the end of a run, in lines for people.

use crate::catalog::Record;
use crate::engine::Totals;
use crate::engine::history::Trends;
use crate::engine::quality::Report;
use crate::record::observed::{Drift, Observed};
use crate::units::{format_count, format_duration};
use std::time::Duration;

/// So many unknown fields, and columns of another type, are named.
const SHOWN: usize = 20;

/// What a run did.
pub fn totals(topics: &str, totals: Totals, trends: Trends) -> String {
    // A run that found nothing new has no rates.
    let Trends { avg_input_rate: came, avg_processing_rate: processed, .. } = trends;
    let rates = if came > 0.0 {
        format!("; on average {came:.0}/s came and {processed:.0}/s were processed")
    } else if processed > 0.0 {
        format!("; on average {processed:.0}/s were processed")
    } else {
        String::new()
    };
    format!(
        "{topics}: {} records read in {} batch{}, {} refused, {} late, {} rows given out{rates}",
        format_count(totals.read),
        format_count(totals.batches),
        if totals.batches == 1 { "" } else { "es" },
        format_count(totals.rejected),
        format_count(totals.late),
        format_count(totals.rows)
    )
}

/// What the records of a topic were worth.
pub fn quality(topic: &str, report: &Report) -> String {
    let reasons: Vec<_> = report.reasons.iter().map(ToString::to_string).collect();
    let reasons = if reasons.is_empty() { String::new() } else { format!(" ({})", reasons.join(", ")) };
    let age = |seconds: f64| format_duration(Duration::from_secs_f64(seconds.max(0.0).round()));
    let ages = report.freshness.map(|freshness| {
        let (median, most) = (age(freshness.median_seconds), age(freshness.p99_seconds));
        format!("; half of the records not older than {median}, 99 % not older than {most}")
    });
    format!("{topic}: quality {}{reasons}{}", report.score.floor(), ages.unwrap_or_default())
}

/// What the records of a topic had that its schema does not say; nothing where they are as it says.
pub fn schema(topic: &str, record: Option<&Record>, observed: Observed) -> Vec<String> {
    let Observed { mut unknown, drift } = observed.most_frequent(SHOWN);
    let mut lines = Vec::new();
    if !unknown.is_empty() {
        let others = unknown.remove("*").map(|count| format!("others ({})", format_count(count)));
        let fields = unknown.iter().map(|(field, count)| format!("{field} ({})", format_count(*count)));
        let fields: Vec<_> = fields.chain(others).collect();
        lines.push(format!("{topic}: fields that the schema does not have: {}", fields.join(", ")));
    }
    if !drift.is_empty() {
        let columns = drift.iter().map(|(column, drift)| of_column(column, drift, record));
        let columns: Vec<_> = columns.collect();
        lines.push(format!("{topic}: values of another type than the schema's: {}", columns.join(", ")));
    }
    lines
}

fn of_column(column: &str, drift: &Drift, record: Option<&Record>) -> String {
    let found = drift.0.iter().map(|(found, count)| format!("{} {found}", format_count(*count)));
    let declared =
        record.and_then(|record| record.columns().field(column).map(|field| field.kind.to_string()));
    let declared = declared.map_or(String::new(), |kind| format!("{kind} "));
    format!("{column} {declared}({})", found.collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;

    #[test]
    fn it_names_fields_and_types() {
        let catalog = Catalog::built_in().expect("valid");
        let record = catalog.topic("transactions").expect("declared").record.as_ref();
        let mut observed = Observed::default();
        assert!(schema("transactions", record, observed.clone()).is_empty());
        observed.unknown.extend([("planet".to_string(), 1_200), ("*".to_string(), 3)]);
        for (column, first) in
            [("price", b'"'), ("price", b'"'), ("price", b'['), ("user_location.city", b'1')]
        {
            observed.drift.entry(column.into()).or_default().note(first);
        }
        let expected = [
            "transactions: fields that the schema does not have: planet (1,200), others (3)",
            "transactions: values of another type than the schema's: price DOUBLE (1 array, 2 text), \
             user_location.city (1 number)",
        ];
        assert_eq!(schema("transactions", record, observed), expected);
    }
}
