//! What is evaluated: by the kind of the entry, then by the name of the call.

use crate::ast::{Kind, NodeIx};
use crate::source::head::head_call;

use super::super::form::{Form, call_form, form, is_call, is_var};
use super::super::variables::{BindKind, Role, ScopeKind};
use super::{Step, Walk};

impl Walk<'_> {
    pub(super) fn expression(&mut self, ix: NodeIx) {
        match self.ast.kind(ix) {
            Kind::Var | Kind::VarIn => self.variable(ix),
            Kind::Call | Kind::CallExpr => self.call(ix, None),
            Kind::List | Kind::Tuple | Kind::Pair | Kind::ImproperList | Kind::Map => {
                let children: Vec<NodeIx> = self.ast.children(ix).collect();
                if children
                    .iter()
                    .any(|&one| is_call(self.ast, one, Form::Arrow))
                {
                    return self.arrows(&children);
                }
                self.arguments(&children);
            }
            _ => {}
        }
    }

    fn variable(&mut self, ix: NodeIx) {
        let Some(name) = self.ast.atom(ix) else {
            return;
        };
        if form(name) == Some(Form::Pseudo) {
            return;
        }
        let binding = self.lookup(name);
        self.read(ix, Role::Read, binding);
    }

    /// Clauses of nobody known: each in a scope of its own.
    fn arrows(&mut self, children: &[NodeIx]) {
        let mut steps = Vec::new();
        for &one in children {
            if is_call(self.ast, one, Form::Arrow) {
                self.clause(
                    &mut steps,
                    one,
                    ScopeKind::Clause,
                    BindKind::Clause,
                    u32::MAX,
                );
            } else {
                steps.push(Step::Expr(one));
            }
        }
        self.plan(steps);
    }

    /// Evaluated apart from each other: each reads what was bound before all of them.
    pub(super) fn arguments(&mut self, args: &[NodeIx]) {
        // What has no child and is neither a variable nor a call is a literal.
        let counts = |&&one: &&NodeIx| {
            self.ast.size(one) > 1 || is_var(self.ast, one) || self.ast.kind(one) == Kind::Call
        };
        let args: Vec<NodeIx> = args.iter().filter(counts).copied().collect();
        match args[..] {
            [] => {}
            [only] => self.steps.push(Step::Expr(only)),
            _ => {
                let each = args
                    .iter()
                    .flat_map(|&one| [Step::Expr(one), Step::ArgNext]);
                let steps = [Step::ArgsBegin]
                    .into_iter()
                    .chain(each)
                    .chain([Step::ArgsEnd]);
                self.plan(steps);
            }
        }
    }

    /// One after the other: each sees what those before it bound.
    pub(super) fn sequence(&mut self, nodes: impl Iterator<Item = NodeIx>) {
        self.plan(nodes.map(Step::Expr).collect::<Vec<_>>());
    }

    /// A call, perhaps with its first argument piped into it.
    pub(super) fn call(&mut self, ix: NodeIx, piped: Option<NodeIx>) {
        let Some(found) = call_form(self.ast, ix) else {
            return self.plain_call(ix, piped);
        };
        let first = self.ast.child(ix, 0);
        let second = self.ast.child(ix, 1);
        match found {
            Form::Match => self.assignment(first, second),
            Form::Block => self.sequence(self.ast.children(ix)),
            Form::Pipe => match (first, second) {
                (Some(left), Some(right))
                    if matches!(self.ast.kind(right), Kind::Call | Kind::CallExpr) =>
                {
                    self.steps.push(Step::Piped(right, left));
                }
                _ => self.sequence(self.ast.children(ix)),
            },
            Form::Fn => self.function(ix),
            Form::Capture => self.capture(ix, first),
            Form::Case => self.case(ix, piped),
            Form::Cond => self.cond(ix),
            Form::If => self.condition(ix, piped),
            Form::For => self.comprehension(ix),
            Form::With => self.with(ix),
            Form::Try => self.try_blocks(ix),
            Form::Receive => self.receive(ix),
            Form::ShortCircuit => self.short_circuit(ix, first, second),
            Form::MatchQuestion if self.is_kernels(ix, piped) => match piped {
                Some(pattern) => self.match_question(ix, Some(pattern), first),
                None => self.match_question(ix, first, second),
            },
            Form::Destructure if self.is_kernels(ix, piped) => self.assignment(first, second),
            Form::Quote => self.quote(ix),
            Form::Unquote => self.unquote(first),
            // `var!(x, context)` is another variable.
            Form::VarBang if second.is_none() => self.sequence(first.into_iter()),
            Form::VarBang => {}
            Form::Binding if first.is_none() => self.binding_call(),
            Form::Bits => self.bits(ix),
            Form::At => self.attribute(first),
            Form::Aliases => self.sequence(first.into_iter()),
            Form::LeftArrow => self.stray_generator(first, second),
            Form::Arrow => self.arrows(&[ix]),
            Form::Defmodule => self.module(ix),
            Form::Def if self.clauses.contains(&ix) => self.definition(ix),
            Form::Def if self.delegated(ix) => self.delegates(ix),
            // Macros of libraries, unless the file has functions of these names.
            _ if self.is_defined(ix) => self.plain_call(ix, piped),
            Form::Test | Form::Setup => self.test(ix, found),
            Form::AssertReceive => self.assert_receive(ix, first),
            Form::From => self.query(ix, piped),
            _ => self.plain_call(ix, piped),
        }
    }

    /// A macro of two arguments, and no function of the file's own by that name.
    fn is_kernels(&self, ix: NodeIx, piped: Option<NodeIx>) -> bool {
        let arity = self.ast.children(ix).count() + usize::from(piped.is_some());
        let name = self.ast.atom(ix);
        arity == 2 && name.is_some_and(|name| !self.functions.contains(&(name, 2)))
    }

    fn is_defined(&self, ix: NodeIx) -> bool {
        let name = self.ast.atom(ix);
        name.is_some_and(|name| self.names.contains(&name))
    }

    /// `left = right`: right first; pins on the left see what was before.
    fn assignment(&mut self, left: Option<NodeIx>, right: Option<NodeIx>) {
        let (Some(left), Some(right)) = (left, right) else {
            return self.sequence(left.into_iter());
        };
        self.plan([
            Step::Mark,
            Step::Expr(right),
            Step::MatchBegin(BindKind::Match, right.0),
            Step::Pattern(left),
            Step::MatchEnd,
        ]);
    }

    /// `match?(pattern when guard, value)`.
    fn match_question(&mut self, ix: NodeIx, pattern: Option<NodeIx>, value: Option<NodeIx>) {
        let Some(pattern) = pattern else { return };
        let (pattern, guard) = self.guarded(pattern);
        let mut steps: Vec<Step> = value.map(Step::Expr).into_iter().collect();
        steps.extend([
            Step::Enter(ScopeKind::Test, ix),
            Step::Mark,
            Step::MatchBegin(BindKind::Test, value.map_or(u32::MAX, |one| one.0)),
            Step::Pattern(pattern),
            Step::MatchEnd,
        ]);
        steps.extend(guard.map(Step::Expr));
        steps.push(Step::Leave);
        self.plan(steps);
    }

    /// `pattern when guard`.
    pub(super) fn guarded(&self, ix: NodeIx) -> (NodeIx, Option<NodeIx>) {
        if !is_call(self.ast, ix, Form::When) {
            return (ix, None);
        }
        match (self.ast.child(ix, 0), self.ast.child(ix, 1)) {
            (Some(pattern), guard) => (pattern, guard),
            _ => (ix, None),
        }
    }

    /// `binding()` reads everything.
    fn binding_call(&mut self) {
        let Some(&visible) = self.visible.last() else {
            return;
        };
        let all: Vec<u32> = self.env.each().filter(|&one| visible.sees(one)).collect();
        for one in all {
            self.found.bindings[one as usize].by_binding = true;
        }
    }

    /// `<<a, b::size(n)>>`.
    fn bits(&mut self, ix: NodeIx) {
        let mut steps = vec![Step::ArgsBegin];
        for one in self.ast.children(ix) {
            match self.typed(one) {
                Some((value, spec)) => steps.extend([Step::Expr(value), Step::Spec(spec)]),
                None => steps.push(Step::Expr(one)),
            }
            steps.push(Step::ArgNext);
        }
        steps.push(Step::ArgsEnd);
        self.plan(steps);
    }

    /// `value :: type`.
    pub(super) fn typed(&self, ix: NodeIx) -> Option<(NodeIx, NodeIx)> {
        is_call(self.ast, ix, Form::Type)
            .then(|| Some((self.ast.child(ix, 0)?, self.ast.child(ix, 1)?)))?
    }

    /// `pattern <- values` where no construct takes it: a macro's.
    fn stray_generator(&mut self, left: Option<NodeIx>, right: Option<NodeIx>) {
        self.assignment(left, right);
    }

    /// A definition whose clauses are its heads: `defdelegate [a(x), b(y)], to: M`.
    fn delegated(&self, ix: NodeIx) -> bool {
        let list = self
            .ast
            .child(ix, 0)
            .filter(|&list| self.ast.kind(list) == Kind::List);
        list.is_some_and(|list| {
            self.ast
                .children(list)
                .any(|head| self.clauses.contains(&head))
        })
    }

    /// The head of a definition, without its guard.
    pub(super) fn head(&self, ix: NodeIx) -> Option<NodeIx> {
        head_call(self.ast, ix)
    }
}
