//! What of a value is recorded.

/// How much of a value is recorded.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Mode {
    /// As much as the bounds allow; what does not fit is marked.
    #[default]
    Full,
    /// Types, sizes and keys, never content.
    Shape,
    /// Nothing: the event is recorded without its value.
    Off,
}

/// Bounds of one recorded value. Whichever is reached first cuts it off, with a mark that says so.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct CaptureConfig {
    pub mode: Mode,
    /// Containers nested in each other.
    pub depth: u16,
    /// Elements of one container.
    pub width: u32,
    /// Bytes of the encoded value.
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
}

impl Default for CaptureConfig {
    fn default() -> Self {
        Self::DEFAULT
    }
}
