//! Where in a query's text an error lies, and how that is shown.

use super::parse;
use crate::Error;
use crate::error::Place;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

/// The error with the line and column of the word that it is about.
pub fn in_text(error: Error, sql: &str) -> Error {
    let Some(Place::Word(word)) = error.where_in_text() else { return error };
    let tokens = parse::tokens(sql);
    let word = word.clone();
    // A function is the word with a bracket behind it, and a column the one without.
    let called = |index: usize| {
        let next = tokens[index + 1..].iter().find(|token| !matches!(token.token, Token::Whitespace(_)));
        next.is_some_and(|token| token.token == Token::LParen)
    };
    let (word, wants_call) = match word.strip_suffix('(') {
        Some(function) => (function.to_string(), true),
        None => (word, false),
    };
    let mut found = tokens.iter().enumerate().filter(|(_, token)| is(token, &word));
    let first = found.clone().next();
    let best = found.find(|(index, _)| called(*index) == wants_call).or(first);
    match best {
        Some((_, token)) => {
            let start = token.span.start;
            error.place(Place::At { line: start.line, column: start.column })
        }
        None => error.without_place(),
    }
}

fn is(token: &TokenWithSpan, word: &str) -> bool {
    matches!(&token.token, Token::Word(found) if found.value.eq_ignore_ascii_case(word))
}

/// The line of the text in which the error lies, and below it a caret; none where it lies in no text.
pub fn shown(error: &Error, sql: &str) -> Option<String> {
    let Some(Place::At { line, column }) = error.where_in_text() else { return None };
    let text = sql.lines().nth(usize::try_from(*line).ok()?.checked_sub(1)?)?;
    let before: String = text.chars().take(usize::try_from(*column).ok()?.checked_sub(1)?).collect();
    // A tab stays one, so that the caret stands below its letter.
    let blank: String = before.chars().map(|letter| if letter == '\t' { '\t' } else { ' ' }).collect();
    let number = line.to_string();
    Some(format!("{number} | {text}\n{} | {blank}^", " ".repeat(number.len())))
}
