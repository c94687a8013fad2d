//! Tables that are made whole when they are asked for: clauses, edges, processes, findings.

use std::ops::ControlFlow;
use std::sync::Arc;

use ahash::AHashMap;

use crate::atoms::{Atom, intern};
use crate::capture::points::FunctionKey;
use crate::error::Result;
use crate::graph::EdgeKind as Written;
use crate::ingest::{CallStats, Edge, EdgeKind, EventFilter, EventKind, POINT_BITS, Wanted};
use crate::query::{Builder, MemoryTable, Type};
use crate::store::findings::{FindingsAsked, findings};
use crate::store::locate::runtime_key;
use crate::store::repository::Repository;
use crate::store::structs::{us, word};
use crate::store::tables::log::LogColumns;
use crate::store::tables::points::function_name;
use crate::store::tables::schema::TableInfo;
use crate::value::Value;

/// Rows, value by value, in the order of the table's columns.
struct Rows {
    info: &'static TableInfo,
    builders: Vec<Builder>,
}

impl Rows {
    fn new(info: &'static TableInfo) -> Rows {
        Rows {
            info,
            builders: info
                .columns
                .iter()
                .map(|column| Builder::new(column.kind))
                .collect(),
        }
    }

    fn push(&mut self, row: Vec<Value>) {
        for (builder, value) in self.builders.iter_mut().zip(row) {
            builder.push(value);
        }
    }

    fn table(self) -> MemoryTable {
        let rows = self.builders.first().map_or(0, Builder::len);
        let columns = self.info.columns.iter().zip(self.builders);
        MemoryTable {
            rows,
            columns: columns
                .map(|(column, builder)| (column.name, Arc::new(builder.finish())))
                .collect(),
        }
    }
}

fn int(n: u32) -> Value {
    match n {
        0 => Value::nil(),
        n => Value::Int(i64::from(n)),
    }
}

fn text(key: &FunctionKey) -> Value {
    Value::text(&function_name(key))
}

pub fn clauses(info: &'static TableInfo, repository: &Repository) -> MemoryTable {
    let mut rows = Rows::new(info);
    for unit in repository.units().iter() {
        let mut known: AHashMap<u32, Vec<(u32, CallStats)>> = AHashMap::new();
        for (number, clause) in unit.clauses().iter().enumerate() {
            let function = &unit.functions()[clause.function as usize];
            let key = FunctionKey {
                module: unit.modules()[function.module as usize].name,
                name: function.name,
                arity: function.arity,
            };
            let ordinal = number as u32 - function.clauses.start + 1;
            let stats = known.entry(clause.function).or_insert_with(|| {
                let Some(runtime) = runtime_key(unit, clause.function) else {
                    return Vec::new();
                };
                let found = repository.runtime().clause_stats(&runtime);
                found
                    .iter()
                    .map(|one| (one.point.line, one.stats))
                    .collect()
            });
            // A clause is known by where it begins: ordinals of the compiler leave out heads without a body.
            let own = stats
                .iter()
                .filter(|(line, _)| *line == clause.position.line);
            let own: Vec<&CallStats> = own.map(|(_, stats)| stats).collect();
            let sum =
                |read: fn(&CallStats) -> u64| own.iter().map(|stats| read(stats)).sum::<u64>();
            let p95 = own.iter().filter_map(|stats| stats.p95_ns).max();
            let or_nil = |value: Value| match own.is_empty() {
                true => Value::nil(),
                false => value,
            };
            rows.push(vec![
                Value::text(&unit.clause_id(number as u32)),
                text(&key),
                Value::Atom(key.module),
                Value::Atom(key.name),
                Value::Int(i64::from(key.arity)),
                Value::Int(i64::from(ordinal)),
                Value::text(unit.file()),
                int(clause.position.line),
                int(clause.end_line),
                Value::Int(i64::from(clause.metrics.cyclomatic_complexity)),
                Value::count(sum(|stats| stats.calls)),
                Value::count(sum(|stats| stats.errors + stats.aborted)),
                or_nil(us(sum(|stats| stats.total_ns))),
                or_nil(us(sum(|stats| stats.self_ns))),
                p95.map_or_else(Value::nil, us),
            ]);
        }
    }
    rows.table()
}

/// Who calls whom, once for each pair and way.
pub fn edges(info: &'static TableInfo, repository: &Repository, observed: &[Edge]) -> MemoryTable {
    struct One {
        written: bool,
        observed: bool,
        count: u64,
        file: Value,
        line: u32,
    }
    let mut all: AHashMap<(FunctionKey, FunctionKey, &'static str), One> = AHashMap::new();
    repository.graphs(|index| {
        for (file, edge) in index.edges() {
            let key = (index.key(edge.caller), index.key(edge.callee));
            let way = match edge.kind {
                Written::Dynamic => "dynamic",
                _ => "call",
            };
            let one = all.entry((key.0, key.1, way)).or_insert(One {
                written: true,
                observed: false,
                count: 0,
                file: Value::text(file),
                line: edge.line,
            });
            one.line = one.line.min(edge.line);
        }
    });
    let mut seen: AHashMap<(FunctionKey, FunctionKey), (u64, bool)> = AHashMap::new();
    for edge in observed {
        let present = |key: &FunctionKey| repository.present_name(key).unwrap_or(*key);
        let one = seen
            .entry((present(&edge.caller), present(&edge.callee)))
            .or_default();
        one.0 += edge.count;
        one.1 |= edge.kind == EdgeKind::Call;
    }
    for ((caller, callee), (count, _)) in seen {
        let one = all.entry((caller, callee, "call")).or_insert(One {
            written: false,
            observed: false,
            count: 0,
            file: Value::nil(),
            line: 0,
        });
        one.observed = true;
        one.count += count;
    }
    let mut all: Vec<_> = all.into_iter().collect();
    let order = |key: &FunctionKey| (key.module.text(), key.name.text(), key.arity);
    all.sort_by(|((a, b, way), _), ((c, d, other), _)| {
        (order(a), order(b), way).cmp(&(order(c), order(d), other))
    });
    let mut rows = Rows::new(info);
    for ((caller, callee, way), one) in all {
        rows.push(vec![
            text(&caller),
            text(&callee),
            Value::Atom(caller.module),
            Value::Atom(callee.module),
            word(way),
            Value::bool(one.written),
            Value::bool(one.observed),
            Value::count(one.count),
            one.file,
            int(one.line),
        ]);
    }
    rows.table()
}

pub fn processes(info: &'static TableInfo, log: &LogColumns<'_>) -> Result<MemoryTable> {
    #[derive(Default)]
    struct One {
        events: u64,
        calls: u64,
        errors: u64,
        first_ns: u64,
        last_ns: u64,
        exited: bool,
    }
    let mut all: AHashMap<(u64, bool), One> = AHashMap::new();
    let mut order = Vec::new();
    let wanted = Wanted::new(&EventFilter::default(), None);
    log.reading().snapshot().each_block(&wanted, &mut |block| {
        for row in 0..block.rows() {
            let key = (block.process_word(row), block.head.foreign);
            let at = block.at.get(row);
            let one = all.entry(key).or_insert_with(|| {
                order.push(key);
                One {
                    first_ns: at,
                    ..One::default()
                }
            });
            one.events += 1;
            one.first_ns = one.first_ns.min(at);
            one.last_ns = one.last_ns.max(at);
            match EventKind::ALL[(block.point_kind[row] >> POINT_BITS) as usize] {
                EventKind::Enter => one.calls += 1,
                EventKind::Error => one.errors += 1,
                EventKind::Aborted => {
                    one.errors += 1;
                    one.exited = true;
                }
                EventKind::ProcessExit => one.exited = true,
                _ => {}
            }
        }
        Ok(ControlFlow::Continue(()))
    })?;
    let mut rows = Rows::new(info);
    for key in order {
        let one = &all[&key];
        rows.push(vec![
            Value::Binary(log.pid(key.0, key.1)),
            Value::count(one.events),
            Value::count(one.calls),
            Value::count(one.errors),
            Value::count(one.first_ns),
            Value::count(one.last_ns),
            Value::bool(one.exited),
        ]);
    }
    Ok(rows.table())
}

pub fn found(info: &'static TableInfo, repository: &Repository) -> MemoryTable {
    let mut rows = Rows::new(info);
    let Value::List(all) = findings(repository, &FindingsAsked::default()) else {
        return rows.table();
    };
    let names: Vec<Atom> = info
        .columns
        .iter()
        .map(|column| intern(column.name))
        .collect();
    let key = intern("function_key");
    for finding in all {
        let row = names.iter().zip(info.columns).map(|(name, column)| {
            if column.name == "function" {
                return match finding.get(key) {
                    Some(Value::Tuple(parts)) => match parts.as_slice() {
                        [Value::Atom(module), Value::Atom(name), Value::Int(arity)] => {
                            text(&FunctionKey {
                                module: *module,
                                name: *name,
                                arity: *arity as u32,
                            })
                        }
                        _ => Value::nil(),
                    },
                    _ => Value::nil(),
                };
            }
            let value = finding.get(*name).cloned().unwrap_or_else(Value::nil);
            match (column.kind, value) {
                (Type::Float, Value::Int(n)) => Value::Float(n as f64),
                (_, value) => value,
            }
        });
        rows.push(row.collect());
    }
    rows.table()
}
