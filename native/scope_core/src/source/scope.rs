//! Who owns a node: the innermost clause, module, or the file.

use std::ops::Range;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Owner {
    File,
    Module(u32),
    Clause(u32),
}

#[derive(Clone, Debug)]
pub(super) struct Scope {
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) owner: Owner,
    /// The enclosing scope; the file is its own.
    parent: u32,
}

/// Nested ranges of entries, in preorder. The first one is the file.
#[derive(Clone, Debug)]
pub(super) struct Scopes(Vec<Scope>);

impl Scopes {
    /// From ranges that nest, in any order.
    pub(super) fn new(entries: u32, mut ranges: Vec<(Range<u32>, Owner)>) -> Self {
        ranges.sort_by_key(|(range, _)| (range.start, std::cmp::Reverse(range.end)));
        let mut scopes = vec![Scope {
            start: 0,
            end: entries,
            owner: Owner::File,
            parent: 0,
        }];
        let mut open = vec![0u32];
        for (range, owner) in ranges {
            while open.len() > 1 && scopes[open[open.len() - 1] as usize].end <= range.start {
                open.pop();
            }
            let parent = open[open.len() - 1];
            open.push(scopes.len() as u32);
            scopes.push(Scope {
                start: range.start,
                end: range.end,
                owner,
                parent,
            });
        }
        scopes.shrink_to_fit();
        Scopes(scopes)
    }

    /// The innermost scope around an entry, as its number.
    pub(super) fn around(&self, entry: u32) -> usize {
        let mut at = self.0.partition_point(|scope| scope.start <= entry) - 1;
        while self.0[at].end <= entry {
            at = self.0[at].parent as usize;
        }
        at
    }

    pub(super) fn get(&self, number: usize) -> &Scope {
        &self.0[number]
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The entries that belong to a scope itself, as runs in preorder: neither the scope's own entry
    /// (the anchor names it) nor what inner scopes own.
    pub(super) fn runs(&self, number: usize) -> impl Iterator<Item = Range<u32>> + '_ {
        let scope = &self.0[number];
        let mut at = scope.start + u32::from(scope.owner != Owner::File);
        let mut inner = number + 1;
        let mut done = false;
        std::iter::from_fn(move || {
            if done {
                return None;
            }
            match self.0.get(inner).filter(|next| next.start < scope.end) {
                Some(next) => {
                    let run = at..next.start;
                    at = next.end;
                    while self.0.get(inner).is_some_and(|next| next.start < at) {
                        inner += 1;
                    }
                    Some(run)
                }
                None => {
                    done = true;
                    Some(at..scope.end)
                }
            }
        })
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.0.capacity() * size_of::<Scope>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_leave_inner_scopes_out() {
        let scopes = Scopes::new(
            100,
            vec![
                (10..20, Owner::Clause(0)),
                (2..50, Owner::Module(0)),
                (12..14, Owner::Module(1)),
                (20..30, Owner::Clause(1)),
            ],
        );
        let runs = |at| {
            scopes
                .runs(at)
                .filter(|run| !run.is_empty())
                .collect::<Vec<_>>()
        };
        assert_eq!(runs(0), vec![0..2, 50..100]);
        assert_eq!(runs(1), vec![3..10, 30..50]);
        assert_eq!(runs(2), vec![11..12, 14..20]);
        assert_eq!(scopes.around(13), 3);
        assert_eq!(scopes.around(15), 2);
        assert_eq!(scopes.around(60), 0);
    }
}
