//! From syntax to a question.

use sqlparser::ast::{
    Distinct, Expr as Syntax, GroupByExpr, JoinConstraint, JoinOperator, LimitClause,
    ObjectNamePart, OrderByKind, OrderBySort, Query, Select as SelectSyntax, SelectItem,
    SelectItemQualifiedWildcardKind, SetExpr, TableFactor, UnaryOperator, Value as Literal,
};

use crate::error::{Error, Result};
use crate::limits;
use crate::query::expr::Expr;
use crate::query::names::unknown;
use crate::query::select::{Grouping, Item, Join, JoinKind, Key, Select};
use crate::query::sql::expressions::{Lowering, has_aggregate};
use crate::query::sql::scope::{Scope, name_of};
use crate::query::table::Catalogue;

pub fn not_understood(what: &str) -> Error {
    Error::Invalid {
        what: "SQL",
        detail: format!(
            "{what} is not understood here; SELECT ... FROM ... JOIN ... WHERE ... GROUP BY ... HAVING ... ORDER BY ... LIMIT is"
        ),
    }
}

pub(super) fn invalid(detail: impl Into<String>) -> Error {
    Error::Invalid {
        what: "SQL",
        detail: detail.into(),
    }
}

pub fn query(query: &Query, catalogue: &dyn Catalogue) -> Result<Select> {
    if query.with.is_some() {
        return Err(not_understood("WITH"));
    }
    if query.fetch.is_some() || !query.locks.is_empty() || !query.pipe_operators.is_empty() {
        return Err(not_understood("that ending"));
    }
    let SetExpr::Select(select) = &*query.body else {
        return Err(not_understood(
            "anything but one SELECT (UNION, VALUES, ...)",
        ));
    };
    refuse_rest(select)?;
    let (tables, joins) = tables(select)?;
    let mut lower = Lower {
        scope: Scope::new(catalogue, tables)?,
        grouping: None,
        aliases: Vec::new(),
    };
    for (kind, on) in joins {
        let on = match on {
            Some(on) => lower.condition(on, "ON")?,
            None => Expr::yes(),
        };
        lower.scope.select.joins.push(Join { kind, on });
    }
    if let Some(selection) = &select.selection {
        lower.scope.select.condition = lower.condition(selection, "WHERE")?;
    }
    lower.items_and_groups(select)?;
    if let Some(having) = &select.having {
        if lower.grouping.is_none() {
            return Err(invalid(
                "HAVING needs GROUP BY or an aggregate; conditions on rows go to WHERE",
            ));
        }
        lower.scope.select.having = lower.expr(having)?;
    }
    if let Some(order) = &query.order_by {
        lower.order(&order.kind)?;
    }
    lower.limit(query.limit_clause.as_ref())?;
    let mut select = lower.scope.select;
    select.grouping = lower.grouping;
    check_size(&select)?;
    Ok(select)
}

fn refuse_rest(select: &SelectSyntax) -> Result<()> {
    let rest = [
        (select.top.is_some(), "TOP"),
        (select.into.is_some(), "INTO"),
        (!select.lateral_views.is_empty(), "LATERAL VIEW"),
        (select.prewhere.is_some(), "PREWHERE"),
        (!select.named_window.is_empty(), "WINDOW"),
        (select.qualify.is_some(), "QUALIFY"),
        (
            matches!(select.distinct, Some(Distinct::On(_))),
            "DISTINCT ON",
        ),
    ];
    match rest.iter().find(|(is_there, _)| *is_there) {
        Some((_, what)) => Err(not_understood(what)),
        None => Ok(()),
    }
}

fn check_size(select: &Select) -> Result<()> {
    let mut exprs: Vec<&Expr> = vec![&select.condition, &select.having];
    exprs.extend(select.items.iter().map(|item| &item.expr));
    exprs.extend(select.joins.iter().map(|join| &join.on));
    match exprs.iter().map(|expr| expr.ops.len()).sum::<usize>() <= limits::QUERY_OPS_MAX {
        true => Ok(()),
        false => Err(Error::LimitExceeded {
            what: "conditions",
            limit: limits::QUERY_OPS_MAX as u64,
        }),
    }
}

type Tables<'s> = (Vec<(String, String)>, Vec<(JoinKind, Option<&'s Syntax>)>);

fn tables(select: &SelectSyntax) -> Result<Tables<'_>> {
    let mut tables = Vec::new();
    let mut joins = Vec::new();
    for (at, from) in select.from.iter().enumerate() {
        tables.push(table(&from.relation)?);
        if at > 0 {
            joins.push((JoinKind::Inner, None));
        }
        for join in &from.joins {
            tables.push(table(&join.relation)?);
            let (kind, constraint) = match &join.join_operator {
                JoinOperator::Join(on) | JoinOperator::Inner(on) => (JoinKind::Inner, on),
                JoinOperator::Left(on) | JoinOperator::LeftOuter(on) => (JoinKind::Left, on),
                JoinOperator::CrossJoin(on) => (JoinKind::Inner, on),
                _ => {
                    return Err(not_understood(
                        "that kind of join (only [INNER] JOIN and LEFT JOIN)",
                    ));
                }
            };
            let on = match constraint {
                JoinConstraint::On(on) => Some(on),
                JoinConstraint::None
                    if matches!(join.join_operator, JoinOperator::CrossJoin(_)) =>
                {
                    None
                }
                _ => {
                    return Err(invalid(
                        "a JOIN needs ON, as in JOIN functions f ON e.function = f.function",
                    ));
                }
            };
            joins.push((kind, on));
        }
    }
    if tables.len() > limits::QUERY_TABLES_MAX {
        return Err(Error::LimitExceeded {
            what: "tables of a query",
            limit: limits::QUERY_TABLES_MAX as u64,
        });
    }
    Ok((tables, joins))
}

fn table(factor: &TableFactor) -> Result<(String, String)> {
    let TableFactor::Table {
        name, alias, args, ..
    } = factor
    else {
        return Err(not_understood("a query within FROM"));
    };
    if args.is_some() {
        return Err(not_understood("a function within FROM"));
    }
    let [ObjectNamePart::Identifier(ident)] = name.0.as_slice() else {
        return Err(invalid(format!("{name}: a table is one name")));
    };
    let name = name_of(ident);
    let alias = alias
        .as_ref()
        .map_or(name.clone(), |alias| name_of(&alias.name));
    Ok((name, alias))
}

/// The number that syntax writes, sign included.
pub fn number_of(syntax: &Syntax) -> Option<f64> {
    match syntax {
        Syntax::Value(value) => match &value.value {
            Literal::Number(text, _) => text.parse().ok(),
            _ => None,
        },
        Syntax::UnaryOp {
            op: UnaryOperator::Minus,
            expr,
        } => number_of(expr).map(|n| -n),
        _ => None,
    }
}

struct Lower<'c> {
    scope: Scope<'c>,
    /// Once rows are grouped, expressions are of keys and figures.
    grouping: Option<Grouping>,
    /// Names given in the list of what is selected, by the item's number.
    aliases: Vec<(String, usize)>,
}

impl Lower<'_> {
    fn condition(&mut self, syntax: &Syntax, place: &str) -> Result<Expr> {
        if has_aggregate(syntax) {
            return Err(invalid(format!(
                "{place} looks at rows, before they are grouped: aggregates go to HAVING"
            )));
        }
        self.expr(syntax)
    }

    fn items_and_groups(&mut self, select: &SelectSyntax) -> Result<()> {
        self.scope.select.distinct = matches!(select.distinct, Some(Distinct::Distinct));
        let keys = match &select.group_by {
            GroupByExpr::Expressions(keys, modifiers) if modifiers.is_empty() => keys.as_slice(),
            GroupByExpr::Expressions(..) => return Err(not_understood("GROUP BY ... WITH")),
            GroupByExpr::All(_) => return Err(not_understood("GROUP BY ALL")),
        };
        let written: Vec<(&Syntax, Option<String>)> = select
            .projection
            .iter()
            .filter_map(|item| match item {
                SelectItem::UnnamedExpr(expr) => Some((expr, None)),
                SelectItem::ExprWithAlias { expr, alias } => Some((expr, Some(name_of(alias)))),
                _ => None,
            })
            .collect();
        let grouped = !keys.is_empty()
            || written.iter().any(|(expr, _)| has_aggregate(expr))
            || select.having.as_ref().is_some_and(has_aggregate);
        if grouped {
            let mut lowered = Vec::new();
            for key in keys {
                let key = self.named(key, &written);
                if has_aggregate(key) {
                    return Err(invalid("GROUP BY cannot hold an aggregate"));
                }
                lowered.push(self.expr(key)?);
            }
            self.grouping = Some(Grouping {
                keys: lowered,
                aggregates: Vec::new(),
            });
        }
        for item in &select.projection {
            match item {
                SelectItem::UnnamedExpr(expr) => {
                    let name = match expr {
                        Syntax::Identifier(ident) => name_of(ident),
                        Syntax::CompoundIdentifier(idents) => self.short_name(idents),
                        other => other.to_string(),
                    };
                    self.item(name, expr)?;
                }
                SelectItem::ExprWithAlias { expr, alias } => {
                    let name = name_of(alias);
                    self.aliases
                        .push((name.clone(), self.scope.select.items.len()));
                    self.item(name, expr)?;
                }
                SelectItem::Wildcard(_) => {
                    for table in 0..self.scope.select.tables.len() {
                        self.everything_of(table)?;
                    }
                }
                SelectItem::QualifiedWildcard(
                    SelectItemQualifiedWildcardKind::ObjectName(name),
                    _,
                ) => {
                    let name = name.to_string().to_lowercase();
                    let Some(table) = self.scope.alias(&name) else {
                        let aliases = self.scope.select.tables.iter();
                        return Err(unknown(
                            "table",
                            &name,
                            aliases.map(|table| table.alias.as_str()),
                        ));
                    };
                    self.everything_of(table)?;
                }
                _ => return Err(not_understood("that in the list of what is selected")),
            }
        }
        Ok(())
    }

    /// `f.line` is called `line`; a path keeps its length.
    fn short_name(&self, idents: &[sqlparser::ast::Ident]) -> String {
        let names: Vec<String> = idents.iter().map(name_of).collect();
        match self.scope.alias(&names[0]) {
            Some(_) if names.len() > 1 => names[1..].join("."),
            _ => names.join("."),
        }
    }

    fn everything_of(&mut self, table: usize) -> Result<()> {
        if self.grouping.is_some() {
            return Err(invalid(
                "* cannot stand beside GROUP BY: name the keys and the aggregates",
            ));
        }
        let name = self.scope.select.tables[table].name.clone();
        for column in self.scope.catalogue.default_columns(&name) {
            let global = self.scope.column_of(table, &column)?;
            self.scope.select.items.push(Item {
                name: column.to_string(),
                expr: Expr::column(global),
            });
        }
        Ok(())
    }

    fn item(&mut self, name: String, syntax: &Syntax) -> Result<()> {
        let expr = self.expr(syntax)?;
        self.scope.select.items.push(Item { name, expr });
        Ok(())
    }

    /// What a key of GROUP BY means: `2` is the second item, a name may be one given in the list.
    fn named<'s>(&self, syntax: &'s Syntax, items: &[(&'s Syntax, Option<String>)]) -> &'s Syntax {
        if let Some(n) = number_of(syntax)
            && n >= 1.0
            && let Some((item, _)) = items.get(n as usize - 1)
        {
            return item;
        }
        if let Syntax::Identifier(ident) = syntax {
            let name = name_of(ident);
            let mut tables = self.scope.select.tables.iter();
            let is_column =
                tables.any(|table| self.scope.catalogue.column(&table.name, &name).is_ok());
            let given = items
                .iter()
                .find(|(_, alias)| alias.as_deref() == Some(&name));
            if let (false, Some((item, _))) = (is_column, given) {
                return item;
            }
        }
        syntax
    }

    fn order(&mut self, kind: &OrderByKind) -> Result<()> {
        let OrderByKind::Expressions(keys) = kind else {
            return Err(not_understood("ORDER BY ALL"));
        };
        for key in keys {
            let items = &self.scope.select.items;
            let by_number = number_of(&key.expr).map(|n| n as usize);
            let by_alias = match &key.expr {
                Syntax::Identifier(ident) => {
                    let name = name_of(ident);
                    self.aliases
                        .iter()
                        .find(|(alias, _)| *alias == name)
                        .map(|(_, at)| *at)
                }
                _ => None,
            };
            let expr = match (by_number, by_alias) {
                (Some(n), _) => match n.checked_sub(1).and_then(|at| items.get(at)) {
                    Some(item) => item.expr.clone(),
                    None => {
                        return Err(invalid(format!(
                            "ORDER BY {n}: there are {} items",
                            items.len()
                        )));
                    }
                },
                (None, Some(at)) => items[at].expr.clone(),
                (None, None) => self.expr(&key.expr)?,
            };
            let descending = match &key.options.sort {
                None | Some(OrderBySort::Asc) => false,
                Some(OrderBySort::Desc) => true,
                Some(_) => return Err(not_understood("ORDER BY ... USING")),
            };
            self.scope.select.order.push(Key {
                expr,
                descending,
                missing_first: key.options.nulls_first.unwrap_or(false),
            });
        }
        Ok(())
    }

    fn limit(&mut self, clause: Option<&LimitClause>) -> Result<()> {
        let count = |syntax: &Syntax| {
            number_of(syntax)
                .filter(|n| *n >= 0.0 && n.fract() == 0.0 && *n <= f64::from(u32::MAX))
                .map(|n| n as usize)
                .ok_or_else(|| invalid("LIMIT and OFFSET take a whole number"))
        };
        match clause {
            None => {}
            Some(LimitClause::LimitOffset {
                limit,
                offset,
                limit_by,
            }) => {
                if !limit_by.is_empty() {
                    return Err(not_understood("LIMIT BY"));
                }
                self.scope.select.limit = limit.as_ref().map(count).transpose()?;
                self.scope.select.offset = match offset {
                    Some(offset) => count(&offset.value)?,
                    None => 0,
                };
            }
            Some(LimitClause::OffsetCommaLimit { offset, limit }) => {
                self.scope.select.limit = Some(count(limit)?);
                self.scope.select.offset = count(offset)?;
            }
        }
        Ok(())
    }

    /// An expression over rows, or over groups once there are such.
    fn expr(&mut self, syntax: &Syntax) -> Result<Expr> {
        if let Some(grouping) = self.grouping.take() {
            let result = self.of_groups(syntax, grouping);
            let (expr, grouping) = result?;
            self.grouping = Some(grouping);
            return Ok(expr);
        }
        let mut lowering = Lowering {
            scope: &mut self.scope,
            grouping: None,
        };
        lowering.expr(syntax)
    }

    fn of_groups(&mut self, syntax: &Syntax, grouping: Grouping) -> Result<(Expr, Grouping)> {
        let mut lowering = Lowering {
            scope: &mut self.scope,
            grouping: Some(grouping),
        };
        let expr = lowering.expr(syntax)?;
        Ok((expr, lowering.grouping.unwrap_or_default()))
    }
}
