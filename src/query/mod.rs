//! Flags to SQL, SQL to a stream plan.
//!
//! DataFusion parses, plans and evaluates; what is added is time: [`split`] cuts the plan at the
//! aggregate over a window, [`plan`] keeps the parts, and the engine's operator stands between them.

pub mod aggregate;
pub mod error;
pub mod flags;
pub mod functions;
pub mod plan;
mod rewrite;
mod slot;
mod split;
pub mod table;
pub mod window;
