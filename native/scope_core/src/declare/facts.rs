//! The facts themselves. Nodes are of the unit's AST; offsets count from the module's first function.

use std::sync::Arc;

use crate::ast::NodeIx;
use crate::atoms::Atom;
use crate::source::Unit;

use super::docs::Doc;

/// What one file declares.
#[derive(Clone, Debug, Default)]
pub struct Declared {
    /// By module of the unit.
    pub(super) of_module: Box<[u32]>,
    pub(super) facts: Box<[ModuleFacts]>,
}

impl Declared {
    /// What a module of the unit declares. The modules that one `defimpl` makes share their facts.
    pub fn module(&self, module: u32) -> Option<&ModuleFacts> {
        self.facts
            .get(*self.of_module.get(module as usize)? as usize)
    }

    pub fn memory_bytes(&self) -> usize {
        self.of_module.len() * size_of::<u32>()
            + self
                .facts
                .iter()
                .map(ModuleFacts::memory_bytes)
                .sum::<usize>()
    }
}

impl Unit {
    /// What the file declares, computed when first asked for.
    pub fn declared(&self) -> &Arc<Declared> {
        self.derived()
            .declared
            .get_or_init(|| Arc::new(super::walk::declare(self)))
    }

    /// An expression as text, modules by their full names.
    pub fn expression(&self, node: NodeIx) -> String {
        let resolve = |ix: NodeIx| self.module_named(ix);
        super::expression(self.ast(), node, &resolve)
    }
}

#[derive(Clone, Debug, Default)]
pub struct ModuleFacts {
    pub moduledoc: Doc,
    pub directives: Vec<Directive>,
    pub attributes: Vec<Attribute>,
    pub behaviours: Vec<(Atom, NodeIx)>,
    pub types: Vec<TypeDef>,
    pub specs: Vec<Spec>,
    pub optional_callbacks: Vec<(Atom, u32)>,
    /// `defstruct` or `defexception`, the first one.
    pub structure: Option<NodeIx>,
    /// By offset of the function.
    pub functions: Vec<FunctionFacts>,
    /// Distinct, in the order of their first appearance.
    pub references: Vec<Reference>,
    /// What its functions quote, where that declares something.
    pub injections: Vec<Injection>,
}

impl ModuleFacts {
    pub fn directives(&self, kind: DirectiveKind) -> impl Iterator<Item = &Directive> {
        self.directives.iter().filter(move |one| one.kind == kind)
    }

    /// The attributes of this name, in their order.
    pub fn attribute<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Attribute> {
        self.attributes
            .iter()
            .filter(move |one| one.name.text() == name)
    }

    pub fn injection(&self, function: Atom) -> Option<&Injection> {
        self.injections.iter().find(|one| one.function == function)
    }

    pub(super) fn shrink(&mut self) {
        self.directives.shrink_to_fit();
        self.attributes.shrink_to_fit();
        self.behaviours.shrink_to_fit();
        self.types.shrink_to_fit();
        self.specs.shrink_to_fit();
        self.functions.shrink_to_fit();
        self.references.shrink_to_fit();
        self.injections.shrink_to_fit();
    }

    fn memory_bytes(&self) -> usize {
        let metas = |doc: &Doc| doc.metadata.capacity() * size_of::<NodeIx>();
        size_of::<ModuleFacts>()
            + self.directives.capacity() * size_of::<Directive>()
            + self.attributes.capacity() * size_of::<Attribute>()
            + self.behaviours.capacity() * size_of::<(Atom, NodeIx)>()
            + self.types.capacity() * size_of::<TypeDef>()
            + self.specs.capacity() * size_of::<Spec>()
            + self.optional_callbacks.capacity() * size_of::<(Atom, u32)>()
            + self.functions.capacity() * size_of::<FunctionFacts>()
            + self.references.capacity() * size_of::<Reference>()
            + self
                .injections
                .iter()
                .map(Injection::memory_bytes)
                .sum::<usize>()
            + metas(&self.moduledoc)
            + self
                .functions
                .iter()
                .map(|one| metas(&one.doc))
                .sum::<usize>()
            + self.types.iter().map(|one| metas(&one.doc)).sum::<usize>()
            + self.specs.iter().map(|one| metas(&one.doc)).sum::<usize>()
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DirectiveKind {
    Alias,
    Import,
    Require,
    Use,
}

impl DirectiveKind {
    pub fn text(self) -> &'static str {
        match self {
            DirectiveKind::Alias => "alias",
            DirectiveKind::Import => "import",
            DirectiveKind::Require => "require",
            DirectiveKind::Use => "use",
        }
    }
}

/// `alias`, `import`, `require` or `use` of one module.
#[derive(Clone, Copy, Debug)]
pub struct Directive {
    pub kind: DirectiveKind,
    pub module: Atom,
    pub node: NodeIx,
    /// The second argument.
    pub options: Option<NodeIx>,
    /// Written in a function: it counts there only.
    pub in_function: bool,
}

/// `@name value` in a module's body; what has a meaning of its own (`@doc`, `@spec`, ...) is elsewhere.
#[derive(Clone, Copy, Debug)]
pub struct Attribute {
    pub name: Atom,
    pub node: NodeIx,
    pub value: NodeIx,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TypeKind {
    Type,
    Opaque,
    Typep,
}

impl TypeKind {
    pub fn text(self) -> &'static str {
        match self {
            TypeKind::Type => "type",
            TypeKind::Opaque => "opaque",
            TypeKind::Typep => "typep",
        }
    }
}

#[derive(Clone, Debug)]
pub struct TypeDef {
    pub kind: TypeKind,
    pub name: Atom,
    /// The name is computed when the module is compiled.
    pub dynamic: bool,
    pub arity: u32,
    /// The `@type`.
    pub node: NodeIx,
    /// `name(args) :: definition`.
    pub definition: NodeIx,
    pub doc: Doc,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SpecKind {
    Spec,
    Callback,
    Macrocallback,
}

impl SpecKind {
    pub fn text(self) -> &'static str {
        match self {
            SpecKind::Spec => "spec",
            SpecKind::Callback => "callback",
            SpecKind::Macrocallback => "macrocallback",
        }
    }
}

#[derive(Clone, Debug)]
pub struct Spec {
    pub kind: SpecKind,
    pub name: Atom,
    pub dynamic: bool,
    pub arity: u32,
    /// The `@spec`.
    pub node: NodeIx,
    /// `name(args) :: result`, with its `when` if it has one.
    pub definition: NodeIx,
    /// Of callbacks.
    pub doc: Doc,
}

/// What is declared of a function, before and between its clauses.
#[derive(Clone, Debug, Default)]
pub struct FunctionFacts {
    pub doc: Doc,
    /// The `@impl` of any of its clauses, and the behaviour it names if it names one.
    pub implements: Option<(NodeIx, Option<Atom>)>,
    pub deprecated: Option<NodeIx>,
    pub since: Option<NodeIx>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ReferenceKind {
    /// `Module.function(...)`, captures included.
    Call,
    /// `%Module{}`.
    Struct,
    /// In a type, a spec or a callback.
    Type,
    /// The name alone, as a value.
    Mention,
}

impl ReferenceKind {
    pub fn text(self) -> &'static str {
        match self {
            ReferenceKind::Call => "call",
            ReferenceKind::Struct => "struct",
            ReferenceKind::Type => "type",
            ReferenceKind::Mention => "mention",
        }
    }
}

/// One way in which a module names another.
#[derive(Clone, Copy, Debug)]
pub struct Reference {
    pub kind: ReferenceKind,
    pub module: Atom,
    /// In a function, and so only when that runs; otherwise while the module is compiled.
    pub in_function: bool,
    /// The first.
    pub node: NodeIx,
    pub count: u32,
}

/// What a function of a module quotes: what `use` of the module brings to whoever uses it.
#[derive(Clone, Debug)]
pub struct Injection {
    pub function: Atom,
    pub directives: Vec<Directive>,
    pub behaviours: Vec<(Atom, NodeIx)>,
    /// Public functions and macros.
    pub defines: Vec<Injected>,
    pub defines_struct: bool,
    /// Functions of the same module that it calls: what these quote comes with it.
    pub includes: Vec<Atom>,
}

/// A function or macro that a `quote` defines.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Injected {
    pub name: Atom,
    pub arity: u32,
    pub defaults: u32,
    pub is_macro: bool,
    /// `@doc false`, or `@impl` without a `@doc`.
    pub hidden: bool,
}

impl Injection {
    fn memory_bytes(&self) -> usize {
        size_of::<Injection>()
            + self.directives.capacity() * size_of::<Directive>()
            + self.behaviours.capacity() * size_of::<(Atom, NodeIx)>()
            + self.defines.capacity() * size_of::<Injected>()
            + self.includes.capacity() * size_of::<Atom>()
    }
}
