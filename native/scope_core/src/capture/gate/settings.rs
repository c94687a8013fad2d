//! How a gate is set, and the words that it is kept as.

use crate::capture::clock::Ticks;
use crate::capture::config::{CaptureConfig, Mode};
use crate::capture::gate::rate::{Pace, Rate};
use crate::capture::gate::tally::Refusal;

/// Who goes first when rings fill up.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[repr(u8)]
pub enum Priority {
    Low = 0,
    #[default]
    Medium = 1,
    High = 2,
    Critical = 3,
}

impl Priority {
    /// Whether a point of this priority stands back when so many eighths of the thread's ring are taken. What is critical
    /// is refused by a full ring only, which takes nothing that begins from seven eighths on.
    #[inline(always)]
    pub fn stands_back(self, eighths: u8) -> bool {
        match self {
            Priority::Low => eighths >= 4,
            Priority::Medium => eighths >= 5,
            Priority::High => eighths >= 6,
            Priority::Critical => false,
        }
    }

    fn from_bits(bits: u64) -> Self {
        match bits & 3 {
            0 => Priority::Low,
            1 => Priority::Medium,
            2 => Priority::High,
            _ => Priority::Critical,
        }
    }
}

/// The share of what comes that is let through, as a threshold for 32 random bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sampling(u64);

impl Sampling {
    pub const ALL: Sampling = Sampling(1 << 32);

    /// From a share of 0.0 (nothing) to 1.0 (all).
    pub fn of(share: f64) -> Self {
        Sampling((share.clamp(0.0, 1.0) * (1u64 << 32) as f64).round() as u64)
    }

    pub fn share(self) -> f64 {
        self.0 as f64 / (1u64 << 32) as f64
    }

    #[inline(always)]
    pub(super) fn is_all(self) -> bool {
        self.0 >> 32 != 0
    }

    #[inline(always)]
    pub(super) fn takes(self, roll: u32) -> bool {
        u64::from(roll) < self.0
    }
}

/// How a gate is set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Settings {
    /// How much of values is recorded; `None` for what holds elsewhere.
    pub capture: Option<CaptureConfig>,
    pub sampling: Sampling,
    pub rate: Option<(Rate, Pace)>,
    /// How many may pass, counted from the making of the gate.
    pub hits_until: Option<u64>,
    /// Nothing passes at this time or later.
    pub expires_at: Option<Ticks>,
    pub priority: Priority,
    pub enabled: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            capture: None,
            sampling: Sampling::ALL,
            rate: None,
            hits_until: None,
            expires_at: None,
            priority: Priority::default(),
            enabled: true,
        }
    }
}

pub(super) const WORDS: usize = 8;

// The first word: the threshold takes 33 bits.
const ENABLED: u64 = 1 << 40;
const HAS_RATE: u64 = 1 << 41;
const HAS_HITS: u64 = 1 << 42;
const HAS_EXPIRY: u64 = 1 << 43;
const HAS_CAPTURE: u64 = 1 << 44;
const PRIORITY: u32 = 48;
const MODE: u32 = 56;

impl Settings {
    pub(super) fn to_words(self) -> [u64; WORDS] {
        let flag = |on: bool, bit: u64| if on { bit } else { 0 };
        let capture = self.capture.unwrap_or_default();
        let (rate, pace) = self.rate.unwrap_or((
            Rate {
                per_second: 0,
                burst: 0,
            },
            Pace {
                interval: 0,
                ahead: 0,
            },
        ));
        [
            self.sampling.0
                | flag(self.enabled, ENABLED)
                | flag(self.rate.is_some(), HAS_RATE)
                | flag(self.hits_until.is_some(), HAS_HITS)
                | flag(self.expires_at.is_some(), HAS_EXPIRY)
                | flag(self.capture.is_some(), HAS_CAPTURE)
                | (self.priority as u64) << PRIORITY
                | mode_bits(capture.mode) << MODE,
            self.hits_until.unwrap_or(0),
            self.expires_at.unwrap_or(0),
            pace.interval,
            pace.ahead,
            u64::from(rate.per_second) << 32 | u64::from(rate.burst),
            u64::from(capture.depth) << 32 | u64::from(capture.width),
            u64::from(capture.bytes) << 32 | u64::from(capture.time_ns),
        ]
    }

    /// What the first word alone says of an arrival for which chance has rolled this.
    #[inline(always)]
    pub(super) fn refuses_at_once(first: u64, roll: u32) -> Option<Refusal> {
        if first & ENABLED == 0 {
            return Some(Refusal::Disabled);
        }
        let chance_alone = first & (HAS_HITS | HAS_EXPIRY) == 0;
        let sampling = Sampling(first & ((1 << 33) - 1));
        (chance_alone && !sampling.takes(roll)).then_some(Refusal::SampledOut)
    }

    #[inline(always)]
    pub(super) fn from_words(words: [u64; WORDS]) -> Self {
        let has = |bit: u64| words[0] & bit != 0;
        Settings {
            capture: has(HAS_CAPTURE).then(|| CaptureConfig {
                mode: mode_of(words[0] >> MODE),
                depth: (words[6] >> 32) as u16,
                width: words[6] as u32,
                bytes: (words[7] >> 32) as u32,
                time_ns: words[7] as u32,
            }),
            sampling: Sampling(words[0] & ((1 << 33) - 1)),
            rate: has(HAS_RATE).then_some((
                Rate {
                    per_second: (words[5] >> 32) as u32,
                    burst: words[5] as u32,
                },
                Pace {
                    interval: words[3],
                    ahead: words[4],
                },
            )),
            hits_until: has(HAS_HITS).then_some(words[1]),
            expires_at: has(HAS_EXPIRY).then_some(words[2]),
            priority: Priority::from_bits(words[0] >> PRIORITY),
            enabled: has(ENABLED),
        }
    }
}

fn mode_bits(mode: Mode) -> u64 {
    match mode {
        Mode::Full => 0,
        Mode::Truncated => 1,
        Mode::Shape => 2,
        Mode::Off => 3,
    }
}

#[inline(always)]
fn mode_of(bits: u64) -> Mode {
    match bits & 3 {
        0 => Mode::Full,
        1 => Mode::Truncated,
        2 => Mode::Shape,
        _ => Mode::Off,
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn settings_survive_their_words() {
        let capture = CaptureConfig {
            mode: Mode::Shape,
            depth: u16::MAX,
            width: 7,
            bytes: u32::MAX,
            time_ns: 20_000,
        };
        let rate = Rate {
            per_second: 1000,
            burst: 125,
        };
        let full = Settings {
            capture: Some(capture),
            sampling: Sampling::of(0.1),
            rate: Some((rate, rate.pace(2_100_000_000))),
            hits_until: Some(u64::MAX),
            expires_at: Some(1 << 60),
            priority: Priority::Critical,
            enabled: false,
        };
        for settings in [
            full,
            Settings::default(),
            Settings {
                capture: None,
                ..full
            },
            Settings {
                rate: None,
                enabled: true,
                ..full
            },
            Settings {
                hits_until: None,
                priority: Priority::Low,
                ..full
            },
            Settings {
                expires_at: None,
                sampling: Sampling::of(0.0),
                ..full
            },
        ] {
            assert_eq!(Settings::from_words(settings.to_words()), settings);
        }
        for share in [0.0, 1.0, 0.5, 1e-9] {
            assert!((Sampling::of(share).share() - share).abs() < 1e-9);
        }
        assert!(!Sampling::of(0.0).takes(0) && Sampling::of(1.0).is_all());
    }
}
