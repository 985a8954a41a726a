//! The state of windows: update mode shows the groups that changed, and them only, across restarts and
//! changes of mode.

use crate::support::cases;
use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::TimestampMicrosecondType;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use ecap::catalog::Catalog;
use ecap::engine::graph::Graph;
use ecap::engine::intake::Intake;
use ecap::engine::options::OutputMode;
use ecap::engine::source::SourceRecord;
use ecap::query::plan::StreamPlan;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Event time in milliseconds, a category, a customer, a quantity that no other sale has.
pub(super) type Sale = (i64, u8, u8, i64);
/// Window start in milliseconds and category.
pub(super) type Group = (i64, String);

fn sql(size: i64, slide: i64) -> String {
    format!(
        "SELECT window.start AS s, product_category AS k, count(*) AS n, sum(quantity) AS t, \
         count(DISTINCT customer_id) AS u, min(customer_id) AS a, max(quantity) AS m, \
         first_value(customer_id ORDER BY quantity) AS f, last_value(customer_id ORDER BY quantity) AS l, \
         count(*) FILTER (WHERE quantity > 5000) AS g FROM `customer-transactions` \
         GROUP BY window(_timestamp, '{size} milliseconds', '{slide} milliseconds'), product_category"
    )
}

pub(super) fn graph(size: i64, slide: i64) -> Graph {
    graph_of(&sql(size, slide))
}

pub(super) fn graph_of(sql: &str) -> Graph {
    let catalog = Catalog::built_in().expect("valid");
    let plan = StreamPlan::new(sql, &catalog, "", None).expect("plans");
    Graph::new(plan, Duration::ZERO).expect("fits")
}

/// The same query before its first row.
pub(super) fn restarted(query: Graph) -> Graph {
    Graph::new(query.into_plan(), Duration::ZERO).expect("fits")
}

fn push(query: &mut Graph, sales: &[Sale]) {
    assert_eq!(push_any(query, sales), 0, "nothing is late");
}

/// Gives how many of the sales were late.
pub(super) fn push_any(query: &mut Graph, sales: &[Sale]) -> u64 {
    let rows = rows_of(query, sales);
    query.push(0, &rows).expect("aggregates")
}

/// The sales with the columns that a query needs.
pub(super) fn rows_of(query: &Graph, sales: &[Sale]) -> RecordBatch {
    let scan = &query.plan().scans[0];
    let mut intake = Intake::new(&scan.topic, scan.columns.clone(), &scan.time).expect("has columns");
    for (offset, (millis, category, customer, quantity)) in (0i64..).zip(sales) {
        let value = format!(
            r#"{{"customer_id":"c{customer}","product_category":"k{category}","quantity":{quantity},"final_amount":1}}"#
        );
        let (timestamp, value) = (millis * 1_000, Some(value.as_bytes()));
        intake
            .take(&SourceRecord { partition: 0, offset, timestamp, key: None, value, in_file: None })
            .expect("valid");
    }
    intake.take_rows(0).expect("decodes").remove(0).rows
}

pub(super) fn results(query: &mut Graph) -> Vec<RecordBatch> {
    query.take_results().all().expect("are there")
}

/// What was shown of each group, as text. A group comes once.
pub(super) fn shown(batches: &[RecordBatch]) -> BTreeMap<Group, String> {
    let mut shown = BTreeMap::new();
    for batch in batches {
        let starts = batch.column(0).as_primitive::<TimestampMicrosecondType>();
        let texts: Vec<Vec<String>> = batch.columns()[1..]
            .iter()
            .map(|column| {
                let format = ArrayFormatter::try_new(column.as_ref(), &FormatOptions::new()).expect("a text");
                (0..column.len()).map(|row| format.value(row).to_string()).collect()
            })
            .collect();
        for row in 0..batch.num_rows() {
            let values: Vec<&str> = texts[1..].iter().map(|column| column[row].as_str()).collect();
            let group = (starts.value(row) / 1_000, texts[0][row].clone());
            assert_eq!(shown.insert(group, values.join(" ")), None, "a group comes once");
        }
    }
    shown
}

fn groups_of((millis, category, ..): &Sale, size: i64, slide: i64) -> impl Iterator<Item = Group> {
    let (millis, category) = (*millis, *category);
    let first = (millis - size).div_euclid(slide) * slide + slide;
    (0..)
        .map(move |step| first + step * slide)
        .take_while(move |start| *start <= millis)
        .map(move |start| (start, format!("k{category}")))
}

/// The same by going through all sales.
fn expected(sales: &[Sale], size: i64, slide: i64) -> BTreeMap<Group, String> {
    let mut groups: BTreeMap<Group, Vec<&Sale>> = BTreeMap::new();
    for sale in sales {
        groups_of(sale, size, slide).for_each(|group| groups.entry(group).or_default().push(sale));
    }
    let values = |mut sales: Vec<&Sale>| {
        sales.sort_by_key(|sale| sale.3);
        let customers: BTreeSet<u8> = sales.iter().map(|sale| sale.2).collect();
        format!(
            "{} {} {} c{} {} c{} c{} {}",
            sales.len(),
            sales.iter().map(|sale| sale.3).sum::<i64>(),
            customers.len(),
            customers.iter().min().expect("one"),
            sales[sales.len() - 1].3,
            sales[0].2,
            sales[sales.len() - 1].2,
            sales.iter().filter(|sale| sale.3 > 5_000).count()
        )
    };
    groups.into_iter().map(|(group, sales)| (group, values(sales))).collect()
}

pub(super) fn sales(categories: u8) -> impl Strategy<Value = Vec<Sale>> {
    let sale = (0i64..10_000, 0..categories, 0u8..6);
    prop::collection::vec(sale, 1..200).prop_map(|sales| {
        let numbered = sales.into_iter().zip(1i64..);
        numbered.map(|((millis, k, c), number)| (millis, k, c, number * 7_919 % 10_007)).collect()
    })
}

/// Slides that divide the size and slides that do not.
pub(super) fn size_and_slide() -> impl Strategy<Value = (i64, i64)> {
    (1i64..=24).prop_flat_map(|size| (Just(size * 250), (1..=size).prop_map(|slide| slide * 250)))
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn update_mode_shows_what_changed_and_nothing_else(
        sales in sales(40), (size, slide) in size_and_slide(), per_batch in 1usize..12,
        restart in 1usize..6,
    ) {
        let (mut query, mut snapshots) = (graph(size, slide), vec![]);
        for (number, batch) in sales.chunks(per_batch).enumerate() {
            push(&mut query, batch);
            query.advance(i64::MIN, OutputMode::Update).expect("shows");
            let mut wanted = expected(&sales[..number * per_batch + batch.len()], size, slide);
            let changed: BTreeSet<Group> = batch.iter().flat_map(|sale| groups_of(sale, size, slide)).collect();
            wanted.retain(|group, _| changed.contains(group));
            prop_assert_eq!(shown(&results(&mut query)), wanted);
            snapshots.push(query.snapshot().expect("saves"));
            if number % restart == 0 {
                query = restarted(query);
                query.restore(snapshots.clone()).expect("its own state");
            }
        }
    }

    #[test]
    fn the_groups_that_a_batch_made_or_changed_are_counted_once(
        sales in sales(200), (size, slide) in size_and_slide(), per_batch in 1usize..100, pushes in 1usize..10,
        mode in 0usize..3,
    ) {
        let mode = [OutputMode::Append, OutputMode::Update, OutputMode::Complete][mode];
        let mut query = graph(size, slide);
        // A window that slides is kept in pieces.
        let pane = (1..=slide).rev().find(|pane| size % pane == 0 && slide % pane == 0).expect("one");
        for batch in sales.chunks(per_batch) {
            batch.chunks(pushes).for_each(|part| push(&mut query, part));
            query.advance(i64::MIN, mode).expect("shows");
            let touched: BTreeSet<Group> = batch.iter().flat_map(|sale| groups_of(sale, pane, pane)).collect();
            prop_assert_eq!(query.updated().sum::<usize>(), touched.len());
        }
    }

    #[test]
    fn first_and_last_without_an_order_go_by_the_order_in_which_rows_came(
        sales in sales(10), per_batch in 1usize..12,
        courses in prop::collection::vec((0u8..3, any::<bool>()), 200),
    ) {
        let sql = "SELECT window.start AS s, product_category AS k, first_value(quantity) AS f, \
                   last_value(quantity) AS l FROM `customer-transactions` \
                   GROUP BY window(_timestamp, '5 seconds'), product_category";
        let plan = StreamPlan::new(sql, &Catalog::built_in().expect("valid"), "", None).expect("plans");
        let mut query = Graph::new(plan, Duration::ZERO).expect("fits");
        let (mut snapshots, mut wanted) = (vec![], BTreeMap::new());
        for (batch, (mode, restarts)) in sales.chunks(per_batch).zip(courses) {
            push(&mut query, batch);
            for sale in batch {
                let group = groups_of(sale, 5_000, 5_000).next().expect("one");
                wanted.entry(group).or_insert((sale.3, sale.3)).1 = sale.3;
            }
            let mode = [OutputMode::Append, OutputMode::Update, OutputMode::Complete][usize::from(mode)];
            query.advance(i64::MIN, mode).expect("shows");
            for (group, values) in shown(&results(&mut query)) {
                let (first, last) = wanted[&group];
                prop_assert_eq!(values, format!("{first} {last}"));
            }
            if restarts {
                snapshots.push(query.snapshot().expect("saves"));
                query = restarted(query);
                query.restore(snapshots.clone()).expect("its own state");
            }
        }
        query.advance(i64::MAX, OutputMode::Append).expect("closes");
        let wanted = wanted.into_iter().map(|(group, (first, last))| (group, format!("{first} {last}")));
        prop_assert_eq!(shown(&results(&mut query)), wanted.collect());
    }

    #[test]
    fn state_outlives_a_change_of_mode(
        sales in sales(10), (size, slide) in size_and_slide(), per_batch in 1usize..12,
        courses in prop::collection::vec((0u8..3, any::<bool>(), any::<bool>()), 200),
    ) {
        let (mut query, mut snapshots) = (graph(size, slide), vec![]);
        for (number, (batch, (mode, saves, restarts))) in sales.chunks(per_batch).zip(courses).enumerate() {
            push(&mut query, batch);
            let mode = [OutputMode::Append, OutputMode::Update, OutputMode::Complete][usize::from(mode)];
            query.advance(i64::MIN, mode).expect("shows");
            let (shown, so_far) = (shown(&results(&mut query)), &sales[..number * per_batch + batch.len()]);
            let wanted = expected(so_far, size, slide);
            for (group, values) in &shown {
                prop_assert_eq!(Some(values), wanted.get(group));
            }
            match mode {
                OutputMode::Append => prop_assert!(shown.is_empty()),
                OutputMode::Complete => prop_assert_eq!(shown.len(), wanted.len()),
                OutputMode::Update => {
                    let mut changed = batch.iter().flat_map(|sale| groups_of(sale, size, slide));
                    prop_assert!(changed.all(|group| shown.contains_key(&group)));
                }
            }
            if saves || restarts {
                snapshots.push(query.snapshot().expect("saves"));
            }
            if restarts {
                query = restarted(query);
                query.restore(snapshots.clone()).expect("its own state");
            }
        }
        query.advance(i64::MAX, OutputMode::Append).expect("closes");
        prop_assert_eq!(shown(&results(&mut query)), expected(&sales, size, slide));
        prop_assert_eq!(query.kept().sum::<usize>(), 0, "nothing is kept of what is over");
    }
}

#[test]
fn state_takes_memory_while_it_is_kept() {
    let sales: Vec<Sale> = (0..20_000).map(|n| (n % 1_000, (n % 200) as u8, 1, n)).collect();
    for mode in [OutputMode::Append, OutputMode::Update] {
        let mut query = graph(10_000, 10_000);
        let memory = |query: &Graph| query.memory().sum::<usize>();
        let before = memory(&query);
        push(&mut query, &sales);
        query.advance(i64::MIN, mode).expect("shows");
        assert!((before + 10_000..1_000_000).contains(&memory(&query)), "{mode:?} {}", memory(&query));
        // Not the end of a run: in update mode that leaves windows open, as they are shown.
        query.advance(i64::MAX - 1, mode).expect("closes");
        assert!(memory(&query) <= before + 1_000, "{mode:?} {}", memory(&query));
    }
}

#[test]
fn a_snapshot_holds_what_changed_and_not_the_rest() {
    let sales: Vec<Sale> = (0..2_000).map(|n| (n, (n % 200) as u8, 1, n)).collect();
    for mode in [OutputMode::Append, OutputMode::Update] {
        let mut query = graph(10_000, 10_000);
        push(&mut query, &sales);
        query.advance(i64::MIN, mode).expect("shows");
        let rows = |query: &mut Graph| -> usize {
            let snapshots = query.snapshot().expect("saves");
            let parts = snapshots.iter().flat_map(|snapshot| &snapshot.parts);
            parts.flat_map(|part| &part.rows).map(RecordBatch::num_rows).sum()
        };
        assert_eq!(rows(&mut query), 200);
        push(&mut query, &sales[..3]);
        query.advance(i64::MIN, mode).expect("shows");
        // In update mode also the places of the three rows that went out of use.
        assert!(rows(&mut query) <= 6, "{mode:?}");
    }
}
