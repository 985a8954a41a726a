//! What must hold of every record, whatever is read of it.

use super::column::{Column, State};
use super::formula::Formula;
use super::reject::{Code, Reject};
use super::schema::Schema;
use crate::catalog::{Record, Rule};

/// The documented checks, the NOT NULL columns, and the rules of the catalog, as positions of columns.
#[derive(Debug)]
pub struct Checks {
    amount: Option<(String, Formula)>,
    customer: Option<usize>,
    rules: Vec<(usize, Rule)>,
}

/// The amount of a record as a formula over its columns: a column, or what the catalog derives it from.
///
/// A derived amount that is more than arithmetic over columns is not checked.
fn amount(record: &Record, column: impl Fn(&str) -> Option<usize>) -> Option<(String, Formula)> {
    let name = record.roles.amount.as_ref()?;
    let derived = record.derived.iter().find(|(derived, _)| derived == name);
    let formula = match derived {
        Some((_, sql)) => Formula::parse(sql, column),
        None => column(name).map(Formula::Column),
    };
    Some((name.clone(), formula?))
}

/// The columns that are checked by their values, by name.
pub fn checked_by_value(record: &Record) -> Vec<String> {
    let all = record.columns();
    let column = |name: &str| all.fields.iter().position(|field| field.name == name);
    let amount = amount(record, column);
    let in_amount =
        |index: usize| amount.as_ref().is_some_and(|(_, formula)| formula.any(&|column| column == index));
    let in_rule = |name: &str| record.rules.iter().any(|rule| rule.column == name);
    let fields = all.fields.iter().enumerate();
    fields
        .filter(|(at, field)| in_amount(*at) || in_rule(&field.name))
        .map(|(_, field)| field.name.clone())
        .collect()
}

impl Checks {
    /// The checks of a topic's records over the columns of `read`.
    pub fn new(record: &Record, read: &Schema) -> Self {
        let column = |name: &str| read.fields.iter().position(|field| field.name == name);
        let rules = record.rules.iter().filter_map(|rule| Some((column(&rule.column)?, rule.clone())));
        Self {
            amount: amount(record, column),
            customer: record.roles.customer.as_deref().and_then(column),
            rules: rules.collect(),
        }
    }

    /// The documented checks first, in their order; then types, presence, and rules.
    ///
    /// # Errors
    /// Why the current record cannot be used.
    #[inline]
    pub fn check(&self, columns: &[Column]) -> Result<(), Reject> {
        if let Some((name, formula)) = &self.amount {
            match formula.value(&|index| columns[index].number()) {
                Some(amount) if amount > 0.0 => {}
                amount => bad_amount(name, formula, amount, columns)?,
            }
        }
        if let Some(customer) = self.customer.map(|index| &columns[index]).filter(|column| column.is_null()) {
            let name = &customer.field().name;
            return Err(Reject::new(Code::NullCustomer, format!("{name} is null")).about(name));
        }
        let fits_all = |column: &Column| column.state() == State::Set;
        if !columns.iter().all(fits_all) {
            columns.iter().try_for_each(fits)?;
        }
        self.rules.iter().try_for_each(|(index, rule)| obeys(&columns[*index], rule))
    }
}

/// Judges an amount that is not above 0, or is not known.
#[cold]
fn bad_amount(name: &str, formula: &Formula, amount: Option<f64>, columns: &[Column]) -> Result<(), Reject> {
    if let Some(amount) = amount {
        return Err(Reject::new(Code::InvalidAmount, format!("{name} = {amount} is not above 0")).about(name));
    }
    // What is there and of the wrong type is said as such.
    if formula.any(&|index| columns[index].mismatch().is_some()) {
        return Ok(());
    }
    let missing = columns.iter().enumerate().find(|(at, column)| {
        column.is_null() && column.field().name != name && formula.any(&|index| index == *at)
    });
    let missing = missing.map(|(_, column)| &column.field().name);
    let because = missing.map_or(String::new(), |column| format!(", as {column} is"));
    let reject = Reject::new(Code::NullAmount, format!("{name} is null{because}"));
    Err(reject.about(missing.map_or(name, String::as_str)))
}

fn fits(column: &Column) -> Result<(), Reject> {
    let field = column.field();
    if let Some(found) = column.mismatch() {
        let place = if found.starts_with('.') { "" } else { " = " };
        let reason = format!("{}{place}{found} is not {}", field.name, field.kind);
        return Err(Reject::new(Code::TypeMismatch, reason).about(&field.name));
    }
    if !field.nullable && column.is_null() {
        let reason = format!("{} is missing or null", field.name);
        return Err(Reject::new(Code::MissingField, reason).about(&field.name));
    }
    Ok(())
}

#[inline]
fn obeys(column: &Column, rule: &Rule) -> Result<(), Reject> {
    match column.number() {
        Some(value) if !rule.bound.holds(value) => {
            let reason = format!("{} = {value} is not {}", rule.column, rule.bound);
            Err(Reject::new(Code::InvalidValue, reason).about(&rule.column))
        }
        _ => Ok(()),
    }
}
