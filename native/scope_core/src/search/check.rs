//! Guards, evaluated where a match stands.

use crate::ast::{Kind, NodeIx};
use crate::atoms::Atom;
use crate::error::Result;
use crate::query::Comparison;
use crate::source::module_text;
use crate::source::words::{Word, word};
use crate::value::Value;

use super::guard::{Class, Literal, Test};
use super::item::Item;
use super::machine::Machine;
use super::names;
use super::pattern::Slot;

impl Machine<'_> {
    /// Whether the guard holds for what is captured.
    pub(super) fn guard(&mut self) -> Result<bool> {
        let tests = self.pattern.guard.tests();
        self.flags.clear();
        for test in tests {
            let holds = match test {
                Test::Is(slot, class) => self.slot(*slot).is_some_and(|item| self.is(item, *class)),
                Test::Compare(slot, comparison, literal) => {
                    self.compare(*slot, *comparison, literal)
                }
                Test::In(slot, literals) => literals
                    .iter()
                    .any(|literal| self.compare(*slot, Comparison::Eq, literal)),
                Test::Same(one, other) => match (self.slot(*one), self.slot(*other)) {
                    (Some(one), Some(other)) => self.equal(one, other),
                    _ => false,
                },
                Test::Length(slot, comparison, wanted) => {
                    let length = match self.slot(*slot) {
                        Some(Item::Run { length, .. }) => Some(i64::from(length)),
                        Some(Item::Node(ix)) if self.reader.ast.kind(ix) == Kind::List => {
                            Some(self.reader.ast.children(ix).count() as i64)
                        }
                        _ => None,
                    };
                    length.is_some_and(|length| {
                        comparison.holds(&Value::Int(length), &Value::Int(*wanted))
                    })
                }
                Test::Text(slot, regex) => self
                    .slot(*slot)
                    .and_then(|item| self.text(item))
                    .is_some_and(|text| regex.is_match(&text)),
                Test::Inside(root) => self.inside(*root)?,
                Test::Contains(slot, root) => self.contains(*slot, *root)?,
                Test::Follows(root) => self.beside(*root, true)?,
                Test::Precedes(root) => self.beside(*root, false)?,
                Test::And(n) => self.join(*n, |flags| flags.iter().all(|flag| *flag)),
                Test::Or(n) => self.join(*n, |flags| flags.iter().any(|flag| *flag)),
                Test::Not => self.join(1, |flags| flags == [false]),
            };
            self.flags.push(holds);
        }
        Ok(self.flags.pop().unwrap_or(true))
    }

    fn join(&mut self, n: u32, over: impl Fn(&[bool]) -> bool) -> bool {
        let kept = self.flags.len() - n as usize;
        let result = over(&self.flags[kept..]);
        self.flags.truncate(kept);
        result
    }

    /// What a capture is; of a run of one thing, that thing.
    fn slot(&self, slot: Slot) -> Option<Item> {
        match self.slots[usize::from(slot)] {
            Some(Item::Run { start, length: 1 }) => Some(self.items[start as usize]),
            item => item,
        }
    }

    fn is(&self, item: Item, class: Class) -> bool {
        let ast = self.reader.ast;
        let ix = match item {
            Item::Node(ix) => ix,
            Item::Key(pair) => {
                let name = ast.atom(pair).map_or("", Atom::text);
                return match class {
                    Class::Atom | Class::Literal => true,
                    Class::Boolean => matches!(name, "true" | "false"),
                    Class::Nil => name == "nil",
                    _ => false,
                };
            }
            Item::Run { .. } | Item::Hole => return false,
        };
        let kind = ast.kind(ix);
        let called = || ast.atom_of(ix, Kind::Call).map(Atom::text);
        let atom = || ast.atom_of(ix, Kind::Atom).map(Atom::text);
        match class {
            Class::Atom => kind == Kind::Atom,
            Class::Boolean => matches!(atom(), Some("true" | "false")),
            Class::Nil => atom() == Some("nil"),
            Class::Integer => matches!(kind, Kind::Int | Kind::WideInt),
            Class::Float => kind == Kind::Float,
            Class::Number => matches!(kind, Kind::Int | Kind::WideInt | Kind::Float),
            Class::Binary => kind == Kind::Binary || called() == Some("<<>>"),
            Class::List => matches!(kind, Kind::List | Kind::ImproperList),
            Class::Keyword => self.reader.is_keywords(ix),
            Class::Tuple => matches!(kind, Kind::Pair | Kind::Tuple) || called() == Some("{}"),
            Class::Map => matches!(called(), Some("%{}" | "%")),
            Class::Struct => called() == Some("%"),
            Class::Module => called() == Some("__aliases__"),
            Class::Variable => matches!(kind, Kind::Var | Kind::VarIn),
            Class::Call => self.is_call(ix),
            Class::LocalCall => kind == Kind::Call && self.is_call(ix),
            Class::RemoteCall => self.reader.remote(ix).is_some(),
            Class::Function => matches!(called(), Some("fn" | "&")),
            Class::Block => called() == Some("__block__"),
            Class::Literal => match kind {
                Kind::Atom
                | Kind::Int
                | Kind::WideInt
                | Kind::Float
                | Kind::Binary
                | Kind::Opaque => true,
                // Of a collection: what it holds.
                Kind::List | Kind::Pair | Kind::Tuple => {
                    (ix.0..ast.end(ix)).all(|at| !ast.kind(NodeIx(at)).has_meta())
                }
                _ => false,
            },
            Class::Pin => called() == Some("^"),
        }
    }

    /// A call as people mean it: no data, no block, no definition of a clause.
    fn is_call(&self, ix: NodeIx) -> bool {
        match self.reader.ast.kind(ix) {
            Kind::CallExpr => true,
            Kind::Call => self
                .reader
                .ast
                .atom(ix)
                .is_some_and(super::call::is_ordinary),
            _ => false,
        }
    }

    fn compare(&self, slot: Slot, comparison: Comparison, literal: &Literal) -> bool {
        let ast = self.reader.ast;
        let Some(item) = self.slot(slot) else {
            return false;
        };
        let (code, wanted) = match (item, literal) {
            (Item::Node(ix), Literal::Int(wanted)) => (self.number(ix), Value::Int(*wanted)),
            (Item::Node(ix), Literal::Float(wanted)) => (self.number(ix), Value::Float(*wanted)),
            (Item::Node(ix), Literal::Binary(wanted)) => {
                let code = ast.binary(ix).map(|bytes| Value::Binary(bytes.into()));
                (code, Value::Binary(wanted[..].into()))
            }
            (item, Literal::Atom(wanted)) => {
                let code = match item {
                    Item::Node(ix) => ast.atom_of(ix, Kind::Atom),
                    Item::Key(pair) => ast.atom(pair),
                    _ => None,
                };
                return self.same_name(code, *wanted, comparison);
            }
            (Item::Node(ix), Literal::Module(wanted)) => {
                let code = names::module(self.unit, ix);
                return self.same_name(code, *wanted, comparison);
            }
            _ => (None, Value::nil()),
        };
        match code {
            Some(code) => comparison.holds(&code, &wanted),
            // What is no such literal is not equal to it, and in no order with it.
            None => comparison == Comparison::Ne,
        }
    }

    fn same_name(&self, code: Option<Atom>, wanted: Option<Atom>, comparison: Comparison) -> bool {
        let same = code.is_some() && code == wanted;
        match comparison {
            Comparison::Eq => same,
            Comparison::Ne => !same,
            _ => false,
        }
    }

    fn number(&self, ix: NodeIx) -> Option<Value> {
        let ast = self.reader.ast;
        ast.int(ix)
            .map(Value::Int)
            .or_else(|| ast.float(ix).map(Value::Float))
    }

    /// The name that code has, for regular expressions: of a call, a variable, an atom, a module; a string's content.
    fn text(&self, item: Item) -> Option<String> {
        let ast = self.reader.ast;
        let ix = match item {
            Item::Node(ix) => ix,
            Item::Key(pair) => return ast.atom(pair).map(|name| name.text().to_owned()),
            Item::Run { .. } | Item::Hole => return None,
        };
        if let Some(bytes) = ast.binary(ix) {
            return std::str::from_utf8(bytes).ok().map(str::to_owned);
        }
        if self.reader.is_call(ix, Word::Aliases)
            || ast.atom_of(ix, Kind::Var).and_then(word) == Some(Word::CurrentModule)
        {
            return names::module(self.unit, ix).map(module_text);
        }
        self.reader.name(ix).map(|name| name.text().to_owned())
    }

    fn inside(&mut self, root: usize) -> Result<bool> {
        let Some(Item::Node(mut at)) = self.slots[0] else {
            return Ok(false);
        };
        while let Some(parent) = self.reader.ast.parent(at) {
            at = parent;
            if self.is_place(at) && self.also_matches(root, at)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn contains(&mut self, slot: Slot, root: usize) -> Result<bool> {
        let mut ranges = Vec::new();
        let ast = self.reader.ast;
        match self.slots[usize::from(slot)] {
            Some(Item::Node(ix)) => ranges.push(ix.0 + u32::from(slot == 0)..ast.end(ix)),
            Some(Item::Run { start, length }) => {
                let items = &self.items[start as usize..(start + length) as usize];
                ranges.extend(items.iter().filter_map(|item| match item {
                    Item::Node(ix) => Some(ix.0..ast.end(*ix)),
                    _ => None,
                }));
            }
            _ => {}
        }
        let mut candidates = Vec::new();
        for within in ranges {
            let plan = self.plan;
            plan.candidates(root, self.pattern, self.unit, within, &mut candidates);
            for &at in &candidates {
                if self.also_matches(root, NodeIx(at))? {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Whether a statement before (or behind) the one that holds the match, in the same block, matches.
    fn beside(&mut self, root: usize, before: bool) -> Result<bool> {
        let Some(Item::Node(mut at)) = self.slots[0] else {
            return Ok(false);
        };
        let ast = self.reader.ast;
        while let Some(parent) = ast.parent(at) {
            if self.reader.is_block(parent) {
                for statement in ast.children(parent) {
                    let wanted = if before {
                        statement < at
                    } else {
                        statement > at
                    };
                    if wanted && self.also_matches(root, statement)? {
                        return Ok(true);
                    }
                }
                return Ok(false);
            }
            if self.is_body(parent) {
                return Ok(false);
            }
            at = parent;
        }
        Ok(false)
    }

    /// What holds one statement instead of a block of them.
    fn is_body(&self, ix: NodeIx) -> bool {
        let ast = self.reader.ast;
        let name = ast.atom(ix).and_then(word);
        match ast.kind(ix) {
            Kind::Pair => matches!(
                name,
                Some(Word::Do | Word::Else | Word::Rescue | Word::Catch | Word::After)
            ),
            Kind::Call => name == Some(Word::Arrow),
            _ => false,
        }
    }
}
