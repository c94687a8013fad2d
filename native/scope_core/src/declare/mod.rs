//! What a module declares, read from its source: directives with their options, attributes, types, specs, callbacks,
//! docs, struct fields, behaviours, and which modules it names and how.
//!
//! One pass over a file, made when first asked for and kept with it. Everything is a node of the file or a name;
//! texts are rendered when asked for. What stands in `quote` is not declared here: it is kept apart, as what
//! `use` of this module injects ([`Injection`]).

mod attribute;
mod brought;
mod docs;
mod exports;
mod facts;
mod fields;
mod inject;
mod literal;
mod print;
mod signature;
mod typespec;
mod value;
mod walk;

pub use brought::{Brought, Modules, OneFile, Used, brought};
pub use docs::{Doc, DocText, doc_text, documentation_score};
pub use exports::{exports, generated};
pub use facts::{
    Attribute, Declared, Directive, DirectiveKind, FunctionFacts, Injected, Injection, ModuleFacts,
    Reference, ReferenceKind, Spec, SpecKind, TypeDef, TypeKind,
};
pub use fields::{Field, struct_fields};
pub use literal::atom_text;
pub use print::{as_written, expression};
pub use signature::{parameters, signature};
pub use value::{
    Implemented, documentation_value, implemented, metadata_value, node_fields, node_value,
    signature_value, spec_text,
};
