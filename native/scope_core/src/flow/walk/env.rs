//! What is bound now, and the way back.

use std::collections::HashMap;

use crate::atoms::Atom;

use super::super::variables::NONE;

/// The newest binding of each name, with a trail that undoes.
#[derive(Default)]
pub(super) struct Env {
    current: HashMap<Atom, u32, ahash::RandomState>,
    /// A name, and what it meant before.
    trail: Vec<(Atom, u32)>,
}

impl Env {
    pub(super) fn len(&self) -> u32 {
        self.trail.len() as u32
    }

    /// `NONE`, or nothing, when the name is not bound.
    pub(super) fn get(&self, name: Atom) -> Option<u32> {
        self.current.get(&name).copied()
    }

    pub(super) fn set(&mut self, name: Atom, binding: u32) {
        let before = self.current.insert(name, binding).unwrap_or(NONE);
        self.trail.push((name, before));
    }

    /// Back to when the trail was this long.
    pub(super) fn undo(&mut self, len: u32) {
        while self.trail.len() > len as usize {
            if let Some((name, before)) = self.trail.pop() {
                self.current.insert(name, before);
            }
        }
    }

    /// Undoes, and puts what was bound into `written`, in the order in which it was bound.
    pub(super) fn take_since(&mut self, len: u32, written: &mut Vec<(Atom, u32)>) {
        if self.trail.len() <= len as usize {
            return;
        }
        let start = written.len();
        while self.trail.len() > len as usize {
            if let Some((name, before)) = self.trail.pop() {
                let bound = self.current.insert(name, before).unwrap_or(NONE);
                written.push((name, bound));
            }
        }
        written[start..].reverse();
    }

    /// Every name with its newest binding.
    pub(super) fn each(&self) -> impl Iterator<Item = u32> + '_ {
        self.current.values().copied().filter(|&one| one != NONE)
    }
}
