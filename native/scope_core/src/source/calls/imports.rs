//! The imports in force while a source is walked in preorder.

use crate::ast::{Ast, Kind, NodeIx};
use crate::atoms::{Atom, intern};

#[derive(Clone, Debug)]
enum Filter {
    /// All of it; `only: :functions` and the like count as this.
    All,
    Only(Vec<(Atom, u32)>),
    Except(Vec<(Atom, u32)>),
}

#[derive(Clone, Debug)]
struct Import {
    module: Atom,
    filter: Filter,
    end: u32,
}

#[derive(Default)]
pub(super) struct Imports(Vec<Import>);

impl Imports {
    /// Forgets what ended before this entry.
    pub(super) fn leave(&mut self, at: u32) {
        while self.0.last().is_some_and(|import| import.end <= at) {
            self.0.pop();
        }
    }

    /// Takes in `import Mod, only: [f: 1]`.
    pub(super) fn add(&mut self, ast: &Ast, module: Atom, options: Option<NodeIx>, end: u32) {
        let filter = options.map_or(Filter::All, |options| filter(ast, options));
        self.0.push(Import {
            module,
            filter,
            end,
        });
    }

    /// The module that is said by name to bring this function: `only:` lists it.
    pub(super) fn named(&self, name: Atom, arity: u32) -> Option<Atom> {
        let listed = self.in_force().find(|import| {
            matches!(&import.filter, Filter::Only(names) if names.contains(&(name, arity)))
        });
        listed.map(|import| import.module)
    }

    /// `import Kernel, except: [f: 1]` or an `only:` that leaves it out.
    pub(super) fn kernel_hidden(&self, kernel: Atom, name: Atom, arity: u32) -> bool {
        let import = self.in_force().find(|import| import.module == kernel);
        import.is_some_and(|import| !import.may_bring(name, arity))
    }

    /// The modules imported whole, or all but some names, that may bring this one; the latest first.
    pub(super) fn candidates(&self, name: Atom, arity: u32, found: &mut Vec<Atom>) {
        for import in self.in_force() {
            let whole = !matches!(import.filter, Filter::Only(_));
            if whole && import.may_bring(name, arity) && !found.contains(&import.module) {
                found.push(import.module);
            }
        }
    }

    /// The latest first. A later import of a module takes the place of an earlier one.
    fn in_force(&self) -> impl Iterator<Item = &Import> {
        let latest = self.0.iter().enumerate().rev();
        latest.filter_map(|(at, import)| {
            let later = &self.0[at + 1..];
            (!later.iter().any(|other| other.module == import.module)).then_some(import)
        })
    }
}

impl Import {
    fn may_bring(&self, name: Atom, arity: u32) -> bool {
        match &self.filter {
            Filter::All => true,
            Filter::Only(names) => names.contains(&(name, arity)),
            Filter::Except(names) => !names.contains(&(name, arity)),
        }
    }
}

fn filter(ast: &Ast, options: NodeIx) -> Filter {
    let names = |key: &str| {
        let key = intern(key);
        let mut pairs = ast.children(options);
        let pair = pairs.find(|&pair| ast.atom_of(pair, Kind::Pair) == Some(key))?;
        let list = ast.child(pair, 0)?;
        (ast.kind(list) == Kind::List).then(|| {
            let pairs = ast.children(list);
            let entry = |pair: NodeIx| {
                let arity = ast.int(ast.child(pair, 0)?)?;
                Some((ast.atom_of(pair, Kind::Pair)?, u32::try_from(arity).ok()?))
            };
            pairs.filter_map(entry).collect()
        })
    };
    if ast.kind(options) != Kind::List {
        return Filter::All;
    }
    match (names("only"), names("except")) {
        (Some(only), _) => Filter::Only(only),
        (None, Some(except)) => Filter::Except(except),
        (None, None) => Filter::All,
    }
}
