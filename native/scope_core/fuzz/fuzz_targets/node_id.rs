//! Any text is an id or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scope_core::source::NodeId;

fuzz_target!(|text: &str| {
    if let Ok(id) = NodeId::parse(text) {
        let _ = (id.module(), id.anchor());
    }
});
