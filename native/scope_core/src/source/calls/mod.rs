//! The calls of a file, each with what it calls, as far as the source alone can tell.
//!
//! Elixir's lexical rules are followed: `alias`, `require ... as:`, `import` with `only:` and `except:`,
//! `__MODULE__`, definitions of the module (which come before imports), pipes. Macros are not run: what a `use`
//! imports, aliases or defines is not seen here, and a name that nothing in sight defines is taken as local.

mod imports;
mod kernel;
mod read;
#[cfg(test)]
mod tests;
mod walk;

pub(crate) use kernel::is_form;
pub use read::Sites;
pub(super) use walk::calls;

use crate::ast::NodeIx;
use crate::atoms::Atom;

/// "Called with a list of arguments that is not known": the arity of `apply(Mod, :f, args)`.
pub const ANY_ARITY: u32 = u16::MAX as u32;

/// How a call is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Form {
    /// `f(x)`, `Mod.f(x)`, `Mod.f x`, an operator.
    Plain = 0,
    /// `x |> f()`: the arity counts what is piped in.
    Piped = 1,
    /// `&f/1`, `&Mod.f/1`; the node is the `&`.
    Capture = 2,
    /// `apply(Mod, :f, [x])`, with what is applied as callee.
    Apply = 3,
    /// `defdelegate f(x), to: Mod`, with the definition's node.
    Delegate = 4,
    /// `%Mod{}`: `Mod.__struct__/0`.
    Struct = 5,
    /// `use Mod`: the macro `Mod.__using__/1`.
    Use = 6,
    /// `super(x)`: the callee has the name of the function around it.
    Super = 7,
    /// `fun.(x)`.
    Anonymous = 8,
    /// `x.name` without parentheses: a map's field, or (rarely) a call.
    Field = 9,
    /// Module, name and arguments side by side, as `{Mod, :f, [x]}` or `spawn(Mod, :f, [x])`: whoever takes them may
    /// call it. The node is the name.
    Mfa = 10,
}

impl Form {
    const ALL: [Form; 11] = [
        Form::Plain,
        Form::Piped,
        Form::Capture,
        Form::Apply,
        Form::Delegate,
        Form::Struct,
        Form::Use,
        Form::Super,
        Form::Anonymous,
        Form::Field,
        Form::Mfa,
    ];

    /// The name in answers.
    pub fn text(self) -> &'static str {
        match self {
            Form::Plain => "plain",
            Form::Piped => "piped",
            Form::Capture => "capture",
            Form::Apply => "apply",
            Form::Delegate => "delegate",
            Form::Struct => "struct",
            Form::Use => "use",
            Form::Super => "super",
            Form::Anonymous => "anonymous",
            Form::Field => "field",
            Form::Mfa => "mfa",
        }
    }
}

/// Where the called function is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ModuleRef<'a> {
    Known(Atom),
    /// In the module around the call; or nothing in sight defines it (a macro did, most likely).
    Local,
    /// In one of these modules, all imported whole, or in the module itself if none of them exports it. The export
    /// tables of other files decide.
    Imported(&'a [Atom]),
    /// Decided when the call is made.
    Dynamic,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Callee<'a> {
    pub module: ModuleRef<'a>,
    /// What is called; when `CallSite::dynamic_name`, what stands for it.
    pub name: Atom,
    /// The number of arguments, those piped in too, or [`ANY_ARITY`].
    pub arity: u32,
}

/// One call of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CallSite<'a> {
    pub node: NodeIx,
    /// The module around it, a number of `Unit::modules`.
    pub module: Option<u32>,
    /// The clause around it, a number of `Unit::clauses`; none in the body of a module.
    pub clause: Option<u32>,
    pub callee: Callee<'a>,
    pub form: Form,
    /// In a `quote`: made where the quoted code goes, not here.
    pub quoted: bool,
    /// `Mod.unquote(name)(x)`, `apply(Mod, name, [])`: the name is computed.
    pub dynamic_name: bool,
}

/// 16 bytes for each call.
#[derive(Clone, Copy, Debug)]
struct Packed {
    node: u32,
    name: u32,
    /// `LOCAL`, `DYNAMIC`, `IMPORTED | set`, or an atom shifted by two.
    module: u32,
    arity: u16,
    form: u8,
    flags: u8,
}

const LOCAL: u32 = 0;
const DYNAMIC: u32 = 1;
const KNOWN: u32 = 2;
const IMPORTED: u32 = 1 << 31;

const QUOTED: u8 = 1;
const DYNAMIC_NAME: u8 = 2;

/// All calls of a file in preorder, and what its aliases stand for.
#[derive(Clone, Debug, Default)]
pub struct Calls {
    sites: Vec<Packed>,
    /// The distinct lists of modules that an unqualified name may come from.
    candidates: Vec<Box<[Atom]>>,
    /// Alias nodes with the modules they name, by node.
    modules: Vec<(u32, Atom)>,
}
