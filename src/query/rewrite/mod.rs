//! Spark's spellings, resolved in the syntax before planning: references to the window of GROUP BY,
//! functions that stand for others, and the names of columns that the query does not name.

mod aggregate_calls;
mod calls;
mod guard;
mod names;
mod scalar_calls;
mod spelling;
mod syntax;
mod window;

pub use calls::names;
pub use spelling::spelling;

use crate::{Error, Result};
use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::{Expr, Query, VisitMut, VisitorMut};
use std::ops::ControlFlow;

/// A statement, rewritten.
///
/// # Errors
/// A usage error where a call asks for what is not given here.
pub fn statement(mut parsed: Parsed) -> Result<Parsed> {
    if let Parsed::Statement(statement) = &mut parsed {
        broken(statement.visit(&mut Rewriter))?;
    }
    Ok(parsed)
}

/// An expression, rewritten in place.
///
/// # Errors
/// As [`statement`].
pub fn expression(expression: &mut Expr) -> Result<()> {
    broken(expression.visit(&mut Rewriter))
}

fn broken(visited: ControlFlow<Error>) -> Result<()> {
    match visited {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(()),
    }
}

struct Rewriter;

impl VisitorMut for Rewriter {
    type Break = Error;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Error> {
        names::keep(query);
        window::references(query);
        names::selects(&mut query.body, &mut |select| guard::guard(&mut select.selection));
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<Error> {
        calls::resolve(expression).map_or_else(ControlFlow::Break, ControlFlow::Continue)
    }
}
