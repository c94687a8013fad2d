//! Atoms made of what is only known at run time.

use crate::ast::{Ast, Kind, NodeIx};
use crate::source::calls::Form;
use crate::source::{FunctionKind, ModuleType, Unit};

use super::Finding;
use super::code::{arguments, input, is_call, is_literal, remote};
use super::kind::Smell;

pub(super) fn find(unit: &Unit, found: &mut Vec<Finding>) {
    // Scripts and tasks run once, for the person who wrote their input.
    if unit.file().ends_with(".exs") {
        return;
    }
    let ast = unit.ast();
    let sites = unit
        .call_sites()
        .filter(|site| !site.quoted && runs_later(unit, site.clause));
    for site in sites {
        let Some((module, name)) = remote(&site) else {
            continue;
        };
        let what = match (module, name, site.callee.arity) {
            ("Elixir.String", "to_atom", 1) => "String.to_atom",
            ("Elixir.List", "to_atom", 1) => "List.to_atom",
            ("erlang", "binary_to_atom", 1 | 2) => match ast.kind(site.node) {
                _ if is_interpolated(ast, site.node) => "an atom with #{}",
                _ => ":erlang.binary_to_atom",
            },
            ("erlang", "list_to_atom", 1) => ":erlang.list_to_atom",
            _ => continue,
        };
        let of_literal = matches!(site.form, Form::Plain | Form::Piped)
            && input(ast, site.node)
                .is_some_and(|from| is_literal(ast, from) && !is_text(ast, from));
        if !of_literal {
            let what = format!("{what} makes an atom of what it is given");
            // Whether it is input that comes so far, the source alone does not say; a text of fixed and changing parts is
            // mostly made for a few names that the program knows.
            let sure = if is_composed(ast, site.node) {
                0.4
            } else {
                0.6
            };
            found.push(Finding::new(Smell::AtomFromInput, site.node, what).confidence(sure));
        }
    }
}

/// Macros, guards and Mix tasks run while something is built.
fn runs_later(unit: &Unit, clause: Option<u32>) -> bool {
    let Some(clause) = clause else { return false };
    let function = &unit.functions()[unit.clauses()[clause as usize].function as usize];
    let module = &unit.modules()[function.module as usize];
    let is_task = module.module_type == ModuleType::MixTask || module.name.text().contains(".Mix.");
    let written = matches!(function.kind, FunctionKind::Def | FunctionKind::Defp);
    written && !is_task && !module.name.text().starts_with("Elixir.Mix.")
}

fn is_text(ast: &Ast, ix: NodeIx) -> bool {
    is_call(ast, ix, "<<>>")
}

fn is_composed(ast: &Ast, ix: NodeIx) -> bool {
    let from = input(ast, ix);
    from.is_some_and(|from| is_call(ast, from, "<<>>") || is_call(ast, from, "<>"))
}

fn is_interpolated(ast: &Ast, ix: NodeIx) -> bool {
    let first = arguments(ast, ix).next();
    first.is_some_and(|first| ast.kind(first) == Kind::Call && is_text(ast, first))
}
