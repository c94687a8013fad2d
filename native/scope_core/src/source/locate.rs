//! From a place in the text to a node.

use crate::ast::{Ast, Kind, NodeIx};
use crate::atoms::{Atom, intern};

use super::define::Position;
use super::scope::Owner;
use super::unit::Unit;

/// From where to where a subtree reaches, as far as its metadata tells: literals have none.
#[derive(Clone, Copy)]
struct Span {
    start: Position,
    /// The last character that is known to belong to it.
    end: Position,
}

impl Span {
    const NONE: Span = Span {
        start: Position {
            line: u32::MAX,
            column: u32::MAX,
        },
        end: Position { line: 0, column: 0 },
    };

    fn add(&mut self, other: Span) {
        self.start = self.start.min(other.start);
        self.end = self.end.max(other.end);
    }

    fn covers(&self, at: Position) -> bool {
        self.start <= at && at <= self.end
    }
}

impl Unit {
    /// The innermost node around a place.
    ///
    /// Without a column: the smallest node that holds everything that starts on the line. Falls back
    /// to the definition, module or file around the place.
    pub fn innermost_at(&self, line: u32, column: Option<u32>) -> NodeIx {
        let scope = self.scope_at(line);
        match column {
            Some(column) => self.innermost_covering(scope, Position { line, column }),
            None => self.smallest_holding(scope, line),
        }
    }

    /// The innermost clause or module around a line, as its node; the root when there is none.
    fn scope_at(&self, line: u32) -> NodeIx {
        let within = |from: Position, to: u32| from.line > 0 && from.line <= line && line <= to;
        let clauses = self
            .clauses
            .iter()
            .map(|one| (one.node, one.position, one.end_line));
        let modules = self
            .modules
            .iter()
            .map(|one| (one.node, one.position, one.end_line));
        let around = clauses
            .chain(modules)
            .filter(|&(_, from, to)| within(from, to));
        // Scopes nest, so the one that starts last is the innermost.
        let scope = around
            .map(|(node, _, _)| node)
            .max()
            .unwrap_or(self.ast.root());
        // Several definitions on one line: only what holds all of them is certain.
        let starts_here = |node: NodeIx| self.ast.line(node) == Some(line);
        let on_line = self.clauses.iter().filter(|one| one.position.line == line);
        let mut nodes: Vec<NodeIx> = on_line.map(|one| one.node).collect();
        nodes.dedup();
        if nodes.len() > 1 && starts_here(scope) {
            self.ast.parent(scope).unwrap_or(scope)
        } else {
            scope
        }
    }

    fn innermost_covering(&self, scope: NodeIx, at: Position) -> NodeIx {
        let spans = spans(&self.ast, scope);
        let span = |ix: NodeIx| spans[(ix.0 - scope.0) as usize];
        let mut found = scope;
        loop {
            let inner = self
                .ast
                .children(found)
                .filter(|&child| span(child).covers(at));
            // Of operands that overlap (`a |> b(c)` starts at `a`), the one that starts last.
            match inner.max_by_key(|&child| span(child).start) {
                Some(child) => found = child,
                None => return self.node_around(found, scope),
            }
        }
    }

    /// A place inside a list or a pair belongs to the node whose argument that is.
    fn node_around(&self, ix: NodeIx, scope: NodeIx) -> NodeIx {
        let mut at = ix;
        while at != scope && !self.ast.kind(at).has_meta() {
            match self.ast.parent(at) {
                Some(parent) => at = parent,
                None => break,
            }
        }
        at
    }

    fn smallest_holding(&self, scope: NodeIx, line: u32) -> NodeIx {
        let mut first: Option<NodeIx> = None;
        let mut last = scope;
        for at in scope.0..self.ast.end(scope) {
            if self.ast.line(NodeIx(at)) == Some(line) {
                first = first.or(Some(NodeIx(at)));
                last = NodeIx(at);
            }
        }
        let Some(first) = first else {
            return self.covering_line(scope, line);
        };
        let mut found = first;
        while !self.ast.contains(found, last) {
            match self.ast.parent(found) {
                Some(parent) => found = parent,
                None => break,
            }
        }
        self.node_around(found, scope)
    }

    /// Nothing starts on the line (it holds a literal, or an `end`): the innermost node around it.
    fn covering_line(&self, scope: NodeIx, line: u32) -> NodeIx {
        let spans = spans(&self.ast, scope);
        let mut found = scope;
        loop {
            let covers = |&child: &NodeIx| {
                let span = spans[(child.0 - scope.0) as usize];
                span.start.line <= line && line <= span.end.line
            };
            match self.ast.children(found).find(covers) {
                Some(child) => found = child,
                None => return self.node_around(found, scope),
            }
        }
    }

    /// The clause of a function that a runtime location means: the one at this line and column, the
    /// only one around the line, or the `ordinal`-th that has a body (from 0, as the compiler counts).
    ///
    /// `function` is a number of `functions()`; gives a number of `clauses()`.
    pub fn clause_at(
        &self,
        function: u32,
        line: u32,
        column: Option<u32>,
        ordinal: Option<u32>,
    ) -> Option<u32> {
        let all = self.functions.get(function as usize)?.clauses.clone();
        let clause = |number: u32| &self.clauses[number as usize];
        let runs: Vec<u32> = all.clone().filter(|&one| !clause(one).bodiless).collect();
        let at_line = |&&one: &&u32| clause(one).position.line == line;
        let exact: Vec<u32> = runs.iter().filter(at_line).copied().collect();
        if let [one] = exact[..] {
            return Some(one);
        }
        // What defaults make is written in the head that declares them.
        let declared = |&one: &u32| clause(one).bodiless && clause(one).position.line == line;
        if exact.is_empty()
            && let Some(one) = all.clone().find(declared)
        {
            return Some(one);
        }
        let by_column = exact
            .iter()
            .find(|&&one| Some(clause(one).position.column) == column);
        if let Some(&one) = by_column {
            return Some(one);
        }
        let nth = ordinal
            .and_then(|ordinal| runs.get(ordinal as usize))
            .copied();
        if nth.is_some_and(|one| exact.is_empty() || exact.contains(&one)) && !exact.is_empty() {
            return nth;
        }
        let around =
            |&&one: &&u32| clause(one).position.line <= line && line <= clause(one).end_line;
        let around: Vec<u32> = runs.iter().filter(around).copied().collect();
        match around[..] {
            [one] => Some(one),
            _ => nth.or(runs.first().copied()).or(all.clone().next()),
        }
    }

    /// As [`Unit::clause_at`], for a module, function name and arity as the runtime knows them.
    pub fn clause_at_line(
        &self,
        (module, name, arity): (Atom, Atom, u32),
        line: u32,
        column: Option<u32>,
        ordinal: Option<u32>,
    ) -> Option<u32> {
        let starts_here = |number: u32| {
            let clauses = self.functions[number as usize].clauses.clone();
            let mut clauses = clauses.map(|clause| &self.clauses[clause as usize]);
            clauses.any(|clause| clause.position.line == line)
        };
        // Clauses of one compiled function may come from two written ones: `f/2`, and `f/3` with a default.
        let function = self
            .functions_for(module, name, arity)
            .find(|&number| starts_here(number))
            .or_else(|| self.find_function(module, name, arity))?;
        self.clause_at(function, line, column, ordinal)
    }

    /// The clause that a node belongs to, a number of `clauses()`.
    pub fn clause_of(&self, ix: NodeIx) -> Option<u32> {
        match self.scopes.get(self.scopes.around(ix.0)).owner {
            Owner::Clause(clause) => Some(clause),
            _ => None,
        }
    }

    /// The module that a node belongs to, a number of `modules()`.
    pub fn module_of(&self, ix: NodeIx) -> Option<u32> {
        match self.scopes.get(self.scopes.around(ix.0)).owner {
            Owner::File => None,
            Owner::Module(module) => Some(module),
            Owner::Clause(clause) => {
                let function = self.clauses[clause as usize].function;
                Some(self.functions[function as usize].module)
            }
        }
    }
}

/// The span of every entry of a subtree, from the last to the first.
fn spans(ast: &Ast, scope: NodeIx) -> Vec<Span> {
    let keys = ["end", "closing", "do", "last"].map(intern);
    let mut spans = vec![Span::NONE; ast.size(scope) as usize];
    for at in (scope.0..ast.end(scope)).rev() {
        let ix = NodeIx(at);
        let slot = (at - scope.0) as usize;
        if ast.kind(ix).has_meta() {
            spans[slot].add(own_span(ast, ix));
            for (which, &key) in keys.iter().enumerate() {
                if let Some((line, column)) = ast.meta_position(ix, key) {
                    let column = column.unwrap_or(1);
                    let width = [3, 1, 2, 1][which];
                    let start = Position { line, column };
                    let end = Position {
                        line,
                        column: column + width - 1,
                    };
                    spans[slot].add(Span { start, end });
                }
            }
        }
        if at > scope.0
            && let Some(parent) = ast.parent(ix)
        {
            let own = spans[slot];
            spans[(parent.0 - scope.0) as usize].add(own);
        }
    }
    spans
}

/// The name or operator that an entry's own position points at.
fn own_span(ast: &Ast, ix: NodeIx) -> Span {
    let (Some(line), column) = ast.position(ix) else {
        return Span::NONE;
    };
    let column = column.unwrap_or(1);
    let width = match ast.kind(ix) {
        Kind::CallExpr => 1,
        _ => ast
            .atom(ix)
            .map_or(1, |name| name.text().chars().count() as u32)
            .max(1),
    };
    let start = Position { line, column };
    Span {
        start,
        end: Position {
            line,
            column: column.saturating_add(width - 1),
        },
    }
}
