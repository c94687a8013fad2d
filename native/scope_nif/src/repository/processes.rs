//! Supervision and messages.

use rustler::{Env, Term};

use super::{args, repository_of};
use crate::error::reply;
use crate::terms::value_to_term;

/// The supervision tree, flat: `%{applications:, nodes:, detached:, unattached:, truncated:}`.
#[rustler::nif(schedule = "DirtyCpu")]
fn otp_supervision<'a>(env: Env<'a>, handle: Term<'a>) -> Term<'a> {
    let tree = || value_to_term(env, &repository_of(handle)?.processes().supervision_value());
    reply(env, tree())
}

/// `%{sends:, receives:, unsent:}`.
#[rustler::nif(schedule = "DirtyCpu")]
fn otp_messages<'a>(env: Env<'a>, handle: Term<'a>) -> Term<'a> {
    let messages = || value_to_term(env, &repository_of(handle)?.processes().messages_value());
    reply(env, messages())
}

/// `%ProcessFacts{}` of a module; `nil` of one that is no process.
#[rustler::nif(schedule = "DirtyCpu")]
fn otp_module<'a>(env: Env<'a>, handle: Term<'a>, name: Term<'a>) -> Term<'a> {
    let module = || {
        let repository = repository_of(handle)?;
        let name = args::atom(name, "module_name")?;
        value_to_term(env, &repository.processes().module_value(name))
    };
    reply(env, module())
}
