//! What is known of a value without running anything: its shape.
//!
//! A message as it is built and a pattern as it is written are both shapes; whether one fits the other is
//! [`Shape::fits`]. Shapes are immutable and bounded in size and depth: what would grow past the bounds is `Any`,
//! which is always true of a value.

use std::sync::Arc;

use crate::ast::NodeIx;
use crate::atoms::Atom;

use super::start::Started;

/// Parts of one shape, all levels together.
const WEIGHT_MAX: u32 = 1024;
const DEPTH_MAX: u32 = 24;
/// Alternatives of one value: more are `Any`.
const ALTERNATIVES_MAX: usize = 12;

/// A node of a unit of the project at hand.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Site {
    pub unit: u32,
    pub node: NodeIx,
}

/// A type that guards and constructors tell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Type {
    Atom,
    Number,
    Binary,
    Pid,
    Reference,
    Port,
    Function,
    Tuple,
    List,
    Map,
}

#[derive(Clone, PartialEq, Debug)]
pub enum Shape {
    Any,
    /// A parameter of the enclosing function, from 0.
    Param(u32),
    Atom(Atom),
    Int(i64),
    Text(Arc<str>),
    Of(Type),
    /// `self()` of the process that runs the module's callbacks.
    Own,
    /// The pid of a process that was started.
    Process(Arc<Started>),
    Tuple(Arc<Parts<Shape>>),
    List(Arc<Parts<Elem>>),
    Map(Arc<MapShape>),
    OneOf(Arc<Parts<Shape>>),
}

#[derive(Clone, PartialEq, Debug)]
pub struct Parts<T> {
    pub items: Box<[T]>,
    weight: u32,
    depth: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Presence {
    Always,
    /// It depends on a condition.
    Maybe,
    /// Any number of them.
    Many,
}

/// An element of a list.
#[derive(Clone, PartialEq, Debug)]
pub struct Elem {
    pub shape: Shape,
    pub presence: Presence,
    /// Where it is written.
    pub site: Option<Site>,
}

#[derive(Clone, PartialEq, Debug)]
pub struct MapShape {
    pub structure: Option<Atom>,
    pub entries: Parts<(Shape, Shape)>,
    /// There may be other keys.
    pub open: bool,
}

/// What is under a key.
pub enum Lookup {
    Found(Shape),
    Absent,
    Unknown,
}

impl Shape {
    fn weight(&self) -> u32 {
        match self {
            Shape::Tuple(parts) | Shape::OneOf(parts) => parts.weight,
            Shape::List(parts) => parts.weight,
            Shape::Map(map) => map.entries.weight,
            Shape::Process(_) => 8,
            _ => 1,
        }
    }

    fn depth(&self) -> u32 {
        match self {
            Shape::Tuple(parts) | Shape::OneOf(parts) => parts.depth,
            Shape::List(parts) => parts.depth,
            Shape::Map(map) => map.entries.depth,
            Shape::Process(process) => process.depth,
            _ => 0,
        }
    }

    pub fn tuple(items: Vec<Shape>) -> Shape {
        match Parts::new(items, |item| (item.weight(), item.depth())) {
            Some(parts) => Shape::Tuple(Arc::new(parts)),
            None => Shape::Of(Type::Tuple),
        }
    }

    pub fn list(items: Vec<Elem>) -> Shape {
        match Parts::new(items, |item| (item.shape.weight(), item.shape.depth())) {
            Some(parts) => Shape::List(Arc::new(parts)),
            None => Shape::Of(Type::List),
        }
    }

    pub fn map(structure: Option<Atom>, entries: Vec<(Shape, Shape)>, open: bool) -> Shape {
        let weigh = |(key, value): &(Shape, Shape)| {
            let weight = key.weight().saturating_add(value.weight());
            (weight, key.depth().max(value.depth()))
        };
        match Parts::new(entries, weigh) {
            Some(entries) => Shape::Map(Arc::new(MapShape {
                structure,
                entries,
                open,
            })),
            None => Shape::Of(Type::Map),
        }
    }

    /// A process, unless it carries too much.
    pub fn process(mut started: Started) -> Shape {
        started.depth = 1 + started.argument.depth().max(started.children_depth());
        if started.depth > DEPTH_MAX {
            return Shape::Of(Type::Pid);
        }
        Shape::Process(Arc::new(started))
    }

    pub(super) fn depth_of(shape: Option<&Shape>) -> u32 {
        shape.map_or(0, Shape::depth)
    }

    /// One or the other.
    pub fn or(self, other: Shape) -> Shape {
        if self == other {
            return self;
        }
        if self == Shape::Any || other == Shape::Any {
            return Shape::Any;
        }
        let mut all: Vec<Shape> = self.alternatives().to_vec();
        for one in other.alternatives() {
            if !all.contains(one) {
                all.push(one.clone());
            }
        }
        if all.len() > ALTERNATIVES_MAX {
            return Shape::Any;
        }
        match Parts::new(all, |item| (item.weight(), item.depth())) {
            Some(parts) => Shape::OneOf(Arc::new(parts)),
            None => Shape::Any,
        }
    }

    /// What it may be: itself, if there is no choice.
    pub fn alternatives(&self) -> &[Shape] {
        match self {
            Shape::OneOf(parts) => &parts.items,
            one => std::slice::from_ref(one),
        }
    }

    pub fn is_known(&self) -> bool {
        !matches!(self, Shape::Any | Shape::Param(_))
    }

    /// It has something that tells it from other messages: an atom, a struct, a literal.
    pub fn is_telling(&self) -> bool {
        match self {
            Shape::Atom(_) | Shape::Int(_) | Shape::Text(_) => true,
            Shape::Tuple(parts) => parts.items.iter().any(Shape::is_telling),
            Shape::List(parts) => parts.items.iter().any(|item| item.shape.is_telling()),
            Shape::Map(map) => {
                map.structure.is_some() || map.entries.items.iter().any(|(_, v)| v.is_telling())
            }
            Shape::OneOf(parts) => parts.items.iter().all(Shape::is_telling),
            _ => false,
        }
    }

    pub fn atom(&self) -> Option<Atom> {
        match self {
            Shape::Atom(atom) => Some(*atom),
            _ => None,
        }
    }

    pub fn is_nil(&self) -> bool {
        self.atom().is_some_and(|atom| atom.text() == "nil")
    }

    pub fn is_falsy(&self) -> bool {
        let falsy = |atom: Atom| matches!(atom.text(), "nil" | "false");
        self.atom().is_some_and(falsy)
    }

    /// Certainly neither `nil` nor `false`.
    pub fn is_truthy(&self) -> bool {
        match self {
            Shape::Any | Shape::Param(_) | Shape::Of(Type::Atom) => false,
            Shape::OneOf(parts) => parts.items.iter().all(Shape::is_truthy),
            other => !other.is_falsy(),
        }
    }

    pub fn items(&self) -> Option<&[Shape]> {
        match self {
            Shape::Tuple(parts) => Some(&parts.items),
            _ => None,
        }
    }

    pub fn elems(&self) -> Option<&[Elem]> {
        match self {
            Shape::List(parts) => Some(&parts.items),
            _ => None,
        }
    }

    /// What is under an atom key of a keyword list or a map.
    pub fn lookup(&self, key: &str) -> Lookup {
        match self {
            Shape::List(parts) => {
                let mut sure = true;
                for elem in &parts.items {
                    match elem.shape.items() {
                        Some([Shape::Atom(found), value]) if found.text() == key => {
                            return match elem.presence {
                                Presence::Always if sure => Lookup::Found(value.clone()),
                                _ => Lookup::Unknown,
                            };
                        }
                        Some([Shape::Atom(_), _]) => {}
                        _ => sure = false,
                    }
                }
                if sure {
                    Lookup::Absent
                } else {
                    Lookup::Unknown
                }
            }
            Shape::Map(map) => {
                let is_key = |(found, _): &&(Shape, Shape)| {
                    found.atom().is_some_and(|found| found.text() == key)
                };
                match map.entries.items.iter().find(is_key) {
                    Some((_, value)) => Lookup::Found(value.clone()),
                    None if map.open || map.entries.items.iter().any(|(k, _)| !k.is_known()) => {
                        Lookup::Unknown
                    }
                    None => Lookup::Absent,
                }
            }
            Shape::OneOf(parts) => {
                let mut found: Option<Shape> = None;
                let mut absent = 0;
                for one in &parts.items {
                    match one.lookup(key) {
                        Lookup::Found(value) => {
                            found = Some(match found {
                                Some(already) => already.or(value),
                                None => value,
                            });
                        }
                        Lookup::Absent => absent += 1,
                        Lookup::Unknown => return Lookup::Unknown,
                    }
                }
                match (found, absent) {
                    (Some(value), 0) => Lookup::Found(value),
                    (None, _) => Lookup::Absent,
                    _ => Lookup::Unknown,
                }
            }
            _ => Lookup::Unknown,
        }
    }

    /// The value under a key, if it is certain.
    pub fn get(&self, key: &str) -> Option<Shape> {
        match self.lookup(key) {
            Lookup::Found(value) => Some(value),
            _ => None,
        }
    }

    /// Bytes behind this shape; what is shared counts where it is held.
    pub fn heap_bytes(&self) -> usize {
        let item = size_of::<Shape>();
        match self {
            Shape::Text(text) => text.len() + 16,
            Shape::Tuple(parts) | Shape::OneOf(parts) => {
                let inner: usize = parts.items.iter().map(Shape::heap_bytes).sum();
                32 + parts.items.len() * item + inner
            }
            Shape::List(parts) => {
                let inner: usize = parts.items.iter().map(|one| one.shape.heap_bytes()).sum();
                32 + parts.items.len() * size_of::<Elem>() + inner
            }
            Shape::Map(map) => {
                let each = |(key, value): &(Shape, Shape)| key.heap_bytes() + value.heap_bytes();
                let inner: usize = map.entries.items.iter().map(each).sum();
                56 + map.entries.items.len() * 2 * item + inner
            }
            Shape::Process(_) => size_of::<Started>(),
            _ => 0,
        }
    }
}

impl<T> Parts<T> {
    fn new(items: Vec<T>, weigh: impl Fn(&T) -> (u32, u32)) -> Option<Self> {
        let (mut weight, mut depth) = (1u32, 0u32);
        for item in &items {
            let (more, below) = weigh(item);
            weight = weight.saturating_add(more);
            depth = depth.max(below + 1);
        }
        (weight <= WEIGHT_MAX && depth <= DEPTH_MAX).then(|| Parts {
            items: items.into_boxed_slice(),
            weight,
            depth,
        })
    }
}

impl Elem {
    pub fn new(shape: Shape, site: Option<Site>) -> Elem {
        Elem {
            shape,
            presence: Presence::Always,
            site,
        }
    }

    pub fn many(shape: Shape) -> Elem {
        Elem {
            shape,
            presence: Presence::Many,
            site: None,
        }
    }

    pub fn at_most(mut self, presence: Presence) -> Elem {
        self.presence = self.presence.max(presence);
        self
    }
}
