//! What is withheld in this VM: the rules in force, and what was decided by them.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, Ordering};

use rustler::sys::ErlNifTerm;
use scope_core::capture::redact::{Decisions, Rules, Structs};

use super::term::Heap;
use crate::capture::term_word;

pub(super) struct Policy {
    /// Leaked on purpose: who reads them holds no lock, and they are replaced when somebody configures them.
    rules: AtomicPtr<Rules>,
    pub structs: Structs,
    /// Atoms as names of keys.
    names: Decisions,
}

const NAMES: usize = 8192;

pub(super) fn policy() -> &'static Policy {
    static POLICY: OnceLock<Policy> = OnceLock::new();
    POLICY.get_or_init(|| Policy {
        rules: AtomicPtr::new(Box::into_raw(Box::default())),
        structs: Structs::default(),
        names: Decisions::new(NAMES),
    })
}

impl Policy {
    #[inline(always)]
    pub fn rules(&self) -> &'static Rules {
        // SAFETY: only leaked rules are stored.
        unsafe { &*self.rules.load(Ordering::Acquire) }
    }

    pub fn set_rules(&self, rules: Rules) {
        self.rules
            .store(Box::into_raw(Box::new(rules)), Ordering::Release);
        self.names.forget();
    }

    /// Whether what stands under this key is secret: an atom's or a binary's name says so.
    #[inline]
    pub fn is_secret_key(&self, heap: Heap, key: ErlNifTerm) -> bool {
        if heap.is_atom(key) {
            let word = term_word(key);
            match self.names.get(word) {
                Some(decision) => decision,
                None => self.decide(heap, key, word),
            }
        } else if let Some(bytes) = heap.binary(key) {
            !bytes.is_empty() && bytes.len() <= 256 && self.rules().keys.matches(bytes)
        } else {
            heap.is_list(key) && self.is_secret_charlist(heap, key)
        }
    }

    #[cold]
    fn decide(&self, heap: Heap, key: ErlNifTerm, word: u64) -> bool {
        let generation = self.names.generation();
        let mut buffer = [0; 1024];
        let text = heap.atom_text(key, &mut buffer);
        // A module is no name of a value: `{MyApp.SessionSupervisor, options}`.
        let is_module = text.starts_with(b"'Elixir.") || text.starts_with(b"Elixir.");
        let decision = !is_module && self.rules().keys.matches(text);
        self.names.put(word, generation, decision);
        decision
    }

    #[cold]
    fn is_secret_charlist(&self, heap: Heap, list: ErlNifTerm) -> bool {
        let mut text = [0u8; 64];
        let mut length = 0;
        let mut rest = list;
        while let Some((head, tail)) = heap.uncons(rest) {
            match heap.small(head).and_then(|int| u8::try_from(int).ok()) {
                Some(byte) if length < text.len() => text[length] = byte,
                _ => return false,
            }
            length += 1;
            rest = tail;
        }
        length > 0 && self.rules().keys.matches(&text[..length])
    }
}
