//! `repository_*`, `correlation_*`, `insight_*`: the store behind the public API.
//!
//! No argument can make these fail other than with an error: everything comes as a `Term` and is looked at.

pub(crate) mod args;
mod asks;
mod cells;
mod contexts;
mod correlate;
mod coverage;
mod events;
mod findings;
mod graphs;
mod hot;
mod metrics;
mod nodes;
mod processes;
mod projects;
mod queries;
mod records;
mod searches;
mod stored;
pub(crate) mod teller;
mod updates;
mod versions;

pub(crate) use args::text;

use std::sync::Arc;

use rustler::{Resource, ResourceArc, Term};
use scope_core::atoms::Atom;
use scope_core::capture::points::PointInfo;
use scope_core::error::{Error, Result};
use scope_core::store::{LivePoint, Repository, Snapshot};

use crate::capture::existing;

/// A repository, held by whoever has its handle.
pub struct RepositoryHandle(pub Arc<Repository>);

#[rustler::resource_impl]
impl Resource for RepositoryHandle {}

pub struct SnapshotHandle(pub Snapshot);

#[rustler::resource_impl]
impl Resource for SnapshotHandle {}

/// A reading of the repository behind a handle: all that one call asks is answered from one version. Errors:
/// `Invalid` for anything else, `NotFound` once it was stopped.
pub fn repository_of(handle: Term<'_>) -> Result<Arc<Repository>> {
    let handle = handle
        .decode::<ResourceArc<RepositoryHandle>>()
        .map_err(|_| Error::Invalid {
            what: "repository",
            detail: "it is no handle of this library".into(),
        })?;
    handle.0.open()?;
    Ok(Arc::new(handle.0.reading()))
}

/// The points of a module in this VM.
fn points_of(module: Atom) -> Vec<LivePoint> {
    let Some(capture) = existing() else {
        return Vec::new();
    };
    let counts = |point: &PointInfo| {
        let gate = capture.gate(capture.points.resolve(point.literal())?)?;
        let counts = gate.counts();
        Some((counts.passed, counts.seen()))
    };
    let all = capture.points.of_module(module).into_iter();
    all.map(|(info, on)| LivePoint {
        info,
        on,
        gate: counts(&info),
    })
    .collect()
}

/// What a point's literal stands for in this VM.
pub fn point_info(literal: u64) -> Option<PointInfo> {
    let points = &existing()?.points;
    points.info(points.resolve(literal)?)
}
