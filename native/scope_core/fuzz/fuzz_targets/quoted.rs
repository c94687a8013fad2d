//! Any quoted code becomes a unit, its ids lead back to its nodes, and everything that is derived from it is derived.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scope_core::source::{NodeId, Unit};
use scope_core_fuzz::program;

fuzz_target!(|bytes: &[u8]| {
    let Ok(ast) = program(bytes) else {
        return;
    };
    let unit = Unit::build(Some("lib/fuzzed.ex"), None, ast).expect("what can be built is a unit");
    let mut ids = Vec::new();
    unit.each_id(|ix, id| ids.push((ix, id.to_owned())));
    for (ix, text) in ids.iter().take(500) {
        let id = NodeId::parse(text).expect("an id is one");
        assert_eq!(unit.find(&id), Some(*ix), "{text}");
    }
    unit.index();
    assert!(unit.memory_bytes() > 0);
});
