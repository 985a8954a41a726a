//! Text to syntax, as Spark reads it.

use super::error::of_parsing;
use super::rewrite;
use crate::{Error, Result};
use datafusion::common::DataFusionError;
use datafusion::sql::parser::{DFParser, DFParserBuilder, Statement};
use datafusion::sql::resolve::resolve_table_references;
use datafusion::sql::sqlparser::ast::Statement::Query;
use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, ExprWithAlias, Interval, Value};
use datafusion::sql::sqlparser::dialect::{Dialect, SparkSqlDialect};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};
use std::any::TypeId;

/// The one statement of a text, with Spark's spellings resolved.
///
/// # Errors
/// A usage error with the place where the text is no SQL.
pub fn statement(sql: &str) -> Result<Statement> {
    let mut statements = parser(sql)?.parse_statements().map_err(of_syntax)?;
    let statement = statements.pop_front().ok_or_else(|| Error::usage("there is no query in the text"))?;
    if !statements.is_empty() {
        return Err(Error::usage("the text has several statements, it can have one"));
    }
    match &statement {
        Statement::Statement(inner) if matches!(**inner, Query(_)) => rewrite::statement(statement),
        _ => Err(Error::usage("the text is no SELECT").hint("a query is SELECT … FROM a topic")),
    }
}

/// The tables that a statement reads, by the names in its FROM clauses, each once; those of WITH left out.
pub fn tables(statement: &Statement) -> Vec<String> {
    let Ok((tables, _)) = resolve_table_references(statement, true) else { return vec![] };
    tables.iter().map(|table| table.table().to_string()).collect()
}

/// One expression.
///
/// # Errors
/// As [`statement`].
pub fn expression(sql: &str) -> Result<ExprWithAlias> {
    let mut expression = parser(sql)?.parse_into_expr().map_err(of_syntax)?;
    rewrite::expression(&mut expression.expr)?;
    Ok(expression)
}

/// The tokens of a text with their places; none where it is no SQL.
pub fn tokens(sql: &str) -> Vec<TokenWithSpan> {
    Tokenizer::new(&Spark, sql).tokenize_with_location().unwrap_or_default()
}

fn parser(sql: &str) -> Result<DFParser<'_>> {
    DFParserBuilder::new(sql).with_dialect(&Spark).build().map_err(of_syntax)
}

fn of_syntax(error: DataFusionError) -> Error {
    match error {
        DataFusionError::SQL(error, _) => of_parsing(&error),
        DataFusionError::Diagnostic(_, inner) | DataFusionError::Context(_, inner) => of_syntax(*inner),
        other => Error::usage(format!("the query is not SQL: {}", other.strip_backtrace())),
    }
}

/// Spark's dialect, with what the parser's own lacks: escapes in texts, `INTERVAL '2 minutes'`, and the
/// precedence of `div`.
#[derive(Debug)]
struct Spark;

impl Dialect for Spark {
    fn dialect(&self) -> TypeId {
        TypeId::of::<SparkSqlDialect>()
    }

    fn is_identifier_start(&self, letter: char) -> bool {
        SparkSqlDialect.is_identifier_start(letter)
    }

    fn is_identifier_part(&self, letter: char) -> bool {
        SparkSqlDialect.is_identifier_part(letter)
    }

    fn is_delimited_identifier_start(&self, letter: char) -> bool {
        SparkSqlDialect.is_delimited_identifier_start(letter)
    }

    fn supports_filter_during_aggregation(&self) -> bool {
        true
    }

    fn supports_group_by_expr(&self) -> bool {
        true
    }

    fn supports_group_by_with_modifier(&self) -> bool {
        true
    }

    fn supports_lambda_functions(&self) -> bool {
        true
    }

    fn supports_select_wildcard_except(&self) -> bool {
        true
    }

    fn supports_struct_literal(&self) -> bool {
        true
    }

    fn supports_nested_comments(&self) -> bool {
        true
    }

    fn supports_long_type_as_bigint(&self) -> bool {
        true
    }

    fn supports_values_as_table_factor(&self) -> bool {
        true
    }

    fn supports_bang_not_operator(&self) -> bool {
        true
    }

    fn supports_cte_without_as(&self) -> bool {
        true
    }

    fn supports_string_literal_backslash_escape(&self) -> bool {
        true
    }

    fn ignores_wildcard_escapes(&self) -> bool {
        true
    }

    fn parse_prefix(&self, parser: &mut Parser) -> Option<Result<Expr, ParserError>> {
        let is_interval =
            |token: &Token| matches!(token, Token::Word(word) if word.keyword == Keyword::INTERVAL);
        let begins = |token: &Token| {
            matches!(
                token,
                Token::Number(..)
                    | Token::SingleQuotedString(_)
                    | Token::DoubleQuotedString(_)
                    | Token::Minus
            )
        };
        if !is_interval(&parser.peek_token().token) || !begins(&parser.peek_nth_token(1).token) {
            return None;
        }
        parser.next_token();
        Some(interval(parser))
    }

    fn parse_infix(
        &self,
        parser: &mut Parser,
        left: &Expr,
        precedence: u8,
    ) -> Option<Result<Expr, ParserError>> {
        if !parser.parse_keyword(Keyword::DIV) {
            return None;
        }
        let right = parser.parse_subexpr(precedence);
        Some(right.map(|right| Expr::BinaryOp {
            left: Box::new(left.clone()),
            op: BinaryOperator::MyIntegerDivide,
            right: Box::new(right),
        }))
    }
}

/// What stands behind INTERVAL: `2 MINUTES`, `'2' MINUTE`, `'2 minutes'`, `1 HOUR 30 MINUTES`.
fn interval(parser: &mut Parser) -> Result<Expr, ParserError> {
    let mut text = Vec::new();
    loop {
        let sign = if parser.consume_token(&Token::Minus) { "-" } else { "" };
        let token = parser.next_token();
        let value = match token.token {
            Token::Number(number, _) => number,
            Token::SingleQuotedString(value) | Token::DoubleQuotedString(value) => value,
            _ => return parser.expected("a number behind INTERVAL", token),
        };
        match parser.next_token_is_temporal_unit() {
            true => text.push(format!("{sign}{value} {}", parser.parse_date_time_field()?)),
            false => text.push(format!("{sign}{value}")),
        }
        if !matches!(parser.peek_token().token, Token::Number(..)) {
            break;
        }
    }
    let text = text.join(" ");
    if !text.contains(char::is_alphabetic) {
        return parser.expected("a unit such as MINUTES", parser.peek_token());
    }
    let value = Expr::Value(Value::SingleQuotedString(text).with_empty_span());
    Ok(Expr::Interval(Interval {
        value: Box::new(value),
        leading_field: None,
        leading_precision: None,
        last_field: None,
        fractional_seconds_precision: None,
    }))
}
