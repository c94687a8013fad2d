//! Calls: known functions, functions of the project, pipes.

use crate::ast::{Kind, NodeIx};
use crate::atoms::{Atom, intern};
use crate::otp::fit::Fit;
use crate::otp::shape::{Shape, Site, Type};
use crate::otp::syntax::{arguments, called, definition, dotted, is_call, option, without_default};
use crate::source::{FunctionKind, ModuleRef};

use super::control::either;
use super::{CALLS_MAX, Eval, Frame};

/// Entries of a function that is followed for its value only, while messages are collected: names and topics are made
/// by small functions.
const HELPER_ENTRIES_MAX: u32 = 120;
const HELPERS_MAX: usize = 2;

/// An argument of a call.
pub(super) struct Argument {
    pub(super) node: Option<NodeIx>,
    pub(super) shape: Shape,
    /// A function written as argument: whoever knows what is done with it evaluates it.
    pub(super) function: Option<NodeIx>,
}

impl Argument {
    pub(super) fn site(&self, frame: &Frame) -> Option<Site> {
        self.node.map(|node| Site {
            unit: frame.unit,
            node,
        })
    }
}

/// What a known function gives.
pub(super) enum Known {
    Value(Shape),
    /// Its functions among the arguments were evaluated.
    Done(Shape),
    No,
}

enum Callee {
    Module(Atom),
    Local,
    Unknown,
}

impl Eval<'_> {
    pub(super) fn pipe(&mut self, frame: &mut Frame, ix: NodeIx) -> Shape {
        let ast = self.ast(frame);
        // The links of a chain nest to the left, as deep as it is long: from the innermost on.
        let mut links = Vec::new();
        let mut first = ix;
        while is_call(ast, first, "|>") {
            let (Some(left), Some(right)) = (ast.child(first, 0), ast.child(first, 1)) else {
                return Shape::Any;
            };
            links.push(right);
            first = left;
        }
        let mut value = self.eval(frame, first);
        let mut from = first;
        for link in links.into_iter().rev() {
            let call = matches!(ast.kind(link), Kind::Call | Kind::CallExpr)
                || matches!(ast.kind(link), Kind::Var | Kind::VarIn);
            value = match call {
                true => self.call(frame, link, Some((from, value))),
                false => Shape::Any,
            };
            from = link;
        }
        value
    }

    pub(super) fn call(
        &mut self,
        frame: &mut Frame,
        ix: NodeIx,
        piped: Option<(NodeIx, Shape)>,
    ) -> Shape {
        let ast = self.ast(frame);
        let (callee, name) = match ast.kind(ix) {
            Kind::CallExpr => match dotted(ast, ix) {
                Some((left, name)) => {
                    let bare = piped.is_none() && arguments(ast, ix).next().is_none();
                    let left = match ast.atom_of(left, Kind::Atom) {
                        Some(module) => Shape::Atom(module),
                        None => self.eval(frame, left),
                    };
                    match left {
                        Shape::Atom(module) => (Callee::Module(module), name),
                        data if bare => return data.get(name.text()).unwrap_or(Shape::Any),
                        _ => (Callee::Unknown, name),
                    }
                }
                None => {
                    // `f.(x)`: nothing is known of `f`.
                    if let Some(form) = ast.child(ix, 0)
                        && is_call(ast, form, ".")
                    {
                        self.each(frame, form);
                    }
                    (Callee::Unknown, intern("nil"))
                }
            },
            _ => {
                let Some(name) = ast.atom(ix) else {
                    return Shape::Any;
                };
                (self.callee_of_name(frame, ix), name)
            }
        };
        let mut args: Vec<Argument> = Vec::new();
        if let Some((node, shape)) = piped {
            args.push(Argument {
                node: Some(node),
                shape,
                function: None,
            });
        }
        for node in arguments(ast, ix) {
            args.push(self.argument(frame, node));
        }
        let known = match callee {
            Callee::Module(module) if Some(module) == self.module_name(frame) => {
                self.local(frame, ix, module, name, &args)
            }
            Callee::Module(module) => self.remote(frame, ix, module, name, &args),
            Callee::Local => match self.module_name(frame) {
                Some(module) => self.local(frame, ix, module, name, &args),
                None => self.kernel(frame, ix, name.text(), &args),
            },
            Callee::Unknown => Known::No,
        };
        let value = match known {
            Known::Done(value) => return value,
            Known::Value(value) => value,
            Known::No => Shape::Any,
        };
        for function in args.iter().filter_map(|one| one.function) {
            self.scoped(frame, |eval, frame| eval.function(frame, function, &[]));
        }
        value
    }

    fn argument(&mut self, frame: &mut Frame, node: NodeIx) -> Argument {
        let ast = self.ast(frame);
        let is_place = |node| {
            ast.child(node, 0)
                .is_some_and(|at| ast.kind(at) == Kind::Int)
        };
        let function = match called(ast, node) {
            Some("fn") => Some(node),
            Some("&") if !is_place(node) => Some(node),
            _ => None,
        };
        let shape = match function {
            Some(_) => Shape::Of(Type::Function),
            None => self.eval(frame, node),
        };
        Argument {
            node: Some(node),
            shape,
            function,
        }
    }

    fn callee_of_name(&self, frame: &Frame, ix: NodeIx) -> Callee {
        let unit = self.unit(frame);
        let Some(site) = unit.callee(ix) else {
            return Callee::Local;
        };
        match site.callee.module {
            ModuleRef::Known(module) => Callee::Module(module),
            ModuleRef::Local => Callee::Local,
            ModuleRef::Imported(candidates) => {
                let (name, arity) = (site.callee.name, site.callee.arity);
                let found = candidates
                    .iter()
                    .find(|&&module| self.project.function(module, name, arity).is_some());
                found.map_or(Callee::Local, |&module| Callee::Module(module))
            }
            ModuleRef::Dynamic => Callee::Unknown,
        }
    }

    /// `&f/1`, `&Mod.f/1`: the body of a capture, with these arguments.
    pub(super) fn captured(&mut self, frame: &mut Frame, slash: NodeIx, values: &[Shape]) -> Shape {
        let ast = self.ast(frame);
        let (Some(target), Some(arity)) = (ast.child(slash, 0), ast.child(slash, 1)) else {
            return Shape::Any;
        };
        if ast.int(arity) != Some(values.len() as i64) {
            return Shape::Any;
        }
        let (module, name) = match dotted(ast, target) {
            Some((left, name)) => {
                let module = ast.atom_of(left, Kind::Atom);
                (module.or_else(|| self.unit(frame).module_named(left)), name)
            }
            None => match ast.atom(target) {
                Some(name) => (self.module_name(frame), name),
                None => return Shape::Any,
            },
        };
        let args: Vec<Argument> = values
            .iter()
            .map(|value| Argument {
                node: None,
                shape: value.clone(),
                function: None,
            })
            .collect();
        let Some(module) = module else {
            return Shape::Any;
        };
        let known = match Some(module) == self.module_name(frame) {
            true => self.local(frame, slash, module, name, &args),
            false => self.remote(frame, slash, module, name, &args),
        };
        match known {
            Known::Value(value) | Known::Done(value) => value,
            Known::No => Shape::Any,
        }
    }

    /// A function of the module itself; of `Kernel` when the module has none of that name.
    fn local(
        &mut self,
        frame: &mut Frame,
        ix: NodeIx,
        module: Atom,
        name: Atom,
        args: &[Argument],
    ) -> Known {
        let own = frame.module.and_then(|_| {
            let unit = self.unit(frame);
            let found = unit.find_function(module, name, args.len() as u32)?;
            Some((frame.unit, found))
        });
        match own {
            Some((unit, function)) => Known::Value(self.follow(frame, ix, unit, function, args)),
            None if name.text() == "super" && self.is_super_of(frame, ix, "child_spec") => {
                let argument = args.first().map_or(Shape::Any, |one| one.shape.clone());
                Known::Value(self.inherited_spec(module, argument))
            }
            None if matches!(name.text(), "start_link" | "start" | "child_spec") => {
                self.remote(frame, ix, module, name, args)
            }
            None => self.kernel(frame, ix, name.text(), args),
        }
    }

    fn is_super_of(&self, frame: &Frame, ix: NodeIx, name: &str) -> bool {
        let site = self.unit(frame).callee(ix);
        site.is_some_and(|site| site.callee.name.text() == name)
    }

    fn remote(
        &mut self,
        frame: &mut Frame,
        ix: NodeIx,
        module: Atom,
        name: Atom,
        args: &[Argument],
    ) -> Known {
        let (module_text, function) = (module.text(), name.text());
        let known = match module_text {
            "Elixir.Kernel" => self.kernel(frame, ix, function, args),
            "Elixir.Enum" | "Elixir.List" | "Elixir.Stream" | "lists" => {
                match self.list_function(frame, function, args) {
                    Some(value) => Known::Done(value),
                    None => Known::No,
                }
            }
            "Elixir.Keyword" | "Elixir.Map" | "Elixir.Access" => {
                match self.data_function(module_text, function, args) {
                    Some(value) => Known::Value(value),
                    None => Known::No,
                }
            }
            "Elixir.Module" if matches!(function, "concat" | "safe_concat") => {
                Known::Value(concatenated_module(args))
            }
            _ => self.process_function(frame, ix, module_text, function, args),
        };
        if !matches!(known, Known::No) {
            return known;
        }
        let followed = self.project.function(module, name, args.len() as u32);
        match followed {
            Some((unit, function)) => Known::Value(self.follow(frame, ix, unit, function, args)),
            None => match self.start_by_convention(module, function, args) {
                Some(value) => Known::Value(value),
                None => Known::No,
            },
        }
    }

    /// What a function of the project gives for these arguments.
    fn follow(
        &mut self,
        frame: &mut Frame,
        ix: NodeIx,
        unit: u32,
        function: u32,
        args: &[Argument],
    ) -> Shape {
        let source = self.project.unit(unit);
        let definition = &source.functions()[function as usize];
        let inlined = unit == frame.unit && self.inline.contains(&function);
        if self.following.len() >= CALLS_MAX
            || self.following.contains(&(unit, function))
            || definition.kind.is_macro()
        {
            return Shape::Any;
        }
        let clauses = definition.clauses.clone();
        if self.sends.is_some() && !inlined {
            let entries = clauses
                .clone()
                .map(|clause| source.ast().size(source.clauses()[clause as usize].node));
            if self.following.len() >= HELPERS_MAX || entries.sum::<u32>() > HELPER_ENTRIES_MAX {
                return Shape::Any;
            }
        }
        let values: Vec<Shape> = args.iter().map(|one| one.shape.clone()).collect();
        if definition.kind == FunctionKind::Defdelegate {
            return self.delegated(unit, function, &values);
        }
        self.following.push((unit, function));
        let own = frame.own;
        let value = if inlined {
            let outer = self.through;
            self.through = Some(outer.unwrap_or(ix));
            let value = self.clauses(unit, clauses, &values, own);
            self.through = outer;
            value
        } else {
            self.quietly(|eval| eval.clauses(unit, clauses, &values, own))
        };
        self.following.pop();
        value
    }

    fn clauses(
        &mut self,
        unit: u32,
        clauses: std::ops::Range<u32>,
        values: &[Shape],
        own: bool,
    ) -> Shape {
        let source = self.project.unit(unit);
        let ast = source.ast();
        let mut result: Option<Shape> = None;
        for clause in clauses {
            let written = &source.clauses()[clause as usize];
            let Some(parts) = definition(ast, written.node) else {
                continue;
            };
            if written.bodiless {
                continue;
            }
            let frame = Frame {
                unit,
                module: Some(source.functions()[written.function as usize].module),
                env: Vec::new(),
                own,
            };
            let mut fit = Fit::Must;
            if values.len() == parts.arguments.len() {
                for (argument, value) in parts.arguments.iter().zip(values) {
                    let pattern = without_default(ast, *argument);
                    let (shape, open) = self.pattern(&frame, pattern, parts.guard);
                    let one = value.fits(&shape);
                    fit = fit.min(if open { one.min(Fit::May) } else { one });
                }
            } else {
                fit = Fit::May;
            }
            if fit == Fit::No {
                continue;
            }
            let given = self.clause(unit, clause, Some(values), own);
            result = Some(match result {
                Some(result) => either(result, given),
                None => given,
            });
            if fit == Fit::Must && parts.guard.is_none() {
                break;
            }
        }
        result.unwrap_or(Shape::Any)
    }

    /// `defdelegate f(x), to: Mod, as: :g`.
    fn delegated(&mut self, unit: u32, function: u32, values: &[Shape]) -> Shape {
        let source = self.project.unit(unit);
        let ast = source.ast();
        let written = &source.functions()[function as usize];
        let node = source.clauses()[written.clauses.start as usize].node;
        let options = ast.children(node).last();
        let target = options
            .and_then(|options| option(ast, options, "to"))
            .and_then(|to| crate::otp::project::module_of(source, to));
        let renamed = options
            .and_then(|options| option(ast, options, "as"))
            .and_then(|name| ast.atom_of(name, Kind::Atom));
        let Some(module) = target else {
            return Shape::Any;
        };
        let name = renamed.unwrap_or(written.name);
        let Some((unit, function)) = self.project.function(module, name, values.len() as u32)
        else {
            return Shape::Any;
        };
        if self.following.contains(&(unit, function)) || self.following.len() >= CALLS_MAX {
            return Shape::Any;
        }
        self.following.push((unit, function));
        let clauses = self.project.function_def(unit, function).clauses.clone();
        let value = self.quietly(|eval| eval.clauses(unit, clauses, values, false));
        self.following.pop();
        value
    }

    /// Calls `module.name(values...)` as a supervisor does.
    pub(in crate::otp) fn apply(
        &mut self,
        module: Atom,
        name: Atom,
        values: &[Shape],
    ) -> Option<Shape> {
        let (unit, function) = self.project.function(module, name, values.len() as u32)?;
        if self.following.contains(&(unit, function)) || self.following.len() >= CALLS_MAX {
            return None;
        }
        if self.project.function_def(unit, function).kind == FunctionKind::Defdelegate {
            return Some(self.delegated(unit, function, values));
        }
        self.following.push((unit, function));
        let clauses = self.project.function_def(unit, function).clauses.clone();
        let value = self.clauses(unit, clauses, values, true);
        self.following.pop();
        Some(value)
    }

    fn kernel(&mut self, frame: &mut Frame, ix: NodeIx, name: &str, args: &[Argument]) -> Known {
        let first = args.first().map(|one| &one.shape);
        Known::Value(match (name, args.len()) {
            ("self", 0) if frame.own => Shape::Own,
            ("self", 0) => Shape::Of(Type::Pid),
            ("make_ref", 0) => Shape::Of(Type::Reference),
            ("node", _) => Shape::Of(Type::Atom),
            ("to_string" | "inspect" | "to_charlist", _) => Shape::Of(Type::Binary),
            (
                "length" | "byte_size" | "map_size" | "tuple_size" | "abs" | "round" | "trunc"
                | "div" | "rem",
                _,
            ) => Shape::Of(Type::Number),
            ("hd", 1) => match first
                .and_then(|list| list.elems())
                .and_then(|all| all.first())
            {
                Some(one) => one.shape.clone(),
                None => Shape::Any,
            },
            ("elem", 2) => match (first.and_then(|one| one.items()), &args[1].shape) {
                (Some(items), Shape::Int(at)) => {
                    let at = usize::try_from(*at).unwrap_or(usize::MAX);
                    items.get(at).cloned().unwrap_or(Shape::Any)
                }
                _ => Shape::Any,
            },
            ("then" | "tap", 2) => {
                let value = args[0].shape.clone();
                let Some(function) = args[1].function else {
                    return Known::No;
                };
                let given = self.scoped(frame, |eval, frame| {
                    eval.function(frame, function, std::slice::from_ref(&value))
                });
                return Known::Done(if name == "then" { given } else { value });
            }
            ("apply", 3) => match (&args[0].shape, &args[1].shape, args[2].shape.elems()) {
                (Shape::Atom(module), Shape::Atom(function), Some(given)) => {
                    let given: Vec<Argument> = given
                        .iter()
                        .map(|elem| Argument {
                            node: None,
                            shape: elem.shape.clone(),
                            function: None,
                        })
                        .collect();
                    return self.remote(frame, ix, *module, *function, &given);
                }
                _ => Shape::Any,
            },
            ("struct" | "struct!", 1 | 2) => match first {
                Some(Shape::Atom(name)) => Shape::map(Some(*name), Vec::new(), true),
                Some(Shape::Map(map)) => Shape::map(map.structure, Vec::new(), true),
                _ => Shape::Of(Type::Map),
            },
            _ => return self.process_function(frame, ix, "Elixir.Kernel", name, args),
        })
    }

    /// Functions that start processes or send messages.
    fn process_function(
        &mut self,
        frame: &mut Frame,
        ix: NodeIx,
        module: &str,
        name: &str,
        args: &[Argument],
    ) -> Known {
        match self.starting(frame, ix, module, name, args) {
            Known::No => self.sending(frame, ix, module, name, args),
            known => known,
        }
    }
}

/// `Module.concat(A, B)` and `Module.concat([A, B])`.
fn concatenated_module(args: &[Argument]) -> Shape {
    let shapes: Vec<&Shape> = match args {
        [list] => match list.shape.elems() {
            Some(elems) => elems.iter().map(|elem| &elem.shape).collect(),
            None => return Shape::Of(Type::Atom),
        },
        all => all.iter().map(|one| &one.shape).collect(),
    };
    let mut text = String::from("Elixir");
    for shape in shapes {
        let part = match shape {
            Shape::Atom(atom) => atom.text().to_owned(),
            Shape::Text(text) => text.to_string(),
            _ => return Shape::Of(Type::Atom),
        };
        text.push('.');
        text.push_str(part.strip_prefix("Elixir.").unwrap_or(&part));
    }
    match text.len() <= crate::limits::ATOM_BYTES_MAX {
        true => Shape::Atom(intern(&text)),
        false => Shape::Of(Type::Atom),
    }
}
