//! Dates as the APIs write and read them.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::sim::state::State;

impl State {
    /// The date of a moment of virtual time.
    pub(super) fn date(&self, at: Duration) -> Timestamp {
        self.epoch
            .saturating_add(jiff::SignedDuration::try_from(at).unwrap_or_default())
            .unwrap_or(self.epoch)
    }

    /// `2026-11-23T11:13:44Z`
    pub(super) fn date_z(&self, at: Duration) -> String {
        self.date(at).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }

    /// `2026-11-23T11:13:44.000000`: databases keep whole seconds.
    pub(super) fn date_seconds(&self, at: Duration) -> String {
        self.date(at).strftime("%Y-%m-%dT%H:%M:%S.000000").to_string()
    }

    /// `2026-11-23T11:13:44.327709`
    pub(super) fn date_micros(&self, at: Duration) -> String {
        self.date(at).strftime("%Y-%m-%dT%H:%M:%S.%6f").to_string()
    }
}

/// Reads a date with or without zone (then UTC).
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    let zoned = text.parse::<Timestamp>().ok();
    zoned.or_else(|| TimeZone::UTC.to_timestamp(text.parse::<DateTime>().ok()?).ok())
}

/// Whole seconds, as databases compare them.
pub(super) fn seconds(date: Timestamp) -> i64 {
    date.as_second()
}
