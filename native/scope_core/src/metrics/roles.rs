//! What a name means where it is called: a function, or a part of the language.

use std::collections::HashMap;
use std::sync::OnceLock;

use crate::ast::{Ast, Kind, NodeIx};
use crate::atoms::{Atom, intern};

/// What is called without being a function.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Role {
    /// `=`.
    Match,
    /// `@`.
    Attribute,
    /// `->`.
    Arrow,
    /// `if unless for try case cond and or && ||`: the conditions of ABC.
    Condition,
    /// `.`.
    Dot,
    /// `::`.
    Type,
    /// `__aliases__`.
    Alias,
    /// `__block__`.
    Block,
    /// `&`.
    Capture,
    /// Any other operator.
    Operator,
    /// A special form or definition.
    Special,
    /// `{}`, `%{}`, `%`, `<<>>`, sigils.
    Constructor,
}

const ROLES: &[(Role, &[&str])] = &[
    (Role::Match, &["="]),
    (Role::Attribute, &["@"]),
    (Role::Arrow, &["->"]),
    (
        Role::Condition,
        &[
            "if", "unless", "for", "try", "case", "cond", "and", "or", "&&", "||",
        ],
    ),
    (Role::Dot, &["."]),
    (Role::Type, &["::"]),
    (Role::Alias, &["__aliases__"]),
    (Role::Block, &["__block__"]),
    (Role::Capture, &["&"]),
    (
        Role::Operator,
        &[
            "!", "!=", "!==", "*", "**", "+", "++", "+++", "-", "--", "---", "..", "...", "..//",
            "/", "<", "<-", "<<<", "<<~", "<=", "<>", "<|>", "<~", "<~>", "==", "===", "=~", ">",
            ">=", ">>>", "\\\\", "^", "^^^", "|", "|>", "|||", "~>", "~>>", "~~~", "&&&", "in",
            "not", "not in", "when",
        ],
    ),
    (
        Role::Special,
        &[
            "fn",
            "with",
            "receive",
            "quote",
            "unquote",
            "unquote_splicing",
            "import",
            "require",
            "alias",
            "use",
            "def",
            "defp",
            "defmacro",
            "defmacrop",
            "defdelegate",
            "defguard",
            "defguardp",
            "defmodule",
            "defprotocol",
            "defimpl",
            "defstruct",
            "defexception",
            "defoverridable",
        ],
    ),
    (Role::Constructor, &["{}", "%{}", "%", "<<>>"]),
];

/// The role of a name, if it is no function's.
pub(super) fn role(name: Atom) -> Option<Role> {
    static TABLE: OnceLock<HashMap<Atom, Role, ahash::RandomState>> = OnceLock::new();
    let table = TABLE.get_or_init(|| {
        let each = |&(role, names): &(Role, &'static [&'static str])| {
            names.iter().map(move |name| (intern(name), role))
        };
        ROLES.iter().flat_map(each).collect()
    });
    let known = table.get(&name).copied();
    known.or_else(|| {
        let sigil = name.text().strip_prefix("sigil_");
        sigil.is_some_and(is_sigil).then_some(Role::Constructor)
    })
}

/// One small letter, or capitals: `sigil_args` is a function of somebody's.
fn is_sigil(name: &str) -> bool {
    let mut chars = name.chars();
    match chars.next() {
        Some(first) if first.is_ascii_lowercase() => chars.next().is_none(),
        Some(first) if first.is_ascii_uppercase() => {
            chars.all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
        }
        _ => false,
    }
}

pub(super) fn role_of(ast: &Ast, ix: NodeIx) -> Option<Role> {
    ast.atom_of(ix, Kind::Call).and_then(role)
}

/// The `A.f` of a call `A.f(x)`, or of `f.(x)`.
pub(super) fn dot_of(ast: &Ast, ix: NodeIx) -> Option<NodeIx> {
    let form = (ast.kind(ix) == Kind::CallExpr).then(|| NodeIx(ix.0 + 1))?;
    (role_of(ast, form) == Some(Role::Dot)).then_some(form)
}

/// What the parser writes as a remote call, and people do not: the module is an atom where they write an alias.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Generated {
    /// The `#{x}` of `"#{x}"`: `Kernel.to_string(x)`.
    Interpolation,
    /// `'#{x}'`: `List.to_charlist(["..."])`.
    Charlist,
    /// `:"#{x}"`: `:erlang.binary_to_atom(<<"...">>, :utf8)`, without parentheses.
    QuotedAtom,
}

/// What is generated, if it is.
pub(super) fn generated(ast: &Ast, ix: NodeIx) -> Option<Generated> {
    let mut parts = ast.children(dot_of(ast, ix)?);
    let base = ast.atom_of(parts.next()?, Kind::Atom)?;
    let name = ast.atom_of(parts.next()?, Kind::Atom)?;
    let mut arguments = ast.children(ix).skip(1);
    let (first, second) = (arguments.next()?, arguments.next());
    match (base.text(), name.text(), second) {
        ("Elixir.Kernel", "to_string", None) => Some(Generated::Interpolation),
        ("Elixir.List", "to_charlist", None) if ast.kind(first) == Kind::List => {
            Some(Generated::Charlist)
        }
        ("erlang", "binary_to_atom" | "binary_to_existing_atom", Some(_))
            if role_of(ast, first) == Some(Role::Constructor)
                && ast.meta_position(ix, intern("closing")).is_none() =>
        {
            Some(Generated::QuotedAtom)
        }
        _ => None,
    }
}

/// The `#{x}` of a string.
pub(super) fn is_interpolation(ast: &Ast, ix: NodeIx) -> bool {
    generated(ast, ix) == Some(Generated::Interpolation)
}

/// The arguments of a call are piped into: it has one more than it shows.
pub(super) fn is_piped_into(ast: &Ast, ix: NodeIx) -> bool {
    static PIPE: OnceLock<Atom> = OnceLock::new();
    let pipe = *PIPE.get_or_init(|| intern("|>"));
    ast.parent(ix).is_some_and(|parent| {
        ast.atom_of(parent, Kind::Call) == Some(pipe) && ast.child(parent, 1) == Some(ix)
    })
}

/// `A.f` in `&A.f/1`.
pub(super) fn is_captured(ast: &Ast, ix: NodeIx) -> bool {
    static SLASH: OnceLock<Atom> = OnceLock::new();
    let slash = *SLASH.get_or_init(|| intern("/"));
    let parent = ast
        .parent(ix)
        .filter(|&one| ast.atom_of(one, Kind::Call) == Some(slash) && one.0 + 1 == ix.0);
    let above = parent.and_then(|parent| ast.parent(parent));
    above.is_some_and(|above| role_of(ast, above) == Some(Role::Capture))
}
