//! How much of a value is recorded.

use crate::limits;

/// What is kept of a value.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[repr(u8)]
pub enum Mode {
    /// As much as the bounds allow; what does not fit is marked.
    #[default]
    Full = 0,
    /// The same, with small bounds where none are given.
    Truncated = 1,
    /// Types, sizes, names of structs and of atom keys: never content.
    Shape = 2,
    /// Nothing: the event is recorded without its value.
    Off = 3,
}

/// Bounds of one recorded value, or list of arguments. Whatever it holds, nothing passes them; whichever is reached first
/// cuts it off, with a mark that says so.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct CaptureConfig {
    pub mode: Mode,
    /// Containers nested in each other.
    pub depth: u16,
    /// Elements of one list or tuple, pairs of one map.
    pub width: u32,
    /// Bytes of the encoded value. A binary inside of something takes at most half of what is left.
    pub bytes: u32,
    /// Nanoseconds spent on one value.
    pub time_ns: u32,
}

impl CaptureConfig {
    pub const DEFAULT: CaptureConfig = CaptureConfig {
        mode: Mode::Full,
        depth: 8,
        width: 64,
        bytes: 1024,
        time_ns: 20_000,
    };

    /// What few values pass.
    pub const FULL: CaptureConfig = CaptureConfig {
        mode: Mode::Full,
        depth: 64,
        width: 10_000,
        bytes: 64 * 1024,
        time_ns: 200_000,
    };

    /// Enough to tell values apart.
    pub const TRUNCATED: CaptureConfig = CaptureConfig {
        mode: Mode::Truncated,
        depth: 5,
        width: 16,
        bytes: 512,
        time_ns: 10_000,
    };

    pub const SHAPE: CaptureConfig = CaptureConfig {
        mode: Mode::Shape,
        ..Self::DEFAULT
    };

    pub const OFF: CaptureConfig = CaptureConfig {
        mode: Mode::Off,
        ..Self::DEFAULT
    };

    /// The preset of a mode.
    pub const fn of(mode: Mode) -> CaptureConfig {
        match mode {
            Mode::Full => Self::FULL,
            Mode::Truncated => Self::TRUNCATED,
            Mode::Shape => Self::SHAPE,
            Mode::Off => Self::OFF,
        }
    }

    /// The same within what a value can ever have.
    #[inline]
    pub fn clamped(self) -> CaptureConfig {
        CaptureConfig {
            mode: self.mode,
            depth: self.depth.clamp(1, limits::CAPTURED_DEPTH_MAX),
            width: self.width.max(1),
            bytes: self.bytes.clamp(64, limits::CAPTURED_BYTES_MAX as u32),
            time_ns: self.time_ns,
        }
    }
}

impl Default for CaptureConfig {
    fn default() -> Self {
        Self::DEFAULT
    }
}
