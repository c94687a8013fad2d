//! ABC as Credo counts it: `Credo.Check.Refactor.ABCSize`, rrrene/credo `lib/credo/check/refactor/abc_size.ex`.
//!
//! Only the `do` block counts. A: `=`, `@`. B: `->`, `.` unless its left side is a bare variable or name, every other
//! node with arguments but `== fn __aliases__ __block__ if or |> %{} {} ^`, and every bare name that is neither a
//! known variable nor begins with `_`. C: `if` and `or`, which alone get past the rule for nodes with arguments.
//! Known variables are the bare arguments of the head (unless it has a guard), those on the left of a `=` seen before, and
//! the bare arguments of an `->` whose body is no literal and no list. The left side of `=`, `@`, `<<>>`, and the
//! argument of `unquote` itself (not what is in it) are stepped over. In a file with `import Ecto.Query`,
//! `from join select where` are stepped over too.

use crate::ast::{Ast, Kind, NodeIx};
use crate::atoms::{Atom, intern};
use crate::source::words::{Word, atom};

/// The names that Credo treats apart, interned once for a file.
pub(super) struct CredoAbc {
    definitions: [Atom; 3],
    not_calls: [Atom; 10],
    conditions: [Atom; 2],
    excluded: Option<[Atom; 4]>,
    binary: Atom,
    unquote: Atom,
    attribute: Atom,
    equals: Atom,
    arrow: Atom,
    dot: Atom,
    when: Atom,
}

impl CredoAbc {
    pub(super) fn new(ast: &Ast) -> Self {
        CredoAbc {
            definitions: ["def", "defp", "defmacro"].map(intern),
            not_calls: [
                "==",
                "fn",
                "__aliases__",
                "__block__",
                "if",
                "or",
                "|>",
                "%{}",
                "{}",
                "^",
            ]
            .map(intern),
            conditions: ["if", "or"].map(intern),
            excluded: imports_ecto_query(ast)
                .then(|| ["where", "from", "select", "join"].map(intern)),
            binary: intern("<<>>"),
            unquote: atom(Word::Unquote),
            attribute: atom(Word::Attribute),
            equals: intern("="),
            arrow: atom(Word::Arrow),
            dot: atom(Word::Dot),
            when: atom(Word::When),
        }
    }

    /// A² + B² + C² of a definition.
    pub(super) fn square(&self, ast: &Ast, definition: NodeIx) -> u64 {
        let Some(body) = do_block(ast, definition) else {
            return 0;
        };
        let mut walk = Walk {
            rules: self,
            ast,
            known: ast
                .child(definition, 0)
                .map_or_else(Vec::new, |head| parameters(ast, head)),
            counts: [0; 3],
        };
        let (mut at, end) = (body.0, ast.end(body));
        while at < end {
            at = walk.visit(NodeIx(at));
        }
        walk.counts.iter().map(|n| n * n).sum()
    }
}

struct Walk<'a> {
    rules: &'a CredoAbc,
    ast: &'a Ast,
    known: Vec<Atom>,
    counts: [u64; 3],
}

impl Walk<'_> {
    /// Counts an entry, and gives the one to go on with.
    fn visit(&mut self, ix: NodeIx) -> u32 {
        let (ast, rules) = (self.ast, self.rules);
        let [a, b, c] = &mut self.counts;
        let into = ix.0 + 1;
        let name = match ast.kind(ix) {
            Kind::Call | Kind::Var => ast.atom(ix),
            // Terms that a walk over quoted code does not enter.
            Kind::Map | Kind::VarIn => return ast.end(ix),
            Kind::Tuple if ast.children(ix).count() != 2 => return ast.end(ix),
            _ => return into,
        };
        let Some(name) = name else { return into };
        let called = ast.kind(ix) == Kind::Call;
        if called && rules.definitions.contains(&name) {
            return into;
        }
        if name == rules.binary {
            return ast.end(ix);
        }
        if name == rules.unquote && called && ast.children(ix).count() == 1 {
            return into + 1;
        }
        if name == rules.attribute {
            *a += 1;
            return ast.end(ix);
        }
        if name == rules.equals
            && let Some(left) = ast.child(ix, 0)
        {
            *a += 1;
            self.known.extend(ast.atom_of(left, Kind::Var));
            return ast.end(left);
        }
        if name == rules.arrow && called {
            *b += 1;
            self.known.extend(arrow_parameters(ast, ix, rules.when));
            return into;
        }
        if name == rules.dot && called {
            let first = ast.child(ix, 0).map(|first| ast.kind(first));
            let of_name = first == Some(Kind::Var) && ast.children(ix).count() == 2;
            *b += u64::from(!of_name);
            return into;
        }
        if called && !rules.not_calls.contains(&name) {
            if rules.excluded.is_some_and(|names| names.contains(&name)) {
                return ast.end(ix);
            }
            *b += 1;
        } else if !called {
            let known = self.known.contains(&name) || name.text().starts_with('_');
            *b += u64::from(!known);
        } else if rules.conditions.contains(&name) {
            *c += 1;
        }
        into
    }
}

/// What is under `do` in the first list of the arguments that has one.
pub(super) fn do_block(ast: &Ast, call: NodeIx) -> Option<NodeIx> {
    let key = atom(Word::Do);
    let lists = ast
        .children(call)
        .filter(|&arg| ast.kind(arg) == Kind::List);
    let mut pairs = lists.flat_map(|list| ast.children(list));
    let pair = pairs.find(|&pair| ast.atom_of(pair, Kind::Pair) == Some(key))?;
    ast.child(pair, 0)
}

/// The bare names among the arguments of a head. A head with a guard is a call of `when` to Credo.
fn parameters(ast: &Ast, head: NodeIx) -> Vec<Atom> {
    let skip = match ast.kind(head) {
        Kind::Call => 0,
        Kind::CallExpr => 1,
        _ => return Vec::new(),
    };
    let arguments = ast.children(head).skip(skip);
    arguments
        .filter_map(|arg| ast.atom_of(arg, Kind::Var))
        .collect()
}

/// The bare names before an `->`.
///
/// The rules are those of three function clauses, tried in their order on `[arguments, body]` and again on what they give:
/// two elements, a list and a tuple: the list; two elements, the first a list of one `when`: its parts; otherwise
/// the elements.
fn arrow_parameters(ast: &Ast, arrow: NodeIx, when: Atom) -> Vec<Atom> {
    let is_tuple = |ix: NodeIx| {
        let kind = ast.kind(ix);
        kind.has_meta() || matches!(kind, Kind::Pair | Kind::Tuple)
    };
    let mut level = arrow;
    // Each step goes one level down, so the depth of the code bounds them.
    loop {
        let mut items = ast.children(level);
        let pair = match (items.next(), items.next(), items.next()) {
            (Some(first), Some(second), None) => Some((first, second)),
            _ => None,
        };
        let list = pair.filter(|&(first, _)| ast.kind(first) == Kind::List);
        match list {
            Some((first, second)) if is_tuple(second) => {
                level = first;
                continue;
            }
            Some((first, _)) => {
                let mut inner = ast.children(first);
                if let (Some(one), None) = (inner.next(), inner.next())
                    && ast.atom_of(one, Kind::Call) == Some(when)
                {
                    level = one;
                    continue;
                }
            }
            None => {}
        }
        let names = ast.children(level);
        return names
            .filter_map(|one| ast.atom_of(one, Kind::Var))
            .collect();
    }
}

fn imports_ecto_query(ast: &Ast) -> bool {
    let (import, ecto, query) = (intern("import"), intern("Ecto"), intern("Query"));
    (0..ast.len() as u32).map(NodeIx).any(|ix| {
        let imported = (ast.atom_of(ix, Kind::Call) == Some(import))
            .then(|| ast.child(ix, 0))
            .flatten()
            .filter(|&one| ast.atom_of(one, Kind::Call) == Some(atom(Word::Aliases)));
        imported.is_some_and(|alias| {
            let parts = ast
                .children(alias)
                .map(|part| ast.atom_of(part, Kind::Atom));
            parts.eq([Some(ecto), Some(query)])
        })
    })
}
