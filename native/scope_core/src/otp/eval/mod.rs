//! Reads code as if it ran, with shapes for values.
//!
//! Straight-line code, matches and branches are followed; what a value may be is the union over the branches. Calls
//! of functions of the project are followed with their arguments, some levels deep. Everything else is `Any`, so a
//! shape that is given is true of every run as far as it goes.
//!
//! The recursion here is bounded by `DEPTH_MAX` and the work by `FUEL`, not by the input: beyond either, a value is
//! `Any`. What such a cut leaves out, `facts` takes in without knowing more of it.

mod calls;
mod control;
mod data;
mod lists;
mod messages;
mod starts;

pub(super) use lists::merged_lists;
pub(super) use starts::INIT_MARK;

use std::sync::Arc;

use ahash::AHashSet;

use crate::ast::{Ast, Kind, NodeIx};
use crate::atoms::Atom;
use crate::source::Unit;

use super::message::{Send, Subscription};
use super::pattern::{Place, bindings, text};
use super::project::Project;
use super::shape::{Elem, Shape, Site, Type};
use super::start::Started;
use super::syntax::{called, definition, is_call, variable, without_default};

/// Expressions inside each other, functions that call each other included: a stack of a dirty scheduler holds
/// thousands of such frames.
const DEPTH_MAX: u32 = 90;
/// Functions that are followed inside each other.
const CALLS_MAX: usize = 8;
/// Expressions of one evaluation.
const FUEL: u32 = 60_000;

/// Where code is evaluated.
pub(super) struct Frame {
    pub(super) unit: u32,
    pub(super) module: Option<u32>,
    env: Vec<(Atom, Shape)>,
    /// `self()` is the process that runs the module's callbacks, as far as one can tell.
    own: bool,
}

pub(super) struct Eval<'p> {
    pub(super) project: &'p Project<'p>,
    fuel: u32,
    depth: u32,
    /// The functions that are being followed.
    following: Vec<(u32, u32)>,
    /// Functions of the unit whose sends belong to whoever calls them, by number.
    pub(super) inline: AHashSet<u32>,
    /// The call that stands for what is sent in a followed function, while there is one.
    through: Option<NodeIx>,
    /// What is sent; `None` when nobody asks.
    pub(super) sends: Option<Vec<Send>>,
    pub(super) subscriptions: Vec<Subscription>,
    /// Supervisors that are asked to start a child, with its specification.
    pub(super) dynamic_children: Vec<(Shape, Shape, Option<Site>)>,
    /// Processes that were started on the way.
    pub(super) started: Vec<Arc<Started>>,
}

impl<'p> Eval<'p> {
    pub(super) fn new(project: &'p Project<'p>) -> Self {
        Eval {
            project,
            fuel: FUEL,
            depth: 0,
            following: Vec::new(),
            inline: AHashSet::new(),
            through: None,
            sends: None,
            subscriptions: Vec::new(),
            dynamic_children: Vec::new(),
            started: Vec::new(),
        }
    }

    fn unit(&self, frame: &Frame) -> &'p Unit {
        self.project.unit(frame.unit)
    }

    fn ast(&self, frame: &Frame) -> &'p Ast {
        self.unit(frame).ast()
    }

    fn module_name(&self, frame: &Frame) -> Option<Atom> {
        let unit = self.unit(frame);
        let module = &unit.modules()[frame.module? as usize];
        (!module.dynamic).then_some(module.name)
    }

    /// What a module attribute, `@name`, holds: the value set last before the node.
    fn attribute(&mut self, frame: &Frame, ix: NodeIx) -> Shape {
        let unit = self.unit(frame);
        let ast = unit.ast();
        let Some(name) = ast.child(ix, 0).and_then(|name| variable(ast, name)) else {
            return Shape::Any;
        };
        let Some(module) = frame.module else {
            return Shape::Any;
        };
        let start = unit.modules()[module as usize].node.0;
        let set = (start..ix.0).rev().map(NodeIx).find(|&at| {
            is_call(ast, at, "@")
                && ast.child(at, 0).is_some_and(|inner| {
                    ast.atom_of(inner, Kind::Call) == Some(name) && ast.size(inner) > 1
                })
                && unit.module_of(at) == Some(module)
                && unit.clause_of(at).is_none()
        });
        let value = set
            .and_then(|at| ast.child(at, 0))
            .and_then(|inner| ast.child(inner, 0));
        let mut own = Frame {
            unit: frame.unit,
            module: frame.module,
            env: Vec::new(),
            own: false,
        };
        value.map_or(Shape::Any, |value| {
            self.quietly(|eval| eval.eval(&mut own, value))
        })
    }

    /// Evaluates without noting what is sent.
    fn quietly<T>(&mut self, run: impl FnOnce(&mut Self) -> T) -> T {
        let sends = self.sends.take();
        let subscriptions = std::mem::take(&mut self.subscriptions);
        let result = run(self);
        self.sends = sends;
        self.subscriptions = subscriptions;
        result
    }

    /// The shape of a pattern, perhaps narrowed by a guard, and whether the guard says more.
    fn pattern(&mut self, frame: &Frame, ix: NodeIx, guard: Option<NodeIx>) -> (Shape, bool) {
        let unit = self.unit(frame);
        let module = self.module_name(frame);
        let eval = std::cell::RefCell::new(self);
        let attribute = |ix: NodeIx| match eval.try_borrow_mut() {
            Ok(mut eval) => eval.attribute(frame, ix),
            Err(_) => Shape::Any,
        };
        let place = Place {
            unit,
            module,
            attribute: &attribute,
        };
        place.guarded(ix, guard)
    }

    /// The shape of an argument of a clause, perhaps narrowed by its guard, and whether the guard says more.
    pub(super) fn argument_pattern(
        &mut self,
        unit: u32,
        module: u32,
        ix: NodeIx,
        guard: Option<NodeIx>,
    ) -> (Shape, bool) {
        let frame = Frame {
            unit,
            module: Some(module),
            env: Vec::new(),
            own: false,
        };
        self.pattern(&frame, ix, guard)
    }

    /// Evaluates a clause of a function with these arguments; without arguments each is the parameter that it is.
    pub(super) fn clause(
        &mut self,
        unit: u32,
        clause: u32,
        arguments: Option<&[Shape]>,
        own: bool,
    ) -> Shape {
        let source = self.project.unit(unit);
        let ast = source.ast();
        let written = &source.clauses()[clause as usize];
        let function = &source.functions()[written.function as usize];
        let Some(parts) = definition(ast, written.node) else {
            return Shape::Any;
        };
        let mut frame = Frame {
            unit,
            module: Some(function.module),
            env: Vec::new(),
            own,
        };
        let given = default_places(
            ast,
            &parts.arguments,
            arguments.map_or(usize::MAX, <[_]>::len),
        );
        let mut next = 0;
        for (at, argument) in parts.arguments.iter().enumerate() {
            let pattern = without_default(ast, *argument);
            let value = match arguments {
                // `{:stop, _} = message`: what the pattern says of it.
                None if is_call(ast, pattern, "=") => self.pattern(&frame, pattern, None).0,
                None => Shape::Param(at as u32),
                Some(values) if given[at] => {
                    next += 1;
                    values.get(next - 1).cloned().unwrap_or(Shape::Any)
                }
                Some(_) => match ast.child(*argument, 1) {
                    Some(default) => self.eval(&mut frame, default),
                    None => Shape::Any,
                },
            };
            for (name, shape) in bindings(ast, pattern, &value) {
                // A parameter taken apart is no longer the parameter.
                let whole = variable(ast, pattern) == Some(name);
                let shape = match shape {
                    Shape::Param(_) if !whole => Shape::Any,
                    shape => shape,
                };
                frame.env.push((name, shape));
            }
        }
        let mut result = match parts.body {
            Some(body) => self.eval(&mut frame, body),
            None => Shape::Any,
        };
        for block in parts.rest {
            result = self.handler_block(&mut frame, block, result);
        }
        result
    }

    /// Evaluates a statement of a module's body for what it does when it runs: a test, most often.
    pub(super) fn statement(&mut self, unit: u32, module: u32, ix: NodeIx) {
        let mut frame = Frame {
            unit,
            module: Some(module),
            env: Vec::new(),
            own: false,
        };
        self.eval(&mut frame, ix);
    }

    /// Evaluates code of a module's body.
    pub(super) fn in_module(&mut self, unit: u32, module: u32, ix: NodeIx) -> Shape {
        let mut frame = Frame {
            unit,
            module: Some(module),
            env: Vec::new(),
            own: false,
        };
        self.quietly(|eval| eval.eval(&mut frame, ix))
    }

    pub(super) fn eval(&mut self, frame: &mut Frame, ix: NodeIx) -> Shape {
        if self.depth >= DEPTH_MAX || self.fuel == 0 {
            return Shape::Any;
        }
        self.fuel -= 1;
        self.depth += 1;
        let shape = self.expression(frame, ix);
        self.depth -= 1;
        shape
    }

    fn expression(&mut self, frame: &mut Frame, ix: NodeIx) -> Shape {
        let ast = self.ast(frame);
        match ast.kind(ix) {
            Kind::Atom => ast.atom(ix).map_or(Shape::Any, Shape::Atom),
            Kind::Int | Kind::WideInt => ast.int(ix).map_or(Shape::Of(Type::Number), Shape::Int),
            Kind::Float => Shape::Of(Type::Number),
            Kind::Binary => text(ast, ix),
            Kind::List => self.list(frame, ix),
            Kind::Pair => {
                let key = ast.atom(ix).map_or(Shape::Any, Shape::Atom);
                let value = ast.child(ix, 0);
                let value = value.map_or(Shape::Any, |value| self.eval(frame, value));
                Shape::tuple(vec![key, value])
            }
            Kind::Tuple => self.tuple(frame, ix),
            Kind::Var | Kind::VarIn => self.variable(frame, ix),
            Kind::Call => self.named(frame, ix),
            Kind::CallExpr => self.call(frame, ix, None),
            Kind::ImproperList | Kind::Map | Kind::Opaque => Shape::Any,
        }
    }

    fn variable(&self, frame: &Frame, ix: NodeIx) -> Shape {
        let Some(name) = self.ast(frame).atom(ix) else {
            return Shape::Any;
        };
        if name.text() == "__MODULE__" {
            return self.module_name(frame).map_or(Shape::Any, Shape::Atom);
        }
        self.bound(frame, name)
    }

    fn bound(&self, frame: &Frame, name: Atom) -> Shape {
        let found = frame.env.iter().rev().find(|(own, _)| *own == name);
        found.map_or(Shape::Any, |(_, shape)| shape.clone())
    }

    fn tuple(&mut self, frame: &mut Frame, ix: NodeIx) -> Shape {
        let items = self.ast(frame).children(ix);
        Shape::tuple(items.map(|item| self.eval(frame, item)).collect())
    }

    fn list(&mut self, frame: &mut Frame, ix: NodeIx) -> Shape {
        let ast = self.ast(frame);
        let mut elems = Vec::new();
        for item in ast.children(ix) {
            if is_call(ast, item, "|") {
                let mut sides = ast.children(item);
                if let Some(first) = sides.next() {
                    elems.push(self.elem(frame, first));
                }
                let rest = sides
                    .next()
                    .map_or(Shape::Any, |rest| self.eval(frame, rest));
                elems.extend(lists::elements(&rest));
            } else {
                elems.push(self.elem(frame, item));
            }
        }
        Shape::list(elems)
    }

    fn elem(&mut self, frame: &mut Frame, ix: NodeIx) -> Elem {
        let site = Site {
            unit: frame.unit,
            node: ix,
        };
        Elem::new(self.eval(frame, ix), Some(site))
    }

    /// `name(...)`: a form of the language, or a call.
    fn named(&mut self, frame: &mut Frame, ix: NodeIx) -> Shape {
        let ast = self.ast(frame);
        let child = |at| ast.child(ix, at);
        match called(ast, ix).unwrap_or("") {
            "__block__" => self.sequence(frame, ix),
            "__aliases__" => match self.unit(frame).module_named(ix) {
                Some(module) => Shape::Atom(module),
                None => Shape::Of(Type::Atom),
            },
            "{}" => self.tuple(frame, ix),
            "%{}" => self.map(frame, ix, None),
            "%" => self.structure(frame, ix),
            "=" => match (child(0), child(1)) {
                (Some(pattern), Some(value)) => {
                    let value = self.eval(frame, value);
                    frame.env.extend(bindings(ast, pattern, &value));
                    value
                }
                _ => Shape::Any,
            },
            "@" => match child(0).map(|inner| ast.kind(inner)) {
                Some(Kind::Var | Kind::VarIn) => self.attribute(frame, ix),
                _ => Shape::Any,
            },
            "|>" => self.pipe(frame, ix),
            "<<>>" | "<>" => {
                self.each(frame, ix);
                Shape::Of(Type::Binary)
            }
            "::" => child(0).map_or(Shape::Any, |value| self.eval(frame, value)),
            "quote" => Shape::Any,
            name => match self.control(frame, ix, name) {
                Some(shape) => shape,
                None => self.call(frame, ix, None),
            },
        }
    }

    /// Evaluates all parts, for what they do.
    fn each(&mut self, frame: &mut Frame, ix: NodeIx) {
        for part in self.ast(frame).children(ix) {
            self.eval(frame, part);
        }
    }

    fn sequence(&mut self, frame: &mut Frame, ix: NodeIx) -> Shape {
        let mut last = Shape::Atom(crate::atoms::intern("nil"));
        for statement in self.ast(frame).children(ix) {
            last = self.eval(frame, statement);
        }
        last
    }

    /// Runs in a scope of its own: what is bound inside is forgotten.
    fn scoped<T>(&mut self, frame: &mut Frame, run: impl FnOnce(&mut Self, &mut Frame) -> T) -> T {
        let bound = frame.env.len();
        let result = run(self, frame);
        frame.env.truncate(bound);
        result
    }
}

/// Which arguments a call of `count` arguments gives; the others have their defaults. Elixir fills from the left.
fn default_places(ast: &Ast, arguments: &[NodeIx], count: usize) -> Vec<bool> {
    let has_default = |argument: &NodeIx| is_call(ast, *argument, "\\\\");
    let required = arguments.iter().filter(|one| !has_default(one)).count();
    let mut optional = count.saturating_sub(required);
    let given = arguments.iter().map(|argument| {
        if !has_default(argument) {
            return true;
        }
        let taken = optional > 0;
        optional = optional.saturating_sub(1);
        taken
    });
    given.collect()
}
