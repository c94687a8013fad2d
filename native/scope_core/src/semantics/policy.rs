//! Policy functions: who may do what.

use super::judged::Judged;
use super::rule::Rule;
use super::survey::Survey;

/// Endings of names of modules that hold policies.
const MODULES: [&str; 5] = [
    "Policy",
    "Policies",
    "Permissions",
    "Authorization",
    "Access",
];

fn deciding(name: &str) -> bool {
    let body = name.trim_end_matches(['!', '?']);
    matches!(
        body,
        "authorize" | "authorized" | "can" | "allow" | "allowed" | "permit" | "permitted" | "may"
    ) || body.starts_with("authorize_")
        || body.ends_with("_allowed")
        || body.ends_with("_permitted")
        || body.ends_with("_authorized")
        || (name.ends_with('?') && (body.starts_with("can_") || body.starts_with("may_")))
}

pub fn policy_rules(survey: &Survey<'_>, found: &mut Vec<Judged<Rule>>) {
    let implements = survey.implements();
    let bodyguard = implements
        .iter()
        .any(|one| one.module.text() == "Elixir.Bodyguard.Policy");
    let named = MODULES
        .iter()
        .any(|end| survey.last_segment().ends_with(end));
    for function in survey.function_numbers() {
        let one = &survey.unit.functions()[function as usize];
        if one.arity == 0 || one.kind.is_macro() || !deciding(one.name.text()) {
            continue;
        }
        let (confidence, why) = match (bodyguard, named) {
            (true, _) => (1.0, "it implements Bodyguard.Policy"),
            (_, true) => (
                0.85,
                "name of function and module say that it decides who may",
            ),
            _ => (0.65, "its name says that it decides who may"),
        };
        for clause in one.clauses.clone() {
            let definition = &survey.unit.clauses()[clause as usize];
            let Some(head) = survey.ast.child(definition.node, 0) else {
                continue;
            };
            if definition.bodiless {
                continue;
            }
            let rule = Rule {
                kind: "policy",
                name: format!("{}/{}", one.name.text(), one.arity),
                expression: survey.text(head),
                subjects: Vec::new(),
                clause: Some(clause),
            };
            found.push(Judged::new(rule, confidence, why, vec![definition.node]));
        }
    }
}
