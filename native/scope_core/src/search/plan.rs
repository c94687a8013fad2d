//! Where to look: the nodes of a file that a pattern may match at.

use std::ops::Range;

use crate::ast::{Ast, Kind, NodeIx};
use crate::atoms::Atom;
use crate::source::Unit;
use crate::source::words::{Word, atom};

use super::anchor::{Anchor, anchor};
use super::guard::Test;
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

impl Plan {
    pub(super) fn new(pattern: &Pattern) -> Plan {
        let mut anchors: Vec<Anchor> = pattern
            .roots
            .iter()
            .map(|&root| anchor(pattern, root))
            .collect();
        let mut required = Vec::new();
        require(pattern, pattern.roots[0], &mut required);
        let tests = pattern.guard.tests();
        // Where all of them have to hold, each of them says something.
        if !tests
            .iter()
            .any(|test| matches!(test, Test::Or(_) | Test::Not))
        {
            for test in tests {
                match test {
                    Test::Inside(root)
                    | Test::Contains(_, root)
                    | Test::Follows(root)
                    | Test::Precedes(root) => {
                        require(pattern, pattern.roots[*root], &mut required);
                    }
                    Test::Is(slot, class) if names_root(pattern, *slot) => {
                        anchors[0].kinds &= class.kinds()
                    }
                    _ => {}
                }
            }
        }
        required.sort_unstable();
        required.dedup();
        Plan { anchors, required }
    }

    /// Whether a file can have a match at all.
    pub(super) fn admits(&self, postings: &Postings) -> bool {
        let used = |&(name, used): &(Atom, Use)| postings.count(name, used) > 0;
        self.required.iter().all(used)
            && (self.anchors[0].scans() || self.anchors[0].names.iter().any(used))
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
        let anchor = &self.anchors[root];
        let ast = unit.ast();
        let reader = Reader { ast };
        for &(name, used) in &anchor.names {
            unit.postings().collect(name, used, into);
        }
        for at in into.iter_mut() {
            *at = called(reader, NodeIx(*at)).0;
        }
        for &module in &anchor.modules {
            let named = unit.named_modules().filter(|(_, named)| *named == module);
            into.extend(named.map(|(ix, _)| ix.0));
        }
        for &module in &anchor.receivers {
            // `Mod.f(x)` by its receiver, in types too; `f(x)` by what it is known to call.
            let named = unit.named_modules().filter(|(_, named)| *named == module);
            let mut receivers: Vec<u32> = named.map(|(ix, _)| ix.0).collect();
            unit.postings().collect(module, Use::Atom, &mut receivers);
            into.extend(
                receivers
                    .iter()
                    .filter_map(|&at| reader.called_on(NodeIx(at)))
                    .map(|ix| ix.0),
            );
            let own = unit.modules().iter().any(|one| one.name == module);
            into.extend(unit.calls().of_module(module, own).map(|ix| ix.0));
        }
        if pattern.through.pipes {
            for at in into.iter_mut() {
                *at = reader.piped_whole(NodeIx(*at)).map_or(*at, |whole| whole.0);
            }
        }
        // What comes by names may be anywhere; it is little.
        into.retain(|at| within.contains(at));
        if anchor.kinds != 0 || !anchor.literals.is_empty() {
            scan(anchor, pattern, ast, within, into);
        }
        if !into.is_sorted() {
            into.sort_unstable();
        }
        into.dedup();
    }
}

/// The kinds that literals are of.
const LITERALS: u16 = 1 << Kind::Int as u16
    | 1 << Kind::WideInt as u16
    | 1 << Kind::Float as u16
    | 1 << Kind::Binary as u16;

/// Adds the nodes of the anchor's kinds and literals.
fn scan(anchor: &Anchor, pattern: &Pattern, ast: &Ast, within: Range<u32>, into: &mut Vec<u32>) {
    let reader = Reader { ast };
    let pipes = pattern.through.pipes;
    let literals = match anchor.literals.is_empty() {
        true => 0,
        false => LITERALS,
    };
    for at in within {
        let ix = NodeIx(at);
        let bit = 1 << ast.kind(ix) as u16;
        let wanted = anchor.kinds & bit != 0
            || literals & bit != 0
                && anchor
                    .literals
                    .iter()
                    .any(|&one| is_literal(pattern, ast, ix, one));
        if !wanted || !reader.stands_alone(ix) {
            continue;
        }
        match reader.piped_whole(ix) {
            // The pipe is a call itself, and comes on its own where calls are looked for.
            Some(whole) if pipes => {
                if anchor.kinds >> Kind::Call as u16 & 1 == 0 {
                    into.push(whole.0);
                }
            }
            _ => into.push(at),
        }
    }
}

fn is_literal(pattern: &Pattern, ast: &Ast, ix: NodeIx, literal: Pix) -> bool {
    match pattern.node(literal).op {
        Op::Int(int) => ast.int(ix) == Some(int),
        Op::Float(float) => ast.float(ix) == Some(float),
        Op::Binary(index) => ast.binary(ix) == Some(&pattern.binaries[index as usize]),
        _ => false,
    }
}

/// A capture is the match itself.
fn names_root(pattern: &Pattern, slot: u16) -> bool {
    slot == 0 || pattern.node(pattern.roots[0]).op == Op::Capture(slot)
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

/// Adds the names that every match has somewhere in it.
fn require(pattern: &Pattern, root: Pix, into: &mut Vec<(Atom, Use)>) {
    let end = pattern.node(root).end;
    let mut at = root;
    while at < end {
        let node = pattern.node(at);
        match node.op {
            // Dots are no uses of a name.
            Op::Call {
                name: Some(name), ..
            } if name == atom(Word::Dot) => {}
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
}
