//! When to try again, and after how long. Pure: values in, a wait out.

use crate::domain::clock::Millis;
use crate::domain::fault::{Fault, FaultClass};

/// The schedule of retries: `base`, twice that, four times that, …, each ± `jitter`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RetryPolicy {
    /// First wait in milliseconds.
    pub base_ms: u64,
    /// Most retries after rate limits and connection trouble.
    pub most: u32,
    /// Share by which a wait may be shorter or longer.
    pub jitter: f64,
}

impl Default for RetryPolicy {
    /// 1, 2, 4, 8, 16, 32 s, ± 20 %.
    fn default() -> Self {
        Self {
            base_ms: 1000,
            most: 6,
            jitter: 0.2,
        }
    }
}

/// What has been retried so far in one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tried {
    pub trouble: u32,
    pub timeouts: u32,
    pub empties: u32,
}

/// A decided retry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// Counts from 1.
    pub attempt: u32,
    pub of: u32,
    pub wait_ms: u64,
}

impl RetryPolicy {
    /// Decides on a failure and counts it. `random` is in 0..1.
    pub fn decide(&self, tried: &mut Tried, fault: &Fault, random: f64) -> Option<Retry> {
        let (count, of) = match fault.class {
            FaultClass::RateLimited | FaultClass::Transient => (&mut tried.trouble, self.most),
            FaultClass::Timeout => (&mut tried.timeouts, self.most.min(1)),
            FaultClass::Empty => (&mut tried.empties, self.most.min(1)),
            _ => return None,
        };
        if *count >= of {
            return None;
        }
        *count += 1;
        let attempt = *count;
        let wait_ms = fault
            .retry_after_ms
            .unwrap_or_else(|| self.wait(attempt, random));
        Some(Retry {
            attempt,
            of,
            wait_ms,
        })
    }

    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "waits are seconds, not ages"
    )]
    fn wait(&self, attempt: u32, random: f64) -> u64 {
        let plain = self.base_ms.saturating_mul(1 << (attempt - 1).min(16));
        let factor = 1.0 + self.jitter * (2.0 * random - 1.0);
        (plain as f64 * factor).round() as u64
    }
}

/// How long the reply's headers ask to wait, in milliseconds. `header` finds a header by its lower-case name.
///
/// `retry-after-ms` and `Retry-After` (RFC 9110 §10.2.3, seconds or a date) come first, then the `x-ratelimit-reset` family, of
/// which a counter that is not used up is left out.
pub fn asked_wait<'a>(header: impl Fn(&str) -> Option<&'a str>, now: Millis) -> Option<u64> {
    if let Some(wait) = header("retry-after-ms").and_then(|value| value.trim().parse().ok()) {
        return Some(wait);
    }
    if let Some(value) = header("retry-after") {
        let value = value.trim();
        return seconds(value).or_else(|| Some(http_date(value)?.saturating_sub(now)));
    }
    let family = ["", "-requests", "-tokens"].into_iter().filter_map(|kind| {
        let left = header(&format!("x-ratelimit-remaining{kind}"));
        if left.is_some_and(|left| left.trim() != "0") {
            return None;
        }
        reset(header(&format!("x-ratelimit-reset{kind}"))?.trim(), now)
    });
    family.max()
}

/// A reset as a span (`6m0s`, `20ms`, `1.5`) or a moment since the epoch in seconds or milliseconds.
fn reset(value: &str, now: Millis) -> Option<u64> {
    let Some(wait) = seconds(value) else {
        return span(value);
    };
    match wait {
        // More than 30 years is a date, not a wait.
        1_000_000_000_000_000.. => Some((wait / 1000).saturating_sub(now)),
        1_000_000_000_000.. => Some(wait.saturating_sub(now)),
        _ => Some(wait),
    }
}

/// Decimal seconds as milliseconds.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "negative numbers are refused, large ones saturate"
)]
fn seconds(value: &str) -> Option<u64> {
    let number: f64 = value.parse().ok()?;
    (number.is_finite() && number >= 0.0).then(|| (number * 1000.0).ceil() as u64)
}

/// `1h2m3.5s` and `20ms` as milliseconds.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "negative numbers do not parse here"
)]
fn span(value: &str) -> Option<u64> {
    let mut rest = value;
    let mut total = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let unit = rest
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(rest.len());
        total += number
            * match &rest[..unit] {
                "ms" => 1.0,
                "s" => 1000.0,
                "m" => 60_000.0,
                "h" => 3_600_000.0,
                "d" => 86_400_000.0,
                _ => return None,
            };
        rest = &rest[unit..];
    }
    (!value.is_empty()).then(|| total.ceil() as u64)
}

/// `Sun, 06 Nov 1994 08:49:37 GMT` as milliseconds since the epoch.
fn http_date(value: &str) -> Option<Millis> {
    let (_, rest) = value.split_once(", ")?;
    let mut words = rest.split([' ', '-']);
    let day: u64 = words.next()?.parse().ok()?;
    let name = words.next()?;
    let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let month = u64::try_from(months.iter().position(|month| *month == name)?).ok()? + 1;
    let year: u64 = words.next()?.parse().ok()?;
    let mut clock = words.next()?.split(':');
    let mut next = || clock.next()?.parse::<u64>().ok();
    let (hour, minute, second) = (next()?, next()?, next()?);
    if !(1970..=9999).contains(&year) || !(1..=31).contains(&day) {
        return None;
    }
    let days = days_since_epoch(year, month, day);
    Some((((days * 24 + hour) * 60 + minute) * 60 + second) * 1000)
}

/// Days from 1970-01-01 (H. Hinnant, "chrono-compatible low-level date algorithms", days_from_civil).
fn days_since_epoch(year: u64, month: u64, day: u64) -> u64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year / 400;
    let year_of_era = year % 400;
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    (era * 146_097 + day_of_era).saturating_sub(719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(class: FaultClass, random: f64) -> Vec<u64> {
        let mut tried = Tried::default();
        let fault = Fault::new(class, "x");
        std::iter::from_fn(|| RetryPolicy::default().decide(&mut tried, &fault, random))
            .map(|retry| retry.wait_ms)
            .collect()
    }

    #[test]
    fn the_schedule_doubles_and_ends() {
        let plain = [1000, 2000, 4000, 8000, 16_000, 32_000];
        assert_eq!(waits(FaultClass::Transient, 0.5), plain);
        assert_eq!(waits(FaultClass::RateLimited, 0.5), plain);
        assert_eq!(waits(FaultClass::Transient, 0.0)[0], 800);
        assert_eq!(waits(FaultClass::Transient, 1.0)[0], 1200);
    }

    #[test]
    fn some_classes_are_tried_once_more_and_some_never() {
        assert_eq!(waits(FaultClass::Timeout, 0.5).len(), 1);
        assert_eq!(waits(FaultClass::Empty, 0.5).len(), 1);
        for class in [
            FaultClass::Auth,
            FaultClass::ModelUnavailable,
            FaultClass::ContextTooLong,
            FaultClass::BadRequest,
            FaultClass::Cancelled,
            FaultClass::Forbidden,
            FaultClass::BadData,
        ] {
            assert!(waits(class, 0.5).is_empty(), "{class:?}");
        }
    }

    #[test]
    fn the_server_may_set_the_wait() {
        let mut tried = Tried::default();
        let mut fault = Fault::new(FaultClass::RateLimited, "x");
        fault.retry_after_ms = Some(7000);
        let retry = RetryPolicy::default().decide(&mut tried, &fault, 0.0);
        assert_eq!(retry.map(|retry| retry.wait_ms), Some(7000));
    }

    fn asked(headers: &[(&str, &'static str)], now: Millis) -> Option<u64> {
        let find = |name: &str| headers.iter().find(|(n, _)| *n == name).map(|(_, v)| *v);
        asked_wait(find, now)
    }

    #[test]
    fn every_spelling_of_a_wait_is_understood() {
        assert_eq!(asked(&[("retry-after", "3")], 0), Some(3000));
        assert_eq!(asked(&[("retry-after", "0.25")], 0), Some(250));
        assert_eq!(asked(&[("retry-after-ms", "40")], 0), Some(40));
        let date = [("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT")];
        assert_eq!(asked(&date, 784_111_770_000), Some(7000));
        assert_eq!(asked(&date, 800_000_000_000), Some(0));
        let requests = ("x-ratelimit-reset-requests", "6m0.5s");
        assert_eq!(asked(&[requests], 0), Some(360_500));
        let tokens = ("x-ratelimit-reset-tokens", "20ms");
        let full = ("x-ratelimit-remaining-requests", "9");
        assert_eq!(asked(&[requests, tokens, full], 0), Some(20));
        let epoch = ("x-ratelimit-reset", "1700000005");
        assert_eq!(asked(&[epoch], 1_700_000_000_000), Some(5000));
        let epoch_ms = ("x-ratelimit-reset", "1700000005000");
        assert_eq!(asked(&[epoch_ms], 1_700_000_000_000), Some(5000));
        assert_eq!(asked(&[("x-ratelimit-reset", "2")], 0), Some(2000));
        assert_eq!(asked(&[("retry-after", "soon")], 0), None);
        assert_eq!(asked(&[], 0), None);
    }
}
