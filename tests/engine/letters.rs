//! The records that a query cannot use are kept as its results are: once, whatever kills it.

use super::checkpoint::{Life, QUERIES, sale};
use crate::support::listed::Stored;
use ecap::engine::options::{OutputMode, Trigger};
use ecap::record::letter::rows::Letters;

/// A sale, or what stands in its place: some are cut off, some have no amount, some come much too late.
fn spoiled(number: usize) -> Stored {
    let own = sale(number);
    let value = own.value.clone().expect("has one");
    match number % 10 {
        3 => Stored { value: Some(value[..value.len() / 2].into()), key: Some(format!("k{number}")), ..own },
        6 => Stored { value: Some(value.replace("final_amount", "amount")), ..own },
        8 if number > 80 => Stored { timestamp: own.timestamp - 40_000_000, ..own },
        _ => own,
    }
}

/// Code, stage, place and batch of each letter, in order.
fn kept(life: &Life) -> Vec<String> {
    let mut kept = Vec::new();
    for rows in life.letters.batches().into_values().flatten() {
        for letter in Letters::of(&rows).expect("letters").iter() {
            let (partition, offset) = (letter.partition.expect("has one"), letter.offset.expect("has one"));
            assert_eq!((letter.query, letter.refused_at), (Some("a test"), Some(0)));
            kept.push(format!("{} {} {partition} {offset} {:?}", letter.code, letter.stage, letter.batch));
        }
    }
    kept.sort_unstable();
    kept
}

#[test]
fn letters_come_once_whatever_step_a_query_is_killed_at() {
    let mut kills = 0;
    for (sql, mode) in QUERIES {
        let spoiled = || Life { record: spoiled, ..Life::of(sql, mode) };
        let straight = spoiled();
        let totals = straight.run().expect("runs");
        let letters = kept(&straight);
        let of = |code: &str| letters.iter().filter(|letter| letter.starts_with(code)).count() as u64;
        assert_eq!(of("MALFORMED_JSON") + of("NULL_AMOUNT"), totals.rejected, "{letters:?}");
        assert_eq!((totals.rejected > 0, of("LATE")), (true, totals.late.min(of("LATE"))), "{totals:?}");
        let steps = u64::MAX - straight.fuse.left();
        for step in 0..steps {
            let killed = spoiled();
            assert_eq!(killed.killed_after(step), totals, "{sql}, {mode:?}, killed after {step} steps");
            assert_eq!(kept(&killed), letters, "{sql}, {mode:?}, killed after {step} steps");
            assert_eq!(killed.results.lines(), straight.results.lines(), "{sql}, {mode:?}, {step} steps");
            kills += 1;
        }
    }
    println!("{kills} kills, each with the same letters");
}

#[test]
fn late_records_are_the_same_when_their_batch_runs_again() {
    let (sql, mode) = QUERIES[0];
    let life = Life { record: spoiled, ..Life::of(sql, mode) };
    let totals = life.run().expect("runs");
    let late = kept(&life).iter().filter(|letter| letter.starts_with("LATE window")).count();
    assert_eq!((late > 5, late as u64), (true, totals.late), "{:?}", kept(&life));
}

#[test]
fn a_batch_ends_where_its_letters_would_take_too_much_memory() {
    fn large(_: usize) -> Stored {
        Stored { value: Some("x".repeat(1 << 20)), ..Stored::default() }
    }
    let (sql, _) = QUERIES[7];
    let of = |trigger| Life {
        trigger,
        records: 70,
        per_read: 2,
        record: large,
        ..Life::of(sql, OutputMode::Append)
    };
    for trigger in [Trigger::Once, Trigger::AvailableNow] {
        let life = of(trigger);
        let totals = life.run().expect("runs");
        assert_eq!((totals.read, totals.rejected), (70, 70));
        let batches = life.letters.batches();
        let bytes =
            |rows: &[arrow::array::RecordBatch]| rows.iter().map(|rows| rows.num_rows()).sum::<usize>();
        assert!(
            batches.values().all(|rows| bytes(rows) <= 18),
            "a batch has 16 MB, and what was read with it"
        );
        assert_eq!(kept(&life).len(), 70);
        if trigger == Trigger::Once {
            assert_eq!(totals.batches, 5);
        }
    }
}

#[test]
fn letters_of_rows_that_come_out_late_come_once_too() {
    const UNMATCHED: &str = "SELECT a.customer_id AS c, 100 div coalesce(b.quantity + 1, a.quantity - 60) AS n \
        FROM `customer-transactions` a LEFT JOIN `customer-transactions` b ON a.customer_id = b.customer_id \
        AND a.quantity = b.quantity + 11 AND b._timestamp BETWEEN a._timestamp - INTERVAL 2 SECONDS AND a._timestamp";
    const OF_WINDOWS: &str = "SELECT window.start AS s, product_category AS k, 100 div min(abs(quantity - 61)) AS n \
        FROM `customer-transactions` GROUP BY window(_timestamp, '10 seconds'), product_category";
    for (sql, place) in [(UNMATCHED, true), (OF_WINDOWS, false)] {
        let letters = |life: &Life| {
            let mut kept = Vec::new();
            for rows in life.letters.batches().into_values().flatten() {
                let letters = Letters::of(&rows).expect("letters");
                let results = letters.iter().filter(|letter| letter.stage == "result");
                kept.extend(results.map(|letter| {
                    assert_eq!(
                        (letter.offset.is_some(), letter.value.is_some()),
                        (place, place),
                        "{letter:?}"
                    );
                    format!("{:?} {:?} {:?} {}", letter.partition, letter.offset, letter.batch, letter.reason)
                }));
            }
            kept.sort_unstable();
            kept
        };
        let straight = Life::of(sql, OutputMode::Append);
        let totals = straight.run().expect("runs");
        assert_eq!((letters(&straight).len(), totals.rejected), (1, 1), "{sql}: {:?}", letters(&straight));
        let steps = u64::MAX - straight.fuse.left();
        for step in 0..steps {
            let killed = Life::of(sql, OutputMode::Append);
            assert_eq!(killed.killed_after(step), totals, "{sql}, killed after {step} steps");
            assert_eq!(letters(&killed), letters(&straight), "{sql}, killed after {step} steps");
            assert_eq!(killed.results.lines(), straight.results.lines(), "{sql}, {step} steps");
        }
    }
}
