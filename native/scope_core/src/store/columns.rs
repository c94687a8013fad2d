//! Fields by name: looked up once, when a query is planned.

use std::borrow::Cow;
use std::sync::Arc;

use crate::ast::{Ast, NodeIx};
use crate::atoms::Atom;
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
        Some(Column {
            name: *name,
            inner: inner.to_vec(),
            computed: direct.or_else(|| F::from_name(name.text())),
            direct: direct.is_some(),
        })
    }

    /// The stored value, or the computed one, at the end of the path.
    pub fn read<'a>(
        &self,
        stored: Option<&'a Value>,
        compute: impl FnOnce(F) -> Value,
    ) -> Cow<'a, Value>
    where
        F: Copy,
    {
        if let Some(stored) = stored
            && let Some(value) = inside(stored, &self.inner)
            && !value.is_nil()
        {
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

/// Fields that are computed.
pub trait FromName: Sized + Copy {
    fn from_name(name: &str) -> Option<Self>;
}

/// An enum of computed fields with their names.
macro_rules! fields {
    ($(#[$doc:meta])* $enum:ident { $($variant:ident = $($name:literal)|+,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum $enum { $($variant),* }

        impl crate::store::columns::FromName for $enum {
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
