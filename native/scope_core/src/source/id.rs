//! The text of an `ast_node_id`, taken apart.
//!
//! ```text
//! anchor                       a module or a function, or a file for code outside of modules
//! anchor#clause                a clause:    My.Mod.total/2#c41f0a    (.2 for the second equal head)
//! anchor#clause:node           in a clause: My.Mod.total/2#c41f0a:9be02d11.1
//! anchor:node                  in a module, outside of its functions
//! ```

use crate::error::{Error, Result};

use super::names::{is_alias_segment, module_of_text};

/// A well-formed id. Whether it names anything is for [`super::Unit::find`] to say.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct NodeId {
    text: String,
    anchor: usize,
    /// Where the module's text ends, without and with its `~` suffix. Zero: the anchor is a file.
    module: usize,
    qualified: usize,
    clause: Option<(u32, u32)>,
    node: Option<(u32, u32)>,
}

/// Longer ids name nothing: a function's name has 255 characters at most, as each module's has.
const BYTES_MAX: usize = 16 * 1024;

impl NodeId {
    /// Reads an id.
    ///
    /// ```
    /// use scope_core::source::NodeId;
    ///
    /// let id = NodeId::parse("My.Mod.total/2#c41f0a:9be02d11.1")?;
    /// assert_eq!(id.anchor(), "My.Mod.total/2");
    /// assert_eq!(id.module_name().as_deref(), Some("Elixir.My.Mod"));
    /// assert!(NodeId::parse("").is_err());
    /// # Ok::<(), scope_core::error::Error>(())
    /// ```
    pub fn parse(text: &str) -> Result<NodeId> {
        if text.is_empty() || text.len() > BYTES_MAX {
            return Err(Error::Invalid {
                what: "ast_node_id",
                detail: format!("it has {} bytes", text.len()),
            });
        }
        let mut anchor = text;
        let node = split_hash(anchor, ':', 8, true).map(|(rest, node)| {
            anchor = rest;
            node
        });
        let clause = split_hash(anchor, '#', 6, false).map(|(rest, clause)| {
            anchor = rest;
            clause
        });
        let module = module_length(anchor).filter(|&end| {
            let rest = &anchor[qualified_length(anchor, end)..];
            rest.is_empty() || is_function_tail(rest)
        });
        let module = module.unwrap_or(0);
        Ok(NodeId {
            text: text.to_string(),
            anchor: anchor.len(),
            module,
            qualified: if module == 0 {
                0
            } else {
                qualified_length(anchor, module)
            },
            clause,
            node,
        })
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The module, function or file that the id starts with.
    pub fn anchor(&self) -> &str {
        &self.text[..self.anchor]
    }

    /// The module as the id shows it, with the `~` suffix that tells it from others of its name.
    pub fn module(&self) -> Option<&str> {
        (self.module > 0).then(|| &self.text[..self.qualified])
    }

    /// The text of the module's atom. `None` for a file, and for a module whose name is computed.
    pub fn module_name(&self) -> Option<String> {
        module_of_text(&self.text[..self.module]).filter(|_| self.module > 0)
    }

    /// Hash and occurrence of the clause.
    pub(super) fn clause(&self) -> Option<(u32, u32)> {
        self.clause
    }

    /// Lower half of the hash, and occurrence, of the node.
    pub(super) fn node(&self) -> Option<(u32, u32)> {
        self.node
    }
}

/// Splits `...<mark><digits hex digits>[.<number>]` off the end.
fn split_hash(text: &str, mark: char, digits: usize, numbered: bool) -> Option<(&str, (u32, u32))> {
    let (rest, suffix) = text.rsplit_once(mark)?;
    let (hash, number) = match suffix.split_once('.') {
        Some((hash, number)) => (hash, decimal(number)?),
        None if numbered => return None,
        None => (suffix, 1),
    };
    let plain = hash
        .bytes()
        .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if hash.len() != digits || !plain || rest.is_empty() {
        return None;
    }
    Some((rest, (u32::from_str_radix(hash, 16).ok()?, number)))
}

/// A number from 1 as it is printed: no sign, no zero in front.
fn decimal(text: &str) -> Option<u32> {
    (text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0'))
        .then(|| text.parse().ok())
        .flatten()
}

/// Where the module's name ends in an anchor, its `~` suffix not included.
fn module_length(anchor: &str) -> Option<usize> {
    let start = if anchor.starts_with(":\"") {
        1 + quoted_length(&anchor[1..])?
    } else if let Some(rest) = anchor.strip_prefix(':') {
        1 + rest.find(['.', '~']).unwrap_or(rest.len())
    } else if anchor.starts_with("unquote(") {
        anchor.find(')')? + 1
    } else {
        segment_length(anchor)?
    };
    let mut end = start;
    while let Some(segment) = anchor[end..].strip_prefix('.').and_then(segment_length) {
        end += 1 + segment;
    }
    Some(end)
}

fn segment_length(text: &str) -> Option<usize> {
    let end = text
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .unwrap_or(text.len());
    is_alias_segment(&text[..end]).then_some(end)
}

/// Bytes of a quoted text at the beginning of `text`, quotes included.
fn quoted_length(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// Where the `~` suffix of the module ends: `~2`, `~9c01ab`, `~9c01ab.2`.
fn qualified_length(anchor: &str, module: usize) -> usize {
    let Some(suffix) = anchor[module..].strip_prefix('~') else {
        return module;
    };
    let mut end = suffix
        .find(|c: char| !c.is_ascii_hexdigit())
        .unwrap_or(suffix.len());
    if let Some(rest) = suffix[end..].strip_prefix('.') {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        if digits > 0 {
            end += 1 + digits;
        }
    }
    module + 1 + end
}

/// `.name/arity`.
fn is_function_tail(text: &str) -> bool {
    text.strip_prefix('.')
        .and_then(|rest| rest.rsplit_once('/'))
        .is_some_and(|(name, arity)| !name.is_empty() && (arity == "0" || decimal(arity).is_some()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_apart() {
        let check = |text: &str, anchor: &str, module: Option<&str>, name: Option<&str>| {
            let id = NodeId::parse(text).unwrap();
            let found = (id.anchor(), id.module(), id.module_name());
            assert_eq!(found, (anchor, module, name.map(str::to_string)), "{text}");
        };
        let a_b = Some("Elixir.A.B");
        check("A.B", "A.B", Some("A.B"), a_b);
        check("A.B.f/2", "A.B.f/2", Some("A.B"), a_b);
        check("A.B~2.f/2", "A.B~2.f/2", Some("A.B~2"), a_b);
        check(
            "A.B~0a1b2c.2.f/2",
            "A.B~0a1b2c.2.f/2",
            Some("A.B~0a1b2c.2"),
            a_b,
        );
        check("A.B.../2#00ff00", "A.B.../2", Some("A.B"), a_b);
        check("A.B.//2", "A.B.//2", Some("A.B"), a_b);
        check("A.B:0123abcd.4", "A.B", Some("A.B"), a_b);
        check(
            ":lists.map/2#abcdef.3:0123abcd.4",
            ":lists.map/2",
            Some(":lists"),
            Some("lists"),
        );
        check(
            ":\"o.dd\".f/0",
            ":\"o.dd\".f/0",
            Some(":\"o.dd\""),
            Some("o.dd"),
        );
        check(
            "A.\"x#aaaaaa\"/1",
            "A.\"x#aaaaaa\"/1",
            Some("A"),
            Some("Elixir.A"),
        );
        check(
            "unquote(m).X.f/1",
            "unquote(m).X.f/1",
            Some("unquote(m).X"),
            None,
        );
        check(
            "config/config.exs:0123abcd.4",
            "config/config.exs",
            None,
            None,
        );
        check("lib/a.ex", "lib/a.ex", None, None);
    }

    #[test]
    fn parts() {
        let id = NodeId::parse("A.f/1#00000a.3:000000ff.12").unwrap();
        assert_eq!((id.clause(), id.node()), (Some((10, 3)), Some((255, 12))));
        // Not an occurrence as it is printed: part of the anchor then, and found nowhere.
        assert_eq!(NodeId::parse("A.f/1:000000ff.01").unwrap().node(), None);
    }
}
