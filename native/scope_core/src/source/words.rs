//! The names that extraction and metrics look for, each interned once.

use std::collections::HashMap;
use std::sync::OnceLock;

use crate::atoms::{Atom, intern};

macro_rules! words {
    ($($variant:ident = $text:literal),* $(,)?) => {
        /// A call with a meaning.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub(crate) enum Word { $($variant),* }

        const ALL: &[(Word, &str)] = &[$((Word::$variant, $text)),*];
    };
}

words! {
    Aliases = "__aliases__",
    Block = "__block__",
    CurrentModule = "__MODULE__",
    Attribute = "@",
    Alias = "alias",
    Require = "require",
    Use = "use",
    Behaviour = "behaviour",
    Quote = "quote",
    Unquote = "unquote",
    When = "when",
    Default = "\\\\",
    Dot = ".",
    Braces = "{}",
    Defmodule = "defmodule",
    Defprotocol = "defprotocol",
    Defimpl = "defimpl",
    Defstruct = "defstruct",
    Defexception = "defexception",
    Def = "def",
    Defp = "defp",
    Defmacro = "defmacro",
    Defmacrop = "defmacrop",
    Defdelegate = "defdelegate",
    Defguard = "defguard",
    Defguardp = "defguardp",
    If = "if",
    Unless = "unless",
    Case = "case",
    Cond = "cond",
    With = "with",
    For = "for",
    Try = "try",
    Receive = "receive",
    Fn = "fn",
    Capture = "&",
    Arrow = "->",
    LeftArrow = "<-",
    And = "and",
    Or = "or",
    AndAnd = "&&",
    OrOr = "||",
    Do = "do",
    Else = "else",
    Rescue = "rescue",
    Catch = "catch",
    After = "after",
    As = "as",
    End = "end",
    Elixir = "Elixir",
    Pipe = "|>",
    Slash = "/",
    Apply = "apply",
}

fn table() -> &'static HashMap<Atom, Word, ahash::RandomState> {
    static TABLE: OnceLock<HashMap<Atom, Word, ahash::RandomState>> = OnceLock::new();
    TABLE.get_or_init(|| {
        ALL.iter()
            .map(|&(word, text)| (intern(text), word))
            .collect()
    })
}

/// The word that an atom is, if it is one.
#[inline]
pub(crate) fn word(atom: Atom) -> Option<Word> {
    table().get(&atom).copied()
}

/// The atom of a word.
pub(crate) fn atom(word: Word) -> Atom {
    static ATOMS: OnceLock<Vec<Atom>> = OnceLock::new();
    ATOMS.get_or_init(|| ALL.iter().map(|&(_, text)| intern(text)).collect())[word as usize]
}
