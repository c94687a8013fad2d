//! The one place atomics and locks come from, so that loom can take their place (`--cfg loom`).

#[cfg(not(loom))]
pub use std::{
    cell::UnsafeCell,
    sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence},
};

#[cfg(loom)]
pub use loom::{
    cell::UnsafeCell,
    sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence},
};

pub use std::sync::Arc;

pub use parking_lot::{Mutex, RwLock};
