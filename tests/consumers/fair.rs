//! Consumers of one process share what it has.

use super::Stage;
use crate::support::wait_for;

/// A consumer with these options.
fn consumer(name: &str, kind: &str, options: &str) -> String {
    format!(
        "[[consumer]]\nname = '{name}'\ntype = '{kind}'\n[consumer.options]\nfrom = 'earliest'\ntrigger = '0s'\n{options}\n"
    )
}

#[test]
fn one_that_is_flooded_keeps_no_batch_from_another_one() {
    const FLOOD: u32 = 20_000;
    let stage = Stage::new();
    let waits = "sink = 'exec'\ncommand = 'until test -e open; do sleep 0.1; done'\noutput-mode = 'update'";
    let calm = "sink = 'ndjson'\npath = 'calm.ndjson'";
    stage.registry(
        &(consumer("flooded", "user-behavior", waits) + "\n" + &consumer("calm", "transaction", calm)),
    );
    let event = |number| {
        format!(
            r#"{{"event_id":"e{number}","session_id":"s{number}","event_type":"view","timestamp":"2026-01-05T00:00:00Z"}}"#
        ) + "\n"
    };
    let events: String = (0..FLOOD).map(event).collect();
    std::fs::write(stage.cluster.folder.path().join("flood.ndjson"), events).unwrap();
    stage.cluster.run("ecap-produce", &["-f", "flood.ndjson", "-t", "user-events"]).ok();
    let process = stage.run(&[]);
    process.becomes("flooded", "running");
    for round in 1..=5 {
        stage.buy((round - 1) * 10..round * 10);
        process.reads("calm", f64::from(round * 10));
    }
    let flooded = process.measured("input_records_total", "flooded").unwrap_or_default();
    assert!(flooded < f64::from(FLOOD), "it cannot have done its first batch, and has read {flooded}");
    assert_eq!(process.status()["consumer_details"]["calm"]["total_failures"], 0);
    std::fs::write(stage.cluster.folder.path().join("open"), "").unwrap();
    process.reads("flooded", f64::from(FLOOD));
    process.told.end();
}

#[test]
fn memory_for_state_is_shared_by_those_that_do_not_say_themselves_what_they_take() {
    let stage = Stage::new();
    let sums = "sink = 'ndjson'\npath = ";
    let (shares, own) = (format!("{sums}'shares'"), format!("{sums}'own'\nstate-memory = '1g'"));
    stage.registry(
        &(consumer("shares", "transaction", &shares) + "\n" + &consumer("own", "transaction", &own)),
    );
    stage.buy(0..50);
    let process = stage.run(&["--state-memory", "1", "--max-concurrent", "2"]);
    for name in ["shares", "own"] {
        process.reads(name, 50.0);
    }
    wait_for("state on the disk", || (process.measured("state_disk_bytes", "shares")? > 0.0).then_some(()));
    assert_eq!(process.measured("state_disk_bytes", "own"), Some(0.0));
    process.told.end();
}
