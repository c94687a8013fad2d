//! Patterns: what binds.

use crate::ast::{Kind, NodeIx};

use super::super::form::{Form, call_form, form, is_call, is_var, option, split};
use super::super::variables::Role;
use super::{Step, Walk};

impl Walk<'_> {
    pub(super) fn pattern(&mut self, ix: NodeIx) {
        match self.ast.kind(ix) {
            Kind::Var | Kind::VarIn => self.bound(ix),
            Kind::Call => self.pattern_call(ix),
            Kind::CallExpr => {
                // A macro of another module. `unquote(name)(...)` and the like name it.
                let called = self.ast.child(ix, 0).filter(|&one| self.ast.size(one) > 1);
                let called = called.filter(|&one| !is_call(self.ast, one, Form::Dot));
                let args = self.ast.children(ix).skip(1);
                let steps: Vec<Step> = called
                    .map(Step::Expr)
                    .into_iter()
                    .chain(args.map(Step::Pattern))
                    .collect();
                self.plan(steps);
            }
            Kind::List | Kind::Tuple | Kind::Pair | Kind::ImproperList | Kind::Map => {
                self.patterns(ix);
            }
            _ => {}
        }
    }

    fn patterns(&mut self, ix: NodeIx) {
        let steps: Vec<Step> = self.ast.children(ix).map(Step::Pattern).collect();
        self.plan(steps);
    }

    fn pattern_call(&mut self, ix: NodeIx) {
        let first = self.ast.child(ix, 0);
        let second = self.ast.child(ix, 1);
        match call_form(self.ast, ix) {
            Some(Form::Pin) => match first {
                Some(pinned) if is_var(self.ast, pinned) => self.pinned(pinned),
                Some(pinned) => self.steps.push(Step::Expr(pinned)),
                None => {}
            },
            Some(Form::Default) => {
                if let (Some(pattern), Some(default)) = (first, second) {
                    self.plan([
                        Step::Pattern(pattern),
                        Step::BlindBegin(default),
                        Step::Expr(default),
                        Step::BlindEnd,
                    ]);
                }
            }
            Some(Form::Bits) => {
                let mut steps = Vec::new();
                for one in self.ast.children(ix) {
                    match self.typed(one) {
                        Some((value, spec)) => {
                            steps.extend([Step::Pattern(value), Step::Spec(spec)])
                        }
                        None => steps.push(Step::Pattern(one)),
                    }
                }
                self.plan(steps);
            }
            Some(Form::Type) => {
                if let (Some(value), Some(spec)) = (first, second) {
                    self.plan([Step::Pattern(value), Step::Spec(spec)]);
                }
            }
            Some(Form::When) => {
                let guard = second.map(Step::Expr);
                let steps: Vec<Step> = first.map(Step::Pattern).into_iter().chain(guard).collect();
                self.plan(steps);
            }
            Some(Form::At) => {}
            Some(Form::Unquote) => self.unquote(first),
            Some(Form::VarBang) if second.is_none() => self.steps.extend(first.map(Step::Pattern)),
            Some(Form::VarBang) => {}
            Some(Form::Quote) => self.quoted_pattern(ix),
            Some(Form::Aliases) => {}
            Some(Form::Capture | Form::Fn) => self.steps.push(Step::Expr(ix)),
            _ => self.patterns(ix),
        }
    }

    /// `quote(do: unquote(x) + 1) = code`: what is unquoted is a pattern.
    fn quoted_pattern(&mut self, ix: NodeIx) {
        let parts = split(self.ast, ix);
        let body = option(self.ast, &parts.options, Form::Do);
        let unquoted = body.map(|body| self.unquoted(body)).unwrap_or_default();
        self.plan(unquoted.into_iter().map(Step::Pattern).collect::<Vec<_>>());
    }

    /// A variable in a pattern: new, or compared with itself.
    fn bound(&mut self, ix: NodeIx) {
        let Some(name) = self.ast.atom(ix) else {
            return;
        };
        if form(name) == Some(Form::Pseudo) {
            return;
        }
        let Some(&at_hand) = self.matches.last() else {
            return;
        };
        match self.env.get(name) {
            Some(binding) if binding != u32::MAX && binding >= at_hand.start => {
                self.read(ix, Role::Again, Some(binding));
            }
            _ => self.bind(ix, at_hand.kind, at_hand.origin),
        }
    }

    /// `^x`: what `x` was before the match.
    fn pinned(&mut self, ix: NodeIx) {
        let (Some(name), Some(&visible)) = (self.ast.atom(ix), self.visible.last()) else {
            return;
        };
        let before = self.matches.last().map_or(u32::MAX, |one| one.before);
        let binding = self.lookup_where(name, |one| one < before && visible.sees(one));
        self.read(ix, Role::Pin, binding);
    }

    /// `binary-size(n)`, `n * 8`: only sizes and units are evaluated.
    pub(super) fn spec(&mut self, ix: NodeIx) {
        match call_form(self.ast, ix) {
            Some(Form::Minus) => {
                let steps: Vec<Step> = self.ast.children(ix).map(Step::Spec).collect();
                self.plan(steps);
            }
            Some(Form::Times | Form::Size | Form::Unit) => self.sequence(self.ast.children(ix)),
            // `unquote(spec)`, a macro that makes one.
            Some(Form::Unquote) => self.unquote(self.ast.child(ix, 0)),
            _ if matches!(self.ast.kind(ix), Kind::Call | Kind::CallExpr) => {
                self.plain_call(ix, None);
            }
            _ => {}
        }
    }
}
