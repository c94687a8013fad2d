//! Folded stacks: `a;b;c 1234`, nanoseconds of self time, as `flamegraph.pl` and speedscope read them.

use crate::error::Result;
use crate::export::about::About;
use crate::export::item::Item;
use crate::export::tree::CallTree;
use crate::export::{Exporter, Pass, Sink, function_name};

#[derive(Default)]
pub struct Folded {
    tree: CallTree,
}

/// `;` parts frames, and the last blank parts the count.
pub fn frame_name(name: &str) -> String {
    name.replace(';', ":").replace(['\n', '\r'], " ")
}

impl Exporter for Folded {
    fn begin(&mut self, about: &About, out: &mut Sink<'_>) -> Result<()> {
        out.text(&about.comments())?;
        out.text("# unit: nanoseconds of self time;\n")
    }

    fn take(&mut self, item: &Item, _out: &mut Sink<'_>) -> Result<()> {
        self.tree.take(item);
        Ok(())
    }

    fn pass(&mut self, _about: &About, out: &mut Sink<'_>) -> Result<Pass> {
        let (unmatched, open) = self.tree.left_out();
        out.text(&format!(
            "# left out: {unmatched} ends without a beginning, {open} calls that had not ended;\n"
        ))?;
        let name = |node: u32| match &self.tree.nodes[node as usize].function {
            Some(key) => frame_name(&function_name(key)),
            None => "[cut]".into(),
        };
        let mut line = String::new();
        for (number, node) in self.tree.nodes.iter().enumerate() {
            if node.calls == 0 {
                continue;
            }
            line.clear();
            let path = self.tree.path(number as u32);
            if path.is_empty() {
                line.push_str("[cut]");
            }
            for (at, node) in path.into_iter().enumerate() {
                if at > 0 {
                    line.push(';');
                }
                line.push_str(&name(node));
            }
            line.push_str(&format!(" {}\n", node.self_ns));
            out.text(&line)?;
        }
        Ok(Pass::Done)
    }
}
