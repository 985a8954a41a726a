//! Bytes to columns: schemas as text, JSON decoded into Arrow, and bad records as values with a reason.

mod checks;
mod column;
mod columns;
pub mod decode;
#[cfg(test)]
mod differential;
mod entries;
mod formula;
pub mod infer;
pub mod json;
mod keys;
pub mod last;
pub mod letter;
pub mod observed;
pub mod partition;
pub mod reject;
pub mod schema;
pub mod storable;
pub mod timestamp;
pub mod zone;
