//! The matcher: goals to reach, choices to come back to, and no recursion over the code.
//!
//! A goal is "this pattern node matches this item" or "these siblings match these items". Reaching one leaves
//! others, kept as a linked list, so that a choice (an alternative, how many items `...` takes) only has to remember
//! its head. This is the machine that Prolog systems are built on (D. H. D. Warren, *An Abstract Prolog Instruction
//! Set*, 1983), without heap: what is matched is never built.

use crate::ast::NodeIx;
use crate::error::{Error, Result};
use crate::limits::MATCH_CELLS_MAX;
use crate::source::Unit;

use super::budget::Budget;
use super::item::{Item, Reader};
use super::pattern::{Op, Pattern, Pix, Slot};
use super::plan::Plan;

#[derive(Clone, Copy, Debug)]
pub(super) enum Goal {
    One {
        pattern: Pix,
        item: Item,
    },
    /// The pattern nodes from `next` to `end` take exactly these items.
    Siblings {
        next: Pix,
        end: Pix,
        start: u32,
        length: u32,
    },
    /// What the captures have to be.
    Guard,
}

/// What else to try at a place.
#[derive(Clone, Copy, Debug)]
pub(super) enum Other {
    Alternative {
        next: Pix,
        end: Pix,
        item: Item,
    },
    /// The `...` at `rest` takes this many.
    Longer {
        rest: Pix,
        end: Pix,
        start: u32,
        length: u32,
        taken: u32,
    },
    /// The nodes from `next` on.
    Deeper {
        pattern: Pix,
        next: u32,
        end: u32,
    },
}

#[derive(Clone, Copy, Debug)]
struct Choice {
    other: Other,
    goals_left: u32,
    mark: Mark,
}

/// How much there was, to go back to.
#[derive(Clone, Copy, Debug)]
struct Mark {
    goals: u32,
    items: u32,
    trail: u32,
}

/// The end of a list of goals.
const NONE: u32 = u32::MAX;

pub(super) struct Machine<'a> {
    pub(super) unit: &'a Unit,
    pub(super) reader: Reader<'a>,
    pub(super) pattern: &'a Pattern,
    pub(super) plan: &'a Plan,
    pub(super) budget: &'a mut Budget,
    goals: Vec<(Goal, u32)>,
    choices: Vec<Choice>,
    pub(super) trail: Vec<Slot>,
    pub(super) items: Vec<Item>,
    pub(super) slots: Vec<Option<Item>>,
    /// The guard's stack.
    pub(super) flags: Vec<bool>,
}

impl<'a> Machine<'a> {
    pub(super) fn new(
        unit: &'a Unit,
        pattern: &'a Pattern,
        plan: &'a Plan,
        budget: &'a mut Budget,
    ) -> Self {
        Machine {
            unit,
            reader: Reader { ast: unit.ast() },
            pattern,
            plan,
            budget,
            goals: Vec::new(),
            choices: Vec::new(),
            trail: Vec::new(),
            items: Vec::new(),
            slots: vec![None; pattern.captures.max(1)],
            flags: Vec::new(),
        }
    }

    /// Whether the whole pattern matches at a node. What it captured is in `slots` then.
    pub(super) fn matches(&mut self, ix: NodeIx) -> Result<bool> {
        self.goals.clear();
        self.choices.clear();
        self.trail.clear();
        self.items.clear();
        self.slots.fill(None);
        self.slots[0] = Some(Item::Node(ix));
        let root = self.pattern.roots[0];
        let goal = match self.pattern.node(root).op {
            Op::Block => self.statements_from(root, ix)?,
            _ => Goal::One {
                pattern: root,
                item: Item::Node(ix),
            },
        };
        let mut goals = NONE;
        if !self.pattern.guard.tests().is_empty() {
            goals = self.push(Goal::Guard, goals)?;
        }
        let goals = self.push(goal, goals)?;
        self.solve(goals)
    }

    /// Whether a pattern of the guard matches a node, with the captures as they are.
    pub(super) fn also_matches(&mut self, root: usize, ix: NodeIx) -> Result<bool> {
        self.holds_for(self.pattern.roots[root], Item::Node(ix))
    }

    /// Whether a pattern node matches an item. Binds nothing.
    pub(super) fn holds_for(&mut self, pattern: Pix, item: Item) -> Result<bool> {
        let (mark, choices) = (self.mark(), self.choices.len());
        let goals = self.push(Goal::One { pattern, item }, NONE)?;
        let found = self.solve(goals)?;
        self.choices.truncate(choices);
        self.back_to(mark);
        Ok(found)
    }

    /// A pattern of several statements takes those from a statement on.
    fn statements_from(&mut self, root: Pix, ix: NodeIx) -> Result<Goal> {
        let ast = self.reader.ast;
        let start = self.items.len() as u32;
        let block = ast.parent(ix).filter(|&one| self.reader.is_block(one));
        match block {
            Some(block) => {
                for one in ast.children(block).filter(|&one| one >= ix) {
                    self.item(Item::Node(one))?;
                }
            }
            None => self.item(Item::Node(ix))?,
        }
        Ok(self.siblings(root + 1, root, start))
    }

    fn solve(&mut self, goals: u32) -> Result<bool> {
        let base = self.choices.len();
        let mut goals = goals;
        while goals != NONE {
            self.budget.step()?;
            let (goal, left) = self.goals[goals as usize];
            let reached = match goal {
                Goal::One { pattern, item } => self.one(pattern, item, left)?,
                Goal::Siblings {
                    next,
                    end,
                    start,
                    length,
                } => self.some(next, end, start, length, left)?,
                Goal::Guard => self.guard()?.then_some(left),
            };
            goals = match reached {
                Some(goals) => goals,
                None => match self.another(base)? {
                    Some(goals) => goals,
                    None => return Ok(false),
                },
            };
        }
        Ok(true)
    }

    /// Goes back to the last choice and takes its next way.
    fn another(&mut self, base: usize) -> Result<Option<u32>> {
        while self.choices.len() > base {
            let Some(choice) = self.choices.pop() else {
                break;
            };
            self.back_to(choice.mark);
            if let Some(goals) = self.choose(choice.other, choice.goals_left)? {
                return Ok(Some(goals));
            }
        }
        Ok(None)
    }

    /// Takes a way, and remembers the one after it.
    pub(super) fn choose(&mut self, other: Other, left: u32) -> Result<Option<u32>> {
        let mark = self.mark();
        match other {
            Other::Alternative { next, end, item } => {
                let after = self.pattern.node(next).end;
                if after < end {
                    let next = after;
                    self.remember(Other::Alternative { next, end, item }, left, mark)?;
                }
                self.push(
                    Goal::One {
                        pattern: next,
                        item,
                    },
                    left,
                )
                .map(Some)
            }
            Other::Longer {
                rest,
                end,
                start,
                length,
                taken,
            } => {
                let node = *self.pattern.node(rest);
                if taken < length - node.singles {
                    let taken = taken + 1;
                    self.remember(
                        Other::Longer {
                            rest,
                            end,
                            start,
                            length,
                            taken,
                        },
                        left,
                        mark,
                    )?;
                }
                self.take(rest, end, start, length, taken, left)
            }
            Other::Deeper { pattern, next, end } => {
                let mut at = next;
                while at < end && !self.is_place(NodeIx(at)) {
                    at += 1;
                }
                if at >= end {
                    return Ok(None);
                }
                let next = at + 1;
                self.remember(Other::Deeper { pattern, next, end }, left, mark)?;
                let item = Item::Node(NodeIx(at));
                self.push(Goal::One { pattern, item }, left).map(Some)
            }
        }
    }

    /// Code that a pattern may match on its own.
    pub(super) fn is_place(&self, ix: NodeIx) -> bool {
        self.reader.stands_alone(ix)
            && !(self.pattern.through.pipes && self.reader.piped_whole(ix).is_some())
    }

    /// Siblings: gives the goals that are left, or `None` when they cannot match.
    fn some(
        &mut self,
        next: Pix,
        end: Pix,
        start: u32,
        length: u32,
        left: u32,
    ) -> Result<Option<u32>> {
        if next == end {
            return Ok((length == 0).then_some(left));
        }
        let node = *self.pattern.node(next);
        if length < node.singles || node.rests == 0 && length > node.singles {
            return Ok(None);
        }
        match node.op {
            // The only one there is takes what the others leave.
            Op::Rest(_) if node.rests == 1 => {
                self.take(next, end, start, length, length - node.singles, left)
            }
            Op::Rest(_) => {
                let (rest, taken) = (next, 0);
                self.choose(
                    Other::Longer {
                        rest,
                        end,
                        start,
                        length,
                        taken,
                    },
                    left,
                )
            }
            _ => {
                let item = self.items[start as usize];
                let mut left = left;
                if node.end < end || length > 1 {
                    let others = Goal::Siblings {
                        next: node.end,
                        end,
                        start: start + 1,
                        length: length - 1,
                    };
                    left = self.push(others, left)?;
                }
                self.push(
                    Goal::One {
                        pattern: next,
                        item,
                    },
                    left,
                )
                .map(Some)
            }
        }
    }

    /// A `...` takes items; the siblings behind it get the others.
    fn take(
        &mut self,
        rest: Pix,
        end: Pix,
        start: u32,
        length: u32,
        taken: u32,
        left: u32,
    ) -> Result<Option<u32>> {
        if let Op::Rest(Some(slot)) = self.pattern.node(rest).op
            && !self.bind(
                slot,
                Item::Run {
                    start,
                    length: taken,
                },
            )
        {
            return Ok(None);
        }
        let next = self.pattern.node(rest).end;
        let (start, length) = (start + taken, length - taken);
        self.push(
            Goal::Siblings {
                next,
                end,
                start,
                length,
            },
            left,
        )
        .map(Some)
    }

    /// The items from `start` on, for the children of a pattern node from `next` on.
    pub(super) fn siblings(&self, next: Pix, parent: Pix, start: u32) -> Goal {
        Goal::Siblings {
            next,
            end: self.pattern.node(parent).end,
            start,
            length: self.items.len() as u32 - start,
        }
    }

    pub(super) fn push(&mut self, goal: Goal, left: u32) -> Result<u32> {
        cells(self.goals.len())?;
        self.goals.push((goal, left));
        Ok(self.goals.len() as u32 - 1)
    }

    pub(super) fn item(&mut self, item: Item) -> Result<()> {
        cells(self.items.len())?;
        self.items.push(item);
        Ok(())
    }

    fn remember(&mut self, other: Other, goals_left: u32, mark: Mark) -> Result<()> {
        cells(self.choices.len())?;
        self.choices.push(Choice {
            other,
            goals_left,
            mark,
        });
        Ok(())
    }

    fn mark(&self) -> Mark {
        Mark {
            goals: self.goals.len() as u32,
            items: self.items.len() as u32,
            trail: self.trail.len() as u32,
        }
    }

    fn back_to(&mut self, mark: Mark) {
        self.goals.truncate(mark.goals as usize);
        self.items.truncate(mark.items as usize);
        for slot in self.trail.drain(mark.trail as usize..) {
            self.slots[usize::from(slot)] = None;
        }
    }
}

fn cells(used: usize) -> Result<()> {
    if used < MATCH_CELLS_MAX {
        return Ok(());
    }
    Err(Error::LimitExceeded {
        what: "steps of one match",
        limit: MATCH_CELLS_MAX as u64,
    })
}
