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

use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::{Expr, Query, VisitMut, VisitorMut};
use std::ops::ControlFlow;

/// A statement, rewritten.
pub fn statement(mut parsed: Parsed) -> Parsed {
    if let Parsed::Statement(statement) = &mut parsed {
        let _ = statement.visit(&mut Rewriter);
    }
    parsed
}

/// An expression, rewritten in place.
pub fn expression(expression: &mut Expr) {
    let _ = expression.visit(&mut Rewriter);
}

struct Rewriter;

impl VisitorMut for Rewriter {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        names::keep(query);
        window::references(query);
        names::selects(&mut query.body, &mut |select| guard::guard(&mut select.selection));
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
        calls::resolve(expression);
        ControlFlow::Continue(())
    }
}
