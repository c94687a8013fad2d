//! An expression as text that parses to the same expression again.
//!
//! Canonical rather than pretty: every call has its parentheses, `do` blocks are keywords, sigils are calls, and
//! modules have their full names where the caller resolves them. Depth is a stack of what is still to be
//! written.

use crate::ast::{Ast, Kind, NodeIx};
use crate::atoms::Atom;
use crate::source::{function_text, module_text};

use super::literal::{atom_text, binary_text, float_text, key_text};

/// What a module's name in the source stands for: `None` leaves it as written.
pub type Resolve<'a> = &'a dyn Fn(NodeIx) -> Option<Atom>;

/// Longer texts end in `...`.
const TEXT_BYTES_MAX: usize = 16 * 1024;

/// The text of a subtree.
pub fn expression(ast: &Ast, ix: NodeIx, resolve: Resolve<'_>) -> String {
    run(ast, vec![Todo::Node(ix, 0)], resolve)
}

/// The text of a subtree, names as written.
pub fn as_written(ast: &Ast, ix: NodeIx) -> String {
    expression(ast, ix, &|_| None)
}

enum Todo {
    /// A node, in parentheses if it binds weaker than this.
    Node(NodeIx, u16),
    Text(&'static str),
    Owned(String),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

/// How strongly a binary operator binds, and to which side it groups: the table of Elixir's parser
/// (elixir_parser.yrl).
fn binary(name: &str) -> Option<(u16, Side)> {
    use Side::{Left, Right};
    Some(match name {
        "<-" | "\\\\" => (40, Left),
        "when" => (50, Right),
        "::" => (60, Right),
        "|" => (70, Right),
        "=>" => (80, Right),
        "=" => (100, Right),
        "||" | "|||" | "or" => (120, Left),
        "&&" | "&&&" | "and" => (130, Left),
        "==" | "!=" | "=~" | "===" | "!==" => (140, Left),
        "<" | ">" | "<=" | ">=" => (150, Left),
        "|>" | "<<<" | ">>>" | "<<~" | "~>>" | "<~" | "~>" | "<~>" | "<|>" => (160, Left),
        "in" => (170, Left),
        "^^^" => (180, Left),
        "++" | "--" | "+++" | "---" | ".." | "<>" => (200, Right),
        "+" | "-" => (210, Left),
        "*" | "/" => (220, Left),
        "**" => (230, Left),
        _ => return None,
    })
}

/// The name of a binary operator.
pub(super) fn is_binary(name: &str) -> bool {
    binary(name).is_some()
}

const UNARY: u16 = 300;

fn unary(name: &str) -> Option<&'static str> {
    Some(match name {
        "-" => "-",
        "+" => "+",
        "!" => "!",
        "^" => "^",
        "not" => "not ",
        "~~~" => "~~~",
        "&" => "&",
        "@" => "@",
        _ => return None,
    })
}

fn run(ast: &Ast, mut todo: Vec<Todo>, resolve: Resolve<'_>) -> String {
    let mut printer = Printer {
        ast,
        resolve,
        out: String::new(),
    };
    while let Some(next) = todo.pop() {
        if printer.out.len() > TEXT_BYTES_MAX {
            printer.out.push_str("...");
            break;
        }
        match next {
            Todo::Text(text) => printer.out.push_str(text),
            Todo::Owned(text) => printer.out.push_str(&text),
            Todo::Node(ix, least) => {
                let mut parts = Vec::new();
                let binds = printer.node(ix, &mut parts);
                if binds < least {
                    printer.out.push('(');
                    todo.push(Todo::Text(")"));
                }
                todo.extend(parts.into_iter().rev());
            }
        }
    }
    printer.out
}

/// Nothing around it can tear it apart.
const WHOLE: u16 = u16::MAX;

struct Printer<'a> {
    ast: &'a Ast,
    resolve: Resolve<'a>,
    out: String,
}

impl Printer<'_> {
    /// The parts of a node in their order, and how strongly it binds.
    fn node(&self, ix: NodeIx, parts: &mut Vec<Todo>) -> u16 {
        let ast = self.ast;
        match ast.kind(ix) {
            Kind::Atom => own(parts, atom_text(ast.atom(ix))),
            Kind::Int | Kind::WideInt => {
                let int = ast.int(ix).unwrap_or(0);
                own(parts, int.to_string());
                return if int < 0 { UNARY } else { WHOLE };
            }
            Kind::Float => own(parts, float_text(ast.float(ix).unwrap_or(0.0))),
            Kind::Binary => own(parts, binary_text(ast.binary(ix).unwrap_or(&[]))),
            Kind::Opaque => parts.push(Todo::Text("...")),
            Kind::Var | Kind::VarIn => self.variable(ix, parts),
            Kind::Pair => {
                parts.push(Todo::Text("{"));
                own(parts, atom_text(ast.atom(ix)));
                parts.push(Todo::Text(", "));
                self.all(ast.children(ix), ", ", parts);
                parts.push(Todo::Text("}"));
            }
            Kind::Tuple => self.wrapped("{", ix, "}", parts),
            Kind::List => return self.list(ix, parts),
            Kind::ImproperList => {
                let children: Vec<NodeIx> = ast.children(ix).collect();
                let last = children.len().saturating_sub(1);
                parts.push(Todo::Text("["));
                self.all(children[..last].iter().copied(), ", ", parts);
                parts.push(Todo::Text(" | "));
                self.all(children[last..].iter().copied(), ", ", parts);
                parts.push(Todo::Text("]"));
            }
            Kind::Map => self.wrapped("%{", ix, "}", parts),
            Kind::Call => return self.call(ix, parts),
            Kind::CallExpr => return self.call_expr(ix, parts),
        }
        WHOLE
    }

    fn variable(&self, ix: NodeIx, parts: &mut Vec<Todo>) {
        let name = self.ast.atom(ix);
        let current = name.is_some_and(|name| name.text() == "__MODULE__");
        match current.then(|| (self.resolve)(ix)).flatten() {
            Some(module) => own(parts, module_text(module)),
            None => own(parts, name_text(name)),
        }
    }

    fn wrapped(&self, open: &'static str, ix: NodeIx, close: &'static str, parts: &mut Vec<Todo>) {
        parts.push(Todo::Text(open));
        self.all(self.ast.children(ix), ", ", parts);
        parts.push(Todo::Text(close));
    }

    fn all(
        &self,
        nodes: impl Iterator<Item = NodeIx>,
        between: &'static str,
        parts: &mut Vec<Todo>,
    ) {
        for (at, node) in nodes.enumerate() {
            if at > 0 {
                parts.push(Todo::Text(between));
            }
            parts.push(Todo::Node(node, 0));
        }
    }

    fn is_call(&self, ix: NodeIx, name: &str) -> bool {
        self.ast
            .atom_of(ix, Kind::Call)
            .is_some_and(|atom| atom.text() == name)
    }

    fn list(&self, ix: NodeIx, parts: &mut Vec<Todo>) -> u16 {
        let ast = self.ast;
        if ast.size(ix) > 1 && ast.children(ix).all(|one| self.is_call(one, "->")) {
            parts.push(Todo::Text("("));
            self.arrows(ix, parts);
            parts.push(Todo::Text(")"));
            return WHOLE;
        }
        parts.push(Todo::Text("["));
        self.elements(ast.children(ix).collect(), parts);
        parts.push(Todo::Text("]"));
        WHOLE
    }

    fn arrows(&self, list: NodeIx, parts: &mut Vec<Todo>) {
        for (at, arrow) in self.ast.children(list).enumerate() {
            if at > 0 {
                parts.push(Todo::Text("; "));
            }
            self.arrow(arrow, parts);
        }
    }

    fn arrow(&self, arrow: NodeIx, parts: &mut Vec<Todo>) {
        let mut sides = self.ast.children(arrow);
        if let Some(args) = sides.next() {
            self.parameters(self.ast.children(args).collect(), parts);
        }
        parts.push(Todo::Text("-> "));
        self.all(sides, ", ", parts);
    }

    /// What stands before an arrow: `a, b when guard `.
    fn parameters(&self, args: Vec<NodeIx>, parts: &mut Vec<Todo>) {
        if let [one] = args[..]
            && self.is_call(one, "when")
        {
            let inner: Vec<NodeIx> = self.ast.children(one).collect();
            if let Some((guard, heads)) = inner.split_last() {
                self.strong(heads, 51, parts);
                parts.push(Todo::Text(" when "));
                parts.push(Todo::Node(*guard, 0));
                parts.push(Todo::Text(" "));
                return;
            }
        }
        self.strong(&args, 51, parts);
        if !args.is_empty() {
            parts.push(Todo::Text(" "));
        }
    }

    fn strong(&self, nodes: &[NodeIx], least: u16, parts: &mut Vec<Todo>) {
        for (at, node) in nodes.iter().enumerate() {
            if at > 0 {
                parts.push(Todo::Text(", "));
            }
            parts.push(Todo::Node(*node, least));
        }
    }

    /// Elements of a list: a tail of pairs as keywords.
    fn elements(&self, nodes: Vec<NodeIx>, parts: &mut Vec<Todo>) {
        let is_pair = |ix: &NodeIx| self.ast.kind(*ix) == Kind::Pair;
        let plain = nodes.len() - nodes.iter().rev().take_while(|ix| is_pair(ix)).count();
        for (at, &node) in nodes.iter().enumerate() {
            if at > 0 {
                parts.push(Todo::Text(", "));
            }
            if at >= plain {
                self.keyword(node, parts);
            } else {
                parts.push(Todo::Node(node, 0));
            }
        }
    }

    fn keyword(&self, pair: NodeIx, parts: &mut Vec<Todo>) {
        let key = self.ast.atom(pair).map_or("", Atom::text);
        own(parts, format!("{}: ", key_text(key)));
        self.all(self.ast.children(pair), ", ", parts);
    }

    /// Arguments of a call: a keyword list at the end stands without brackets.
    fn arguments(&self, args: Vec<NodeIx>, parts: &mut Vec<Todo>) {
        let ast = self.ast;
        let keywords = args.last().is_some_and(|&last| {
            ast.kind(last) == Kind::List
                && ast.size(last) > 1
                && ast.children(last).all(|one| ast.kind(one) == Kind::Pair)
        });
        let plain = args.len() - usize::from(keywords);
        parts.push(Todo::Text("("));
        self.all(args[..plain].iter().copied(), ", ", parts);
        if let (true, Some(&last)) = (keywords, args.last()) {
            if plain > 0 {
                parts.push(Todo::Text(", "));
            }
            self.elements(ast.children(last).collect(), parts);
        }
        parts.push(Todo::Text(")"));
    }

    fn call(&self, ix: NodeIx, parts: &mut Vec<Todo>) -> u16 {
        let ast = self.ast;
        let name = ast.atom(ix).map_or("", Atom::text);
        let args: Vec<NodeIx> = ast.children(ix).collect();
        match (name, &args[..]) {
            ("{}", _) => self.wrapped("{", ix, "}", parts),
            ("<<>>", _) if args.iter().any(|&one| self.interpolated(one).is_some()) => {
                parts.push(Todo::Text("\""));
                for &one in &args {
                    match (self.interpolated(one), ast.binary(one)) {
                        (Some(inner), _) => {
                            parts.push(Todo::Text("#{"));
                            parts.push(Todo::Node(inner, 0));
                            parts.push(Todo::Text("}"));
                        }
                        (None, Some(bytes)) => {
                            let text = binary_text(bytes);
                            let inner =
                                text.strip_prefix('"').and_then(|one| one.strip_suffix('"'));
                            own(parts, inner.unwrap_or("...").to_string());
                        }
                        (None, None) => parts.push(Todo::Text("...")),
                    }
                }
                parts.push(Todo::Text("\""));
            }
            ("<<>>", _) => {
                parts.push(Todo::Text("<<"));
                self.strong(&args, 41, parts);
                parts.push(Todo::Text(">>"));
            }
            ("%{}", _) => {
                parts.push(Todo::Text("%"));
                self.map_body(&args, parts);
            }
            ("%", [name, map]) if self.is_call(*map, "%{}") => {
                parts.push(Todo::Text("%"));
                parts.push(Todo::Node(*name, WHOLE));
                self.map_body(&ast.children(*map).collect::<Vec<_>>(), parts);
            }
            ("__aliases__", _) => self.alias(ix, &args, parts),
            ("__block__", []) => parts.push(Todo::Text("(nil)")),
            ("__block__", _) => {
                parts.push(Todo::Text("("));
                self.all(args.iter().copied(), "; ", parts);
                parts.push(Todo::Text(")"));
            }
            ("fn", _) => {
                parts.push(Todo::Text("fn "));
                self.arrows(ix, parts);
                parts.push(Todo::Text(" end"));
            }
            ("->", [_, _]) => {
                parts.push(Todo::Text("("));
                self.arrow(ix, parts);
                parts.push(Todo::Text(")"));
            }
            ("..//", [first, last, step]) => {
                parts.push(Todo::Node(*first, 201));
                parts.push(Todo::Text(".."));
                parts.push(Todo::Node(*last, 201));
                parts.push(Todo::Text("//"));
                parts.push(Todo::Node(*step, 201));
                return 190;
            }
            ("&", [one]) if ast.kind(*one) == Kind::Int => {
                own(parts, format!("&{}", ast.int(*one).unwrap_or(1)));
            }
            (_, [one]) if unary(name).is_some() => {
                parts.push(Todo::Text(unary(name).unwrap_or("")));
                match name {
                    "&" => {
                        parts.push(Todo::Node(*one, 91));
                        return 90;
                    }
                    "@" => parts.push(Todo::Node(*one, WHOLE)),
                    _ => {
                        parts.push(Todo::Node(*one, UNARY + 1));
                        return UNARY;
                    }
                }
            }
            (_, [left, right]) if binary(name).is_some() => {
                let (binds, side) = binary(name).unwrap_or((0, Side::Left));
                let (l, r) = match side {
                    Side::Left => (binds, binds + 1),
                    Side::Right => (binds + 1, binds),
                };
                parts.push(Todo::Node(*left, l));
                own(parts, format!(" {name} "));
                parts.push(Todo::Node(*right, r));
                return binds;
            }
            _ => {
                own(parts, name_text(ast.atom(ix)));
                self.arguments(args, parts);
            }
        }
        WHOLE
    }

    /// `Kernel.to_string(x) :: binary`, as the parser makes it of `#{x}`.
    fn interpolated(&self, ix: NodeIx) -> Option<NodeIx> {
        let ast = self.ast;
        let call = ast.child(ix, 0).filter(|_| self.is_call(ix, "::"))?;
        let form = ast
            .child(call, 0)
            .filter(|_| ast.kind(call) == Kind::CallExpr)?;
        let module = ast.child(form, 0).filter(|_| self.is_call(form, "."))?;
        let kernel = ast.atom_of(module, Kind::Atom)?.text() == "Elixir.Kernel";
        ast.child(call, 1).filter(|_| kernel)
    }

    fn alias(&self, ix: NodeIx, segments: &[NodeIx], parts: &mut Vec<Todo>) {
        if let Some(module) = (self.resolve)(ix) {
            return own(parts, module_text(module));
        }
        for (at, &segment) in segments.iter().enumerate() {
            if at > 0 {
                parts.push(Todo::Text("."));
            }
            match self.ast.atom_of(segment, Kind::Atom) {
                Some(atom) => own(parts, atom.text().to_string()),
                None => parts.push(Todo::Node(segment, WHOLE)),
            }
        }
    }

    fn map_body(&self, args: &[NodeIx], parts: &mut Vec<Todo>) {
        let ast = self.ast;
        parts.push(Todo::Text("{"));
        match args {
            [update] if self.is_call(*update, "|") => {
                let sides: Vec<NodeIx> = ast.children(*update).collect();
                if let [map, changes] = sides[..] {
                    parts.push(Todo::Node(map, 71));
                    parts.push(Todo::Text(" | "));
                    let list = ast.kind(changes) == Kind::List;
                    let changes = if list {
                        ast.children(changes).collect()
                    } else {
                        vec![changes]
                    };
                    self.entries(&changes, parts);
                }
            }
            _ => self.entries(args, parts),
        }
        parts.push(Todo::Text("}"));
    }

    fn entries(&self, entries: &[NodeIx], parts: &mut Vec<Todo>) {
        let ast = self.ast;
        let keywords = entries.iter().all(|&one| ast.kind(one) == Kind::Pair);
        for (at, &entry) in entries.iter().enumerate() {
            if at > 0 {
                parts.push(Todo::Text(", "));
            }
            match ast.kind(entry) {
                Kind::Pair if keywords => self.keyword(entry, parts),
                Kind::Pair => {
                    own(parts, atom_text(ast.atom(entry)));
                    parts.push(Todo::Text(" => "));
                    self.all(ast.children(entry), ", ", parts);
                }
                Kind::Tuple if ast.children(entry).count() == 2 => {
                    let sides: Vec<NodeIx> = ast.children(entry).collect();
                    parts.push(Todo::Node(sides[0], 81));
                    parts.push(Todo::Text(" => "));
                    parts.push(Todo::Node(sides[1], 0));
                }
                _ => parts.push(Todo::Node(entry, 0)),
            }
        }
    }

    /// `left.right(args)`, `left.(args)`, `A.{B, C}`, `form(args)`.
    fn call_expr(&self, ix: NodeIx, parts: &mut Vec<Todo>) -> u16 {
        let ast = self.ast;
        let mut children = ast.children(ix);
        let Some(form) = children.next() else {
            return WHOLE;
        };
        let args: Vec<NodeIx> = children.collect();
        let sides: Vec<NodeIx> = match self.is_call(form, ".") {
            true => ast.children(form).collect(),
            false => Vec::new(),
        };
        match sides[..] {
            [left, right] => {
                parts.push(Todo::Node(left, WHOLE));
                let name = ast.atom_of(right, Kind::Atom);
                if name.is_some_and(|name| name.text() == "{}") {
                    parts.push(Todo::Text(".{"));
                    self.all(args.iter().copied(), ", ", parts);
                    parts.push(Todo::Text("}"));
                    return WHOLE;
                }
                parts.push(Todo::Text("."));
                match name {
                    Some(name) => own(parts, function_text(name)),
                    None => parts.push(Todo::Node(right, WHOLE)),
                }
                // A field, most likely: the AST is the same.
                let module = ast.kind(left) == Kind::Atom || self.is_call(left, "__aliases__");
                let current = ast.kind(left) == Kind::Var
                    && ast
                        .atom(left)
                        .is_some_and(|name| name.text() == "__MODULE__");
                if !args.is_empty() || module || current {
                    self.arguments(args, parts);
                }
            }
            [left] => {
                parts.push(Todo::Node(left, WHOLE));
                parts.push(Todo::Text("."));
                self.arguments(args, parts);
            }
            _ => {
                parts.push(Todo::Node(form, WHOLE));
                self.arguments(args, parts);
            }
        }
        WHOLE
    }
}

fn own(parts: &mut Vec<Todo>, text: String) {
    parts.push(Todo::Owned(text));
}

fn name_text(name: Option<Atom>) -> String {
    name.map_or(String::new(), function_text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ast::testing::{T, alias, ast, atom, call, var};

    fn check(term: T, expect: &str) {
        let ast = ast(&term);
        assert_eq!(as_written(&ast, ast.root()), expect);
    }

    #[test]
    fn operators_get_parentheses_where_they_need_them() {
        let a = || var("a", 1, 1);
        let op = |name: &str, l, r| call(name, 1, 1, vec![l, r]);
        check(op("+", a(), op("*", a(), a())), "a + a * a");
        check(op("*", a(), op("+", a(), a())), "a * (a + a)");
        check(op("-", op("-", a(), a()), a()), "a - a - a");
        check(op("-", a(), op("-", a(), a())), "a - (a - a)");
        check(call("not", 1, 1, vec![op("in", a(), a())]), "not (a in a)");
        check(op("::", a(), op("|", a(), a())), "a :: a | a");
    }

    #[test]
    fn calls_lists_and_literals_are_canonical() {
        check(
            T::List(vec![T::Tuple(vec![atom("a"), T::Int(1)])]),
            "[a: 1]",
        );
        check(T::Tuple(vec![atom("a"), T::Int(1)]), "{:a, 1}");
        check(T::Binary(b"a\"#{b}\n".to_vec()), "\"a\\\"\\#{b}\\n\"");
        check(T::Float(1e300), "1.0e300");
        check(call("f", 1, 1, vec![T::Float(1.5)]), "f(1.5)");
        check(alias(1, 1, &["A", "B"]), "A.B");
        let arrow = call("->", 1, 1, vec![T::List(vec![]), var("t", 1, 1)]);
        check(T::List(vec![arrow]), "(-> t)");
    }

    #[test]
    fn depth_is_no_recursion() {
        let mut term = var("a", 1, 1);
        for _ in 0..2_000 {
            term = call("-", 1, 1, vec![term]);
        }
        let ast = ast(&term);
        assert!(as_written(&ast, ast.root()).starts_with("-(-(-"));
        // The term of the test is dropped by recursion.
        std::mem::forget(term);
    }
}
