//! A scenario: what happens in a world at certain times, from a TOML file.
//!
//! ```toml
//! [[sale]]          # each day at noon (UTC) for two hours: three times the traffic, 20% off
//! at = "12:00"
//! for = "2h"
//! traffic = 3
//! discount = 20
//!
//! [[silence]]       # ten minutes after the start a partition falls silent, and comes back five minutes later
//! partition = 2
//! of = 6
//! at = "10m"
//! for = "5m"
//!
//! [[poison]]        # twenty minutes after the start half of all records are cut off, for thirty seconds
//! at = "20m"
//! for = "30s"
//! share = "50%"
//! ```

use super::Share;
use crate::clock::Micros;
use crate::units::parse_duration;
use crate::{Error, Result};
use serde::Deserialize;
use std::ops::Range;

/// What happens in a world at certain times.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scenario {
    /// Hours of each day with more traffic and lower prices.
    pub sales: Vec<Sale>,
    /// Partitions that fall silent.
    pub silences: Vec<Silence>,
    /// Bursts of records that are cut off.
    pub poison: Vec<Poison>,
}

/// Hours of each day with more traffic and lower prices.
#[derive(Debug, Clone, PartialEq)]
pub struct Sale {
    /// Which hours of the day, UTC.
    pub hours: Range<usize>,
    /// How many times the usual traffic there is.
    pub traffic: u64,
    /// The percent that all products are cheaper.
    pub discount: u64,
}

/// A partition whose records come when it is over.
#[derive(Debug, Clone, PartialEq)]
pub struct Silence {
    /// Which partition.
    pub partition: u32,
    /// Of how many.
    pub of: u32,
    /// From when to when, in microseconds after the start.
    pub span: Range<Micros>,
}

/// A burst of records that are cut off.
#[derive(Debug, Clone, PartialEq)]
pub struct Poison {
    /// From when to when, in microseconds after the start.
    pub span: Range<Micros>,
    /// How many of the records.
    pub share: Share,
}

/// A scenario as its file has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    sale: Vec<SaleTable>,
    #[serde(default)]
    silence: Vec<SilenceTable>,
    #[serde(default)]
    poison: Vec<PoisonTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SaleTable {
    at: String,
    r#for: String,
    traffic: Option<u64>,
    discount: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SilenceTable {
    partition: u32,
    of: u32,
    at: String,
    r#for: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PoisonTable {
    at: String,
    r#for: String,
    share: String,
}

impl Scenario {
    /// Reads a scenario's TOML.
    ///
    /// # Errors
    /// A usage error that says what is wrong, and where.
    pub fn parse(text: &str) -> Result<Self> {
        let file: File = toml::from_str(text)?;
        let sales = file.sale.iter().map(sale).collect::<Result<_>>();
        let silences = file.silence.iter().map(silence).collect::<Result<_>>();
        let poison = file.poison.iter().map(|table| {
            Ok(Poison { span: span(&table.at, &table.r#for)?, share: Share::parse(&table.share)? })
        });
        Ok(Self {
            sales: sales.map_err(|error| error.at("[[sale]]"))?,
            silences: silences.map_err(|error| error.at("[[silence]]"))?,
            poison: poison.collect::<Result<_>>().map_err(|error: Error| error.at("[[poison]]"))?,
        })
    }
}

fn sale(table: &SaleTable) -> Result<Sale> {
    let whole_hours =
        || Error::usage("a sale is of whole hours of one day").hint("write at = \"12:00\", for = \"1h\"");
    let first =
        table.at.strip_suffix(":00").and_then(|hour| hour.parse::<usize>().ok()).ok_or_else(whole_hours)?;
    let length = parse_duration(&table.r#for)?.as_secs();
    let hours = first..first + (length / 3_600) as usize;
    let (traffic, discount) = (table.traffic.unwrap_or(1), table.discount.unwrap_or(0));
    if length % 3_600 != 0 || hours.is_empty() || hours.end > 24 {
        return Err(whole_hours());
    }
    if !(1..=100).contains(&traffic) || discount > 90 {
        return Err(Error::usage("traffic is from 1 to 100 times, and discount up to 90 percent"));
    }
    Ok(Sale { hours, traffic, discount })
}

fn silence(table: &SilenceTable) -> Result<Silence> {
    if table.partition >= table.of {
        return Err(Error::usage(format!("there is no partition {} of {}", table.partition, table.of))
            .hint("they count from 0"));
    }
    Ok(Silence { partition: table.partition, of: table.of, span: span(&table.at, &table.r#for)? })
}

/// From when to when; at most a day, as so much is looked through for what comes later.
fn span(at: &str, length: &str) -> Result<Range<Micros>> {
    let [at, length] =
        [at, length].map(|text| parse_duration(text).map(|time| time.as_millis() as Micros * 1_000));
    let (at, length) = (at?, length?);
    if !(1..=86_400_000_000).contains(&length) {
        return Err(Error::usage("'for' is above 0 and at most a day"));
    }
    Ok(at..at + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scenario_is_read() -> Result<()> {
        let text = "[[sale]]\nat = '12:00'\nfor = '2h'\ntraffic = 3\ndiscount = 20\n\
            [[silence]]\npartition = 2\nof = 6\nat = '10m'\nfor = '5m'\n\
            [[poison]]\nat = '20m'\nfor = '30s'\nshare = '50%'\n";
        let scenario = Scenario::parse(text)?;
        assert_eq!(scenario.sales, [Sale { hours: 12..14, traffic: 3, discount: 20 }]);
        let span = 600_000_000..900_000_000;
        assert_eq!(scenario.silences, [Silence { partition: 2, of: 6, span }]);
        assert_eq!(scenario.poison[0].span, 1_200_000_000..1_230_000_000);
        Ok(())
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, word) in [
            ("[[sale]]\nat = '12:30'\nfor = '1h'", "whole hours"),
            ("[[sale]]\nat = '23:00'\nfor = '2h'", "[[sale]]"),
            ("[[silence]]\npartition = 6\nof = 6\nat = '1m'\nfor = '1m'", "no partition 6"),
            ("[[poison]]\nat = '1m'\nfor = '1m'\nshare = '200%'", "200%"),
            ("[[storm]]", "storm"),
        ] {
            let error = Scenario::parse(text).err().map(|error| error.to_string());
            assert!(error.as_ref().is_some_and(|error| error.contains(word)), "{error:?}");
        }
    }
}
