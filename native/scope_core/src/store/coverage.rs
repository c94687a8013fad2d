//! Test coverage of a function: the share of its executable nodes that ran.
//!
//! Executable nodes are calls, operators, special forms and variables outside patterns and quotes, and each clause
//! itself. Literals have no position of their own and are counted with what stands around them.
//!
//! A clause is cut into regions, each of which runs as a whole or not at all, exceptions aside: the clause's body, and
//! inside it every branch (the body of a `->`, the blocks of `if`, `for` and `with`, the right side of `&&`, `||`,
//! `and`, `or`, a `&` function). The running program tells which clauses were entered, and, where branches were
//! instrumented, which of them were reached; each of their points lies in a region. A region ran when one of its points
//! was reached or a region inside it ran; a region without a point is taken for a part of the one around it.

use std::collections::BTreeMap;

use ahash::AHashSet;

use crate::ast::{Ast, Kind, NodeIx};
use crate::capture::points::{FunctionKey, PointInfo, PointKind};
use crate::ingest::{Branch, ClauseStats, RuntimeStore};
use crate::source::{ClauseDef, Unit};
use crate::store::locate::runtime_key;

/// Of a function, or summed over several.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Coverage {
    pub executable: u32,
    pub covered: u32,
    /// The first node of every region that did not run, in the order of the source.
    pub missed: Vec<NodeIx>,
    /// By line: executable nodes, and how many of them ran.
    pub lines: BTreeMap<u32, (u32, u32)>,
}

impl Coverage {
    /// 0.0 to 1.0. There is no function without a clause, so there is always something executable.
    pub fn share(&self) -> f64 {
        f64::from(self.covered) / f64::from(self.executable.max(1))
    }

    pub fn add(&mut self, other: &Coverage) {
        self.executable += other.executable;
        self.covered += other.covered;
        self.missed.extend_from_slice(&other.missed);
        for (line, (executable, covered)) in &other.lines {
            let own = self.lines.entry(*line).or_default();
            *own = (own.0 + executable, own.1 + covered);
        }
    }

    fn count(&mut self, line: u32, ran: bool) {
        self.executable += 1;
        self.covered += u32::from(ran);
        let own = self.lines.entry(line).or_default();
        *own = (own.0 + 1, own.1 + u32::from(ran));
    }
}

/// Savoia and Evans' change risk: complexity² · (1 − coverage)³ + complexity (<https://www.artima.com/weblogs/viewpost.jsp?thread=210575>).
pub fn crap(complexity: u32, coverage: f64) -> f64 {
    let complexity = f64::from(complexity);
    complexity.powi(2) * (1.0 - coverage).powi(3) + complexity
}

/// What is known of a function's run. `None` for what does not run under this name: macros and computed names.
///
/// Where several builds ran, the one that ran last is meant: only its positions are those of the source as it is.
pub fn function_coverage(unit: &Unit, function: u32, runtime: &RuntimeStore) -> Option<Coverage> {
    if unit.functions()[function as usize].kind.is_macro() {
        return None;
    }
    let key = runtime_key(unit, function)?;
    let mut stats = runtime.clause_stats(&key);
    // What the VM traces has no clauses.
    stats.retain(|one| one.point.kind == PointKind::Clause);
    let last = stats.iter().max_by_key(|one| one.stats.last_executed);
    let build = last.map(|one| one.point.build);
    let ran = |one: &&ClauseStats| Some(one.point.build) == build && one.stats.calls > 0;
    let clauses: Vec<PointInfo> = stats.iter().filter(ran).map(|one| one.point).collect();
    let branches = build.map_or_else(Vec::new, |build| runtime.branches(&key, build));
    covered(unit, function, &key, &clauses, &branches)
}

/// What these points, of one build of the function, cover of it: the share of one test, say. The runtime tells which
/// branches there are.
pub fn coverage_by(
    unit: &Unit,
    function: u32,
    reached: &[PointInfo],
    runtime: &RuntimeStore,
) -> Option<Coverage> {
    if unit.functions()[function as usize].kind.is_macro() {
        return None;
    }
    let key = runtime_key(unit, function)?;
    let build = reached.first()?.build;
    let (clauses, branches): (Vec<PointInfo>, Vec<PointInfo>) = reached
        .iter()
        .partition(|point| point.kind == PointKind::Clause);
    let mut all = runtime.branches(&key, build);
    for branch in &mut all {
        branch.reached = branches.contains(&branch.point);
    }
    covered(unit, function, &key, &clauses, &all)
}

fn covered(
    unit: &Unit,
    function: u32,
    key: &FunctionKey,
    clauses: &[PointInfo],
    branches: &[Branch],
) -> Option<Coverage> {
    let entered = entered(unit, key, clauses);
    let mut total = Coverage::default();
    let numbers = unit.functions()[function as usize].clauses.clone();
    for (number, clause) in numbers.zip(unit.clauses_of_function(function)) {
        if !clause.bodiless {
            let own = Regions::of(unit.ast(), clause);
            own.sum(entered.contains(&number), branches, &mut total);
        }
    }
    Some(total).filter(|total| total.executable > 0)
}

/// The clauses that were entered, as numbers of the unit.
fn entered(unit: &Unit, key: &FunctionKey, clauses: &[PointInfo]) -> Vec<u32> {
    let place = |point: &PointInfo| {
        let ordinal = Some(point.clause);
        unit.clause_at_line(
            (key.module, key.name, key.arity),
            point.line,
            point.column,
            ordinal,
        )
    };
    clauses.iter().filter_map(place).collect()
}

/// The regions of a clause, the first being its body, and the executable nodes in each.
struct Regions<'a> {
    ast: &'a Ast,
    clause: NodeIx,
    parents: Vec<u32>,
    /// Executable nodes with their region, in preorder.
    nodes: Vec<(NodeIx, u32)>,
    /// Which region a place belongs to: of executable nodes, and of the `->` before a branch.
    places: Vec<(u32, u32, u32)>,
}

/// How an entry is met.
#[derive(Clone, Copy, PartialEq)]
enum Role {
    Expression,
    /// A `->` of a `cond`: what stands before it is evaluated.
    Condition,
    /// A block of `if`, `for`, `with`: a branch unless it holds `->`s.
    Block,
}

impl<'a> Regions<'a> {
    fn of(ast: &'a Ast, clause: &ClauseDef) -> Self {
        let mut regions = Regions {
            ast,
            clause: clause.node,
            parents: vec![0],
            nodes: Vec::new(),
            places: Vec::new(),
        };
        let mut waiting = Vec::new();
        // Behind the head: the blocks of the definition.
        for blocks in ast.children(clause.node).skip(1) {
            waiting.push((blocks, 0, Role::Expression));
        }
        waiting.reverse();
        while let Some((ix, region, role)) = waiting.pop() {
            let from = waiting.len();
            regions.visit(ix, region, role, &mut waiting);
            // Depth first, in the order of the source.
            waiting[from..].reverse();
        }
        regions
    }

    fn visit(
        &mut self,
        ix: NodeIx,
        region: u32,
        role: Role,
        waiting: &mut Vec<(NodeIx, u32, Role)>,
    ) {
        let ast = self.ast;
        match ast.kind(ix) {
            Kind::Call => self.call(ix, region, role, waiting),
            Kind::Var | Kind::VarIn => self.executable(ix, region),
            Kind::CallExpr => {
                self.executable(ix, region);
                waiting.extend(
                    ast.children(ix)
                        .map(|child| (child, region, Role::Expression)),
                );
            }
            Kind::Pair if role == Role::Block && is_block(ast, ix) => {
                let value = NodeIx(ix.0 + 1);
                let inner = match holds_arrows(ast, value) {
                    true => region,
                    false => self.branch(region),
                };
                waiting.push((value, inner, Role::Expression));
            }
            _ => waiting.extend(ast.children(ix).map(|child| (child, region, role))),
        }
    }

    fn call(
        &mut self,
        ix: NodeIx,
        region: u32,
        role: Role,
        waiting: &mut Vec<(NodeIx, u32, Role)>,
    ) {
        let ast = self.ast;
        let name = ast.atom(ix).map_or("", |name| name.text());
        let children = ast.children(ix);
        match name {
            "__aliases__" | "defmodule" | "defimpl" | "defprotocol" => {}
            "quote" => self.executable(ix, region),
            "->" => {
                let mut sides = children;
                let (Some(left), Some(body)) = (sides.next(), sides.next()) else {
                    return;
                };
                if role == Role::Condition {
                    waiting.push((left, region, Role::Expression));
                }
                let inner = self.branch(region);
                self.place(ix, inner);
                waiting.push((body, inner, Role::Expression));
            }
            "=" | "<-" => {
                self.executable(ix, region);
                waiting.extend(
                    children
                        .skip(1)
                        .map(|child| (child, region, Role::Expression)),
                );
            }
            "&&" | "||" | "and" | "or" => {
                self.executable(ix, region);
                let mut sides = children;
                waiting.extend(sides.next().map(|left| (left, region, Role::Expression)));
                if let Some(right) = sides.next() {
                    let inner = self.branch(region);
                    waiting.push((right, inner, Role::Expression));
                }
            }
            "if" | "unless" | "for" | "with" => {
                self.executable(ix, region);
                let last = ast.children(ix).last();
                waiting.extend(children.map(|child| match Some(child) == last {
                    true => (child, region, Role::Block),
                    false => (child, region, Role::Expression),
                }));
            }
            "cond" => {
                self.executable(ix, region);
                waiting.extend(children.map(|child| (child, region, Role::Condition)));
            }
            "&" => {
                self.executable(ix, region);
                if let Some(body) = ast.child(ix, 0).filter(|&body| is_function_body(ast, body)) {
                    let inner = self.branch(region);
                    waiting.push((body, inner, Role::Expression));
                }
            }
            "__block__" => waiting.extend(children.map(|child| (child, region, Role::Expression))),
            // The dot of a remote call is a part of it.
            "." => waiting.extend(children.map(|child| (child, region, Role::Expression))),
            _ => {
                self.executable(ix, region);
                waiting.extend(children.map(|child| (child, region, Role::Expression)));
            }
        }
    }

    fn branch(&mut self, parent: u32) -> u32 {
        self.parents.push(parent);
        self.parents.len() as u32 - 1
    }

    fn executable(&mut self, ix: NodeIx, region: u32) {
        if self.place(ix, region) {
            self.nodes.push((ix, region));
        }
    }

    /// False for an entry without a position: generated code.
    fn place(&mut self, ix: NodeIx, region: u32) -> bool {
        let (Some(line), column) = self.ast.position(ix) else {
            return false;
        };
        self.places.push((line, column.unwrap_or(0), region));
        true
    }

    fn sum(mut self, entered: bool, branches: &[Branch], total: &mut Coverage) {
        self.places.sort_unstable();
        let ran = self.ran(entered, branches);
        let line = |ix: NodeIx| self.ast.line(ix).unwrap_or(0);
        total.count(line(self.clause), entered);
        if !entered {
            total.missed.push(self.clause);
        }
        let mut told = AHashSet::new();
        for &(ix, region) in &self.nodes {
            total.count(line(ix), ran[region as usize]);
            let around = self.parents[region as usize];
            // Inside what was missed everything is missed.
            if !ran[region as usize] && ran[around as usize] && told.insert(region) {
                total.missed.push(ix);
            }
        }
    }

    /// For each region, whether it ran.
    fn ran(&self, entered: bool, branches: &[Branch]) -> Vec<bool> {
        let mut evidence: Vec<Option<bool>> = vec![None; self.parents.len()];
        for branch in branches.iter().filter(|_| entered) {
            if let Some(region) = self.region_at(branch.point.line, branch.point.column) {
                let known = &mut evidence[region as usize];
                *known = Some(known.unwrap_or(false) || branch.reached);
            }
        }
        evidence[0] = Some(entered);
        // Inner regions have higher numbers than those around them.
        for region in (1..evidence.len()).rev() {
            if evidence[region] == Some(true) {
                evidence[self.parents[region] as usize] = Some(true);
            }
        }
        let mut ran = vec![entered; evidence.len()];
        for region in 1..ran.len() {
            let around = ran[self.parents[region] as usize];
            ran[region] = around && evidence[region].unwrap_or(true);
        }
        ran
    }

    /// The innermost region with a node at this place. Code that was compiled without columns is placed by its line.
    fn region_at(&self, line: u32, column: Option<u32>) -> Option<u32> {
        let from = self
            .places
            .partition_point(|place| *place < (line, column.unwrap_or(0), 0));
        let here = self.places[from..].iter();
        here.take_while(|place| place.0 == line && column.is_none_or(|column| place.1 == column))
            .map(|place| place.2)
            .max()
    }
}

/// `do`, `else`.
fn is_block(ast: &Ast, pair: NodeIx) -> bool {
    matches!(ast.atom(pair).map_or("", |key| key.text()), "do" | "else")
}

fn holds_arrows(ast: &Ast, value: NodeIx) -> bool {
    ast.kind(value) == Kind::List
        && ast
            .child(value, 0)
            .and_then(|first| ast.atom_of(first, Kind::Call))
            .is_some_and(|name| name.text() == "->")
}

/// Not the `f/1` of `&f/1`, nor the `1` of `&1`.
fn is_function_body(ast: &Ast, body: NodeIx) -> bool {
    match ast.kind(body) {
        Kind::Int => false,
        Kind::Call if ast.atom(body).is_some_and(|name| name.text() == "/") => ast
            .child(body, 1)
            .is_none_or(|arity| ast.int(arity).is_none()),
        _ => true,
    }
}
