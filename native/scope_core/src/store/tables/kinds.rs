//! What rows modules and functions have.

use std::sync::Arc;

use ahash::AHashMap;

use crate::atoms::Atom;
use crate::capture::points::FunctionKey;
use crate::ingest::CallStats;
use crate::query::{Builder, Type, Vector};
use crate::store::columns::{Cell, Column};
use crate::store::function_row::{FunctionField, FunctionRow};
use crate::store::locate::{function_number, runtime_key};
use crate::store::module_row::{ModuleField, ModuleRow};
use crate::store::record::{FunctionRecord, ModuleRecord};
use crate::store::structs::{average_ms, error_rate, us};
use crate::store::tables::points::function_name;
use crate::store::tables::rows::{Kept, Kind, once};
use crate::store::view::View;
use crate::value::Value;

pub struct Modules<'v>(pub &'v View<'v>);

impl<'v> Kind for Modules<'v> {
    type Place = Arc<ModuleRecord>;
    type Row<'r>
        = ModuleRow<'r>
    where
        Self: 'r;
    type Field = ModuleField;

    fn places(&self) -> Vec<Arc<ModuleRecord>> {
        self.0.repository.modules().to_vec()
    }

    fn row(&self, place: &Arc<ModuleRecord>) -> ModuleRow<'_> {
        ModuleRow::new(self.0, place.clone())
    }

    fn cell(row: &ModuleRow<'_>, column: &Column<ModuleField>) -> Cell {
        row.cell(column)
    }

    fn extra(_row: &ModuleRow<'_>, _name: &str) -> Option<Value> {
        None
    }

    fn module(place: &Arc<ModuleRecord>) -> Atom {
        place.name
    }

    fn figures(&self, _path: &str, _places: &[Self::Place], _kept: &Kept) -> Option<Vector> {
        None
    }
}

/// A function of a module's source, by its number, or one that was stored alone.
pub enum FunctionPlace {
    Source(Arc<ModuleRecord>, u32),
    Stored(Arc<FunctionRecord>),
}

pub struct Functions<'v>(pub &'v View<'v>);

impl<'v> Kind for Functions<'v> {
    type Place = FunctionPlace;
    type Row<'r>
        = FunctionRow<'r>
    where
        Self: 'r;
    type Field = FunctionField;

    fn places(&self) -> Vec<FunctionPlace> {
        let repository = self.0.repository;
        let mut places = Vec::new();
        for record in repository.modules().iter() {
            if let Some((_, _, module)) = record.definition() {
                let functions = module.functions.clone();
                places.extend(
                    functions.map(|function| FunctionPlace::Source(record.clone(), function)),
                );
            }
        }
        // A function that defaults make is its definition's row.
        let known = |record: &FunctionRecord| {
            let key = record.key;
            repository.definition(key.module).is_some_and(|(unit, _)| {
                function_number(&unit, &key)
                    .is_some_and(|number| unit.functions()[number as usize].arity == key.arity)
            })
        };
        if repository.has_stored_functions() {
            let alone = repository.stored_functions().into_iter();
            let alone = alone.filter(|record| !known(record));
            places.extend(alone.map(FunctionPlace::Stored));
        }
        places
    }

    fn row(&self, place: &FunctionPlace) -> FunctionRow<'_> {
        match place {
            FunctionPlace::Source(record, function) => {
                FunctionRow::of_place(self.0, record.clone(), *function)
            }
            FunctionPlace::Stored(record) => FunctionRow::of_stored(self.0, record.clone()),
        }
    }

    fn cell(row: &FunctionRow<'_>, column: &Column<FunctionField>) -> Cell {
        row.cell(column)
    }

    fn extra(row: &FunctionRow<'_>, name: &str) -> Option<Value> {
        (name == "function").then(|| Value::text(&function_name(&row.key)))
    }

    fn module(place: &FunctionPlace) -> Atom {
        match place {
            FunctionPlace::Source(record, _) => record.name,
            FunctionPlace::Stored(record) => record.key.module,
        }
    }

    fn figures(&self, path: &str, places: &[FunctionPlace], kept: &Kept) -> Option<Vector> {
        let figure = figure(path)?;
        let repository = self.0.repository;
        if repository.has_stored_functions() || repository.has_former_names() {
            return None;
        }
        let by_name = once(kept, repository.version(), "functions by name", || {
            by_name(places)
        });
        Some(figure.column(self.0.all_stats(), &by_name, places.len()))
    }
}

/// The rows of functions, by the names under which they are observed.
fn by_name(places: &[FunctionPlace]) -> AHashMap<FunctionKey, u32> {
    let mut all = AHashMap::with_capacity(places.len());
    for (number, place) in places.iter().enumerate() {
        if let FunctionPlace::Source(record, function) = place
            && let Some((unit, _, _)) = record.definition()
            && let Some(key) = runtime_key(unit, *function)
        {
            all.insert(key, number as u32);
        }
    }
    all
}

/// What is read of a function's counts.
enum Figure {
    /// Nothing counted is none.
    Count(fn(&CallStats) -> u64),
    /// Nothing counted is nothing known.
    Number(fn(&CallStats) -> Value),
}

fn maybe_us(ns: Option<u64>) -> Value {
    ns.map_or_else(Value::nil, us)
}

fn figure(path: &str) -> Option<Figure> {
    let name = path.strip_prefix("execution_statistics.").unwrap_or(path);
    Some(match name {
        "calls" | "call_frequency" | "execution_frequency" => Figure::Count(|stats| stats.calls),
        "errors" if name == path => Figure::Count(|stats| stats.errors + stats.aborted),
        "total_us" => Figure::Number(|stats| us(stats.total_ns)),
        "self_us" => Figure::Number(|stats| us(stats.self_ns)),
        "p50_us" => Figure::Number(|stats| maybe_us(stats.p50_ns)),
        "p95_us" => Figure::Number(|stats| maybe_us(stats.p95_ns)),
        "p99_us" => Figure::Number(|stats| maybe_us(stats.p99_ns)),
        "average_duration" => Figure::Number(average_ms),
        "error_rate" => Figure::Number(error_rate),
        _ => return None,
    })
}

impl Figure {
    /// Of all rows: what was not observed is not looked at.
    fn column(
        &self,
        stats: &AHashMap<FunctionKey, CallStats>,
        by_name: &AHashMap<FunctionKey, u32>,
        rows: usize,
    ) -> Vector {
        let observed = stats
            .iter()
            .filter_map(|(key, stats)| Some((*by_name.get(key)? as usize, stats)));
        match self {
            Figure::Count(read) => {
                let mut values = vec![0; rows];
                for (row, stats) in observed {
                    values[row] = i64::try_from(read(stats)).unwrap_or(i64::MAX);
                }
                Vector::Int(values, None)
            }
            Figure::Number(read) => {
                let mut values = vec![Value::nil(); rows];
                for (row, stats) in observed {
                    values[row] = read(stats);
                }
                let mut builder = Builder::new(Type::Float);
                for value in values {
                    builder.push(value);
                }
                builder.finish()
            }
        }
    }
}
