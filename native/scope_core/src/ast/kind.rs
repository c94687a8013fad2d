//! What an entry of the arena is.

/// The kind of an entry. Its number is persisted: append, never renumber.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[repr(u8)]
pub enum Kind {
    /// `{name, meta, args}`: the children are the arguments.
    Call = 0,
    /// `{form, meta, args}`: the children are the form, then the arguments.
    CallExpr = 1,
    /// `{name, meta, nil}`.
    Var = 2,
    /// `{name, meta, context}`: the only child is the context, an atom.
    VarIn = 3,
    /// `{key, value}` with an atom as key: the only child is the value.
    Pair = 4,
    /// Any other tuple.
    Tuple = 5,
    List = 6,
    /// The last child is the tail.
    ImproperList = 7,
    /// The children are key, value, key, value, ...
    Map = 8,
    Atom = 9,
    /// An integer of 32 bits, in the payload.
    Int = 10,
    /// An integer of 64 bits.
    WideInt = 11,
    Float = 12,
    Binary = 13,
    /// External term format of what has no text: pids, references, functions, bitstrings, big integers.
    Opaque = 14,
}

impl Kind {
    pub const ALL: [Kind; 15] = [
        Kind::Call,
        Kind::CallExpr,
        Kind::Var,
        Kind::VarIn,
        Kind::Pair,
        Kind::Tuple,
        Kind::List,
        Kind::ImproperList,
        Kind::Map,
        Kind::Atom,
        Kind::Int,
        Kind::WideInt,
        Kind::Float,
        Kind::Binary,
        Kind::Opaque,
    ];

    /// The kind with this number.
    pub fn from_u8(number: u8) -> Option<Kind> {
        Kind::ALL.get(number as usize).copied()
    }

    /// A three-element tuple of quoted code: it has metadata.
    pub fn has_meta(self) -> bool {
        matches!(self, Kind::Call | Kind::CallExpr | Kind::Var | Kind::VarIn)
    }

    /// The payload is an atom.
    pub fn has_atom(self) -> bool {
        matches!(
            self,
            Kind::Call | Kind::Var | Kind::VarIn | Kind::Pair | Kind::Atom
        )
    }

    /// The payload is the index of a literal's bytes.
    pub fn has_blob(self) -> bool {
        matches!(
            self,
            Kind::WideInt | Kind::Float | Kind::Binary | Kind::Opaque
        )
    }

    /// The entry has no children.
    pub fn is_leaf(self) -> bool {
        matches!(self, Kind::Var | Kind::Atom | Kind::Int) || self.has_blob()
    }
}
