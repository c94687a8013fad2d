//! Calls without a meaning of their own: of functions, and of macros that are not known.

use crate::ast::{Kind, NodeIx};

use super::super::form::{Form, arrows, form, is_call, is_keyword, is_var, pairs, split};
use super::super::variables::{BindKind, ScopeKind};
use super::{Step, Walk};

impl Walk<'_> {
    pub(super) fn plain_call(&mut self, ix: NodeIx, piped: Option<NodeIx>) {
        if self.unquotes_name(ix) {
            let dot = self.ast.child(ix, 0);
            let left = dot.and_then(|dot| self.ast.child(dot, 0));
            self.steps.extend(left.map(Step::Expr));
            return self.unquote(self.ast.child(ix, 1));
        }
        let mut args: Vec<NodeIx> = piped.into_iter().collect();
        if self.ast.kind(ix) == Kind::CallExpr {
            let mut children = self.ast.children(ix);
            if let Some(called) = children.next() {
                match is_call(self.ast, called, Form::Dot) {
                    // `module.name` and `fun.`: the name is an atom, or `unquote(name)`.
                    true => args.extend(self.ast.children(called)),
                    false => args.push(called),
                }
            }
            args.extend(children);
        } else {
            args.extend(self.ast.children(ix));
        }
        match args.last() {
            Some(&last) if self.has_block(last) => {
                args.pop();
                self.with_block(&args, last);
            }
            _ => self.arguments(&args),
        }
    }

    /// A list of options that ends a call and holds a block.
    fn has_block(&self, ix: NodeIx) -> bool {
        is_keyword(self.ast, ix) && pairs(self.ast, ix).any(|(key, _)| form(key) == Some(Form::Do))
    }

    /// A macro with a block: the block sees what the arguments bind, and keeps what it binds.
    fn with_block(&mut self, args: &[NodeIx], blocks: NodeIx) {
        let mut steps = Vec::new();
        steps.push(Step::Enter(ScopeKind::MacroBlock, blocks));
        steps.push(Step::ArgsBegin);
        for &one in args {
            steps.extend([Step::Expr(one), Step::ArgNext]);
        }
        steps.push(Step::ArgsEnd);
        for (_, block) in pairs(self.ast, blocks) {
            steps.extend([
                Step::Enter(ScopeKind::Block, block),
                Step::Expr(block),
                Step::Leave,
            ]);
        }
        steps.push(Step::Leave);
        self.plan(steps);
    }

    /// `test "name", %{conn: conn} do`: ExUnit makes a function of it.
    pub(super) fn test(&mut self, ix: NodeIx, which: Form) {
        let parts = split(self.ast, ix);
        let Some(&blocks) = parts.options.last().filter(|&&last| self.has_block(last)) else {
            return self.plain_call(ix, None);
        };
        let names = usize::from(which == Form::Test).min(parts.operands.len());
        let (names, context) = parts.operands.split_at(names);
        let mut steps: Vec<Step> = names.iter().copied().map(Step::Expr).collect();
        steps.push(Step::RegionBegin(ScopeKind::MacroFunction, ix));
        steps.push(Step::Mark);
        steps.push(Step::MatchBegin(BindKind::Parameter, u32::MAX));
        // `check all`-like generators are no patterns.
        steps.extend(
            context
                .iter()
                .map(|&one| match is_call(self.ast, one, Form::LeftArrow) {
                    true => Step::Expr(one),
                    false => Step::Pattern(one),
                }),
        );
        steps.push(Step::MatchEnd);
        steps.extend(pairs(self.ast, blocks).map(|(_, block)| Step::Expr(block)));
        steps.push(Step::RegionEnd);
        self.plan(steps);
    }

    /// `assert_receive {:done, value}, timeout`: what the pattern binds is bound behind it.
    pub(super) fn assert_receive(&mut self, ix: NodeIx, pattern: Option<NodeIx>) {
        let Some(pattern) = pattern else { return };
        let (pattern, guard) = self.guarded(pattern);
        let mut steps = vec![
            Step::Mark,
            Step::MatchBegin(BindKind::Receive, u32::MAX),
            Step::Pattern(pattern),
            Step::MatchEnd,
        ];
        steps.extend(guard.map(Step::Expr));
        steps.extend(self.ast.children(ix).skip(1).map(Step::Expr));
        self.plan(steps);
    }

    /// `from u in User, join: p in Post, where: ...` of Ecto: `in` binds, for the query only.
    pub(super) fn query(&mut self, ix: NodeIx, piped: Option<NodeIx>) {
        let args: Vec<NodeIx> = self.ast.children(ix).collect();
        let named = |one: NodeIx| {
            is_call(self.ast, one, Form::In)
                && self
                    .ast
                    .child(one, 0)
                    .is_some_and(|left| is_var(self.ast, left) || self.ast.kind(left) == Kind::List)
        };
        if piped.is_some() || args.is_empty() || !named(args[0]) {
            return self.plain_call(ix, piped);
        }
        let mut steps = vec![Step::Enter(ScopeKind::MacroBlock, ix)];
        let options = args[1..].iter().flat_map(|&list| pairs(self.ast, list));
        let sources = [args[0]].into_iter().chain(options.map(|(_, value)| value));
        for one in sources {
            match (self.ast.child(one, 0), self.ast.child(one, 1)) {
                (Some(left), Some(right)) if named(one) => steps.extend([
                    Step::Mark,
                    Step::Expr(right),
                    Step::MatchBegin(BindKind::Generator, right.0),
                    Step::Pattern(left),
                    Step::MatchEnd,
                ]),
                _ => steps.push(Step::Expr(one)),
            }
        }
        steps.push(Step::Leave);
        self.plan(steps);
    }

    /// The clauses of a block, or the block as one expression, in a scope of its own.
    pub(super) fn block(
        &mut self,
        steps: &mut Vec<Step>,
        block: NodeIx,
        kind: BindKind,
        origin: u32,
    ) {
        let clauses = arrows(self.ast, block);
        if clauses.is_empty() {
            steps.extend([
                Step::Enter(ScopeKind::Block, block),
                Step::Expr(block),
                Step::Leave,
            ]);
        }
        for one in clauses {
            self.clause(steps, one, ScopeKind::Clause, kind, origin);
        }
    }
}
