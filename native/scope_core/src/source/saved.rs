//! A unit on its way to and from a file: what it was made of. What was found in it is found again,
//! so a file cannot claim a definition that is not there.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::ast::Ast;
use crate::error::Result;

use super::text::CodeLines;
use super::unit::Unit;

#[derive(Serialize)]
struct Out<'a> {
    file: &'a str,
    digest: [u8; 16],
    code_lines: &'a [u64],
    ast: &'a Ast,
}

#[derive(Deserialize)]
struct In {
    file: String,
    digest: [u8; 16],
    code_lines: Vec<u64>,
    ast: Ast,
}

impl Serialize for Unit {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let out = Out {
            file: &self.file,
            digest: self.digest.to_le_bytes(),
            code_lines: self.code_lines.words(),
            ast: &self.ast,
        };
        out.serialize(serializer)
    }
}

/// Qualifiers are not saved: they belong to a project, see `Unit::with_qualifiers`.
impl<'de> Deserialize<'de> for Unit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let read = In::deserialize(deserializer)?;
        let lines = CodeLines::from_words(read.code_lines);
        Unit::assemble(
            &read.file,
            u128::from_le_bytes(read.digest),
            read.ast,
            lines,
        )
        .map_err(D::Error::custom)
    }
}

impl Unit {
    /// Checks what a reader relies on. Everything is checked when a unit is deserialized, so this
    /// cannot fail for a unit that exists; it is here for callers that want to say so.
    pub fn validate(&self) -> Result<()> {
        Ok(())
    }
}
