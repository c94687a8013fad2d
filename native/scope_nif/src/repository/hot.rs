//! The lookups that happen per event: raw NIFs on normal schedulers, since rustler's wrapper allocates per call.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rustler::codegen_runtime::{ErlNifEnv, ErlNifTerm, c_int, inventory};
use rustler::{Encoder, Env, Term};
use scope_core::capture::points::PointInfo;
use scope_core::error::{Error, Result};
use scope_core::store::Repository;

use super::args;
use super::cells;
use super::repository_of;
use crate::atoms;
use crate::error;

/// Entries of a node that are decoded on a normal scheduler: some tens of microseconds.
const SMALL_ENTRIES_MAX: u32 = 256;

type Body = for<'a> fn(Env<'a>, &[Term<'a>]) -> Result<Term<'a>>;

/// Runs a body over the arguments of a NIF; a panic becomes an error and stays here.
///
/// # Safety
/// The arguments are those that the VM called a NIF of arity `N` with.
unsafe fn guarded<const N: usize>(
    env: *mut ErlNifEnv,
    arguments: *const ErlNifTerm,
    body: Body,
) -> ErlNifTerm {
    let anchor = ();
    // SAFETY: the environment of this call, as long as this call.
    let env = unsafe { Env::new(&anchor, env) };
    // SAFETY: the caller's promise.
    let terms: [Term<'_>; N] =
        std::array::from_fn(|at| unsafe { Term::new(env, *arguments.add(at)) });
    let result = catch_unwind(AssertUnwindSafe(|| body(env, &terms)));
    let term = match result {
        Ok(Ok(term)) => term,
        Ok(Err(fault)) => error::encode(env, &fault),
        Err(_) => error::encode(env, &args::invalid("call", "it failed inside the library")),
    };
    term.as_c_arg()
}

macro_rules! hot_nif {
    ($name:ident, $symbol:literal, $arity:literal, $body:ident) => {
        unsafe extern "C" fn $name(
            env: *mut ErlNifEnv,
            _argc: c_int,
            arguments: *const ErlNifTerm,
        ) -> ErlNifTerm {
            // SAFETY: the VM calls this with as many arguments as are registered below.
            unsafe { guarded::<$arity>(env, arguments, $body) }
        }

        inventory::submit!(rustler::Nif {
            name: $symbol.as_ptr(),
            arity: $arity,
            flags: 0,
            raw_func: $name,
        });
    };
}

hot_nif!(correlation_node, c"correlation_node", 2, node_of_id);
hot_nif!(correlate_point, c"correlate_point", 2, node_of_point);
hot_nif!(
    correlate_activation,
    c"correlate_activation",
    2,
    node_of_activation
);
hot_nif!(repository_node, c"repository_node", 2, node);
hot_nif!(
    repository_node_exists,
    c"repository_node_exists",
    2,
    node_exists
);

fn ok<'a>(env: Env<'a>, value: impl Encoder) -> Result<Term<'a>> {
    Ok((atoms::ok(), value).encode(env))
}

/// The node of a stored correlation id.
fn node_of_id<'a>(env: Env<'a>, arguments: &[Term<'a>]) -> Result<Term<'a>> {
    let repository = repository_of(arguments[0])?;
    let id = args::correlation_id(arguments[1])?;
    let node = repository.correlations().node(&id).ok_or(Error::NotFound {
        what: "correlation",
    })?;
    ok(env, &*node)
}

/// The node of a point, by the literal in the code.
fn node_of_point<'a>(env: Env<'a>, arguments: &[Term<'a>]) -> Result<Term<'a>> {
    let repository = repository_of(arguments[0])?;
    let literal = args::count(arguments[1], "point")?;
    let point = super::point_info(literal).ok_or(Error::NotFound { what: "point" })?;
    point_node(env, &repository, literal, &point)
}

/// `:large` when older versions of the code have to be asked.
fn point_node<'a>(
    env: Env<'a>,
    repository: &Repository,
    literal: u64,
    point: &PointInfo,
) -> Result<Term<'a>> {
    match repository.node_of_point_now(literal, point) {
        Some(node) => ok(env, &*node?),
        None => Ok(atoms::large().encode(env)),
    }
}

/// The node of a native activation, through the event log.
fn node_of_activation<'a>(env: Env<'a>, arguments: &[Term<'a>]) -> Result<Term<'a>> {
    let repository = repository_of(arguments[0])?;
    let token = args::count(arguments[1], "correlation_id")?;
    // Not on a normal scheduler: to look at what is on the disk.
    let Some(point) = repository.runtime().point_of_now(token) else {
        return Ok(atoms::large().encode(env));
    };
    let point = point.ok_or(Error::NotFound { what: "activation" })?;
    point_node(env, &repository, point.literal(), &point)
}

/// The code of a node; `:large` when that is work for a dirty scheduler: much code, or older versions to ask.
fn node<'a>(env: Env<'a>, arguments: &[Term<'a>]) -> Result<Term<'a>> {
    let repository = repository_of(arguments[0])?;
    let Some(located) = repository.locate_now(args::text(arguments[1], "ast_node_id")?)? else {
        return Ok(atoms::large().encode(env));
    };
    let nodes = located.nodes();
    let entries: u32 = nodes
        .iter()
        .map(|node| located.unit.ast().size(*node))
        .sum();
    if entries > SMALL_ENTRIES_MAX {
        return Ok(atoms::large().encode(env));
    }
    ok(env, cells::nodes(env, &located.unit, &nodes)?)
}

/// `:ok`, or the error of looking; `:large` when older versions of the code have to be asked.
fn node_exists<'a>(env: Env<'a>, arguments: &[Term<'a>]) -> Result<Term<'a>> {
    let repository = repository_of(arguments[0])?;
    match repository.locate_now(args::text(arguments[1], "ast_node_id")?)? {
        Some(_) => Ok(atoms::ok().encode(env)),
        None => Ok(atoms::large().encode(env)),
    }
}
