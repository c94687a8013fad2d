//! What changed between two versions of a module, function by function.

use crate::ast::{Ast, Kind, NodeIx};
use crate::source::head::head_call;
use crate::source::words::{Word, word};
use crate::source::{FunctionDef, ModuleDef, Unit};

use super::matching::{Matching, NONE};

/// What `metadata` compares as statements of the module's body, in any order.
const STATEMENTS: [&str; 6] = [
    "uses",
    "struct",
    "requires",
    "aliases",
    "attributes",
    "imports",
];
/// Nodes gone, of all that a module had: above this a change is major.
const MAJOR_SHARE: f64 = 0.25;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    Added,
    Removed,
    /// Its clauses are not what they were.
    Modified,
    /// Another name, arity or module; its clauses may have changed as well.
    Renamed,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord)]
pub enum ChangeType {
    /// Not one node differs; format and comments may.
    Unchanged,
    /// Bodies, private functions, docs, attributes, aliases.
    Minor,
    /// What others call: a public function came, went or got another name, arity or visibility; imports and requires;
    /// or a quarter of the nodes is gone.
    Major,
    /// What the module is: its name, kind, type, behaviours, `use`s, struct.
    Structural,
}

#[derive(Clone, Debug)]
pub struct FunctionChange {
    pub change: Change,
    /// Numbers of `Unit::functions`.
    pub old: Option<u32>,
    pub new: Option<u32>,
    /// `head`, `body`, `visibility`, `clauses`, `kind`, `name`, `arity`, `module`.
    pub aspects: Vec<&'static str>,
}

#[derive(Clone, Debug)]
pub struct ModuleChange {
    /// Numbers of `Unit::modules`; one of them is there.
    pub old: Option<u32>,
    pub new: Option<u32>,
    pub change_type: ChangeType,
    pub functions: Vec<FunctionChange>,
    /// What of the module itself differs: names as `metadata` gives them.
    pub metadata: Vec<&'static str>,
    pub nodes: Nodes,
}

/// What became of the nodes of the old version.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Nodes {
    pub all: u32,
    /// Found again, with the subtree they had.
    pub kept: u32,
    /// Found again, with another subtree.
    pub changed: u32,
    pub gone: u32,
}

/// Every module of both versions, in the order of the new one, then those that went.
pub fn module_changes(old: &Unit, new: &Unit, matching: &Matching) -> Vec<ModuleChange> {
    let mut all: Vec<ModuleChange> = Vec::new();
    let mut origin = vec![NONE; new.modules().len()];
    for (o, &n) in matching.modules().iter().enumerate() {
        if n != NONE {
            origin[n as usize] = o as u32;
        }
    }
    let from = function_origins(new, matching);
    for (n, &o) in origin.iter().enumerate() {
        let o = (o != NONE).then_some(o);
        all.push(module_change(old, new, matching, &from, o, Some(n as u32)));
    }
    for (o, &n) in matching.modules().iter().enumerate() {
        if n == NONE {
            all.push(module_change(
                old,
                new,
                matching,
                &from,
                Some(o as u32),
                None,
            ));
        }
    }
    all
}

/// For each new function the old one it was.
fn function_origins(new: &Unit, matching: &Matching) -> Vec<u32> {
    let mut from = vec![NONE; new.functions().len()];
    for (o, &n) in matching.functions().iter().enumerate() {
        if n != NONE {
            from[n as usize] = o as u32;
        }
    }
    from
}

fn module_change(
    old: &Unit,
    new: &Unit,
    matching: &Matching,
    from: &[u32],
    o: Option<u32>,
    n: Option<u32>,
) -> ModuleChange {
    let functions = function_changes(old, new, matching, from, o, n);
    let metadata = match (o, n) {
        (Some(o), Some(n)) => metadata(old, o, new, n),
        _ => Vec::new(),
    };
    let nodes = o.map_or_else(Nodes::default, |o| nodes(old, new, matching, o));
    let change_type = change_type(old, new, &functions, &metadata, nodes, o, n);
    ModuleChange {
        old: o,
        new: n,
        change_type,
        functions,
        metadata,
        nodes,
    }
}

fn function_changes(
    old: &Unit,
    new: &Unit,
    matching: &Matching,
    from: &[u32],
    o: Option<u32>,
    n: Option<u32>,
) -> Vec<FunctionChange> {
    let mut all = Vec::new();
    for number in n.map_or(0..0, |n| new.modules()[n as usize].functions.clone()) {
        let Some(origin) = Some(from[number as usize]).filter(|&origin| origin != NONE) else {
            all.push(FunctionChange {
                change: Change::Added,
                old: None,
                new: Some(number),
                aspects: Vec::new(),
            });
            continue;
        };
        let aspects = aspects(old, origin, new, number, o);
        if aspects.is_empty() {
            continue;
        }
        let moved = ["name", "arity", "module"]
            .iter()
            .any(|one| aspects.contains(one));
        all.push(FunctionChange {
            change: if moved {
                Change::Renamed
            } else {
                Change::Modified
            },
            old: Some(origin),
            new: Some(number),
            aspects,
        });
    }
    for number in o.map_or(0..0, |o| old.modules()[o as usize].functions.clone()) {
        if matching.function(number).is_none() {
            all.push(FunctionChange {
                change: Change::Removed,
                old: Some(number),
                new: None,
                aspects: Vec::new(),
            });
        }
    }
    all
}

fn aspects(old: &Unit, o: u32, new: &Unit, n: u32, module: Option<u32>) -> Vec<&'static str> {
    let (a, b) = (&old.functions()[o as usize], &new.functions()[n as usize]);
    let mut aspects = Vec::new();
    let mut note = |differs: bool, name| {
        if differs {
            aspects.push(name);
        }
    };
    note(Some(a.module) != module, "module");
    note(a.name != b.name, "name");
    note(a.arity != b.arity, "arity");
    note(a.kind.is_public() != b.kind.is_public(), "visibility");
    note(kind_family(a) != kind_family(b), "kind");
    note(a.clauses.len() != b.clauses.len(), "clauses");
    let parts = |unit: &Unit, function: u32, head: bool| -> Vec<u64> {
        let clauses = unit.clauses_of_function(function).iter();
        clauses
            .flat_map(|clause| clause_parts(unit.ast(), clause.node, head))
            .collect()
    };
    note(parts(old, o, true) != parts(new, n, true), "head");
    note(parts(old, o, false) != parts(new, n, false), "body");
    aspects
}

/// What it is, whoever may call it.
fn kind_family(function: &FunctionDef) -> (bool, bool) {
    let text = function.kind.text();
    (
        function.kind.is_macro(),
        text == "defdelegate" || text == "callback",
    )
}

/// Hashes of the arguments and guards, or of the rest, of a clause.
fn clause_parts(ast: &Ast, clause: NodeIx, head: bool) -> Vec<u64> {
    let Some(call) = head_call(ast, clause) else {
        return vec![ast.hash(clause)];
    };
    if !head {
        return ast
            .children(clause)
            .skip(1)
            .map(|one| ast.hash(one))
            .collect();
    }
    let mut parts: Vec<u64> = ast.children(call).map(|one| ast.hash(one)).collect();
    // The guard stands beside the call, in a `when`.
    if let Some(outer) = ast.parent(call).filter(|&outer| outer > clause) {
        parts.extend(ast.children(outer).skip(1).map(|one| ast.hash(one)));
    }
    parts
}

fn nodes(old: &Unit, new: &Unit, matching: &Matching, module: u32) -> Nodes {
    let node = old.modules()[module as usize].node;
    let mut nodes = Nodes::default();
    for at in node.0..old.ast().end(node) {
        nodes.all += 1;
        match matching.node(NodeIx(at)) {
            Some(n) if new.ast().hash(n) == old.ast().hash(NodeIx(at)) => nodes.kept += 1,
            Some(_) => nodes.changed += 1,
            None => nodes.gone += 1,
        }
    }
    nodes
}

fn change_type(
    old: &Unit,
    new: &Unit,
    functions: &[FunctionChange],
    metadata: &[&str],
    nodes: Nodes,
    o: Option<u32>,
    n: Option<u32>,
) -> ChangeType {
    let (Some(o), Some(n)) = (o, n) else {
        return ChangeType::Structural;
    };
    let structural = [
        "module_name",
        "kind",
        "module_type",
        "behaviours",
        "uses",
        "implements",
        "struct",
    ];
    if structural.iter().any(|one| metadata.contains(one)) {
        return ChangeType::Structural;
    }
    let public = |unit: &Unit, number: Option<u32>| {
        number.is_some_and(|number| unit.functions()[number as usize].kind.is_public())
    };
    let interface = |one: &FunctionChange| match one.change {
        Change::Modified => one.aspects.contains(&"visibility") || one.aspects.contains(&"kind"),
        _ => public(old, one.old) || public(new, one.new),
    };
    let gone = f64::from(nodes.gone) > MAJOR_SHARE * f64::from(nodes.all);
    let directives = ["imports", "requires"]
        .iter()
        .any(|one| metadata.contains(one));
    if gone || directives || functions.iter().any(interface) {
        return ChangeType::Major;
    }
    let hash = |unit: &Unit, module: u32| {
        let module: &ModuleDef = &unit.modules()[module as usize];
        unit.ast().hash(module.node)
    };
    match hash(old, o) == hash(new, n) && functions.is_empty() && metadata.is_empty() {
        true => ChangeType::Unchanged,
        false => ChangeType::Minor,
    }
}

/// Names of what differs between two versions of a module, apart from its functions.
fn metadata(old: &Unit, o: u32, new: &Unit, n: u32) -> Vec<&'static str> {
    let (a, b) = (&old.modules()[o as usize], &new.modules()[n as usize]);
    let mut names = Vec::new();
    let mut note = |differs: bool, name| {
        if differs {
            names.push(name);
        }
    };
    note((a.name, a.dynamic) != (b.name, b.dynamic), "module_name");
    note(a.kind != b.kind, "kind");
    note(a.module_type != b.module_type, "module_type");
    note(a.behaviours != b.behaviours, "behaviours");
    note(a.uses != b.uses, "uses");
    note(a.implements != b.implements, "implements");
    for field in STATEMENTS {
        let hashes = |unit: &Unit, module: u32| {
            let nodes = statements_of(unit, module, field);
            let mut hashes: Vec<u64> = nodes.iter().map(|&ix| unit.ast().hash(ix)).collect();
            hashes.sort_unstable();
            hashes
        };
        note(hashes(old, o) != hashes(new, n), field);
    }
    names.sort_unstable();
    names.dedup();
    names
}

/// Statements of a module's body that `field` of `metadata` is about; empty for what is no list of statements.
pub(super) fn statements_of(unit: &Unit, module: u32, field: &str) -> Vec<NodeIx> {
    let wanted: &[Word] = match field {
        "uses" => &[Word::Use],
        "struct" => &[Word::Defstruct, Word::Defexception],
        "requires" => &[Word::Require],
        "aliases" => &[Word::Alias],
        "attributes" => &[Word::Attribute],
        "imports" => &[],
        _ => return Vec::new(),
    };
    let ast = unit.ast();
    let takes = |&ix: &NodeIx| {
        ast.atom_of(ix, Kind::Call).is_some_and(|name| match field {
            "imports" => name.text() == "import",
            _ => word(name).is_some_and(|found| wanted.contains(&found)),
        })
    };
    body(unit, module).into_iter().filter(takes).collect()
}

/// What stands directly in a module.
fn body(unit: &Unit, module: u32) -> Vec<NodeIx> {
    let ast = unit.ast();
    let node = unit.modules()[module as usize].node;
    let mut all = Vec::new();
    for list in ast
        .children(node)
        .filter(|&one| ast.kind(one) == Kind::List)
    {
        for body in ast.children(list).filter_map(|pair| ast.child(pair, 0)) {
            match ast.atom_of(body, Kind::Call).and_then(word) {
                // A block, or the one statement that there is.
                Some(Word::Block) => all.extend(ast.children(body)),
                _ => all.push(body),
            }
        }
    }
    all
}
