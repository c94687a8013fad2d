//! Builds the data flow of a function from its variables and from how its values are nested.

use std::collections::{HashMap, HashSet};

use crate::ast::{Ast, Kind, NodeIx};
use crate::source::Unit;
use crate::source::head::head_call;

use super::super::form::{
    Form, arrow, arrows, call_form, is_call, is_keyword, option, pairs, split,
};
use super::super::variables::{BindKind, NONE, Role, Variables};
use super::sources::{blocks, sources};
use super::{DataFlow, Flow, FlowKind, Vertex, VertexKind};

/// Flows of one function; a function of more is one that nobody wrote, and keeps the first of them.
const FLOWS_MAX: usize = 1 << 20;

struct Builder<'a> {
    unit: &'a Unit,
    ast: &'a Ast,
    variables: &'a Variables,
    flow: DataFlow,
    by_node: HashMap<NodeIx, u32, ahash::RandomState>,
    seen: HashSet<Flow, ahash::RandomState>,
}

pub(super) fn build(unit: &Unit, function: u32) -> DataFlow {
    let clauses = unit.clauses_of_function(function);
    let node = clauses.first().map_or(unit.ast().root(), |one| one.node);
    let mut builder = Builder {
        unit,
        ast: unit.ast(),
        variables: unit.variables(),
        flow: DataFlow::default(),
        by_node: HashMap::default(),
        seen: HashSet::default(),
    };
    builder.flow.vertices.push(Vertex {
        node,
        kind: VertexKind::Return,
    });
    for clause in clauses {
        builder.clause(clause.node);
    }
    builder.flow
}

impl Builder<'_> {
    fn clause(&mut self, clause: NodeIx) {
        self.bindings(clause);
        let (mut at, end) = (clause.0 + 1, self.ast.end(clause));
        let head = head_call(self.ast, clause);
        while at < end {
            let ix = NodeIx(at);
            match call_form(self.ast, ix) {
                // Data, and code of its own.
                Some(Form::Quote | Form::Defmodule | Form::At) => {
                    at = self.ast.end(ix);
                    continue;
                }
                _ if Some(ix) == head => {}
                _ => self.consumer(ix),
            }
            at += 1;
        }
        let mut body = Vec::new();
        if call_form(self.ast, clause) == Some(Form::Def) {
            for list in self.ast.children(clause).skip(1) {
                match is_keyword(self.ast, list) {
                    true => blocks(self.unit, &[list], &mut body),
                    false => body.push(Some(list)),
                }
            }
        }
        for one in body.into_iter().flatten() {
            self.flows_to(one, 0, FlowKind::Returns, 0);
        }
    }

    /// What each variable gets.
    fn bindings(&mut self, clause: NodeIx) {
        let Some(region) = self.variables.region_of(clause) else {
            return;
        };
        for number in self.variables.bindings_of(region) {
            let binding = &self.variables.bindings()[number as usize];
            let vertex = self.vertex(binding.node, VertexKind::Variable(number));
            let whole = self.is_whole(binding.node);
            match self.ast.get(binding.origin) {
                Some(origin) => {
                    let loops = matches!(binding.kind, BindKind::Generator);
                    let kind = match whole && !loops {
                        true => FlowKind::Binds,
                        false => FlowKind::Destructures,
                    };
                    self.flows_to(origin, vertex, kind, 0);
                }
                None if binding.kind == BindKind::Parameter => {
                    if let Some(position) = self.position(clause, binding.node) {
                        self.flow.parameters.push((position, vertex));
                    }
                }
                None => {}
            }
        }
    }

    /// The variable is the whole pattern.
    fn is_whole(&self, node: NodeIx) -> bool {
        let Some(parent) = self.ast.parent(node) else {
            return false;
        };
        match call_form(self.ast, parent) {
            Some(Form::Match | Form::LeftArrow) => true,
            Some(Form::When) => true,
            _ => {
                self.ast.kind(parent) == Kind::List
                    && self
                        .ast
                        .parent(parent)
                        .is_some_and(|clause| is_call(self.ast, clause, Form::Arrow))
            }
        }
    }

    /// The argument of a definition's head that a node is in.
    fn position(&self, clause: NodeIx, node: NodeIx) -> Option<u16> {
        let call = head_call(self.ast, clause)?;
        let skip = usize::from(self.ast.kind(call) == Kind::CallExpr);
        let mut args = self.ast.children(call).skip(skip);
        let found = args.position(|arg| self.ast.contains(arg, node))?;
        u16::try_from(found).ok()
    }

    /// What takes values: a call, something built, a closure.
    fn consumer(&mut self, ix: NodeIx) {
        match self.ast.kind(ix) {
            Kind::List | Kind::ImproperList | Kind::Tuple | Kind::Map => {
                let is_code = |one| {
                    is_call(self.ast, one, Form::Arrow)
                        || self.ast.kind(one) == Kind::Pair && self.is_block(one)
                };
                if !self.ast.children(ix).any(is_code) {
                    self.takes(ix, VertexKind::Built, FlowKind::Part, self.operands(ix));
                }
            }
            Kind::CallExpr => {
                self.takes(ix, VertexKind::Call, FlowKind::Argument, self.operands(ix))
            }
            Kind::Call => match call_form(self.ast, ix) {
                Some(
                    Form::Match
                    | Form::Block
                    | Form::Pipe
                    | Form::Case
                    | Form::If
                    | Form::Cond
                    | Form::With
                    | Form::Try
                    | Form::Receive
                    | Form::ShortCircuit
                    | Form::Arrow
                    | Form::LeftArrow
                    | Form::When
                    | Form::Pin
                    | Form::Default
                    | Form::Type
                    | Form::Dot
                    | Form::Aliases
                    | Form::Unquote,
                ) => {}
                Some(Form::Fn | Form::Capture) => self.closure(ix),
                Some(Form::For) => self.comprehension(ix),
                Some(Form::Braces | Form::Map | Form::Struct | Form::Bits | Form::Cons) => {
                    self.takes(ix, VertexKind::Built, FlowKind::Part, self.operands(ix));
                }
                _ => self.takes(ix, VertexKind::Call, FlowKind::Argument, self.operands(ix)),
            },
            _ => {}
        }
    }

    /// `do: ...` of a construct.
    fn is_block(&self, pair: NodeIx) -> bool {
        let owner = self.ast.parent(pair).and_then(|list| self.ast.parent(list));
        matches!(
            owner.and_then(|owner| call_form(self.ast, owner)),
            Some(
                Form::If
                    | Form::Case
                    | Form::Cond
                    | Form::With
                    | Form::Try
                    | Form::Receive
                    | Form::For
                    | Form::Def
            )
        )
    }

    /// The arguments with what is piped in, `module` and `fun` of `module.f()` and `fun.()` left out.
    fn operands(&self, ix: NodeIx) -> Vec<NodeIx> {
        let parent = self.ast.parent(ix);
        let pipe = parent.filter(|&parent| {
            is_call(self.ast, parent, Form::Pipe) && self.ast.child(parent, 1) == Some(ix)
        });
        let piped = pipe.and_then(|pipe| self.ast.child(pipe, 0));
        let skip = usize::from(self.ast.kind(ix) == Kind::CallExpr);
        piped
            .into_iter()
            .chain(self.ast.children(ix).skip(skip))
            .map(|one| match is_call(self.ast, one, Form::Type) {
                true => self.ast.child(one, 0).unwrap_or(one),
                false => one,
            })
            .collect()
    }

    fn takes(&mut self, ix: NodeIx, vertex: VertexKind, kind: FlowKind, operands: Vec<NodeIx>) {
        for (&operand, position) in operands.iter().zip(0u16..) {
            let leaves: Vec<NodeIx> = sources(self.unit, operand).into_iter().flatten().collect();
            for leaf in leaves {
                if let Some(from) = self.value(leaf, false) {
                    let to = self.vertex(ix, vertex);
                    self.add(from, to, kind, position);
                }
            }
        }
    }

    fn closure(&mut self, ix: NodeIx) {
        let variables = self.variables;
        let places = variables.occurrences_in(ix, self.ast.end(ix)).iter();
        for place in places.filter(|place| place.captured) {
            let binding = &variables.bindings()[place.binding as usize];
            if self.ast.contains(ix, binding.node) {
                continue;
            }
            let from = self.vertex(binding.node, VertexKind::Variable(place.binding));
            let to = self.vertex(ix, VertexKind::Closure);
            self.add(from, to, FlowKind::Captured, 0);
        }
    }

    /// What the body gives becomes a part of what is collected; of `reduce:` it is the value.
    fn comprehension(&mut self, ix: NodeIx) {
        let parts = split(self.ast, ix);
        let into = parts.options.iter().flat_map(|&list| pairs(self.ast, list));
        let into = into.filter(|(key, _)| matches!(key.text(), "into" | "reduce"));
        let mut taken: Vec<NodeIx> = into.map(|(_, value)| value).collect();
        if let Some(body) = option(self.ast, &parts.options, Form::Do) {
            let clauses = arrows(self.ast, body);
            let bodies = clauses.iter().filter_map(|&one| arrow(self.ast, one).body);
            taken.extend(bodies);
            taken.extend(clauses.is_empty().then_some(body));
        }
        self.takes(ix, VertexKind::Built, FlowKind::Part, taken);
    }

    /// The values of an expression flow to a vertex.
    fn flows_to(&mut self, expression: NodeIx, to: u32, kind: FlowKind, position: u16) {
        for leaf in sources(self.unit, expression).into_iter().flatten() {
            if let Some(from) = self.value(leaf, true) {
                self.add(from, to, kind, position);
            }
        }
    }

    /// The vertex of what makes a value. Literals count only where they are bound or returned.
    fn value(&mut self, leaf: NodeIx, literals: bool) -> Option<u32> {
        let kind = match self.ast.kind(leaf) {
            Kind::Var | Kind::VarIn => {
                let place = self.variables.occurrence_at(leaf)?;
                let read = matches!(place.role, Role::Read | Role::Pin) && place.binding != NONE;
                let binding = read.then_some(place.binding)?;
                let node = self.variables.bindings()[binding as usize].node;
                return Some(self.vertex(node, VertexKind::Variable(binding)));
            }
            Kind::CallExpr => VertexKind::Call,
            Kind::Call => match call_form(self.ast, leaf) {
                Some(Form::Fn | Form::Capture) => VertexKind::Closure,
                Some(
                    Form::Braces | Form::Map | Form::Struct | Form::Bits | Form::Cons | Form::For,
                ) => VertexKind::Built,
                Some(Form::Aliases | Form::At) if literals => VertexKind::Literal,
                Some(Form::Aliases | Form::At) => return None,
                // `raise` gives nothing.
                Some(Form::Raise) => return None,
                _ => VertexKind::Call,
            },
            Kind::List | Kind::ImproperList | Kind::Tuple | Kind::Map
                if self.ast.size(leaf) > 1 =>
            {
                VertexKind::Built
            }
            _ if literals => VertexKind::Literal,
            _ => return None,
        };
        Some(self.vertex(leaf, kind))
    }

    fn vertex(&mut self, node: NodeIx, kind: VertexKind) -> u32 {
        let next = self.flow.vertices.len() as u32;
        let vertices = &mut self.flow.vertices;
        *self.by_node.entry(node).or_insert_with(|| {
            vertices.push(Vertex { node, kind });
            next
        })
    }

    fn add(&mut self, from: u32, to: u32, kind: FlowKind, position: u16) {
        let flow = Flow {
            from,
            to,
            kind,
            position,
        };
        if self.flow.flows.len() < FLOWS_MAX && self.seen.insert(flow) {
            self.flow.flows.push(flow);
        }
    }
}
