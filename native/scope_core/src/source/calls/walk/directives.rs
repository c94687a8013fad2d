//! What changes the meaning of what follows: definitions, `alias`, `import`, `use`, `quote`, attributes.

use crate::ast::{Kind, NodeIx};
use crate::atoms::Atom;
use crate::source::aliases::{end_of_scope, is, keyword, multi};
use crate::source::head::head_call;
use crate::source::words::{Word, atom};

use super::super::{Form, LOCAL};
use super::{NAMES, Walk, module_ref};

impl Walk<'_> {
    pub(super) fn definition_of_module(&mut self, ix: NodeIx) {
        let Some(&number) = self.module_at.get(&ix.0) else {
            return;
        };
        let module = &self.unit.modules[number as usize];
        if let Some(written) = self.ast.child(ix, 0)
            && !is(self.ast, ix, Word::Defimpl)
        {
            let (current, first) = (self.current(ix), self.first_segment(written));
            if let (Some(outer), Some(first)) = (current, first) {
                let end = end_of_scope(self.ast, ix);
                self.aliases.add(first, outer.concat(first.text()), end);
            }
            if self.is_alias(written) {
                if !module.dynamic {
                    self.calls.modules.push((written.0, module.name));
                }
                self.take(written);
            }
        }
        let last = self.ast.children(ix).last();
        if let Some(body) = last.and_then(|last| keyword(self.ast, last, Word::Do)) {
            self.enclosing.push((body.0, self.ast.end(body), number));
        }
    }

    /// Of a module's name as written in another module: `Elixir.A` makes no alias, nor does `__MODULE__.A`.
    fn first_segment(&self, written: NodeIx) -> Option<Atom> {
        if self.ast.kind(written) != Kind::Call || !is(self.ast, written, Word::Aliases) {
            return None;
        }
        let first = self.ast.atom_of(self.ast.child(written, 0)?, Kind::Atom)?;
        (first != atom(Word::Elixir)).then_some(first)
    }

    pub(super) fn definition(&mut self, ix: NodeIx) {
        let Some(first) = self.ast.child(ix, 0) else {
            return;
        };
        if is(self.ast, ix, Word::Defdelegate) {
            return self.delegate(ix, first);
        }
        if let Some(head) = head_call(self.ast, ix) {
            self.take(head);
        }
    }

    /// `alias`, `require`: what they name is resolved before they take effect.
    pub(super) fn directive(&mut self, ix: NodeIx) -> u32 {
        let current = self.current(ix);
        let mut args = self.ast.children(ix);
        let (Some(target), options) = (args.next(), args.next()) else {
            return ix.0 + 1;
        };
        let named = self.members(target);
        self.calls.modules.extend(named);
        self.aliases.directive(self.ast, ix, current);
        let renamed = options.and_then(|options| keyword(self.ast, options, Word::As));
        if let Some(renamed) = renamed {
            self.remember(renamed);
        }
        self.ast.end(ix)
    }

    /// The alias nodes that a directive names, with their modules: one, or those of `A.{B, C}`.
    pub(super) fn members(&self, target: NodeIx) -> Vec<(u32, Atom)> {
        let Some((base, members)) = multi(self.ast, target) else {
            let module = self.module_of(target);
            return module
                .map(|module| (target.0, module))
                .into_iter()
                .collect();
        };
        let base = self.aliases.resolve(self.ast, base, self.current(target));
        let member = |member: NodeIx| {
            let segments = self.ast.children(member);
            let texts = segments.filter_map(|one| self.ast.atom_of(one, Kind::Atom));
            let name = texts.fold(base, |name, text| name.concat(text.text()));
            (!name.dynamic).then_some((member.0, name.atom))
        };
        members.filter_map(member).collect()
    }

    pub(super) fn import(&mut self, ix: NodeIx) -> u32 {
        let mut args = self.ast.children(ix);
        let (Some(target), options) = (args.next(), args.next()) else {
            return ix.0 + 1;
        };
        let end = end_of_scope(self.ast, ix);
        let named = self.members(target);
        for &(_, module) in &named {
            self.imports.add(self.ast, module, options, end);
        }
        self.calls.modules.extend(named);
        self.ast.end(ix)
    }

    pub(super) fn use_directive(&mut self, ix: NodeIx) {
        let Some(target) = self.ast.child(ix, 0) else {
            return;
        };
        let named = self.members(target);
        if let [(_, module)] = named[..] {
            self.push(ix, module_ref(Some(module)), NAMES.using, 1, Form::Use, 0);
            return;
        }
        for (node, module) in named {
            let member = NodeIx(node);
            self.take(member);
            self.calls.modules.push((node, module));
            self.push(
                member,
                module_ref(Some(module)),
                NAMES.using,
                1,
                Form::Use,
                0,
            );
        }
    }

    pub(super) fn quote(&mut self, ix: NodeIx) {
        let last = self.ast.children(ix).last();
        if let Some(body) = last.and_then(|last| keyword(self.ast, last, Word::Do)) {
            self.quotes.push((body.0, self.ast.end(body), true));
        }
    }

    pub(super) fn unquote(&mut self, ix: NodeIx) {
        if self.quoted(ix) {
            self.quotes.push((ix.0 + 1, self.ast.end(ix), false));
        }
    }

    /// `@name value`: the name is no call; specifications and types hold none at all.
    pub(super) fn attribute(&mut self, ix: NodeIx) {
        let Some(inner) = self.ast.child(ix, 0) else {
            return;
        };
        let Some(name) = self.ast.atom_of(inner, Kind::Call) else {
            return;
        };
        self.take(inner);
        if NAMES.types.contains(&name) {
            self.types_end = self.types_end.max(self.ast.end(ix));
        }
        let hook = NAMES.hooks.iter().find(|hook| hook.0 == name);
        let value = self.ast.child(inner, 0);
        if let Some((&(_, called, arity), value)) = hook.zip(value)
            && let Some(module) = self.module_of(value)
            && self.is_alias(value)
        {
            self.push(ix, module_ref(Some(module)), called, arity, Form::Use, 0);
        }
    }

    /// In `<<x::size(n)-binary>>`, what stands behind `::` describes a segment.
    pub(super) fn bitstring(&mut self, ix: NodeIx) {
        let names = &*NAMES;
        let segments = self.ast.children(ix);
        let annotated =
            segments.filter(|&one| self.ast.atom_of(one, Kind::Call) == Some(names.annotation));
        let mut open: Vec<NodeIx> = annotated.filter_map(|one| self.ast.child(one, 1)).collect();
        while let Some(one) = open.pop() {
            let Some(name) = self.ast.atom_of(one, Kind::Call) else {
                continue;
            };
            self.take(one);
            if name == names.minus || name == names.times {
                open.extend(self.ast.children(one));
            }
        }
    }

    pub(super) fn super_call(&mut self, ix: NodeIx) {
        let piped = self.is_piped(ix);
        let arity = self.ast.children(ix).count() as u32 + u32::from(piped);
        let clause = self.unit.clause_of(ix);
        let function = clause.map(|clause| self.unit.clauses[clause as usize].function);
        let name = function.map_or(NAMES.super_call, |function| {
            self.unit.functions[function as usize].name
        });
        self.push(ix, LOCAL, name, arity, Form::Super, 0);
    }
}
