//! Names of sessions and runs: the time in UTC, so that they sort, and a random end, so that two never meet.

use crate::domain::clock::Millis;
use crate::domain::id::SessionId;
use std::hash::{BuildHasher, Hasher, RandomState};

const DAY: u64 = 86_400_000;

/// A new name: `20261121T151044-1f43f9a2`: the milliseconds lead the end, so that names of one second sort as well.
#[must_use]
pub fn fresh(now: Millis) -> SessionId {
    // The standard library's hash keys are the random numbers at hand; names need to differ, not to be secret.
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u64(now);
    let random = hasher.finish() & 0xf_ffff;
    SessionId(format!("{}-{:03x}{random:05x}", stamp(now), now % 1000))
}

/// `20261121T151044` in UTC.
#[must_use]
pub fn stamp(time: Millis) -> String {
    let (year, month, day) = date(time / DAY);
    let second = time % DAY / 1000;
    let (hour, minute) = (second / 3600, second / 60 % 60);
    format!(
        "{year:04}{month:02}{day:02}T{hour:02}{minute:02}{:02}",
        second % 60
    )
}

/// `2026-11-21 15:10` in UTC, for people.
#[must_use]
pub fn readable(time: Millis) -> String {
    let (year, month, day) = date(time / DAY);
    let minute = time % DAY / 60_000;
    format!(
        "{year:04}-{month:02}-{day:02} {:02}:{:02}",
        minute / 60,
        minute % 60
    )
}

/// The time in a session's name; 0 for a name of another form.
#[must_use]
pub fn created(id: &SessionId) -> Millis {
    stamped(&id.0)
}

/// The time that any name of this form begins with; 0 for another form.
#[must_use]
pub fn stamped(name: &str) -> Millis {
    parse(name).unwrap_or(0)
}

fn parse(text: &str) -> Option<Millis> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<u64>().ok();
    let (year, month, day) = (number(0, 4)?, number(4, 6)?, number(6, 8)?);
    let (hour, minute, second) = (number(9, 11)?, number(11, 13)?, number(13, 15)?);
    let days = days(year, month, day)?;
    Some(days * DAY + (hour * 3600 + minute * 60 + second) * 1000)
}

/// Year, month and day of a day counted from 1970-01-01, in the proleptic Gregorian calendar.
fn date(day: u64) -> (u64, u64, u64) {
    // Counted from 0000-03-01, so that a leap day ends its year; 146,097 days are 400 years.
    let shifted = day + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    (era * 400 + year + next, month, day)
}

/// The inverse of [`date`]; none before 1970 or for months that do not exist.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    if year < 1970 || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let (era, of_era) = (year / 400, year % 400);
    let of_year = (153 * month + 2) / 5 + day - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_are_utc_and_come_back() {
        for (time, stamped) in [
            (0, "19700101T000000"),
            (951_782_400_000, "20000229T000000"),
            (1_735_689_599_000, "20241231T235959"),
            (4_107_542_400_000, "21000301T000000"),
        ] {
            assert_eq!(stamp(time), stamped);
            assert_eq!(created(&SessionId(format!("{stamped}-abcdef"))), time);
        }
    }

    #[test]
    fn two_names_of_one_moment_differ_and_names_sort_by_time() {
        let ids: std::collections::BTreeSet<_> = (0..100).map(|_| fresh(1000)).collect();
        assert!(ids.len() > 95);
        assert!(fresh(1_000_000) < fresh(2_000_000));
    }
}
