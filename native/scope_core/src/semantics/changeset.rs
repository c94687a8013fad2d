//! Validations of changesets, and the constraints that migrations put into the database.

use crate::ast::{Kind, NodeIx};
use crate::atoms::Atom;
use crate::source::ModuleType;
use crate::source::calls::{CallSite, Form, ModuleRef};

use super::judged::Judged;
use super::rule::{Rule, clause_name};
use super::survey::{Survey, arguments, callee, is_call, option};

/// Functions of `Ecto.Changeset` that state a rule.
const VALIDATIONS: [&str; 20] = [
    "validate_required",
    "validate_format",
    "validate_length",
    "validate_number",
    "validate_inclusion",
    "validate_exclusion",
    "validate_subset",
    "validate_acceptance",
    "validate_confirmation",
    "validate_change",
    "unsafe_validate_unique",
    "unique_constraint",
    "foreign_key_constraint",
    "assoc_constraint",
    "no_assoc_constraint",
    "check_constraint",
    "exclusion_constraint",
    "optimistic_lock",
    "cast_assoc",
    "add_error",
];

const CHANGESET: &str = "Elixir.Ecto.Changeset";

pub fn changeset_rules(
    survey: &Survey<'_>,
    kind: &Judged<ModuleType>,
    found: &mut Vec<Judged<Rule>>,
) {
    for call in survey.calls() {
        let name = call.callee.name.text();
        if call.clause.is_some() && VALIDATIONS.contains(&name) {
            validation(survey, call, found);
        } else if kind.value == ModuleType::EctoMigration {
            constraint(survey, call, found);
        }
    }
}

fn validation(survey: &Survey<'_>, call: &CallSite<'_>, found: &mut Vec<Judged<Rule>>) {
    let imported = |modules: &[Atom]| modules.iter().any(|one| one.text() == CHANGESET);
    let (confidence, why) = match call.callee.module {
        ModuleRef::Known(module) if module.text() == CHANGESET => (1.0, "a call of Ecto.Changeset"),
        ModuleRef::Known(_) | ModuleRef::Dynamic => return,
        ModuleRef::Imported(modules) if imported(modules) => (0.98, "Ecto.Changeset is imported"),
        _ if survey.brought.imports(CHANGESET) => (0.95, "use brings the import of Ecto.Changeset"),
        // A function of its own of that name is not Ecto's.
        _ if survey
            .functions()
            .iter()
            .any(|one| one.name == call.callee.name) =>
        {
            return;
        }
        _ => (0.8, "a name of Ecto.Changeset"),
    };
    if matches!(call.callee.name.text(), "cast_assoc" | "add_error") && confidence < 0.9 {
        return;
    }
    let args = arguments(survey.ast, call.node);
    let skip = usize::from(call.form != Form::Piped);
    let mut fields = args.iter().skip(skip);
    let subjects = fields
        .next()
        .map_or(Vec::new(), |&one| survey.atoms_of(one));
    let rule = Rule {
        kind: "changeset_validation",
        name: call.callee.name.text().to_string(),
        expression: survey.text(call.node),
        subjects,
        clause: call.clause,
    };
    found.push(Judged::new(rule, confidence, why, vec![call.node]));
}

/// `create constraint(...)`, `create unique_index(...)`, `add :field, :type, null: false`.
fn constraint(survey: &Survey<'_>, call: &CallSite<'_>, found: &mut Vec<Judged<Rule>>) {
    let ast = survey.ast;
    if callee(call).is_some() {
        return;
    }
    let args = arguments(ast, call.node);
    let name = call.callee.name.text();
    let is_true = |list: Option<&NodeIx>, key: &str, text: &str| {
        list.and_then(|&list| option(ast, list, key))
            .is_some_and(|value| survey.text(value) == text)
    };
    let why = match name {
        "constraint" | "unique_index" | "exclude_constraint" => "the database enforces it",
        "index" if is_true(args.last(), "unique", "true") => "the database enforces it",
        "add" | "modify" if is_true(args.last(), "null", "false") => "the column is never null",
        _ => return,
    };
    let about = match name {
        "add" | "modify" => args.first(),
        _ => args.get(1),
    };
    let subjects = about.map_or(Vec::new(), |&one| survey.atoms_of(one));
    let whole = ast
        .parent(call.node)
        .filter(|&parent| is_call(ast, parent, "create") || ast.kind(parent) == Kind::CallExpr)
        .unwrap_or(call.node);
    let rule = Rule {
        kind: "database_constraint",
        name: call
            .clause
            .map_or(name.to_string(), |clause| clause_name(survey, clause)),
        expression: survey.text(whole),
        subjects,
        clause: call.clause,
    };
    found.push(Judged::new(rule, 0.9, why, vec![call.node]));
}
