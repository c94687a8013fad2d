//! Fills the figures of a unit, one walk over each clause.

use std::collections::HashMap;

use crate::ast::{Ast, Kind, NodeIx};
use crate::atoms::Atom;
use crate::source::Unit;
use crate::source::head::head_call;
use crate::source::words::{Word, atom, word};

use super::clause::{ClauseMetrics, FunctionMetrics, ModuleMetrics};
use super::cognitive::Cognitive;
use super::cyclomatic::{credo_of, mccabe_of};
use super::is_module_definition;
use super::nesting::Nesting;
use super::recursion::recursive;

/// Functions of one module by name and arity, defaults included.
type Locals = HashMap<(Atom, u32), u32, ahash::RandomState>;

pub(crate) fn measure(unit: &mut Unit) {
    for module in 0..unit.modules.len() {
        let range = unit.modules[module].functions.clone();
        let locals = locals(unit, module);
        let mut edges = Vec::with_capacity(range.len());
        for function in range.clone() {
            let mut calls = Vec::new();
            measure_function(unit, function, &locals, &mut calls);
            calls.sort_unstable();
            calls.dedup();
            edges.push(calls);
        }
        for (function, recursive) in range.zip(recursive(&edges)) {
            let metrics = &mut unit.functions[function as usize].metrics;
            metrics.cognitive_complexity += u32::from(recursive);
        }
        unit.modules[module].metrics = module_metrics(unit, module);
    }
}

fn locals(unit: &Unit, module: usize) -> Locals {
    let mut locals = Locals::default();
    let functions = unit.functions_of_module(module as u32);
    for (number, function) in functions.iter().enumerate().filter(|(_, one)| !one.dynamic) {
        for arity in function.arity.saturating_sub(function.defaults)..=function.arity {
            locals
                .entry((function.name, arity))
                .or_insert(number as u32);
        }
    }
    locals
}

fn measure_function(unit: &mut Unit, number: u32, locals: &Locals, calls: &mut Vec<u32>) {
    let clauses = unit.functions[number as usize].clauses.clone();
    let mut total = FunctionMetrics::default();
    let mut heads = 0u32;
    for clause in clauses {
        let definition = &unit.clauses[clause as usize];
        heads += u32::from(!definition.bodiless);
        let mut walk = ClauseWalk::new(&unit.ast, locals, calls);
        walk.run(definition.node);
        let lines_of_code = unit
            .code_lines
            .count(definition.position.line, definition.end_line);
        let own = ClauseMetrics {
            cyclomatic_complexity: walk.mccabe + 1,
            credo_cyclomatic: walk.credo,
            cognitive_complexity: walk.cognitive.cost,
            nesting_depth: walk.nesting.deepest,
            lines_of_code,
        };
        total.cyclomatic_complexity += walk.mccabe;
        total.cognitive_complexity += walk.cognitive.cost;
        total.nesting_depth = total.nesting_depth.max(walk.nesting.deepest);
        total.credo_cyclomatic = total.credo_cyclomatic.max(own.credo_cyclomatic);
        total.lines_of_code += own.lines_of_code;
        unit.clauses[clause as usize].metrics = own;
    }
    total.cyclomatic_complexity += heads.max(1);
    total.cognitive_complexity += u32::from(heads > 1);
    unit.functions[number as usize].metrics = total;
}

/// One walk over one clause, in preorder. Modules defined in it count for themselves, but to Credo.
struct ClauseWalk<'a> {
    ast: &'a Ast,
    locals: &'a Locals,
    calls: &'a mut Vec<u32>,
    mccabe: u32,
    credo: u32,
    cognitive: Cognitive,
    nesting: Nesting,
}

impl<'a> ClauseWalk<'a> {
    fn new(ast: &'a Ast, locals: &'a Locals, calls: &'a mut Vec<u32>) -> Self {
        ClauseWalk {
            ast,
            locals,
            calls,
            mccabe: 0,
            credo: 0,
            cognitive: Cognitive::default(),
            nesting: Nesting::default(),
        }
    }

    fn run(&mut self, node: NodeIx) {
        let head = head_call(self.ast, node);
        let (mut at, end) = (node.0, self.ast.end(node));
        // Where a module in this function ends.
        let mut inner = 0;
        while at < end {
            let ix = NodeIx(at);
            let word = self.ast.atom_of(ix, Kind::Call).and_then(word);
            // Credo's walk tells neither a head from a call nor a module in a function from other code; the others do.
            self.credo += word.map_or(0, |word| credo_of(self.ast, ix, word));
            if at < inner {
                at += 1;
                continue;
            }
            if is_module_definition(self.ast, ix) {
                inner = self.ast.end(ix);
                at += 1;
                continue;
            }
            let word = word.filter(|_| Some(ix) != head);
            self.nesting.visit(at, self.ast.end(ix), word);
            self.cognitive.visit(self.ast, ix, word);
            match word {
                Some(Word::Capture) => self.capture(ix),
                Some(word) => self.mccabe += mccabe_of(self.ast, ix, word),
                None if Some(ix) != head => self.call(ix),
                None => {}
            }
            at += 1;
        }
    }

    /// `f(x)` and `x |> f()`.
    fn call(&mut self, ix: NodeIx) {
        let Some(name) = self.ast.atom_of(ix, Kind::Call) else {
            return;
        };
        let piped = self.ast.parent(ix).is_some_and(|parent| {
            self.ast.atom_of(parent, Kind::Call) == Some(atom(Word::Pipe))
                && self.ast.child(parent, 1) == Some(ix)
        });
        let arity = self.ast.children(ix).count() as u32 + u32::from(piped);
        self.calls.extend(self.locals.get(&(name, arity)));
    }

    /// `&f/1`.
    fn capture(&mut self, ix: NodeIx) {
        let slash = self
            .ast
            .child(ix, 0)
            .filter(|&one| self.ast.atom_of(one, Kind::Call) == Some(atom(Word::Slash)));
        let sides = slash.and_then(|one| self.ast.child(one, 0).zip(self.ast.child(one, 1)));
        let Some((name, arity)) = sides else {
            return;
        };
        let name = self.ast.atom_of(name, Kind::Var);
        let arity = self
            .ast
            .int(arity)
            .and_then(|arity| u32::try_from(arity).ok());
        if let Some(key) = name.zip(arity) {
            self.calls.extend(self.locals.get(&key));
        }
    }
}

fn module_metrics(unit: &Unit, module: usize) -> ModuleMetrics {
    let definition = &unit.modules[module];
    let mut metrics = ModuleMetrics::default();
    for function in unit.functions_of_module(module as u32) {
        let own = &function.metrics;
        metrics.cyclomatic_complexity += own.cyclomatic_complexity;
        metrics.cognitive_complexity += own.cognitive_complexity;
        metrics.credo_cyclomatic = metrics.credo_cyclomatic.max(own.credo_cyclomatic);
        metrics.nesting_depth = metrics.nesting_depth.max(own.nesting_depth);
    }
    metrics.lines_of_code = unit
        .code_lines
        .count(definition.position.line, definition.end_line);
    metrics
}
