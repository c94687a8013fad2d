//! What belongs to a question.

use rustler::{Env, Term};
use scope_core::error::Result;
use scope_core::store::{ContextAsked, Seed, context};

use super::{args, repository_of};
use crate::atoms;
use crate::error::reply;
use crate::terms::value_to_term;

/// A question of words is no book.
const WORDS_BYTES_MAX: usize = 4 * 1024;
const SEEDS_MAX: usize = 4_096;

/// `repository_context(ref, [{seed, weight}], count)`: a seed is `{:function, {m, f, a}}`, `{:node, id}`, `{:module, m}`,
/// `{:lines, file, line}`, `{:test, module, name}` or `{:words, text}`. Gives the nearest functions with what is known of each.
#[rustler::nif(schedule = "DirtyCpu")]
fn repository_context<'a>(
    env: Env<'a>,
    handle: Term<'a>,
    seeds: Term<'a>,
    count: Term<'a>,
) -> Term<'a> {
    let found = || {
        let repository = repository_of(handle)?;
        let seeds = args::list(seeds, "seeds")?
            .take(SEEDS_MAX)
            .map(weighted)
            .collect::<Result<Vec<_>>>()?;
        let asked = ContextAsked {
            seeds,
            count: args::count(count, "count")? as usize,
        };
        value_to_term(env, &context(&repository, &asked)?)
    };
    reply(env, found())
}

fn weighted(term: Term<'_>) -> Result<(Seed, f64)> {
    let pair = args::tuple(term, "seed")?;
    let [what, weight] = pair[..] else {
        return Err(args::invalid("seed", "it is not {seed, weight}"));
    };
    let weight: f64 = weight
        .decode()
        .map_err(|_| args::invalid("seed", "its weight is no float"))?;
    if !weight.is_finite() || weight <= 0.0 {
        return Err(args::invalid("seed", "its weight is not above 0"));
    }
    Ok((seed(what)?, weight))
}

fn seed(term: Term<'_>) -> Result<Seed> {
    let parts = args::tuple(term, "seed")?;
    Ok(match parts[..] {
        [tag, key] if atoms::function() == tag => Seed::Function(args::function_key(key)?),
        [tag, id] if atoms::node() == tag => Seed::Node(args::text(id, "ast_node_id")?.to_owned()),
        [tag, name] if atoms::module() == tag => Seed::Module(args::atom(name, "module")?),
        [tag, file, line] if atoms::lines() == tag => Seed::Lines(
            args::text(file, "file")?.to_owned(),
            u32::try_from(args::count(line, "line")?).unwrap_or(u32::MAX),
        ),
        [tag, module, name] if atoms::test() == tag => Seed::Test(
            args::text(module, "module")?.to_owned(),
            args::text(name, "test")?.to_owned(),
        ),
        [tag, text] if atoms::words() == tag => {
            let bytes = args::bytes(text, "words")?;
            let bytes = &bytes[..bytes.len().min(WORDS_BYTES_MAX)];
            Seed::Words(String::from_utf8_lossy(bytes).into_owned())
        }
        _ => return Err(args::invalid("seed", "it is none")),
    })
}
