//! What `Kernel` brings into every scope, and what looks like a call and is none.

use std::collections::HashMap;
use std::sync::OnceLock;

use crate::atoms::{Atom, intern};

/// `name/arity` of every function and macro of `Kernel`, of Elixir 1.14 to 1.20 together.
const KERNEL: &str = "\
!/1 !=/2 !==/2 &&/2 */2 **/2 +/1 +/2 ++/2 -/1 -/2 --/2 ../0 ../2 ..///3 //2 </2 <=/2 <>/2 \
==/2 ===/2 =~/2 >/2 >=/2 @/1 abs/1 alias!/1 and/2 apply/2 apply/3 binary_part/3 \
binary_slice/2 binary_slice/3 binding/0 binding/1 bit_size/1 byte_size/1 ceil/1 dbg/0 dbg/1 \
dbg/2 def/1 def/2 defdelegate/2 defexception/1 defguard/1 defguardp/1 defimpl/2 defimpl/3 \
defmacro/1 defmacro/2 defmacrop/1 defmacrop/2 defmodule/2 defoverridable/1 defp/1 defp/2 \
defprotocol/2 defstruct/1 destructure/2 div/2 elem/2 exit/1 floor/1 function_exported?/3 \
get_and_update_in/2 get_and_update_in/3 get_in/2 hd/1 if/2 in/2 inspect/1 inspect/2 \
is_atom/1 is_binary/1 is_bitstring/1 is_boolean/1 is_exception/1 is_exception/2 is_float/1 \
is_function/1 is_function/2 is_integer/1 is_list/1 is_map/1 is_map_key/2 is_nil/1 \
is_non_struct_map/1 is_number/1 is_pid/1 is_port/1 is_reference/1 is_struct/1 is_struct/2 \
is_tuple/1 length/1 macro_exported?/3 make_ref/0 map_size/1 match?/2 max/2 min/2 node/0 \
node/1 not/1 or/2 pop_in/1 pop_in/2 put_elem/3 put_in/2 put_in/3 raise/1 raise/2 rem/2 \
reraise/2 reraise/3 round/1 self/0 send/2 sigil_C/2 sigil_D/2 sigil_N/2 sigil_R/2 sigil_S/2 \
sigil_T/2 sigil_U/2 sigil_W/2 sigil_c/2 sigil_r/2 sigil_s/2 sigil_w/2 spawn/1 spawn/3 \
spawn_link/1 spawn_link/3 spawn_monitor/1 spawn_monitor/3 struct/1 struct/2 struct!/1 \
struct!/2 tap/2 then/2 throw/1 tl/1 to_char_list/1 to_charlist/1 to_string/1 to_timeout/1 \
trunc/1 tuple_size/1 unless/2 update_in/2 update_in/3 use/1 use/2 var!/1 var!/2 |>/2 ||/2 \
";

/// Special forms and parts of them: their arguments are code, they themselves call nothing.
const FORMS: &[&str] = &[
    "%",
    "%{}",
    "&",
    ".",
    "::",
    "<<>>",
    "=",
    "^",
    "{}",
    "->",
    "<-",
    "|",
    "when",
    "\\\\",
    "@",
    "fn",
    "alias",
    "import",
    "require",
    "case",
    "cond",
    "for",
    "quote",
    "receive",
    "try",
    "unquote",
    "unquote_splicing",
    "with",
    "__block__",
    "__aliases__",
    "__MODULE__",
    "__ENV__",
    "__CALLER__",
    "__DIR__",
    "__STACKTRACE__",
    "def",
    "defp",
    "defmacro",
    "defmacrop",
    "defdelegate",
    "defguard",
    "defguardp",
    "defmodule",
    "defprotocol",
    "defimpl",
    "do",
    "end",
    "...",
];

/// What an unqualified name means before anything is imported.
#[derive(Clone, Copy, Debug)]
pub(super) enum Builtin {
    /// No call at all.
    Form,
    /// Exported by `Kernel` with these arities, a bit for each.
    Kernel(u32),
}

fn table() -> &'static HashMap<Atom, Builtin, ahash::RandomState> {
    static TABLE: OnceLock<HashMap<Atom, Builtin, ahash::RandomState>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut table: HashMap<Atom, Builtin, ahash::RandomState> = HashMap::default();
        for entry in KERNEL.split_ascii_whitespace() {
            let (name, arity) = entry.rsplit_once('/').expect("name/arity");
            let bit = 1 << arity.parse::<u32>().expect("an arity");
            match table.entry(intern(name)).or_insert(Builtin::Kernel(0)) {
                Builtin::Kernel(arities) => *arities |= bit,
                Builtin::Form => {}
            }
        }
        for name in FORMS {
            table.insert(intern(name), Builtin::Form);
        }
        table
    })
}

pub(super) fn builtin(name: Atom) -> Option<Builtin> {
    table().get(&name).copied()
}

impl Builtin {
    pub(super) fn exports(self, arity: u32) -> bool {
        matches!(self, Builtin::Kernel(arities) if arity < 32 && arities >> arity & 1 == 1)
    }
}

/// The name of a special form or of a part of one: never of a function.
pub(crate) fn is_form(name: Atom) -> bool {
    matches!(builtin(name), Some(Builtin::Form))
}
