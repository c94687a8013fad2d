//! Where to look: the nodes of a file that a pattern may match at.

use std::ops::Range;

use crate::ast::{Kind, NodeIx};
use crate::atoms::Atom;
use crate::source::Unit;
use crate::source::words::{Word, atom};

use super::item::Reader;
use super::pattern::{Op, Pattern, Pix};
use super::postings::{Postings, Use};

/// What each of a pattern's roots needs.
#[derive(Debug)]
pub(super) struct Plan {
    anchors: Vec<Anchor>,
    /// Names without which no file can have a match of the pattern itself.
    required: Vec<(Atom, Use)>,
}

#[derive(Clone, Debug, PartialEq)]
enum Anchor {
    /// The root uses one of these names.
    Names(Vec<(Atom, Use)>),
    /// The root is of one of these kinds, by bit.
    Kinds(u16),
    /// The root names this module.
    Module(Atom),
}

const ALL: u16 = u16::MAX;

impl Plan {
    pub(super) fn new(pattern: &Pattern) -> Plan {
        let anchors = pattern.roots.iter().map(|&root| anchor(pattern, root));
        let mut required = Vec::new();
        require(pattern, pattern.roots[0], &mut required);
        Plan {
            anchors: anchors.collect(),
            required,
        }
    }

    /// Whether a file can have a match at all.
    pub(super) fn admits(&self, postings: &Postings) -> bool {
        let used = |&(name, used): &(Atom, Use)| postings.count(name, used) > 0;
        self.required.iter().all(used)
            && match &self.anchors[0] {
                Anchor::Names(names) => names.iter().any(used),
                Anchor::Kinds(kinds) => *kinds != 0,
                Anchor::Module(_) => true,
            }
    }

    /// The nodes within a range that one of the roots may match at, in their order.
    pub(super) fn candidates(
        &self,
        root: usize,
        pattern: &Pattern,
        unit: &Unit,
        within: Range<u32>,
        into: &mut Vec<u32>,
    ) {
        into.clear();
        let reader = Reader { ast: unit.ast() };
        let pipes = pattern.through.pipes;
        let whole = |ix: NodeIx| match reader.piped_whole(ix) {
            Some(whole) if pipes => whole,
            _ => ix,
        };
        match &self.anchors[root] {
            Anchor::Names(names) => {
                let postings = unit.postings();
                for &(name, used) in names {
                    postings.collect(name, used, into);
                }
                for at in into.iter_mut() {
                    let ix = called(reader, NodeIx(*at));
                    *at = whole(ix).0;
                }
                into.sort_unstable();
                into.dedup();
                into.retain(|at| within.contains(at));
            }
            Anchor::Module(module) => {
                let named = unit.named_modules().filter(|(_, named)| named == module);
                into.extend(named.map(|(ix, _)| ix.0));
                let postings = unit.postings();
                postings.collect(*module, Use::Atom, into);
                into.sort_unstable();
                into.retain(|at| within.contains(at));
            }
            Anchor::Kinds(kinds) => {
                let ast = unit.ast();
                into.extend(within.filter(|&at| {
                    let ix = NodeIx(at);
                    kinds >> ast.kind(ix) as u16 & 1 == 1
                        && reader.stands_alone(ix)
                        && !(pipes && reader.piped_whole(ix).is_some())
                }));
            }
        }
    }
}

/// The call that a name is called by, where it does not look like one.
fn called(reader: Reader<'_>, ix: NodeIx) -> NodeIx {
    let Some(parent) = reader.ast.parent(ix) else {
        return ix;
    };
    match reader.ast.kind(ix) {
        Kind::Atom if reader.is_call(parent, Word::Apply) => return parent,
        Kind::Atom => return ix,
        _ => {}
    }
    let capture = reader
        .ast
        .parent(parent)
        .filter(|&one| reader.is_call(one, Word::Capture));
    match capture {
        Some(capture)
            if reader
                .capture(capture)
                .is_some_and(|(target, _)| target == ix) =>
        {
            capture
        }
        _ => ix,
    }
}

fn anchor(pattern: &Pattern, root: Pix) -> Anchor {
    let bit = |kind: Kind| 1u16 << kind as u16;
    match pattern.node(root).op {
        Op::Never => Anchor::Kinds(0),
        Op::Any | Op::Capture(_) | Op::Rest(_) | Op::Not | Op::Deep | Op::Keywords => {
            Anchor::Kinds(ALL)
        }
        // Several statements begin where the first of them matches.
        Op::Block => match pattern.children(root).next() {
            Some(first) => anchor(pattern, first),
            None => Anchor::Names(vec![(atom(Word::Block), Use::Call)]),
        },
        Op::Atom(name) => Anchor::Names(vec![(name, Use::Atom)]),
        Op::Var(name) => Anchor::Names(vec![(name, Use::Variable)]),
        Op::Int(_) => Anchor::Kinds(bit(Kind::Int) | bit(Kind::WideInt)),
        Op::Float(_) => Anchor::Kinds(bit(Kind::Float)),
        Op::Binary(_) => Anchor::Kinds(bit(Kind::Binary)),
        Op::Module(name) => Anchor::Module(name),
        Op::Call {
            name: Some(name), ..
        }
        | Op::Remote {
            name: Some(name), ..
        } => Anchor::Names(vec![(name, Use::Call)]),
        Op::Call { name: None, .. } | Op::Remote { name: None, .. } => {
            Anchor::Kinds(bit(Kind::Call) | bit(Kind::CallExpr))
        }
        Op::Expression => Anchor::Kinds(bit(Kind::CallExpr) | bit(Kind::Call)),
        // A pair whose first thing is an atom is known by it.
        Op::Tuple if pair_key(pattern, root).is_some() => Anchor::Names(
            pair_key(pattern, root)
                .into_iter()
                .map(|key| (key, Use::Key))
                .collect(),
        ),
        Op::Tuple => Anchor::Kinds(bit(Kind::Pair) | bit(Kind::Tuple) | bit(Kind::Call)),
        Op::List => Anchor::Kinds(bit(Kind::List)),
        Op::Alternatives => union(pattern.children(root).map(|child| anchor(pattern, child))),
    }
}

/// The key of `{:key, _}`.
fn pair_key(pattern: &Pattern, root: Pix) -> Option<Atom> {
    let mut children = pattern.children(root);
    let (first, second) = (children.next()?, children.next()?);
    let two = children.next().is_none() && !matches!(pattern.node(second).op, Op::Rest(_));
    match pattern.node(first).op {
        Op::Atom(key) if two => Some(key),
        _ => None,
    }
}

fn union(anchors: impl Iterator<Item = Anchor>) -> Anchor {
    let mut all = Anchor::Kinds(0);
    for one in anchors {
        all = match (all, one) {
            (Anchor::Kinds(0), other) | (other, Anchor::Kinds(0)) => other,
            (Anchor::Kinds(some), Anchor::Kinds(more)) => Anchor::Kinds(some | more),
            (Anchor::Names(mut some), Anchor::Names(more)) => {
                some.extend(more);
                Anchor::Names(some)
            }
            (one, other) if one == other => one,
            // A name may be in any kind.
            _ => Anchor::Kinds(ALL),
        };
    }
    all
}

/// Adds the names that every match has somewhere in it.
fn require(pattern: &Pattern, root: Pix, into: &mut Vec<(Atom, Use)>) {
    let end = pattern.node(root).end;
    let mut at = root;
    while at < end {
        let node = pattern.node(at);
        match node.op {
            // What is in these need not be there.
            Op::Alternatives | Op::Not => {
                at = node.end;
                continue;
            }
            Op::Call {
                name: Some(name), ..
            }
            | Op::Remote {
                name: Some(name), ..
            } => into.push((name, Use::Call)),
            Op::Var(name) => into.push((name, Use::Variable)),
            _ => {}
        }
        at += 1;
    }
    into.sort_unstable();
    into.dedup();
}
