//! One pattern node against one item.

use crate::ast::{Kind, NodeIx};
use crate::error::Result;
use crate::source::words::{Word, atom};

use super::item::Item;
use super::machine::{Goal, Machine, Other};
use super::names;
use super::pattern::{Op, Pix, Slot};

impl Machine<'_> {
    /// Gives the goals that are left, or `None` when it cannot match.
    pub(super) fn one(&mut self, pattern: Pix, item: Item, left: u32) -> Result<Option<u32>> {
        let op = self.pattern.node(pattern).op;
        let item = match (op, item) {
            (Op::Block | Op::Rest(_), item) => item,
            // A block that is looked for as it is written.
            (
                Op::Call {
                    name: Some(name), ..
                },
                item,
            ) if name == atom(Word::Block) => item,
            (_, Item::Node(ix)) => Item::Node(self.reader.unwrapped(ix)),
            (_, item) => item,
        };
        let holds = |holds: bool| Ok(holds.then_some(left));
        match op {
            Op::Any => return Ok(Some(left)),
            Op::Capture(slot) => return holds(self.bind(slot, item)),
            Op::Alternatives => {
                let (next, end) = (pattern + 1, self.pattern.node(pattern).end);
                return self.choose(Other::Alternative { next, end, item }, left);
            }
            Op::Not => {
                let found = self.holds_for(pattern + 1, item)?;
                return holds(!found);
            }
            _ => {}
        }
        let ast = self.reader.ast;
        let ix = match item {
            Item::Node(ix) => ix,
            Item::Key(pair) => {
                let key = ast.atom(pair);
                return holds(matches!(op, Op::Atom(atom) | Op::Module(atom) if key == Some(atom)));
            }
            Item::Run { start, length } => {
                if op != Op::Keywords {
                    return Ok(None);
                }
                let (next, end) = (pattern + 1, self.pattern.node(pattern).end);
                return self
                    .push(
                        Goal::Siblings {
                            next,
                            end,
                            start,
                            length,
                        },
                        left,
                    )
                    .map(Some);
            }
            Item::Hole => return Ok(None),
        };
        let kind = ast.kind(ix);
        let start = self.items.len() as u32;
        match op {
            Op::Atom(atom) => return holds(ast.atom_of(ix, Kind::Atom) == Some(atom)),
            Op::Int(int) => return holds(ast.int(ix) == Some(int)),
            Op::Float(float) => return holds(ast.float(ix) == Some(float)),
            Op::Binary(index) => {
                let bytes = &self.pattern.binaries[index as usize][..];
                return holds(ast.binary(ix) == Some(bytes));
            }
            Op::Var(name) => {
                return holds(
                    matches!(kind, Kind::Var | Kind::VarIn) && ast.atom(ix) == Some(name),
                );
            }
            Op::Module(module) => return holds(names::module(self.unit, ix) == Some(module)),
            Op::Call { .. } | Op::Remote { .. } => return self.call(pattern, ix, left),
            Op::Deep => {
                let (pattern, next, end) = (pattern + 1, ix.0, ast.end(ix));
                return self.choose(Other::Deeper { pattern, next, end }, left);
            }
            Op::Expression => {
                let (base, piped) = self.unpiped(ix);
                if ast.kind(base) != Kind::CallExpr {
                    return Ok(None);
                }
                self.item(Item::Node(NodeIx(base.0 + 1)))?;
                self.arguments(base, piped, 1)?;
            }
            Op::Tuple => match kind {
                Kind::Pair => {
                    self.item(Item::Key(ix))?;
                    self.arguments(ix, None, 0)?;
                }
                Kind::Tuple => self.arguments(ix, None, 0)?,
                Kind::Call if self.reader.is_tuple(ix) => self.arguments(ix, None, 0)?,
                _ => return Ok(None),
            },
            Op::List | Op::Keywords => {
                if kind != Kind::List {
                    return Ok(None);
                }
                self.arguments(ix, None, 0)?;
            }
            Op::Block | Op::Rest(_) => {
                if self.reader.is_block(ix) {
                    self.arguments(ix, None, 0)?;
                } else {
                    self.item(item)?;
                }
                if let Op::Rest(slot) = op {
                    let length = self.items.len() as u32 - start;
                    let bound =
                        slot.is_none_or(|slot| self.bind(slot, Item::Run { start, length }));
                    return holds(bound);
                }
            }
            Op::Never | Op::Any | Op::Capture(_) | Op::Alternatives | Op::Not => return Ok(None),
        }
        let goal = self.siblings(pattern + 1, pattern, start);
        self.push(goal, left).map(Some)
    }

    /// Makes items of a node's children but for the first `skip`, after what is piped in.
    pub(super) fn arguments(
        &mut self,
        ix: NodeIx,
        piped: Option<NodeIx>,
        skip: usize,
    ) -> Result<()> {
        if let Some(piped) = piped {
            self.item(Item::Node(piped))?;
        }
        if matches!(self.reader.ast.kind(ix), Kind::Var | Kind::VarIn) {
            return Ok(());
        }
        for child in self.reader.ast.children(ix).skip(skip) {
            self.item(Item::Node(child))?;
        }
        Ok(())
    }

    /// A call without its pipe, and what is piped in.
    pub(super) fn unpiped(&self, ix: NodeIx) -> (NodeIx, Option<NodeIx>) {
        match self.reader.pipe(ix).filter(|_| self.pattern.through.pipes) {
            Some((left, right)) => (right, Some(left)),
            None => (ix, None),
        }
    }

    /// A capture is this item; false when it is something else already.
    pub(super) fn bind(&mut self, slot: Slot, item: Item) -> bool {
        match self.slots[usize::from(slot)] {
            Some(bound) => self.equal(bound, item),
            None => {
                self.slots[usize::from(slot)] = Some(item);
                self.trail.push(slot);
                true
            }
        }
    }

    /// The same code, wherever it stands and however it is laid out.
    pub(super) fn equal(&self, one: Item, other: Item) -> bool {
        let ast = self.reader.ast;
        match (one, other) {
            (Item::Node(one), Item::Node(other)) => ast.hash(one) == ast.hash(other),
            (Item::Key(one), Item::Key(other)) => ast.atom(one) == ast.atom(other),
            (Item::Node(node), Item::Key(pair)) | (Item::Key(pair), Item::Node(node)) => ast
                .atom_of(node, Kind::Atom)
                .is_some_and(|atom| ast.atom(pair) == Some(atom)),
            (
                Item::Run {
                    start: a,
                    length: n,
                },
                Item::Run {
                    start: b,
                    length: m,
                },
            ) => {
                // Runs hold no runs: this goes no deeper.
                let items = |start: u32| &self.items[start as usize..(start + n) as usize];
                n == m
                    && items(a)
                        .iter()
                        .zip(items(b))
                        .all(|(one, other)| match (one, other) {
                            (Item::Run { .. }, _) | (_, Item::Run { .. }) => false,
                            _ => self.equal(*one, *other),
                        })
            }
            _ => false,
        }
    }
}
