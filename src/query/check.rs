//! Which queries can run for ever, and what is wrong with the others.

use super::dedup::Dedup;
use super::event_time::topic_of;
use super::window_emit::WindowEmit;
use crate::{Error, Result};
use datafusion::logical_expr::{Extension, JoinType, LogicalPlan};
use std::any::Any;

/// What rows a plan gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rows {
    /// Those of tables that do not grow.
    Still,
    /// The results of windows: some in each batch, whole windows at a time where something looks at several rows.
    OfWindows,
    /// A stream's, without an end.
    Endless,
}

/// Sees to it that a query with all its cuts made can run on a stream.
///
/// # Errors
/// A usage error that names the clause, says why, and what to write.
pub fn continuous(plan: &LogicalPlan) -> Result<()> {
    rows_of(plan).map(|_| ())
}

fn rows_of(plan: &LogicalPlan) -> Result<Rows> {
    match plan {
        LogicalPlan::TableScan(scan) if topic_of(scan).is_some() => return Ok(Rows::Endless),
        LogicalPlan::Extension(Extension { node }) => {
            let node: &dyn Any = node.as_any();
            if let Some(emit) = node.downcast_ref::<WindowEmit>() {
                aggregate_of(&emit.input).inputs().into_iter().try_for_each(continuous)?;
                return Ok(Rows::OfWindows);
            }
            if node.is::<Dedup>() {
                plan.inputs().into_iter().try_for_each(continuous)?;
                return Ok(Rows::Endless);
            }
        }
        _ => {}
    }
    let mut most = Rows::Still;
    for input in plan.inputs() {
        most = most.max(rows_of(input)?);
    }
    if most > Rows::Still {
        refuse(plan, most)?;
    }
    Ok(most)
}

/// The optimizer puts a projection over an aggregate whose keys are fields of columns.
fn aggregate_of(plan: &LogicalPlan) -> &LogicalPlan {
    match plan {
        LogicalPlan::Projection(projection) => aggregate_of(&projection.input),
        other => other,
    }
}

fn refuse(plan: &LogicalPlan, rows: Rows) -> Result<()> {
    if let LogicalPlan::Join(join) = plan {
        let keeps_still = |kind: JoinType| match rows_of(&join.left) {
            Ok(Rows::Still) => matches!(kind, JoinType::Left | JoinType::Full | JoinType::LeftAnti),
            _ => matches!(kind, JoinType::Right | JoinType::Full | JoinType::RightAnti),
        };
        if keeps_still(join.join_type) {
            let message = "an outer join that keeps the rows of a table never knows which found no match";
            return Err(Error::usage(message).hint("turn the join round, so that it keeps the stream's rows"));
        }
        return Ok(());
    }
    let (clause, hint) = match plan {
        LogicalPlan::Aggregate(_) | LogicalPlan::Distinct(_) if rows == Rows::OfWindows => {
            let message = "an aggregate over the results of windows needs a window of its own";
            return Err(Error::usage(message).hint("add GROUP BY window(window, '1 hour') or a longer one"));
        }
        LogicalPlan::Aggregate(_) | LogicalPlan::Distinct(_) => {
            let hint = "add GROUP BY window(timestamp, '5 minutes') to say over which time";
            let message = "an aggregate without a window never ends on a stream";
            return Err(Error::usage(message).about("GROUP").hint(hint));
        }
        LogicalPlan::Sort(_) if rows == Rows::Endless => {
            ("ORDER BY", "leave it out: records come as they stand in their partition")
        }
        LogicalPlan::Limit(_) if rows == Rows::Endless => {
            ("LIMIT", "leave it out: --rows shows fewer rows of a batch, and | head ends after some")
        }
        LogicalPlan::Window(_) if rows == Rows::Endless => {
            ("OVER", "aggregate in GROUP BY window(timestamp, '5 minutes') instead")
        }
        _ => return Ok(()),
    };
    let word = clause.split(' ').next().unwrap_or(clause);
    let message = format!("{clause} without a window never ends on a stream");
    Err(Error::usage(message).about(word).hint(hint))
}
