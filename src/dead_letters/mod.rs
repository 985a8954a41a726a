//! Dead letters that were kept: reading them where they are, counting them, and sending the records back to where they
//! came from.

mod filter;
mod marks;
pub mod place;
pub mod replay;
mod summary;

pub use filter::Filter;
pub use summary::{Group, Summary};
