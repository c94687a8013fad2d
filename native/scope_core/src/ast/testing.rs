//! Terms for tests: told to a builder as a walk over BEAM terms tells them, and built again.

use crate::atoms::{Atom, intern};
use crate::error::{Error, Result};

use super::{Ast, Builder, Make, Tokens};

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum T {
    Atom(String),
    Int(i64),
    Float(f64),
    Binary(Vec<u8>),
    Opaque(Vec<u8>),
    List(Vec<T>),
    Improper(Vec<T>, Box<T>),
    Tuple(Vec<T>),
    Map(Vec<(T, T)>),
}

pub(crate) fn atom(text: &str) -> T {
    T::Atom(text.to_string())
}

pub(crate) fn meta(line: i64, column: i64) -> T {
    let pair = |key: &str, value| T::Tuple(vec![atom(key), T::Int(value)]);
    T::List(vec![pair("line", line), pair("column", column)])
}

/// `{name, meta, args}`.
pub(crate) fn call(name: &str, line: i64, column: i64, args: Vec<T>) -> T {
    T::Tuple(vec![atom(name), meta(line, column), T::List(args)])
}

pub(crate) fn var(name: &str, line: i64, column: i64) -> T {
    T::Tuple(vec![atom(name), meta(line, column), atom("nil")])
}

/// `[do: body]`.
pub(crate) fn body(body: T) -> T {
    T::List(vec![T::Tuple(vec![atom("do"), body])])
}

pub(crate) fn alias(line: i64, column: i64, segments: &[&str]) -> T {
    call(
        "__aliases__",
        line,
        column,
        segments.iter().map(|one| atom(one)).collect(),
    )
}

pub(crate) fn ast(term: &T) -> Ast {
    let mut builder = Builder::new();
    quoted(&mut builder, term).unwrap();
    builder.finish().unwrap()
}

fn quoted(builder: &mut Builder, term: &T) -> Result<()> {
    let T::Tuple(items) = term else {
        return tell(builder, term, quoted);
    };
    let (form, meta, args) = match &items[..] {
        [form, meta @ (T::List(_) | T::Improper(..)), args] => (form, meta, args),
        _ => return tell(builder, term, quoted),
    };
    let is_node = matches!(
        (form, args),
        (T::Atom(_), T::Atom(_) | T::List(_)) | (T::Tuple(_), T::List(_))
    );
    if !is_node {
        return tell(builder, term, quoted);
    }
    builder.begin_meta();
    plain(&mut builder.meta(), meta)?;
    let _ = builder.end_meta()?;
    match (form, args) {
        (T::Atom(name), T::Atom(context)) => {
            let context = (context != "nil").then(|| intern(context));
            return builder.var(intern(name), context);
        }
        (T::Atom(name), _) => builder.open_call(intern(name))?,
        _ => {
            builder.open_call_expr()?;
            quoted(builder, form)?;
        }
    }
    if let T::List(args) = args {
        for arg in args {
            quoted(builder, arg)?;
        }
    }
    builder.close()
}

fn plain<S: Tokens>(to: &mut S, term: &T) -> Result<()> {
    tell(to, term, plain)
}

fn tell<S: Tokens>(to: &mut S, term: &T, each: impl Fn(&mut S, &T) -> Result<()>) -> Result<()> {
    match term {
        T::Atom(text) => to.atom(intern(text)),
        T::Int(int) => to.int(*int),
        T::Float(float) => to.float(*float),
        T::Binary(bytes) => to.binary(bytes),
        T::Opaque(bytes) => to.opaque(bytes),
        T::List(items) => {
            to.open_list()?;
            items.iter().try_for_each(|item| each(to, item))?;
            to.close()
        }
        T::Improper(items, tail) => {
            to.open_list()?;
            items.iter().try_for_each(|item| each(to, item))?;
            each(to, tail)?;
            to.close_improper()
        }
        T::Tuple(items) => {
            match &items[..] {
                [T::Atom(key), value] => {
                    to.open_pair(intern(key))?;
                    each(to, value)?;
                }
                _ => {
                    to.open_tuple()?;
                    items.iter().try_for_each(|item| each(to, item))?;
                }
            }
            to.close()
        }
        T::Map(pairs) => {
            to.open_map()?;
            for (key, value) in pairs {
                each(to, key)?;
                each(to, value)?;
            }
            to.close()
        }
    }
}

/// Builds terms into a table; a handle is a place in it.
#[derive(Default)]
pub(crate) struct Table(Vec<T>);

impl Table {
    pub(crate) fn read(ast: &Ast) -> Result<T> {
        let mut table = Table::default();
        let root = ast.read(ast.root(), &mut table)?;
        Ok(table.0[root].clone())
    }

    fn add(&mut self, term: T) -> Result<usize> {
        self.0.push(term);
        Ok(self.0.len() - 1)
    }

    fn all(&self, items: &[usize]) -> Vec<T> {
        items.iter().map(|&item| self.0[item].clone()).collect()
    }
}

impl Make for Table {
    type Term = usize;

    fn atom(&mut self, atom: Atom) -> Result<usize> {
        self.add(T::Atom(atom.text().to_string()))
    }

    fn int(&mut self, int: i64) -> Result<usize> {
        self.add(T::Int(int))
    }

    fn float(&mut self, float: f64) -> Result<usize> {
        self.add(T::Float(float))
    }

    fn binary(&mut self, bytes: &[u8]) -> Result<usize> {
        self.add(T::Binary(bytes.to_vec()))
    }

    fn opaque(&mut self, bytes: &[u8]) -> Result<usize> {
        self.add(T::Opaque(bytes.to_vec()))
    }

    fn cons(&mut self, item: usize, tail: usize) -> Result<usize> {
        let item = self.0[item].clone();
        let term = match self.0[tail].clone() {
            T::List(mut items) => {
                items.insert(0, item);
                T::List(items)
            }
            T::Improper(mut items, tail) => {
                items.insert(0, item);
                T::Improper(items, tail)
            }
            tail => T::Improper(vec![item], Box::new(tail)),
        };
        self.add(term)
    }

    fn nil(&mut self) -> Result<usize> {
        self.add(T::List(Vec::new()))
    }

    fn tuple(&mut self, items: &[usize]) -> Result<usize> {
        let items = self.all(items);
        self.add(T::Tuple(items))
    }

    fn map(&mut self, items: &[usize]) -> Result<usize> {
        let pairs = items.chunks(2);
        let pairs = pairs.map(|pair| match pair {
            [key, value] => Ok((self.0[*key].clone(), self.0[*value].clone())),
            _ => Err(Error::Invalid {
                what: "map",
                detail: "half a pair".to_string(),
            }),
        });
        let pairs = pairs.collect::<Result<_>>()?;
        self.add(T::Map(pairs))
    }
}

/// Miri is some hundred times slower.
pub(crate) fn rounds(rounds: usize) -> usize {
    if cfg!(miri) {
        rounds.div_ceil(200)
    } else {
        rounds
    }
}

/// Pseudo-random numbers, the same on every run.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize % bound
    }

    /// A term, quoted code more often than chance would have it.
    pub(crate) fn term(&mut self, depth: usize) -> T {
        let names = ["a", "def", "line", "nil", "defmodule", "größe", "", "+"];
        let leaf = if depth == 0 { 6 } else { 14 };
        let below = depth.saturating_sub(1);
        match self.below(leaf) {
            0 | 1 => atom(names[self.below(names.len())]),
            2 => T::Int([0, -1, 1 << 31, i64::MIN, i64::MAX, 7][self.below(6)]),
            3 => T::Float([0.0, -1.5, 1e300][self.below(3)]),
            4 => T::Binary(vec![self.below(3) as u8; self.below(4)]),
            5 => T::Opaque(vec![131, self.below(250) as u8]),
            6 => T::List(self.terms(below)),
            7 => T::Improper(vec![self.term(below)], Box::new(T::Int(1))),
            8 => T::Tuple(self.terms(below)),
            9 => T::Map(vec![(T::Int(self.below(9) as i64), self.term(below))]),
            10 => T::Tuple(vec![atom("k"), self.term(below)]),
            11 => {
                let meta = self.term(below.min(2));
                T::Tuple(vec![self.term(below), meta, self.term(below)])
            }
            12 => T::Tuple(vec![
                T::Tuple(vec![atom("."), meta(1, 2), T::List(vec![])]),
                meta(self.below(500) as i64, 1),
                T::List(self.terms(below)),
            ]),
            _ => {
                let name = names[self.below(names.len())];
                call(name, self.below(500) as i64, 1, self.terms(below))
            }
        }
    }

    fn terms(&mut self, depth: usize) -> Vec<T> {
        (0..self.below(4)).map(|_| self.term(depth)).collect()
    }
}
