//! Keyword lists, maps and structs.

use crate::ast::{Kind, NodeIx};
use crate::otp::shape::{Elem, Lookup, Presence, Shape, Type};
use crate::otp::syntax::is_call;

use super::calls::Argument;
use super::{Eval, Frame, lists};

impl Eval<'_> {
    /// `%{a: 1}`, `%{map | a: 1}`.
    pub(super) fn map(
        &mut self,
        frame: &mut Frame,
        ix: NodeIx,
        name: Option<crate::atoms::Atom>,
    ) -> Shape {
        let ast = self.ast(frame);
        let mut entries: Vec<(Shape, Shape)> = Vec::new();
        let mut open = false;
        let mut structure = name;
        let mut parts: Vec<NodeIx> = ast.children(ix).collect();
        if let [update] = parts[..]
            && is_call(ast, update, "|")
        {
            let mut sides = ast.children(update);
            let base = sides
                .next()
                .map_or(Shape::Any, |base| self.eval(frame, base));
            match base {
                Shape::Map(map) => {
                    entries = map.entries.items.to_vec();
                    open = map.open;
                    structure = structure.or(map.structure);
                }
                _ => open = true,
            }
            parts = sides.flat_map(|list| ast.children(list)).collect();
        }
        for pair in parts {
            let (key, value) = match ast.kind(pair) {
                Kind::Pair => (
                    ast.atom(pair).map_or(Shape::Any, Shape::Atom),
                    ast.child(pair, 0),
                ),
                Kind::Tuple => {
                    let key = ast.child(pair, 0);
                    (
                        key.map_or(Shape::Any, |key| self.eval(frame, key)),
                        ast.child(pair, 1),
                    )
                }
                _ => {
                    self.eval(frame, pair);
                    open = true;
                    continue;
                }
            };
            let value = value.map_or(Shape::Any, |value| self.eval(frame, value));
            entries.retain(|(own, _)| *own != key);
            entries.push((key, value));
        }
        Shape::map(structure, entries, open)
    }

    pub(super) fn structure(&mut self, frame: &mut Frame, ix: NodeIx) -> Shape {
        let ast = self.ast(frame);
        let name = ast
            .child(ix, 0)
            .map_or(Shape::Any, |name| self.eval(frame, name));
        match ast.child(ix, 1) {
            Some(map) if is_call(ast, map, "%{}") => self.map(frame, map, name.atom()),
            _ => Shape::map(name.atom(), Vec::new(), true),
        }
    }

    /// Functions of `Keyword`, `Map` and `Access`. `None` for others.
    pub(super) fn data_function(
        &mut self,
        module: &str,
        name: &str,
        args: &[Argument],
    ) -> Option<Shape> {
        let data = &args.first()?.shape;
        let second = args.get(1).map(|one| &one.shape);
        let key = || second.and_then(Shape::atom).map(crate::atoms::Atom::text);
        let third = || args.get(2).map(|one| one.shape.clone());
        let nil = || Shape::Atom(crate::atoms::intern("nil"));
        let found = |default: Option<Shape>| match key().map(|key| data.lookup(key)) {
            Some(Lookup::Found(value)) => value,
            Some(Lookup::Absent) => default.unwrap_or(Shape::Any),
            _ => Shape::Any,
        };
        let keyword = module != "Elixir.Map";
        Some(match (name, args.len()) {
            ("get", 2) => found(Some(nil())),
            ("get" | "get_lazy", 3) => found(third()),
            ("fetch!", 2) => found(None),
            ("fetch", 2) => {
                let ok = Shape::Atom(crate::atoms::intern("ok"));
                match found(None) {
                    Shape::Any => Shape::Any,
                    value => Shape::tuple(vec![ok, value]),
                }
            }
            ("pop" | "pop!" | "pop_first", 2 | 3) => {
                let key = key()?;
                let value = found(Some(third().unwrap_or_else(nil)));
                Shape::tuple(vec![value, without(data, &[key])])
            }
            ("put", 3) => put(data, second?, third()?, keyword, true),
            ("put_new", 3) => put(data, second?, third()?, keyword, false),
            ("delete", 2) => without(data, &[key()?]),
            ("drop", 2) => {
                let keys = second?.elems()?.iter().map(|one| one.shape.atom());
                let keys: Option<Vec<&str>> = keys.map(|key| key.map(|key| key.text())).collect();
                without(data, &keys?)
            }
            ("take", 2) if keyword => {
                let keys = second?.elems()?;
                let wanted = |elem: &&Elem| match elem.shape.items() {
                    Some([tag, _]) => keys.iter().any(|key| key.shape == *tag),
                    _ => true,
                };
                Shape::list(data.elems()?.iter().filter(wanted).cloned().collect())
            }
            ("split", 2) if keyword => Shape::tuple(vec![data.clone(), data.clone()]),
            ("merge", 2) if keyword => merged_keywords(data, second?),
            ("merge", 2) => match second? {
                Shape::Map(over) => {
                    let mut result = data.clone();
                    for (key, value) in &over.entries.items {
                        result = put(&result, key, value.clone(), false, true);
                    }
                    result
                }
                _ => Shape::Of(Type::Map),
            },
            ("validate!", 2) if keyword => with_defaults(data, second?),
            ("new", 1) => data.clone(),
            _ => return None,
        })
    }
}

/// `Keyword.validate!/2`: defaults come in where they are missing.
fn with_defaults(data: &Shape, defaults: &Shape) -> Shape {
    let mut result = data.clone();
    for elem in defaults.elems().unwrap_or(&[]) {
        if let Some([key, value]) = elem.shape.items() {
            result = put(&result, key, value.clone(), true, false);
        }
    }
    result
}

fn merged_keywords(data: &Shape, over: &Shape) -> Shape {
    let (Some(_), Some(over)) = (data.elems(), over.elems()) else {
        return Shape::Any;
    };
    let mut result = data.clone();
    for elem in over {
        match elem.shape.items() {
            Some([key, value]) if elem.presence == Presence::Always => {
                result = put(&result, key, value.clone(), true, true);
            }
            _ => {
                let mut all = vec![elem.clone()];
                all.extend(lists::elements(&result));
                result = Shape::list(all);
            }
        }
    }
    result
}

fn put(data: &Shape, key: &Shape, value: Shape, keyword: bool, replace: bool) -> Shape {
    let Some(name) = key.atom().map(crate::atoms::Atom::text) else {
        return Shape::Any;
    };
    if keyword {
        let Some(elems) = data.elems() else {
            // What else is in there is not known, but this is.
            if !replace {
                return Shape::Any;
            }
            let new = Elem::new(Shape::tuple(vec![key.clone(), value]), None);
            return Shape::list(vec![new, Elem::many(Shape::Any)]);
        };
        if !replace && !matches!(data.lookup(name), Lookup::Absent) {
            return data.clone();
        }
        let other = |elem: &&Elem| match elem.shape.items() {
            Some([tag, _]) => tag != key,
            _ => true,
        };
        let mut all = vec![Elem::new(Shape::tuple(vec![key.clone(), value]), None)];
        all.extend(elems.iter().filter(other).cloned());
        return Shape::list(all);
    }
    match data {
        Shape::Map(map) => {
            if !replace && !matches!(data.lookup(name), Lookup::Absent) {
                return data.clone();
            }
            let mut entries = map.entries.items.to_vec();
            entries.retain(|(own, _)| own != key);
            entries.push((key.clone(), value));
            Shape::map(map.structure, entries, map.open)
        }
        _ if replace => Shape::map(None, vec![(key.clone(), value)], true),
        _ => Shape::Any,
    }
}

fn without(data: &Shape, keys: &[&str]) -> Shape {
    let gone = |key: &Shape| key.atom().is_some_and(|key| keys.contains(&key.text()));
    match data {
        Shape::List(parts) => {
            let left = parts.items.iter().filter(|elem| match elem.shape.items() {
                Some([key, _]) => !gone(key),
                _ => true,
            });
            Shape::list(left.cloned().collect())
        }
        Shape::Map(map) => {
            let mut entries = map.entries.items.to_vec();
            entries.retain(|(key, _)| !gone(key));
            Shape::map(map.structure, entries, map.open)
        }
        _ => Shape::Any,
    }
}
