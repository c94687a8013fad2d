//! From the log's bytes to terms. What was cut, withheld or cannot be had back is a struct that says so.

use rustler::types::tuple::make_tuple;
use rustler::{Encoder, Env, Term};
use scope_core::atoms::Atom;
use scope_core::capture::redact::rule_name;
use scope_core::captured::{By, Close, Kind, Open, Size, Step, Token, walk};
use scope_core::error::{Error, Result};

use crate::atoms;
use crate::capture::word_term;
use crate::repository::teller::past_pid;

/// The term of a value.
pub fn decode<'a>(env: Env<'a>, bytes: &[u8]) -> Result<Term<'a>> {
    let mut making = Making {
        env,
        stack: Vec::new(),
        done: None,
    };
    walk(bytes, |step| making.step(step))?;
    making.done.ok_or_else(|| odd("it is empty"))
}

struct Making<'a> {
    env: Env<'a>,
    /// What each open container holds so far.
    stack: Vec<Vec<Term<'a>>>,
    done: Option<Term<'a>>,
}

impl<'a> Making<'a> {
    fn step(&mut self, step: Step<'_>) -> Result<()> {
        let made = match step {
            Step::Open(_) => {
                self.stack.push(Vec::new());
                return Ok(());
            }
            Step::Tail => return Ok(()),
            Step::Leaf(token) => self.leaf(token)?,
            Step::Close(open, how) => {
                let inside = self.stack.pop().unwrap_or_default();
                self.container(open, how, inside)?
            }
        };
        match self.stack.last_mut() {
            Some(outer) => outer.push(made),
            None => self.done = Some(made),
        }
        Ok(())
    }

    fn leaf(&self, token: Token<'_>) -> Result<Term<'a>> {
        let env = self.env;
        Ok(match token {
            Token::EmptyList => Vec::<Term<'a>>::new().encode(env),
            Token::Int(int) => int.encode(env),
            Token::Float(float) => float.encode(env),
            Token::Atom(number) => {
                let number = u32::try_from(number).map_err(|_| odd("an unknown atom"))?;
                let known = scope_core::atoms::count() as u64 > u64::from(number);
                match known {
                    true => self.atom(Atom(number))?,
                    false => return Err(odd("an unknown atom")),
                }
            }
            Token::AtomText(text) => match scope_core::atoms::existing(text) {
                Some(atom) => self.atom(atom)?,
                None => self.opaque(Kind::Atom, text)?,
            },
            Token::Binary(bytes) => binary(env, bytes)?,
            Token::External(kind, bytes) => match self.external(bytes) {
                Some(term) => term,
                None => self.opaque(kind, "unreadable")?,
            },
            Token::Pid(word) | Token::Port(word) => {
                // SAFETY: the word of a pid or port of this VM, an immediate term; `portable` leaves none of another.
                unsafe { Term::new(env, word_term(word)) }
            }
            Token::Opaque(kind, text) => self.opaque(kind, text)?,
            Token::BinaryCut(by, size, kept) => {
                let kept = binary(env, kept)?;
                self.truncated(Kind::Binary, by, Size::Exactly(size), Some(kept), None)?
            }
            Token::Gone(by, kind, size) => self.truncated(kind, by, size, None, None)?,
            Token::Masked(rule, _size, kept) => {
                let kept = binary(env, kept)?;
                self.redacted(rule, Kind::Binary, Some(kept))?
            }
            Token::Redacted(rule, kind) => self.redacted(rule, kind, None)?,
            _ => return Err(odd("a token out of place")),
        })
    }

    fn container(&self, open: Open, how: Close, mut inside: Vec<Term<'a>>) -> Result<Term<'a>> {
        let env = self.env;
        let cut = match how {
            Close::Cut(by, size) => Some((by, size)),
            _ => None,
        };
        let module = match open {
            Open::Struct(_) if !inside.is_empty() => Some(inside.remove(0)),
            _ => None,
        };
        let (kind, made) = match open {
            Open::List => {
                let end = match how {
                    Close::Improper => inside.pop(),
                    _ => None,
                };
                let end = end.unwrap_or_else(|| Vec::<Term<'a>>::new().encode(env));
                let made = inside
                    .into_iter()
                    .rev()
                    .fold(end, |tail, head| tail.list_prepend_any(head));
                (Kind::List, made)
            }
            Open::Tuple(_) => (
                Kind::Tuple,
                match cut {
                    None => make_tuple(env, &inside),
                    Some(_) => inside.encode(env),
                },
            ),
            Open::Map(_) => match map(env, &inside) {
                Some(made) => (Kind::Map, made),
                None => return self.pairs(Kind::Map, &inside, None),
            },
            Open::Struct(_) => {
                let Some(made) = map(env, &inside) else {
                    return self.pairs(Kind::Struct, &inside, module);
                };
                let made = match (&module, cut) {
                    (Some(module), None) => put(made, atoms::__struct__(), *module)?,
                    _ => made,
                };
                (Kind::Struct, made)
            }
        };
        match cut {
            None => Ok(made),
            Some((by, size)) => self.truncated(kind, by, size, Some(made), module),
        }
    }

    /// Nothing is made of an atom that the VM does not have: a saved one may have died with its code.
    fn atom(&self, atom: Atom) -> Result<Term<'a>> {
        match crate::terms::existing_atom(self.env, atom) {
            Some(term) => Ok(term),
            None => self.opaque(Kind::Atom, atom.text()),
        }
    }

    /// A map whose keys became equal when they were cut or withheld: all its pairs.
    fn pairs(&self, kind: Kind, inside: &[Term<'a>], module: Option<Term<'a>>) -> Result<Term<'a>> {
        let pairs: Vec<Term<'a>> = inside
            .chunks_exact(2)
            .map(|pair| make_tuple(self.env, pair))
            .collect();
        let size = Size::Exactly(pairs.len() as u64);
        let kept = pairs.encode(self.env);
        self.truncated(kind, By::Bytes, size, Some(kept), module)
    }

    fn truncated(
        &self,
        kind: Kind,
        by: By,
        size: Size,
        kept: Option<Term<'a>>,
        module: Option<Term<'a>>,
    ) -> Result<Term<'a>> {
        let env = self.env;
        let size = match size {
            Size::Unknown => atoms::nil().encode(env),
            Size::Exactly(size) => size.encode(env),
            Size::AtLeast(size) => (atoms::at_least(), size).encode(env),
        };
        self.structure(
            "Elixir.ElixirScope.Value.Truncated",
            &[
                (atoms::kind(), self.name(kind.name())?),
                (atoms::by(), self.name(by.name())?),
                (atoms::size(), size),
                (atoms::kept(), kept.encode(env)),
                (atoms::module(), module.encode(env)),
            ],
        )
    }

    fn redacted(&self, rule: u8, kind: Kind, kept: Option<Term<'a>>) -> Result<Term<'a>> {
        self.structure(
            "Elixir.ElixirScope.Value.Redacted",
            &[
                (atoms::kind(), self.name(kind.name())?),
                (atoms::by(), self.name(rule_name(rule))?),
                (atoms::kept(), kept.encode(self.env)),
            ],
        )
    }

    fn opaque(&self, kind: Kind, text: &str) -> Result<Term<'a>> {
        // A process of another VM of this release is written as there, as events name it.
        let word = text.strip_prefix("#PID<word ");
        let word = word.and_then(|rest| rest.strip_suffix('>')?.parse::<u64>().ok());
        let named = word.map(past_pid);
        let text = named.as_deref().unwrap_or(text);
        self.structure(
            "Elixir.ElixirScope.Value.Opaque",
            &[
                (atoms::kind(), self.name(kind.name())?),
                (atoms::text(), text.encode(self.env)),
            ],
        )
    }

    fn structure(&self, module: &str, fields: &[(rustler::Atom, Term<'a>)]) -> Result<Term<'a>> {
        let env = self.env;
        let made = Term::map_from_pairs(env, fields).map_err(|_| odd("a struct"))?;
        put(made, atoms::__struct__(), self.name(module)?)
    }

    fn name(&self, text: &str) -> Result<Term<'a>> {
        let atom = rustler::Atom::from_str(self.env, text).map_err(|_| odd("a name"))?;
        Ok(atom.encode(self.env))
    }

    /// The VM's own format; makes no atom, and no function.
    fn external(&self, bytes: &[u8]) -> Option<Term<'a>> {
        crate::terms::internal_term(self.env, bytes)
    }
}

/// `None` with one key twice.
fn map<'a>(env: Env<'a>, inside: &[Term<'a>]) -> Option<Term<'a>> {
    let keys: Vec<Term<'a>> = inside.iter().step_by(2).copied().collect();
    let values: Vec<Term<'a>> = inside.iter().skip(1).step_by(2).copied().collect();
    Term::map_from_term_arrays(env, &keys, &values).ok()
}

fn put<'a>(map: Term<'a>, key: rustler::Atom, value: Term<'a>) -> Result<Term<'a>> {
    map.map_put(key, value).map_err(|_| odd("a struct"))
}

fn binary<'a>(env: Env<'a>, bytes: &[u8]) -> Result<Term<'a>> {
    let mut binary = rustler::NewBinary::new(env, bytes.len());
    binary.as_mut_slice().copy_from_slice(bytes);
    Ok(binary.into())
}

fn odd(detail: &str) -> Error {
    Error::Corrupt {
        detail: format!("a captured value: {detail}"),
    }
}

/// Lists that end in anything.
trait Cons<'a> {
    fn list_prepend_any(self, head: Term<'a>) -> Term<'a>;
}

impl<'a> Cons<'a> for Term<'a> {
    fn list_prepend_any(self, head: Term<'a>) -> Term<'a> {
        let env = self.get_env();
        // SAFETY: both terms are of this environment.
        unsafe {
            let cell =
                rustler::sys::enif_make_list_cell(env.as_c_arg(), head.as_c_arg(), self.as_c_arg());
            Term::new(env, cell)
        }
    }
}
