//! Receivers that ran before the recording began: what waited in them then is not known.
//!
//! A message from then is taken for one that came since and looks the same, and all that follow are off by one. The
//! first call that a behaviour's loop takes ends that: the loop takes what is oldest, and a call has no equal, so whatever came before
//! it has been taken, and whatever comes after has not.

use ahash::AHashMap;

use super::matcher::{Look, Matcher};
use crate::temporal::basis::Basis;

impl Matcher<'_> {
    pub(super) fn note_unsettled(&mut self, receiver: u64, number: u32) {
        if !self.born.contains_key(&receiver) && !self.settled.contains(&receiver) {
            self.unsettled.entry(receiver).or_default().push(number);
        }
    }

    /// The call of this number was taken: puts in order what was matched before.
    pub(super) fn settle(&mut self, receiver: u64, call: u32) {
        self.settled.insert(receiver);
        let call_arrived = self.messages[call as usize].arrived;
        // In the order of coming, and in the order of taking.
        let mut looks: AHashMap<Look, (Vec<u32>, Vec<u32>)> = AHashMap::new();
        let mut numbers = self.unsettled.remove(&receiver).unwrap_or_default();
        numbers.sort_unstable();
        numbers.dedup();
        for number in numbers {
            let message = self.messages[number as usize];
            if number != call {
                let look = (receiver, message.key, message.tag);
                let (came, taken) = looks.entry(look).or_default();
                came.extend(message.arrived.map(|_| number));
                taken.extend(message.handled);
            }
        }
        for (look, (mut came, mut taken)) in looks {
            came.sort_unstable_by_key(|number| self.messages[*number as usize].arrived);
            taken.sort_unstable();
            for number in &came {
                let message = &mut self.messages[*number as usize];
                (message.handled, message.taking) = (None, None);
            }
            let later = came
                .partition_point(|number| self.messages[*number as usize].arrived < call_arrived);
            let still = came.split_off(later);
            let mut came = came.into_iter().rev();
            // The oldest of those taken may be from before.
            for handled in taken.into_iter().rev() {
                match came.next() {
                    Some(number) => {
                        let message = &mut self.messages[number as usize];
                        message.handled = Some(handled);
                        message.taking = Some(Basis::BeforeRecording);
                    }
                    None if self.is_alone(handled, look) => {}
                    None => {
                        let event = *self.window.event(handled);
                        let number = self.add(&event, event.peer, receiver);
                        self.messages[number as usize].handled = Some(handled);
                    }
                }
            }
            let waiting = self.mailboxes.entry(look).or_default();
            waiting.messages = still.into();
            waiting.open.clear();
        }
    }

    /// Whether a message that was only seen to be taken has this event already.
    fn is_alone(&self, handled: u32, look: Look) -> bool {
        self.messages.iter().any(|message| {
            message.arrived.is_none()
                && message.handled == Some(handled)
                && (message.receiver, message.key, message.tag) == look
        })
    }
}
