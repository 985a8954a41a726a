//! Eight consumers at once over both topics, while things go wrong: one is poisoned, one loses its sink, one fails at a step of
//! its batch, and the process is killed again and again. What all of them keep is the truth all the same.

mod cast;
mod kept;
mod life;
mod load;

use super::Stage;
use crate::support::number;
pub use cast::Sink;
use cast::{Consumer, FAILING, LOST, POISONED, STEADY, consumers, register};
use kept::{
    columns, delta, lines, once, parquet, same, sessions, topic, true_purchases, true_sessions, windows,
};
use life::{Failpoint, Life, told};
use load::World;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often the process is killed; ECAP_TEST_KILLS for a long run.
fn kills() -> u32 {
    number("ECAP_TEST_KILLS", 3)
}

/// A life that ends by a kill, somewhere while things are wrong.
fn killed(stage: &Stage, sink: &Sink<'_>, kill: u32, dice: &mut ChaCha8Rng) {
    (sink.is_there)(kill.is_multiple_of(2));
    let life = Life::start(stage, kill);
    // Mostly in the middle of its work, sometimes before it began.
    let step = dice.random_bool(0.8).then(|| {
        life.others_go_on();
        life.process.reads(FAILING, 1.0);
        Failpoint::set(&life, ["commit", "entry", "state"][kill as usize % 3])
    });
    std::thread::sleep(Duration::from_millis(dice.random_range(0..600)));
    life.process.told.signal("-KILL");
    // It holds the registry until it is gone.
    drop(life);
    step.into_iter().for_each(Failpoint::lift);
}

/// A life in which each thing goes wrong once, is told of, and is over.
fn troubled(stage: &Stage, sink: &Sink<'_>, consumers: &[Consumer]) {
    let refused = "fail-fast stops here";
    let life = Life::start(stage, kills());
    life.tells(POISONED, "failed");
    let failed = life.process.becomes(POISONED, "failed");
    let error = failed["last_error"].as_str().unwrap();
    assert!(error.starts_with("5 failures within 10m") && error.contains(refused), "{failed}");

    (sink.is_there)(false);
    assert!(life.tells(LOST, "degraded").starts_with("sink "));
    let step = Failpoint::set(&life, "commit");
    assert!(life.tells(FAILING, "backing-off").contains("checkpoints/failing"));
    step.lift();
    life.others_go_on();
    life.tells(FAILING, "running");
    (sink.is_there)(true);
    life.tells(LOST, "running");
    register(stage, consumers, "trigger = '100ms'\n", "");
    stage.consume(&["start-consumers", "--name", POISONED]).ok();
    life.tells(POISONED, "running");
    life.others_go_on();

    let status = life.process.status();
    assert_eq!(
        (&status["healthy_consumers"], &status["overall_status"]),
        (&8.into(), &"healthy".into()),
        "{status}"
    );
    let changed = |name| life.alerts(name).into_iter().map(|(_, status, _)| status).collect::<Vec<_>>();
    assert_eq!(changed(POISONED), ["backing-off", "failed", "running"]);
    assert_eq!(changed(FAILING), ["backing-off", "running"]);
    assert_eq!(changed(LOST), ["degraded", "running"]);
    for name in STEADY {
        assert_eq!((changed(name), &life.document(name)["total_failures"]), (vec![], &0.into()), "{name}");
    }
    let (failing, lost) = (life.document(FAILING), life.document(LOST));
    assert_eq!(failing["total_failures"], failing["restarts"]);
    assert_eq!((&lost["total_failures"], &life.document(POISONED)["total_failures"]), (&0.into(), &5.into()));
    assert!(lost["sink_retries"].as_u64().unwrap() > 0, "{lost}");
    changes_are_told(&life);
    life.process.told.end();
}

/// Each change is in the documents, with its reason.
fn changes_are_told(life: &Life<'_>) {
    for name in STEADY {
        assert_eq!(life.changes(name), [("running".to_string(), None)], "{name}");
    }
    for (name, status, count, why) in [
        (POISONED, "backing-off", Some(4), "fail-fast stops here"),
        (POISONED, "failed", Some(1), "5 failures within 10m"),
        (LOST, "degraded", None, "sink "),
        (FAILING, "backing-off", None, "checkpoints/failing"),
    ] {
        let all = life.changes(name);
        let bad: Vec<_> = all.iter().filter(|(is, _)| is == status).collect();
        assert!(!bad.is_empty() && count.is_none_or(|count| bad.len() == count), "{name}: {all:?}");
        assert!(
            bad.iter().all(|(_, error)| error.as_ref().is_some_and(|error| error.contains(why))),
            "{all:?}"
        );
        assert_eq!(all.last().unwrap().0, "running", "{name}: {all:?}");
    }
}

/// A life that reads all there is.
fn last(stage: &Stage, world: &World, consumers: &[Consumer]) {
    register(stage, consumers, "trigger = 'available-now'\nflush-at-end = true\n", "");
    let life = Life::start(stage, kills() + 1);
    for (name, kind, ..) in consumers {
        let details = life.process.becomes(name, "stopped");
        assert_eq!(
            (&details["total_failures"], &details["metrics"]["late_rows"]),
            (&0.into(), &0.into()),
            "{details}"
        );
        let topic = match *kind {
            "transaction" => "transactions",
            "user-behavior" => "user-events",
            _ => continue,
        };
        assert_eq!(details["metrics"]["dead_letters"], world.refused(topic), "{name}: {details}");
    }
    life.process.told.end();
}

/// What was told of in the lives that were killed came once each, as far as these lives went.
fn alerts_come_once(folder: &Path) {
    for life in 0..kills() {
        let alerts = told(&folder.join(format!("alerts-{life}")));
        let own = |name: &str| -> Vec<&str> {
            let own = alerts.iter().filter(|alert| alert["consumer_name"] == name);
            own.map(|alert| alert["status"].as_str().unwrap()).collect()
        };
        for name in STEADY {
            assert_eq!(own(name), [""; 0], "life {life}: {alerts:?}");
        }
        let lost: &[&str] = if life % 2 == 1 { &["degraded"] } else { &[] };
        let fails: &[&str] = &["backing-off", "failed"];
        for (name, expected) in [(LOST, lost), (FAILING, fails), (POISONED, fails)] {
            assert!(expected.starts_with(&own(name)), "life {life}: {alerts:?}");
        }
    }
}

/// The consumers live through all of it, with this sink for the one that loses it.
pub fn soak(stage: &Stage, sink: &Sink<'_>) {
    stage.cluster.create_topics(&["analytics-results"]);
    let (consumers, cluster) = (consumers(sink), &stage.cluster);
    let (world, folder) = (World::of(cluster, (kills() * 10).clamp(30, 200)), cluster.folder.path());
    register(stage, &consumers, "trigger = '100ms'\n", "fail-fast = true\n");
    let feed = world.feed(cluster, kills() + 2);
    let mut dice = ChaCha8Rng::seed_from_u64(9);
    (0..kills()).for_each(|kill| killed(stage, sink, kill, &mut dice));
    (sink.is_there)(true);
    troubled(stage, sink, &consumers);
    feed.rest();
    last(stage, &world, &consumers);
    alerts_come_once(folder);

    let bought = columns(&parquet(&folder.join("bought")), &["t", "e"]);
    let (raw, given) = (delta(&folder.join("raw")), topic(cluster, "analytics-results"));
    let (transactions, events) = (world.good("transactions"), world.good("user-events"));
    let minutes = |topic, group, minutes| world.windows(topic, group, minutes);
    same(
        "revenue",
        windows(&parquet(&folder.join("revenue")), "category_name"),
        minutes("transactions", "category_name", 1),
    );
    same(
        "activity",
        windows(&lines(&folder.join("activity.ndjson")), "event_category"),
        minutes("user-events", "event_category", 1),
    );
    same("raw", columns(&raw, &["transaction_id"]), columns(&transactions, &["transaction_id"]));
    assert_eq!(once(columns(&raw, &["_partition", "_offset"])).len(), raw.len());
    same(
        "once",
        columns(&given, &["event_id", "session_id"]),
        once(columns(&events, &["event_id", "session_id"])),
    );
    same("bought", bought, true_purchases(&world));
    same(FAILING, sessions(&lines(&folder.join("sessions.ndjson"))), true_sessions(&world));
    same(
        POISONED,
        windows(&lines(&folder.join("poisoned.ndjson")), "category_id"),
        minutes("transactions", "category_id", 5),
    );
    same(LOST, windows(&(sink.rows)(), "event_category"), minutes("user-events", "event_category", 5));
}

#[test]
fn what_goes_wrong_with_some_and_kills_of_the_process_change_no_result() {
    let stage = Stage::new();
    let folder = stage.cluster.folder.path();
    let (there, lost) = (folder.join("there"), folder.join("lost"));
    std::fs::create_dir(&lost).unwrap();
    // Whole, and under the number of the batch: a batch that comes again takes its own place.
    let take = "test -e there || exit 75; cat > lost/.$$ && mv lost/.$$ lost/$ECAP_BATCH.ndjson";
    let is_there = |is_there: bool| match is_there {
        true => std::fs::write(&there, "").unwrap(),
        false => drop(std::fs::remove_file(&there)),
    };
    let files = || std::fs::read_dir(&lost).unwrap().map(|entry| entry.unwrap().path());
    let is_row = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "ndjson");
    let sink = Sink {
        options: format!("sink = 'exec'\ncommand = '{take}'\n"),
        is_there: Box::new(is_there),
        rows: Box::new(move || files().filter(is_row).flat_map(|path| lines(&path)).collect()),
    };
    soak(&stage, &sink);
}
