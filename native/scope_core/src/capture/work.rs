//! For whom the code runs: claims of work, and what is asked of the consumer about them. See
//! [`crate::ingest::attribution`].

use crate::capture::record::RecordKind;
use crate::capture::ring::{Full, Ring};
use crate::capture::{Capture, Closing, NO_REASON};
use crate::error::Result;
use crate::ingest::attribution::{Attribution, Reached};
use crate::sync::Ordering;

impl Capture {
    /// Begins to keep account, with nothing on it. `Busy` as with `ingest`.
    pub fn attribute(&self) -> Result<()> {
        self.seat()?.attribution = Some(Box::new(Attribution::new()));
        self.attributing.store(true, Ordering::Release);
        Ok(())
    }

    /// No more account; gives what was reached. `Busy` as with `ingest`.
    pub fn attributed(&self) -> Result<Vec<Reached>> {
        let mut consumer = self.seat()?;
        self.attributing.store(false, Ordering::Release);
        let attribution = consumer.attribution.take();
        drop(consumer);
        Ok(attribution.map_or_else(Vec::new, |it| it.reached()))
    }

    #[inline(always)]
    pub fn is_attributing(&self) -> bool {
        self.attributing.load(Ordering::Relaxed)
    }

    /// Processes that reported and of which nobody knows for whom they work, each named once.
    pub fn unknown_workers(&self) -> Result<Vec<u64>> {
        let mut consumer = self.seat()?;
        Ok(consumer
            .attribution
            .as_mut()
            .map_or_else(Vec::new, |it| it.unknown()))
    }

    /// A process was started by or for one of these, nearest first.
    pub fn relate_worker(&self, process: u64, parents: &[u64]) -> Result<()> {
        if let Some(attribution) = self.seat()?.attribution.as_mut() {
            attribution.relate(process, parents);
        }
        Ok(())
    }

    /// Records that `process` begins to work for `owner` (of a group), or that this owner's work ends.
    pub fn work(
        &self,
        ring: &Ring,
        process: u64,
        owner: u32,
        group: u32,
        begins: bool,
    ) -> std::result::Result<(), Full> {
        let kind = match begins {
            true => RecordKind::WorkBegin,
            false => RecordKind::WorkEnd,
        };
        self.close(
            ring,
            Closing {
                kind,
                process,
                token: u64::from(group) << 32 | u64::from(owner),
                point: 0,
                reason: NO_REASON,
            },
        )
    }
}
