//! Dates as Python's `strftime` writes them, from a moment that the caller names.

const DAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAY_SECONDS: i64 = 86_400;

/// A moment of the Gregorian calendar.
struct Date {
    year: i64,
    /// 1 to 12.
    month: i64,
    /// 1 to 31.
    day: i64,
    /// Days since 1970-01-01.
    days: i64,
    /// Since midnight.
    seconds: i64,
}

impl Date {
    /// H. Hinnant, "chrono-compatible low-level date algorithms", `civil_from_days`.
    fn new(seconds: i64) -> Self {
        let days = seconds.div_euclid(DAY_SECONDS);
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let of_era = shifted.rem_euclid(146_097);
        let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        // Years begin in March here, so that the leap day is the last of its year.
        let march_month = (5 * of_year + 2) / 153;
        let month = if march_month < 10 {
            march_month + 3
        } else {
            march_month - 9
        };
        Self {
            year: year_of_era + era * 400 + i64::from(month <= 2),
            month,
            day: of_year - (153 * march_month + 2) / 5 + 1,
            days,
            seconds: seconds.rem_euclid(DAY_SECONDS),
        }
    }

    fn month_name(&self) -> &'static str {
        usize::try_from(self.month - 1)
            .ok()
            .and_then(|month| MONTHS.get(month).copied())
            .unwrap_or("")
    }

    fn day_name(&self) -> &'static str {
        // 1970-01-01 was a Thursday.
        usize::try_from((self.days + 4).rem_euclid(7))
            .ok()
            .and_then(|day| DAYS.get(day).copied())
            .unwrap_or("")
    }

    fn day_of_year(&self) -> i64 {
        let leap = self.year % 4 == 0 && (self.year % 100 != 0 || self.year % 400 == 0);
        let before = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
        let month = usize::try_from(self.month - 1).unwrap_or(0);
        before.get(month).copied().unwrap_or(0) + self.day + i64::from(leap && self.month > 2)
    }

    /// What one directive stands for: a text, or a number and the digits it is padded to.
    fn directive(&self, letter: char) -> Option<Field> {
        let hour = self.seconds / 3600;
        let short = |name: &str| Field::Text(name.chars().take(3).collect());
        Some(match letter {
            'Y' => Field::Number(self.year, 1),
            'y' => Field::Number(self.year.rem_euclid(100), 2),
            'm' => Field::Number(self.month, 2),
            'd' => Field::Number(self.day, 2),
            'j' => Field::Number(self.day_of_year(), 3),
            'H' => Field::Number(hour, 2),
            'I' => Field::Number((hour + 11) % 12 + 1, 2),
            'M' => Field::Number(self.seconds / 60 % 60, 2),
            'S' => Field::Number(self.seconds % 60, 2),
            'p' => Field::Text(if hour < 12 { "AM" } else { "PM" }.to_owned()),
            'B' => Field::Text(self.month_name().to_owned()),
            'b' | 'h' => short(self.month_name()),
            'A' => Field::Text(self.day_name().to_owned()),
            'a' => short(self.day_name()),
            '%' => Field::Text("%".to_owned()),
            _ => return None,
        })
    }
}

enum Field {
    Text(String),
    Number(i64, usize),
}

/// The moment `seconds` after 1970-01-01 00:00:00, on the clock of the reader's own zone, in `format`. The error names the
/// first directive that is not known.
pub(super) fn strftime(seconds: i64, format: &str) -> Result<String, String> {
    let long = format
        .replace("%F", "%Y-%m-%d")
        .replace("%T", "%H:%M:%S")
        .replace("%D", "%m/%d/%y")
        .replace("%R", "%H:%M");
    let date = Date::new(seconds);
    let mut text = String::new();
    let mut rest = long.chars();
    while let Some(c) = rest.next() {
        if c != '%' {
            text.push(c);
            continue;
        }
        let mut letter = rest.next().unwrap_or('%');
        // GNU's dash: a number without padding.
        let is_bare = letter == '-';
        if is_bare {
            letter = rest.next().unwrap_or('%');
        }
        match date.directive(letter) {
            Some(Field::Text(part)) => text.push_str(&part),
            Some(Field::Number(number, digits)) => {
                let digits = if is_bare { 1 } else { digits };
                text.push_str(&format!("{number:0digits$}"));
            }
            None => return Err(format!("strftime_now knows no directive \"%{letter}\"")),
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_the_calendar() {
        let day = |seconds| strftime(seconds, "%a %d %b %Y %j").unwrap();
        assert_eq!(day(0), "Thu 01 Jan 1970 001");
        assert_eq!(day(951_782_400), "Tue 29 Feb 2000 060");
        assert_eq!(day(1_735_603_200), "Tue 31 Dec 2024 366");
        assert_eq!(day(-86_400), "Wed 31 Dec 1969 365");
        assert_eq!(day(1_790_000_000), "Mon 21 Sep 2026 264");
    }

    #[test]
    fn times_and_forms() {
        let at = |format| strftime(1_790_000_000 - 7200, format);
        assert_eq!(at("%H:%M:%S %I %p").unwrap(), "12:13:20 12 PM");
        assert_eq!(at("%A, %B %-d, %y%%").unwrap(), "Monday, September 21, 26%");
        assert_eq!(at("%FT%T").unwrap(), "2026-09-21T12:13:20");
        assert!(at("%Q").unwrap_err().contains("%Q"));
    }
}
