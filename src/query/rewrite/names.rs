//! A column that a query does not name is called as it is written, as in Spark, and not as the planner
//! would spell it.

use super::window::is_window;
use datafusion::sql::sqlparser::ast::{Expr, Ident, Query, Select, SelectItem, SetExpr, TableFactor};

/// Names the columns of a query that have no name.
pub fn keep(query: &mut Query) {
    selects(&mut query.body, &mut |select| {
        let tables = tables(select);
        for item in &mut select.projection {
            if let SelectItem::UnnamedExpr(expression) = item
                && let Some(alias) = name(expression, &tables)
            {
                *item = SelectItem::ExprWithAlias { expr: expression.clone(), alias };
            }
        }
    });
}

/// Each SELECT of a query, behind UNION too.
pub fn selects(body: &mut SetExpr, each: &mut impl FnMut(&mut Select)) {
    match body {
        SetExpr::Select(select) => each(select),
        SetExpr::SetOperation { left, right, .. } => {
            selects(left, each);
            selects(right, each);
        }
        _ => {}
    }
}

fn name(expression: &Expr, tables: &[String]) -> Option<Ident> {
    match expression {
        Expr::Identifier(_) => None,
        Expr::CompoundIdentifier(path) => {
            let qualified = path.len() == 2 && tables.contains(&path[0].value);
            path.last().filter(|_| !qualified && !is_window(&path[0])).cloned()
        }
        other => Some(Ident::with_quote('`', other.to_string())),
    }
}

/// The names before the dot that stand for tables.
fn tables(select: &Select) -> Vec<String> {
    let joined = select.from.iter().flat_map(|table| {
        std::iter::once(&table.relation).chain(table.joins.iter().map(|join| &join.relation))
    });
    let name = |table: &TableFactor| match table {
        TableFactor::Table { name, alias: None, .. } => {
            name.0.last().and_then(|part| part.as_ident()).map(|name| name.value.clone())
        }
        TableFactor::Table { alias: Some(alias), .. } | TableFactor::Derived { alias: Some(alias), .. } => {
            Some(alias.name.value.clone())
        }
        _ => None,
    };
    joined.filter_map(name).collect()
}
