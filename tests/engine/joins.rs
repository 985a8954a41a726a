//! A join of two streams gives what a nested loop gives, however its rows arrive.

use super::sessions::limit;
use crate::support::cases;
use arrow::array::{
    Array, ArrayRef, AsArray, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef, TimeUnit};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, JoinType};
use datafusion::config::Dialect;
use datafusion::datasource::empty::EmptyTable;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::{Expr, Join as JoinNode, LogicalPlan};
use datafusion::prelude::SessionContext;
use ecap::engine::operator::join::Join;
use ecap::engine::operator::{Operator, Snapshot, StateLimit};
use ecap::engine::options::OutputMode;
use ecap::query::join::{JoinSpec, StreamJoin, stream_join};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::sync::Arc;
use tempfile::TempDir;

const SECOND: i64 = 1_000_000;

/// A row of one side. Times are in microseconds.
#[derive(Debug, Clone)]
struct Row {
    side: usize,
    id: i64,
    key: Option<i64>,
    time: Option<i64>,
    value: i64,
}

/// A left and a right id; `None` where a row matched nothing.
type Pair = (Option<i64>, Option<i64>);

/// How a test joins.
#[derive(Debug, Clone)]
struct Case {
    kind: JoinType,
    lower: i64,
    upper: i64,
    lags: [i64; 2],
    filter: bool,
    /// Whether null keys are equal.
    null_safe: bool,
}

impl Case {
    fn spec(&self) -> Arc<JoinSpec> {
        let kind = self.kind.to_string().to_uppercase();
        let equal = if self.null_safe { "<=>" } else { "=" };
        let filter = if self.filter { "AND (l.v + r.v) % 3 <> 0 AND l.v > 1 AND r.v < 8" } else { "" };
        let on = format!(
            "l.k {equal} r.k AND r.t BETWEEN l.t + INTERVAL '{}' MICROSECONDS AND l.t + INTERVAL '{}' MICROSECONDS {filter}",
            self.lower, self.upper
        );
        let (join, session) =
            joined(&format!("SELECT l.id, l.v, r.id AS rid, r.v AS rv FROM l {kind} JOIN r ON {on}"));
        let node = stream_join(&join, |plan, time| {
            let lag = self.lags[usize::from(plan.schema().has_column(&Column::new(Some("r"), "t")))];
            is_time(time).then_some(lag)
        });
        spec_of(&node.expect("a join"), &join, &session)
    }

    fn outer(&self, side: usize) -> bool {
        matches!((self.kind, side), (JoinType::Full, _) | (JoinType::Left, 0) | (JoinType::Right, 1))
    }

    /// Whether the conditions on a row alone hold.
    fn fulfils(&self, row: &Row) -> bool {
        !self.filter || if row.side == 0 { row.value > 1 } else { row.value < 8 }
    }

    /// Whether a row comes as far as the join: of an inner side, the optimiser filters it before.
    fn reaches_join(&self, row: &Row) -> bool {
        self.outer(row.side) || self.fulfils(row)
    }

    /// Whether a row can match something if it comes along.
    fn able(&self, row: &Row) -> bool {
        row.time.is_some() && self.fulfils(row)
    }

    fn matches(&self, left: &Row, right: &Row) -> bool {
        let near = |tl, tr| (self.lower..=self.upper).contains(&(tr - tl));
        self.able(left)
            && self.able(right)
            && (self.null_safe || left.key.is_some())
            && left.key == right.key
            && left.time.zip(right.time).is_some_and(|(tl, tr)| near(tl, tr))
            && (!self.filter || (left.value + right.value) % 3 != 0)
    }

    /// Whether nothing that still comes at `watermark` can match a row.
    fn dead(&self, row: &Row, watermark: i64) -> bool {
        let reach = if row.side == 0 { self.upper } else { -self.lower };
        !self.able(row) || row.time.is_some_and(|time| time + reach < watermark - self.lags[1 - row.side])
    }

    /// What has come out of these rows when the watermark is at `watermark`.
    fn nested_loop(&self, rows: &[Row], watermark: i64) -> BTreeSet<Pair> {
        let mut pairs = BTreeSet::new();
        let mut matched = BTreeSet::new();
        for left in rows.iter().filter(|row| row.side == 0) {
            for right in rows.iter().filter(|row| row.side == 1 && self.matches(left, row)) {
                pairs.insert((Some(left.id), Some(right.id)));
                matched.extend([left.id, right.id]);
            }
        }
        for row in rows.iter().filter(|row| self.outer(row.side) && self.dead(row, watermark)) {
            if !matched.contains(&row.id) {
                pairs.insert(if row.side == 0 { (Some(row.id), None) } else { (None, Some(row.id)) });
            }
        }
        pairs
    }
}

fn columns() -> SchemaRef {
    let time = DataType::Timestamp(TimeUnit::Microsecond, None);
    Arc::new(Schema::new(vec![
        Field::new("id", DataType::Int64, true),
        Field::new("k", DataType::Utf8, true),
        Field::new("t", time, true),
        Field::new("v", DataType::Int64, true),
    ]))
}

fn is_time(expression: &Expr) -> bool {
    matches!(expression, Expr::Column(column) if column.name == "t")
}

/// The join of a query over `l` and `r`, as the optimiser leaves it.
fn joined(sql: &str) -> (JoinNode, SessionState) {
    let context = SessionContext::new();
    for table in ["l", "r", "user-events"] {
        context.register_table(table, Arc::new(EmptyTable::new(columns()))).expect("a table");
    }
    let state = context.state();
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let statement =
        state.sql_to_statement(sql, &Dialect::Spark).unwrap_or_else(|error| panic!("{sql}: {error}"));
    let plan =
        runtime.block_on(state.statement_to_plan(statement)).unwrap_or_else(|error| panic!("{sql}: {error}"));
    let plan = state.optimize(&plan).expect("optimises");
    let mut found = None;
    let look = |node: &LogicalPlan| {
        if let LogicalPlan::Join(join) = node {
            found = Some(join.clone());
        }
        Ok(TreeNodeRecursion::Continue)
    };
    plan.apply(look).expect("is walked");
    (found.unwrap_or_else(|| panic!("no join in {plan}")), state)
}

fn spec_of(node: &StreamJoin, join: &JoinNode, session: &SessionState) -> Arc<JoinSpec> {
    let inputs = [&join.left, &join.right].map(|input| Arc::new(input.schema().as_arrow().clone()));
    let physical =
        |expression: &Expr, rows: &DFSchema| session.create_physical_expr(expression.clone(), rows);
    Arc::new(JoinSpec::of(node, inputs, physical).expect("has expressions"))
}

fn batch(spec: &JoinSpec, side: usize, rows: &[&Row]) -> RecordBatch {
    let schema = &spec.sides[side].schema;
    let column = |field: &Arc<Field>| -> ArrayRef {
        match field.name().as_str() {
            "id" => Arc::new(Int64Array::from_iter(rows.iter().map(|row| Some(row.id)))),
            "k" => Arc::new(StringArray::from_iter(
                rows.iter().map(|row| row.key.map(|key| format!("customer {key}"))),
            )),
            "t" => Arc::new(TimestampMicrosecondArray::from_iter(rows.iter().map(|row| row.time))),
            "v" => Arc::new(Int64Array::from_iter(rows.iter().map(|row| Some(row.value)))),
            other => panic!("no column {other}"),
        }
    };
    RecordBatch::try_new(schema.clone(), schema.fields().iter().map(column).collect()).expect("fits")
}

/// The pairs in results. A pair that comes twice is a fault.
#[track_caller]
fn collect(spec: &JoinSpec, batches: &[RecordBatch], pairs: &mut BTreeSet<Pair>) {
    let right = spec.sides[0].schema.fields().len() + spec.sides[1].schema.index_of("id").expect("an id");
    let left = spec.sides[0].schema.index_of("id").expect("an id");
    for batch in batches {
        let ids = |column: usize| batch.column(column).as_primitive::<Int64Type>();
        for row in 0..batch.num_rows() {
            let id = |ids: &Int64Array| ids.is_valid(row).then(|| ids.value(row));
            let pair = (id(ids(left)), id(ids(right)));
            assert!(pairs.insert(pair), "{pair:?} came twice");
        }
    }
}

/// What one step of a run brings: rows, and how far the watermark goes after them.
type Step = (Vec<Row>, i64);

/// Runs a join, holds it against the nested loop after each step, and restores it every `restore` steps.
fn run(case: &Case, steps: &[Step], right_first: bool, restore: Option<usize>) -> BTreeSet<Pair> {
    run_within(case, steps, right_first, restore, None)
}

/// The same with a limit to what memory is to hold.
fn run_within(
    case: &Case,
    steps: &[Step],
    right_first: bool,
    restore: Option<usize>,
    limit: Option<usize>,
) -> BTreeSet<Pair> {
    let spec = case.spec();
    let folder = TempDir::new().expect("a temporary folder");
    let new = || {
        let mut join = Join::new(spec.clone()).expect("is made");
        if let Some(memory) = limit {
            join.keep_to(StateLimit { memory, folder: folder.path().into() }, OutputMode::Append);
        }
        join
    };
    let mut join = new();
    let mut snapshots: Vec<Snapshot> = Vec::new();
    let (mut pairs, mut accepted, mut watermark) = (BTreeSet::new(), Vec::new(), i64::MIN / 2);
    for (number, (rows, reached)) in steps.iter().enumerate() {
        let before = join.rows();
        for side in if right_first { [1, 0] } else { [0, 1] } {
            let own = rows.iter().filter(|row| row.side == side && case.reaches_join(row));
            let own: Vec<_> = own.collect();
            let late_until = watermark - case.lags[side];
            let (late, on_time): (Vec<&Row>, Vec<_>) =
                own.iter().partition(|row| row.time.is_some_and(|time| time <= late_until));
            let pushed = join.push(side, &batch(&spec, side, &own)).expect("joins");
            assert_eq!(pushed.late, late.len() as u64, "late rows are counted");
            join.commit().expect("keeps");
            join.spill().expect("writes");
            assert!(limit != Some(0) || join.rows() == 0 || join.spilled() > 0, "all are on the disk");
            collect(&spec, &pushed.rows, &mut pairs);
            accepted.extend(on_time.into_iter().cloned());
        }
        watermark = watermark.max(*reached);
        let fresh = join.rows() - before;
        collect(&spec, &join.advance(watermark, OutputMode::Append).expect("advances"), &mut pairs);
        assert_eq!(join.updated(), fresh, "rows that are kept anew are counted");
        assert_eq!(pairs, case.nested_loop(&accepted, watermark), "after step {number}, {case:?}");
        if restore.is_some_and(|every| number % every == 0) {
            snapshots.push(join.snapshot().expect("saves"));
            join = new();
            join.restore(snapshots.clone()).expect("restores");
        }
    }
    collect(&spec, &join.advance(i64::MAX, OutputMode::Append).expect("advances"), &mut pairs);
    assert_eq!(pairs, case.nested_loop(&accepted, i64::MAX / 2), "at the end, {case:?}");
    assert_eq!(join.rows(), 0, "nothing is kept when all time has passed");
    pairs
}

fn kind() -> impl Strategy<Value = JoinType> {
    prop::sample::select(vec![JoinType::Inner, JoinType::Left, JoinType::Right, JoinType::Full])
}

/// Any microsecond of a range of seconds, and as often a whole second, so that times meet at the edges.
fn instant(seconds: std::ops::Range<i64>) -> impl Strategy<Value = i64> + Clone {
    let micros = seconds.start * SECOND..seconds.end * SECOND;
    prop_oneof![1 => micros, 3 => seconds.prop_map(|second| second * SECOND)]
}

fn case() -> impl Strategy<Value = Case> {
    let bound = instant(-12..12);
    let lag = || prop_oneof![Just(0), instant(0..8)];
    let flags = (any::<bool>(), any::<bool>());
    (kind(), bound.clone(), bound, lag(), lag(), flags).prop_map(
        |(kind, one, other, left, right, (filter, null_safe))| Case {
            kind,
            lower: one.min(other),
            upper: one.max(other),
            lags: [left, right],
            filter,
            null_safe,
        },
    )
}

/// Rows in any order, some without a key or a time, many of them just at the edge of the bounds.
fn rows() -> impl Strategy<Value = Vec<Row>> {
    let time = prop_oneof![
        1 => Just(None),
        18 => instant(-20..20).prop_map(Some),
    ];
    let row = (0usize..2, prop::option::weighted(0.9, 0i64..4), time, 0i64..10);
    prop::collection::vec(row, 1..80).prop_map(|rows| {
        let row = |(id, (side, key, time, value))| Row { side, id, key, time, value };
        (0i64..).zip(rows).map(row).collect()
    })
}

/// Rows cut into steps, with a watermark that goes on by itself.
fn steps() -> impl Strategy<Value = Vec<Step>> {
    (rows(), prop::collection::vec((1usize..12, instant(-25..25)), 1..20)).prop_map(|(rows, cuts)| {
        let mut rows = rows.into_iter();
        let mut watermarks: Vec<_> = cuts.iter().map(|(_, watermark)| *watermark).collect();
        watermarks.sort_unstable();
        let steps = cuts.iter().zip(watermarks);
        let steps = steps.map(|((size, _), watermark)| (rows.by_ref().take(*size).collect(), watermark));
        steps.collect()
    })
}

/// The same rows, `size` at a time, with the watermark just before the oldest that is still to come.
fn nothing_late(rows: &[Row], size: usize) -> Vec<Step> {
    let chunks: Vec<_> = rows.chunks(size).collect();
    let oldest =
        |after: usize| chunks[after..].iter().flat_map(|rows| rows.iter()).filter_map(|row| row.time).min();
    let watermark = |number: usize| oldest(number + 1).map_or(i64::MAX / 2, |oldest| oldest - 1);
    chunks.iter().enumerate().map(|(number, rows)| (rows.to_vec(), watermark(number))).collect()
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn a_join_is_a_nested_loop_over_the_rows_that_are_not_late(
        case in case(), steps in steps(), right_first in any::<bool>(),
    ) {
        run(&case, &steps, right_first, None);
    }

    #[test]
    fn a_join_that_is_restored_from_its_snapshots_goes_on_as_before(
        case in case(), steps in steps(), every in 1usize..4,
    ) {
        run(&case, &steps, false, Some(every));
    }

    #[test]
    fn a_join_whose_rows_are_on_the_disk_gives_the_same(
        case in case(), steps in steps(), every in 1usize..4, limit in limit(),
    ) {
        run_within(&case, &steps, false, Some(every), limit);
    }

    #[test]
    fn how_rows_arrive_changes_nothing_when_none_is_late(
        case in case(), (rows, shuffled) in rows().prop_flat_map(|rows| (Just(rows.clone()), Just(rows).prop_shuffle())),
        one in 1usize..80, other in 1usize..80,
    ) {
        let expected = run(&case, &nothing_late(&rows, one), false, None);
        prop_assert_eq!(run(&case, &nothing_late(&shuffled, other), true, None), expected);
    }
}

#[test]
fn bounds_are_read_off_the_conditions_however_they_are_written() {
    for (on, lower, upper) in [
        ("r.t BETWEEN l.t - INTERVAL 2 MINUTES AND l.t + INTERVAL 2 MINUTES", -120 * SECOND, 120 * SECOND),
        ("l.t BETWEEN r.t - INTERVAL '2' MINUTE AND r.t", 0, 120 * SECOND),
        ("r.t >= l.t AND r.t < l.t + INTERVAL 1 HOUR", 0, 3_600 * SECOND - 1),
        ("l.t > r.t + INTERVAL 5 SECONDS AND l.t - INTERVAL 1 DAY <= r.t", -86_400 * SECOND, -5 * SECOND - 1),
        ("r.t - l.t <= INTERVAL 10 SECONDS AND r.t - l.t >= INTERVAL -10 SECONDS", -10 * SECOND, 10 * SECOND),
        ("CAST(l.t AS TIMESTAMP) = r.t", 0, 0),
        ("l.t + INTERVAL 3 SECONDS = r.t", 3 * SECOND, 3 * SECOND),
        ("r.t <= l.t + INTERVAL 9 SECONDS AND r.t <= l.t + INTERVAL 5 SECONDS AND l.t <= r.t", 0, 5 * SECOND),
        ("r.t + INTERVAL 1 SECOND >= l.t AND NOT (r.t > l.t + INTERVAL 1 SECOND)", -SECOND, SECOND),
    ] {
        let (join, _) = joined(&format!("SELECT l.v, r.v FROM l JOIN r ON l.k = r.k AND {on}"));
        let node = stream_join(&join, |_, time| is_time(time).then_some(0));
        let node = node.unwrap_or_else(|error| panic!("{on}: {error}"));
        assert_eq!((node.lower, node.upper), (lower, upper), "{on}");
    }
}

#[test]
fn a_bound_may_stand_in_the_where_clause_of_an_inner_join() {
    let (join, _) = joined(
        "SELECT l.v, r.v FROM l, r WHERE l.k = r.k AND l.v > 3 AND l.t <= r.t AND r.t <= l.t + INTERVAL 1 MINUTE",
    );
    let node = stream_join(&join, |_, time| is_time(time).then_some(0)).expect("a join");
    assert_eq!((node.kind, node.lower, node.upper), (JoinType::Inner, 0, 60 * SECOND));
    assert_eq!(node.lag(), 60 * SECOND + 1, "a left row can come out a minute after its time");
}

#[test]
fn a_join_that_cannot_be_a_stream_says_which_clause_is_missing() {
    let minutes = "INTERVAL 2 MINUTES";
    for (sql, parts) in [
        (
            "SELECT l.v FROM l JOIN `user-events` e ON l.k = e.k".to_string(),
            vec![
                "the join of `l` and `user-events` has no time bound",
                "add AND e.t BETWEEN l.t - INTERVAL 2 MINUTES AND l.t + INTERVAL 2 MINUTES to its ON clause",
            ],
        ),
        (
            format!(
                "SELECT a.v FROM l a JOIN `user-events` ON a.k = `user-events`.k AND a.t <= `user-events`.t + {minutes}"
            ),
            vec!["has no upper time bound", "add AND `user-events`.t <= a.t + INTERVAL 2 MINUTES"],
        ),
        (
            format!("SELECT l.v FROM l LEFT JOIN r ON l.k = r.k AND r.t <= l.t + {minutes}"),
            vec![
                "the join of `l` and `r` has no lower time bound",
                "add AND r.t >= l.t - INTERVAL 2 MINUTES",
            ],
        ),
        (
            format!("SELECT l.v FROM l JOIN r ON r.t BETWEEN l.t - {minutes} AND l.t"),
            vec!["the join of `l` and `r` has no equality", "write ON l.… = r.…"],
        ),
        (
            "SELECT l.v FROM l JOIN r ON l.k = r.k AND r.t BETWEEN l.t AND l.t + INTERVAL 1 MONTH".into(),
            vec!["has no fixed length", "weeks, days, hours"],
        ),
        (
            format!("SELECT l.v FROM l JOIN r ON l.k = r.k AND r.t >= l.t + {minutes} AND r.t < l.t"),
            vec!["the join of `l` and `r` can match nothing"],
        ),
        ("SELECT l.v FROM l WHERE k IN (SELECT k FROM r)".into(), vec!["IN or EXISTS over a stream"]),
        ("SELECT l.v FROM l WHERE NOT EXISTS (SELECT 1 FROM r WHERE l.k = r.k)".into(), vec!["LEFT JOIN"]),
    ] {
        let (join, _) = joined(&sql);
        let refused = stream_join(&join, |_, time| is_time(time).then_some(0)).expect_err(&sql).to_string();
        for part in parts {
            assert!(refused.contains(part), "'{part}' is missing in: {refused}");
        }
    }
}

#[test]
fn rows_that_can_match_nothing_do_not_wait() {
    let case =
        Case { kind: JoinType::Left, lower: 0, upper: SECOND, lags: [0, 0], filter: true, null_safe: false };
    let spec = case.spec();
    let mut join = Join::new(spec.clone()).expect("is made");
    let row = |id, time, value| Row { side: 0, id, key: Some(1), time, value };
    let rows = [row(1, None, 5), row(2, Some(0), 0), row(3, Some(0), 5)];
    let pushed = join.push(0, &batch(&spec, 0, &rows.iter().collect::<Vec<_>>())).expect("joins");
    join.commit().expect("keeps");
    let mut pairs = BTreeSet::new();
    collect(&spec, &pushed.rows, &mut pairs);
    assert_eq!(
        pairs,
        BTreeSet::from([(Some(1), None), (Some(2), None)]),
        "one has no time, one is filtered out"
    );
    assert_eq!(join.rows(), 1);
    assert!(
        join.advance(SECOND, OutputMode::Append).expect("advances").is_empty(),
        "one at 1 s could still come"
    );
    collect(&spec, &join.advance(SECOND + 1, OutputMode::Append).expect("advances"), &mut pairs);
    assert!(pairs.contains(&(Some(3), None)));
}

#[test]
fn many_rows_of_few_keys_are_joined_in_pieces() {
    let rows: Vec<Row> = (0..3_000)
        .map(|id| Row {
            side: (id * 7 % 5 % 2) as usize,
            id,
            key: Some(id % 11),
            time: Some(id * 7_919 % 60_000 * 1_000),
            value: id % 10,
        })
        .collect();
    for kind in [JoinType::Inner, JoinType::Full] {
        let (lower, upper) = (-8 * SECOND, 8 * SECOND);
        let case = Case { kind, lower, upper, lags: [0, 0], filter: true, null_safe: false };
        let pairs = run(&case, &nothing_late(&rows, 900), false, Some(1));
        assert!(pairs.len() > 10_000, "{} pairs: too few for several pieces", pairs.len());
    }
}
