//! A pattern as the matcher reads it: one node after the other in preorder.

use crate::atoms::{Atom, existing};
use crate::error::{Error, Result};
use crate::limits::{PATTERN_CAPTURES_MAX, PATTERN_NEGATIONS_MAX, PATTERN_NODES_MAX};

use super::guard::Guard;

/// The number of a pattern node.
pub(super) type Pix = u32;

/// The number of a capture. The match itself is capture 0.
pub type Slot = u16;

/// One node of a pattern as it is told: names are text, and become atoms when the pattern is built.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// `_`: any one thing.
    Any,
    /// `x`: any one thing, the same one everywhere.
    Capture(Slot),
    /// `...` or `...x`: any number of things.
    Rest(Option<Slot>),
    /// Any of the children.
    Alternatives,
    /// Anything that its child does not match.
    Not,
    /// Something that is, or has in it, what its child matches.
    Deep,
    Atom(String),
    Int(i64),
    Float(f64),
    Binary(Vec<u8>),
    /// A variable of this name.
    Var(String),
    /// A module, however it is written: its atom's text.
    Module(String),
    /// An unqualified call, an operator, a special form. No name: any call.
    Call {
        name: Option<String>,
        keywords: bool,
    },
    /// `Mod.name(...)`: the receiver is the first child.
    Remote {
        name: Option<String>,
        keywords: bool,
    },
    /// `form.(...)` and whatever else has an expression as its form, which is the first child.
    Expression,
    Tuple,
    List,
    /// The pairs at the end of a call with a `do`.
    Keywords,
    /// Statements.
    Block,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Op {
    Any,
    Capture(Slot),
    Rest(Option<Slot>),
    Alternatives,
    Not,
    Deep,
    /// A name that no atom in this process has: nothing can match it.
    Never,
    Atom(Atom),
    Int(i64),
    Float(f64),
    /// An index into `Pattern::binaries`.
    Binary(u32),
    Var(Atom),
    Module(Atom),
    Call {
        name: Option<Atom>,
        keywords: bool,
    },
    Remote {
        name: Option<Atom>,
        keywords: bool,
    },
    Expression,
    Tuple,
    List,
    Keywords,
    Block,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    pub(super) op: Op,
    /// One behind the last node of the subtree.
    pub(super) end: Pix,
    /// Of this one and the siblings behind it: how many take exactly one thing, and how many take any number.
    pub(super) singles: u32,
    pub(super) rests: u32,
}

/// What a pattern looks through.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Through {
    /// Aliases, imports and `__MODULE__` are what they stand for.
    pub names: bool,
    /// `a |> f(b)` is `f(a, b)`.
    pub pipes: bool,
    /// `&f/2` is a call of `f/2` with arguments that are not known.
    pub captures: bool,
    /// `apply(Mod, :f, [a])` is `Mod.f(a)`.
    pub apply: bool,
}

impl Default for Through {
    fn default() -> Self {
        Through {
            names: true,
            pipes: true,
            captures: false,
            apply: false,
        }
    }
}

/// A pattern with the patterns that its guard names, ready to match.
#[derive(Debug)]
pub struct Pattern {
    pub(super) nodes: Vec<Node>,
    pub(super) binaries: Vec<Vec<u8>>,
    /// The first is the pattern itself.
    pub(super) roots: Vec<Pix>,
    pub(super) guard: Guard,
    pub(super) captures: usize,
    pub(super) through: Through,
}

impl Pattern {
    /// Builds a pattern from trees of steps, each with its number of children, in preorder.
    ///
    /// `roots` are the pattern itself, then those that the guard names by their place here.
    ///
    /// Errors: `LimitExceeded` for what is too large, `Invalid` for steps that are no trees.
    pub fn new(
        roots: Vec<Vec<(Step, u32)>>,
        guard: Guard,
        captures: usize,
        through: Through,
    ) -> Result<Pattern> {
        let total: usize = roots.iter().map(Vec::len).sum();
        check(total, PATTERN_NODES_MAX, "nodes of a pattern")?;
        check(captures, PATTERN_CAPTURES_MAX, "captures of a pattern")?;
        let mut pattern = Pattern {
            nodes: Vec::with_capacity(total),
            binaries: Vec::new(),
            roots: Vec::new(),
            guard,
            captures,
            through,
        };
        if roots.is_empty() || !pattern.guard.fits(roots.len(), captures) {
            return Err(invalid("its guard names what it has not"));
        }
        for steps in roots {
            pattern.roots.push(pattern.nodes.len() as Pix);
            pattern.tree(steps)?;
        }
        Ok(pattern)
    }

    fn tree(&mut self, steps: Vec<(Step, u32)>) -> Result<()> {
        // Open nodes, with how many children each still lacks.
        let mut open: Vec<(Pix, u32)> = Vec::new();
        let first = self.nodes.len();
        let mut negations = 0;
        for (step, children) in steps {
            if open.is_empty() && self.nodes.len() > first {
                return Err(invalid("it has more than one root"));
            }
            let at = self.nodes.len() as Pix;
            let op = self.op(step, children)?;
            if op == Op::Not {
                negations += 1;
                check(negations, PATTERN_NEGATIONS_MAX, "negations in one pattern")?;
            }
            self.nodes.push(Node {
                op,
                end: at + 1,
                singles: 0,
                rests: 0,
            });
            if let Some((_, lacks)) = open.last_mut() {
                *lacks -= 1;
            }
            open.push((at, children));
            while let Some(&(done, 0)) = open.last() {
                self.nodes[done as usize].end = self.nodes.len() as Pix;
                self.count_children(done);
                open.pop();
            }
        }
        if open.is_empty() && self.nodes.len() > first {
            Ok(())
        } else {
            Err(invalid("a node lacks its children"))
        }
    }

    fn op(&mut self, step: Step, children: u32) -> Result<Op> {
        let name = |name: Option<String>, op: fn(Option<Atom>) -> Op| match name {
            None => op(None),
            Some(text) => existing(&text).map_or(Op::Never, |atom| op(Some(atom))),
        };
        let arity_is_right = match &step {
            Step::Any
            | Step::Capture(_)
            | Step::Rest(_)
            | Step::Atom(_)
            | Step::Int(_)
            | Step::Float(_)
            | Step::Binary(_)
            | Step::Var(_)
            | Step::Module(_) => children == 0,
            Step::Not | Step::Deep => children == 1,
            Step::Alternatives | Step::Remote { .. } | Step::Expression => children >= 1,
            _ => true,
        };
        if !arity_is_right {
            return Err(invalid("a node has the wrong number of children"));
        }
        if let Step::Capture(slot) | Step::Rest(Some(slot)) = step
            && (slot == 0 || usize::from(slot) >= self.captures)
        {
            return Err(invalid("a capture has no place"));
        }
        Ok(match step {
            Step::Any => Op::Any,
            Step::Capture(slot) => Op::Capture(slot),
            Step::Rest(slot) => Op::Rest(slot),
            Step::Alternatives => Op::Alternatives,
            Step::Not => Op::Not,
            Step::Deep => Op::Deep,
            Step::Atom(text) => existing(&text).map_or(Op::Never, Op::Atom),
            Step::Int(int) => Op::Int(int),
            Step::Float(float) => Op::Float(float),
            Step::Binary(bytes) => {
                self.binaries.push(bytes);
                Op::Binary(self.binaries.len() as u32 - 1)
            }
            Step::Var(text) => existing(&text).map_or(Op::Never, Op::Var),
            Step::Module(text) => existing(&text).map_or(Op::Never, Op::Module),
            Step::Call {
                name: text,
                keywords: true,
            } => name(text, |name| Op::Call {
                name,
                keywords: true,
            }),
            Step::Call {
                name: text,
                keywords: false,
            } => name(text, |name| Op::Call {
                name,
                keywords: false,
            }),
            Step::Remote {
                name: text,
                keywords: true,
            } => name(text, |name| Op::Remote {
                name,
                keywords: true,
            }),
            Step::Remote {
                name: text,
                keywords: false,
            } => name(text, |name| Op::Remote {
                name,
                keywords: false,
            }),
            Step::Expression => Op::Expression,
            Step::Tuple => Op::Tuple,
            Step::List => Op::List,
            Step::Keywords => Op::Keywords,
            Step::Block => Op::Block,
        })
    }

    fn count_children(&mut self, parent: Pix) {
        let children: Vec<Pix> = self.children(parent).collect();
        let (mut singles, mut rests) = (0, 0);
        for &child in children.iter().rev() {
            let node = &mut self.nodes[child as usize];
            match node.op {
                Op::Rest(_) => rests += 1,
                _ => singles += 1,
            }
            (node.singles, node.rests) = (singles, rests);
        }
    }

    #[inline]
    pub(super) fn node(&self, at: Pix) -> &Node {
        &self.nodes[at as usize]
    }

    pub(super) fn children(&self, parent: Pix) -> impl Iterator<Item = Pix> + '_ {
        let end = self.node(parent).end;
        let mut next = parent + 1;
        std::iter::from_fn(move || {
            let child = next;
            (child < end).then(|| {
                next = self.node(child).end;
                child
            })
        })
    }
}

fn check(count: usize, limit: usize, what: &'static str) -> Result<()> {
    if count > limit {
        return Err(Error::LimitExceeded {
            what,
            limit: limit as u64,
        });
    }
    Ok(())
}

pub(super) fn invalid(detail: &str) -> Error {
    Error::Invalid {
        what: "pattern",
        detail: detail.to_owned(),
    }
}
