//! Long functions, deep nesting, large modules, many parameters.

use crate::ast::{Kind, NodeIx};
use crate::source::head::head_call;
use crate::source::{FunctionKind, Unit};

use super::kind::{Smell, Thresholds};
use super::{Finding, code};

pub(super) fn find(unit: &Unit, thresholds: &Thresholds, found: &mut Vec<Finding>) {
    for clause in unit.clauses() {
        let lines = clause.metrics.lines_of_code;
        if lines > thresholds.long_function_lines {
            let what = format!("{lines} lines of code in one clause");
            let finding = Finding::new(Smell::LongFunction, clause.node, what);
            found.push(finding.measured(f64::from(lines)));
        }
        let depth = clause.metrics.nesting_depth;
        if depth > thresholds.nesting_levels {
            let path = deepest(unit, clause.node, thresholds.nesting_levels);
            if let Some((&node, around)) = path.split_last() {
                let what = format!("nested {depth} levels deep");
                let finding = Finding::new(Smell::DeepNesting, node, what);
                found.push(finding.measured(f64::from(depth)).related(around.to_vec()));
            }
        }
    }
    for (module, number) in unit.modules().iter().zip(0..) {
        let functions = unit.functions_of_module(number);
        let lines: u32 = functions.iter().map(|one| one.metrics.lines_of_code).sum();
        if lines > thresholds.large_module_lines {
            let what = format!("{lines} lines of code in {} functions", functions.len());
            let finding = Finding::new(Smell::LargeModule, module.node, what);
            found.push(finding.measured(f64::from(lines)));
        }
    }
    for function in unit.functions() {
        let written = matches!(function.kind, FunctionKind::Def | FunctionKind::Defp);
        if written && function.arity > thresholds.parameters {
            let node = unit.clauses()[function.clauses.start as usize].node;
            let what = format!("{} parameters", function.arity);
            let finding = Finding::new(Smell::ManyParameters, node, what);
            found.push(finding.measured(f64::from(function.arity)));
        }
    }
}

/// The constructs around the first one that is nested deeper than `levels`, and that one last.
fn deepest(unit: &Unit, clause: NodeIx, levels: u32) -> Vec<NodeIx> {
    const NESTING: [&str; 7] = ["if", "unless", "case", "cond", "fn", "for", "with"];
    let ast = unit.ast();
    let head = head_call(ast, clause);
    let mut open: Vec<NodeIx> = Vec::new();
    for ix in code::subtree(ast, clause) {
        open.retain(|&one| ast.contains(one, ix));
        let name = ast.atom_of(ix, Kind::Call).filter(|_| Some(ix) != head);
        if name.is_some_and(|name| NESTING.contains(&name.text())) {
            open.push(ix);
            if open.len() as u32 > levels {
                return open;
            }
        }
    }
    Vec::new()
}
