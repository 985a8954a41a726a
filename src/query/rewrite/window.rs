//! In SELECT, HAVING and ORDER BY, `window`, `window.start` and `window.end` stand for the `window(…)`
//! of GROUP BY, as in Spark, and `session_window` for the `session_window(…)`. The parser takes them; the planner would look for a column of that name.

use super::names::selects;
use super::syntax::{call, text};
use crate::query::functions::{SESSION_WINDOW, WINDOW};
use datafusion::sql::sqlparser::ast::{Expr, GroupByExpr, Ident, Query, SelectItem, visit_expressions_mut};
use std::ops::ControlFlow;

/// Replaces the references to the window of each GROUP BY.
pub fn references(query: &mut Query) {
    let mut windows = Vec::new();
    selects(&mut query.body, &mut |select| {
        let GroupByExpr::Expressions(groups, _) = &select.group_by else { return };
        let Some(window) = groups.iter().find(|group| is_window_call(group)).cloned() else { return };
        for item in &mut select.projection {
            // A replaced item keeps the name that Spark gives it: start, end or window.
            if let SelectItem::UnnamedExpr(expression) = item
                && let Some((replaced, alias)) = replacement(expression, &window)
            {
                *item = SelectItem::ExprWithAlias { expr: replaced, alias };
            }
        }
        replace(&mut select.projection, &window);
        replace(&mut select.having, &window);
        windows.push(window);
    });
    if let Some(window) = windows.first() {
        replace(&mut query.order_by, window);
    }
}

fn replace(part: &mut impl datafusion::sql::sqlparser::ast::VisitMut, window: &Expr) {
    let _ = visit_expressions_mut(part, |expression: &mut Expr| {
        if let Some((replaced, _)) = replacement(expression, window) {
            *expression = replaced;
        }
        ControlFlow::<()>::Continue(())
    });
}

fn is_window_call(expression: &Expr) -> bool {
    let Expr::Function(call) = expression else { return false };
    let name = call.name.to_string();
    [WINDOW, SESSION_WINDOW].iter().any(|window| name.eq_ignore_ascii_case(window))
}

/// Whether a name is that of the window.
pub fn is_window(name: &Ident) -> bool {
    [WINDOW, SESSION_WINDOW].iter().any(|window| name.value.eq_ignore_ascii_case(window))
}

/// What stands for `expression`, and the name that it has in the result.
fn replacement(expression: &Expr, window: &Expr) -> Option<(Expr, Ident)> {
    match expression {
        Expr::Identifier(name) if is_window(name) => Some((window.clone(), name.clone())),
        Expr::CompoundIdentifier(path) => match &path[..] {
            [name, field] if is_window(name) => {
                let arguments = vec![window.clone(), text(&field.value.to_ascii_lowercase())];
                Some((Expr::Function(call("get_field", arguments)), field.clone()))
            }
            _ => None,
        },
        _ => None,
    }
}
