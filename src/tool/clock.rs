//! The time, and sums of dates. The clock is handed in; what a time zone's rules are is not known here, offsets are.

use super::error::{ErrorKind, ToolError};
use super::{BoxFuture, Card, Context, Effect, Tool, text};
use crate::domain::clock;
use chrono::{
    DateTime, Duration, FixedOffset, Local, Months, NaiveDate, NaiveDateTime, Offset, TimeZone,
};
use serde_json::{Value, json};
use std::sync::Arc;

/// Now, another day, or the time between two.
pub struct Clock {
    card: Card,
    now: Arc<dyn clock::Clock>,
}

impl Clock {
    pub(super) fn new(now: Arc<dyn clock::Clock>) -> Self {
        let card = Card {
            name: "clock".into(),
            description: "The date and time now, with the weekday; or a date after adding to it; or the time until another."
                .into(),
            schema: json!({"type": "object", "additionalProperties": false, "properties": {
                "zone": {"type": "string", "description": "local (the default), UTC, or an offset such as +02:00."},
                "from": {"type": "string", "description": "Instead of now: 2026-03-01 or 2026-03-01T08:30."},
                "add": {"type": "string", "description": "What to add: +3d, -2h, +1w, +6mo, +1y, +90min."},
                "until": {"type": "string", "description": "Also tell the time until this date."}}}),
            effect: Effect::None,
        };
        Self { card, now }
    }

    fn tell(&self, arguments: &Value) -> Result<String, ToolError> {
        let now = i64::try_from(self.now.now()).unwrap_or(i64::MAX);
        let offset = zone(text(arguments, "zone"), now)?;
        let moment = match text(arguments, "from") {
            "" | "now" => offset.timestamp_millis_opt(now).single(),
            given => Some(read(given, offset)?),
        };
        let mut moment = moment.ok_or_else(|| bad("the clock of this machine is out of range"))?;
        for part in text(arguments, "add").split([',', ' ']) {
            if !part.is_empty() {
                moment = added(moment, part)?;
            }
        }
        let mut told = moment
            .format("%Y-%m-%dT%H:%M:%S%:z, %A, week %V")
            .to_string();
        match text(arguments, "until") {
            "" => {}
            until => told.push_str(&between(moment, read(until, offset)?)),
        }
        Ok(told)
    }
}

impl Tool for Clock {
    fn card(&self) -> &Card {
        &self.card
    }

    fn call<'a>(
        &'a self,
        arguments: Value,
        _context: &'a Context<'a>,
    ) -> BoxFuture<'a, Result<String, ToolError>> {
        Box::pin(std::future::ready(self.tell(&arguments)))
    }
}

fn bad(message: impl Into<String>) -> ToolError {
    ToolError::new(ErrorKind::BadValue, message)
}

fn zone(words: &str, now: i64) -> Result<FixedOffset, ToolError> {
    match words.trim().to_lowercase().as_str() {
        "" | "local" => Ok(Local
            .timestamp_millis_opt(now)
            .single()
            .map_or(chrono::Utc.fix(), |local| local.offset().fix())),
        "utc" | "gmt" | "z" => Ok(chrono::Utc.fix()),
        offset => offset
            .trim_start_matches("utc")
            .trim_start_matches("gmt")
            .parse()
            .map_err(|_| {
                bad(format!(
                    "zone \"{words}\" is not known here; send local, UTC or an offset such as +02:00"
                ))
            }),
    }
}

fn read(given: &str, offset: FixedOffset) -> Result<DateTime<FixedOffset>, ToolError> {
    let given = given.trim();
    if let Ok(moment) = DateTime::parse_from_rfc3339(given) {
        return Ok(moment);
    }
    let naive = [
        "%Y-%m-%dT%H:%M:%S",
        "%Y-%m-%dT%H:%M",
        "%Y-%m-%d %H:%M:%S",
        "%Y-%m-%d %H:%M",
    ]
    .iter()
    .find_map(|form| NaiveDateTime::parse_from_str(given, form).ok())
    .or_else(|| {
        let day = NaiveDate::parse_from_str(given, "%Y-%m-%d").ok()?;
        day.and_hms_opt(0, 0, 0)
    });
    naive
        .and_then(|naive| naive.and_local_timezone(offset).single())
        .ok_or_else(|| {
            bad(format!(
                "\"{given}\" is no date; send 2026-03-01 or 2026-03-01T08:30"
            ))
        })
}

fn added(moment: DateTime<FixedOffset>, part: &str) -> Result<DateTime<FixedOffset>, ToolError> {
    let odd = || {
        bad(format!(
            "\"{part}\" cannot be added; send +3d, -2h, +1w, +6mo, +1y or +90min"
        ))
    };
    let unit_at = part.find(char::is_alphabetic).ok_or_else(odd)?;
    let (number, unit) = part.split_at(unit_at);
    let number: i64 = number.parse().map_err(|_| odd())?;
    let months = |each: u32| -> Option<DateTime<FixedOffset>> {
        let months = Months::new(
            u32::try_from(number.unsigned_abs())
                .ok()?
                .checked_mul(each)?,
        );
        if number < 0 {
            moment.checked_sub_months(months)
        } else {
            moment.checked_add_months(months)
        }
    };
    let span = |span: Option<Duration>| moment.checked_add_signed(span?);
    let sum = match unit {
        "s" | "sec" | "seconds" => span(Duration::try_seconds(number)),
        "m" | "min" | "minutes" => span(Duration::try_minutes(number)),
        "h" | "hours" => span(Duration::try_hours(number)),
        "d" | "day" | "days" => span(Duration::try_days(number)),
        "w" | "week" | "weeks" => span(Duration::try_weeks(number)),
        "mo" | "month" | "months" => months(1),
        "y" | "year" | "years" => months(12),
        _ => return Err(odd()),
    };
    sum.ok_or_else(|| bad(format!("adding {part} leaves the calendar")))
}

fn between(from: DateTime<FixedOffset>, until: DateTime<FixedOffset>) -> String {
    let span = until.signed_duration_since(from);
    let (days, hours, minutes) = (
        span.num_days(),
        span.num_hours() % 24,
        span.num_minutes() % 60,
    );
    format!(
        "; until {}: {days} days, {hours} hours, {minutes} minutes",
        until.format("%Y-%m-%dT%H:%M%:z")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-02-28T23:00:00Z, a Saturday.
    fn clock() -> Clock {
        Clock::new(Arc::new(clock::Manual::at(1_772_319_600_000)))
    }

    #[test]
    fn now_and_sums() {
        for (arguments, told) in [
            (
                json!({"zone": "UTC"}),
                "2026-02-28T23:00:00+00:00, Saturday, week 09",
            ),
            (
                json!({"zone": "+02:00"}),
                "2026-03-01T01:00:00+02:00, Sunday, week 09",
            ),
            (
                json!({"zone": "utc", "add": "+1d -2h"}),
                "2026-03-01T21:00:00+00:00, Sunday, week 09",
            ),
            (
                json!({"zone": "utc", "from": "2024-01-31", "add": "+1mo"}),
                "2024-02-29T00:00:00+00:00, Thursday, week 09",
            ),
            (
                json!({"zone": "utc", "until": "2026-03-02 01:30"}),
                "2026-02-28T23:00:00+00:00, Saturday, week 09; until 2026-03-02T01:30+00:00: 1 days, 2 hours, 30 minutes",
            ),
        ] {
            assert_eq!(clock().tell(&arguments).unwrap(), told);
        }
    }

    #[test]
    fn what_cannot_be_read_says_what_can() {
        for arguments in [
            json!({"zone": "Mars/Olympus"}),
            json!({"add": "3 parsecs"}),
            json!({"from": "soon"}),
            json!({"add": "+99999999999999y"}),
        ] {
            let error = clock().tell(&arguments).unwrap_err();
            assert_eq!(error.kind, ErrorKind::BadValue, "{arguments}");
        }
    }
}
