//! Checkpoints that are damaged, begun anew, gone back in or taken away, and whoever is killed meanwhile.

use super::checkpoint::{Life, SLIDING, TUMBLING};
use crate::support::kept::{KILLED, Results};
use arrow::array::{RecordBatch, StringArray};
use ecap::catalog::Catalog;
use ecap::engine::checkpoint::{Options, Store, inspect};
use ecap::engine::options::OutputMode;
use ecap::engine::source::Origin;
use ecap::error::Fault;
use ecap::query::plan::StreamPlan;
use ecap::tables::Table;
use std::cell::Cell;
use std::sync::Arc;

/// A life that has run over all that is there.
fn lived() -> Life {
    lived_with(Options::default())
}

fn lived_with(options: Options) -> Life {
    let life =
        Life { records: 120, per_read: 20, flush: false, options, ..Life::of(TUMBLING, OutputMode::Append) };
    life.run().unwrap();
    life
}

/// The files with an ending, in order.
fn files(life: &Life, ending: &str) -> Vec<String> {
    life.kept.files().into_iter().filter(|name| name.ends_with(ending)).collect()
}

/// What is done to a file of a life.
type Harm = fn(&Life, &str);

fn damage(life: &Life, name: &str) {
    life.kept.corrupt(name, |bytes| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
    });
}

/// The same checkpoint and sinks, begun anew.
fn anew(life: &Life) -> Life {
    Life { options: Options { anew: true, ..Options::default() }, ..life.clone() }
}

/// It does not start, changes nothing, and says the ways out.
fn is_refused(life: &Life, why: &str) {
    let before = life.kept.files();
    for _ in 0..2 {
        let error = life.run().unwrap_err();
        assert_eq!(error.fault(), Fault::Usage, "{error}");
        for text in [why, "another --checkpoint", "--restart-from"] {
            assert!(error.to_string().contains(text), "{error}");
        }
        assert_eq!(life.kept.files(), before);
    }
}

/// All lines twice.
fn twice(mut lines: Vec<String>) -> Vec<String> {
    lines.extend(lines.clone());
    lines.sort_unstable();
    lines
}

#[test]
fn where_no_commit_is_whole_all_stays_and_a_restart_is_numbered_behind_what_sinks_have() {
    let removed = |life: &Life, name: &str| life.kept.remove(&[name.into()]).unwrap();
    let damages: [(&str, Harm); 3] = [(".commit", damage), (".state", damage), (".commit", removed)];
    for (ending, harm) in damages {
        // So few are retained that all have state.
        let life = lived_with(Options { retained: 1, ..Options::default() });
        let (lines, batches) = (life.results.lines(), life.results.batches().len());
        files(&life, ending).iter().for_each(|name| harm(&life, name));
        is_refused(&life, "no commit in it is whole");
        let totals = anew(&life).run().unwrap();
        assert_eq!(life.results.again(), 0, "no number comes twice");
        assert_eq!(life.results.lines(), twice(lines), "all is given once more, {ending}");
        assert_eq!(totals.batches as usize, 2 * batches, "{ending}");
        assert_eq!(life.verify(), Vec::<String>::new());
        assert_eq!(life.run().unwrap(), totals, "and it goes on from there");
    }
}

#[test]
fn who_begins_anew_and_is_killed_at_any_step_has_begun_or_has_not() {
    for broken in [0, 2, usize::MAX] {
        let lived = || {
            let life = lived();
            files(&life, ".commit").iter().rev().take(broken).for_each(|name| damage(&life, name));
            life
        };
        let changed = |life: &Life| Life { sql: SLIDING, ..life.clone() };
        let straight = anew(&changed(&lived()));
        let totals = straight.run().unwrap();
        let (mut step, mut begun) = (0, 0);
        loop {
            let life = lived();
            let before = life.results.lines();
            life.fuse.set(step);
            let ended = anew(&changed(&life)).run();
            life.fuse.set(u64::MAX);
            if ended.is_ok() {
                break;
            }
            assert_eq!(ended.unwrap_err().message(), KILLED);
            match changed(&life).run() {
                Ok(ended) => {
                    assert_eq!(ended, totals, "after {step} steps");
                    begun += 1;
                }
                Err(error) => {
                    assert_eq!((begun, error.fault()), (0, Fault::Usage), "after {step} steps: {error}");
                    assert_eq!(life.results.lines(), before);
                    if broken == 0 {
                        life.run().unwrap();
                        assert_eq!(life.results.lines(), before, "it goes on as if nothing had been");
                    }
                    assert_eq!(anew(&changed(&life)).run().unwrap(), totals);
                }
            }
            assert_eq!(life.results.lines(), straight.results.lines(), "after {step} steps");
            assert_eq!(life.verify(), Vec::<String>::new());
            is_refused(&life, "another query");
            step += 1;
        }
        assert!(begun > 40 && step > begun, "{broken}: {begun} of {step}");
    }
}

#[test]
fn who_begins_anew_on_another_cluster_and_is_killed_at_any_step_has_begun_or_has_not() {
    let of = |life: &Life, cluster: &str| {
        let origins = vec![Origin::Topic { cluster: Some(cluster.into()), id: None }];
        Life { origins, ..life.clone() }
    };
    let lived = || {
        let life =
            Life { records: 120, per_read: 20, flush: false, ..Life::of(TUMBLING, OutputMode::Append) };
        let life = of(&life, "one");
        life.run().unwrap();
        life
    };
    let (mut step, mut begun) = (0, 0);
    loop {
        let life = lived();
        let before = life.results.lines();
        let other = of(&life, "another");
        life.fuse.set(step);
        let ended = anew(&other).run();
        life.fuse.set(u64::MAX);
        if ended.is_ok() {
            break;
        }
        if let Err(error) = other.run() {
            assert_eq!((begun, error.fault()), (0, Fault::Usage), "after {step} steps: {error}");
            life.run().unwrap();
            assert_eq!(life.results.lines(), before, "it goes on as if nothing had been, after {step} steps");
        } else {
            begun += 1;
            assert_eq!(life.results.lines(), twice(before), "after {step} steps");
            is_refused(&life, "of the cluster another, and this one that of the cluster one");
        }
        step += 1;
    }
    assert!(begun > 40 && step > begun, "{begun} of {step}");
}

#[test]
fn an_entry_that_is_not_as_it_was_written_is_no_other_batch() {
    let life = Life::of(TUMBLING, OutputMode::Append);
    // The query, the start's commit, the first batch's entry, and its rows: the answer of the sink is lost.
    life.fuse.set(2 * 3 + 1);
    life.run().unwrap_err();
    life.fuse.set(u64::MAX);
    damage(&life, "000000000000.entry");
    assert_eq!(life.verify(), ["entry 0 is not as it was written"]);
    is_refused(&life, "000000000000.entry is not there as it was written");
    anew(&life).run().unwrap();
    assert_eq!(life.results.again(), 0);
    assert!(life.results.batches().contains_key(&1));

    // Back behind a commit, its batch cannot run again.
    let life = lived();
    let last = |ending| files(&life, ending).pop().unwrap();
    let (commit, entry) = (last(".commit"), last(".entry"));
    damage(&life, &commit);
    life.kept.remove(std::slice::from_ref(&entry)).unwrap();
    is_refused(&life, &entry);
}

#[test]
fn a_table_that_is_not_as_it_was_written_is_found_and_has_a_way_out() {
    let keys = StringArray::from(vec!["k0", "k1", "k2"]);
    let rows = RecordBatch::try_from_iter([("key", Arc::new(keys) as _)]).unwrap();
    let mut life = Life::of(
        "SELECT t.quantity FROM `customer-transactions` t JOIN words w ON t.product_category = w.key",
        OutputMode::Append,
    );
    life.tables = vec![Arc::new(Table::of("words", rows.schema(), vec![rows]))];
    life.fuse.set(2 * 4 + 1);
    life.run().unwrap_err();
    life.fuse.set(u64::MAX);
    let table = files(&life, ".arrow").pop().unwrap();
    damage(&life, &table);
    let wrong = format!("{table} is not there as it was written");
    assert_eq!(life.verify(), [wrong.as_str()]);
    is_refused(&life, &wrong);
    anew(&life).run().unwrap();
}

#[test]
fn what_its_query_removes_while_it_is_looked_at_is_not_wrong() {
    let life = lived();
    let first = files(&life, ".commit").remove(0);
    damage(&life, &first);
    let looks = Cell::new(0);
    let open = || {
        if looks.replace(looks.get() + 1) > 0 {
            life.kept.remove(std::slice::from_ref(&first))?;
        }
        Ok(Box::new(life.kept.clone()) as _)
    };
    assert_eq!(inspect::verify(open).unwrap(), Vec::<String>::new());
    assert_eq!(looks.get(), 2);
}

#[test]
fn who_goes_back_and_is_killed_at_any_step_has_gone_back_or_has_not() {
    let mut step = 0;
    loop {
        let life = lived();
        let (id, lines) = (inspect::query_of(&life.kept).unwrap().id, life.results.lines());
        life.fuse.set(step);
        let ended = inspect::rewind(&life.kept, 2, "a test");
        life.fuse.set(u64::MAX);
        if inspect::query_of(&life.kept).unwrap().id == id {
            life.run().unwrap();
            assert_eq!(life.results.lines(), lines, "after {step} steps");
        } else {
            let given = Results::new(life.fuse.clone());
            Life { results: given.clone(), ..life.clone() }.run().unwrap();
            assert_eq!(given.lines(), life.results.lines_from(2), "after {step} steps");
        }
        if ended.is_ok() {
            break;
        }
        step += 1;
    }
    assert!(step > 12, "{step}");
}

#[test]
fn who_takes_a_checkpoint_away_and_is_killed_at_any_step_has_no_sink_pass_over_rows() {
    let mut step = 0;
    loop {
        let life = lived();
        let (id, lines) = (inspect::query_of(&life.kept).unwrap().id, life.results.lines());
        life.fuse.set(step);
        let ended = inspect::remove(&life.kept, "a test");
        life.fuse.set(u64::MAX);
        if ended.is_ok() {
            break;
        }
        match life.run() {
            Ok(totals) if inspect::query_of(&life.kept).unwrap().id == id => {
                assert_eq!((totals.read, life.results.lines()), (120, lines), "after {step} steps");
            }
            Ok(totals) => assert_eq!(totals.read, 120, "it begins, after {step} steps"),
            Err(error) => assert!(error.to_string().contains("no commit in it is whole"), "{error}"),
        }
        step += 1;
    }
    assert!(step > 12, "{step}");
}

#[test]
fn commits_that_do_not_say_what_made_them_go_on_where_the_query_is_the_same() {
    let life = lived();
    for name in files(&life, ".commit") {
        life.kept.corrupt(&name, |bytes| {
            let text = String::from_utf8(bytes.clone()).unwrap();
            let document = text.rsplit_once(",\"made\":").unwrap().0.to_string() + "}";
            *bytes = format!("{document}\ncrc32c {:08x}\n", crc32c::crc32c(document.as_bytes())).into();
        });
    }
    assert_eq!(life.verify(), Vec::<String>::new());
    is_refused(&Life { sql: SLIDING, ..life.clone() }, "its state was made by");
    assert_eq!(Life { records: 200, ..life }.run().unwrap().read, 200);
}

#[test]
fn state_is_of_the_types_of_what_is_kept() {
    let state = |sql: &str, id: &str| {
        let text = format!(
            "[[topic]]\nname = \"clicks\"\npartitions = 1\nkey = \"id\"\ntime = \"at\"\n\
             watermark = \"1 minute\"\nschema = \"id {id}, at TIMESTAMP\"\n"
        );
        StreamPlan::new(sql, &Catalog::parse(&text).unwrap(), "", None).unwrap().state()
    };
    for sql in [
        "SELECT DISTINCT id, at FROM clicks",
        "SELECT a.id FROM clicks a JOIN clicks b ON a.id = b.id \
         AND b.at BETWEEN a.at - INTERVAL 9 SECONDS AND a.at",
        "SELECT id, count(*) FROM clicks GROUP BY window(at, '1 minute'), id",
    ] {
        assert_ne!(state(sql, "STRING"), state(sql, "BIGINT"), "{sql}");
    }
}
