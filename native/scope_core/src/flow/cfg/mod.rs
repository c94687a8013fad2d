//! The control flow graph of one function: basic blocks of nodes in the order of evaluation, and the edges between them.
//!
//! One graph for the function over all its clauses, and one for each closure in it: a closure runs when it is called, not
//! where it stands. Each has one entry and one exit. Guards belong to the block of their clause, so trying clauses in
//! their order is one branch of as many ways; a value that no clause takes raises, and has no edge. Quoted code is data.
//!
//! Blocks and edges as in F. E. Allen, "Control Flow Analysis", SIGPLAN Notices 5(7), 1970. Cyclomatic complexity as in
//! T. J. McCabe, "A Complexity Measure", IEEE TSE 1976: E − N + 2.

mod branches;
mod build;
mod loops;
mod order;
mod recursion;
mod remote;

use crate::ast::NodeIx;
use crate::source::Unit;

/// What a block is there for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum BlockKind {
    Entry,
    Exit,
    /// A clause: of the function, `fn`, `case`, `receive`, `rescue`, ...
    Clause,
    /// Code between branches.
    Code,
    /// Where branches meet again.
    Join,
    /// Asks a generator for its next value.
    Loop,
    /// Tries the clauses of `rescue` and `catch`, or of an `else`.
    Dispatch,
    /// The `after` of a `try`: runs on every way out.
    After,
}

impl BlockKind {
    pub fn text(self) -> &'static str {
        match self {
            BlockKind::Entry => "entry",
            BlockKind::Exit => "exit",
            BlockKind::Clause => "clause",
            BlockKind::Code => "code",
            BlockKind::Join => "join",
            BlockKind::Loop => "loop",
            BlockKind::Dispatch => "dispatch",
            BlockKind::After => "after",
        }
    }
}

/// Why control goes from one block to another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum EdgeKind {
    Next,
    True,
    False,
    /// The value matched; the edge's number says which clause did, from 1.
    Clause,
    /// `<-` of a `with` did not match.
    Mismatch,
    /// No message came in time.
    Timeout,
    /// A generator has a value.
    Each,
    /// A generator has no more.
    Done,
    /// Back to a generator.
    Back,
    Return,
    /// `raise`, `throw`, `exit`, as written.
    Raise,
    /// Something in the block may raise, to whoever rescues.
    Exception,
    /// No clause of `rescue` and `catch` took it, or `after` has run: it is raised on.
    Reraise,
    /// The function calls itself, as the last thing it does: a loop.
    TailRecursion,
    /// The function calls itself, and goes on.
    Recursion,
}

impl EdgeKind {
    pub fn text(self) -> &'static str {
        match self {
            EdgeKind::Next => "next",
            EdgeKind::True => "true",
            EdgeKind::False => "false",
            EdgeKind::Clause => "clause",
            EdgeKind::Mismatch => "mismatch",
            EdgeKind::Timeout => "timeout",
            EdgeKind::Each => "each",
            EdgeKind::Done => "done",
            EdgeKind::Back => "back",
            EdgeKind::Return => "return",
            EdgeKind::Raise => "raise",
            EdgeKind::Exception => "exception",
            EdgeKind::Reraise => "reraise",
            EdgeKind::TailRecursion => "tail_recursion",
            EdgeKind::Recursion => "recursion",
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub struct Block {
    pub kind: BlockKind,
    /// What it is a block of: a clause, a branch, a construct.
    pub node: NodeIx,
    /// Its nodes, `first..end` of `Cfg::nodes`, in the order of evaluation.
    pub first: u32,
    pub end: u32,
    /// An index into `Cfg::graphs`.
    pub graph: u32,
    /// Control can come here from the entry.
    pub reachable: bool,
    /// A node in it may raise.
    pub may_raise: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Edge {
    pub from: u32,
    pub to: u32,
    pub kind: EdgeKind,
    /// Of a clause: which one, from 1.
    pub number: u16,
}

/// The function itself, or a closure in it.
#[derive(Clone, Copy, Debug)]
pub struct Graph {
    /// The first clause of the function; the `fn` or `&`.
    pub node: NodeIx,
    pub entry: u32,
    pub exit: u32,
}

/// Where the graph counts otherwise than `metrics` does; see [`Cfg::mccabe_of_metrics`].
#[derive(Clone, Copy, Default, Debug)]
struct Difference {
    more: u32,
    less: u32,
}

#[derive(Debug, Default)]
pub struct Cfg {
    pub blocks: Vec<Block>,
    pub nodes: Vec<NodeIx>,
    pub edges: Vec<Edge>,
    pub graphs: Vec<Graph>,
    difference: Difference,
}

impl Cfg {
    /// The graph of a function, a number of `Unit::functions`.
    pub fn of_function(unit: &Unit, function: u32) -> Cfg {
        build::build(unit, function)
    }

    /// Cyclomatic complexity of the function with its closures: 1 + Σ(E − N + 1) over its graphs.
    ///
    /// What may raise implicitly counts once for each `try` that rescues it, not once for each block; raising on and calling
    /// oneself count nothing.
    pub fn mccabe(&self) -> u32 {
        let mut rescued: Vec<u32> = Vec::new();
        let mut edges = 0u32;
        for edge in &self.edges {
            edges += match edge.kind {
                EdgeKind::Reraise | EdgeKind::TailRecursion | EdgeKind::Recursion => 0,
                EdgeKind::Exception => {
                    let catches = self.blocks[edge.to as usize].kind == BlockKind::Dispatch;
                    let first = catches && !rescued.contains(&edge.to);
                    rescued.extend(first.then_some(edge.to));
                    u32::from(first)
                }
                _ => 1,
            };
        }
        let graphs = self.graphs.len() as u32;
        (1 + edges + graphs).saturating_sub(self.blocks.len() as u32)
    }

    /// The same in the words of `FunctionMetrics::cyclomatic_complexity`. It counts a `for` once, where the graph has a
    /// branch for each generator, filter and further clause of its `reduce:`; it counts no `else` of a `try`; and it
    /// counts what is quoted, which the graph does not run.
    pub fn mccabe_of_metrics(&self) -> u32 {
        (self.mccabe() + self.difference.less).saturating_sub(self.difference.more)
    }

    /// The block that evaluates a node, or the innermost node around it that one evaluates.
    pub fn block_of(&self, unit: &Unit, node: NodeIx) -> Option<u32> {
        let owner = |node: NodeIx| {
            let mut blocks = self.blocks.iter().zip(0..);
            let own = |block: &Block| &self.nodes[block.first as usize..block.end as usize];
            blocks
                .find(|(block, _)| own(block).contains(&node))
                .map(|(_, number)| number)
        };
        let mut at = node;
        loop {
            match owner(at) {
                Some(block) => return Some(block),
                None => at = unit.ast().parent(at)?,
            }
        }
    }

    pub fn memory_bytes(&self) -> usize {
        size_of::<Cfg>()
            + self.blocks.capacity() * size_of::<Block>()
            + self.nodes.capacity() * size_of::<NodeIx>()
            + self.edges.capacity() * size_of::<Edge>()
            + self.graphs.capacity() * size_of::<Graph>()
    }
}
