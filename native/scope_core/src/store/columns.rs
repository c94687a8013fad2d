//! Fields by name: looked up once, when a query is planned.

use std::borrow::Cow;
use std::sync::Arc;

use crate::ast::{Ast, NodeIx};
use crate::atoms::{Atom, intern};
use crate::source::Unit;
use crate::value::Value;

/// A field, or a field inside a field.
#[derive(Clone, Debug)]
pub struct Column<F> {
    /// The field as stored data knows it.
    pub name: Atom,
    /// Where it leads inside.
    pub inner: Vec<Atom>,
    /// What computes it when nothing is stored; of a path, what computes its end directly, if there is such.
    pub computed: Option<F>,
    /// `computed` gives the end of the path, not its first field.
    pub direct: bool,
    /// Where else a caller may have stored the same figure.
    pub elsewhere: Vec<Vec<Atom>>,
}

/// Code, which is no `Value`: it is decoded from the arena when it crosses.
#[derive(Clone, Debug)]
pub enum Code {
    Nodes(Arc<Unit>, Vec<NodeIx>),
    Whole(Arc<Ast>),
    /// Every node of a module, by id.
    Mapping(Arc<Unit>, NodeIx),
}

/// What a field holds.
#[derive(Clone, Debug)]
pub enum Cell {
    Value(Value),
    Code(Code),
}

impl<F: FromName> Column<F> {
    /// Any path is a column; one that nothing computes is `nil` where nothing is stored.
    pub fn new(path: &[Atom]) -> Option<Self> {
        let (name, inner) = path.split_first()?;
        let joined = path
            .iter()
            .map(|atom| atom.text())
            .collect::<Vec<_>>()
            .join(".");
        let direct = F::from_name(&joined);
        let same = F::SAME
            .iter()
            .find(|(names, _)| names.contains(&joined.as_str()));
        let places = same.map_or(&[][..], |(_, places)| places);
        let elsewhere = places
            .iter()
            .map(|place| place.iter().map(|name| intern(name)).collect())
            .collect();
        Some(Column {
            elsewhere,
            name: *name,
            inner: inner.to_vec(),
            computed: direct.or_else(|| F::from_name(name.text())),
            direct: direct.is_some(),
        })
    }

    /// The stored value, or the computed one, at the end of the path.
    pub fn read<'a>(
        &self,
        stored: impl Fn(Atom) -> Option<&'a Value>,
        compute: impl FnOnce(F) -> Value,
    ) -> Cow<'a, Value> {
        let at = |name: Atom, inner: &[Atom]| {
            stored(name)
                .and_then(|value| inside(value, inner))
                .filter(|value| !value.is_nil())
        };
        let other = |place: &Vec<Atom>| at(place[0], &place[1..]);
        let found = at(self.name, &self.inner).or_else(|| self.elsewhere.iter().find_map(other));
        if let Some(value) = found {
            return Cow::Borrowed(value);
        }
        let Some(field) = self.computed else {
            return Cow::Owned(Value::nil());
        };
        let value = compute(field);
        if self.direct || self.inner.is_empty() {
            return Cow::Owned(value);
        }
        Cow::Owned(
            inside(&value, &self.inner)
                .cloned()
                .unwrap_or_else(Value::nil),
        )
    }
}

fn inside<'a>(value: &'a Value, path: &[Atom]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, name| value.get(*name))
}

/// Names of one figure, and the places where it may be stored.
pub type Same = (&'static [&'static str], &'static [&'static [&'static str]]);

/// Fields that are computed.
pub trait FromName: Sized + Copy {
    const SAME: &'static [Same];

    fn from_name(name: &str) -> Option<Self>;
}

/// Of modules and functions alike.
pub(super) const COMPLEXITY: [Same; 4] = [
    (
        &[
            "cyclomatic_complexity",
            "complexity_metrics.cyclomatic_complexity",
        ],
        &[
            &["cyclomatic_complexity"],
            &["complexity_metrics", "cyclomatic_complexity"],
        ],
    ),
    (
        &[
            "cognitive_complexity",
            "complexity_metrics.cognitive_complexity",
        ],
        &[
            &["cognitive_complexity"],
            &["complexity_metrics", "cognitive_complexity"],
        ],
    ),
    (
        &["nesting_depth", "complexity_metrics.nesting_depth"],
        &[&["complexity_metrics", "nesting_depth"]],
    ),
    (
        &["lines_of_code", "complexity_metrics.lines_of_code"],
        &[&["lines_of_code"], &["complexity_metrics", "lines_of_code"]],
    ),
];

/// An enum of computed fields with their names.
macro_rules! fields {
    ($(#[$doc:meta])* $enum:ident, same: $same:expr, { $($variant:ident = $($name:literal)|+,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum $enum { $($variant),* }

        impl crate::store::columns::FromName for $enum {
            const SAME: &'static [crate::store::columns::Same] = &$same;

            fn from_name(name: &str) -> Option<Self> {
                match name {
                    $($($name)|+ => Some($enum::$variant),)*
                    _ => None,
                }
            }
        }
    };
}
pub(super) use fields;
