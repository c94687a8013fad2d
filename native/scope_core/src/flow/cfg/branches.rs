//! Constructs that branch: `case`, `if`, `cond`, `receive`, `and`, `try`.

use crate::ast::{Kind, NodeIx};
use crate::source::words::word;

use super::super::form::{Form, arrow, arrows, call_form, form, option, pairs, split};
use super::build::{Builder, Step};
use super::{BlockKind, EdgeKind};

impl Builder<'_> {
    /// Its operands are evaluated first, then it branches.
    pub(super) fn construct(&mut self, ix: NodeIx, found: Form) {
        let parts = split(self.ast, ix);
        let mut steps = Vec::new();
        match found {
            Form::For => {
                let body = option(self.ast, &parts.options, Form::Do);
                let options = parts.options.iter().flat_map(|&list| pairs(self.ast, list));
                let options = options.filter(|&(_, value)| Some(value) != body);
                steps.extend(options.map(|(_, value)| Step::Eval(value)));
            }
            Form::Receive => {
                let after = option(self.ast, &parts.options, Form::After);
                let clauses = after
                    .map(|after| arrows(self.ast, after))
                    .unwrap_or_default();
                let waits = clauses.iter().flat_map(|&one| arrow(self.ast, one).left);
                steps.extend(waits.map(Step::Eval));
            }
            Form::With => {}
            _ => steps.extend(parts.operands.iter().copied().map(Step::Eval)),
        }
        steps.extend([Step::Emit(ix), Step::Branch(ix, found)]);
        self.plan(steps);
    }

    /// The operands of a construct have been evaluated.
    pub(super) fn branch(&mut self, ix: NodeIx, found: Form) {
        match found {
            Form::Case => self.case(ix),
            Form::If => self.condition(ix),
            Form::Receive => self.receive(ix),
            Form::ShortCircuit => self.short_circuit(ix),
            Form::For => self.comprehension(ix),
            Form::With => self.with(ix),
            Form::Def => self.body(ix),
            _ => {}
        }
    }

    fn case(&mut self, ix: NodeIx) {
        let from = self.here(ix);
        let block = option(self.ast, &split(self.ast, ix).options, Form::Do);
        let clauses = block
            .map(|block| arrows(self.ast, block))
            .unwrap_or_default();
        if clauses.is_empty() {
            return self.plan(block.map(Step::Eval));
        }
        let join = self.block(BlockKind::Join, ix);
        let mut steps = Vec::new();
        self.clauses(&mut steps, from, &clauses, 1, join);
        steps.push(Step::Resume(join));
        self.plan(steps);
    }

    /// Clauses, tried in their order, that all go on to one block.
    pub(super) fn clauses(
        &self,
        steps: &mut Vec<Step>,
        from: u32,
        clauses: &[NodeIx],
        first: u16,
        to: u32,
    ) {
        for (&clause, number) in clauses.iter().zip(first..) {
            self.arrow_steps(steps, from, EdgeKind::Clause, number, clause);
            steps.push(Step::Goto(to, EdgeKind::Next));
        }
    }

    fn condition(&mut self, ix: NodeIx) {
        let from = self.here(ix);
        let options = split(self.ast, ix).options;
        let positive = self.ast.atom(ix).is_some_and(|name| name.text() == "if");
        let join = self.block(BlockKind::Join, ix);
        let mut steps = Vec::new();
        for (key, when) in [(Form::Do, positive), (Form::Else, !positive)] {
            let edge = if when {
                EdgeKind::True
            } else {
                EdgeKind::False
            };
            match option(self.ast, &options, key) {
                Some(block) => steps.extend([
                    Step::Open {
                        from,
                        edge,
                        number: 0,
                        kind: BlockKind::Code,
                        node: block,
                    },
                    Step::Eval(block),
                    Step::Goto(join, EdgeKind::Next),
                ]),
                None => self.edge(from, join, edge),
            }
        }
        steps.push(Step::Resume(join));
        self.plan(steps);
    }

    /// `and or && ||`: the right side runs, or not.
    fn short_circuit(&mut self, ix: NodeIx) {
        let Some(right) = self.ast.children(ix).last() else {
            return;
        };
        let from = self.here(ix);
        // Of `Kernel.||(x)` the name stands in the first child.
        let name = self.ast.atom(ix).or_else(|| {
            let dot = self.ast.child(ix, 0)?;
            self.ast.atom(self.ast.child(dot, 1)?)
        });
        let conjunction = name.is_some_and(|name| matches!(name.text(), "and" | "&&"));
        let (on, off) = match conjunction {
            true => (EdgeKind::True, EdgeKind::False),
            false => (EdgeKind::False, EdgeKind::True),
        };
        let join = self.block(BlockKind::Join, ix);
        self.edge(from, join, off);
        self.plan([
            Step::Open {
                from,
                edge: on,
                number: 0,
                kind: BlockKind::Code,
                node: right,
            },
            Step::Eval(right),
            Step::Goto(join, EdgeKind::Next),
            Step::Resume(join),
        ]);
    }

    /// Tests, one after the other. When none holds, it raises.
    pub(super) fn cond(&mut self, ix: NodeIx) {
        let block = option(self.ast, &split(self.ast, ix).options, Form::Do);
        let clauses = block
            .map(|block| arrows(self.ast, block))
            .unwrap_or_default();
        self.emit(ix);
        if clauses.is_empty() {
            return;
        }
        let join = self.block(BlockKind::Join, ix);
        let mut steps = Vec::new();
        for &clause in &clauses {
            steps.extend(arrow(self.ast, clause).left.into_iter().map(Step::Eval));
            steps.push(Step::Test(clause, join));
        }
        steps.push(Step::Resume(join));
        self.plan(steps);
    }

    /// A test of a `cond` has been evaluated.
    pub(super) fn cond_test(&mut self, clause: NodeIx, join: u32) {
        self.emit(clause);
        let from = self.here(clause);
        let list = self.ast.parent(clause);
        let last = list.and_then(|list| self.ast.children(list).last()) == Some(clause);
        let body = arrow(self.ast, clause).body;
        let mut steps = vec![Step::Open {
            from,
            edge: EdgeKind::True,
            number: 0,
            kind: BlockKind::Clause,
            node: clause,
        }];
        steps.extend(body.map(Step::Eval));
        steps.push(Step::Goto(join, EdgeKind::Next));
        if !last {
            steps.push(Step::Open {
                from,
                edge: EdgeKind::False,
                number: 0,
                kind: BlockKind::Code,
                node: clause,
            });
        }
        self.plan(steps);
    }

    fn receive(&mut self, ix: NodeIx) {
        let from = self.here(ix);
        let options = split(self.ast, ix).options;
        let of = |key| {
            let block = option(self.ast, &options, key);
            block
                .map(|block| arrows(self.ast, block))
                .unwrap_or_default()
        };
        let (clauses, after) = (of(Form::Do), of(Form::After));
        let join = self.block(BlockKind::Join, ix);
        let mut steps = Vec::new();
        self.clauses(&mut steps, from, &clauses, 1, join);
        for clause in after {
            steps.extend([
                Step::Open {
                    from,
                    edge: EdgeKind::Timeout,
                    number: 0,
                    kind: BlockKind::Clause,
                    node: clause,
                },
                Step::Emit(clause),
            ]);
            steps.extend(arrow(self.ast, clause).body.map(Step::Eval));
            steps.push(Step::Goto(join, EdgeKind::Next));
        }
        steps.push(Step::Resume(join));
        self.plan(steps);
    }

    /// The blocks of a `try`, or of a definition with `rescue` and the like.
    pub(super) fn try_blocks(&mut self, ix: NodeIx, options: &[NodeIx]) {
        let from = self.here(ix);
        let clauses_of = |key| {
            let block = option(self.ast, options, key);
            block
                .map(|block| arrows(self.ast, block))
                .unwrap_or_default()
        };
        let (rescue, catch) = (clauses_of(Form::Rescue), clauses_of(Form::Catch));
        let otherwise = clauses_of(Form::Else);
        let after = option(self.ast, options, Form::After);
        let outer = self.handler();
        let join = self.block(BlockKind::Join, ix);
        let after_block = after.map(|after| self.block(BlockKind::After, after));
        let behind = after_block.unwrap_or(join);
        let mut steps = Vec::new();
        // With `after`, whatever leaves passes through it.
        steps.extend(after_block.map(Step::Handle));
        let dispatch = (!rescue.is_empty() || !catch.is_empty()).then(|| {
            let dispatch = self.block(BlockKind::Dispatch, ix);
            self.edge(from, dispatch, EdgeKind::Exception);
            self.edge(dispatch, after_block.unwrap_or(outer), EdgeKind::Reraise);
            dispatch
        });
        steps.extend(dispatch.map(Step::Handle));
        steps.push(Step::Open {
            from,
            edge: EdgeKind::Next,
            number: 0,
            kind: BlockKind::Code,
            node: ix,
        });
        steps.extend(option(self.ast, options, Form::Do).map(Step::Eval));
        steps.extend(dispatch.map(|_| Step::Unhandle));
        if otherwise.is_empty() {
            steps.push(Step::Goto(behind, EdgeKind::Next));
        } else {
            let chosen = self.block(BlockKind::Dispatch, ix);
            steps.extend([Step::Goto(chosen, EdgeKind::Next), Step::Resume(chosen)]);
            self.clauses(&mut steps, chosen, &otherwise, 1, behind);
            self.differs(otherwise.len() - 1, 0);
        }
        if let Some(dispatch) = dispatch {
            self.clauses(&mut steps, dispatch, &rescue, 1, behind);
            let first = rescue.len() as u16 + 1;
            self.clauses(&mut steps, dispatch, &catch, first, behind);
        }
        if let (Some(after), Some(block)) = (after, after_block) {
            steps.extend([
                Step::Unhandle,
                Step::Resume(block),
                Step::Eval(after),
                Step::Goto(join, EdgeKind::Next),
            ]);
            self.edge(block, outer, EdgeKind::Reraise);
        }
        steps.push(Step::Resume(join));
        self.plan(steps);
    }

    /// What `metrics` counts for a call that is data here.
    pub(super) fn decisions_of(&self, ix: NodeIx) -> u32 {
        let word = self.ast.atom_of(ix, Kind::Call).and_then(word);
        word.map_or(0, |word| crate::metrics::mccabe_of(self.ast, ix, word))
    }

    /// The keys of a construct's blocks that are no clauses, for those who look for `do`.
    pub(super) fn evaluated_options(&self, options: &[NodeIx]) -> Vec<NodeIx> {
        let all = options.iter().flat_map(|&list| pairs(self.ast, list));
        all.filter(|&(key, _)| form(key) != Some(Form::Do))
            .map(|(_, value)| value)
            .collect()
    }

    pub(super) fn is_definition_of_module(&self, ix: NodeIx) -> bool {
        call_form(self.ast, ix) == Some(Form::Defmodule)
    }
}
