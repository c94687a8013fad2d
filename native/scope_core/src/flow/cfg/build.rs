//! Builds the graph: a walk in the order of evaluation, with a block at hand.

use std::collections::HashSet;

use crate::ast::{Ast, Kind, NodeIx};
use crate::atoms::Atom;
use crate::source::head::head_call;
use crate::source::{FunctionKind, Unit};

use super::super::form::{
    Form, arrow, call_form, is_call, is_keyword, is_var, option, pairs, split,
};
use super::super::variables::NONE;
use super::{Block, BlockKind, Cfg, Difference, Edge, EdgeKind, Graph, order};

/// What is still to be done, the next on top.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    Eval(NodeIx),
    /// The operands have been evaluated: the node is, too.
    Emit(NodeIx),
    /// The subject of a construct has been evaluated: branch.
    Branch(NodeIx, Form),
    /// A new block, come to from another one.
    Open {
        from: u32,
        edge: EdgeKind,
        number: u16,
        kind: BlockKind,
        node: NodeIx,
    },
    /// A new block, come to from the block at hand.
    Follow(EdgeKind, BlockKind, NodeIx),
    Goto(u32, EdgeKind),
    /// Goes on in a block that others led to; nowhere, when none did.
    Resume(u32),
    /// From here on exceptions go to this block.
    Handle(u32),
    Unhandle,
    /// The rest of `for` and `with`: the operand at hand, and where it leads.
    Generator(NodeIx, u32, u32),
    Filter(NodeIx, u32),
    Test(NodeIx, u32),
    /// The next test of a `cond`: whether there was one before.
    Raised(NodeIx),
}

pub(super) struct Builder<'a> {
    pub(super) unit: &'a Unit,
    pub(super) ast: &'a Ast,
    pub(super) function: u32,
    names: HashSet<Atom, ahash::RandomState>,
    pub(super) steps: Vec<Step>,
    pub(super) cfg: Cfg,
    /// Nodes with their blocks, in the order of evaluation.
    emitted: Vec<(u32, NodeIx)>,
    /// How many edges lead to each block; where its exceptions go.
    pub(super) incoming: Vec<u32>,
    handler_of: Vec<u32>,
    handlers: Vec<u32>,
    /// The block at hand; `NONE` behind a `raise`.
    pub(super) current: u32,
    graph: u32,
    /// Closures whose graphs are still to be built.
    closures: Vec<NodeIx>,
}

pub(super) fn build(unit: &Unit, function: u32) -> Cfg {
    let mut builder = Builder {
        unit,
        ast: unit.ast(),
        function,
        names: unit.functions().iter().map(|one| one.name).collect(),
        steps: Vec::new(),
        cfg: Cfg::default(),
        emitted: Vec::new(),
        incoming: Vec::new(),
        handler_of: Vec::new(),
        handlers: Vec::new(),
        current: NONE,
        graph: 0,
        closures: Vec::new(),
    };
    let clauses = unit.clauses_of_function(function);
    let node = clauses.first().map_or(unit.ast().root(), |one| one.node);
    // A guard's body is its head.
    let guard = matches!(
        unit.functions()[function as usize].kind,
        FunctionKind::Defguard | FunctionKind::Defguardp
    );
    let running: Vec<NodeIx> = clauses
        .iter()
        .filter(|one| guard || !one.bodiless)
        .map(|one| one.node)
        .collect();
    builder.open_graph(node);
    builder.definitions(&running);
    builder.run();
    let mut at = 0;
    while let Some(&closure) = builder.closures.get(at) {
        builder.open_graph(closure);
        builder.closure(closure);
        builder.run();
        at += 1;
    }
    builder.finish()
}

impl Builder<'_> {
    fn run(&mut self) {
        while let Some(step) = self.steps.pop() {
            self.step(step);
        }
    }

    pub(super) fn plan(&mut self, steps: impl IntoIterator<Item = Step>) {
        let start = self.steps.len();
        self.steps.extend(steps);
        self.steps[start..].reverse();
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Eval(ix) => self.eval(ix),
            Step::Emit(ix) => self.emit(ix),
            Step::Branch(ix, form) => self.branch(ix, form),
            Step::Open {
                from,
                edge,
                number,
                kind,
                node,
            } => {
                self.current = self.block(kind, node);
                if from != NONE {
                    self.edge_numbered(from, self.current, edge, number);
                }
            }
            Step::Follow(edge, kind, node) => {
                let from = self.current;
                self.current = self.block(kind, node);
                if from != NONE {
                    self.edge(from, self.current, edge);
                }
            }
            Step::Goto(to, kind) => {
                if self.current != NONE {
                    self.edge(self.current, to, kind);
                }
                self.current = NONE;
            }
            Step::Resume(block) => {
                self.current = match self.incoming[block as usize] {
                    0 => NONE,
                    _ => block,
                };
            }
            Step::Handle(block) => self.handlers.push(block),
            Step::Unhandle => {
                self.handlers.pop();
            }
            Step::Generator(ix, done, inner) => self.generator(ix, done, inner),
            Step::Filter(ix, back) => self.filter(ix, back),
            Step::Test(ix, fail) => self.with_test(ix, fail),
            Step::Raised(ix) => self.raised(ix),
        }
    }

    // Blocks and edges

    pub(super) fn block(&mut self, kind: BlockKind, node: NodeIx) -> u32 {
        self.cfg.blocks.push(Block {
            kind,
            node,
            first: 0,
            end: 0,
            graph: self.graph,
            reachable: false,
            may_raise: false,
        });
        self.incoming.push(0);
        self.handler_of
            .push(self.handlers.last().copied().unwrap_or(NONE));
        self.cfg.blocks.len() as u32 - 1
    }

    pub(super) fn edge(&mut self, from: u32, to: u32, kind: EdgeKind) {
        self.edge_numbered(from, to, kind, 0);
    }

    pub(super) fn edge_numbered(&mut self, from: u32, to: u32, kind: EdgeKind, number: u16) {
        self.incoming[to as usize] += 1;
        self.cfg.edges.push(Edge {
            from,
            to,
            kind,
            number,
        });
    }

    /// The block at hand; a new one that nothing leads to, behind a `raise`.
    pub(super) fn here(&mut self, node: NodeIx) -> u32 {
        if self.current == NONE {
            self.current = self.block(BlockKind::Code, node);
        }
        self.current
    }

    fn open_graph(&mut self, node: NodeIx) {
        self.graph = self.cfg.graphs.len() as u32;
        self.handlers.clear();
        let entry = self.block(BlockKind::Entry, node);
        let exit = self.block(BlockKind::Exit, node);
        self.cfg.graphs.push(Graph { node, entry, exit });
        self.current = entry;
    }

    pub(super) fn exit(&self) -> u32 {
        self.cfg.graphs[self.graph as usize].exit
    }

    /// Where an exception goes from here.
    pub(super) fn handler(&self) -> u32 {
        self.handlers.last().copied().unwrap_or(self.exit())
    }

    // Evaluation

    pub(super) fn emit(&mut self, ix: NodeIx) {
        let block = self.here(ix);
        self.emitted.push((block, ix));
        let calls = matches!(self.ast.kind(ix), Kind::Call | Kind::CallExpr);
        let builds = matches!(
            call_form(self.ast, ix),
            Some(
                Form::Braces
                    | Form::Aliases
                    | Form::Block
                    | Form::Fn
                    | Form::Capture
                    | Form::Quote
                    | Form::Arrow
                    | Form::At
            )
        );
        if calls && !builds {
            self.cfg.blocks[block as usize].may_raise = true;
        }
        if calls && self.calls_itself(ix) {
            let entry = self.cfg.graphs[0].entry;
            let tail = self.graph == 0 && self.is_tail(ix);
            let kind = match tail {
                true => EdgeKind::TailRecursion,
                false => EdgeKind::Recursion,
            };
            self.cfg.edges.push(Edge {
                from: block,
                to: entry,
                kind,
                number: 0,
            });
        }
    }

    pub(super) fn eval(&mut self, ix: NodeIx) {
        match self.ast.kind(ix) {
            Kind::Var | Kind::VarIn => self.emit(ix),
            Kind::Call => self.call(ix),
            Kind::CallExpr => self.plain(ix),
            Kind::List | Kind::Tuple | Kind::Pair | Kind::ImproperList | Kind::Map => {
                let steps: Vec<Step> = self.ast.children(ix).map(Step::Eval).collect();
                self.plan(steps);
            }
            _ => {}
        }
    }

    fn call(&mut self, ix: NodeIx) {
        let found = call_form(self.ast, ix);
        let first = self.ast.child(ix, 0);
        let second = self.ast.child(ix, 1);
        match found {
            Some(Form::Match) => {
                self.plan(second.map(Step::Eval).into_iter().chain([Step::Emit(ix)]));
            }
            Some(Form::Block) => {
                let steps: Vec<Step> = self.ast.children(ix).map(Step::Eval).collect();
                self.plan(steps);
            }
            Some(Form::Pipe) => {
                let sides = first.into_iter().chain(second).map(Step::Eval);
                self.plan(sides.chain([Step::Emit(ix)]).collect::<Vec<_>>());
            }
            Some(Form::Fn) => {
                self.emit(ix);
                self.closures.push(ix);
            }
            Some(Form::Capture) => self.capture(ix, first),
            Some(one @ (Form::Case | Form::If | Form::Receive | Form::For | Form::With)) => {
                self.construct(ix, one);
            }
            Some(Form::Cond) => self.cond(ix),
            Some(Form::Try) => {
                self.emit(ix);
                let options = split(self.ast, ix).options;
                self.try_blocks(ix, &options);
            }
            Some(Form::ShortCircuit) if second.is_some() => {
                let left = first.map(Step::Eval).into_iter();
                self.plan(left.chain([Step::Emit(ix), Step::Branch(ix, Form::ShortCircuit)]));
            }
            Some(Form::Quote) => self.quote(ix),
            Some(Form::At | Form::Aliases | Form::Defmodule) => self.emit(ix),
            Some(Form::Raise) if first.is_some() && !self.is_defined(ix) => {
                let args: Vec<Step> = self.ast.children(ix).map(Step::Eval).collect();
                self.plan(args.into_iter().chain([Step::Raised(ix)]));
            }
            Some(Form::MatchQuestion) if second.is_some() => {
                let guard = first.filter(|&one| is_call(self.ast, one, Form::When));
                let guard = guard.and_then(|one| self.ast.child(one, 1));
                let parts = second.into_iter().chain(guard).map(Step::Eval);
                self.plan(parts.chain([Step::Emit(ix)]).collect::<Vec<_>>());
            }
            Some(Form::Pin | Form::Type) => self.plan(first.map(Step::Eval)),
            _ => self.plain(ix),
        }
    }

    /// Arguments, then the call.
    fn plain(&mut self, ix: NodeIx) {
        if self.remote_short_circuit(ix) {
            // Which `metrics` takes for a call.
            self.differs(1, 0);
            let args: Vec<NodeIx> = self.ast.children(ix).skip(1).collect();
            let left = args[..args.len() - 1].iter().copied().map(Step::Eval);
            let branch = [Step::Emit(ix), Step::Branch(ix, Form::ShortCircuit)];
            return self.plan(left.chain(branch).collect::<Vec<_>>());
        }
        let mut steps = Vec::new();
        for one in self.ast.children(ix) {
            match is_call(self.ast, one, Form::Dot) {
                true => steps.extend(self.ast.children(one).map(Step::Eval)),
                false => steps.push(Step::Eval(one)),
            }
        }
        steps.push(match self.raises_by_name(ix) {
            true => Step::Raised(ix),
            false => Step::Emit(ix),
        });
        self.plan(steps);
    }

    fn raised(&mut self, ix: NodeIx) {
        self.emit(ix);
        let handler = self.handler();
        self.edge(self.current, handler, EdgeKind::Raise);
        self.current = NONE;
    }

    fn is_defined(&self, ix: NodeIx) -> bool {
        let name = self.ast.atom(ix);
        name.is_some_and(|name| self.names.contains(&name))
    }

    fn capture(&mut self, ix: NodeIx, captured: Option<NodeIx>) {
        self.emit(ix);
        let Some(captured) = captured.filter(|&one| self.ast.size(one) > 1) else {
            return;
        };
        let named = is_call(self.ast, captured, Form::Slash)
            && self
                .ast
                .child(captured, 1)
                .is_some_and(|one| self.ast.kind(one) == Kind::Int)
            && self
                .ast
                .child(captured, 0)
                .is_some_and(|one| is_var(self.ast, one) || self.ast.kind(one) == Kind::CallExpr);
        if !named {
            self.closures.push(ix);
        }
    }

    /// What is unquoted and the options are evaluated; the rest is data.
    fn quote(&mut self, ix: NodeIx) {
        let parts = split(self.ast, ix);
        let options = self.evaluated_options(&parts.options);
        let mut steps: Vec<Step> = options.into_iter().map(Step::Eval).collect();
        if let Some(body) = option(self.ast, &parts.options, Form::Do) {
            let (mut at, end) = (body.0, self.ast.end(body));
            while at < end {
                let inner = NodeIx(at);
                match call_form(self.ast, inner) {
                    Some(Form::Unquote) => {
                        steps.extend(self.ast.children(inner).map(Step::Eval));
                        at = self.ast.end(inner);
                        continue;
                    }
                    _ if self.is_definition_of_module(inner) => {
                        at = self.ast.end(inner);
                        continue;
                    }
                    _ => {}
                }
                let decisions = self.decisions_of(inner);
                self.differs(0, decisions as usize);
                at += 1;
            }
        }
        steps.push(Step::Emit(ix));
        self.plan(steps);
    }

    fn definitions(&mut self, clauses: &[NodeIx]) {
        let (entry, exit) = (self.current, self.exit());
        if clauses.is_empty() {
            return self.edge(entry, exit, EdgeKind::Return);
        }
        let mut steps = Vec::new();
        for (&clause, number) in clauses.iter().zip(1u16..) {
            steps.push(Step::Open {
                from: entry,
                edge: EdgeKind::Clause,
                number,
                kind: BlockKind::Clause,
                node: clause,
            });
            steps.push(Step::Emit(clause));
            self.head(&mut steps, clause);
            steps.extend([
                Step::Branch(clause, Form::Def),
                Step::Goto(exit, EdgeKind::Return),
            ]);
        }
        self.plan(steps);
    }

    /// Defaults and guard.
    fn head(&self, steps: &mut Vec<Step>, clause: NodeIx) {
        if let Some(call) = head_call(self.ast, clause) {
            let defaults = self.ast.children(call);
            let defaults = defaults.filter(|&one| is_call(self.ast, one, Form::Default));
            steps.extend(
                defaults
                    .filter_map(|one| self.ast.child(one, 1))
                    .map(Step::Eval),
            );
        }
        let written = self.ast.child(clause, 0);
        let guarded = written.filter(|&one| is_call(self.ast, one, Form::When));
        steps.extend(
            guarded
                .and_then(|one| self.ast.child(one, 1))
                .map(Step::Eval),
        );
    }

    /// The body of a definition, which may be a `try`.
    pub(super) fn body(&mut self, clause: NodeIx) {
        let name = self.ast.atom(clause);
        let is_definition = call_form(self.ast, clause) == Some(Form::Def);
        if !is_definition || name.is_some_and(|name| name.text() == "defdelegate") {
            return;
        }
        let mut steps = Vec::new();
        for one in self.ast.children(clause).skip(1) {
            if !is_keyword(self.ast, one) {
                steps.push(Step::Eval(one));
                continue;
            }
            let body = option(self.ast, &[one], Form::Do);
            match body {
                Some(body) if pairs(self.ast, one).count() == 1 => steps.push(Step::Eval(body)),
                _ => return self.try_blocks(clause, &[one]),
            }
        }
        self.plan(steps);
    }

    fn closure(&mut self, ix: NodeIx) {
        let (entry, exit) = (self.current, self.exit());
        if is_call(self.ast, ix, Form::Capture) {
            let body = self.ast.child(ix, 0).map(Step::Eval).into_iter();
            let open = Step::Follow(EdgeKind::Next, BlockKind::Code, ix);
            return self.plan(
                [open]
                    .into_iter()
                    .chain(body)
                    .chain([Step::Goto(exit, EdgeKind::Return)]),
            );
        }
        let clauses: Vec<NodeIx> = self
            .ast
            .children(ix)
            .filter(|&one| is_call(self.ast, one, Form::Arrow))
            .collect();
        if clauses.is_empty() {
            return self.edge(entry, exit, EdgeKind::Return);
        }
        let mut steps = Vec::new();
        for (&clause, number) in clauses.iter().zip(1u16..) {
            self.arrow_steps(&mut steps, entry, EdgeKind::Clause, number, clause);
            steps.push(Step::Goto(exit, EdgeKind::Return));
        }
        self.plan(steps);
    }

    /// The block of a clause, its guard and its body.
    pub(super) fn arrow_steps(
        &self,
        steps: &mut Vec<Step>,
        from: u32,
        edge: EdgeKind,
        number: u16,
        clause: NodeIx,
    ) {
        let parts = arrow(self.ast, clause);
        steps.push(Step::Open {
            from,
            edge,
            number,
            kind: BlockKind::Clause,
            node: clause,
        });
        steps.push(Step::Emit(clause));
        steps.extend(parts.guard.map(Step::Eval));
        steps.extend(parts.body.map(Step::Eval));
    }

    fn finish(mut self) -> Cfg {
        // Whatever may raise goes to whoever rescues.
        for block in 0..self.cfg.blocks.len() as u32 {
            let handler = self.handler_of[block as usize];
            if handler != NONE && self.cfg.blocks[block as usize].may_raise {
                self.edge(block, handler, EdgeKind::Exception);
            }
        }
        order::arrange(self.cfg, &self.emitted, &self.incoming)
    }

    pub(super) fn differs(&mut self, more: usize, less: usize) {
        let Difference { more: a, less: b } = &mut self.cfg.difference;
        *a += more as u32;
        *b += less as u32;
    }
}
