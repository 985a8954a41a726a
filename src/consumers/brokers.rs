//! Asks the broker whether it is there, and where the topics end that consumers read.

use super::supervisor::Supervisor;
use super::vitals::Vitals;
use crate::clock::{Stop, Timer};
use crate::engine::history::Positions;
use crate::kafka::config::Connection;
use crate::kafka::start;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// How often it is asked, and how long it may take to answer before it is looked whether it is there.
const EVERY: Duration = Duration::from_secs(2);

/// Asks until the end is asked for.
pub fn watch(supervisor: &Arc<Supervisor>, connection: &Connection, timer: &dyn Timer, stop: &Stop) {
    while !timer.wait(EVERY, stop) {
        let vitals = supervisor.vitals();
        let topics = read(&vitals);
        if topics.is_empty() {
            continue;
        }
        let (ends, trouble) = ask(connection, topics);
        let ends = Arc::new(ends);
        vitals.iter().for_each(|vitals| vitals.broker(&ends, trouble.clone()));
    }
}

/// The topics that consumers read, each with the partitions that any of them reads.
fn read(vitals: &[Arc<Vitals>]) -> BTreeMap<String, BTreeSet<i32>> {
    let mut topics: BTreeMap<String, BTreeSet<i32>> = BTreeMap::new();
    for places in vitals.iter().map(|vitals| vitals.places()) {
        for (topic, next) in places.next() {
            topics.entry(topic.clone()).or_default().extend(next.keys());
        }
    }
    topics
}

/// Where topics end, as far as the broker says it; and what is wrong where it does not answer at all.
fn ask(connection: &Connection, topics: BTreeMap<String, BTreeSet<i32>>) -> (Positions, Option<String>) {
    let mut ends = Positions::new();
    for (topic, partitions) in topics {
        let partitions: Vec<i32> = partitions.into_iter().collect();
        let asked =
            connection.questioner().and_then(|client| start::ends(&client, &topic, &partitions, EVERY));
        match asked {
            Ok(found) => drop(ends.insert(topic, found)),
            // It may be a matter of this topic alone.
            Err(error) => match connection.check() {
                Ok(()) => tracing::debug!("{error}"),
                Err(trouble) => return (Positions::new(), Some(trouble.message().into())),
            },
        }
    }
    (ends, None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use crate::consumers::vitals::Began;

    fn reading(partitions: &[i32]) -> Arc<Vitals> {
        let vitals = Vitals::new(Arc::new(ManualClock::at(0)));
        let next = partitions.iter().map(|partition| (*partition, 3)).collect();
        let topics = Arc::new(Positions::from([("t".to_string(), next)]));
        vitals.begins(Began { topics, ..Began::default() });
        Arc::new(vitals)
    }

    #[test]
    fn consumers_of_one_topic_read_all_of_their_partitions_together() {
        let topics = read(&[reading(&[0, 1]), reading(&[1, 2])]);
        assert_eq!(topics, [("t".to_string(), BTreeSet::from([0, 1, 2]))].into());
    }

    #[test]
    fn a_lag_is_not_known_while_the_broker_is_away() {
        let vitals = reading(&[0, 1]);
        let ends = Arc::new(Positions::from([("t".to_string(), [(0, 5), (1, 3), (2, 9)].into())]));
        vitals.broker(&ends, None);
        assert_eq!(vitals.look().lag, Some(2));
        vitals.broker(&Arc::default(), Some("no broker answers".into()));
        let look = vitals.look();
        assert_eq!((look.lag, look.places.partitions()[0].lag), (None, None));
        assert_eq!(vitals.pulse().away.as_deref(), Some("broker: no broker answers"));
        vitals.broker(&ends, None);
        assert_eq!((vitals.look().lag, vitals.pulse().away), (Some(2), None));
    }
}
