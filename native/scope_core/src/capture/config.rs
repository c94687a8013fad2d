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

    /// The bounds in two words.
    pub const fn to_words(self) -> [u64; 2] {
        [
            (self.mode as u64) << 48 | (self.depth as u64) << 32 | self.width as u64,
            (self.bytes as u64) << 32 | self.time_ns as u64,
        ]
    }

    #[inline(always)]
    pub const fn from_words(words: [u64; 2]) -> CaptureConfig {
        CaptureConfig {
            mode: match words[0] >> 48 {
                0 => Mode::Full,
                1 => Mode::Truncated,
                2 => Mode::Shape,
                _ => Mode::Off,
            },
            depth: (words[0] >> 32) as u16,
            width: words[0] as u32,
            bytes: (words[1] >> 32) as u32,
            time_ns: words[1] as u32,
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

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn bounds_survive_their_words() {
        for mode in [Mode::Full, Mode::Truncated, Mode::Shape, Mode::Off] {
            let odd = CaptureConfig {
                mode,
                depth: u16::MAX,
                width: u32::MAX,
                bytes: 7,
                time_ns: u32::MAX,
            };
            for config in [CaptureConfig::of(mode), odd] {
                assert_eq!(CaptureConfig::from_words(config.to_words()), config);
            }
        }
    }
}
