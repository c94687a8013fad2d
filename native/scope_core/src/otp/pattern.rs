//! Patterns as shapes, and what a match binds.
//!
//! The recursion here is bounded by `DEPTH_MAX`, not by the input: what is nested deeper is `Any`.

use crate::ast::{Ast, Kind, NodeIx};
use crate::atoms::Atom;
use crate::source::Unit;

use super::shape::{Elem, Presence, Shape, Type};
use super::syntax::{is_call, variable, without_default};

const DEPTH_MAX: u32 = 24;

/// What is known where a pattern stands.
pub(super) struct Place<'a> {
    pub(super) unit: &'a Unit,
    pub(super) module: Option<Atom>,
    /// What a module attribute holds.
    pub(super) attribute: &'a dyn Fn(NodeIx) -> Shape,
}

impl Place<'_> {
    fn ast(&self) -> &Ast {
        self.unit.ast()
    }

    /// The shape of what a pattern takes.
    pub(super) fn pattern(&self, ix: NodeIx) -> Shape {
        self.shape(ix, 0)
    }

    fn shape(&self, ix: NodeIx, depth: u32) -> Shape {
        if depth > DEPTH_MAX {
            return Shape::Any;
        }
        let ast = self.ast();
        let depth = depth + 1;
        match ast.kind(ix) {
            Kind::Atom => ast.atom(ix).map_or(Shape::Any, Shape::Atom),
            Kind::Int | Kind::WideInt => ast.int(ix).map_or(Shape::Of(Type::Number), Shape::Int),
            Kind::Float => Shape::Of(Type::Number),
            Kind::Binary => text(ast, ix),
            Kind::Var | Kind::VarIn => match ast.atom(ix).map(Atom::text) {
                Some("__MODULE__") => self.module.map_or(Shape::Any, Shape::Atom),
                _ => Shape::Any,
            },
            Kind::Pair => {
                let key = ast.atom(ix).map_or(Shape::Any, Shape::Atom);
                let value = ast.child(ix, 0);
                let value = value.map_or(Shape::Any, |value| self.shape(value, depth));
                Shape::tuple(vec![key, value])
            }
            Kind::Tuple => self.tuple(ix, depth),
            Kind::List => self.list(ix, depth),
            Kind::Call => self.call(ix, depth),
            _ => Shape::Any,
        }
    }

    fn tuple(&self, ix: NodeIx, depth: u32) -> Shape {
        let items = self.ast().children(ix);
        Shape::tuple(items.map(|item| self.shape(item, depth)).collect())
    }

    fn list(&self, ix: NodeIx, depth: u32) -> Shape {
        let ast = self.ast();
        let mut elems = Vec::new();
        for item in ast.children(ix) {
            if is_call(ast, item, "|") {
                let first = ast.child(item, 0);
                let first = first.map_or(Shape::Any, |first| self.shape(first, depth));
                elems.push(Elem::new(first, None));
                elems.push(Elem::many(Shape::Any));
            } else {
                elems.push(Elem::new(self.shape(item, depth), None));
            }
        }
        Shape::list(elems)
    }

    fn call(&self, ix: NodeIx, depth: u32) -> Shape {
        let ast = self.ast();
        let child = |at| ast.child(ix, at);
        match ast.atom(ix).map_or("", Atom::text) {
            "{}" => self.tuple(ix, depth),
            "%{}" => Shape::map(None, self.entries(ix, depth), true),
            "%" => {
                let structure = child(0).and_then(|name| self.unit.module_named(name));
                let entries = child(1).map_or_else(Vec::new, |map| self.entries(map, depth));
                match structure {
                    Some(name) => Shape::map(Some(name), entries, true),
                    None => Shape::map(None, entries, true),
                }
            }
            "=" => match (child(0), child(1)) {
                (Some(left), Some(right)) => {
                    let (left, right) = (self.shape(left, depth), self.shape(right, depth));
                    if left.is_known() { left } else { right }
                }
                _ => Shape::Any,
            },
            "\\\\" => self.shape(without_default(ast, ix), depth),
            "__aliases__" => self.unit.module_named(ix).map_or(Shape::Any, Shape::Atom),
            "@" => (self.attribute)(ix),
            "<<>>" | "<>" => Shape::Of(Type::Binary),
            "++" => Shape::Of(Type::List),
            "-" | "+" => Shape::Of(Type::Number),
            _ => Shape::Any,
        }
    }

    fn entries(&self, map: NodeIx, depth: u32) -> Vec<(Shape, Shape)> {
        let ast = self.ast();
        let pairs = ast.children(map).map(|pair| match ast.kind(pair) {
            Kind::Pair => {
                let key = ast.atom(pair).map_or(Shape::Any, Shape::Atom);
                let value = ast.child(pair, 0);
                (
                    key,
                    value.map_or(Shape::Any, |value| self.shape(value, depth)),
                )
            }
            _ => {
                let part = |at| ast.child(pair, at);
                let shape =
                    |part: Option<NodeIx>| part.map_or(Shape::Any, |one| self.shape(one, depth));
                (shape(part(0)), shape(part(1)))
            }
        });
        pairs.collect()
    }

    /// The shape of the pattern `ix` narrowed by a guard. Also whether the guard says more than the shape does.
    pub(super) fn guarded(&self, ix: NodeIx, guard: Option<NodeIx>) -> (Shape, bool) {
        let Some(guard) = guard else {
            return (self.pattern(ix), false);
        };
        let ast = self.ast();
        let mut narrowed: Vec<(Atom, Shape)> = Vec::new();
        let mut open = false;
        let mut left = vec![guard];
        while let Some(one) = left.pop() {
            if is_call(ast, one, "and") {
                left.extend(ast.children(one));
                continue;
            }
            match self.condition(one) {
                Some(found) => narrowed.push(found),
                None => open = true,
            }
        }
        let shape = self.pattern(ix);
        let whole = variable(ast, without_default(ast, ix));
        let bound = bound_variables(ast, ix);
        // What is said of variables of other arguments says nothing about this one, but may refuse it.
        open |= narrowed.iter().any(|(name, _)| !bound.contains(name));
        match (whole, &narrowed[..]) {
            (Some(name), [(about, shape)]) if name == *about => (shape.clone(), open),
            (_, []) => (shape, open),
            _ => (self.narrow(ix, &narrowed).unwrap_or(shape), true),
        }
    }

    /// The parts of a tuple pattern, with what the guard says of each.
    fn narrow(&self, ix: NodeIx, narrowed: &[(Atom, Shape)]) -> Option<Shape> {
        let ast = self.ast();
        let parts: Vec<NodeIx> = match ast.kind(ix) {
            Kind::Tuple => ast.children(ix).collect(),
            Kind::Call if is_call(ast, ix, "{}") => ast.children(ix).collect(),
            Kind::Pair => vec![ast.child(ix, 0)?],
            _ => return None,
        };
        let of = |part: NodeIx| {
            let name = variable(ast, part);
            let found = narrowed.iter().find(|(about, _)| Some(*about) == name);
            found.map_or_else(|| self.pattern(part), |(_, shape)| shape.clone())
        };
        let mut items: Vec<Shape> = parts.into_iter().map(of).collect();
        if ast.kind(ix) == Kind::Pair {
            items.insert(0, Shape::Atom(ast.atom(ix)?));
        }
        Some(Shape::tuple(items))
    }

    /// `is_atom(x)`, `x in [...]`, `x == literal`.
    fn condition(&self, ix: NodeIx) -> Option<(Atom, Shape)> {
        let ast = self.ast();
        let name = ast.atom_of(ix, Kind::Call)?.text();
        let about = variable(ast, ast.child(ix, 0)?)?;
        let second = ast.child(ix, 1);
        let shape = match (name, second) {
            ("==" | "===", Some(value)) => self.pattern(value),
            ("in", Some(list)) => {
                let list = self.pattern(list);
                let elems = list.elems()?;
                if elems.iter().any(|elem| elem.presence != Presence::Always) {
                    return None;
                }
                let mut shapes = elems.iter().map(|elem| elem.shape.clone());
                let first = shapes.next()?;
                shapes.fold(first, Shape::or)
            }
            (name, None) => Shape::Of(type_of_guard(name)?),
            ("is_function", Some(_)) => Shape::Of(Type::Function),
            _ => return None,
        };
        shape.is_known().then_some((about, shape))
    }
}

fn type_of_guard(name: &str) -> Option<Type> {
    Some(match name {
        "is_atom" => Type::Atom,
        "is_integer" | "is_float" | "is_number" => Type::Number,
        "is_binary" => Type::Binary,
        "is_pid" => Type::Pid,
        "is_reference" => Type::Reference,
        "is_port" => Type::Port,
        "is_function" => Type::Function,
        "is_tuple" => Type::Tuple,
        "is_list" => Type::List,
        "is_map" => Type::Map,
        _ => return None,
    })
}

pub(super) fn text(ast: &Ast, ix: NodeIx) -> Shape {
    match ast.binary(ix).map(std::str::from_utf8) {
        Some(Ok(text)) if text.len() <= 256 => Shape::Text(text.into()),
        _ => Shape::Of(Type::Binary),
    }
}

/// The names that a pattern binds.
pub(super) fn bound_variables(ast: &Ast, pattern: NodeIx) -> Vec<Atom> {
    let mut names = Vec::new();
    let mut at = pattern.0;
    while at < ast.end(pattern) {
        let ix = NodeIx(at);
        if is_call(ast, ix, "^") || is_call(ast, ix, "@") {
            at = ast.end(ix);
            continue;
        }
        if let Some(name) = variable(ast, ix) {
            names.push(name);
        }
        at += 1;
    }
    names
}

/// What `pattern = value` binds: every variable, most with what is known of its part of the value.
pub(super) fn bindings(ast: &Ast, pattern: NodeIx, value: &Shape) -> Vec<(Atom, Shape)> {
    let mut found: Vec<(Atom, Shape)> = Vec::new();
    let mut left = vec![(pattern, value.clone(), 0u32)];
    while let Some((ix, value, depth)) = left.pop() {
        if let Some(name) = variable(ast, ix) {
            found.push((name, value));
            continue;
        }
        let parts: Vec<(NodeIx, Shape)> = match ast.kind(ix) {
            _ if depth > DEPTH_MAX => Vec::new(),
            Kind::Pair => pair(ast, ix, &value),
            Kind::Tuple => tuple_parts(ast, ix, &value),
            Kind::List => list_parts(ast, ix, &value),
            Kind::Call => match ast.atom(ix).map_or("", Atom::text) {
                "{}" => tuple_parts(ast, ix, &value),
                "=" | "\\\\" => ast.children(ix).map(|one| (one, value.clone())).collect(),
                "%{}" => map_parts(ast, ix, &value),
                "%" => ast
                    .child(ix, 1)
                    .map(|map| (map, value.clone()))
                    .into_iter()
                    .collect(),
                _ => Vec::new(),
            },
            _ => Vec::new(),
        };
        if parts.is_empty() {
            let names = bound_variables(ast, ix);
            found.extend(names.into_iter().map(|name| (name, Shape::Any)));
        }
        left.extend(parts.into_iter().map(|(ix, value)| (ix, value, depth + 1)));
    }
    found
}

/// The alternatives of a value that are tuples of this size, part by part.
fn parts_of(value: &Shape, size: usize) -> Vec<Shape> {
    let fitting = value.alternatives().iter().filter_map(Shape::items);
    let mut fitting = fitting.filter(|items| items.len() == size);
    let Some(first) = fitting.next() else {
        return vec![Shape::Any; size];
    };
    let mut all = first.to_vec();
    for items in fitting {
        for (part, more) in all.iter_mut().zip(items) {
            *part = std::mem::replace(part, Shape::Any).or(more.clone());
        }
    }
    all
}

fn pair(ast: &Ast, ix: NodeIx, value: &Shape) -> Vec<(NodeIx, Shape)> {
    let key = ast.atom(ix);
    let same_tag = |one: &&Shape| {
        one.items()
            .is_some_and(|items| items.len() == 2 && items[0].atom() == key)
    };
    let tagged = value.alternatives().iter().filter(same_tag);
    let tagged = tagged.cloned().reduce(Shape::or);
    let part = tagged.map_or(Shape::Any, |tagged| parts_of(&tagged, 2).remove(1));
    ast.child(ix, 0)
        .map(|inner| (inner, part))
        .into_iter()
        .collect()
}

fn tuple_parts(ast: &Ast, ix: NodeIx, value: &Shape) -> Vec<(NodeIx, Shape)> {
    let items: Vec<NodeIx> = ast.children(ix).collect();
    let parts = parts_of(value, items.len());
    items.into_iter().zip(parts).collect()
}

fn list_parts(ast: &Ast, ix: NodeIx, value: &Shape) -> Vec<(NodeIx, Shape)> {
    let known = value.elems().unwrap_or(&[]);
    let mut fixed = known
        .iter()
        .take_while(|one| one.presence == Presence::Always);
    let mut parts = Vec::new();
    for item in ast.children(ix) {
        let mut next = || fixed.next().map_or(Shape::Any, |one| one.shape.clone());
        if is_call(ast, item, "|") {
            let mut sides = ast.children(item);
            parts.extend(sides.next().map(|first| (first, next())));
            parts.extend(sides.next().map(|rest| (rest, Shape::Any)));
        } else {
            parts.push((item, next()));
        }
    }
    parts
}

fn map_parts(ast: &Ast, ix: NodeIx, value: &Shape) -> Vec<(NodeIx, Shape)> {
    let part = |pair: NodeIx| match ast.kind(pair) {
        Kind::Pair => {
            let key = ast.atom(pair)?;
            let found = value.get(key.text()).unwrap_or(Shape::Any);
            Some((ast.child(pair, 0)?, found))
        }
        _ => Some((ast.child(pair, 1)?, Shape::Any)),
    };
    ast.children(ix).filter_map(part).collect()
}
