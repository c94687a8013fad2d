//! Whole blocks, for those who read columns.

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::error::Result;
use crate::ingest::log::block::Block;
use crate::ingest::log::filter::Wanted;
use crate::ingest::log::snapshot::{Snapshot, concerns, in_time};

impl Snapshot {
    /// Every block that may hold wanted rows, the oldest first, until `visit` breaks off. What else is in them is the
    /// visitor's to pass over.
    pub fn each_block(
        &self,
        wanted: &Wanted,
        visit: &mut dyn FnMut(&Arc<Block>) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        for segment in &self.sealed {
            let index = &segment.index;
            if !index.late && !in_time(wanted, index.min_ns, index.max_ns) {
                continue;
            }
            let mut mask = index.candidates(wanted);
            while mask != 0 {
                let number = mask.trailing_zeros() as usize;
                mask &= mask - 1;
                let Some(head) = index.blocks.get(number) else {
                    continue;
                };
                let in_time = head.late || in_time(wanted, head.min_ns, head.max_ns);
                if !in_time || !concerns(wanted, head) {
                    continue;
                }
                let block = segment.block(number)?;
                index.relink(&block);
                if visit(&block)?.is_break() {
                    return Ok(());
                }
            }
        }
        for block in &self.tail {
            let in_time = block.head.late || in_time(wanted, block.head.min_ns, block.head.max_ns);
            if in_time && concerns(wanted, &block.head) && visit(block)?.is_break() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Rows of the blocks that may hold wanted ones: what a visit of them would read.
    pub fn rows_in_blocks(&self, wanted: &Wanted) -> u64 {
        let mut rows = 0;
        for segment in &self.sealed {
            let index = &segment.index;
            if !index.late && !in_time(wanted, index.min_ns, index.max_ns) {
                continue;
            }
            let mask = index.candidates(wanted);
            let heads = index.blocks.iter().enumerate();
            rows += heads
                .filter(|(number, head)| {
                    mask >> number & 1 != 0
                        && (head.late || in_time(wanted, head.min_ns, head.max_ns))
                        && concerns(wanted, head)
                })
                .map(|(_, head)| u64::from(head.rows))
                .sum::<u64>();
        }
        let tail = self
            .tail
            .iter()
            .filter(|block| concerns(wanted, &block.head));
        rows + tail.map(|block| block.rows() as u64).sum::<u64>()
    }
}
