//! Bytes to columns: schemas as text, JSON decoded into Arrow, and bad records as values with a reason.

pub mod schema;
