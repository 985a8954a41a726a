//! Which records are wanted.

use super::condition::Condition;
use crate::kafka::tail::Message;
use crate::{Error, Result};
use regex::bytes::Regex;

/// All that a record has to fulfil.
pub struct Filter {
    pub key: Option<String>,
    pub pattern: Option<Regex>,
    pub condition: Option<Condition>,
}

impl Filter {
    /// Whether every record is wanted.
    pub fn takes_all(&self) -> bool {
        self.key.is_none() && self.pattern.is_none() && self.condition.is_none()
    }

    /// Those of a batch that are wanted, in order.
    ///
    /// # Errors
    /// As those of the condition.
    pub fn select<'a>(&mut self, batch: &'a [Message]) -> Result<Vec<&'a Message>> {
        let wanted = |message: &&Message| {
            self.key.as_ref().is_none_or(|key| message.key() == Some(key.as_bytes()))
                && self.pattern.as_ref().is_none_or(|pattern| is_match(pattern, message))
        };
        let mut selected: Vec<_> = batch.iter().filter(wanted).collect();
        if let Some(condition) = &mut self.condition
            && !selected.is_empty()
        {
            condition.keep(&mut selected)?;
        }
        Ok(selected)
    }
}

/// A regular expression, or a text that is none.
///
/// # Errors
/// A usage error where it is too large.
pub fn pattern(text: &str) -> Result<Regex> {
    let wrong = |error: regex::Error| Error::usage(format!("--grep: {error}"));
    Regex::new(text).or_else(|_| Regex::new(&regex::escape(text))).map_err(wrong)
}

fn is_match(pattern: &Regex, message: &Message) -> bool {
    [message.key(), message.value()].into_iter().flatten().any(|bytes| pattern.is_match(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_no_expression_is_found_as_it_stands() {
        assert!(pattern("{\"a\"").expect("a text").is_match(b"x {\"a\": 1}"));
        assert!(pattern("a.c").expect("an expression").is_match(b"abc"));
    }
}
