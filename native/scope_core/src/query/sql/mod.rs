//! SQL: a documented part of it, over the same tables as the DSL.
//!
//! `SELECT [DISTINCT] expressions FROM table [alias] [[LEFT] JOIN table [alias] ON ...] [WHERE] [GROUP BY] [HAVING] [ORDER BY]
//! [LIMIT] [OFFSET]`. Text is parsed by `sqlparser`, in a thread with a stack of its own for as long as that takes, because a long
//! chain of operators is a deep tree, and is taken apart again by recursion.

mod aggregates;
mod expressions;
mod lower;
mod scope;

use std::thread;

use sqlparser::ast::Statement;
use sqlparser::dialect::DuckDbDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Token, Tokenizer};

use crate::error::{Error, Result};
use crate::limits;
use crate::query::select::Select;
use crate::query::table::Catalogue;

/// The question that `text` asks.
///
/// Errors: `Invalid` where it cannot be read, with line and column, or goes beyond the part of SQL that is understood;
/// `Unknown` for names; `LimitExceeded`.
pub fn parse(text: &str, catalogue: &dyn Catalogue) -> Result<Select> {
    if text.len() > limits::SQL_BYTES_MAX {
        return Err(Error::LimitExceeded {
            what: "bytes of SQL",
            limit: limits::SQL_BYTES_MAX as u64,
        });
    }
    thread::scope(|scope| {
        let work = thread::Builder::new()
            .stack_size(limits::SQL_STACK_BYTES)
            .spawn_scoped(scope, || select(text, catalogue));
        let work = work.map_err(|error| Error::Invalid {
            what: "SQL",
            detail: format!("no thread to read it in: {error}"),
        })?;
        work.join().unwrap_or_else(|_| {
            Err(Error::Invalid {
                what: "SQL",
                detail: "it cannot be read".into(),
            })
        })
    })
}

fn select(text: &str, catalogue: &dyn Catalogue) -> Result<Select> {
    let dialect = DuckDbDialect {};
    let unread = |detail: String| Error::Invalid {
        what: "SQL",
        detail,
    };
    let tokens = Tokenizer::new(&dialect, text)
        .tokenize_with_location()
        .map_err(|error| unread(error.to_string()))?;
    let words = tokens
        .iter()
        .filter(|token| !matches!(token.token, Token::Whitespace(_)))
        .count();
    if words > limits::SQL_TOKENS_MAX {
        return Err(Error::LimitExceeded {
            what: "words of SQL",
            limit: limits::SQL_TOKENS_MAX as u64,
        });
    }
    let mut parser = Parser::new(&dialect).with_tokens_with_locations(tokens);
    let statements = parser
        .parse_statements()
        .map_err(|error| unread(plain(error)))?;
    match <[Statement; 1]>::try_from(statements) {
        Ok([Statement::Query(query)]) => lower::query(&query, catalogue),
        Ok(_) => Err(unread(
            "only SELECT is understood: nothing is changed by SQL".into(),
        )),
        Err(statements) => Err(unread(format!(
            "{} statements where one is expected",
            statements.len()
        ))),
    }
}

fn plain(error: sqlparser::parser::ParserError) -> String {
    let text = error.to_string();
    let text = text.strip_prefix("sql parser error: ").unwrap_or(&text);
    match text.strip_prefix("recursion limit exceeded") {
        Some(_) => "it is nested too deeply".into(),
        None => text.to_string(),
    }
}

#[cfg(test)]
#[path = "sql_test.rs"]
mod tests;
