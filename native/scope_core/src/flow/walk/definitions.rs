//! Definitions: each is a region of its own, numbered from 0.

use crate::ast::{Kind, NodeIx};

use super::super::form::{Form, form, is_call, is_keyword, is_var, option, pairs, split};
use super::super::variables::{BindKind, NONE, ScopeKind};
use super::{Step, Walk};

impl Walk<'_> {
    /// `defmodule`, `defprotocol`, `defimpl`: what is not the body belongs to what is around it.
    pub(super) fn module(&mut self, ix: NodeIx) {
        let parts = split(self.ast, ix);
        let Some(body) = option(self.ast, &parts.options, Form::Do) else {
            return self.plain_call(ix, None);
        };
        let options = parts.options.iter().flat_map(|&list| pairs(self.ast, list));
        let options = options
            .filter(|&(_, value)| value != body)
            .map(|(_, value)| value);
        let mut steps: Vec<Step> = parts
            .operands
            .iter()
            .copied()
            .chain(options)
            .map(Step::Expr)
            .collect();
        steps.extend([
            Step::RegionBegin(ScopeKind::Module, ix),
            Step::Expr(body),
            Step::RegionEnd,
        ]);
        self.plan(steps);
    }

    /// `def f(a, b) when guard do ... rescue ... end`, and its kind.
    pub(super) fn definition(&mut self, ix: NodeIx) {
        let mut steps = vec![Step::RegionBegin(ScopeKind::Function, ix)];
        self.head_steps(&mut steps, ix);
        let delegate = self
            .ast
            .atom(ix)
            .is_some_and(|name| name.text() == "defdelegate");
        for one in self.ast.children(ix).skip(1).filter(|_| !delegate) {
            match is_keyword(self.ast, one) {
                true => self.function_blocks(&mut steps, one),
                // `def f(x), unquote(body)`.
                false => steps.push(Step::Expr(one)),
            }
        }
        steps.push(Step::RegionEnd);
        if delegate {
            steps.extend(self.ast.children(ix).skip(1).map(Step::Expr));
        }
        self.plan(steps);
    }

    /// `do` alone is the body; with `rescue` and the like it is a `try`.
    fn function_blocks(&mut self, steps: &mut Vec<Step>, list: NodeIx) {
        let blocks = self.ast.children(list).count();
        match option(self.ast, &[list], Form::Do) {
            Some(body) if blocks == 1 => steps.push(Step::Expr(body)),
            _ => self.blocks(steps, list),
        }
    }

    /// The arguments are one pattern; the guard sees them.
    fn head_steps(&mut self, steps: &mut Vec<Step>, definition: NodeIx) {
        let written = self.ast.child(definition, 0);
        let call = self.head(definition);
        let guard = written.filter(|&one| is_call(self.ast, one, Form::When));
        let guard = guard.and_then(|one| self.ast.child(one, 1));
        steps.extend([Step::Mark, Step::MatchBegin(BindKind::Parameter, NONE)]);
        if let Some(call) = call {
            match self.ast.kind(call) {
                // `def unquote(name)`: evaluated in the body of the module.
                Kind::Call if is_call(self.ast, call, Form::Unquote) => {
                    steps.push(Step::Expr(call));
                }
                Kind::Call => steps.extend(self.ast.children(call).map(Step::Pattern)),
                Kind::CallExpr => {
                    let mut parts = self.ast.children(call);
                    steps.extend(parts.next().map(Step::Expr));
                    steps.extend(parts.map(Step::Pattern));
                }
                _ => {}
            }
        }
        steps.push(Step::MatchEnd);
        steps.extend(guard.map(Step::Expr));
    }

    /// `defdelegate [a(x), b(y)], to: M`: a clause for each head.
    pub(super) fn delegates(&mut self, ix: NodeIx) {
        let mut steps = Vec::new();
        let heads = self
            .ast
            .child(ix, 0)
            .into_iter()
            .flat_map(|list| self.ast.children(list));
        for head in heads.filter(|head| self.clauses.contains(head)) {
            steps.extend([
                Step::RegionBegin(ScopeKind::Function, head),
                Step::Mark,
                Step::MatchBegin(BindKind::Parameter, NONE),
            ]);
            if self.ast.kind(head) == Kind::Call {
                steps.extend(self.ast.children(head).map(Step::Pattern));
            }
            steps.extend([Step::MatchEnd, Step::RegionEnd]);
        }
        steps.extend(self.ast.children(ix).skip(1).map(Step::Expr));
        self.plan(steps);
    }

    /// `unquote(x)` outside of `quote`: in a definition, the module's `x`.
    pub(super) fn unquote(&mut self, inner: Option<NodeIx>) {
        let Some(inner) = inner else { return };
        let region = self.found.scopes[self.scope() as usize].region;
        let scope = self.found.regions[region as usize].scope;
        match self.found.scopes[scope as usize].kind {
            ScopeKind::Function | ScopeKind::MacroFunction => {
                self.plan([Step::FragmentBegin, Step::Expr(inner), Step::FragmentEnd]);
            }
            _ => self.steps.push(Step::Expr(inner)),
        }
    }

    /// `@name value`. Types have variables of their own.
    pub(super) fn attribute(&mut self, inner: Option<NodeIx>) {
        let Some(inner) = inner.filter(|&inner| !is_var(self.ast, inner)) else {
            return;
        };
        let is_type = self.ast.atom(inner).and_then(form) == Some(Form::TypeAttribute);
        if is_type {
            let unquoted = self.unquoted(inner);
            return self.arguments(&unquoted);
        }
        let args: Vec<NodeIx> = self.ast.children(inner).collect();
        self.arguments(&args);
    }
}
