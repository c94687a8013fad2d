//! What the VM's own tracing records. It never waits: a record that finds no room is dropped and counted, bytes that
//! find none are missing from their record.

use crate::capture::record::{BlobState, Record, RecordKind, foreign};
use crate::capture::ring::{Full, Ring};
use crate::capture::{Capture, NO_REASON};

/// What happened to a process.
#[derive(Clone, Copy, Debug)]
pub struct Traced {
    pub kind: RecordKind,
    pub process: u64,
    /// Dense number of the function, or `u32::MAX`.
    pub point: u32,
    /// Number of the trace.
    pub trace: u32,
    /// Class of the reason of `ForeignError`.
    pub reason: u32,
}

impl Capture {
    /// A traced function is called. `ends` says whether its end will be traced.
    #[inline]
    pub fn foreign_enter(
        &self,
        ring: &Ring,
        traced: Traced,
        ends: bool,
        blob: Option<&[u8]>,
    ) -> Result<(), Full> {
        let record = Record {
            payload: ring.next_token(),
            reason: foreign::of(traced.trace, ends),
            ..self.traced(traced)
        };
        offer(ring, record, blob)
    }

    /// A traced function ends: its kind is `Exit` or `ForeignError`.
    #[inline]
    pub fn foreign_end(
        &self,
        ring: &Ring,
        traced: Traced,
        blob: Option<&[u8]>,
    ) -> Result<(), Full> {
        let record = Record {
            payload: u64::from(traced.trace),
            reason: traced.reason,
            ..self.traced(traced)
        };
        offer(ring, record, blob)
    }

    /// Anything else that happens to a process.
    #[inline]
    pub fn process_event(
        &self,
        ring: &Ring,
        traced: Traced,
        blob: Option<&[u8]>,
    ) -> Result<(), Full> {
        offer(ring, self.traced(traced), blob)
    }

    /// The trace is gone: what it left open is over. To be tried again while the ring is full.
    pub fn trace_closed(&self, ring: &Ring, trace: u32) -> Result<(), Full> {
        if !ring.has_room(RecordKind::TraceClosed) {
            return Err(Full);
        }
        let traced = Traced {
            kind: RecordKind::TraceClosed,
            process: 0,
            point: u32::MAX,
            trace,
            reason: NO_REASON,
        };
        ring.push(Record {
            payload: u64::from(trace),
            ..self.traced(traced)
        });
        Ok(())
    }

    /// Whether anybody records: then somebody has to read the rings.
    pub fn is_recording(&self) -> bool {
        self.is_active() || self.traces.any()
    }

    #[inline(always)]
    fn traced(&self, traced: Traced) -> Record {
        Record {
            at: self.clock.now(),
            process: traced.process,
            payload: 0,
            point: traced.point,
            kind: traced.kind,
            reason: NO_REASON,
            blob: BlobState::None,
        }
    }
}

#[inline(always)]
fn offer(ring: &Ring, record: Record, blob: Option<&[u8]>) -> Result<(), Full> {
    match blob {
        Some(blob) => ring.offer_with(record, blob),
        None => ring.offer(record),
    }
}
