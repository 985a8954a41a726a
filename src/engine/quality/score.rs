//! One number for how good records are, and why it is not 100.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The share at which a measure has lost all of its points; below, it loses in proportion.
const ALL_LOST: f64 = 0.1;

/// What is measured, with the points that it may cost: 100 together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum Measure {
    /// Records that could not be used, the stale ones left out.
    DeadLetters,
    /// Nulls of the critical column that has most of them.
    Nulls,
    /// Ids that came again.
    Duplicates,
    /// Records older than the limit.
    TooOld,
    /// Anomalies of the column that has most of them.
    Anomalies,
}

impl Measure {
    /// The most that it can cost.
    pub fn points(self) -> f64 {
        match self {
            Self::DeadLetters => 40.0,
            Self::Nulls => 20.0,
            Self::Duplicates | Self::TooOld => 15.0,
            Self::Anomalies => 10.0,
        }
    }
}

/// Something that lowers a score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Reason {
    /// What.
    pub measure: Measure,
    /// Where, if it is about one column.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// Of which share of the records it holds, above 0 and up to 1.
    pub share: f64,
    /// What it costs.
    pub points: f64,
}

impl Reason {
    /// What a share costs; `None` where it is 0.
    pub fn of(measure: Measure, column: Option<&str>, part: u64, all: u64) -> Option<Self> {
        if part == 0 || all == 0 {
            return None;
        }
        let share = (part as f64 / all as f64).min(1.0);
        let points = measure.points() * (share / ALL_LOST).min(1.0);
        Some(Self { measure, column: column.map(Into::into), share, points })
    }
}

/// 100 minus what the reasons cost, in tenths, rounded down: 100 is only what nothing lowers.
pub fn score(reasons: &[Reason]) -> f64 {
    let left = 100.0 - reasons.iter().map(|reason| reason.points).sum::<f64>();
    // What costs 2.4 points leaves 97.6, and not a tenth less for the error of a float.
    ((left + 1e-9) * 10.0).floor() / 10.0
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.measure {
            Measure::DeadLetters => "refused",
            Measure::Nulls => "nulls",
            Measure::Duplicates => "duplicates",
            Measure::TooOld => "too old",
            Measure::Anomalies => "anomalies",
        })?;
        if let Some(column) = &self.column {
            write!(f, " in {column}")?;
        }
        match self.share * 100.0 {
            little if little < 0.1 => f.write_str(" below 0.1 %"),
            percent => write!(f, " {percent:.1} %"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_lost_in_proportion_and_all_at_a_tenth() {
        let cost = |measure, part| Reason::of(measure, None, part, 1_000).map(|reason| reason.points);
        assert_eq!(cost(Measure::DeadLetters, 0), None);
        assert_eq!(cost(Measure::DeadLetters, 25), Some(10.0));
        assert_eq!(cost(Measure::Duplicates, 50), Some(7.5));
        assert_eq!((cost(Measure::Nulls, 100), cost(Measure::Nulls, 900)), (Some(20.0), Some(20.0)));
        let all =
            [Measure::DeadLetters, Measure::Nulls, Measure::Duplicates, Measure::TooOld, Measure::Anomalies];
        assert_eq!(all.map(Measure::points).iter().sum::<f64>(), 100.0);
    }

    #[test]
    fn a_score_says_why_it_is_not_100() {
        let reasons: Vec<_> = [
            Reason::of(Measure::Duplicates, None, 16, 1_000),
            Reason::of(Measure::Nulls, Some("user_id"), 1, 10_000),
        ]
        .into_iter()
        .flatten()
        .collect();
        assert_eq!(score(&reasons), 97.5, "15 × 0.16 and 20 × 0.001 are lost");
        assert_eq!(score(&reasons[..1]), 97.6);
        assert_eq!(score(&[]), 100.0);
        let shown: Vec<_> = reasons.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["duplicates 1.6 %", "nulls in user_id below 0.1 %"]);
    }
}
