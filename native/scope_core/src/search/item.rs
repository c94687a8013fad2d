//! What is matched: a node, or what has no node of its own.

use crate::ast::{Ast, Kind, NodeIx};
use crate::atoms::Atom;
use crate::source::words::{Word, atom};

/// A piece of code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Item {
    Node(NodeIx),
    /// The key of a pair: an atom in the pair's own entry.
    Key(NodeIx),
    /// Several things, side by side: a range of the matcher's items.
    Run {
        start: u32,
        length: u32,
    },
    /// An argument that is not in the source, as those of `&f/2`.
    Hole,
}

/// Looks at one file.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    pub(super) ast: &'a Ast,
}

impl<'a> Reader<'a> {
    #[inline]
    pub(super) fn is_call(self, ix: NodeIx, word: Word) -> bool {
        self.ast.atom_of(ix, Kind::Call) == Some(atom(word))
    }

    /// The two sides of `a |> b`.
    #[inline]
    pub(super) fn pipe(self, ix: NodeIx) -> Option<(NodeIx, NodeIx)> {
        if !self.is_call(ix, Word::Pipe) {
            return None;
        }
        self.pair_of(ix)
    }

    fn pair_of(self, ix: NodeIx) -> Option<(NodeIx, NodeIx)> {
        let mut sides = self.ast.children(ix);
        match (sides.next(), sides.next(), sides.next()) {
            (Some(left), Some(right), None) => Some((left, right)),
            _ => None,
        }
    }

    /// Receiver and name of `receiver.name(...)`.
    pub(super) fn remote(self, ix: NodeIx) -> Option<(NodeIx, Atom)> {
        if self.ast.kind(ix) != Kind::CallExpr {
            return None;
        }
        let form = NodeIx(ix.0 + 1);
        if !self.is_call(form, Word::Dot) {
            return None;
        }
        let (receiver, name) = self.pair_of(form)?;
        Some((receiver, self.ast.atom_of(name, Kind::Atom)?))
    }

    #[inline]
    pub(super) fn is_block(self, ix: NodeIx) -> bool {
        self.is_call(ix, Word::Block)
    }

    /// A tuple of any size but two, which quoted code has as a call.
    #[inline]
    pub(super) fn is_tuple(self, ix: NodeIx) -> bool {
        self.is_call(ix, Word::Braces)
    }

    /// The one statement of a block that has only one.
    #[inline]
    pub(super) fn unwrapped(self, ix: NodeIx) -> NodeIx {
        let mut ix = ix;
        while self.is_block(ix) {
            let mut statements = self.ast.children(ix);
            match (statements.next(), statements.next()) {
                (Some(only), None) => ix = only,
                _ => break,
            }
        }
        ix
    }

    /// The call `receiver.name(...)` of a receiver.
    pub(super) fn called_on(self, receiver: NodeIx) -> Option<NodeIx> {
        let dot = self.ast.parent(receiver)?;
        let first = self.is_call(dot, Word::Dot) && dot.0 + 1 == receiver.0;
        let call = self.ast.parent(dot).filter(|_| first)?;
        // `Mod.f` of `&Mod.f/1` is none.
        (self.ast.kind(call) == Kind::CallExpr && self.stands_alone(call)).then_some(call)
    }

    /// What a call is called: `f` of `f(x)`, of `Mod.f(x)` and of `x |> f()`; of `f(x) when g` too.
    pub(super) fn name(self, ix: NodeIx) -> Option<Atom> {
        let mut ix = ix;
        while let Some((_, right)) = self.pipe(ix) {
            ix = right;
        }
        if self.is_call(ix, Word::When) {
            ix = self.ast.child(ix, 0)?;
        }
        match self.ast.kind(ix) {
            Kind::Call | Kind::Var | Kind::VarIn | Kind::Atom => self.ast.atom(ix),
            Kind::CallExpr => self.remote(ix).map(|(_, name)| name),
            _ => None,
        }
    }

    /// `&name/arity` and `&Mod.name/arity`: what stands before the slash, and the arity.
    pub(super) fn capture(self, ix: NodeIx) -> Option<(NodeIx, u32)> {
        if !self.is_call(ix, Word::Capture) {
            return None;
        }
        let slash = self
            .ast
            .child(ix, 0)
            .filter(|&one| self.is_call(one, Word::Slash))?;
        let (target, arity) = self.pair_of(slash)?;
        let arity = u32::try_from(self.ast.int(arity)?)
            .ok()
            .filter(|&n| n <= 255)?;
        let plain = match self.ast.kind(target) {
            Kind::Var | Kind::VarIn => true,
            Kind::CallExpr => self.remote(target).is_some() && self.ast.size(target) > 1,
            _ => false,
        };
        plain.then_some((target, arity))
    }

    /// A list of pairs with atoms as keys, and at least one.
    pub(super) fn is_keywords(self, ix: NodeIx) -> bool {
        self.ast.kind(ix) == Kind::List
            && self.ast.size(ix) > 1
            && self
                .ast
                .children(ix)
                .all(|one| self.ast.kind(one) == Kind::Pair)
    }

    /// A keyword list that begins with `do`, as a block makes it.
    pub(super) fn is_do_list(self, ix: NodeIx) -> bool {
        let first = self.ast.child(ix, 0).filter(|_| self.is_keywords(ix));
        first.and_then(|pair| self.ast.atom(pair)) == Some(atom(Word::Do))
    }

    /// Code that has a meaning of its own: not a part of an alias, of a dot, of a block's `do ... end`, of `&Mod.f/1`,
    /// the list of an arrow's arguments, or a variable's context.
    pub(super) fn stands_alone(self, ix: NodeIx) -> bool {
        if self.is_call(ix, Word::Dot) {
            return false;
        }
        let Some(parent) = self.ast.parent(ix) else {
            return true;
        };
        let of_call = self.ast.kind(parent) == Kind::Call;
        match self.ast.kind(ix) {
            Kind::Atom if of_call => {
                let in_dot = self.is_call(parent, Word::Dot) && ix.0 != parent.0 + 1;
                !(in_dot || self.is_call(parent, Word::Aliases))
            }
            Kind::Atom => self.ast.kind(parent) != Kind::VarIn,
            Kind::List if of_call && self.is_call(parent, Word::Arrow) => ix.0 != parent.0 + 1,
            Kind::List => !self.is_do_list(ix),
            Kind::Pair => !self.is_do_list(parent),
            // `Mod.f` of `&Mod.f/1` is no call.
            Kind::CallExpr if of_call && self.is_call(parent, Word::Slash) => {
                let outer = self.ast.parent(parent);
                let captured = outer.and_then(|outer| self.capture(outer));
                captured.is_none_or(|(target, _)| target != ix)
            }
            _ => true,
        }
    }

    /// The whole of a call: `a |> f(b)` for its `f(b)`.
    pub(super) fn piped_whole(self, ix: NodeIx) -> Option<NodeIx> {
        let parent = self.ast.parent(ix)?;
        let (_, right) = self.pipe(parent)?;
        (right == ix).then_some(parent)
    }
}
