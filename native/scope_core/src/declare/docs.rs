//! Documentation: what is written, what it says, and how much of a module has any.

use crate::ast::{Ast, Kind, NodeIx};
use crate::source::{ModuleKind, Unit};

use super::brought::Brought;
use super::facts::{ModuleFacts, TypeKind};
use super::print::as_written;

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum DocText {
    #[default]
    None,
    /// `false`.
    Hidden,
    /// A literal text, or one that is computed when the module is compiled.
    Text(NodeIx),
}

/// A `@moduledoc`, `@doc` or `@typedoc`.
#[derive(Clone, Debug, Default)]
pub struct Doc {
    pub text: DocText,
    /// The attribute that gave the text, or else the first that gave metadata.
    pub node: Option<NodeIx>,
    /// Keyword lists: `@doc since: "1.2.0"`.
    pub metadata: Vec<NodeIx>,
}

impl Doc {
    /// Takes in one more `@doc value`.
    pub(super) fn say(&mut self, ast: &Ast, node: NodeIx, value: NodeIx) {
        let is = |text: &str| {
            ast.atom_of(value, Kind::Atom)
                .is_some_and(|atom| atom.text() == text)
        };
        let keywords = ast.kind(value) == Kind::List;
        if keywords {
            self.metadata.push(value);
            self.node = self.node.or(Some(node));
        } else if !is("nil") {
            self.text = match is("false") {
                true => DocText::Hidden,
                false => DocText::Text(value),
            };
            self.node = Some(node);
        }
    }

    /// The value under a key of the metadata.
    pub fn meta(&self, ast: &Ast, key: &str) -> Option<NodeIx> {
        let lists = self.metadata.iter().rev();
        let mut pairs = lists.flat_map(|&list| ast.children(list)).filter(|&pair| {
            ast.atom_of(pair, Kind::Pair)
                .is_some_and(|atom| atom.text() == key)
        });
        ast.child(pairs.next()?, 0)
    }

    pub fn is_text(&self) -> bool {
        matches!(self.text, DocText::Text(_))
    }
}

/// The text of a documentation, as far as it is literal: an interpolation stays as it is written. `None` for
/// one that is computed altogether.
pub fn doc_text(ast: &Ast, value: NodeIx) -> Option<String> {
    match ast.kind(value) {
        Kind::Binary => std::str::from_utf8(ast.binary(value)?)
            .ok()
            .map(str::to_string),
        Kind::Call => {
            let name = ast.atom(value)?.text();
            match name {
                // What the lower-case sigil escapes, the tokenizer left as it is.
                "sigil_S" => doc_text(ast, ast.child(value, 0)?),
                "sigil_s" => doc_text(ast, ast.child(value, 0)?).map(|text| unescaped(&text)),
                "<<>>" => {
                    let parts = ast.children(value).map(|part| match ast.binary(part) {
                        Some(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                        None => interpolation(ast, part),
                    });
                    Some(parts.collect())
                }
                _ => None,
            }
        }
        _ => None,
    }
}

/// `Kernel.to_string(x) :: binary` is `#{x}`.
fn interpolation(ast: &Ast, part: NodeIx) -> String {
    let inner = ast
        .child(part, 0)
        .filter(|&call| ast.kind(call) == Kind::CallExpr)
        .and_then(|call| ast.child(call, 1));
    format!("#{{{}}}", as_written(ast, inner.unwrap_or(part)))
}

fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, c == '\\') {
            (_, false) => out.push(c),
            _ => match chars.next() {
                Some('n') => out.push('\n'),
                Some('t') => out.push('\t'),
                Some('r') => out.push('\r'),
                Some('\n') | None => {}
                Some(other) => out.push(other),
            },
        }
    }
    out
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    Documented,
    Missing,
    /// `@doc false`, an implementation of a callback, or a name that begins with an underscore: not meant for
    /// readers.
    Hidden,
    Private,
}

impl Status {
    pub fn text(self) -> &'static str {
        match self {
            Status::Documented => "documented",
            Status::Missing => "missing",
            Status::Hidden => "hidden",
            Status::Private => "private",
        }
    }

    /// The score of one thing: 1 or 0; what leaves the count has none.
    pub fn score(self) -> Option<f64> {
        match self {
            Status::Documented => Some(1.0),
            Status::Missing => Some(0.0),
            Status::Hidden | Status::Private => None,
        }
    }
}

/// Whether a function is documented, as the compiler sees it (`Module.compile_definition_attributes`).
pub fn function_status(
    unit: &Unit,
    facts: &ModuleFacts,
    brought: &Brought,
    module: u32,
    offset: usize,
) -> Status {
    let definition = &unit.modules()[module as usize];
    let Some(function) = unit.functions_of_module(module).get(offset) else {
        return Status::Missing;
    };
    let Some(own) = facts.functions.get(offset) else {
        return Status::Missing;
    };
    if !function.kind.is_public() {
        return Status::Private;
    }
    let key = (function.name.text(), function.arity);
    let of_exception =
        definition.defines_exception && matches!(key, ("exception", 1) | ("message", 1));
    let silent = own.implements.is_some()
        || function.name.text().starts_with('_')
        || of_exception
        || brought
            .defines
            .iter()
            .any(|one| one.hidden && one.name == function.name && one.arity == function.arity);
    match own.doc.text {
        DocText::Text(_) => Status::Documented,
        DocText::Hidden => Status::Hidden,
        DocText::None if silent => Status::Hidden,
        DocText::None => Status::Missing,
    }
}

pub fn module_status(unit: &Unit, facts: &ModuleFacts, module: u32) -> Status {
    match facts.moduledoc.text {
        DocText::Text(_) => Status::Documented,
        DocText::Hidden => Status::Hidden,
        DocText::None if unit.modules()[module as usize].kind == ModuleKind::Impl => Status::Hidden,
        DocText::None => Status::Missing,
    }
}

/// Documented public functions, types and the module itself, over all of them. `None` when there is nothing to
/// document. The functions of an implementation are documented where their protocol is.
pub fn documentation_score(unit: &Unit, module: u32, brought: &Brought) -> Option<f64> {
    let declared = unit.declared();
    let facts = declared.module(module)?;
    let functions = match unit.modules()[module as usize].kind {
        ModuleKind::Impl => 0..0,
        _ => 0..facts.functions.len(),
    };
    let functions = functions.map(|at| function_status(unit, facts, brought, module, at));
    let types = facts.types.iter().filter(|one| one.kind != TypeKind::Typep);
    let types = types.map(|one| match one.doc.text {
        DocText::Text(_) => Status::Documented,
        DocText::Hidden => Status::Hidden,
        DocText::None => Status::Missing,
    });
    let all = functions
        .chain(types)
        .chain([module_status(unit, facts, module)]);
    let scores: Vec<f64> = all.filter_map(Status::score).collect();
    (!scores.is_empty()).then(|| scores.iter().sum::<f64>() / scores.len() as f64)
}
