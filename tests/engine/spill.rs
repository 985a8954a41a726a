//! State that memory is not to hold: the same rows as from memory, whatever goes to the disk and whenever.

use super::state::{Sale, graph, push_any, restarted, results, sales, shown, size_and_slide};
use crate::support::cases;
use ecap::engine::graph::Graph;
use ecap::engine::operator::StateLimit;
use ecap::engine::options::OutputMode;
use proptest::prelude::*;
use std::path::Path;
use tempfile::TempDir;

fn folder() -> TempDir {
    TempDir::new().expect("a temporary folder")
}

fn keep_to(query: &mut Graph, memory: Option<usize>, folder: &Path, mode: OutputMode) {
    if let Some(memory) = memory {
        query.keep_to(&StateLimit { memory, folder: folder.into() }, mode);
    }
}

/// From everything to nothing on the disk, and one that changes its mind at each start.
fn limits() -> impl Strategy<Value = Vec<Option<usize>>> {
    let limit = prop_oneof![3 => Just(Some(0)), 2 => (1usize..60_000).prop_map(Some), 1 => Just(None)];
    prop::collection::vec(limit, 1..4)
}

/// Sales about in the order of their times, so that some come late and most do not.
fn in_time(mut sales: Vec<Sale>) -> Vec<Sale> {
    sales.sort_by_key(|sale| sale.0 + sale.3 % 4_000);
    sales
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn a_limit_changes_no_row(
        sales in sales(40), (size, slide) in size_and_slide(), per_batch in 1usize..60, limits in limits(),
        mode in 0usize..3, restarts in prop::collection::vec((any::<bool>(), any::<bool>()), 200),
    ) {
        let mode = [OutputMode::Append, OutputMode::Update, OutputMode::Complete][mode];
        let (folder, sales) = (folder(), in_time(sales));
        let (mut free, mut bound) = (graph(size, slide), graph(size, slide));
        let (mut limits, mut snapshots) = (limits.into_iter().cycle(), vec![]);
        keep_to(&mut bound, limits.next().flatten(), folder.path(), mode);
        for (batch, (saves, stops)) in sales.chunks(per_batch).zip(restarts) {
            for part in batch.chunks(7) {
                prop_assert_eq!(push_any(&mut free, part), push_any(&mut bound, part));
            }
            let newest = batch.iter().map(|sale| sale.0).max().expect("one");
            let watermark = (newest - 2_000) * 1_000;
            free.advance(watermark, mode).expect("shows");
            bound.advance(watermark, mode).expect("shows");
            prop_assert_eq!(shown(&results(&mut free)), shown(&results(&mut bound)));
            if saves || stops {
                snapshots.push(bound.snapshot().expect("saves"));
            }
            if stops {
                bound = restarted(bound);
                keep_to(&mut bound, limits.next().flatten(), folder.path(), mode);
                bound.restore(snapshots.clone()).expect("its own state");
            }
        }
        if mode == OutputMode::Append {
            free.advance(i64::MAX, mode).expect("closes");
            bound.advance(i64::MAX, mode).expect("closes");
            prop_assert_eq!(shown(&results(&mut free)), shown(&results(&mut bound)));
            prop_assert_eq!((bound.kept().sum::<usize>(), bound.spilled().sum::<usize>()), (0, 0));
        }
    }
}

/// 40,000 pairs of category and customer, half of them twice.
fn many() -> Vec<Sale> {
    (0..60_000).map(|n| (n % 1_000, (n % 200) as u8, (n / 200 % 200) as u8, n)).collect()
}

#[test]
fn state_stays_within_the_limit_and_comes_out_in_parts() {
    let (folder, limit) = (folder(), 100_000);
    for (size, slide) in [(10_000, 10_000), (10_000, 5_000)] {
        let (mut free, mut bound) = (by_customer(size, slide), by_customer(size, slide));
        keep_to(&mut bound, Some(limit), folder.path(), OutputMode::Append);
        for batch in many().chunks(500) {
            push_any(&mut free, batch);
            push_any(&mut bound, batch);
            assert!(bound.memory().sum::<usize>() < limit, "{}", bound.memory().sum::<usize>());
        }
        let (all, spilled) = (free.memory().sum::<usize>(), bound.spilled().sum::<usize>());
        assert!(all > 8 * limit && spilled > 4 * limit, "{all} bytes in memory alone, {spilled} on the disk");
        free.advance(i64::MAX, OutputMode::Append).expect("closes");
        bound.advance(i64::MAX, OutputMode::Append).expect("closes");
        let (free, bound) = (results(&mut free), results(&mut bound));
        assert!(bound.len() > 4 * free.len(), "a window comes in parts: {}", bound.len());
        assert_eq!(lines(&free), lines(&bound));
    }
}

#[test]
fn state_that_was_in_memory_is_gone_on_with_on_the_disk() {
    let (folder, limit) = (folder(), 100_000);
    for mode in [OutputMode::Append, OutputMode::Update] {
        let mut free = by_customer(10_000, 10_000);
        let mut snapshots = vec![];
        for batch in many().chunks(7_000) {
            push_any(&mut free, batch);
            free.advance(i64::MIN, mode).expect("shows");
            results(&mut free);
            snapshots.push(free.snapshot().expect("saves"));
        }
        let mut bound = by_customer(10_000, 10_000);
        keep_to(&mut bound, Some(limit), folder.path(), mode);
        bound.restore(snapshots.clone()).expect("its own state");
        assert!(bound.memory().sum::<usize>() < limit && bound.spilled().sum::<usize>() > limit);
        // And from what was on the disk.
        snapshots.push(bound.snapshot().expect("saves"));
        let mut again = by_customer(10_000, 10_000);
        again.restore(snapshots).expect("its own state");
        for query in [&mut free, &mut bound, &mut again] {
            query.advance(i64::MAX, OutputMode::Append).expect("closes");
        }
        let (free, bound, again) = (results(&mut free), results(&mut bound), results(&mut again));
        assert_eq!(lines(&free), lines(&bound));
        assert_eq!(lines(&free), lines(&again));
    }
}

#[test]
fn groups_on_the_disk_that_change_come_out_whole() {
    let (folder, limit, mode) = (folder(), 100_000, OutputMode::Update);
    for (size, slide) in [(10_000, 10_000), (10_000, 5_000)] {
        let (mut free, mut bound) = (by_customer(size, slide), by_customer(size, slide));
        keep_to(&mut bound, Some(limit), folder.path(), mode);
        for batch in many().chunks(3_000) {
            for query in [&mut free, &mut bound] {
                push_any(query, batch);
                query.advance(i64::MIN, mode).expect("shows");
            }
            assert_eq!(lines(&results(&mut free)), lines(&results(&mut bound)));
        }
        assert!(bound.spilled().sum::<usize>() > 4 * limit, "{}", bound.spilled().sum::<usize>());
    }
}

#[test]
fn what_looks_at_several_rows_sees_whole_windows() {
    let (folder, limit) = (folder(), 100_000);
    let windows = sql_by_customer(10_000, 10_000);
    let ranked = format!(
        "SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY s ORDER BY t DESC, k, c) AS place FROM ({windows})) \
         WHERE place <= 3"
    );
    for sql in [ranked, format!("SELECT * FROM ({windows}) ORDER BY t DESC, k, c LIMIT 5")] {
        let given = [None, Some(limit)].map(|limit| {
            let mut query = super::state::graph_of(&sql);
            keep_to(&mut query, limit, folder.path(), OutputMode::Append);
            for batch in many().chunks(500) {
                push_any(&mut query, batch);
            }
            assert_eq!(query.spilled().sum::<usize>() > 0, limit.is_some());
            query.advance(i64::MAX, OutputMode::Append).expect("closes");
            lines(&results(&mut query))
        });
        assert_eq!(given[0], given[1]);
        assert!(given[0].len() > 2, "{given:?}");
    }
}

#[test]
fn the_order_in_which_rows_came_outlives_a_restart() {
    let sql = "SELECT quantity AS k, last_value(customer_id) AS last FROM `customer-transactions` \
               GROUP BY window(_timestamp, '10 seconds'), quantity";
    let folder = folder();
    let (mut free, mut snapshots) = (super::state::graph_of(sql), vec![]);
    // More groups than a run has, all of them twice.
    for customer in [1, 2] {
        let sales: Vec<Sale> = (0..70_000).map(|group| (0, 0, customer, group)).collect();
        push_any(&mut free, &sales);
        snapshots.push(free.snapshot().expect("saves"));
    }
    let mut bound = super::state::graph_of(sql);
    keep_to(&mut bound, Some(100_000), folder.path(), OutputMode::Append);
    bound.restore(snapshots).expect("its own state");
    for query in [&mut free, &mut bound] {
        query.advance(i64::MAX, OutputMode::Append).expect("closes");
    }
    assert_eq!(lines(&results(&mut free)), lines(&results(&mut bound)));
}

#[test]
fn a_folder_that_takes_nothing_is_said() {
    let folder = folder();
    let file = folder.path().join("a file");
    std::fs::write(&file, "").expect("written");
    let mut query = graph(10_000, 10_000);
    keep_to(&mut query, Some(0), &file, OutputMode::Append);
    let failed = query.push(0, &super::state::rows_of(&query, &many()[..10])).expect_err("no folder");
    assert!(!failed.on_rows, "the rows are not tried again in halves");
    let error = ecap::Error::from(failed);
    assert!(error.message().starts_with("cannot keep state in "), "{error}");
}

/// Groups of category and customer, of which there are many.
fn by_customer(size: i64, slide: i64) -> Graph {
    super::state::graph_of(&sql_by_customer(size, slide))
}

fn sql_by_customer(size: i64, slide: i64) -> String {
    format!(
        "SELECT window.start AS s, product_category AS k, customer_id AS c, count(*) AS n, sum(quantity) AS t \
         FROM `customer-transactions` \
         GROUP BY window(_timestamp, '{size} milliseconds', '{slide} milliseconds'), product_category, customer_id"
    )
}

fn lines(rows: &[arrow::array::RecordBatch]) -> Vec<String> {
    let text = arrow::util::pretty::pretty_format_batches(rows).expect("a text").to_string();
    let mut lines: Vec<String> = text.lines().filter(|line| line.starts_with('|')).map(Into::into).collect();
    lines.sort_unstable();
    lines
}
