//! Operators that keep state between batches.

mod distinct;
mod groups;
mod pane;
pub mod window_aggregate;
