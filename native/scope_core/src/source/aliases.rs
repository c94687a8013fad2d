//! What a module's name in the source stands for.
//!
//! Follows Elixir's lexical rules for what can be known without running macros: `alias` in all its
//! forms, `require ... as:`, `__MODULE__`, and the alias that a nested `defmodule` makes.

use xxhash_rust::xxh3::xxh3_64;

use crate::ast::{Ast, Kind, NodeIx};
use crate::atoms::{Atom, intern};
use crate::limits::ATOM_BYTES_MAX;

use super::names::function_text;
use super::words::{Word, atom, word};

/// A module's name: the text of its atom, or what stands for it when it is computed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Name {
    pub(crate) atom: Atom,
    pub(crate) dynamic: bool,
}

impl Name {
    pub(crate) fn known(text: &str) -> Name {
        Name {
            atom: intern(text),
            dynamic: false,
        }
    }

    /// `Module.concat(self, suffix)`.
    ///
    /// What is too long to be an atom of the BEAM cannot be compiled: a hash stands for it.
    pub(crate) fn concat(self, suffix: &str) -> Name {
        let base = self.atom.text();
        if base.len() + suffix.len() > ATOM_BYTES_MAX {
            let hash = xxh3_64(format!("{base}.{suffix}").as_bytes()) as u32;
            return Name {
                atom: intern(&format!("unquote({hash:08x})")),
                dynamic: true,
            };
        }
        let prefix = if self.dynamic || base == "Elixir" || base.starts_with("Elixir.") {
            ""
        } else {
            "Elixir."
        };
        let suffix = suffix.strip_prefix("Elixir.").unwrap_or(suffix);
        Name {
            atom: intern(&format!("{prefix}{base}.{suffix}")),
            dynamic: self.dynamic,
        }
    }
}

/// The aliases in force while a source is walked in preorder.
#[derive(Default)]
pub(crate) struct Aliases {
    /// First segment, what it stands for, and the entry at which that ends.
    stack: Vec<(Atom, Name, u32)>,
}

impl Aliases {
    /// Forgets what ended before this entry.
    pub(crate) fn leave(&mut self, at: u32) {
        while self.stack.last().is_some_and(|&(_, _, end)| end <= at) {
            self.stack.pop();
        }
    }

    pub(crate) fn add(&mut self, short: Atom, name: Name, end: u32) {
        self.stack.push((short, name, end));
    }

    /// The module that an expression names. Anything but an alias, an atom or `__MODULE__` is computed.
    pub(crate) fn resolve(&self, ast: &Ast, ix: NodeIx, current: Option<Name>) -> Name {
        match ast.kind(ix) {
            Kind::Atom => ast.atom(ix).map(|atom| Name {
                atom,
                dynamic: false,
            }),
            Kind::Var | Kind::VarIn if is(ast, ix, Word::CurrentModule) => current,
            Kind::Call if is(ast, ix, Word::Aliases) => self.resolve_segments(ast, ix, current),
            _ => None,
        }
        .unwrap_or_else(|| computed(ast, ix))
    }

    fn resolve_segments(&self, ast: &Ast, ix: NodeIx, current: Option<Name>) -> Option<Name> {
        let mut segments = ast.children(ix);
        let head = segments.next()?;
        let mut name = match ast.atom_of(head, Kind::Atom) {
            Some(first) if first == atom(Word::Elixir) => Name::known("Elixir"),
            Some(first) => self.first(first),
            None => self.resolve_head(ast, head, current),
        };
        for segment in segments {
            name = name.concat(ast.atom_of(segment, Kind::Atom)?.text());
        }
        Some(name)
    }

    /// The head of `__MODULE__.X` or `unquote(m).X`; never an alias itself, so this ends.
    fn resolve_head(&self, ast: &Ast, head: NodeIx, current: Option<Name>) -> Name {
        match current {
            Some(current) if is(ast, head, Word::CurrentModule) => current,
            _ => computed(ast, head),
        }
    }

    fn first(&self, first: Atom) -> Name {
        let found = self
            .stack
            .iter()
            .rev()
            .find(|(short, _, _)| *short == first);
        found.map_or_else(
            || Name::known(&format!("Elixir.{}", first.text())),
            |found| found.1,
        )
    }

    /// Takes in `alias A.B`, `alias A.{B, C}`, `alias A.B, as: C`, `require A.B, as: C`.
    pub(crate) fn directive(&mut self, ast: &Ast, ix: NodeIx, current: Option<Name>) {
        let mut args = ast.children(ix);
        let (Some(target), options) = (args.next(), args.next()) else {
            return;
        };
        let end = end_of_scope(ast, ix);
        let renamed = options.and_then(|options| keyword(ast, options, Word::As));
        if let Some(short) = renamed.and_then(|short| last_segment(ast, short)) {
            let name = self.resolve(ast, target, current);
            return self.add(short, name, end);
        }
        if is(ast, ix, Word::Require) {
            return;
        }
        if let Some((base, members)) = multi(ast, target) {
            let base = self.resolve(ast, base, current);
            for member in members {
                if let Some(short) = last_segment(ast, member) {
                    let segments = ast.children(member);
                    let texts = segments.filter_map(|one| ast.atom_of(one, Kind::Atom));
                    let name = texts.fold(base, |name, text| name.concat(text.text()));
                    self.add(short, name, end);
                }
            }
            return;
        }
        let name = self.resolve(ast, target, current);
        let short = last_segment(ast, target).or_else(|| {
            let last = name.atom.text().rsplit('.').next()?;
            (!name.dynamic).then(|| intern(last))
        });
        if let Some(short) = short {
            self.add(short, name, end);
        }
    }
}

/// `A.{B, C}`: the base and its members.
pub(super) fn multi(ast: &Ast, ix: NodeIx) -> Option<(NodeIx, impl Iterator<Item = NodeIx> + '_)> {
    if ast.kind(ix) != Kind::CallExpr {
        return None;
    }
    let mut parts = ast.children(ix);
    let form = parts.next().filter(|&form| ast.kind(form) == Kind::Call)?;
    let (base, name) = (ast.child(form, 0)?, ast.child(form, 1)?);
    let braces = is(ast, form, Word::Dot) && is(ast, name, Word::Braces);
    braces.then_some((base, parts))
}

fn last_segment(ast: &Ast, ix: NodeIx) -> Option<Atom> {
    if ast.kind(ix) != Kind::Call || !is(ast, ix, Word::Aliases) {
        return None;
    }
    ast.atom_of(ast.children(ix).last()?, Kind::Atom)
}

/// The value under a key of a literal keyword list.
pub(crate) fn keyword(ast: &Ast, list: NodeIx, key: Word) -> Option<NodeIx> {
    if ast.kind(list) != Kind::List {
        return None;
    }
    let pair = ast
        .children(list)
        .find(|&pair| ast.atom_of(pair, Kind::Pair) == Some(atom(key)))?;
    ast.child(pair, 0)
}

/// The entry is a call, a variable, a pair or an atom of this name.
pub(crate) fn is(ast: &Ast, ix: NodeIx, expected: Word) -> bool {
    ast.atom(ix) == Some(atom(expected))
}

/// What stands for a name that is computed: `unquote(name)` for a variable, else a hash.
pub(crate) fn computed(ast: &Ast, ix: NodeIx) -> Name {
    let inner = match ast.atom_of(ix, Kind::Call).and_then(word) {
        Some(Word::Unquote) => ast.child(ix, 0).unwrap_or(ix),
        _ => ix,
    };
    let text = match ast.atom_of(inner, Kind::Var) {
        Some(name) if !function_text(name).starts_with('"') => name.text().to_string(),
        _ => format!("{:08x}", ast.hash(inner) as u32),
    };
    Name {
        atom: intern(&format!("unquote({text})")),
        dynamic: true,
    }
}

/// Where the block that holds an entry ends: aliases last that long.
pub(crate) fn end_of_scope(ast: &Ast, ix: NodeIx) -> u32 {
    let mut at = ix;
    while let Some(parent) = ast.parent(at) {
        let ends = match ast.kind(parent) {
            Kind::Pair => true,
            Kind::Call => {
                matches!(
                    ast.atom(parent).and_then(word),
                    Some(Word::Arrow | Word::Fn)
                )
            }
            _ => false,
        };
        if ends {
            return ast.end(parent);
        }
        at = parent;
    }
    ast.len() as u32
}
