//! `for` and `with`: operands that lead on, or out.

use crate::ast::NodeIx;

use super::super::form::{Form, arrows, call_form, is_call, option, split};
use super::build::{Builder, Step};
use super::{BlockKind, EdgeKind};

impl Builder<'_> {
    /// Each generator is a loop in the one before it; a filter goes on, or back to the innermost generator.
    pub(super) fn comprehension(&mut self, ix: NodeIx) {
        let parts = split(self.ast, ix);
        let body = option(self.ast, &parts.options, Form::Do);
        let clauses = body.map(|body| arrows(self.ast, body)).unwrap_or_default();
        let join = self.block(BlockKind::Join, ix);
        let mut steps = Vec::new();
        let mut back = join;
        for &one in &parts.operands {
            match self.values_of(one) {
                Some((values, _)) => {
                    let header = self.block(BlockKind::Loop, one);
                    steps.extend([Step::Eval(values), Step::Generator(one, back, header)]);
                    back = header;
                }
                None => steps.extend([Step::Eval(one), Step::Filter(one, back)]),
            }
        }
        let again = if back == join {
            EdgeKind::Next
        } else {
            EdgeKind::Back
        };
        match clauses.is_empty() {
            true => steps.extend(
                body.map(Step::Eval)
                    .into_iter()
                    .chain([Step::Goto(back, again)]),
            ),
            false => {
                let chosen = self.block(BlockKind::Dispatch, ix);
                steps.extend([Step::Goto(chosen, EdgeKind::Next), Step::Resume(chosen)]);
                self.reduced(&mut steps, chosen, &clauses, back, again);
            }
        }
        steps.push(Step::Resume(join));
        let ways = parts.operands.len() + clauses.len().saturating_sub(1);
        self.differs(ways, 1);
        self.plan(steps);
    }

    fn reduced(
        &self,
        steps: &mut Vec<Step>,
        from: u32,
        clauses: &[NodeIx],
        back: u32,
        again: EdgeKind,
    ) {
        for (&clause, number) in clauses.iter().zip(1u16..) {
            self.arrow_steps(steps, from, EdgeKind::Clause, number, clause);
            steps.push(Step::Goto(back, again));
        }
    }

    /// `pattern <- values`, `<<pattern <- bytes>>`: the values and the guard.
    fn values_of(&self, ix: NodeIx) -> Option<(NodeIx, Option<NodeIx>)> {
        let arrow = match call_form(self.ast, ix)? {
            Form::LeftArrow => ix,
            Form::Bits => self
                .ast
                .children(ix)
                .last()
                .filter(|&last| is_call(self.ast, last, Form::LeftArrow))?,
            _ => return None,
        };
        let left = self.ast.child(arrow, 0)?;
        let guard = is_call(self.ast, left, Form::When).then(|| self.ast.child(left, 1));
        Some((self.ast.child(arrow, 1)?, guard.flatten()))
    }

    /// The values of a generator have been evaluated: ask for the first.
    pub(super) fn generator(&mut self, ix: NodeIx, done: u32, header: u32) {
        let from = self.here(ix);
        self.edge(from, header, EdgeKind::Next);
        let kind = match self.cfg.blocks[done as usize].kind {
            BlockKind::Loop => EdgeKind::Back,
            _ => EdgeKind::Done,
        };
        self.current = header;
        self.emit(ix);
        self.edge(header, done, kind);
        let guard = self.values_of(ix).and_then(|(_, guard)| guard);
        let follow = Step::Follow(EdgeKind::Each, BlockKind::Code, ix);
        self.plan([follow].into_iter().chain(guard.map(Step::Eval)));
    }

    /// A filter has been evaluated.
    pub(super) fn filter(&mut self, ix: NodeIx, back: u32) {
        let from = self.here(ix);
        self.edge(from, back, EdgeKind::False);
        self.plan([Step::Follow(EdgeKind::True, BlockKind::Code, ix)]);
    }

    /// `with`: what does not match leaves for the `else`, or with the value.
    pub(super) fn with(&mut self, ix: NodeIx) {
        let parts = split(self.ast, ix);
        let body = option(self.ast, &parts.options, Form::Do);
        let block = option(self.ast, &parts.options, Form::Else);
        let clauses = block
            .map(|block| arrows(self.ast, block))
            .unwrap_or_default();
        let join = self.block(BlockKind::Join, ix);
        let binds = |one: &&NodeIx| is_call(self.ast, **one, Form::LeftArrow);
        let dispatch = (!clauses.is_empty()).then(|| self.block(BlockKind::Dispatch, ix));
        let fail = dispatch.unwrap_or(join);
        let mut steps = Vec::new();
        for &one in &parts.operands {
            match self.values_of(one).filter(|_| binds(&&one)) {
                Some((value, guard)) => {
                    steps.push(Step::Eval(value));
                    steps.extend(guard.map(Step::Eval));
                    steps.extend([Step::Emit(one), Step::Test(one, fail)]);
                }
                None => steps.push(Step::Eval(one)),
            }
        }
        steps.extend(body.map(Step::Eval));
        steps.push(Step::Goto(join, EdgeKind::Next));
        if let Some(dispatch) = dispatch {
            self.clauses(&mut steps, dispatch, &clauses, 1, join);
        }
        steps.push(Step::Resume(join));
        self.plan(steps);
    }

    /// `<-` of a `with`, or a test of a `cond`.
    pub(super) fn with_test(&mut self, ix: NodeIx, fail: u32) {
        if is_call(self.ast, ix, Form::Arrow) {
            return self.cond_test(ix, fail);
        }
        let from = self.here(ix);
        self.edge(from, fail, EdgeKind::Mismatch);
        self.plan([Step::Follow(EdgeKind::Next, BlockKind::Code, ix)]);
    }
}
