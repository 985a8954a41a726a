//! In SELECT, HAVING and ORDER BY, `window`, `window.start` and `window.end` stand for the `window(…)`
//! of GROUP BY, as in Spark. The parser takes them; the planner would look for a column of that name.

use super::functions::WINDOW;
use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, GroupByExpr,
    Ident, ObjectName, SelectItem, SetExpr, Statement, Value, visit_expressions_mut,
};
use std::ops::ControlFlow;

/// Replaces the references to the window of GROUP BY.
pub fn window_references(statement: &mut Parsed) {
    let Parsed::Statement(statement) = statement else { return };
    let Statement::Query(query) = statement.as_mut() else { return };
    let SetExpr::Select(select) = query.body.as_mut() else { return };
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
    let mut replace = |expression: &mut Expr| {
        if let Some((replaced, _)) = replacement(expression, &window) {
            *expression = replaced;
        }
        ControlFlow::<()>::Continue(())
    };
    let _ = visit_expressions_mut(&mut select.projection, &mut replace);
    let _ = visit_expressions_mut(&mut select.having, &mut replace);
    let _ = visit_expressions_mut(&mut query.order_by, &mut replace);
}

fn is_window_call(expression: &Expr) -> bool {
    matches!(expression, Expr::Function(call) if call.name.to_string().eq_ignore_ascii_case(WINDOW))
}

/// What stands for `expression`, and the name that it has in the result.
fn replacement(expression: &Expr, window: &Expr) -> Option<(Expr, Ident)> {
    match expression {
        Expr::Identifier(name) if name.value.eq_ignore_ascii_case(WINDOW) => {
            Some((window.clone(), name.clone()))
        }
        Expr::CompoundIdentifier(path) => match &path[..] {
            [name, field] if name.value.eq_ignore_ascii_case(WINDOW) => {
                Some((field_of(window, &field.value.to_ascii_lowercase()), field.clone()))
            }
            _ => None,
        },
        _ => None,
    }
}

/// `get_field(window, 'field')`
fn field_of(window: &Expr, field: &str) -> Expr {
    let field = Expr::Value(Value::SingleQuotedString(field.into()).with_empty_span());
    let argument = |expression| FunctionArg::Unnamed(FunctionArgExpr::Expr(expression));
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new("get_field")]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args: vec![argument(window.clone()), argument(field)],
            clauses: vec![],
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: vec![],
    })
}
