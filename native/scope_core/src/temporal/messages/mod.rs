//! Messages: which send, which arrival and which handling are one.
//!
//! Up to four events tell of a message: the *site* (instrumented code is about to send), the *send* (the VM saw it),
//! the *arrival* (the VM moved it into the receiver's mailbox, and may say from whom), the *handling* (instrumented code took
//! it). None names the message; what there is are the pair of processes, a key (a hash of the content, or the reference of a call), and
//! three promises of the VM: what one process sends to another arrives in order; a mailbox is searched from its old
//! end, so of equal messages the oldest is taken; a reference is made once.
//!
//! What else could have been the case decides whether a match is exact:
//! - one sent before the recording began may still be under way (`covered` tells when that is excluded);
//! - code without probes takes messages without a word. So of equal messages that waited together, which one was taken is
//!   certain only once all of them were seen to be taken, or when only one was there;
//! - after dropped records only references count.

mod calls;
mod matcher;
mod settle;
#[cfg(all(test, not(loom)))]
mod simulated;
#[cfg(all(test, not(loom)))]
mod tests;

use ahash::AHashMap;

use crate::error::Result;
use crate::temporal::basis::Basis;
use crate::temporal::budget::Budget;
use crate::temporal::happening::Tag;
use crate::temporal::window::Window;

/// One message, by the places of its events in the window.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Message {
    pub site: Option<u32>,
    pub sent: Option<u32>,
    pub arrived: Option<u32>,
    pub handled: Option<u32>,
    /// Words of the processes, 0 when not known.
    pub sender: u64,
    pub receiver: u64,
    pub key: u64,
    pub tag: Tag,
    /// How the sending side and the receiving side were brought together.
    pub passage: Option<Basis>,
    /// How arrival and handling were.
    pub taking: Option<Basis>,
    /// Messages that this one could not be told from.
    pub alike: u32,
    /// A timer sent it.
    pub timer: bool,
    /// It was sent to somebody who was not there.
    pub to_none: bool,
}

impl Message {
    /// Where it came from: the code that sent it, else the send.
    pub fn origin(&self) -> Option<u32> {
        self.site.or(self.sent)
    }

    /// Where it went: the code that took it, else the arrival.
    pub fn target(&self) -> Option<u32> {
        self.handled.or(self.arrived)
    }

    /// On what the edge from origin to target stands; none when one side is missing.
    pub fn basis(&self) -> Option<Basis> {
        let passage = self.passage?;
        Some(match self.taking {
            Some(taking) if self.arrived.is_some() => passage.and(taking),
            _ => passage,
        })
    }
}

/// All messages of a window.
pub struct Messages {
    pub all: Vec<Message>,
    /// By the place of any of its events.
    of_event: AHashMap<u32, u32>,
}

impl Messages {
    /// Errors: `Timeout`.
    pub fn of(window: &Window, budget: &Budget<'_>) -> Result<Self> {
        let all = matcher::Matcher::new(window).run(budget)?;
        let mut of_event = AHashMap::new();
        for (number, message) in (0..).zip(&all) {
            for at in [message.site, message.sent, message.arrived, message.handled] {
                at.map(|at| of_event.insert(at, number));
            }
        }
        Ok(Messages { all, of_event })
    }

    /// The message that an event tells of.
    pub fn of_event(&self, at: u32) -> Option<&Message> {
        Some(&self.all[*self.of_event.get(&at)? as usize])
    }
}
