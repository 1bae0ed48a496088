//! Line charts: several lines over one window of x, told apart by stroke and by colour, with marked axes.
//!
//! It draws what it is handed: points by rising x, of which a y that is no number is a gap. How many points a line needs is
//! `app::jobs::curve`'s business.

pub mod axis;
pub mod canvas;

use crate::domain::text::width;
use crate::ui::paint;
use crate::ui::theme::{Role, Theme};
use axis::{Axis, Tick};
use canvas::{Canvas, Marker, Stroke};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Roles of lines in their order; beyond, they come again with another stroke.
const ROLES: [Role; 5] = [
    Role::Meter,
    Role::Warning,
    Role::User,
    Role::Ok,
    Role::Running,
];

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    /// By rising x; a y that is no number is a gap.
    pub points: Vec<(f64, f64)>,
    pub stroke: Stroke,
    pub role: Role,
}

impl Trace {
    /// The n-th line of a chart, from 0.
    #[must_use]
    pub fn nth(n: usize, points: Vec<(f64, f64)>) -> Trace {
        Trace {
            points,
            stroke: Stroke::nth(n),
            role: role(n),
        }
    }
}

/// The role of the n-th line.
#[must_use]
pub fn role(n: usize) -> Role {
    ROLES.get(n % ROLES.len()).copied().unwrap_or(Role::Meter)
}

/// What to draw; the first line lies over the others.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    pub traces: Vec<Trace>,
    /// First and last x.
    pub window: (f64, f64),
    pub is_log: bool,
    /// The ends of the y axis; from the points when none.
    pub range: Option<(f64, f64)>,
    pub marker: Marker,
    /// Numbers along the x axis.
    pub has_x_labels: bool,
}

/// The columns of pixels that a chart of this width has: how finely points should be reduced.
#[must_use]
pub fn pixel_columns(columns: u16, marker: Marker) -> usize {
    usize::from(columns) * marker.pixels().0
}

/// Draws a chart; nothing is drawn where there is no room for it.
pub fn draw(buf: &mut Buffer, area: Rect, chart: &Chart, theme: &Theme) {
    let Some(y_axis) = y_axis(chart) else {
        return;
    };
    let labels = u16::from(chart.has_x_labels && area.height >= 4);
    let rows = area.height.saturating_sub(labels);
    let ticks = y_axis.ticks(usize::from(rows / 3).clamp(2, 8));
    let left = ticks.iter().map(|tick| width(&tick.label)).max();
    let left = u16::try_from(left.unwrap_or(0)).unwrap_or(0) + 1;
    if rows < 1 || area.width < left + 4 {
        return;
    }
    let plot = Rect::new(area.x + left, area.y, area.width - left, rows);
    y_labels(buf, area.x, plot, &y_axis, &ticks, theme);
    if labels > 0 {
        x_labels(buf, plot, chart.window, theme);
    }
    let mut canvas = Canvas::new(chart.marker, plot.width, plot.height);
    for (at, trace) in chart.traces.iter().enumerate().rev() {
        line(&mut canvas, chart, &y_axis, trace, at);
    }
    let roles: Vec<Role> = chart.traces.iter().map(|trace| trace.role).collect();
    canvas.draw(buf, plot, &roles, theme);
}

fn y_axis(chart: &Chart) -> Option<Axis> {
    if let Some((least, most)) = chart.range {
        return Some(Axis {
            least,
            most,
            is_log: false,
        });
    }
    let (from, to) = chart.window;
    let points = chart.traces.iter().flat_map(|trace| &trace.points);
    let inside = points.filter(|point| (from..=to).contains(&point.0));
    Axis::around(inside.map(|point| point.1), chart.is_log)
}

fn y_labels(buf: &mut Buffer, x: u16, plot: Rect, axis: &Axis, ticks: &[Tick], theme: &Theme) {
    let columns = plot.x.saturating_sub(x + 1);
    for tick in ticks {
        let Some(at) = axis.place(tick.value) else {
            continue;
        };
        let y = plot.y + row(1.0 - at, plot.height);
        let pad = usize::from(columns).saturating_sub(width(&tick.label));
        let text = format!("{}{}", " ".repeat(pad), tick.label);
        paint::text(buf, x, y, columns, &text, theme.style(Role::TextDim));
    }
}

fn x_labels(buf: &mut Buffer, plot: Rect, window: (f64, f64), theme: &Theme) {
    let axis = Axis {
        least: window.0,
        most: window.1,
        is_log: false,
    };
    let mut free = plot.x;
    for tick in axis.ticks(usize::from(plot.width / 9)) {
        let Some(at) = axis.place(tick.value) else {
            continue;
        };
        let wide = u16::try_from(width(&tick.label)).unwrap_or(0);
        let x = plot.x + row(at, plot.width);
        let x = x.min(plot.right().saturating_sub(wide));
        if x < free {
            continue;
        }
        paint::text(
            buf,
            x,
            plot.bottom(),
            wide,
            &tick.label,
            theme.style(Role::TextDim),
        );
        free = x + wide + 1;
    }
}

/// A share of a number of cells, as the cell it lies in.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to the cells"
)]
fn row(share: f64, cells: u16) -> u16 {
    let at = share.clamp(0.0, 1.0) * f64::from(cells.saturating_sub(1));
    at.round() as u16
}

/// One line through its points, clipped to the window.
fn line(canvas: &mut Canvas, chart: &Chart, axis: &Axis, trace: &Trace, index: usize) {
    let (from, to) = chart.window;
    let x_axis = Axis {
        least: from,
        most: to.max(from + f64::MIN_POSITIVE),
        is_log: false,
    };
    let mut before: Option<(f64, f64)> = None;
    let mut along = 0;
    for (x, y) in &trace.points {
        // Where the axis has no place for a value there is a gap.
        let here = x_axis.place(*x).zip(axis.place(*y));
        let Some(here) = here else {
            before = None;
            continue;
        };
        let start = before.unwrap_or(here);
        if let Some((start, end)) = clipped(start, here) {
            segment(
                canvas,
                start,
                end,
                trace.stroke,
                chart.marker,
                index,
                &mut along,
            );
        }
        before = Some(here);
    }
}

/// The part of a segment whose x lies within 0..=1.
fn clipped(start: (f64, f64), end: (f64, f64)) -> Option<((f64, f64), (f64, f64))> {
    if end.0 < 0.0 || start.0 > 1.0 {
        return None;
    }
    let cut = |x: f64| {
        let share = (x - start.0) / (end.0 - start.0);
        (x, start.1 + share * (end.1 - start.1))
    };
    let from = if start.0 < 0.0 { cut(0.0) } else { start };
    let to = if end.0 > 1.0 { cut(1.0) } else { end };
    Some((from, to))
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "pixels of a screen"
)]
fn segment(
    canvas: &mut Canvas,
    start: (f64, f64),
    end: (f64, f64),
    stroke: Stroke,
    marker: Marker,
    index: usize,
    along: &mut usize,
) {
    let (wide, high) = canvas.size();
    let pixel = |(x, y): (f64, f64)| {
        let x = x.clamp(0.0, 1.0) * (wide.saturating_sub(1)) as f64;
        let y = (1.0 - y.clamp(0.0, 1.0)) * (high.saturating_sub(1)) as f64;
        (x.round(), y.round())
    };
    let (a, b) = (pixel(start), pixel(end));
    let steps = (b.0 - a.0).abs().max((b.1 - a.1).abs());
    let count = steps as usize;
    for step in 0..=count {
        // The end of the segment before is the beginning of this one.
        *along += usize::from(step > 0);
        if !stroke.covers(*along, marker) {
            continue;
        }
        let share = if count == 0 { 0.0 } else { step as f64 / steps };
        let x = (a.0 + share * (b.0 - a.0)).round();
        let y = (a.1 + share * (b.1 - a.1)).round();
        canvas.set(x as usize, y as usize, index);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::jobs::curve::Curve;
    use crate::store::settings::Borders;
    use crate::store::theme::ThemeSpec;
    use crate::ui::theme::Depth;

    fn theme() -> Theme {
        Theme::new(&ThemeSpec::default(), Depth::None, Borders::Unicode, 1)
    }

    fn chart(lines: Vec<Vec<(f64, f64)>>, window: (f64, f64)) -> Chart {
        let traces = lines.into_iter().enumerate();
        Chart {
            traces: traces.map(|(n, points)| Trace::nth(n, points)).collect(),
            window,
            is_log: false,
            range: None,
            marker: Marker::Braille,
            has_x_labels: true,
        }
    }

    fn drawn(chart: &Chart, columns: u16, rows: u16) -> Vec<String> {
        let area = Rect::new(0, 0, columns, rows);
        let mut buf = Buffer::empty(area);
        draw(&mut buf, area, chart, &theme());
        (0..rows)
            .map(|y| {
                let row: String = (0..columns).map(|x| buf[(x, y)].symbol()).collect();
                row.trim_end().to_owned()
            })
            .collect()
    }

    fn dots(chart: &Chart, columns: u16, rows: u16) -> u32 {
        let mut canvas = Canvas::new(chart.marker, columns, rows);
        let axis = y_axis(chart).unwrap();
        for (at, trace) in chart.traces.iter().enumerate() {
            line(&mut canvas, chart, &axis, trace, at);
        }
        canvas.count()
    }

    #[test]
    fn a_line_from_corner_to_corner_has_a_dot_in_every_column_and_marks_at_both_axes() {
        let rising = chart(vec![vec![(0.0, 0.0), (50.0, 1.0)]], (0.0, 50.0));
        assert_eq!(dots(&rising, 20, 5), 40);
        let rows = drawn(&rising, 40, 8);
        assert!(
            rows[0].starts_with("1 ") && rows[6].starts_with("0"),
            "{rows:#?}"
        );
        assert_eq!(
            rows[7].split_whitespace().collect::<Vec<_>>(),
            ["0", "20", "40"]
        );
        let is_dot = |c: char| c > '\u{2800}';
        assert!(rows[0].ends_with(is_dot), "{rows:#?}");
        assert!(rows[6].chars().skip(2).take(4).any(is_dot), "{rows:#?}");
    }

    #[test]
    fn strokes_differ_without_colour() {
        let flat = |y: f64| vec![(0.0, y), (80.0, y)];
        let counts: Vec<u32> = (0..3)
            .map(|n| {
                let mut one = chart(vec![flat(1.0)], (0.0, 80.0));
                one.traces = vec![Trace::nth(n, flat(1.0))];
                dots(&one, 40, 4)
            })
            .collect();
        assert_eq!(counts, [80, 20, 50]);
    }

    #[test]
    fn nothing_is_drawn_where_nothing_was_measured() {
        let holey = vec![
            (0.0, 1.0),
            (10.0, 1.0),
            (20.0, f64::NAN),
            (30.0, 1.0),
            (40.0, 1.0),
        ];
        let chart = chart(vec![holey], (0.0, 40.0));
        assert_eq!(dots(&chart, 20, 4), 11 + 11);
        assert!(drawn(&chart, 30, 6).iter().all(|row| !row.contains("NaN")));
    }

    #[test]
    fn a_logarithmic_axis_leaves_out_what_is_not_above_zero() {
        let points = vec![(0.0, 1.0), (1.0, 0.0), (2.0, 100.0), (3.0, 1000.0)];
        let mut chart = chart(vec![points], (0.0, 3.0));
        chart.is_log = true;
        let rows = drawn(&chart, 40, 13);
        let labels: Vec<&str> = rows[..12]
            .iter()
            .filter_map(|row| row.split_whitespace().next())
            .filter(|word| word.chars().all(|c| c.is_ascii_digit()))
            .collect();
        assert_eq!(labels, ["1000", "100", "10", "1"]);
    }

    #[test]
    fn a_line_that_begins_before_the_window_enters_at_its_edge() {
        let chart = chart(
            vec![vec![(0.0, 0.0), (10.0, 10.0), (20.0, 0.0)]],
            (5.0, 15.0),
        );
        let rows = drawn(&chart, 30, 8);
        // Both edges are reached, at the same height.
        let first = rows
            .iter()
            .position(|row| row.chars().nth(3).is_some_and(|c| c > '\u{2800}'));
        assert!(first.is_some(), "{rows:#?}");
    }

    #[test]
    fn half_blocks_and_plain_characters() {
        let mut one = chart(vec![vec![(0.0, 0.0), (9.0, 9.0)]], (0.0, 9.0));
        one.marker = Marker::HalfBlock;
        assert!(drawn(&one, 14, 6).concat().contains(['▀', '▄', '█']));
        one.marker = Marker::Ascii;
        let text = drawn(&one, 14, 6).concat();
        assert!(text.contains('*') && text.is_ascii(), "{text}");
    }

    #[test]
    fn a_hundred_thousand_points_keep_their_spike() {
        let mut curve = Curve::default();
        for step in 0..100_000_u32 {
            curve.push(f64::from(step), if step == 50_000 { 9.0 } else { 1.0 });
        }
        let window = (0.0, 99_999.0);
        let points = curve.points(window, pixel_columns(60, Marker::Braille));
        let chart = chart(vec![points], window);
        let rows = drawn(&chart, 66, 12);
        let top: String = rows[0].chars().skip(4).collect();
        let spike = top.chars().position(|c| c > '\u{2800}').unwrap();
        assert!((25..35).contains(&spike), "{rows:#?}");
    }

    #[test]
    fn no_size_is_too_small() {
        let chart = chart(vec![vec![(0.0, 0.0), (1.0, 1.0)]], (0.0, 1.0));
        for columns in 0..12 {
            for rows in 0..6 {
                let _ = drawn(&chart, columns, rows);
            }
        }
    }
}
