//! Names: which table, which column.

use sqlparser::ast::Ident;

use crate::error::{Error, Result};
use crate::query::names::unknown;
use crate::query::select::Select;
use crate::query::table::Catalogue;
use crate::query::vector::Type;

pub struct Scope<'c> {
    pub select: Select,
    pub catalogue: &'c dyn Catalogue,
}

/// A name as tables have it: in small letters, unless it is quoted.
pub fn name_of(ident: &Ident) -> String {
    match ident.quote_style {
        Some(_) => ident.value.clone(),
        None => ident.value.to_lowercase(),
    }
}

impl<'c> Scope<'c> {
    pub fn new(catalogue: &'c dyn Catalogue, tables: Vec<(String, String)>) -> Result<Scope<'c>> {
        let mut select: Option<Select> = None;
        for (name, alias) in tables {
            catalogue.table(&name)?;
            let one = Select::of_table(&name);
            match &mut select {
                None => {
                    let mut one = one;
                    one.tables[0].alias = alias;
                    select = Some(one);
                }
                Some(select) => {
                    if select.tables.iter().any(|table| table.alias == alias) {
                        return Err(Error::Invalid {
                            what: "SQL",
                            detail: format!("two tables are called {alias}: give one an alias"),
                        });
                    }
                    select
                        .tables
                        .extend(one.tables.into_iter().map(|mut table| {
                            table.alias = alias.clone();
                            table
                        }));
                }
            }
        }
        let select = select.ok_or_else(|| Error::Invalid {
            what: "SQL",
            detail: "FROM is missing: say which table".into(),
        })?;
        Ok(Scope { select, catalogue })
    }

    /// The question's number of a column.
    pub fn column(&mut self, idents: &[Ident]) -> Result<usize> {
        let path: Vec<String> = idents.iter().map(name_of).collect();
        if let [alias, rest @ ..] = path.as_slice()
            && !rest.is_empty()
            && let Some(table) = self.alias(alias)
        {
            return self.column_of(table, &rest.join("."));
        }
        let name = path.join(".");
        let mut found = Vec::new();
        let mut error = None;
        for (number, table) in self.select.tables.iter().enumerate() {
            match self.catalogue.column(&table.name, &name) {
                Ok(_) => found.push(number),
                Err(this) => error = error.or(Some(this)),
            }
        }
        match found.as_slice() {
            [table] => self.column_of(*table, &name),
            [] => {
                if let [alias, _, ..] = path.as_slice()
                    && self.select.tables.len() > 1
                {
                    let aliases = self.select.tables.iter();
                    return Err(unknown(
                        "table",
                        alias,
                        aliases.map(|table| table.alias.as_str()),
                    ));
                }
                Err(error.unwrap_or_else(|| unknown("column", &name, std::iter::empty())))
            }
            [first, second, ..] => {
                let tables = &self.select.tables;
                Err(Error::Invalid {
                    what: "SQL",
                    detail: format!(
                        "{name} could be {}.{name} or {}.{name}: say which",
                        tables[*first].alias, tables[*second].alias
                    ),
                })
            }
        }
    }

    pub fn alias(&self, alias: &str) -> Option<usize> {
        self.select
            .tables
            .iter()
            .position(|table| table.alias == alias)
    }

    pub fn column_of(&mut self, table: usize, path: &str) -> Result<usize> {
        let info = self
            .catalogue
            .column(&self.select.tables[table].name, path)?;
        Ok(self.select.column(table, path.into(), info))
    }

    pub fn kind(&self, global: usize) -> Type {
        self.select.infos[global].kind
    }
}
