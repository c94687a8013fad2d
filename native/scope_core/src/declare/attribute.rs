//! Attributes with a meaning, and the docs that wait for what they belong to.

use crate::ast::{Kind, NodeIx};
use crate::atoms::Atom;

use super::docs::{Doc, DocText};
use super::facts::{Attribute, FunctionFacts, Spec, SpecKind, TypeDef, TypeKind};
use super::typespec::{head, names_with_arities};
use super::walk::Walk;

/// What an attribute of this name is to the compiler.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Meaning {
    Moduledoc,
    Doc,
    Typedoc,
    Type,
    Opaque,
    Typep,
    Spec,
    Callback,
    Macrocallback,
    OptionalCallbacks,
    Behaviour,
    Impl,
    Deprecated,
    Since,
    Other,
}

pub(super) fn meaning(name: Atom) -> Meaning {
    match name.text() {
        "moduledoc" => Meaning::Moduledoc,
        "doc" => Meaning::Doc,
        "typedoc" => Meaning::Typedoc,
        "type" => Meaning::Type,
        "opaque" => Meaning::Opaque,
        "typep" => Meaning::Typep,
        "spec" => Meaning::Spec,
        "callback" => Meaning::Callback,
        "macrocallback" => Meaning::Macrocallback,
        "optional_callbacks" => Meaning::OptionalCallbacks,
        "behaviour" => Meaning::Behaviour,
        "impl" => Meaning::Impl,
        "deprecated" => Meaning::Deprecated,
        "since" => Meaning::Since,
        _ => Meaning::Other,
    }
}

/// What was said and belongs to the next definition.
#[derive(Default)]
pub(super) struct Pending {
    pub(super) doc: Doc,
    pub(super) typedoc: Doc,
    pub(super) implements: Option<(NodeIx, Option<Atom>)>,
    pub(super) deprecated: Option<NodeIx>,
    pub(super) since: Option<NodeIx>,
}

impl Pending {
    /// A definition follows: what was said is its. Later clauses may say more, as the compiler has it.
    pub(super) fn settle(&mut self, function: &mut FunctionFacts) {
        let said = std::mem::take(&mut self.doc);
        function.doc.metadata.extend(&said.metadata);
        if said.text != DocText::None {
            function.doc.text = said.text;
            function.doc.node = said.node;
        }
        function.doc.node = function.doc.node.or(said.node);
        function.implements = self.implements.take().or(function.implements);
        function.deprecated = self.deprecated.take().or(function.deprecated);
        function.since = self.since.take().or(function.since);
    }

    /// A definition that is nobody's follows: what was said is lost, as the compiler warns.
    pub(super) fn forget(&mut self) {
        *self = Pending {
            typedoc: std::mem::take(&mut self.typedoc),
            ..Pending::default()
        };
    }
}

impl Walk<'_> {
    /// `@name value`. Gives the entry to go on with.
    pub(super) fn attribute(&mut self, ix: NodeIx) -> u32 {
        let next = ix.0 + 1;
        let Some(inner) = self.ast.child(ix, 0) else {
            return next;
        };
        let name = self.ast.atom_of(inner, Kind::Call);
        let value = self.ast.child(inner, 0);
        let (Some(module), Some(name), Some(value)) = (self.current_body(), name, value) else {
            return next;
        };
        let meaning = meaning(name);
        let ast = self.ast;
        match meaning {
            Meaning::Moduledoc => self.facts[module as usize].moduledoc.say(ast, ix, value),
            Meaning::Doc => self.pending(module).doc.say(ast, ix, value),
            Meaning::Typedoc => self.pending(module).typedoc.say(ast, ix, value),
            Meaning::Deprecated => self.pending(module).deprecated = Some(value),
            Meaning::Since => self.pending(module).since = Some(value),
            Meaning::Impl => self.implementation(module, ix, value),
            Meaning::Behaviour => {
                let behaviour = self.resolve(value);
                if !behaviour.dynamic {
                    let behaviours = &mut self.facts[module as usize].behaviours;
                    behaviours.push((behaviour.atom, ix));
                }
                return self.ast.end(ix);
            }
            Meaning::OptionalCallbacks => {
                let names = names_with_arities(ast, value);
                self.facts[module as usize].optional_callbacks.extend(names);
            }
            Meaning::Type | Meaning::Opaque | Meaning::Typep => {
                self.type_definition(module, meaning, ix, value);
                self.types_end = self.types_end.max(ast.end(ix));
            }
            Meaning::Spec | Meaning::Callback | Meaning::Macrocallback => {
                self.spec(module, meaning, ix, value);
                self.types_end = self.types_end.max(ast.end(ix));
            }
            Meaning::Other => self.facts[module as usize].attributes.push(Attribute {
                name,
                node: ix,
                value,
            }),
        }
        inner.0 + 1
    }

    fn pending(&mut self, module: u32) -> &mut Pending {
        &mut self.modules[module as usize].1
    }

    /// `@impl true`, `@impl Behaviour`, `@impl false`.
    fn implementation(&mut self, module: u32, ix: NodeIx, value: NodeIx) {
        let said = self.ast.atom_of(value, Kind::Atom).map(Atom::text);
        let behaviour = match said {
            Some("false" | "nil") => return self.pending(module).implements = None,
            Some("true") => None,
            _ => Some(self.resolve(value))
                .filter(|name| !name.dynamic)
                .map(|name| name.atom),
        };
        self.pending(module).implements = Some((ix, behaviour));
    }

    fn type_definition(&mut self, module: u32, meaning: Meaning, ix: NodeIx, definition: NodeIx) {
        let doc = std::mem::take(&mut self.pending(module).typedoc);
        let Some(head) = head(self.ast, definition) else {
            return;
        };
        self.facts[module as usize].types.push(TypeDef {
            kind: match meaning {
                Meaning::Opaque => TypeKind::Opaque,
                Meaning::Typep => TypeKind::Typep,
                _ => TypeKind::Type,
            },
            name: head.name,
            dynamic: head.dynamic,
            arity: head.arity,
            node: ix,
            definition,
            doc,
        });
    }

    fn spec(&mut self, module: u32, meaning: Meaning, ix: NodeIx, definition: NodeIx) {
        let kind = match meaning {
            Meaning::Callback => SpecKind::Callback,
            Meaning::Macrocallback => SpecKind::Macrocallback,
            _ => SpecKind::Spec,
        };
        let doc = match kind {
            SpecKind::Spec => Doc::default(),
            _ => std::mem::take(&mut self.pending(module).doc),
        };
        let Some(head) = head(self.ast, definition) else {
            return;
        };
        self.facts[module as usize].specs.push(Spec {
            kind,
            name: head.name,
            dynamic: head.dynamic,
            arity: head.arity,
            node: ix,
            definition,
            doc,
        });
    }
}
