//! Bars and numbers that do not jump: eighths of a block, rounded values, fields of a fixed width.

use crate::domain::clock::Millis;
use crate::ui::theme::{Role, Theme};
use ratatui::text::{Line, Span};

/// A bar of `columns` columns, filled to `done` of `total`; empty while `total` is unknown.
#[must_use]
pub fn bar(done: u64, total: u64, columns: u16, theme: &Theme) -> Line<'static> {
    let steps = theme.glyphs.bar.len() as u64;
    let whole = u64::from(columns) * steps;
    let filled = if total == 0 {
        0
    } else {
        u64::try_from(u128::from(done.min(total)) * u128::from(whole) / u128::from(total))
            .unwrap_or(whole)
    };
    let full = usize::try_from(filled / steps).unwrap_or(0);
    let part = usize::try_from(filled % steps).unwrap_or(0);
    let mut text = theme.glyphs.bar.last().copied().unwrap_or("#").repeat(full);
    if let Some(part) = part.checked_sub(1) {
        text.push_str(theme.glyphs.bar.get(part).copied().unwrap_or(" "));
    }
    let used = full + usize::from(part > 0);
    let empty = theme
        .glyphs
        .bar_empty
        .repeat(usize::from(columns).saturating_sub(used));
    Line::from(vec![
        Span::styled(text, theme.style(Role::Meter)),
        Span::styled(empty, theme.style(Role::MeterEmpty)),
    ])
}

/// Minutes and seconds, with hours where there are any: `0:05`, `1:02:03`.
#[must_use]
pub fn clock(ms: Millis) -> String {
    let seconds = ms / 1000;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes}:{seconds:02}")
    }
}

/// A count in at most five columns: `999`, `1.2k`, `34k`, `5.6M`.
#[must_use]
pub fn count(n: u64) -> String {
    let (value, unit) = match n {
        0..1_000 => return n.to_string(),
        1_000..1_000_000 => (n / 100, "k"),
        _ => (n / 100_000, "M"),
    };
    if value < 100 {
        format!("{}.{}{unit}", value / 10, value % 10)
    } else {
        format!("{}{unit}", value / 10)
    }
}

/// Bytes in decimal units, as file sizes are sold: `98.4 MB`.
#[must_use]
pub fn bytes(n: u64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let mut unit = 0;
    let mut scale = 1;
    while n / scale >= 1000 && unit + 1 < UNITS.len() {
        unit += 1;
        scale *= 1000;
    }
    let name = UNITS.get(unit).copied().unwrap_or("B");
    if unit == 0 || n / scale >= 100 {
        return format!("{} {name}", n / scale);
    }
    format!("{}.{} {name}", n / scale, n % scale * 10 / scale)
}

/// Dollars: cents while they are few, then two places.
#[must_use]
pub fn cost(dollars: f64) -> String {
    if dollars > 0.0 && dollars < 0.01 {
        format!("${dollars:.4}")
    } else {
        format!("${dollars:.2}")
    }
}

/// How long ago, in a word: `now`, `5 min`, `3 h`, `2 d`.
#[must_use]
pub fn ago(then: Millis, now: Millis) -> String {
    let minutes = now.saturating_sub(then) / 60_000;
    match minutes {
        0 => "now".into(),
        1..60 => format!("{minutes} min"),
        60..1440 => format!("{} h", minutes / 60),
        _ => format!("{} d", minutes / 1440),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::settings::Borders;
    use crate::store::theme::ThemeSpec;
    use crate::ui::theme::Depth;

    #[test]
    fn numbers_are_short() {
        assert_eq!(
            [count(7), count(1234), count(34_567), count(5_600_000)],
            ["7", "1.2k", "34k", "5.6M"]
        );
        assert_eq!(
            [
                bytes(98_362_432),
                bytes(512),
                bytes(258_000_000),
                bytes(5_030_000_000)
            ],
            ["98.3 MB", "512 B", "258 MB", "5.0 GB"]
        );
        assert_eq!([clock(5_900), clock(3_723_000)], ["0:05", "1:02:03"]);
        assert_eq!([cost(0.0004), cost(1.5)], ["$0.0004", "$1.50"]);
    }

    #[test]
    fn a_bar_moves_by_eighths() {
        let theme = Theme::new(&ThemeSpec::default(), Depth::None, Borders::Unicode, 1);
        assert_eq!(bar(1, 16, 2, &theme).to_string(), "▏░");
        assert_eq!(bar(9, 16, 2, &theme).to_string(), "█▏");
        assert_eq!(bar(0, 0, 3, &theme).to_string(), "░░░");
        let ascii = Theme::new(&ThemeSpec::default(), Depth::None, Borders::Ascii, 1);
        assert_eq!(bar(1, 2, 4, &ascii).to_string(), "##..");
    }
}
