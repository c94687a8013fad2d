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
            false
        }
    }

    #[cold]
    fn decide(&self, heap: Heap, key: ErlNifTerm, word: u64) -> bool {
        let generation = self.names.generation();
        let decision = self
            .rules()
            .keys
            .matches(heap.atom_text(key, &mut [0; 1024]));
        self.names.put(word, generation, decision);
        decision
    }
}
