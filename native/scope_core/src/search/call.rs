//! Calls, in all the forms that they are written in.

use crate::ast::{Kind, NodeIx};
use crate::atoms::Atom;
use crate::error::Result;
use crate::source::words::{Word, atom, word};

use super::item::Item;
use super::machine::{Goal, Machine};
use super::names;
use super::pattern::{Op, Pix};

/// How a call is written, and where its parts are.
#[derive(Clone, Copy)]
enum Written {
    /// `f(x)`, `Mod.f(x)`, with how many children come before the arguments.
    Arguments(usize),
    /// `&f/2`: so many arguments that are not there.
    Holes(u32),
    /// `apply(Mod, :f, [x])`: the list.
    List(NodeIx),
    /// `apply(Mod, :f, list)`.
    Unknown,
}

struct Found {
    base: NodeIx,
    piped: Option<NodeIx>,
    receiver: Option<NodeIx>,
    name: Atom,
    written: Written,
}

impl Machine<'_> {
    /// Whether the call at `ix` is one of the pattern's; gives the goals that are left.
    pub(super) fn call(&mut self, pattern: Pix, ix: NodeIx, left: u32) -> Result<Option<u32>> {
        let (wanted, keywords, remote) = match self.pattern.node(pattern).op {
            Op::Call { name, keywords } => (name, keywords, false),
            Op::Remote { name, keywords } => (name, keywords, true),
            _ => return Ok(None),
        };
        let Some(found) = self.written(ix, wanted) else {
            return Ok(None);
        };
        match wanted {
            Some(name) if name != found.name => return Ok(None),
            None if found.receiver.is_none() && !is_ordinary(found.name) => return Ok(None),
            _ => {}
        }
        let start = self.items.len() as u32;
        let mut left = left;
        let mut next = pattern + 1;
        if remote {
            next = self.pattern.node(next).end;
            match found.receiver {
                Some(receiver) => {
                    let (pattern, item) = (pattern + 1, Item::Node(receiver));
                    left = self.push(Goal::One { pattern, item }, left)?;
                }
                None => match self.pattern.node(pattern + 1).op {
                    Op::Module(module)
                        if self.pattern.through.names
                            && names::is_call_of(
                                self.unit,
                                found.base,
                                module,
                                wanted.is_none(),
                            ) => {}
                    _ => return Ok(None),
                },
            }
        } else if found.receiver.is_some() {
            return Ok(None);
        }
        if let Written::Unknown = found.written {
            for _ in 0..self.singles(next, pattern) {
                self.item(Item::Hole)?;
            }
        } else {
            self.call_items(&found)?;
        }
        let start = match keywords {
            false => start,
            true => match self.merge_keywords(start)? {
                Some(start) => start,
                None => return Ok(None),
            },
        };
        let goal = self.siblings(next, pattern, start);
        self.push(goal, left).map(Some)
    }

    fn singles(&self, next: Pix, parent: Pix) -> u32 {
        match next < self.pattern.node(parent).end {
            true => self.pattern.node(next).singles,
            false => 0,
        }
    }

    fn call_items(&mut self, found: &Found) -> Result<()> {
        match found.written {
            Written::Arguments(skip) => self.arguments(found.base, found.piped, skip)?,
            Written::List(list) => self.arguments(list, None, 0)?,
            Written::Holes(arity) => {
                for _ in 0..arity {
                    self.item(Item::Hole)?;
                }
            }
            Written::Unknown => {}
        }
        Ok(())
    }

    fn written(&self, ix: NodeIx, wanted: Option<Atom>) -> Option<Found> {
        let through = self.pattern.through;
        let is_wanted = |word: Word| wanted == Some(atom(word));
        let (base, piped) = match is_wanted(Word::Pipe) {
            true => (ix, None),
            false => self.unpiped(ix),
        };
        if through.captures
            && !is_wanted(Word::Capture)
            && let Some((target, arity)) = self.reader.capture(base)
        {
            let (receiver, name) = match self.reader.remote(target) {
                Some((receiver, name)) => (Some(receiver), name),
                None => (None, self.reader.ast.atom(target)?),
            };
            let written = Written::Holes(arity);
            return Some(Found {
                base,
                piped,
                receiver,
                name,
                written,
            });
        }
        if through.apply
            && !is_wanted(Word::Apply)
            && let Some(found) = self.applied(base, piped)
        {
            return Some(found);
        }
        let ast = self.reader.ast;
        let (receiver, name, skip) = match ast.kind(base) {
            Kind::Call => (None, ast.atom(base)?, 0),
            Kind::Var | Kind::VarIn if piped.is_some() => (None, ast.atom(base)?, 0),
            Kind::CallExpr => {
                let (receiver, name) = self.reader.remote(base)?;
                (Some(receiver), name, 1)
            }
            _ => return None,
        };
        let written = Written::Arguments(skip);
        Some(Found {
            base,
            piped,
            receiver,
            name,
            written,
        })
    }

    /// `apply(Mod, :f, args)`, also piped.
    fn applied(&self, base: NodeIx, piped: Option<NodeIx>) -> Option<Found> {
        if !self.reader.is_call(base, Word::Apply) {
            return None;
        }
        let ast = self.reader.ast;
        let mut parts = piped.into_iter().chain(ast.children(base));
        let (receiver, name, list) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        let written = match ast.kind(list) {
            Kind::List => Written::List(list),
            _ => Written::Unknown,
        };
        let name = ast.atom_of(name, Kind::Atom)?;
        let receiver = Some(receiver);
        Some(Found {
            base,
            piped: None,
            receiver,
            name,
            written,
        })
    }

    /// Puts the pairs of the last arguments into one item: `f(a, b: 1) do c end` and `f(a, b: 1, do: c)` are equal.
    /// Gives where the arguments begin then.
    fn merge_keywords(&mut self, start: u32) -> Result<Option<u32>> {
        let keywords = |item: &Item| match item {
            Item::Node(ix) if self.reader.is_keywords(*ix) => Some(*ix),
            _ => None,
        };
        let own = &self.items[start as usize..];
        let Some(last) = own.last().and_then(keywords) else {
            return Ok(None);
        };
        let before = match own {
            [.., before, _] if self.reader.is_do_list(last) => keywords(before),
            _ => None,
        };
        let kept = own.len() - 1 - usize::from(before.is_some());
        // The pairs go first, and the arguments follow them.
        let arguments: Vec<Item> = own[..kept].to_vec();
        self.items.truncate(start as usize);
        let pairs = start;
        for list in before.into_iter().chain([last]) {
            self.arguments(list, None, 0)?;
        }
        let length = self.items.len() as u32 - pairs;
        for item in arguments {
            self.item(item)?;
        }
        self.item(Item::Run {
            start: pairs,
            length,
        })?;
        Ok(Some(pairs + length))
    }
}

/// A name that is called, and not only a way to write data or code.
pub(super) fn is_ordinary(name: Atom) -> bool {
    !matches!(
        word(name),
        Some(
            Word::Aliases
                | Word::Block
                | Word::Braces
                | Word::Dot
                | Word::Arrow
                | Word::LeftArrow
                | Word::Fn
                | Word::Capture
                | Word::Attribute
        )
    ) && !matches!(name.text(), "%{}" | "%" | "<<>>" | "|" | "::" | "^" | "->")
}
