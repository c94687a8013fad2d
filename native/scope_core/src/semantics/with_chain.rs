//! `with` chains: steps that all have to succeed.

use crate::ast::{Kind, NodeIx};

use super::judged::Judged;
use super::rule::{RULES_MAX, Rule, clause_name};
use super::survey::{Survey, is_call};

pub fn with_chains(survey: &Survey<'_>, found: &mut Vec<Judged<Rule>>) {
    let ast = survey.ast;
    for (_, clause) in super::rule::clauses(survey) {
        let node = survey.unit.clauses()[clause as usize].node;
        for ix in (node.0..ast.end(node)).map(NodeIx) {
            if !is_call(ast, ix, "with") {
                continue;
            }
            let steps: Vec<NodeIx> = ast
                .children(ix)
                .filter(|&one| is_call(ast, one, "<-"))
                .collect();
            if steps.len() < 2 || found.len() >= RULES_MAX {
                continue;
            }
            let otherwise = ast.children(ix).last().is_some_and(|list| {
                ast.kind(list) == Kind::List
                    && ast.children(list).any(|pair| {
                        ast.atom_of(pair, Kind::Pair)
                            .is_some_and(|key| key.text() == "else")
                    })
            });
            let (confidence, why) = match otherwise {
                true => (
                    0.7,
                    "steps that all have to succeed, and what follows when one does not",
                ),
                false => (0.55, "steps that all have to succeed"),
            };
            let shown: Vec<String> = steps.iter().map(|&step| survey.text(step)).collect();
            let rule = Rule {
                kind: "with_chain",
                name: clause_name(survey, clause),
                expression: shown.join(", "),
                subjects: Vec::new(),
                clause: Some(clause),
            };
            let nodes = [vec![ix], steps].concat();
            found.push(Judged::new(rule, confidence, why, nodes));
        }
    }
}
