//! Calls that do not look like calls: captures, `apply`, delegates, struct literals, and functions named to others.

use crate::ast::{Kind, NodeIx};
use crate::atoms::Atom;
use crate::source::aliases::keyword;
use crate::source::head::head_call;
use crate::source::words::{Word, atom};

use super::super::{ANY_ARITY, DYNAMIC_NAME, Form};
use super::{NAMES, Walk, module_ref};

impl Walk<'_> {
    /// `&f/1`, `&Mod.f/1`. What `&(f(&1))` holds are calls like others.
    pub(super) fn capture(&mut self, ix: NodeIx) {
        let ast = self.ast;
        let slash = ast
            .child(ix, 0)
            .filter(|&one| ast.atom_of(one, Kind::Call) == Some(atom(Word::Slash)));
        let Some(slash) = slash else {
            return;
        };
        let Some((named, arity)) = ast.child(slash, 0).zip(ast.child(slash, 1)) else {
            return;
        };
        let Some(arity) = ast.int(arity).and_then(|arity| u32::try_from(arity).ok()) else {
            return;
        };
        match ast.kind(named) {
            Kind::Var | Kind::VarIn => {
                if let Some(name) = ast.atom(named) {
                    self.take(slash);
                    self.unqualified(ix, name, arity, Form::Capture);
                }
            }
            Kind::Call if ast.child(named, 0).is_none() => {
                if let Some(name) = ast.atom(named) {
                    self.take(slash);
                    self.take(named);
                    self.unqualified(ix, name, arity, Form::Capture);
                }
            }
            Kind::CallExpr if ast.child(named, 1).is_none() => {
                let dot = NodeIx(named.0 + 1);
                let parts = ast.child(dot, 0).zip(ast.child(dot, 1));
                let Some((target, called)) =
                    parts.filter(|_| ast.atom_of(dot, Kind::Call) == Some(atom(Word::Dot)))
                else {
                    return;
                };
                self.take(slash);
                self.take(named);
                let module = module_ref(self.module_of(target));
                match ast.atom_of(called, Kind::Atom) {
                    Some(name) => self.push(ix, module, name, arity, Form::Capture, 0),
                    None => {
                        let name = crate::source::aliases::computed(ast, called).atom;
                        self.push(ix, module, name, arity, Form::Capture, DYNAMIC_NAME);
                    }
                }
            }
            _ => {}
        }
    }

    /// `apply(fun, args)` and `apply(Mod, :f, args)`; the first `skip` children are no arguments. False when it is
    /// neither.
    pub(super) fn applied(&mut self, ix: NodeIx, piped: bool, skip: usize) -> bool {
        let ast = self.ast;
        let left = ast
            .parent(ix)
            .filter(|_| piped)
            .and_then(|pipe| ast.child(pipe, 0));
        let written = ast.children(ix).skip(skip);
        let args: Vec<NodeIx> = left.into_iter().chain(written).collect();
        let arity = |list: NodeIx| match ast.kind(list) {
            Kind::List => ast.children(list).count() as u32,
            _ => ANY_ARITY,
        };
        match args[..] {
            [_, list] => {
                let arity = arity(list);
                self.push(ix, module_ref(None), atom(Word::Dot), arity, Form::Apply, 0);
            }
            [module, called, list] => {
                let module = module_ref(self.module_of(module));
                let arity = arity(list);
                match ast.atom_of(called, Kind::Atom) {
                    Some(name) => self.push(ix, module, name, arity, Form::Apply, 0),
                    None => {
                        let name = crate::source::aliases::computed(ast, called).atom;
                        self.push(ix, module, name, arity, Form::Apply, DYNAMIC_NAME);
                    }
                }
            }
            _ => return false,
        }
        true
    }

    /// Where `{Mod, :f, [x]}` stands, or three arguments like it, somebody may call `Mod.f/1`.
    pub(super) fn mfas(&mut self, ix: NodeIx) {
        let ast = self.ast;
        let (mut before, mut last): (Option<NodeIx>, Option<NodeIx>) = (None, None);
        for arg in ast.children(ix) {
            if let (Some(module), Some(called)) = (before, last)
                && ast.kind(arg) == Kind::List
                && self.is_alias(module)
                && let Some(name) = ast.atom_of(called, Kind::Atom)
                && let Some(module) = self.module_of(module)
            {
                let arity = ast.children(arg).count() as u32;
                self.push(called, module_ref(Some(module)), name, arity, Form::Mfa, 0);
            }
            (before, last) = (last, Some(arg));
        }
    }

    /// `%Mod{}`, in patterns too.
    pub(super) fn structure(&mut self, ix: NodeIx) {
        let named = self
            .ast
            .child(ix, 0)
            .filter(|&named| self.is_alias(named) || self.ast.kind(named) == Kind::Atom);
        if let Some(module) = named.and_then(|named| self.module_of(named)) {
            let name = NAMES.new_struct;
            self.push(ix, module_ref(Some(module)), name, 0, Form::Struct, 0);
        }
    }

    /// `defdelegate f(x), to: Mod, as: :g`, and a list of heads.
    pub(super) fn delegate(&mut self, ix: NodeIx, first: NodeIx) {
        let ast = self.ast;
        let heads: Vec<(NodeIx, NodeIx)> = match ast.kind(first) {
            Kind::List => ast.children(first).map(|head| (head, head)).collect(),
            _ => vec![(ix, first)],
        };
        let options: Vec<NodeIx> = ast.children(ix).skip(1).collect();
        let target = options.iter().find_map(|&list| self.value(list, NAMES.to));
        let renamed = options
            .iter()
            .find_map(|&list| keyword(ast, list, Word::As))
            .and_then(|renamed| ast.atom_of(renamed, Kind::Atom));
        let module = target.and_then(|target| self.module_of(target));
        for (node, head) in heads {
            let Some(head) = head_call(ast, head) else {
                continue;
            };
            let name = match ast.kind(head) {
                Kind::Call | Kind::Var | Kind::VarIn => ast.atom(head),
                _ => None,
            };
            let arity = match ast.kind(head) {
                Kind::Call => ast.children(head).count() as u32,
                _ => 0,
            };
            self.take(head);
            if let (Some(name), Some(_)) = (renamed.or(name), target) {
                self.push(node, module_ref(module), name, arity, Form::Delegate, 0);
            }
        }
    }

    fn value(&self, list: NodeIx, key: Atom) -> Option<NodeIx> {
        let ast = self.ast;
        if ast.kind(list) != Kind::List {
            return None;
        }
        let mut pairs = ast.children(list);
        let pair = pairs.find(|&pair| ast.atom_of(pair, Kind::Pair) == Some(key))?;
        ast.child(pair, 0)
    }
}
