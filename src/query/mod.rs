//! Flags to SQL, SQL to a stream plan.
//!
//! DataFusion parses, plans and evaluates; what is added is time: [`cut`] says where state is kept, [`stage`]
//! cuts the plan there, [`plan`] keeps the parts, and the engine's operators stand between them.

pub mod aggregate;
mod bounds;
pub mod check;
pub mod culprit;
pub mod cut;
pub mod dedup;
pub mod error;
pub mod event_time;
pub mod flags;
pub mod functions;
pub mod header;
pub mod join;
mod join_error;
pub mod locate;
pub mod parse;
pub mod plan;
pub mod provenance;
mod rewrite;
pub mod slot;
pub mod stage;
mod still;
pub mod table;
pub mod window;
pub mod window_emit;
