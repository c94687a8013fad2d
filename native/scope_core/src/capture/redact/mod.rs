//! What must not leave the process that has it: decided before anything is written into a ring.
//!
//! Three kinds of rules. By name: what stands under a key, or in a variable, whose name says that it is secret ([`Keys`]). By
//! struct: fields that its module hides from `inspect`, or that its schema declares secret ([`Structs`]). By looks: tokens, card
//! numbers, keys inside of texts ([`secrets`]). Decisions about atoms are remembered without a lock ([`Decisions`]).

mod decisions;
mod keys;
pub mod secrets;
mod structs;
mod tokens;

pub use decisions::Decisions;
pub use keys::Keys;
pub use structs::{Class, Structs};

use regex_lite::Regex;

use crate::error::{Error, Result};
use crate::limits;
use crate::numbered::numbered;

numbered! {
    /// Which rule withheld something. The number is what an encoded value carries.
    #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
    #[repr(u8)]
    pub enum Rule {
        /// The key's name.
        Key = 1,
        /// The variable's name.
        Name = 2,
        /// Its struct's `Inspect` hides the field.
        Inspect = 3,
        /// Its schema declares the field secret.
        Schema = 4,
        /// The configuration names the struct.
        Struct = 5,
        /// Its struct is not classified yet.
        Unclassified = 6,
        /// A name and a value inside of a text.
        Pair = 7,
        Jwt = 8,
        Bearer = 9,
        /// A key or token of a known vendor.
        ApiKey = 10,
        CardNumber = 11,
        PrivateKey = 12,
        /// The password of a URL.
        Url = 13,
        /// A pattern of the configuration.
        Pattern = 14,
    }
}

impl Rule {
    pub fn from_byte(byte: u8) -> Option<Rule> {
        Rule::ALL.into_iter().find(|rule| *rule as u8 == byte)
    }

    pub fn name(self) -> &'static str {
        match self {
            Rule::Key => "key",
            Rule::Name => "name",
            Rule::Inspect => "inspect",
            Rule::Schema => "schema",
            Rule::Struct => "struct",
            Rule::Unclassified => "unclassified",
            Rule::Pair => "pair",
            Rule::Jwt => "jwt",
            Rule::Bearer => "bearer",
            Rule::ApiKey => "api_key",
            Rule::CardNumber => "card_number",
            Rule::PrivateKey => "private_key",
            Rule::Url => "url",
            Rule::Pattern => "pattern",
        }
    }
}

/// What a report calls the rule of a number.
pub fn rule_name(byte: u8) -> &'static str {
    Rule::from_byte(byte).map_or("unknown", Rule::name)
}

/// What a text is searched for unless the configuration says otherwise.
pub const LOOKS: [Rule; 7] = [
    Rule::Pair,
    Rule::Jwt,
    Rule::Bearer,
    Rule::ApiKey,
    Rule::CardNumber,
    Rule::PrivateKey,
    Rule::Url,
];

/// A configuration of redaction.
pub struct Rules {
    pub keys: Keys,
    /// A bit for each of `LOOKS` that is on.
    looks: u32,
    patterns: Vec<Regex>,
}

impl Default for Rules {
    fn default() -> Self {
        Rules {
            keys: Keys::default(),
            looks: LOOKS.iter().fold(0, |bits, rule| bits | 1 << *rule as u8),
            patterns: Vec::new(),
        }
    }
}

impl Rules {
    /// `parts` match anywhere in a name, `wholes` match a whole name; `looks` are rules of [`LOOKS`], `patterns` regular
    /// expressions.
    pub fn new(
        parts: &[String],
        wholes: &[String],
        looks: &[Rule],
        patterns: &[String],
    ) -> Result<Rules> {
        if parts.len() + wholes.len() + patterns.len() > limits::REDACTION_ENTRIES_MAX {
            return Err(Error::LimitExceeded {
                what: "keys and patterns of redaction",
                limit: limits::REDACTION_ENTRIES_MAX as u64,
            });
        }
        let compile = |text: &String| {
            Regex::new(text).map_err(|error| Error::Invalid {
                what: "pattern",
                detail: format!("{text:?} is no regular expression: {error}"),
            })
        };
        Ok(Rules {
            keys: Keys::new(parts, wholes)?,
            looks: looks.iter().fold(0, |bits, rule| bits | 1 << *rule as u8),
            patterns: patterns.iter().map(compile).collect::<Result<_>>()?,
        })
    }

    #[inline(always)]
    pub(super) fn looks_for(&self, rule: Rule) -> bool {
        self.looks >> rule as u8 & 1 == 1
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
