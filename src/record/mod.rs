//! Bytes to columns: schemas as text, JSON decoded into Arrow, and bad records as values with a reason.

mod column;
pub mod decode;
pub mod json;
pub mod reject;
pub mod schema;
mod timestamp;
