//! The names that have a meaning for scope and flow, each interned once.

use std::collections::HashMap;
use std::sync::OnceLock;

use crate::ast::{Ast, Kind, NodeIx};
use crate::atoms::{Atom, intern};

macro_rules! forms {
    ($($variant:ident = $($text:literal)|+),* $(,)?) => {
        /// A name with a meaning. Several names with one meaning are one form.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub(crate) enum Form { $($variant),* }

        const ALL: &[(Form, &str)] = &[$($((Form::$variant, $text)),+),*];
    };
}

forms! {
    Match = "=",
    Pin = "^",
    Block = "__block__",
    Aliases = "__aliases__",
    Fn = "fn",
    Capture = "&",
    Arrow = "->",
    LeftArrow = "<-",
    When = "when",
    Default = "\\\\",
    Type = "::",
    Bits = "<<>>",
    Struct = "%",
    Map = "%{}",
    Braces = "{}",
    Cons = "|",
    Dot = ".",
    Pipe = "|>",
    At = "@",
    Minus = "-",
    Times = "*",
    Slash = "/",
    In = "in",
    Case = "case",
    Cond = "cond",
    If = "if" | "unless",
    For = "for",
    With = "with",
    Try = "try",
    Receive = "receive",
    ShortCircuit = "and" | "or" | "&&" | "||",
    MatchQuestion = "match?",
    Destructure = "destructure",
    Quote = "quote",
    Unquote = "unquote" | "unquote_splicing",
    VarBang = "var!",
    Binding = "binding",
    Super = "super",
    Raise = "raise" | "reraise" | "throw" | "exit",
    Defmodule = "defmodule" | "defprotocol" | "defimpl",
    Def = "def" | "defp" | "defmacro" | "defmacrop" | "defdelegate" | "defguard" | "defguardp",
    Test = "test" | "property",
    Setup = "setup" | "setup_all",
    AssertReceive = "assert_receive" | "assert_received" | "refute_receive" | "refute_received",
    From = "from",
    TypeAttribute = "type" | "typep" | "opaque" | "spec" | "callback" | "macrocallback",
    Do = "do",
    Else = "else",
    Rescue = "rescue",
    Catch = "catch",
    After = "after",
    BindQuoted = "bind_quoted",
    UnquoteOption = "unquote_option",
    Reduce = "reduce",
    Size = "size",
    Unit = "unit",
    // Written as variables, and none.
    Pseudo = "_" | "__MODULE__" | "__ENV__" | "__DIR__" | "__CALLER__" | "__STACKTRACE__" | "..." | "..",
}

fn table() -> &'static HashMap<Atom, Form, ahash::RandomState> {
    static TABLE: OnceLock<HashMap<Atom, Form, ahash::RandomState>> = OnceLock::new();
    TABLE.get_or_init(|| {
        ALL.iter()
            .map(|&(form, text)| (intern(text), form))
            .collect()
    })
}

/// The form that an atom is, if it is one.
#[inline]
pub(crate) fn form(atom: Atom) -> Option<Form> {
    table().get(&atom).copied()
}

/// The form of a call `name(...)`.
#[inline]
pub(crate) fn call_form(ast: &Ast, ix: NodeIx) -> Option<Form> {
    ast.atom_of(ix, Kind::Call).and_then(form)
}

/// The entry is a call of this form.
pub(crate) fn is_call(ast: &Ast, ix: NodeIx, expected: Form) -> bool {
    call_form(ast, ix) == Some(expected)
}

/// The entry is written as a variable, whatever it means there.
pub(crate) fn is_var(ast: &Ast, ix: NodeIx) -> bool {
    matches!(ast.kind(ix), Kind::Var | Kind::VarIn)
}

/// The pairs of a keyword list with an atom as key, as `(key, value)`. Nothing when it is no list.
pub(crate) fn pairs(ast: &Ast, list: NodeIx) -> impl Iterator<Item = (Atom, NodeIx)> + '_ {
    let children = (ast.kind(list) == Kind::List).then(|| ast.children(list));
    children.into_iter().flatten().filter_map(|pair| {
        let key = ast.atom_of(pair, Kind::Pair)?;
        Some((key, ast.child(pair, 0)?))
    })
}

/// A keyword list, and not an empty one.
pub(crate) fn is_keyword(ast: &Ast, list: NodeIx) -> bool {
    ast.kind(list) == Kind::List
        && ast.size(list) > 1
        && ast.children(list).all(|one| ast.kind(one) == Kind::Pair)
}

/// The operands of a call, and the lists of options and blocks that end it, as Elixir's own
/// `elixir_utils:split_opts/1` tells them apart.
pub(crate) struct Split {
    pub(crate) operands: Vec<NodeIx>,
    pub(crate) options: Vec<NodeIx>,
}

pub(crate) fn split(ast: &Ast, ix: NodeIx) -> Split {
    let mut operands: Vec<NodeIx> = ast.children(ix).collect();
    let mut options = Vec::new();
    for _ in 0..2 {
        match operands.last() {
            Some(&last) if is_keyword(ast, last) => {
                options.insert(0, last);
                operands.pop();
            }
            _ => break,
        }
    }
    Split { operands, options }
}

/// The value under a key in lists of options.
pub(crate) fn option(ast: &Ast, options: &[NodeIx], key: Form) -> Option<NodeIx> {
    let all = options.iter().flat_map(|&list| pairs(ast, list));
    all.filter(|&(name, _)| form(name) == Some(key))
        .map(|(_, value)| value)
        .next()
}

/// The clauses of a block: its `->` calls. Nothing when it is something else.
pub(crate) fn arrows(ast: &Ast, block: NodeIx) -> Vec<NodeIx> {
    if ast.kind(block) != Kind::List {
        return Vec::new();
    }
    ast.children(block)
        .filter(|&one| is_call(ast, one, Form::Arrow))
        .collect()
}

/// A clause `left -> right`, with the guard taken out of the left side.
pub(crate) struct Arrow {
    pub(crate) left: Vec<NodeIx>,
    pub(crate) guard: Option<NodeIx>,
    pub(crate) body: Option<NodeIx>,
}

pub(crate) fn arrow(ast: &Ast, ix: NodeIx) -> Arrow {
    let list = ast.child(ix, 0);
    let mut left: Vec<NodeIx> = match list {
        Some(list) if ast.kind(list) == Kind::List => ast.children(list).collect(),
        Some(other) => vec![other],
        None => Vec::new(),
    };
    let mut guard = None;
    if let [only] = left[..]
        && is_call(ast, only, Form::When)
    {
        left = ast.children(only).collect();
        guard = left.pop();
    }
    Arrow {
        left,
        guard,
        body: ast.child(ix, 1),
    }
}
