//! Names are the same in capitals and small letters, as in Spark. The planner makes all letters small that
//! stand in no quotes, so names with capitals are put in quotes.

use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::{Expr, Ident, visit_expressions_mut};
use std::collections::BTreeMap;
use std::ops::ControlFlow;

/// Writes the columns of a statement as `names` has them.
pub fn spelling(statement: &mut Parsed, names: &[String]) {
    let small = |name: &String| name.to_lowercase();
    let mut known: BTreeMap<String, String> = names.iter().map(|name| (small(name), name.clone())).collect();
    // A column that is small already is meant by small letters.
    names.iter().filter(|name| small(name) == **name).for_each(|name| {
        known.remove(name);
    });
    let Parsed::Statement(statement) = statement else { return };
    if known.is_empty() {
        return;
    }
    let spell = |name: &mut Ident| {
        if name.quote_style.is_none()
            && let Some(spelt) = known.get(&name.value.to_lowercase())
        {
            name.value.clone_from(spelt);
            name.quote_style = Some('`');
        }
    };
    let _ = visit_expressions_mut(statement.as_mut(), |expression: &mut Expr| {
        match expression {
            Expr::Identifier(name) => spell(name),
            Expr::CompoundIdentifier(path) => path.iter_mut().for_each(spell),
            _ => {}
        }
        ControlFlow::<()>::Continue(())
    });
}
