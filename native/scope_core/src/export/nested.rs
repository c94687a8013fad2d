//! Begin and end marks that nest, for formats that know nothing else.

use crate::capture::points::PointInfo;
use crate::export::replay::{Change, Frame, Replay};
use crate::ingest::EventKind;

/// One mark on the track of a process.
#[derive(Clone, Copy, Debug)]
pub enum Mark {
    Begin {
        frame: Frame,
        at_ns: u64,
    },
    End {
        point: PointInfo,
        at_ns: u64,
        /// How it ended; `None` where it goes on, and was cut to let another end.
        kind: Option<EventKind>,
        reason: Option<crate::atoms::Atom>,
    },
}

/// The marks of a change. What ends below others cuts those in two.
pub fn marks<E>(
    replay: &Replay,
    change: &Change,
    mut put: impl FnMut(u32, Mark) -> Result<(), E>,
) -> Result<(), E> {
    match *change {
        Change::Opened { process, depth } => {
            let frame = replay.frames(process)[depth];
            let at_ns = frame.began_ns;
            put(process, Mark::Begin { frame, at_ns })
        }
        Change::Closed {
            process,
            frame,
            depth,
            kind,
            at_ns,
            reason,
            ..
        } => {
            let above = &replay.frames(process)[depth..];
            for frame in above.iter().rev() {
                put(process, cut(frame, at_ns))?;
            }
            let end = Mark::End {
                point: frame.point,
                at_ns,
                kind: Some(kind),
                reason,
            };
            put(process, end)?;
            for frame in above {
                put(
                    process,
                    Mark::Begin {
                        frame: *frame,
                        at_ns,
                    },
                )?;
            }
            Ok(())
        }
        Change::Unmatched | Change::Other { .. } => Ok(()),
    }
}

/// Marks that end what is still open, at the time the process reported last.
pub fn close_all<E>(
    replay: &Replay,
    mut put: impl FnMut(u32, Mark) -> Result<(), E>,
) -> Result<(), E> {
    for (process, stack) in replay.stacks.iter().enumerate() {
        for frame in stack.frames.iter().rev() {
            put(process as u32, cut(frame, stack.last_ns))?;
        }
    }
    Ok(())
}

fn cut(frame: &Frame, at_ns: u64) -> Mark {
    Mark::End {
        point: frame.point,
        at_ns,
        kind: None,
        reason: None,
    }
}
