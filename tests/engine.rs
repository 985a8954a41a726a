//! The engine on its own, without a broker: windows, sessions, joins and their state.

mod aggregates;
mod alignment;
mod bad_values;
pub mod checkpoint;
mod counting;
mod flush;
mod joins;
mod letters;
mod objects;
mod refused;
mod restart;
mod sessions;
mod spill;
mod state;
mod tables;
mod turns;
mod waiting;
mod windows;
