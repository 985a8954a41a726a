//! The steps by which a sink keeps a batch, for tests that end it between two of them.

use crate::{Result, failpoint};

/// Hears the name of each step before it is taken. An error ends the batch there, with nothing tidied up, as a kill
/// would.
#[derive(Default)]
pub struct Steps(Option<Box<dyn FnMut(&'static str) -> Result<()>>>);

impl Steps {
    /// Steps that `watch` hears of.
    pub fn watched(watch: impl FnMut(&'static str) -> Result<()> + 'static) -> Self {
        Self(Some(Box::new(watch)))
    }

    /// A step is about to be taken.
    ///
    /// # Errors
    /// Where a test ends the batch.
    pub fn reach(&mut self, step: &'static str) -> Result<()> {
        failpoint::pass(step);
        self.0.as_mut().map_or(Ok(()), |watch| watch(step))
    }
}

impl std::fmt::Debug for Steps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Steps")
    }
}
