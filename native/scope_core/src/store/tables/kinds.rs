//! What rows modules and functions have.

use crate::atoms::Atom;
use crate::store::columns::{Cell, Column};
use crate::store::function_row::{FunctionField, FunctionRow};
use crate::store::locate::function_number;
use crate::store::module_row::{ModuleField, ModuleRow};
use crate::store::record::FunctionRecord;
use crate::store::tables::points::function_name;
use crate::store::tables::rows::Kind;
use crate::store::view::View;
use crate::value::Value;

pub struct Modules<'v>(pub &'v View<'v>);

impl<'v> Kind for Modules<'v> {
    type Row<'r>
        = ModuleRow<'r>
    where
        Self: 'r;
    type Field = ModuleField;

    fn rows(&self) -> Vec<ModuleRow<'_>> {
        let modules = self.0.repository.modules();
        modules
            .iter()
            .map(|record| ModuleRow::new(self.0, record.clone()))
            .collect()
    }

    fn cell(row: &ModuleRow<'_>, column: &Column<ModuleField>) -> Cell {
        row.cell(column)
    }

    fn extra(_row: &ModuleRow<'_>, _name: &str) -> Option<Value> {
        None
    }

    fn module(row: &ModuleRow<'_>) -> Atom {
        row.record.name
    }
}

pub struct Functions<'v>(pub &'v View<'v>);

impl<'v> Kind for Functions<'v> {
    type Row<'r>
        = FunctionRow<'r>
    where
        Self: 'r;
    type Field = FunctionField;

    fn rows(&self) -> Vec<FunctionRow<'_>> {
        let view = self.0;
        let repository = view.repository;
        let any_stored = repository.has_stored_functions();
        let mut rows = Vec::new();
        for record in repository.modules().iter() {
            let Some((_, _, module)) = record.definition() else {
                continue;
            };
            rows.extend(module.functions.clone().filter_map(|function| {
                FunctionRow::of_source(view, record.clone(), function, any_stored)
            }));
        }
        // A function that defaults make is its definition's row.
        let known = |record: &FunctionRecord| {
            let key = record.key;
            repository.definition(key.module).is_some_and(|(unit, _)| {
                function_number(&unit, &key)
                    .is_some_and(|number| unit.functions()[number as usize].arity == key.arity)
            })
        };
        if any_stored {
            let alone = repository.stored_functions().into_iter();
            let alone = alone.filter(|record| !known(record));
            rows.extend(alone.map(|record| FunctionRow::of_stored(view, record)));
        }
        rows
    }

    fn cell(row: &FunctionRow<'_>, column: &Column<FunctionField>) -> Cell {
        row.cell(column)
    }

    fn extra(row: &FunctionRow<'_>, name: &str) -> Option<Value> {
        (name == "function").then(|| Value::text(&function_name(&row.key)))
    }

    fn module(row: &FunctionRow<'_>) -> Atom {
        row.key.module
    }
}
