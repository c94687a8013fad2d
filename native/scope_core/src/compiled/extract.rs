//! The calls of expanded definitions: `[{{name, arity}, kind, meta, [{meta, args, guards, body}]}]`.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::ast::{Ast, Kind, NodeIx};
use crate::atoms::{Atom, intern};
use crate::error::{Error, Result};
use crate::source::calls::{ANY_ARITY, Form, is_form};

use super::{BODY, Compiled, CompiledCall, CompiledFunction, Target, Told};

struct Names {
    dot: Atom,
    capture: Atom,
    slash: Atom,
    percent: Atom,
    bitstring: Atom,
    annotation: Atom,
    minus: Atom,
    times: Atom,
    super_call: Atom,
    apply: Atom,
    erlang: Atom,
    kernel: Atom,
    new_struct: Atom,
    no_parens: Atom,
    kinds: [(Atom, bool, bool); 4],
}

static NAMES: LazyLock<Names> = LazyLock::new(|| Names {
    dot: intern("."),
    capture: intern("&"),
    slash: intern("/"),
    percent: intern("%"),
    bitstring: intern("<<>>"),
    annotation: intern("::"),
    minus: intern("-"),
    times: intern("*"),
    super_call: intern("super"),
    apply: intern("apply"),
    erlang: intern("erlang"),
    kernel: intern("Elixir.Kernel"),
    new_struct: intern("__struct__"),
    no_parens: intern("no_parens"),
    kinds: [
        ("def", true, false),
        ("defp", false, false),
        ("defmacro", true, true),
        ("defmacrop", false, true),
    ]
    .map(|(kind, public, is_macro)| (intern(kind), public, is_macro)),
});

struct Walk<'a> {
    ast: &'a Ast,
    module: Atom,
    caller: u32,
    functions: Vec<CompiledFunction>,
    targets: Vec<Target>,
    numbers: HashMap<Target, u32, ahash::RandomState>,
    calls: Vec<CompiledCall>,
    /// Entries ahead that are part of something else.
    taken: Vec<u32>,
}

/// Adds functions, targets and calls to what is known of a module.
///
/// Errors: `Invalid` when these are no definitions.
pub fn extract(definitions: &Ast, told: Told) -> Result<Compiled> {
    let (mut known, callers) = (told.compiled, told.callers);
    let mut walk = Walk {
        ast: definitions,
        module: known.module,
        caller: 0,
        functions: Vec::new(),
        numbers: known.targets.iter().copied().zip(0..).collect(),
        targets: std::mem::take(&mut known.targets).into_vec(),
        calls: Vec::new(),
        taken: Vec::new(),
    };
    let root = definitions.root();
    if definitions.kind(root) != Kind::List {
        return Err(invalid("they are no list"));
    }
    let all: Vec<NodeIx> = definitions.children(root).collect();
    for &definition in &all {
        let function = walk
            .function(definition)
            .ok_or_else(|| invalid("one is no {{name, arity}, kind, meta, clauses}"))?;
        walk.functions.push(function);
    }
    for (number, &definition) in all.iter().enumerate() {
        walk.caller = number as u32;
        walk.clauses(definition);
    }
    // What the compiler noted names its callers; they have numbers now.
    let by_name: HashMap<(Atom, u32), u32, ahash::RandomState> = walk
        .functions
        .iter()
        .zip(0u32..)
        .map(|(one, number)| ((one.name, one.arity), number))
        .collect();
    let noted = known.calls.iter().zip(&callers);
    walk.calls.extend(noted.map(|(call, caller)| {
        CompiledCall {
            caller: caller
                .and_then(|caller| by_name.get(&caller).copied())
                .unwrap_or(BODY),
            ..*call
        }
    }));
    walk.calls
        .sort_by_key(|call| (call.caller, call.line, call.column));
    known.functions = walk.functions.into();
    known.targets = walk.targets.into();
    known.calls = walk.calls.into();
    Ok(known)
}

fn invalid(detail: &str) -> Error {
    Error::Invalid {
        what: "definitions of a compiled module",
        detail: detail.to_string(),
    }
}

impl Walk<'_> {
    fn function(&self, definition: NodeIx) -> Option<CompiledFunction> {
        let ast = self.ast;
        let mut parts = ast.children(definition);
        let (name, kind, meta) = (parts.next()?, parts.next()?, parts.next()?);
        let kind = ast.atom_of(kind, Kind::Atom)?;
        let &(_, public, is_macro) = NAMES.kinds.iter().find(|one| one.0 == kind)?;
        let line = ast.children(meta).find_map(|pair| {
            let key = ast.atom_of(pair, Kind::Pair)?;
            (key.text() == "line").then(|| ast.int(ast.child(pair, 0)?))?
        });
        Some(CompiledFunction {
            name: ast.atom_of(name, Kind::Pair)?,
            arity: u32::try_from(ast.int(ast.child(name, 0)?)?).ok()?,
            public,
            is_macro,
            line: line.and_then(|line| u32::try_from(line).ok()).unwrap_or(0),
        })
    }

    fn clauses(&mut self, definition: NodeIx) {
        let Some(clauses) = self.ast.child(definition, 3) else {
            return;
        };
        let clauses: Vec<NodeIx> = self.ast.children(clauses).collect();
        for clause in clauses {
            // Arguments, guards, body; the first is metadata.
            let parts: Vec<NodeIx> = self.ast.children(clause).skip(1).collect();
            for part in parts {
                self.code(part);
            }
        }
    }

    fn code(&mut self, part: NodeIx) {
        let (mut at, end) = (part.0, self.ast.end(part));
        while at < end {
            let ix = NodeIx(at);
            at += 1;
            let kind = self.ast.kind(ix);
            if !matches!(kind, Kind::Call | Kind::CallExpr) {
                continue;
            }
            if let Some(place) = self.taken.iter().rposition(|&one| one == ix.0) {
                self.taken.swap_remove(place);
                continue;
            }
            match kind {
                Kind::Call => self.call(ix),
                _ => self.call_expr(ix),
            }
        }
    }

    fn call(&mut self, ix: NodeIx) {
        let ast = self.ast;
        let Some(name) = ast.atom(ix) else {
            return;
        };
        let names = &*NAMES;
        let arity = ast.children(ix).count() as u32;
        if name == names.capture {
            self.capture(ix);
        } else if name == names.percent {
            let named = ast.child(ix, 0);
            if let Some(module) = named.and_then(|named| ast.atom_of(named, Kind::Atom)) {
                self.push(ix, Some(module), Some(names.new_struct), 0, Form::Struct);
            }
        } else if name == names.bitstring {
            self.bitstring(ix);
        } else if name == names.super_call {
            self.super_call(ix, arity);
        } else if !is_form(name) {
            self.push(ix, Some(self.module), Some(name), arity, Form::Plain);
        }
        self.mfas(ix);
    }

    fn call_expr(&mut self, ix: NodeIx) {
        let ast = self.ast;
        let form = NodeIx(ix.0 + 1);
        let arity = ast.children(ix).count() as u32 - 1;
        if ast.atom_of(form, Kind::Call) != Some(NAMES.dot) {
            return;
        }
        let mut parts = ast.children(form);
        let (Some(target), called) = (parts.next(), parts.next()) else {
            return;
        };
        let Some(called) = called else {
            return self.push(ix, None, None, arity, Form::Anonymous);
        };
        let module = ast.atom_of(target, Kind::Atom);
        let Some(name) = ast.atom_of(called, Kind::Atom) else {
            return;
        };
        let names = &*NAMES;
        let applies =
            name == names.apply && (module == Some(names.erlang) || module == Some(names.kernel));
        if applies && self.applied(ix) {
            return;
        }
        let field = module.is_none() && arity == 0 && ast.has_meta_key(ix, names.no_parens);
        let written = if field { Form::Field } else { Form::Plain };
        self.push(ix, module, Some(name), arity, written);
        self.mfas(ix);
    }

    /// `&Mod.f/1`, `&f/1`.
    fn capture(&mut self, ix: NodeIx) {
        let ast = self.ast;
        let slash = ast
            .child(ix, 0)
            .filter(|&one| ast.atom_of(one, Kind::Call) == Some(NAMES.slash));
        let Some((slash, named, arity)) =
            slash.and_then(|slash| Some((slash, ast.child(slash, 0)?, ast.child(slash, 1)?)))
        else {
            return;
        };
        let Some(arity) = ast.int(arity).and_then(|arity| u32::try_from(arity).ok()) else {
            return;
        };
        self.taken.push(slash.0);
        match ast.kind(named) {
            Kind::CallExpr => {
                self.taken.push(named.0);
                let dot = NodeIx(named.0 + 1);
                let module = ast.child(dot, 0);
                let module = module.and_then(|module| ast.atom_of(module, Kind::Atom));
                let name = ast.child(dot, 1);
                let name = name.and_then(|name| ast.atom_of(name, Kind::Atom));
                self.push(ix, module, name, arity, Form::Capture);
            }
            Kind::Call | Kind::Var | Kind::VarIn => {
                if ast.kind(named) == Kind::Call {
                    self.taken.push(named.0);
                }
                let name = ast.atom(named);
                self.push(ix, Some(self.module), name, arity, Form::Capture);
            }
            _ => {}
        }
    }

    fn bitstring(&mut self, ix: NodeIx) {
        let (ast, names) = (self.ast, &*NAMES);
        let annotated = ast
            .children(ix)
            .filter(|&one| ast.atom_of(one, Kind::Call) == Some(names.annotation));
        let mut open: Vec<NodeIx> = annotated.filter_map(|one| ast.child(one, 1)).collect();
        while let Some(one) = open.pop() {
            let Some(name) = ast.atom_of(one, Kind::Call) else {
                continue;
            };
            self.taken.push(one.0);
            if name == names.minus || name == names.times {
                open.extend(ast.children(one));
            }
        }
    }

    /// What was overridden is kept as a private function of another name.
    fn super_call(&mut self, ix: NodeIx, arity: u32) {
        let own = self.functions[self.caller as usize].name.text();
        let own = own.split(" (overridable ").next().unwrap_or(own);
        let prefix = format!("{own} (overridable ");
        let overridden = self
            .functions
            .iter()
            .filter(|one| one.arity == arity && one.name.text().starts_with(&prefix));
        let names: Vec<Atom> = overridden.map(|one| one.name).collect();
        for name in names {
            self.push(ix, Some(self.module), Some(name), arity, Form::Super);
        }
    }

    fn applied(&mut self, ix: NodeIx) -> bool {
        let ast = self.ast;
        let args: Vec<NodeIx> = ast.children(ix).skip(1).collect();
        let arity = |list: NodeIx| match ast.kind(list) {
            Kind::List => ast.children(list).count() as u32,
            _ => ANY_ARITY,
        };
        match args[..] {
            [_, list] => self.push(ix, None, None, arity(list), Form::Apply),
            [module, name, list] => {
                let module = ast.atom_of(module, Kind::Atom);
                let name = ast.atom_of(name, Kind::Atom);
                self.push(ix, module, name, arity(list), Form::Apply);
            }
            _ => return false,
        }
        true
    }

    /// `{Mod, :f, [x]}`, and three arguments like it.
    fn mfas(&mut self, ix: NodeIx) {
        let ast = self.ast;
        let (mut before, mut last): (Option<Atom>, Option<Atom>) = (None, None);
        for arg in ast.children(ix) {
            if let (Some(module), Some(name)) = (before, last)
                && ast.kind(arg) == Kind::List
                && module.text().starts_with("Elixir.")
            {
                let arity = ast.children(arg).count() as u32;
                self.push(ix, Some(module), Some(name), arity, Form::Mfa);
            }
            (before, last) = (last, ast.atom_of(arg, Kind::Atom));
        }
    }

    fn push(
        &mut self,
        ix: NodeIx,
        module: Option<Atom>,
        name: Option<Atom>,
        arity: u32,
        form: Form,
    ) {
        let target = Target {
            module,
            name,
            arity,
            is_macro: false,
        };
        let next = self.targets.len() as u32;
        let number = *self.numbers.entry(target).or_insert(next);
        if number == next {
            self.targets.push(target);
        }
        let (line, column) = self.ast.position(ix);
        self.calls.push(CompiledCall {
            caller: self.caller,
            target: number,
            line: line.unwrap_or(0),
            column: column.unwrap_or(0),
            form,
        });
    }
}
