//! The options that say what is done to records on purpose.

use crate::clock::Micros;
use crate::generate::{Faults, Share};
use crate::units::parse_duration;
use crate::{Error, Result};

/// What is done to records on purpose.
#[derive(clap::Args, Debug, Clone, Default)]
#[command(next_help_heading = "Faults, each in a share of all records, as 5% (a record has at most one)")]
pub struct FaultArgs {
    /// Come later than their time, by --late-by
    #[arg(long, value_name = "SHARE", value_parser = Share::parse)]
    late: Option<Share>,
    /// How much later, from and to [default: 2m..20m]
    #[arg(long, value_name = "FROM..TO", value_parser = parse_range, requires = "late")]
    late_by: Option<(Micros, Micros)>,
    /// Come up to 30 seconds later than their time
    #[arg(long, value_name = "SHARE", value_parser = Share::parse)]
    out_of_order: Option<Share>,
    /// Come a second time, up to 30 seconds later
    #[arg(long, value_name = "SHARE", value_parser = Share::parse)]
    duplicates: Option<Share>,
    /// Are cut off
    #[arg(long, value_name = "SHARE", value_parser = Share::parse)]
    malformed: Option<Share>,
    /// Lack a column that must be there
    #[arg(long, value_name = "SHARE", value_parser = Share::parse)]
    missing: Option<Share>,
    /// Have a text where another type should be
    #[arg(long, value_name = "SHARE", value_parser = Share::parse)]
    wrong_type: Option<Share>,
}

impl FaultArgs {
    /// The faults.
    pub fn faults(&self) -> Faults {
        let share = |share: Option<Share>| share.unwrap_or_default();
        Faults {
            late: share(self.late),
            late_by: self.late_by.unwrap_or(Faults::default().late_by),
            out_of_order: share(self.out_of_order),
            duplicates: share(self.duplicates),
            malformed: share(self.malformed),
            missing: share(self.missing),
            wrong_type: share(self.wrong_type),
        }
    }
}

/// Reads `2m..20m`, or `5m` for that and no other.
fn parse_range(text: &str) -> Result<(Micros, Micros)> {
    let (from, to) = text.split_once("..").unwrap_or((text, text));
    let [from, to] = [from, to].map(|part| parse_duration(part).map(|time| time.as_micros() as Micros));
    match (from?, to?) {
        // A day's records are looked through for what is late.
        (from, to) if from > to || to > 86_400_000_000 => {
            Err(Error::usage(format!("'{text}' is no range of delays")).hint("write 2m..20m, at most a day"))
        }
        range => Ok(range),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_have_two_ends() {
        assert_eq!(parse_range("2m..20m"), Ok((120_000_000, 1_200_000_000)));
        assert_eq!(parse_range("5s"), Ok((5_000_000, 5_000_000)));
        for text in ["", "..", "2m..1m", "1m..", "1m..2d"] {
            assert!(parse_range(text).is_err(), "{text}");
        }
    }
}
