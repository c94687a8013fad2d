//! Stacks merged into a tree: what flame graphs and folded stacks are made of.

use ahash::AHashMap;

use crate::capture::points::FunctionKey;
use crate::export::item::Item;
use crate::export::replay::{Change, Replay};
use crate::limits;

const ROOT: u32 = 0;

/// One place of the tree: a function, called by the functions above it.
#[derive(Clone, Debug)]
pub struct Node {
    pub parent: u32,
    pub depth: u32,
    /// `None` of the root, and where a tree is cut.
    pub function: Option<FunctionKey>,
    /// Activations that ended here, and their self time.
    pub calls: u64,
    pub self_ns: u64,
}

/// The merged stacks of all activations that ended.
///
/// What lies deeper than `EXPORT_STACK_DEPTH_MAX`, or comes after `EXPORT_STACKS_MAX` different stacks, is summed in the
/// place where the tree was cut: no time is left out.
pub struct CallTree {
    pub nodes: Vec<Node>,
    children: AHashMap<(u32, FunctionKey), u32>,
    replay: Replay,
    /// Activations summed in a place that is not their own.
    pub cut: u64,
}

impl Default for CallTree {
    fn default() -> Self {
        CallTree {
            nodes: vec![Node {
                parent: ROOT,
                depth: 0,
                function: None,
                calls: 0,
                self_ns: 0,
            }],
            children: AHashMap::new(),
            replay: Replay::default(),
            cut: 0,
        }
    }
}

impl CallTree {
    pub fn take(&mut self, item: &Item) {
        match self.replay.take(item) {
            Change::Opened { process, depth } => {
                let frames = self.replay.frames(process);
                let parent = depth
                    .checked_sub(1)
                    .map_or(ROOT, |below| frames[below].mark);
                let function = frames[depth].point.function;
                let node = self.child(parent, function);
                if let Some(top) = self.replay.top(process) {
                    top.mark = node;
                }
            }
            Change::Closed { frame, self_ns, .. } => {
                let node = &mut self.nodes[frame.mark as usize];
                node.calls += 1;
                node.self_ns += self_ns;
                self.cut += u64::from(node.function != Some(frame.point.function));
            }
            Change::Unmatched | Change::Other { .. } => {}
        }
    }

    fn child(&mut self, parent: u32, function: FunctionKey) -> u32 {
        if let Some(node) = self.children.get(&(parent, function)) {
            return *node;
        }
        let depth = self.nodes[parent as usize].depth + 1;
        let full =
            depth > limits::EXPORT_STACK_DEPTH_MAX || self.nodes.len() >= limits::EXPORT_STACKS_MAX;
        if full {
            return parent;
        }
        let node = self.nodes.len() as u32;
        self.nodes.push(Node {
            parent,
            depth,
            function: Some(function),
            calls: 0,
            self_ns: 0,
        });
        self.children.insert((parent, function), node);
        node
    }

    /// The functions from the bottom of the stack to a node.
    pub fn path(&self, node: u32) -> Vec<u32> {
        let mut path = Vec::with_capacity(self.nodes[node as usize].depth as usize);
        let mut at = node;
        while at != ROOT {
            path.push(at);
            at = self.nodes[at as usize].parent;
        }
        path.reverse();
        path
    }

    /// Self time of a node and of all above it in the flame, by node. Parents have smaller numbers.
    pub fn inclusive_ns(&self) -> Vec<u64> {
        let mut all: Vec<u64> = self.nodes.iter().map(|node| node.self_ns).collect();
        for node in (1..all.len()).rev() {
            all[self.nodes[node].parent as usize] += all[node];
        }
        all
    }

    /// Ends without a beginning, and beginnings without an end: what is not in the tree.
    pub fn left_out(&self) -> (u64, u64) {
        (self.replay.unmatched, self.replay.open())
    }
}
