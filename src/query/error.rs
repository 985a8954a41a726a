//! What DataFusion says of a query, in words for the person who wrote it.

use super::functions::{self, SESSION_WINDOW, WINDOW};
use crate::Error;
use crate::catalog::{nearest, suggest};
use crate::error::Place;
use datafusion::common::{DataFusionError, SchemaError};
use datafusion::sql::sqlparser::parser::ParserError;

/// The error of reading a query that is not SQL, with its place.
pub fn of_parsing(error: &ParserError) -> Error {
    let text = match error {
        ParserError::ParserError(text) | ParserError::TokenizerError(text) => text.as_str(),
        ParserError::RecursionLimitExceeded => "brackets are nested too deep",
    };
    let text = text.strip_prefix("Expected: ").map_or(text.to_string(), |text| format!("expected {text}"));
    let Some((reason, place)) = text.rsplit_once(" at Line: ") else {
        return Error::usage(format!("the query is not SQL: {text}"));
    };
    let error = Error::usage(format!("the query is not SQL: {}", reason.trim_end_matches(',')));
    let numbers = place.split_once(", Column: ");
    match numbers.and_then(|(line, column)| Some((line.parse().ok()?, column.trim().parse().ok()?))) {
        Some((line, column)) if line > 0 => error.place(Place::At { line, column }),
        _ => error,
    }
}

/// The error of planning a query: always a usage error, with the nearest name where one is unknown.
pub fn of_planning(error: DataFusionError) -> Error {
    let root = match error {
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => {
            return of_planning(*inner);
        }
        DataFusionError::Collection(errors) if !errors.is_empty() => {
            return errors.into_iter().next().map_or_else(|| Error::usage("the query is wrong"), of_planning);
        }
        root => root,
    };
    match root {
        DataFusionError::SchemaError(error, _) => of_names(&error),
        DataFusionError::SQL(error, _) => of_parsing(&error),
        DataFusionError::External(inner) => match inner.downcast::<Error>() {
            Ok(ours) => *ours,
            Err(other) => Error::usage(other.to_string()),
        },
        DataFusionError::Plan(message) => of_message(&message),
        DataFusionError::NotImplemented(message) => Error::usage(format!("the query cannot run: {message}")),
        DataFusionError::Execution(message) => Error::usage(message),
        other => Error::usage(format!("the query cannot be planned: {}", other.strip_backtrace())),
    }
}

/// What planning says in a sentence of its own.
fn of_message(message: &str) -> Error {
    let quoted = |start: &str| message.split_once(start).and_then(|(_, rest)| rest.split('\'').next());
    if let Some(name) = quoted("Invalid function '") {
        return unknown_function(name);
    }
    if let Some(call) = quoted("given name and argument types '") {
        let name = call.split('(').next().unwrap_or(call);
        let call = spark_words(call).replace('(', " of (");
        return Error::usage(format!("there is no {call}")).about(format!("{name}("));
    }
    if let Some((_, rest)) = message.split_once(" column \"")
        && message.contains("must be part of an aggregate function")
    {
        let column = rest.split('"').next().and_then(|path| path.rsplit('.').next()).unwrap_or_default();
        return Error::usage(format!("column '{column}' is neither grouped by nor in an aggregate"))
            .about(column)
            .hint(format!("add it to GROUP BY, or write first({column})"));
    }
    if let Some(field) =
        message.strip_prefix("Field ").and_then(|rest| rest.strip_suffix(" not found in struct"))
    {
        let unknown = Error::usage(format!("there is no field '{field}' inside")).about(field);
        return match nearest(field, ["start", "end"].into_iter()) {
            Some(nearest) => unknown.hint(format!("a window has '{nearest}'")),
            None => unknown,
        };
    }
    if message.starts_with("Projections require unique expression names") {
        let twice = Error::usage("two columns of the result have the same name");
        return twice.hint("give one of them another: … AS other_name");
    }
    let message = message.split(" No function matches").next().unwrap_or(message).trim();
    Error::usage(format!("the query cannot be planned: {}", spark_words(&message.replace('\n', " "))))
}

fn unknown_function(name: &str) -> Error {
    let unknown = Error::usage(format!("unknown function '{name}'")).about(format!("{name}("));
    let names = functions::names();
    suggest(unknown.hint("docs/sql.md lists the functions"), name, names.iter().map(String::as_str))
}

/// A sentence with types by Spark's names.
fn spark_words(message: &str) -> String {
    let types = [
        ("LargeUtf8", "STRING"),
        ("Utf8View", "STRING"),
        ("Utf8", "STRING"),
        ("Float64", "DOUBLE"),
        ("Float32", "FLOAT"),
        ("Int64", "BIGINT"),
        ("Int32", "INT"),
        ("Int16", "SMALLINT"),
        ("Boolean", "BOOLEAN"),
        ("Date32", "DATE"),
        ("Timestamp(µs)", "TIMESTAMP"),
        ("Timestamp(Microsecond, None)", "TIMESTAMP"),
    ];
    types.iter().fold(message.to_string(), |text, (arrow, spark)| text.replace(arrow, spark))
}

fn of_names(error: &SchemaError) -> Error {
    let SchemaError::FieldNotFound { field, valid_fields } = error else {
        let about = match error {
            SchemaError::AmbiguousReference { field } => Some(field.name().to_string()),
            SchemaError::DuplicateUnqualifiedField { name } => Some(name.clone()),
            _ => None,
        };
        let error = Error::usage(error.to_string());
        return about.map_or(error.clone(), |name| error.about(name));
    };
    if let Some(window) =
        field.relation.as_ref().filter(|name| [WINDOW, SESSION_WINDOW].contains(&name.table()))
    {
        let message = format!("'{window}.{}' needs a window to be grouped by", field.name());
        return Error::usage(message)
            .about(window.table())
            .hint(format!("add GROUP BY {window}(timestamp, '5 minutes')"));
    }
    let unknown = Error::usage(format!("unknown column '{}'", field.name())).about(field.name());
    let names = valid_fields.iter().map(|column| column.name());
    let known: Vec<_> = names.clone().filter(|name| !name.starts_with('_')).collect();
    suggest(unknown.hint(format!("there are {}", known.join(", "))), field.name(), names)
}

/// The error of running a query on data.
pub fn of_running(error: &DataFusionError) -> Error {
    if let DataFusionError::External(inner) = error
        && let Some(ours) = inner.downcast_ref::<Error>()
    {
        return ours.clone();
    }
    Error::failed(format!("the query failed on its data: {}", reason(error)))
}

/// What went wrong, without the names of the layers that it came through.
pub fn reason(error: &DataFusionError) -> String {
    match error {
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => reason(inner),
        DataFusionError::Execution(message) => message.clone(),
        DataFusionError::Shared(inner) => reason(inner),
        DataFusionError::ArrowError(inner, _) => match inner.as_ref() {
            arrow::error::ArrowError::CastError(message)
            | arrow::error::ArrowError::ComputeError(message)
            | arrow::error::ArrowError::InvalidArgumentError(message)
            | arrow::error::ArrowError::ParseError(message)
            | arrow::error::ArrowError::ArithmeticOverflow(message) => message.clone(),
            other => other.to_string(),
        },
        other => other.strip_backtrace(),
    }
}

#[cfg(test)]
mod tests {
    use crate::catalog::Catalog;
    use crate::query::locate;
    use crate::query::plan::StreamPlan;

    fn refusal(sql: &str) -> String {
        let plan = Catalog::built_in().and_then(|catalog| StreamPlan::new(sql, &catalog, "", None));
        plan.err().map_or("it plans".into(), |error| error.to_string())
    }

    #[test]
    fn what_is_wrong_has_a_place_and_a_way_out() {
        let window = "FROM transactions GROUP BY window(timestamp, '1 minute')";
        for (sql, expected) in [
            (
                "SELECT brand,\n  dateformat(timestamp, 'yyyy')\nFROM transactions",
                "line 2, column 3: unknown function 'dateformat': did you mean 'date_format'?",
            ),
            (
                "SELECT\n  pric FROM transactions",
                "line 2, column 3: unknown column 'pric': did you mean 'price'?",
            ),
            (
                "SELECT price\nFROM transaction",
                "line 2, column 6: topic 'transaction' is not in the catalog: did you mean 'transactions'?",
            ),
            (
                "SELECT price FORM transactions",
                "line 1, column 19: the query is not SQL: expected end of statement, found: transactions",
            ),
            ("SELECT price FROM transactions WHERE", "not SQL: expected an expression, found: EOF"),
            ("SELECT 'open FROM transactions", "line 1, column 8: the query is not SQL: Unterminated"),
            (
                &format!("SELECT window.strat, 1 {window}"),
                "line 1, column 15: there is no field 'strat' inside",
            ),
            (
                &format!("SELECT brand, count(*) {window}"),
                "line 1, column 8: column 'brand' is neither grouped by nor in an aggregate: add it to GROUP BY",
            ),
            (&format!("SELECT count(*) {window} HAVING window.ende > 1"), "a window has 'end'"),
            (
                &format!("SELECT count(*) AS n {window} HAVING m > 1"),
                "line 1, column 86: unknown column 'm': did you mean 'n'?",
            ),
            (
                "SELECT window.start, count(*) FROM transactions GROUP BY brand",
                "line 1, column 8: 'window.start' needs a window to be grouped by: add GROUP BY window(",
            ),
            ("SELECT hour(brand, 1) FROM transactions", "column 8: there is no hour of (STRING, BIGINT)"),
            (&format!("SELECT sum(brand) {window}"), "column 8: there is no sum of (STRING)"),
            (
                "SELECT quantity + timestamp FROM transactions",
                "Cannot coerce arithmetic expression INT + TIMESTAMP",
            ),
            (
                "SELECT count(*) FROM transactions GROUP BY window(brand, '1 minute')",
                "window takes a TIMESTAMP first, not a STRING: to_timestamp makes one",
            ),
            ("SELECT price, price FROM transactions", "two columns of the result have the same name"),
            ("SELECT price FROM transactions; SELECT 1", "the text has several statements"),
            ("DELETE FROM transactions", "the text is no SELECT"),
            ("", "there is no query"),
            ("SELECT date_format(timestamp, 'yyyy-ww') FROM transactions", "pattern 'yyyy-ww': 'w' counts"),
            ("SELECT * FROM transactions WHERE brand RLIKE '('", "'(' is no regular expression"),
            ("SELECT price FROM transactions LIMIT 5", "column 32: LIMIT without a window never ends"),
            (
                "SELECT row_number() OVER (ORDER BY price) FROM transactions",
                "column 21: OVER without a window never ends on a stream: aggregate in GROUP BY",
            ),
            (
                "SELECT price FROM transactions ORDER BY price",
                "column 32: ORDER BY without a window never ends on a stream: leave it out",
            ),
            (
                "SELECT brand, count(*) FROM transactions GROUP BY brand",
                "column 42: an aggregate without a window never ends on a stream: add GROUP BY window(",
            ),
            ("SELECT CAST(price AS MONEY) FROM transactions", "Unsupported SQL type MONEY"),
        ] {
            let found = refusal(sql);
            assert!(found.contains(expected), "{sql}\n{found}\n{expected}");
            assert!(!found.contains('\n'), "one line: {found}");
        }
    }

    #[test]
    fn the_place_is_shown_with_a_caret() {
        let sql = "SELECT brand,\n\tpric\nFROM transactions";
        let plan = Catalog::built_in().and_then(|catalog| StreamPlan::new(sql, &catalog, "", None));
        let error = plan.err().expect("refused");
        assert_eq!(locate::shown(&error, sql).as_deref(), Some("2 | \tpric\n  | \t^"));
    }
}
