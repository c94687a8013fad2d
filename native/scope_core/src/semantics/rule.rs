//! Business rules: what code says may and may not be.
//!
//! Read from guards that compare values, functions that validate, conditions that end in an error, `with` chains,
//! changeset validations, constraints of migrations, and policy functions. A guard that only asks for a type is no rule.

use crate::ast::{Ast, Kind, NodeIx};
use crate::atoms::Atom;
use crate::source::{FunctionKind, ModuleType};

use super::changeset::changeset_rules;
use super::judged::Judged;
use super::policy::policy_rules;
use super::survey::{Survey, is_call};
use super::with_chain::with_chains;

/// One rule. Its node is the first of the judgement's.
#[derive(Clone, Debug)]
pub struct Rule {
    /// `guard`, `validation`, `changeset_validation`, `with_chain`, `policy`, `database_constraint`.
    pub kind: &'static str,
    pub name: String,
    /// As it is written.
    pub expression: String,
    /// Fields or parameters that it is about.
    pub subjects: Vec<Atom>,
    /// A number of the unit's clauses: where it stands.
    pub clause: Option<u32>,
}

/// Once there are so many, conditions and `with` chains add none: nobody reads more, and each is told as text.
pub const RULES_MAX: usize = 500;

/// The rules of a module, in the order of the source.
pub fn rules(survey: &Survey<'_>, kind: &Judged<ModuleType>) -> Vec<Judged<Rule>> {
    if kind.value == ModuleType::ExUnitCase {
        return Vec::new();
    }
    let mut found = Vec::new();
    guards(survey, kind, &mut found);
    validations(survey, &mut found);
    rejections(survey, &mut found);
    with_chains(survey, &mut found);
    changeset_rules(survey, kind, &mut found);
    policy_rules(survey, &mut found);
    found.sort_by_key(|one| one.nodes.first().copied());
    found
}

/// `name/arity` of the function that a clause belongs to.
pub fn clause_name(survey: &Survey<'_>, clause: u32) -> String {
    let function = survey.unit.clauses()[clause as usize].function;
    let one = &survey.unit.functions()[function as usize];
    format!("{}/{}", one.name.text(), one.arity)
}

/// The clauses of the module, with the functions they belong to.
pub fn clauses<'s>(survey: &'s Survey<'_>) -> impl Iterator<Item = (u32, u32)> + 's {
    survey.function_numbers().flat_map(|function| {
        let range = survey.unit.functions()[function as usize].clauses.clone();
        range.map(move |clause| (function, clause))
    })
}

const COMPARISONS: [&str; 9] = ["<", ">", "<=", ">=", "==", "!=", "===", "!==", "in"];

/// What a guard compares, and with what it compares: `Some(true)` when one side is a literal.
fn comparison(ast: &Ast, guard: NodeIx) -> Option<bool> {
    let mut literal = None;
    for ix in (guard.0..ast.end(guard)).map(NodeIx) {
        let name = ast.atom_of(ix, Kind::Call).map_or("", Atom::text);
        if COMPARISONS.contains(&name) {
            let is_literal = |one: NodeIx| {
                matches!(
                    ast.kind(one),
                    Kind::Atom
                        | Kind::Int
                        | Kind::Float
                        | Kind::Binary
                        | Kind::List
                        | Kind::WideInt
                ) || is_call(ast, one, "@")
                    || is_call(ast, one, "..")
            };
            let with_literal = ast.children(ix).any(is_literal);
            literal = Some(literal.unwrap_or(false) || with_literal);
        }
    }
    literal
}

fn variables(ast: &Ast, node: NodeIx) -> Vec<Atom> {
    let mut names = Vec::new();
    for ix in (node.0..ast.end(node)).map(NodeIx) {
        if matches!(ast.kind(ix), Kind::Var | Kind::VarIn)
            && let Some(name) = ast.atom(ix)
            && !names.contains(&name)
        {
            names.push(name);
        }
    }
    names
}

fn guards(survey: &Survey<'_>, kind: &Judged<ModuleType>, found: &mut Vec<Judged<Rule>>) {
    let ast = survey.ast;
    let domain = matches!(kind.value, ModuleType::EctoSchema | ModuleType::Struct);
    for (function, clause) in clauses(survey) {
        let node = survey.unit.clauses()[clause as usize].node;
        let written = ast.child(node, 0).filter(|&one| is_call(ast, one, "when"));
        let Some(guard) = written.and_then(|written| ast.child(written, 1)) else {
            continue;
        };
        let defined = matches!(
            survey.unit.functions()[function as usize].kind,
            FunctionKind::Defguard | FunctionKind::Defguardp
        );
        let (confidence, why) = match (defined, comparison(ast, guard)) {
            (true, Some(_)) => (0.8, "a guard with a name that compares values"),
            (true, None) => (0.6, "a guard with a name"),
            (false, Some(true)) if domain => (
                0.75,
                "a guard of a domain's data compares with a fixed value",
            ),
            (false, Some(true)) => (0.6, "a guard compares with a fixed value"),
            (false, Some(false)) => (0.5, "a guard compares two values"),
            (false, None) => continue,
        };
        let rule = Rule {
            kind: "guard",
            name: clause_name(survey, clause),
            expression: survey.text(guard),
            subjects: variables(ast, guard),
            clause: Some(clause),
        };
        found.push(Judged::new(rule, confidence, why, vec![guard]));
    }
}

const VALIDATING: [&str; 6] = ["validate", "verify", "ensure", "check", "assert", "reject"];

/// The name says that the function decides what is valid.
fn validating(name: &str) -> bool {
    let body = name.trim_end_matches(['!', '?']);
    VALIDATING.iter().any(|verb| {
        body.strip_prefix(verb)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
    }) || body == "valid"
        || body.ends_with("_valid")
        || (name.ends_with('?') && body.starts_with("valid_"))
}

fn validations(survey: &Survey<'_>, found: &mut Vec<Judged<Rule>>) {
    for function in survey.function_numbers() {
        let one = &survey.unit.functions()[function as usize];
        if !validating(one.name.text()) || one.kind.is_macro() || one.arity == 0 {
            continue;
        }
        let clauses = one.clauses.clone();
        let nodes: Vec<NodeIx> = clauses
            .clone()
            .map(|clause| survey.unit.clauses()[clause as usize].node)
            .collect();
        let rejects: Vec<NodeIx> = nodes
            .iter()
            .flat_map(|&node| (node.0..survey.ast.end(node)).map(NodeIx))
            .filter(|&ix| rejecting(survey.ast, ix))
            .collect();
        let (confidence, why) = match rejects.is_empty() && !one.name.text().ends_with('?') {
            true => (0.5, "its name says that it validates"),
            false => (0.8, "its name says that it validates, and it rejects"),
        };
        let mut all = vec![nodes[0]];
        all.extend(rejects);
        let rule = Rule {
            kind: "validation",
            name: format!("{}/{}", one.name.text(), one.arity),
            expression: crate::declare::signature(survey.unit, function),
            subjects: Vec::new(),
            clause: Some(clauses.start),
        };
        found.push(Judged::new(rule, confidence, why, all));
    }
}

/// `{:error, what}` with something fixed in it, or `raise`.
fn rejecting(ast: &Ast, ix: NodeIx) -> bool {
    match ast.kind(ix) {
        Kind::Pair => {
            let error = ast.atom(ix).is_some_and(|atom| atom.text() == "error");
            let what = ast.child(ix, 0);
            error && what.is_some_and(|what| !matches!(ast.kind(what), Kind::Var | Kind::VarIn))
        }
        Kind::Call => ast
            .atom(ix)
            .is_some_and(|name| matches!(name.text(), "raise" | "add_error")),
        _ => false,
    }
}

/// The last expression of a body.
fn last_expression(ast: &Ast, body: NodeIx) -> NodeIx {
    match is_call(ast, body, "__block__") {
        true => ast.children(body).last().unwrap_or(body),
        false => body,
    }
}

/// `if`, `unless` and `cond` that end in an error.
fn rejections(survey: &Survey<'_>, found: &mut Vec<Judged<Rule>>) {
    let ast = survey.ast;
    for (function, clause) in clauses(survey) {
        let name = survey.unit.functions()[function as usize].name;
        if validating(name.text()) {
            // The whole function is the rule.
            continue;
        }
        let node = survey.unit.clauses()[clause as usize].node;
        for ix in (node.0..ast.end(node)).map(NodeIx) {
            let construct = ast.atom_of(ix, Kind::Call).map_or("", Atom::text);
            let conditions = match construct {
                "if" | "unless" => branches(ast, ix),
                "cond" => arrows(ast, ix),
                _ => continue,
            };
            for (condition, body) in conditions {
                let last = last_expression(ast, body);
                if rejecting(ast, last) && found.len() < RULES_MAX {
                    let rule = Rule {
                        kind: "validation",
                        name: clause_name(survey, clause),
                        expression: format!(
                            "{construct} {} -> {}",
                            survey.text(condition),
                            survey.text(last)
                        ),
                        subjects: variables(ast, condition),
                        clause: Some(clause),
                    };
                    let why = "a condition that ends in an error";
                    found.push(Judged::new(rule, 0.6, why, vec![ix, last]));
                }
            }
        }
    }
}

/// Condition and body of each branch of `if` and `unless`.
fn branches(ast: &Ast, ix: NodeIx) -> Vec<(NodeIx, NodeIx)> {
    let (Some(condition), Some(list)) = (ast.child(ix, 0), ast.children(ix).last()) else {
        return Vec::new();
    };
    if ast.kind(list) != Kind::List {
        return Vec::new();
    }
    let bodies = ast
        .children(list)
        .filter(|&pair| ast.kind(pair) == Kind::Pair);
    bodies
        .filter_map(|pair| Some((condition, ast.child(pair, 0)?)))
        .collect()
}

fn arrows(ast: &Ast, ix: NodeIx) -> Vec<(NodeIx, NodeIx)> {
    let list = ast.child(ix, 0).and_then(|list| ast.child(list, 0));
    let clauses = list.and_then(|pair| ast.child(pair, 0));
    let Some(clauses) = clauses else {
        return Vec::new();
    };
    let arrows = ast.children(clauses).filter(|&one| is_call(ast, one, "->"));
    arrows
        .filter_map(|arrow| {
            let condition = ast.child(arrow, 0).and_then(|args| ast.child(args, 0))?;
            Some((condition, ast.child(arrow, 1)?))
        })
        .collect()
}
