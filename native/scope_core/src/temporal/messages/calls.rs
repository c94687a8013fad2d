//! Calls whose sending the VM did not report: a site that does not know the reference, and a receipt that does.
//!
//! The receipt names the caller. A caller waits, so what is taken from it between the site and its going on is this call, or an
//! earlier one to the same server that was given up. When it went on with an answer, the last of these was it.

use ahash::AHashMap;

use super::Message;
use crate::error::Result;
use crate::temporal::basis::Basis;
use crate::temporal::budget::Budget;
use crate::temporal::happening::{Ending, Tag, What};
use crate::temporal::window::Window;

/// How and when the code behind a site went on.
enum Gone {
    Waits,
    Answered(u64),
    Raised(u64),
}

pub(super) fn join(
    window: &Window,
    messages: &mut Vec<Message>,
    budget: &Budget<'_>,
) -> Result<()> {
    let mut receipts: AHashMap<u64, Vec<u32>> = AHashMap::new();
    let mut calls: Vec<u32> = Vec::new();
    for (number, message) in (0..).zip(messages.iter()) {
        match (message.tag, message.origin(), message.sent) {
            (Tag::Call, None, _) => receipts.entry(message.sender).or_default().push(number),
            (Tag::Call, Some(_), None) => calls.push(number),
            _ => {}
        }
    }
    let mut gone: Vec<bool> = vec![false; messages.len()];
    for number in calls {
        budget.step()?;
        let call = messages[number as usize];
        let Some(receipts) = receipts.get(&call.sender) else {
            continue;
        };
        let Some((receipt, basis, alike)) = choose(window, messages, &gone, call, receipts) else {
            continue;
        };
        let from = messages[receipt as usize];
        gone[receipt as usize] = true;
        messages[number as usize] = Message {
            site: call.site,
            passage: Some(basis),
            alike,
            ..from
        };
    }
    let mut gone = gone.into_iter();
    messages.retain(|_| !gone.next().unwrap_or(false));
    Ok(())
}

fn choose(
    window: &Window,
    messages: &[Message],
    gone: &[bool],
    call: Message,
    receipts: &[u32],
) -> Option<(u32, Basis, u32)> {
    let site = call.site?;
    let from_ns = window.event(site).at_ns;
    let came = |number: &u32| {
        let at = messages[*number as usize]
            .arrived
            .or(messages[*number as usize].handled);
        at.map_or(0, |at| window.event(at).at_ns)
    };
    let fits: Vec<u32> = receipts
        .iter()
        .copied()
        .filter(|number| {
            let to = call.receiver == 0 || messages[*number as usize].receiver == call.receiver;
            to && !gone[*number as usize] && came(number) > from_ns
        })
        .collect();
    let within = |until: u64| fits.iter().filter(move |number| came(number) <= until);
    let unknown = call.receiver == 0;
    match went_on(window, site) {
        Gone::Answered(until) => {
            let basis = match (window.gaps, unknown) {
                (true, _) => Basis::Gaps,
                (_, true) => Basis::ReceiverUnknown,
                _ => Basis::AwaitedCall,
            };
            let alike = within(until).count().saturating_sub(1) as u32;
            Some((*within(until).next_back()?, basis, alike))
        }
        // It may also be taken after it was given up.
        Gone::Raised(until) => {
            let number = within(until).next_back().or(fits.first())?;
            Some((*number, Basis::NotReturned, fits.len() as u32 - 1))
        }
        Gone::Waits => Some((*fits.last()?, Basis::NotReturned, fits.len() as u32 - 1)),
    }
}

fn went_on(window: &Window, site: u32) -> Gone {
    let next = window.after(site).map(|at| window.event(at));
    let mut own = next.filter(|event| event.is_own() && event.what != What::Sent);
    match own.next() {
        None => Gone::Waits,
        Some(event) => match event.what {
            What::End(Ending::Error | Ending::Aborted | Ending::Lost)
            | What::Raised
            | What::Exit => Gone::Raised(event.at_ns),
            _ => Gone::Answered(event.at_ns),
        },
    }
}
