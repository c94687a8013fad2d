//! What changed, as values: maps of `ElixirScope.ASTRepository.ModuleDiff`'s fields.

use crate::ast::NodeIx;
use crate::atoms::intern;
use crate::source::{Found, FunctionDef, ModuleKind, NodeId, Position, Unit};
use crate::value::Value;

use super::changes::{
    Change, ChangeType, FunctionChange, ModuleChange, module_changes, statements_of,
};
use super::matching::Matching;

/// The modules of two versions of a file, as maps.
pub fn module_values(old: &Unit, new: &Unit, matching: &Matching) -> Value {
    let changes = module_changes(old, new, matching);
    let values = changes.iter().map(|one| module_value(old, new, one));
    Value::List(values.collect())
}

/// What became of ids of the old version: `[{id, new_id}]`, with `nil` for what is gone and for what names nothing.
/// Of every node when no ids are given.
pub fn forwarded(old: &Unit, new: &Unit, matching: &Matching, ids: Option<&[&str]>) -> Value {
    let pair = |id: &str, forward: Option<String>| {
        let forward = forward.map_or_else(Value::nil, |id| Value::text(&id));
        Value::Tuple(vec![Value::text(id), forward])
    };
    let mut all = Vec::new();
    match ids {
        Some(ids) => {
            all.extend(
                ids.iter()
                    .map(|id| pair(id, forward(old, new, matching, id))),
            );
        }
        None => old.each_id(|ix, id| {
            let forward = matching.node(ix).map(|ix| new.node_id(ix));
            all.push(pair(id, forward));
        }),
    }
    Value::List(all)
}

/// The new id of one id.
pub fn forward(old: &Unit, new: &Unit, matching: &Matching, id: &str) -> Option<String> {
    let found = old.resolve(&NodeId::parse(id).ok()?)?;
    matching.found(found).map(|found| new.id_of(found))
}

/// What became of every id of the old version, as counts: `all`, `unchanged` (the same id, for the same node),
/// `forwarded`, `gone`, and of the gone ones `reused` (the id names an equal node of the same definition now) and
/// `missed` (its code, of at least nine nodes, stands in the new version and came from nowhere else).
pub fn survival(old: &Unit, new: &Unit, matching: &Matching) -> Value {
    let mut new_ids: ahash::AHashMap<u64, u32> = ahash::AHashMap::new();
    let hash = |id: &str| xxhash_rust::xxh3::xxh3_64(id.as_bytes());
    new.each_id(|ix, id| {
        new_ids.insert(hash(id), ix.0);
    });
    let mut taken = vec![false; new.ast().len()];
    let partners = matching
        .nodes()
        .iter()
        .filter_map(|&n| taken.get_mut(n as usize).map(|_| n));
    for n in partners.collect::<Vec<_>>() {
        taken[n as usize] = true;
    }
    let mut free: ahash::AHashSet<u64> = ahash::AHashSet::new();
    for at in (0..new.ast().len() as u32).filter(|&at| !taken[at as usize]) {
        if new.ast().size(NodeIx(at)) >= MISSED_ENTRIES_MIN {
            free.insert(new.ast().hash(NodeIx(at)));
        }
    }
    let (mut all, mut unchanged, mut moved, mut gone, mut reused, mut missed) = (0, 0, 0, 0, 0, 0);
    old.each_id(|ix, id| {
        all += 1;
        let now = new_ids.get(&hash(id)).copied();
        match matching.node(ix) {
            Some(n) if now == Some(n.0) => unchanged += 1,
            Some(_) => moved += 1,
            None => {
                gone += 1;
                reused += u64::from(now.is_some());
                let large = old.ast().size(ix) >= MISSED_ENTRIES_MIN;
                missed += u64::from(large && free.contains(&old.ast().hash(ix)));
            }
        }
    });
    let counts = [
        ("all", all),
        ("unchanged", unchanged),
        ("forwarded", moved),
        ("gone", gone),
        ("reused", reused),
        ("missed", missed),
    ];
    record(
        counts
            .map(|(name, count)| (name, Value::count(count)))
            .to_vec(),
    )
}

const MISSED_ENTRIES_MIN: u32 = 9;

fn record(fields: Vec<(&str, Value)>) -> Value {
    Value::record(
        fields
            .into_iter()
            .map(|(name, value)| (intern(name), value))
            .collect(),
    )
}

fn atom(text: &str) -> Value {
    Value::Atom(intern(text))
}

fn module_value(old: &Unit, new: &Unit, change: &ModuleChange) -> Value {
    let name = |unit: &Unit, module: Option<u32>| {
        module.map_or_else(Value::nil, |at| module_name(unit, at))
    };
    let id = |unit: &Unit, module: Option<u32>| {
        module.map_or_else(Value::nil, |at| Value::text(&unit.module_id(at)))
    };
    let status = match (change.old, change.new) {
        (None, _) => "added",
        (_, None) => "removed",
        _ if change.metadata.contains(&"module_name") => "renamed",
        _ if change.change_type == ChangeType::Unchanged => "unchanged",
        _ => "changed",
    };
    let change_type = match change.change_type {
        // The specification knows three, and says this of what did not change.
        ChangeType::Unchanged | ChangeType::Minor => "minor_changes",
        ChangeType::Major => "major_changes",
        ChangeType::Structural => "structural_changes",
    };
    let functions = change.functions.iter();
    let metadata = change
        .metadata
        .iter()
        .map(|field| metadata_value(old, new, change, field));
    let counts = change.nodes;
    let nodes = [
        ("total", counts.all),
        ("unchanged", counts.kept),
        ("changed", counts.changed),
        ("gone", counts.gone),
    ];
    record(vec![
        (
            "module_name",
            match change.new {
                Some(_) => name(new, change.new),
                None => name(old, change.old),
            },
        ),
        ("old_module_name", name(old, change.old)),
        ("ast_node_id", id(new, change.new)),
        ("old_ast_node_id", id(old, change.old)),
        ("status", atom(status)),
        ("change_type", atom(change_type)),
        (
            "function_changes",
            Value::List(functions.map(|one| function_value(old, new, one)).collect()),
        ),
        ("metadata_changes", Value::List(metadata.collect())),
        (
            "nodes",
            record(
                nodes
                    .map(|(name, n)| (name, Value::count(u64::from(n))))
                    .to_vec(),
            ),
        ),
    ])
}

fn module_name(unit: &Unit, module: u32) -> Value {
    let module = &unit.modules()[module as usize];
    match module.dynamic {
        true => Value::text(module.name.text()),
        false => Value::Atom(module.name),
    }
}

fn function_value(old: &Unit, new: &Unit, change: &FunctionChange) -> Value {
    let kind = match change.change {
        Change::Added => "added",
        Change::Removed => "removed",
        Change::Modified => "modified",
        Change::Renamed => "renamed",
    };
    let name = |function: &FunctionDef| match function.dynamic {
        true => Value::text(function.name.text()),
        false => Value::Atom(function.name),
    };
    let key = |unit: &Unit, number: Option<u32>| {
        number.map_or_else(Value::nil, |number| {
            let one = &unit.functions()[number as usize];
            Value::Tuple(vec![
                module_name(unit, one.module),
                name(one),
                Value::Int(i64::from(one.arity)),
            ])
        })
    };
    let id = |unit: &Unit, number: Option<u32>| {
        number.map_or_else(Value::nil, |number| Value::text(&unit.function_id(number)))
    };
    let line = |unit: &Unit, number: Option<u32>| {
        let at = number.map_or(Position::default(), |number| {
            unit.functions()[number as usize].position
        });
        match at.line {
            0 => Value::nil(),
            line => Value::Int(i64::from(line)),
        }
    };
    let public = |unit: &Unit, number: Option<u32>| {
        number.is_some_and(|number| unit.functions()[number as usize].kind.is_public())
    };
    let aspects = change.aspects.iter().map(|aspect| atom(aspect));
    record(vec![
        ("change", atom(kind)),
        ("old", key(old, change.old)),
        ("new", key(new, change.new)),
        ("old_ast_node_id", id(old, change.old)),
        ("ast_node_id", id(new, change.new)),
        ("old_line", line(old, change.old)),
        ("line", line(new, change.new)),
        (
            "public",
            Value::bool(public(old, change.old) || public(new, change.new)),
        ),
        ("aspects", Value::List(aspects.collect())),
    ])
}

/// `%{field:, old:, new:}`; of statements, the ids of those that stand on one side only.
fn metadata_value(old: &Unit, new: &Unit, change: &ModuleChange, field: &str) -> Value {
    let (Some(o), Some(n)) = (change.old, change.new) else {
        return Value::nil();
    };
    let only = |unit: &Unit, at: u32, other: &Unit, other_at: u32| {
        let there: Vec<u64> = statements_of(other, other_at, field)
            .iter()
            .map(|&ix| other.ast().hash(ix))
            .collect();
        let here = statements_of(unit, at, field).into_iter();
        let own = here.filter(|&ix| !there.contains(&unit.ast().hash(ix)));
        Value::List(own.map(|ix| Value::text(&unit.node_id(ix))).collect())
    };
    let (before, after) = match own_value(old, o, field).zip(own_value(new, n, field)) {
        Some(values) => values,
        None => (only(old, o, new, n), only(new, n, old, o)),
    };
    record(vec![
        ("field", atom(field)),
        ("old", before),
        ("new", after),
    ])
}

fn own_value(unit: &Unit, module: u32, field: &str) -> Option<Value> {
    let one = &unit.modules()[module as usize];
    Some(match field {
        "module_name" => module_name(unit, module),
        "kind" => atom(match one.kind {
            ModuleKind::Module => "module",
            ModuleKind::Protocol => "protocol",
            ModuleKind::Impl => "impl",
        }),
        "module_type" => atom(one.module_type.text()),
        "behaviours" => Value::List(
            one.behaviours
                .iter()
                .map(|&name| Value::Atom(name))
                .collect(),
        ),
        "implements" => one
            .implements
            .map_or_else(Value::nil, |(protocol, target)| {
                Value::Tuple(vec![Value::Atom(protocol), Value::Atom(target)])
            }),
        _ => return None,
    })
}

impl Matching {
    /// What became of what an id of the old unit names.
    pub fn found(&self, found: Found) -> Option<Found> {
        match found {
            Found::File => Some(Found::File),
            Found::Module(module) => self.module(module).map(Found::Module),
            Found::Function(function) => self.function(function).map(Found::Function),
            Found::Clause(clause) => self.clause(clause).map(Found::Clause),
            Found::Node(ix) => self.node(ix).map(Found::Node),
        }
    }
}

impl Unit {
    /// The id of what was found.
    pub fn id_of(&self, found: Found) -> String {
        match found {
            Found::File => self.file_id(),
            Found::Module(module) => self.module_id(module),
            Found::Function(function) => self.function_id(function),
            Found::Clause(clause) => self.clause_id(clause),
            Found::Node(ix) => self.node_id(ix),
        }
    }
}
