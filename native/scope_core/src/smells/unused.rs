//! Private functions that nothing leads to.
//!
//! Reachable is what public functions and the module's body mention, and what these mention in turn: calls, captures,
//! and any atom of that name (a `plug :name`, an `apply`). Where code is made up at compile time (`unquote` as the name of
//! a call or definition) or stands in templates, nothing is said. What macros of other modules leave in a module may
//! call its private functions by name: `quoted_calls` tells which names those are.

use std::collections::HashMap;

use crate::ast::{Ast, Kind, NodeIx};
use crate::atoms::Atom;
use crate::source::calls::ModuleRef;
use crate::source::head::head_call;
use crate::source::{FunctionKind, Unit};

use super::Finding;
use super::code::is_call;
use super::kind::Smell;

pub(super) fn find(unit: &Unit, found: &mut Vec<Finding>) {
    for module in 0..unit.modules().len() as u32 {
        let functions = unit.functions_of_module(module);
        let private = functions.iter().any(|one| !one.kind.is_public());
        if private && functions.iter().all(|one| !one.dynamic) {
            module_of(unit, module, found);
        }
    }
}

/// What is mentioned: a name with its arity, or the name alone.
type Mention = (Atom, Option<u32>);

fn module_of(unit: &Unit, number: u32, found: &mut Vec<Finding>) {
    let module = &unit.modules()[number as usize];
    let functions = unit.functions_of_module(number);
    let first = module.functions.start;
    let mut by_name: HashMap<Atom, Vec<usize>, ahash::RandomState> = HashMap::default();
    for (at, function) in functions.iter().enumerate() {
        by_name.entry(function.name).or_default().push(at);
    }
    let Some(mentions) = Mentions::read(unit, number, &by_name) else {
        return;
    };
    let public = (0..functions.len()).filter(|&at| functions[at].kind.is_public());
    let mut reached = vec![false; functions.len()];
    let mut next: Vec<usize> = public.collect();
    let lead_to = |mention: &Mention, next: &mut Vec<usize>| {
        let (name, arity) = *mention;
        let named = by_name.get(&name).map_or(&[][..], Vec::as_slice);
        let fits = |&at: &usize| {
            let one = &functions[at];
            arity.is_none_or(|arity| arity <= one.arity && one.arity - one.defaults <= arity)
        };
        let exact: Vec<usize> = named.iter().copied().filter(fits).collect();
        // A macro may add arguments.
        next.extend(if exact.is_empty() { named } else { &exact });
    };
    mentions
        .of_body
        .iter()
        .for_each(|one| lead_to(one, &mut next));
    while let Some(at) = next.pop() {
        if !std::mem::replace(&mut reached[at], true) {
            mentions.of_function[at]
                .iter()
                .for_each(|one| lead_to(one, &mut next));
        }
    }
    for (at, function) in functions.iter().enumerate().filter(|(at, _)| !reached[*at]) {
        let node = unit.clauses()[function.clauses.start as usize].node;
        let kind = match function.kind {
            FunctionKind::Defp => "function",
            FunctionKind::Defguardp => "guard",
            _ => "macro",
        };
        let what = format!(
            "private {kind} {} is never called",
            unit.function_id(first + at as u32)
        );
        // What a `use` puts there may call it.
        let sure = if module.uses.is_empty() { 1.0 } else { 0.9 };
        found.push(Finding::new(Smell::UnusedPrivateFunction, node, what).confidence(sure));
    }
}

/// The names that quoted code of a file calls without saying of which module.
pub fn quoted_calls(unit: &Unit) -> impl Iterator<Item = Atom> + '_ {
    let quoted = unit.call_sites().filter(|site| site.quoted);
    quoted
        .filter(|site| {
            matches!(
                site.callee.module,
                ModuleRef::Local | ModuleRef::Imported(_)
            )
        })
        .map(|site| site.callee.name)
}

struct Mentions {
    of_body: Vec<Mention>,
    of_function: Vec<Vec<Mention>>,
}

impl Mentions {
    /// None when the module calls what only the compiler can know.
    fn read(
        unit: &Unit,
        number: u32,
        names: &HashMap<Atom, Vec<usize>, ahash::RandomState>,
    ) -> Option<Mentions> {
        let ast = unit.ast();
        let module = &unit.modules()[number as usize];
        let functions = unit.functions_of_module(number);
        let mut clauses: Vec<(NodeIx, usize)> = functions
            .iter()
            .enumerate()
            .flat_map(|(at, function)| {
                let clauses = function.clauses.clone();
                clauses.map(move |clause| (unit.clauses()[clause as usize].node, at))
            })
            .collect();
        clauses.sort_unstable();
        let mut mentions = Mentions {
            of_body: Vec::new(),
            of_function: vec![Vec::new(); functions.len()],
        };
        let (mut at, end) = (module.node.0, ast.end(module.node));
        let mut clause = 0;
        let mut head = None;
        while at < end {
            let ix = NodeIx(at);
            while clause + 1 < clauses.len() && clauses[clause + 1].0 <= ix {
                clause += 1;
            }
            let owner = clauses
                .get(clause)
                .filter(|(node, _)| ast.contains(*node, ix));
            if let Some((node, _)) = owner.filter(|(node, _)| *node == ix) {
                head = head_call(ast, *node);
            }
            if is_specification(ast, ix) {
                at = ast.end(ix);
                continue;
            }
            if is_made_up(ast, ix) {
                return None;
            }
            at += 1;
            if head == Some(ix) {
                continue;
            }
            let list = match owner {
                Some((_, function)) => &mut mentions.of_function[*function],
                None => &mut mentions.of_body,
            };
            let known = ast.atom(ix).filter(|name| names.contains_key(name));
            if let Some(name) = known {
                list.push((name, arity_of(ast, ix)));
            }
            // Templates call functions in their text.
            let text = ast.binary(ix).map(String::from_utf8_lossy);
            if let Some(text) = text.filter(|text| text.contains("<%") || is_in_sigil(ast, ix)) {
                let named = names.keys().filter(|name| text.contains(name.text()));
                list.extend(named.map(|name| (*name, None)));
            }
        }
        Some(mentions)
    }
}

/// The arity that a mention shows.
fn arity_of(ast: &Ast, ix: NodeIx) -> Option<u32> {
    match ast.kind(ix) {
        Kind::Call => {
            let piped = ast
                .parent(ix)
                .is_some_and(|one| is_call(ast, one, "|>") && one.0 + 1 != ix.0);
            Some(ast.children(ix).count() as u32 + u32::from(piped))
        }
        Kind::Var | Kind::VarIn => {
            let slash = ast
                .parent(ix)
                .filter(|&one| is_call(ast, one, "/") && one.0 + 1 == ix.0);
            let arity = slash
                .and_then(|slash| ast.child(slash, 1))
                .and_then(|one| ast.int(one));
            Some(arity.map_or(0, |arity| u32::try_from(arity).unwrap_or(0)))
        }
        _ => None,
    }
}

/// `@spec f(x) :: y`, `@compile inline: [f: 1]`: it names the function, and calls nothing.
fn is_specification(ast: &Ast, ix: NodeIx) -> bool {
    const NAMES: [&str; 9] = [
        "spec",
        "type",
        "typep",
        "opaque",
        "callback",
        "macrocallback",
        "compile",
        "dialyzer",
        "doc",
    ];
    let inner = is_call(ast, ix, "@").then(|| ast.child(ix, 0)).flatten();
    inner
        .and_then(|inner| ast.atom_of(inner, Kind::Call))
        .is_some_and(|name| NAMES.contains(&name.text()))
}

/// `unquote(name)(x)`, templates.
fn is_made_up(ast: &Ast, ix: NodeIx) -> bool {
    const TEMPLATES: [&str; 2] = ["function_from_file", "function_from_string"];
    match ast.kind(ix) {
        Kind::CallExpr => is_call(ast, NodeIx(ix.0 + 1), "unquote"),
        Kind::Call if is_call(ast, ix, "use") => uses_templates(ast, ix),
        // `embed_templates` of Phoenix, `embed_template` and `embed_text` of Mix.Generator.
        Kind::Call => ast
            .atom(ix)
            .is_some_and(|name| name.text().starts_with("embed_te")),
        Kind::Atom => ast
            .atom(ix)
            .is_some_and(|name| TEMPLATES.contains(&name.text())),
        _ => false,
    }
}

/// `use MyAppWeb, :view`, `use Phoenix.Component`: a template in a file of its own may belong to the module.
fn uses_templates(ast: &Ast, ix: NodeIx) -> bool {
    let kind = ast.child(ix, 1).map(|option| ast.kind(option));
    let last = ast
        .child(ix, 0)
        .filter(|&used| is_call(ast, used, "__aliases__"))
        .and_then(|alias| ast.children(alias).last())
        .and_then(|last| ast.atom_of(last, Kind::Atom));
    kind == Some(Kind::Atom)
        || last.is_some_and(|last| {
            matches!(
                last.text(),
                "View" | "Component" | "LiveView" | "LiveComponent" | "Template"
            )
        })
}

fn is_in_sigil(ast: &Ast, ix: NodeIx) -> bool {
    let binary = ast.parent(ix).filter(|&one| is_call(ast, one, "<<>>"));
    binary
        .and_then(|binary| ast.parent(binary))
        .and_then(|sigil| ast.atom_of(sigil, Kind::Call))
        .is_some_and(|name| {
            let sigil = name.text().strip_prefix("sigil_");
            sigil.is_some_and(|name| name.starts_with(|c: char| c.is_ascii_uppercase()))
        })
}
