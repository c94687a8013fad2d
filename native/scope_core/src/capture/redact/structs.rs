//! What is known of struct modules: which of their fields are to be withheld.
//!
//! Probes look modules up without a lock. One that is not there yet is put on a list, which is emptied by who can find out
//! (in the VM: what `Inspect` and the schema say); until then all its fields are withheld.

use super::Rule;
use crate::limits;
use crate::sync::{AtomicU64, AtomicUsize, Mutex, Ordering};

/// What is withheld of a struct.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Class {
    /// Nothing but what other rules say.
    Plain,
    /// These fields (words of atoms).
    Fields(Box<[(u64, Rule)]>),
    /// All fields.
    All(Rule),
}

impl Class {
    /// The rule that withholds a field.
    #[inline]
    pub fn withholds(&self, field: u64) -> Option<Rule> {
        match self {
            Class::Plain => None,
            Class::All(rule) => Some(*rule),
            Class::Fields(fields) => fields
                .iter()
                .find(|(word, _)| *word == field)
                .map(|(_, rule)| *rule),
        }
    }
}

pub struct Structs {
    slots: Box<[Slot]>,
    used: AtomicUsize,
    /// Classes by number. Only added to: who reads one holds no lock, and a class that is replaced is small.
    classes: Mutex<Vec<&'static Class>>,
    waiting: Mutex<Vec<u64>>,
    /// Structs whose fields were withheld because nothing was known of them.
    unclassified: AtomicU64,
}

struct Slot {
    /// The module's word, or 0 while the slot is free.
    module: AtomicU64,
    /// The address of its class; 0 while it waits to be classified.
    class: AtomicUsize,
}

impl Default for Structs {
    fn default() -> Self {
        Self::new(limits::STRUCTS_MAX)
    }
}

impl Structs {
    pub fn new(slots: usize) -> Self {
        Structs {
            slots: (0..slots.max(2).next_power_of_two())
                .map(|_| Slot {
                    module: AtomicU64::new(0),
                    class: AtomicUsize::new(0),
                })
                .collect(),
            used: AtomicUsize::new(0),
            classes: Mutex::new(Vec::new()),
            waiting: Mutex::new(Vec::new()),
            unclassified: AtomicU64::new(0),
        }
    }

    /// The class of a module, when it is known.
    #[inline]
    pub fn class(&self, module: u64) -> Option<&'static Class> {
        let class = self.find(module)?.class.load(Ordering::Acquire);
        // SAFETY: only addresses of leaked classes are stored.
        (class != 0).then(|| unsafe { &*(class as *const Class) })
    }

    /// Counts a struct that was withheld, and asks for its class, once.
    #[cold]
    pub fn ask(&self, module: u64) {
        self.unclassified.fetch_add(1, Ordering::Relaxed);
        if self.find(module).is_some() {
            return;
        }
        let Some(mut waiting) = self.waiting.try_lock() else {
            return;
        };
        if waiting.len() < limits::STRUCTS_WAITING_MAX && self.find(module).is_none() {
            // In a full table it stays unknown, and what is unknown stays withheld.
            if self.insert(module, 0) {
                waiting.push(module);
            }
        }
    }

    /// The modules that wait to be classified; each is given once.
    pub fn take_waiting(&self) -> Vec<u64> {
        std::mem::take(&mut *self.waiting.lock())
    }

    /// How many wait, and how often a struct was withheld for want of a class.
    pub fn unclassified(&self) -> (usize, u64) {
        (
            self.waiting.lock().len(),
            self.unclassified.load(Ordering::Relaxed),
        )
    }

    /// Whether there was room.
    pub fn classify(&self, module: u64, class: Class) -> bool {
        let mut classes = self.classes.lock();
        let known = classes.iter().find(|known| ***known == class).copied();
        let class: &'static Class = match known {
            Some(known) => known,
            None => {
                let leaked: &'static Class = Box::leak(Box::new(class));
                classes.push(leaked);
                leaked
            }
        };
        self.insert(module, std::ptr::from_ref(class) as usize)
    }

    fn find(&self, module: u64) -> Option<&Slot> {
        let mask = self.slots.len() - 1;
        let mut at = place(module) & mask;
        // Half of the slots stay free, so the walk ends.
        loop {
            let slot = &self.slots[at];
            match slot.module.load(Ordering::Acquire) {
                0 => return None,
                found if found == module => return Some(slot),
                _ => at = (at + 1) & mask,
            }
        }
    }

    /// Any thread may insert: a free slot is claimed by compare-and-swap.
    fn insert(&self, module: u64, class: usize) -> bool {
        let mask = self.slots.len() - 1;
        let mut at = place(module) & mask;
        loop {
            let slot = &self.slots[at];
            let found = slot.module.load(Ordering::Acquire);
            if found == 0 {
                if self.used.load(Ordering::Relaxed) >= self.slots.len() / 2 {
                    return false;
                }
                let claimed =
                    slot.module
                        .compare_exchange(0, module, Ordering::AcqRel, Ordering::Acquire);
                match claimed {
                    Ok(_) => {
                        self.used.fetch_add(1, Ordering::Relaxed);
                        store(slot, class);
                        return true;
                    }
                    Err(other) if other != module => continue,
                    Err(_) => {}
                }
            }
            if found == module || slot.module.load(Ordering::Acquire) == module {
                store(slot, class);
                return true;
            }
            at = (at + 1) & mask;
        }
    }
}

/// Asking for a class never takes away one that came meanwhile.
fn store(slot: &Slot, class: usize) {
    if class != 0 {
        slot.class.store(class, Ordering::Release);
    }
}

#[inline(always)]
fn place(module: u64) -> usize {
    (module.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as usize
}
