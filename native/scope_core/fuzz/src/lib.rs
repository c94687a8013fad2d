//! From bytes to programs: every input is one, most are odd, many could be Elixir.

use scope_core::ast::{Ast, Builder, Tokens};
use scope_core::atoms::{Atom, intern};
use scope_core::error::Result;

/// What the analyses look for, and names that mean nothing.
const WORDS: &[&str] = &[
    "defmodule",
    "def",
    "defp",
    "defmacro",
    "defmacrop",
    "defdelegate",
    "defguard",
    "defimpl",
    "defprotocol",
    "defstruct",
    "defexception",
    "alias",
    "import",
    "require",
    "use",
    "@",
    "__aliases__",
    "__block__",
    "__MODULE__",
    "quote",
    "unquote",
    "unquote_splicing",
    "when",
    "\\\\",
    ".",
    "{}",
    "%",
    "%{}",
    "<<>>",
    "::",
    "if",
    "unless",
    "case",
    "cond",
    "with",
    "for",
    "try",
    "receive",
    "fn",
    "&",
    "->",
    "<-",
    "and",
    "or",
    "not",
    "&&",
    "||",
    "!",
    "=",
    "^",
    "|>",
    "/",
    "+",
    "-",
    "*",
    "==",
    "<>",
    "++",
    "|",
    "in",
    "do",
    "else",
    "rescue",
    "catch",
    "after",
    "as",
    "only",
    "except",
    "to",
    "for",
    "moduledoc",
    "doc",
    "spec",
    "type",
    "callback",
    "impl",
    "behaviour",
    "derive",
    "send",
    "self",
    "spawn",
    "apply",
    "raise",
    "throw",
    "exit",
    "call",
    "cast",
    "start_link",
    "init",
    "handle_call",
    "handle_cast",
    "handle_info",
    "reply",
    "noreply",
    "stop",
    "children",
    "strategy",
    "one_for_one",
    "map",
    "filter",
    "reduce",
    "put",
    "get",
    "to_atom",
    "Elixir.Enum",
    "Elixir.GenServer",
    "Elixir.Supervisor",
    "Elixir.Process",
    "Enum",
    "GenServer",
    "Supervisor",
    "Kernel",
    "My",
    "Mod",
    "Other",
    "f",
    "g",
    "h",
    "x",
    "y",
    "_",
    "_x",
    "acc",
    "state",
    "super",
    "is_atom",
    "hd",
    "var!",
    "binding",
    "...",
    "nil",
    "true",
    "false",
    "ok",
    "error",
    "erlang",
    "lists",
    "changeset",
    "field",
];

const DEPTH: u32 = 14;
const ENTRIES: u32 = 4_000;

struct Bytes<'a> {
    rest: &'a [u8],
    entries: u32,
}

impl Bytes<'_> {
    fn next(&mut self) -> u8 {
        match self.rest.split_first() {
            Some((first, rest)) => {
                self.rest = rest;
                *first
            }
            None => 0,
        }
    }

    fn word(&mut self) -> Atom {
        intern(WORDS[usize::from(self.next()) % WORDS.len()])
    }

    fn count(&mut self) -> u8 {
        // Few children, now and then many.
        match self.next() {
            many @ 250.. => many / 8,
            few => few % 4,
        }
    }
}

/// A file: modules with functions at the top, anything below.
pub fn program(bytes: &[u8]) -> Result<Ast> {
    let mut bytes = Bytes {
        rest: bytes,
        entries: 0,
    };
    let mut builder = Builder::new();
    open(&mut builder, &mut bytes, "__block__")?;
    while !bytes.rest.is_empty() && bytes.entries < ENTRIES {
        match bytes.next() % 4 {
            0 => expression(&mut builder, &mut bytes, 0)?,
            _ => module(&mut builder, &mut bytes)?,
        }
    }
    builder.close()?;
    builder.finish()
}

fn module(builder: &mut Builder, bytes: &mut Bytes<'_>) -> Result<()> {
    open(builder, bytes, "defmodule")?;
    open(builder, bytes, "__aliases__")?;
    builder.atom(bytes.word())?;
    builder.close()?;
    do_block(builder, |builder| {
        for _ in 0..bytes.count() + 1 {
            match bytes.next() % 3 {
                0 => expression(builder, bytes, 2)?,
                _ => function(builder, bytes)?,
            }
        }
        Ok(())
    })?;
    builder.close()
}

fn function(builder: &mut Builder, bytes: &mut Bytes<'_>) -> Result<()> {
    let kind = ["def", "defp", "defmacro", "@"][usize::from(bytes.next()) % 4];
    open(builder, bytes, kind)?;
    let name = bytes.word();
    meta(builder, bytes)?;
    builder.open_call(name)?;
    for _ in 0..bytes.count() {
        expression(builder, bytes, 9)?;
    }
    builder.close()?;
    do_block(builder, |builder| expression(builder, bytes, 3))?;
    builder.close()
}

/// `[do: ...]`, several expressions in a block.
fn do_block(builder: &mut Builder, body: impl FnOnce(&mut Builder) -> Result<()>) -> Result<()> {
    builder.open_list()?;
    builder.open_pair(intern("do"))?;
    builder.begin_meta();
    builder.meta().open_list()?;
    builder.meta().close()?;
    let _ = builder.end_meta()?;
    builder.open_call(intern("__block__"))?;
    body(builder)?;
    builder.close()?;
    builder.close()?;
    builder.close()
}

fn open(builder: &mut Builder, bytes: &mut Bytes<'_>, name: &str) -> Result<()> {
    meta(builder, bytes)?;
    builder.open_call(intern(name))
}

fn meta(builder: &mut Builder, bytes: &mut Bytes<'_>) -> Result<()> {
    builder.begin_meta();
    builder.meta().open_list()?;
    let what = bytes.next();
    if what & 1 == 0 {
        pair(builder, "line", i64::from(what) / 2)?;
    }
    if what & 2 == 0 {
        pair(builder, "column", i64::from(what))?;
    }
    if what & 28 == 28 {
        builder.meta().open_pair(intern("end"))?;
        builder.meta().open_list()?;
        pair(builder, "line", i64::from(what) * 3 - 300)?;
        builder.meta().close()?;
        builder.meta().close()?;
    }
    builder.meta().close()?;
    let _ = builder.end_meta()?;
    Ok(())
}

fn pair(builder: &mut Builder, key: &str, value: i64) -> Result<()> {
    builder.meta().open_pair(intern(key))?;
    builder.meta().int(value)?;
    builder.meta().close()
}

fn expression(builder: &mut Builder, bytes: &mut Bytes<'_>, depth: u32) -> Result<()> {
    bytes.entries += 1;
    if depth >= DEPTH || bytes.entries >= ENTRIES {
        return builder.atom(bytes.word());
    }
    let inner = |builder: &mut Builder, bytes: &mut Bytes<'_>| {
        for _ in 0..bytes.count() {
            expression(builder, bytes, depth + 1)?;
        }
        Ok(())
    };
    match bytes.next() % 16 {
        0..=5 => {
            meta(builder, bytes)?;
            builder.open_call(bytes.word())?;
            inner(builder, bytes)?;
            builder.close()
        }
        6 | 7 => {
            meta(builder, bytes)?;
            let (name, context) = (bytes.word(), bytes.next());
            builder.var(name, (context == 1).then(|| bytes.word()))
        }
        // mod.f(...)
        8 => {
            meta(builder, bytes)?;
            builder.open_call_expr()?;
            open(builder, bytes, ".")?;
            expression(builder, bytes, depth + 1)?;
            builder.atom(bytes.word())?;
            builder.close()?;
            inner(builder, bytes)?;
            builder.close()
        }
        // name do ... end
        9 | 10 => {
            meta(builder, bytes)?;
            builder.open_call(bytes.word())?;
            inner(builder, bytes)?;
            do_block(builder, |builder| inner(builder, bytes))?;
            builder.close()
        }
        // a -> b
        11 => {
            open(builder, bytes, "->")?;
            builder.open_list()?;
            inner(builder, bytes)?;
            builder.close()?;
            expression(builder, bytes, depth + 1)?;
            builder.close()
        }
        12 => {
            builder.open_list()?;
            inner(builder, bytes)?;
            builder.close()
        }
        13 => {
            builder.open_pair(bytes.word())?;
            expression(builder, bytes, depth + 1)?;
            builder.close()
        }
        14 => builder.int(i64::from(bytes.next()) - 5),
        _ => {
            let word = bytes.word();
            builder.binary(word.text().as_bytes())
        }
    }
}
