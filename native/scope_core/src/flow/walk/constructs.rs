//! The constructs of the language that open scopes.

use crate::ast::{Kind, NodeIx};

use super::super::form::{
    Form, arrow, arrows, call_form, form, is_call, is_var, option, pairs, split,
};
use super::super::variables::{BindKind, NONE, ScopeKind};
use super::{Step, Walk};

impl Walk<'_> {
    /// `fn`: every clause is a scope, and a closure.
    pub(super) fn function(&mut self, ix: NodeIx) {
        let mut steps = Vec::new();
        for one in self.ast.children(ix) {
            if is_call(self.ast, one, Form::Arrow) {
                self.clause(&mut steps, one, ScopeKind::Fn, BindKind::FnParameter, NONE);
            }
        }
        self.plan(steps);
    }

    /// `&f/1` reads nothing, `&m.f/1` reads `m`, `&(&1 + x)` is a closure.
    pub(super) fn capture(&mut self, ix: NodeIx, captured: Option<NodeIx>) {
        let Some(captured) = captured.filter(|&one| self.ast.size(one) > 1) else {
            return;
        };
        let named = is_call(self.ast, captured, Form::Slash)
            && self
                .ast
                .child(captured, 1)
                .is_some_and(|one| self.ast.kind(one) == Kind::Int);
        match self.ast.child(captured, 0) {
            Some(function) if named && is_var(self.ast, function) => {}
            Some(function) if named && self.ast.kind(function) == Kind::CallExpr => {
                self.steps.push(Step::Expr(function));
            }
            _ => self.plan([
                Step::Enter(ScopeKind::Capture, ix),
                Step::Expr(captured),
                Step::Leave,
            ]),
        }
    }

    pub(super) fn case(&mut self, ix: NodeIx, piped: Option<NodeIx>) {
        let parts = split(self.ast, ix);
        let subject = piped.or(parts.operands.first().copied());
        let mut steps: Vec<Step> = subject.map(Step::Expr).into_iter().collect();
        let origin = subject.map_or(NONE, |one| one.0);
        for (_, block) in parts.options.iter().flat_map(|&list| pairs(self.ast, list)) {
            self.block(&mut steps, block, BindKind::Clause, origin);
        }
        self.plan(steps);
    }

    pub(super) fn cond(&mut self, ix: NodeIx) {
        let parts = split(self.ast, ix);
        let mut steps = Vec::new();
        for (_, block) in parts.options.iter().flat_map(|&list| pairs(self.ast, list)) {
            self.conditions(&mut steps, block);
        }
        self.plan(steps);
    }

    /// Clauses whose left side is evaluated, not matched.
    fn conditions(&mut self, steps: &mut Vec<Step>, block: NodeIx) {
        for one in arrows(self.ast, block) {
            let parts = arrow(self.ast, one);
            steps.push(Step::Enter(ScopeKind::Clause, one));
            steps.extend(parts.left.into_iter().map(Step::Expr));
            steps.extend(parts.body.map(Step::Expr));
            steps.push(Step::Leave);
        }
    }

    /// `if` and `unless`: what the condition binds stays bound, what a branch binds ends with it.
    pub(super) fn condition(&mut self, ix: NodeIx, piped: Option<NodeIx>) {
        let parts = split(self.ast, ix);
        let operands = piped.into_iter().chain(parts.operands.iter().copied());
        let mut steps: Vec<Step> = operands.map(Step::Expr).collect();
        for (_, block) in parts.options.iter().flat_map(|&list| pairs(self.ast, list)) {
            steps.extend([
                Step::Enter(ScopeKind::Block, block),
                Step::Expr(block),
                Step::Leave,
            ]);
        }
        self.plan(steps);
    }

    pub(super) fn short_circuit(
        &mut self,
        ix: NodeIx,
        left: Option<NodeIx>,
        right: Option<NodeIx>,
    ) {
        let (Some(left), Some(right)) = (left, right) else {
            return self.sequence(left.into_iter());
        };
        self.plan([
            Step::Expr(left),
            Step::Enter(ScopeKind::ShortCircuit, ix),
            Step::Expr(right),
            Step::Leave,
        ]);
    }

    /// `for`: options first, then generators and filters, each in what those before it bound.
    pub(super) fn comprehension(&mut self, ix: NodeIx) {
        let parts = split(self.ast, ix);
        let body = option(self.ast, &parts.options, Form::Do);
        let reduce = option(self.ast, &parts.options, Form::Reduce);
        let mut steps = vec![Step::Enter(ScopeKind::For, ix)];
        let options = parts.options.iter().flat_map(|&list| pairs(self.ast, list));
        let options = options.filter(|&(_, value)| Some(value) != body);
        steps.extend(options.map(|(_, value)| Step::Expr(value)));
        for &one in &parts.operands {
            self.generator(&mut steps, one, BindKind::Generator);
        }
        match body {
            Some(body) if !arrows(self.ast, body).is_empty() => {
                let origin = reduce.map_or(NONE, |one| one.0);
                self.block(&mut steps, body, BindKind::Accumulator, origin);
            }
            Some(body) => steps.push(Step::Expr(body)),
            None => {}
        }
        steps.push(Step::Leave);
        self.plan(steps);
    }

    /// `pattern <- values`, `<<pattern <- bytes>>`, or anything else: a filter, a match.
    fn generator(&mut self, steps: &mut Vec<Step>, ix: NodeIx, kind: BindKind) {
        match call_form(self.ast, ix) {
            Some(Form::LeftArrow) => {
                if let (Some(left), Some(right)) = (self.ast.child(ix, 0), self.ast.child(ix, 1)) {
                    let (pattern, guard) = self.guarded(left);
                    self.bound_from(steps, right, kind);
                    steps.extend([Step::Pattern(pattern), Step::MatchEnd]);
                    steps.extend(guard.map(Step::Expr));
                }
            }
            Some(Form::Bits) => {
                let last = self.ast.children(ix).last();
                let last = last.filter(|&last| is_call(self.ast, last, Form::LeftArrow));
                let sides = last.and_then(|last| {
                    Some((last, self.ast.child(last, 0)?, self.ast.child(last, 1)?))
                });
                let Some((last, left, right)) = sides else {
                    return steps.push(Step::Expr(ix));
                };
                self.bound_from(steps, right, kind);
                let elements = self
                    .ast
                    .children(ix)
                    .filter(|&one| one != last)
                    .chain([left]);
                for one in elements {
                    match self.typed(one) {
                        Some((value, spec)) => {
                            steps.extend([Step::Pattern(value), Step::Spec(spec)])
                        }
                        None => steps.push(Step::Pattern(one)),
                    }
                }
                steps.push(Step::MatchEnd);
            }
            _ => steps.push(Step::Expr(ix)),
        }
    }

    /// The right side of `<-`, and the beginning of its left one.
    fn bound_from(&self, steps: &mut Vec<Step>, right: NodeIx, kind: BindKind) {
        steps.extend([
            Step::Mark,
            Step::Expr(right),
            Step::Drop,
            Step::MatchBegin(kind, right.0),
        ]);
    }

    pub(super) fn with(&mut self, ix: NodeIx) {
        let parts = split(self.ast, ix);
        let mut steps = vec![Step::Enter(ScopeKind::With, ix)];
        for &one in &parts.operands {
            self.generator(&mut steps, one, BindKind::With);
        }
        steps.extend(option(self.ast, &parts.options, Form::Do).map(Step::Expr));
        steps.push(Step::Leave);
        if let Some(block) = option(self.ast, &parts.options, Form::Else) {
            self.block(&mut steps, block, BindKind::Clause, NONE);
        }
        self.plan(steps);
    }

    pub(super) fn try_blocks(&mut self, ix: NodeIx) {
        let parts = split(self.ast, ix);
        let mut steps = Vec::new();
        for &list in &parts.options {
            self.blocks(&mut steps, list);
        }
        self.plan(steps);
    }

    /// `do`, `rescue`, `catch`, `else` and `after` of a `try` or a definition.
    pub(super) fn blocks(&mut self, steps: &mut Vec<Step>, list: NodeIx) {
        let body = option(self.ast, &[list], Form::Do);
        for (key, block) in pairs(self.ast, list) {
            match form(key) {
                Some(Form::Rescue) => self.rescue(steps, block),
                Some(Form::Catch) => self.block(steps, block, BindKind::Catch, NONE),
                Some(Form::Else) => {
                    self.block(
                        steps,
                        block,
                        BindKind::Clause,
                        body.map_or(NONE, |one| one.0),
                    );
                }
                _ => steps.extend([
                    Step::Enter(ScopeKind::Block, block),
                    Step::Expr(block),
                    Step::Leave,
                ]),
            }
        }
    }

    /// `e in [ArgumentError]`, `e`, `ArgumentError`.
    fn rescue(&mut self, steps: &mut Vec<Step>, block: NodeIx) {
        for one in arrows(self.ast, block) {
            let parts = arrow(self.ast, one);
            steps.extend([
                Step::Enter(ScopeKind::Clause, one),
                Step::Mark,
                Step::MatchBegin(BindKind::Rescue, NONE),
            ]);
            let mut modules = Vec::new();
            for &left in &parts.left {
                match (self.ast.child(left, 0), self.ast.child(left, 1)) {
                    (Some(variable), Some(named)) if is_call(self.ast, left, Form::In) => {
                        steps.push(Step::Pattern(variable));
                        modules.push(named);
                    }
                    _ => steps.push(Step::Pattern(left)),
                }
            }
            steps.push(Step::MatchEnd);
            steps.extend(modules.into_iter().chain(parts.guard).map(Step::Expr));
            steps.extend(parts.body.map(Step::Expr));
            steps.push(Step::Leave);
        }
    }

    pub(super) fn receive(&mut self, ix: NodeIx) {
        let parts = split(self.ast, ix);
        let mut steps = Vec::new();
        for (key, block) in parts.options.iter().flat_map(|&list| pairs(self.ast, list)) {
            match form(key) {
                Some(Form::After) => self.conditions(&mut steps, block),
                _ => self.block(&mut steps, block, BindKind::Receive, NONE),
            }
        }
        self.plan(steps);
    }

    /// `quote`: data, but for what is unquoted and for the options.
    pub(super) fn quote(&mut self, ix: NodeIx) {
        let parts = split(self.ast, ix);
        let body = option(self.ast, &parts.options, Form::Do);
        let mut evaluated: Vec<NodeIx> = parts.operands.clone();
        let mut unquotes = true;
        for (key, value) in parts.options.iter().flat_map(|&list| pairs(self.ast, list)) {
            match key.text() {
                "do" => continue,
                // With `bind_quoted`, unquoting waits for whoever evaluates the code.
                "bind_quoted" => unquotes = false,
                "unquote" => {
                    unquotes = self.ast.atom(value).is_some_and(|one| one.text() == "true")
                }
                _ => {}
            }
            evaluated.push(value);
        }
        if let Some(body) = body.filter(|_| unquotes) {
            evaluated.extend(self.unquoted(body));
        }
        self.arguments(&evaluated);
    }

    /// What is unquoted in quoted code. A quote inside of it keeps its own.
    pub(super) fn unquoted(&self, quoted: NodeIx) -> Vec<NodeIx> {
        let (mut at, end) = (quoted.0, self.ast.end(quoted));
        let mut found = Vec::new();
        // Arguments of `left.unquote(name)`: they come after their left side.
        let mut later: Vec<(u32, u32)> = Vec::new();
        while at < end {
            if let Some(&(_, behind)) = later.last().filter(|&&(start, _)| start == at) {
                later.pop();
                at = behind;
                continue;
            }
            let ix = NodeIx(at);
            match call_form(self.ast, ix) {
                Some(Form::Unquote) => {
                    found.extend(self.ast.children(ix));
                    at = self.ast.end(ix);
                }
                Some(Form::Quote) if self.ast.size(ix) > 1 => at = self.ast.end(ix),
                _ => {
                    if self.unquotes_name(ix) {
                        let mut args = self.ast.children(ix).skip(1);
                        later.extend(args.next().map(|first| (first.0, self.ast.end(ix))));
                        found.extend(self.ast.children(ix).skip(1));
                    }
                    at += 1;
                }
            }
        }
        found
    }

    /// `left.unquote(name)`.
    pub(super) fn unquotes_name(&self, ix: NodeIx) -> bool {
        let dot = (self.ast.kind(ix) == Kind::CallExpr).then(|| self.ast.child(ix, 0));
        let dot = dot
            .flatten()
            .filter(|&dot| is_call(self.ast, dot, Form::Dot));
        let name = dot.and_then(|dot| self.ast.child(dot, 1));
        let name = name.and_then(|name| self.ast.atom_of(name, Kind::Atom));
        name.and_then(form) == Some(Form::Unquote)
    }
}
