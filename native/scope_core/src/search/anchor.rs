//! What the outermost thing of a pattern is known by.

use crate::ast::Kind;
use crate::atoms::{Atom, intern};
use crate::source::words::{Word, atom};

use super::guard::Class;
use super::pattern::{Op, Pattern, Pix};
use super::postings::Use;

/// The ways to find it, all of them together: looked up, or by looking at every node.
#[derive(Clone, Debug, Default)]
pub(super) struct Anchor {
    /// It uses one of these names.
    pub(super) names: Vec<(Atom, Use)>,
    /// It names one of these modules.
    pub(super) modules: Vec<Atom>,
    /// It calls something of one of these modules.
    pub(super) receivers: Vec<Atom>,
    /// It is of one of these kinds, by bit.
    pub(super) kinds: u16,
    /// It is the literal of one of these pattern nodes.
    pub(super) literals: Vec<Pix>,
}

const ALL: u16 = u16::MAX;

impl Anchor {
    /// Names alone do not say whether it is there.
    pub(super) fn scans(&self) -> bool {
        self.kinds != 0
            || !(self.modules.is_empty() && self.receivers.is_empty() && self.literals.is_empty())
    }

    fn kinds(kinds: u16) -> Anchor {
        Anchor {
            kinds,
            ..Anchor::default()
        }
    }

    fn names(names: &[(Atom, Use)]) -> Anchor {
        Anchor {
            names: names.to_vec(),
            ..Anchor::default()
        }
    }

    fn or(mut self, other: Anchor) -> Anchor {
        self.names.extend(other.names);
        self.modules.extend(other.modules);
        self.receivers.extend(other.receivers);
        self.literals.extend(other.literals);
        self.kinds |= other.kinds;
        self
    }
}

fn bits(kinds: &[Kind]) -> u16 {
    kinds.iter().fold(0, |bits, &kind| bits | 1 << kind as u16)
}

impl Class {
    /// The kinds that things of a class have.
    pub(super) fn kinds(self) -> u16 {
        let call = [Kind::Call, Kind::CallExpr];
        match self {
            Class::Atom | Class::Boolean | Class::Nil => bits(&[Kind::Atom]),
            Class::Integer => bits(&[Kind::Int, Kind::WideInt]),
            Class::Float => bits(&[Kind::Float]),
            Class::Number => bits(&[Kind::Int, Kind::WideInt, Kind::Float]),
            Class::Binary => bits(&[Kind::Binary, Kind::Call]),
            Class::List | Class::Keyword => bits(&[Kind::List, Kind::ImproperList]),
            Class::Tuple => bits(&[Kind::Pair, Kind::Tuple, Kind::Call]),
            Class::Variable => bits(&[Kind::Var, Kind::VarIn]),
            Class::Call | Class::LocalCall | Class::RemoteCall => bits(&call),
            Class::Map
            | Class::Struct
            | Class::Module
            | Class::Function
            | Class::Block
            | Class::Pin => bits(&[Kind::Call]),
            Class::Literal => ALL,
        }
    }
}

pub(super) fn anchor(pattern: &Pattern, root: Pix) -> Anchor {
    match pattern.node(root).op {
        Op::Never => Anchor::default(),
        Op::Any | Op::Capture(_) | Op::Rest(_) | Op::Not | Op::Deep | Op::Keywords => {
            Anchor::kinds(ALL)
        }
        // Several statements begin where the first of them matches.
        Op::Block => match pattern.children(root).next() {
            Some(first) => anchor(pattern, first),
            None => Anchor::names(&[(atom(Word::Block), Use::Call)]),
        },
        Op::Atom(name) => Anchor::names(&[(name, Use::Atom)]),
        Op::Var(name) => Anchor::names(&[(name, Use::Variable)]),
        Op::Int(_) | Op::Float(_) | Op::Binary(_) => Anchor {
            literals: vec![root],
            ..Anchor::default()
        },
        Op::Module(name) => Anchor {
            names: vec![(name, Use::Atom)],
            modules: vec![name],
            ..Anchor::default()
        },
        Op::Call {
            name: Some(name), ..
        }
        | Op::Remote {
            name: Some(name), ..
        } => Anchor::names(&[(name, Use::Call)]),
        Op::Call { name: None, .. } => Anchor::kinds(bits(&[Kind::Call])),
        Op::Remote { name: None, .. } => match pattern.node(root + 1).op {
            Op::Module(module) if pattern.through.names && !pattern.through.apply => Anchor {
                receivers: vec![module],
                ..Anchor::default()
            },
            // A captured or applied function is in a call of another kind.
            _ if pattern.through.captures || pattern.through.apply => {
                Anchor::kinds(bits(&[Kind::Call, Kind::CallExpr]))
            }
            _ => Anchor::kinds(bits(&[Kind::CallExpr])),
        },
        Op::Expression => Anchor::kinds(bits(&[Kind::CallExpr])),
        Op::Tuple => tuple(pattern, root),
        Op::List => Anchor::kinds(bits(&[Kind::List])),
        Op::Alternatives => pattern
            .children(root)
            .map(|child| anchor(pattern, child))
            .fold(Anchor::default(), Anchor::or),
    }
}

/// A pair whose first thing is an atom is known by it, a tuple of any size but two by its braces.
fn tuple(pattern: &Pattern, root: Pix) -> Anchor {
    let first = pattern.children(root).next();
    let (singles, rests) = first.map_or((0, 0), |first| {
        let first = pattern.node(first);
        (first.singles, first.rests)
    });
    let pairs = match first.map(|first| pattern.node(first).op) {
        Some(Op::Atom(key)) => Anchor::names(&[(key, Use::Key)]),
        _ => Anchor::kinds(bits(&[Kind::Pair, Kind::Tuple])),
    };
    let others = Anchor::names(&[(intern("{}"), Use::Call)]);
    match (singles, rests) {
        (2, 0) => pairs,
        (_, 0) => others,
        _ => pairs.or(others),
    }
}
