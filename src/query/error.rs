//! What DataFusion says of a query, in words for the person who wrote it.

use crate::Error;
use crate::catalog::nearest;
use datafusion::common::{DataFusionError, SchemaError};

/// The error of planning a query: always a usage error, with the nearest name where a column is unknown.
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
        DataFusionError::SchemaError(error, _) => unknown_column(&error),
        DataFusionError::SQL(error, _) => Error::usage(format!("the query is not SQL: {error}")),
        DataFusionError::External(inner) => match inner.downcast::<Error>() {
            Ok(ours) => *ours,
            Err(other) => Error::usage(other.to_string()),
        },
        DataFusionError::Plan(message) => {
            Error::usage(format!("the query cannot be planned: {}", message.replace('\n', " ")))
        }
        DataFusionError::NotImplemented(message) => Error::usage(format!("the query cannot run: {message}")),
        other => Error::usage(format!("the query cannot be planned: {}", other.strip_backtrace())),
    }
}

fn unknown_column(error: &SchemaError) -> Error {
    let SchemaError::FieldNotFound { field, valid_fields } = error else {
        return Error::usage(error.to_string());
    };
    let unknown = Error::usage(format!("unknown column '{}'", field.name()));
    let names = valid_fields.iter().map(|column| column.name());
    match nearest(field.name(), names.clone()) {
        Some(nearest) => unknown.hint(format!("did you mean '{nearest}'?")),
        None => {
            let known: Vec<_> = names.filter(|name| !name.starts_with('_')).collect();
            unknown.hint(format!("there are {}", known.join(", ")))
        }
    }
}

/// The error of running a query on data.
pub fn of_running(error: &DataFusionError) -> Error {
    Error::failed(format!("the query failed on its data: {}", error.strip_backtrace()))
}
