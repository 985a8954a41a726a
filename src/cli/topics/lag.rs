//! How far groups are behind, and where that is going from one reading to the next; and which group is meant.

use super::session::{Session, counted};
use crate::clock::Micros;
use crate::kafka::admin::may_not_see;
use crate::kafka::ages::{Look, Spot};
use crate::kafka::groups::{Group, Position, mirrored};
use crate::kafka::mirror::Owner;
use crate::kafka::producer::positioned;
use crate::units::format_age;
use crate::{Error, Result};
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// How a lag changes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Trend {
    /// Records more in a second; fewer where it is negative.
    pub trend: f64,
    /// When nothing is left to read, if it goes on like this; none where it does not end.
    pub catches_up_ms: Option<u64>,
}

impl Trend {
    /// From one reading to another.
    pub fn between(before: i64, lag: i64, elapsed: Duration) -> Option<Self> {
        if elapsed.is_zero() {
            return None;
        }
        let trend = (lag - before) as f64 / elapsed.as_secs_f64();
        let catches_up_ms = match lag {
            0 => Some(0),
            _ if trend < 0.0 => Some((lag as f64 / -trend * 1_000.0) as u64),
            _ => None,
        };
        Some(Self { trend, catches_up_ms })
    }

    /// What people see of it: records in a second, and when it is over.
    pub fn cells(trend: Option<Self>) -> [String; 2] {
        let Some(Self { trend, catches_up_ms }) = trend else { return ["".into(), "".into()] };
        let when = catches_up_ms.map_or_else(
            || if trend > 0.0 { "never" } else { "" }.into(),
            |millis| format_age(millis as i64),
        );
        [format!("{trend:+.1}/s"), when]
    }
}

/// Compares readings, each with the one before.
#[derive(Debug, Default)]
pub struct Trends {
    before: Option<(Micros, BTreeMap<String, i64>)>,
}

impl Trends {
    /// How each lag has changed since the last reading; nothing the first time.
    pub fn next(&mut self, now: Micros, lags: BTreeMap<String, i64>) -> BTreeMap<String, Trend> {
        let mut trends = BTreeMap::new();
        if let Some((at, before)) = &self.before {
            let elapsed = Duration::from_micros(now.abs_diff(*at));
            let trend = |(name, lag): (&String, &i64)| {
                Some((name.clone(), Trend::between(*before.get(name)?, *lag, elapsed)?))
            };
            trends = lags.iter().filter_map(trend).collect();
        }
        self.before = Some((now, lags));
        trends
    }
}

/// A group among others, as lists show it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GroupRow {
    pub group: String,
    pub state: String,
    pub members: usize,
    pub lag: i64,
    pub behind_ms: Option<i64>,
    pub query: Option<Owner>,
    /// The transactional id of a producer whose position this is.
    pub producer: Option<String>,
    #[serde(flatten)]
    pub trend: Option<Trend>,
    /// The lag in each topic.
    pub topics: BTreeMap<String, i64>,
}

/// A row for each group, with how its lag changed since the last reading.
pub fn rows(
    groups: Vec<Group>,
    mut positions: BTreeMap<String, Vec<Position>>,
    looks: &BTreeMap<Spot, Look>,
    now: Micros,
    trends: &mut Trends,
) -> Vec<GroupRow> {
    let lags = positions.iter().map(|(name, positions)| (name.clone(), total(positions))).collect();
    let trends = trends.next(now, lags);
    let row = |group: Group| {
        let positions = positions.remove(&group.name).unwrap_or_default();
        let mut topics: BTreeMap<String, i64> = BTreeMap::new();
        for position in &positions {
            *topics.entry(position.topic.clone()).or_default() += position.lag;
        }
        GroupRow {
            state: group.state,
            members: group.members.len(),
            lag: total(&positions),
            behind_ms: oldest(&positions, looks, now),
            query: mirrored(&positions),
            producer: positioned(&group.name, &positions).map(ToString::to_string),
            trend: trends.get(&group.name).copied(),
            topics,
            group: group.name,
        }
    };
    groups.into_iter().map(row).collect()
}

/// Where the next record to read is, if there is one.
pub fn next(position: &Position) -> Option<Spot> {
    (position.lag > 0).then(|| (position.place(), position.committed))
}

/// How old the next record to read is, in milliseconds; 0 where everything is read, none where it is not known.
pub fn behind(position: &Position, looks: &BTreeMap<Spot, Look>, now: Micros) -> Option<i64> {
    match next(position) {
        None => Some(0),
        Some(spot) => looks.get(&spot)?.time.map(|time| (now - time).max(0) / 1_000),
    }
}

/// The same of several partitions: the oldest of those that are known; 0 where everything of all is read.
pub fn oldest(positions: &[Position], looks: &BTreeMap<Spot, Look>, now: Micros) -> Option<i64> {
    let all_is_read = positions.iter().all(|position| position.lag == 0);
    let meant = positions.iter().filter(|position| all_is_read || position.lag > 0);
    meant.filter_map(|position| behind(position, looks, now)).max()
}

/// The records that are still to be read.
pub fn total(positions: &[Position]) -> i64 {
    positions.iter().map(|position| position.lag).sum()
}

/// The group that a person means, with or without the prefix. What lies outside the prefix is never meant.
///
/// # Errors
/// When there is none, with the nearest name.
pub fn find<'a>(session: &Session, groups: &'a [Group], name: &str) -> Result<&'a Group> {
    let full = session.settings.full(name);
    if let Some(found) = groups.iter().find(|group| group.name == full) {
        return Ok(found);
    }
    if session.admin.may_not_see_group(&full)? {
        return Err(may_not_see("consumer group", &full));
    }
    let error = Error::failed(format!("consumer group '{full}' does not exist"))
        .hint("`ecap-topics consumer-groups` shows those that do");
    Err(session.suggest(error, name, groups.iter().map(|group| group.name.as_str())))
}

/// Refuses to change a group that somebody is in.
///
/// # Errors
/// Who is in it.
pub fn refuse_active(group: &Group) -> Result<()> {
    if group.members.is_empty() {
        return Ok(());
    }
    let members = group.members.iter().map(|member| format!("{} from {}", member.client, member.host));
    let members: Vec<_> = members.collect();
    let count = counted(members.len(), "member");
    let message = format!("group '{}' is active, with {count}: {}", group.name, members.join(", "));
    Err(Error::failed(message).hint("stop them first, as they would go on from where they are"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lag_that_shrinks_ends_and_one_that_grows_does_not() {
        let trend = |before, lag| Trend::between(before, lag, Duration::from_secs(2)).expect("time passed");
        assert_eq!(trend(100, 80), Trend { trend: -10.0, catches_up_ms: Some(8_000) });
        assert_eq!(trend(80, 100), Trend { trend: 10.0, catches_up_ms: None });
        assert_eq!(trend(0, 0), Trend { trend: 0.0, catches_up_ms: Some(0) });
        assert_eq!(Trend::between(1, 2, Duration::ZERO), None);
    }

    #[test]
    fn an_age_that_is_not_known_is_not_zero() {
        let position = |partition, lag| Position {
            topic: "t".into(),
            partition,
            committed: 5,
            end: 5 + lag,
            lag,
            metadata: String::new(),
        };
        let look = Look { time: Some(1_000_000), bytes: 1 };
        let looks = BTreeMap::from([((("t".to_string(), 1), 5), look)]);
        let oldest = |lags: &[i64]| {
            let positions: Vec<_> = (0..).zip(lags).map(|(number, lag)| position(number, *lag)).collect();
            oldest(&positions, &looks, 3_000_000)
        };
        assert_eq!([oldest(&[]), oldest(&[0, 0]), oldest(&[3, 0])], [None, Some(0), None]);
        assert_eq!([oldest(&[0, 3]), oldest(&[3, 3])], [Some(2_000), Some(2_000)]);
    }

    #[test]
    fn trends_come_with_the_second_reading() {
        let mut trends = Trends::default();
        let lags = |lag| BTreeMap::from([("g".to_string(), lag)]);
        assert!(trends.next(0, lags(10)).is_empty());
        assert_eq!(trends.next(1_000_000, lags(5))["g"].trend, -5.0);
    }
}
