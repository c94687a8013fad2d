//! What captures have to be, and where a match has to stand: a flat program in postfix order.

use regex_lite::{Regex, RegexBuilder};

use crate::atoms::{Atom, existing};
use crate::error::{Error, Result};
use crate::limits::{PATTERN_GUARD_STEPS_MAX, PATTERN_REGEX_BYTES_MAX};
use crate::query::Comparison;

use super::pattern::{Slot, invalid};

/// What a piece of code is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    Atom,
    Boolean,
    Nil,
    Integer,
    Float,
    Number,
    Binary,
    List,
    Keyword,
    Tuple,
    Map,
    Struct,
    Module,
    Variable,
    Call,
    LocalCall,
    RemoteCall,
    Function,
    Block,
    Literal,
    Pin,
}

impl Class {
    const NAMES: [(&'static str, Class); 21] = [
        ("atom", Class::Atom),
        ("boolean", Class::Boolean),
        ("nil", Class::Nil),
        ("integer", Class::Integer),
        ("float", Class::Float),
        ("number", Class::Number),
        ("binary", Class::Binary),
        ("list", Class::List),
        ("keyword", Class::Keyword),
        ("tuple", Class::Tuple),
        ("map", Class::Map),
        ("struct", Class::Struct),
        ("module", Class::Module),
        ("variable", Class::Variable),
        ("call", Class::Call),
        ("local_call", Class::LocalCall),
        ("remote_call", Class::RemoteCall),
        ("function", Class::Function),
        ("block", Class::Block),
        ("literal", Class::Literal),
        ("pin", Class::Pin),
    ];

    /// The class of a name, as `is_atom` in a guard has it behind its `is_`.
    pub fn named(name: &str) -> Option<Class> {
        let found = Class::NAMES.iter().find(|(other, _)| *other == name);
        found.map(|&(_, class)| class)
    }
}

/// A value that a guard compares with. An atom that nothing in this process has is none.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    Int(i64),
    Float(f64),
    Binary(Vec<u8>),
    Atom(Option<Atom>),
    Module(Option<Atom>),
}

impl Literal {
    pub fn atom(text: &str) -> Literal {
        Literal::Atom(existing(text))
    }

    pub fn module(text: &str) -> Literal {
        Literal::Module(existing(text))
    }
}

/// One step: tests push a boolean, the others take theirs from the stack. `usize` is a pattern's place in `roots`.
#[derive(Clone, Debug)]
pub enum Test {
    Is(Slot, Class),
    Compare(Slot, Comparison, Literal),
    In(Slot, Vec<Literal>),
    Same(Slot, Slot),
    /// How many things a `...x` took.
    Length(Slot, Comparison, i64),
    /// The text of a name or a string.
    Text(Slot, Regex),
    /// Something around the match.
    Inside(usize),
    /// Something in the capture.
    Contains(Slot, usize),
    /// An earlier statement of the block around the match.
    Follows(usize),
    /// A later one.
    Precedes(usize),
    And(u32),
    Or(u32),
    Not,
}

/// A regular expression of bounded size. It runs in linear time.
pub fn regex(text: &str, ignore_case: bool) -> Result<Regex> {
    if text.len() > PATTERN_REGEX_BYTES_MAX {
        return Err(Error::LimitExceeded {
            what: "bytes of a regular expression",
            limit: PATTERN_REGEX_BYTES_MAX as u64,
        });
    }
    RegexBuilder::new(text)
        .case_insensitive(ignore_case)
        .size_limit(PATTERN_REGEX_BYTES_MAX)
        .build()
        .map_err(|error| invalid(&format!("its regular expression: {error}")))
}

/// Tests that leave exactly one boolean; or none at all, which always holds.
#[derive(Clone, Debug, Default)]
pub struct Guard(Vec<Test>);

impl Guard {
    pub fn new(tests: Vec<Test>) -> Result<Guard> {
        if tests.len() > PATTERN_GUARD_STEPS_MAX {
            return Err(Error::LimitExceeded {
                what: "conditions of a pattern",
                limit: PATTERN_GUARD_STEPS_MAX as u64,
            });
        }
        let mut depth = 0usize;
        for test in &tests {
            let takes = match test {
                Test::And(n) | Test::Or(n) => *n as usize,
                Test::Not => 1,
                _ => 0,
            };
            depth = depth
                .checked_sub(takes)
                .ok_or_else(|| invalid("an operator of its guard lacks its operands"))?
                + 1;
        }
        if tests.is_empty() || depth == 1 {
            Ok(Guard(tests))
        } else {
            Err(invalid("its guard has more than one result"))
        }
    }

    pub(super) fn fits(&self, roots: usize, captures: usize) -> bool {
        let slot = |slot: Slot| usize::from(slot) < captures.max(1);
        self.0.iter().all(|test| match test {
            Test::Is(one, _)
            | Test::Compare(one, ..)
            | Test::In(one, _)
            | Test::Length(one, ..)
            | Test::Text(one, _) => slot(*one),
            Test::Same(one, other) => slot(*one) && slot(*other),
            Test::Contains(one, root) => slot(*one) && *root < roots,
            Test::Inside(root) | Test::Follows(root) | Test::Precedes(root) => *root < roots,
            Test::And(_) | Test::Or(_) | Test::Not => true,
        })
    }

    pub(super) fn tests(&self) -> &[Test] {
        &self.0
    }
}
