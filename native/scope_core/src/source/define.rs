//! What a source defines.

use std::ops::Range;

use crate::ast::NodeIx;
use crate::atoms::Atom;
use crate::metrics::{ClauseMetrics, FunctionMetrics, ModuleMetrics};

use super::module_type::ModuleType;

/// Line and column from 1; 0 is "unknown" (an AST without that metadata).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Position {
    pub line: u32,
    pub column: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ModuleKind {
    Module,
    Protocol,
    Impl,
}

#[derive(Clone, Debug)]
pub struct ModuleDef {
    /// The text of the BEAM's atom, as `Elixir.My.Mod` or `my_mod`; when `dynamic`, what stands for
    /// the name in ids, as `unquote(name)`.
    pub name: Atom,
    /// The name is computed when the source runs.
    pub dynamic: bool,
    pub kind: ModuleKind,
    pub node: NodeIx,
    /// From 1, among the modules of this name in this file.
    pub occurrence: u32,
    /// Set when another file of the project defines this name too: 24 bits, see `Unit::with_qualifiers`.
    pub qualifier: Option<u32>,
    /// The enclosing module, an index into `Unit::modules`.
    pub parent: Option<u32>,
    /// Defined under an `if`, a `case`, a loop, ...
    pub conditional: bool,
    /// Defined when a function runs.
    pub in_function: bool,
    /// Its functions, indexes into `Unit::functions`.
    pub functions: Range<u32>,
    pub position: Position,
    pub end_line: u32,
    /// `use X`, aliases expanded.
    pub uses: Vec<Atom>,
    /// `@behaviour X`, aliases expanded.
    pub behaviours: Vec<Atom>,
    /// Of an implementation: the protocol, and for what.
    pub implements: Option<(Atom, Atom)>,
    /// `defstruct` stands in it.
    pub defines_struct: bool,
    /// `defexception` stands in it.
    pub defines_exception: bool,
    pub module_type: ModuleType,
    pub metrics: ModuleMetrics,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum FunctionKind {
    Def,
    Defp,
    Defmacro,
    Defmacrop,
    Defdelegate,
    Defguard,
    Defguardp,
    /// A function of a protocol.
    Callback,
}

impl FunctionKind {
    /// The name as written in the source; `callback` for a function of a protocol.
    pub fn text(self) -> &'static str {
        match self {
            FunctionKind::Def => "def",
            FunctionKind::Defp => "defp",
            FunctionKind::Defmacro => "defmacro",
            FunctionKind::Defmacrop => "defmacrop",
            FunctionKind::Defdelegate => "defdelegate",
            FunctionKind::Defguard => "defguard",
            FunctionKind::Defguardp => "defguardp",
            FunctionKind::Callback => "callback",
        }
    }

    pub fn is_public(self) -> bool {
        !matches!(
            self,
            FunctionKind::Defp | FunctionKind::Defmacrop | FunctionKind::Defguardp
        )
    }

    /// Compiled to `MACRO-name/arity+1`.
    pub fn is_macro(self) -> bool {
        matches!(
            self,
            FunctionKind::Defmacro
                | FunctionKind::Defmacrop
                | FunctionKind::Defguard
                | FunctionKind::Defguardp
        )
    }
}

#[derive(Clone, Debug)]
pub struct FunctionDef {
    /// An index into `Unit::modules`.
    pub module: u32,
    /// The name, or, when `dynamic`, what stands for it in ids, as `unquote(name)`.
    pub name: Atom,
    /// `def unquote(name)(...)`: the name is computed when the module is compiled. The arity is the
    /// number of arguments as written.
    pub dynamic: bool,
    pub arity: u32,
    pub kind: FunctionKind,
    /// Arguments with a default: the compiler makes `arity - defaults ..= arity` of it.
    pub defaults: u32,
    /// Its clauses, indexes into `Unit::clauses`.
    pub clauses: Range<u32>,
    pub position: Position,
    pub end_line: u32,
    pub metrics: FunctionMetrics,
}

#[derive(Clone, Debug)]
pub struct ClauseDef {
    /// An index into `Unit::functions`.
    pub function: u32,
    /// The whole definition, `def ... end`.
    pub node: NodeIx,
    /// 24 bits of the hash of kind and head, guards included.
    pub hash: u32,
    /// From 1, among the clauses of the function with this hash.
    pub occurrence: u32,
    pub position: Position,
    pub end_line: u32,
    /// A head only: it declares defaults or a protocol's function, and never runs.
    pub bodiless: bool,
    pub metrics: ClauseMetrics,
}
