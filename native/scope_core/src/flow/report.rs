//! What Elixir gets to see of variables, as values.

use crate::ast::NodeIx;
use crate::atoms::intern;
use crate::source::Unit;
use crate::store::structure;
use crate::value::Value;

use super::variables::{NONE, Occurrence, Role, Variables};

/// `[{line, column, name, binding, role}]` of every place where a variable stands, by region: a list for
/// each, with the line of what opened it. A name that nothing binds has `nil` for its binding.
pub fn occurrences(unit: &Unit) -> Value {
    let variables = unit.variables();
    let mut regions: Vec<Vec<Value>> = vec![Vec::new(); variables.regions().len()];
    for one in variables.occurrences() {
        let region = match one.binding {
            NONE => variables.scopes()[one.scope as usize].region,
            binding => variables.region_of_binding(binding),
        };
        regions[region as usize].push(occurrence_row(unit, one));
    }
    let regions = variables.regions().iter().zip(regions);
    let regions = regions.map(|(region, rows)| {
        let kind = variables.scopes()[region.scope as usize].kind;
        Value::Tuple(vec![
            word(kind.text()),
            place(unit.ast().line(region.node)),
            Value::List(rows),
        ])
    });
    Value::List(regions.collect())
}

fn occurrence_row(unit: &Unit, one: &Occurrence) -> Value {
    let (line, column) = unit.ast().position(one.node);
    let name = unit.ast().atom(one.node);
    Value::Tuple(vec![
        place(line),
        place(column),
        name.map_or(Value::nil(), Value::Atom),
        index(one.binding),
        word(one.role.text()),
    ])
}

/// The variables of a function, clause by clause, as `VariableInfo`.
pub(crate) fn local_variables(unit: &Unit, function: u32) -> Value {
    let clauses = unit.clauses_of_function(function).iter();
    let found = clauses.filter_map(|clause| Region::of(unit, clause.node));
    Value::List(found.flat_map(|region| region.infos()).collect())
}

/// What a function binds again or hides, clause by clause, as `VariableMutation`.
pub(crate) fn variable_mutations(unit: &Unit, function: u32) -> Value {
    let clauses = unit.clauses_of_function(function).iter();
    let found = clauses.filter_map(|clause| Region::of(unit, clause.node));
    Value::List(found.flat_map(|region| region.mutations()).collect())
}

/// A `ScopeAnalysis` for each clause of a function that has a body.
pub(crate) fn scope_analysis(unit: &Unit, function: u32) -> Value {
    let clauses = unit.clauses_of_function(function).iter();
    let found = clauses.filter_map(|clause| Region::of(unit, clause.node));
    Value::List(found.map(|region| region.analysis()).collect())
}

/// A `ScopeAnalysis` for everything in these nodes that is numbered by itself: clauses, bodies of modules, the file.
pub fn scope_analyses(unit: &Unit, nodes: &[NodeIx]) -> Value {
    let variables = unit.variables();
    let mut found = Vec::new();
    for &node in nodes {
        let inside = variables.regions().iter().zip(0..);
        let inside = inside.filter(|(region, _)| unit.ast().contains(node, region.node));
        found.extend(inside.map(|(_, number)| Region::numbered(unit, number).analysis()));
    }
    Value::List(found)
}

/// A region with what is in it.
struct Region<'a> {
    unit: &'a Unit,
    variables: &'a Variables,
    number: u32,
    node: NodeIx,
    places: &'a [Occurrence],
}

impl<'a> Region<'a> {
    fn of(unit: &'a Unit, node: NodeIx) -> Option<Self> {
        let number = unit.variables().region_of(node)?;
        Some(Region::numbered(unit, number))
    }

    fn numbered(unit: &'a Unit, number: u32) -> Self {
        let variables = unit.variables();
        let node = variables.regions()[number as usize].node;
        Region {
            unit,
            variables,
            number,
            node,
            places: variables.occurrences_in(node, unit.ast().end(node)),
        }
    }

    /// Its bindings, in the order of evaluation.
    fn bindings(&self) -> impl Iterator<Item = u32> + '_ {
        self.variables.bindings_of(self.number)
    }

    fn id(&self, node: NodeIx) -> Value {
        Value::text(&self.unit.node_id(node))
    }

    fn infos(&self) -> Vec<Value> {
        self.bindings().map(|number| self.info(number)).collect()
    }

    fn info(&self, number: u32) -> Value {
        let one = &self.variables.bindings()[number as usize];
        let uses = self
            .places
            .iter()
            .filter(|place| place.binding == number && place.role != Role::Bind);
        let uses = uses.map(|place| self.place(place));
        let origin = self.unit.ast().get(one.origin);
        let (line, column) = position(self.unit, one.node);
        let scope = self.variables.scopes()[one.scope as usize].kind;
        structure(
            "ElixirScope.ASTRepository.VariableInfo",
            vec![
                ("name", Value::Atom(one.name)),
                ("version", index(one.version)),
                ("kind", word(one.kind.text())),
                ("scope", word(scope.text())),
                ("clause", self.id(self.node)),
                ("ast_node_id", self.id(one.node)),
                ("line", line),
                ("column", column),
                ("value_from", origin.map_or(Value::nil(), |ix| self.id(ix))),
                ("uses", Value::List(uses.collect())),
                ("unused", Value::bool(self.variables.is_unused(number))),
                ("used_once", Value::bool(one.uses == 1)),
                ("captured", Value::bool(one.captured)),
                ("rebinds", self.version(self.variables.rebinds(number))),
                ("shadows", self.version(self.variables.shadows(number))),
            ],
        )
    }

    fn version(&self, binding: Option<u32>) -> Value {
        binding.map_or(Value::nil(), |one| {
            index(self.variables.bindings()[one as usize].version)
        })
    }

    fn place(&self, place: &Occurrence) -> Value {
        let (line, column) = position(self.unit, place.node);
        record([
            ("ast_node_id", self.id(place.node)),
            ("line", line),
            ("column", column),
            ("role", word(place.role.text())),
            ("captured", Value::bool(place.captured)),
        ])
    }

    fn mutations(&self) -> Vec<Value> {
        let mut found = Vec::new();
        for number in self.bindings() {
            let one = &self.variables.bindings()[number as usize];
            let (kind, before) = match (
                self.variables.rebinds(number),
                self.variables.shadows(number),
            ) {
                (Some(before), _) => ("rebinding", before),
                (None, Some(before)) => ("shadowing", before),
                (None, None) => continue,
            };
            let before = &self.variables.bindings()[before as usize];
            let (line, column) = position(self.unit, one.node);
            found.push(structure(
                "ElixirScope.ASTRepository.VariableMutation",
                vec![
                    ("name", Value::Atom(one.name)),
                    ("kind", word(kind)),
                    ("from_version", index(before.version)),
                    ("to_version", index(one.version)),
                    ("previous_node_id", self.id(before.node)),
                    ("ast_node_id", self.id(one.node)),
                    ("line", line),
                    ("column", column),
                ],
            ));
        }
        found
    }

    fn analysis(&self) -> Value {
        let kind = self.variables.scopes()
            [self.variables.regions()[self.number as usize].scope as usize]
            .kind;
        let (line, column) = position(self.unit, self.node);
        let unbound = self.places.iter().filter(|place| {
            place.binding == NONE
                && self.variables.scopes()[place.scope as usize].region == self.number
        });
        let unbound = unbound.map(|place| {
            let (line, column) = position(self.unit, place.node);
            let name = self.unit.ast().atom(place.node);
            record([
                ("name", name.map_or(Value::nil(), Value::Atom)),
                ("ast_node_id", self.id(place.node)),
                ("line", line),
                ("column", column),
            ])
        });
        structure(
            "ElixirScope.ASTRepository.ScopeAnalysis",
            vec![
                ("kind", word(kind.text())),
                ("ast_node_id", self.id(self.node)),
                ("line", line),
                ("column", column),
                ("variables", Value::List(self.infos())),
                ("mutations", Value::List(self.mutations())),
                ("closures", Value::List(self.closures())),
                ("unbound", Value::List(unbound.collect())),
                ("scope_count", Value::count(self.scopes().count() as u64)),
                ("depth", Value::count(self.depth())),
            ],
        )
    }

    fn scopes(&self) -> impl Iterator<Item = u32> + '_ {
        self.variables.scopes_of(self.number)
    }

    /// The deepest nesting of scopes, the region's own being 1. Scopes come after their parents.
    fn depth(&self) -> u64 {
        let mut depths: Vec<(u32, u64)> = Vec::new();
        for number in self.scopes() {
            let parent = self.variables.scopes()[number as usize].parent;
            let around = depths.binary_search_by_key(&parent, |&(scope, _)| scope);
            let around = around.map_or(0, |at| depths[at].1);
            depths.push((number, around + 1));
        }
        depths.iter().map(|&(_, depth)| depth).max().unwrap_or(0)
    }

    /// Closures with what they take along: each variable once, in the order of their first use.
    fn closures(&self) -> Vec<Value> {
        let closures = self
            .scopes()
            .filter(|&number| self.variables.scopes()[number as usize].kind.is_closure());
        let mut found = Vec::new();
        for number in closures {
            let scope = &self.variables.scopes()[number as usize];
            let end = self.unit.ast().end(scope.node);
            let mut captured: Vec<u32> = Vec::new();
            for place in self.variables.occurrences_in(scope.node, end) {
                // Bound before the closure begins: outside of it.
                let outside = place.captured && {
                    let bound = self.variables.bindings()[place.binding as usize].node;
                    !self.unit.ast().contains(scope.node, bound)
                };
                if outside && !captured.contains(&place.binding) {
                    captured.push(place.binding);
                }
            }
            let captures = captured.iter().map(|&one| {
                let one = &self.variables.bindings()[one as usize];
                record([
                    ("name", Value::Atom(one.name)),
                    ("version", index(one.version)),
                ])
            });
            let (line, column) = position(self.unit, scope.node);
            found.push(record([
                ("kind", word(scope.kind.text())),
                ("ast_node_id", self.id(scope.node)),
                ("line", line),
                ("column", column),
                ("captures", Value::List(captures.collect())),
            ]));
        }
        found
    }
}

pub(crate) fn position(unit: &Unit, node: NodeIx) -> (Value, Value) {
    let (line, column) = unit.ast().position(node);
    (place(line), place(column))
}

fn place(number: Option<u32>) -> Value {
    number.map_or(Value::nil(), |number| Value::Int(i64::from(number)))
}

fn index(number: u32) -> Value {
    match number {
        NONE => Value::nil(),
        number => Value::Int(i64::from(number)),
    }
}

pub(crate) fn word(text: &str) -> Value {
    Value::Atom(intern(text))
}

pub(crate) fn record<const N: usize>(fields: [(&str, Value); N]) -> Value {
    Value::record(fields.map(|(name, value)| (intern(name), value)).to_vec())
}
