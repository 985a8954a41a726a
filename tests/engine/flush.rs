//! The end of a bounded run closes what is still open, in every output mode, and shows nothing twice.

use super::checkpoint::{Life, QUERIES};
use super::refused::{Ran, Run, Topics, run, sales};
use ecap::engine::options::OutputMode;
use std::collections::{BTreeMap, BTreeSet};

const PLAIN: &str = "SELECT window.start AS s, count(*) AS n FROM `customer-transactions` \
    GROUP BY window(_timestamp, '10 seconds')";
const SESSIONS: &str = "SELECT session_window.start AS s, count(*) AS n FROM `customer-transactions` \
    GROUP BY session_window(_timestamp, '3 seconds')";
const OVER_WINDOWS: &str = "SELECT window.start AS s, sum(n) AS n FROM (SELECT window, count(*) AS n \
    FROM `customer-transactions` GROUP BY window(_timestamp, '10 seconds')) GROUP BY window(window, '30 seconds')";
const OUTER: &str = "SELECT a.quantity AS q, b.quantity AS r FROM `customer-transactions` a \
    LEFT JOIN `customer-transactions` b ON a.customer_id = b.customer_id AND a.quantity = b.quantity + 2 \
    AND b._timestamp BETWEEN a._timestamp - INTERVAL 9 SECONDS AND a._timestamp";

fn ran(sql: &str, mode: OutputMode, flush: bool) -> Ran {
    let topics = Topics::from([(
        "customer-transactions",
        sales(&(0..50).map(|n| (n, (n % 3) as u8, n)).collect::<Vec<_>>()),
    )]);
    run(sql, &topics, Run { flush, ..Run::of(mode) })
}

/// The last row of each window.
fn last(ran: &Ran) -> BTreeMap<&str, &str> {
    ran.rows.iter().filter_map(|row| row.trim_matches('|').split_once('|')).collect()
}

#[test]
fn unmatched_rows_of_a_join_come_out_in_update_mode_too() {
    let set = |ran: Ran| ran.rows.into_iter().collect::<BTreeSet<_>>();
    let (append, update) = (ran(OUTER, OutputMode::Append, true), ran(OUTER, OutputMode::Update, true));
    assert_eq!((append.rows.len(), update.rows.len()), (50, 50));
    assert_eq!(set(append), set(update));
}

#[test]
fn windows_over_windows_have_the_last_ones() {
    let append = ran(OVER_WINDOWS, OutputMode::Append, true);
    assert_eq!(append.rows.len(), 2);
    for mode in [OutputMode::Update, OutputMode::Complete] {
        let shown = ran(OVER_WINDOWS, mode, true);
        assert_eq!(last(&shown), last(&append), "{mode:?}");
        assert_eq!(shown.rows.len(), 2, "{mode:?}: no inner window is final before");
    }
}

#[test]
fn what_is_shown_is_not_shown_again() {
    for sql in [PLAIN, SESSIONS] {
        for mode in [OutputMode::Update, OutputMode::Complete] {
            let (with, without) = (ran(sql, mode, true), ran(sql, mode, false));
            assert_eq!(with.rows, without.rows, "{sql}, {mode:?}");
            assert_eq!(with.totals, without.totals, "{sql}, {mode:?}");
        }
        assert_eq!(last(&ran(sql, OutputMode::Append, true)), last(&ran(sql, OutputMode::Update, true)));
    }
}

#[test]
fn in_update_mode_a_run_to_come_goes_on_with_the_open_windows() {
    for (sql, mode) in QUERIES.into_iter().filter(|(_, mode)| *mode == OutputMode::Update) {
        let whole = Life { per_read: 200, ..Life::of(sql, mode) };
        whole.run().unwrap();
        let half = Life { records: 100, ..Life::of(sql, mode) };
        half.run().unwrap();
        let rest = Life { records: 200, ..half };
        assert_eq!(rest.run().unwrap().late, 0, "{sql}");
        let lines = |life: &Life| life.results.lines().into_iter().collect::<BTreeSet<_>>();
        assert!(lines(&whole).is_subset(&lines(&rest)), "{sql}: each group's last row came");
    }
}
