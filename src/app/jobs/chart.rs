//! What the chart shows: which curves, which window of x, how the axis is cut.
//!
//! It names curves and a window; points are made for the pixels there are by whoever draws.

use super::JobsState;
use super::curve::Curve;
use super::view::{Group, RunView};
use crate::domain::run::SeriesCard;

/// Each step of zoom halves the window; so many are enough to see single steps.
const MOST_ZOOM: u32 = 12;

/// How the chart is looked at.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ChartLook {
    /// Which group of curves, counted around.
    pub group: usize,
    pub is_log: bool,
    /// How often the window was halved.
    pub zoom: u32,
    /// The window that stands still; none follows the newest point.
    pub frozen: Option<(f64, f64)>,
    /// What lines are made of, when not what the terminal suggests.
    pub marker: Option<MarkerChoice>,
}

/// What lines are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarkerChoice {
    Braille,
    HalfBlock,
    Ascii,
}

impl MarkerChoice {
    /// The next one, around.
    #[must_use]
    pub fn next(this: Option<Self>) -> Option<Self> {
        match this {
            None | Some(Self::Braille) => Some(Self::HalfBlock),
            Some(Self::HalfBlock) => Some(Self::Ascii),
            Some(Self::Ascii) => Some(Self::Braille),
        }
    }
}

/// What to draw.
#[derive(Debug, Clone, PartialEq)]
pub struct Plot<'a> {
    pub title: String,
    pub unit: String,
    /// What x counts.
    pub x: String,
    pub traces: Vec<PlotTrace<'a>>,
    pub window: (f64, f64),
    pub is_log: bool,
    /// The window ends before the newest point.
    pub is_frozen: bool,
}

/// A curve and what it is called.
#[derive(Debug, Clone, PartialEq)]
pub struct PlotTrace<'a> {
    pub label: String,
    pub curve: &'a Curve,
    pub last: Option<f64>,
}

impl JobsState {
    /// The groups of the shown run and the one that is drawn.
    #[must_use]
    pub fn group(&self) -> Option<(usize, usize, Group)> {
        let groups = self.page()?.groups();
        let count = groups.len();
        let at = self.chart.group % count.max(1);
        groups.into_iter().nth(at).map(|group| (at, count, group))
    }

    /// Pages of the marked runs other than the shown one.
    #[must_use]
    pub fn compared(&self) -> Vec<&RunView> {
        let marked = self.marked.iter();
        let others = marked.filter(|run| Some(*run) != self.selected.as_ref());
        others.filter_map(|run| self.views.get(run)).collect()
    }

    /// What the chart shows; none while the run has no curves.
    #[must_use]
    pub fn plot(&self) -> Option<Plot<'_>> {
        let page = self.page()?;
        let (_, _, group) = self.group()?;
        let others = self.compared();
        let traces = if others.is_empty() {
            own(page, &group.series)
        } else {
            compared(page, &others, group.series.first()?)
        };
        let extents = traces.iter().filter_map(|trace| trace.curve.extent());
        let whole = extents.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))?;
        let (window, is_frozen) = self.chart.window(whole);
        let headline = group.series.first();
        Some(Plot {
            title: headline.map_or_else(|| group.name.clone(), |series| title(&group, series)),
            unit: headline.map_or_else(String::new, |series| series.unit.clone()),
            x: page.summary.unit.clone(),
            traces,
            window,
            is_log: self.chart.is_log,
            is_frozen,
        })
    }
}

fn title(group: &Group, series: &SeriesCard) -> String {
    if group.series.len() > 1 && !group.name.is_empty() {
        group.name.clone()
    } else {
        series.title.clone()
    }
}

fn own<'a>(page: &'a RunView, series: &[SeriesCard]) -> Vec<PlotTrace<'a>> {
    let drawn = series.iter().filter_map(|series| {
        let curve = page.curves.get(&series.name)?;
        Some(PlotTrace {
            label: series.title.clone(),
            curve,
            last: curve.last(),
        })
    });
    drawn.collect()
}

/// One curve of several runs, the shown one first.
fn compared<'a>(
    page: &'a RunView,
    others: &[&'a RunView],
    series: &SeriesCard,
) -> Vec<PlotTrace<'a>> {
    let runs = std::iter::once(page).chain(others.iter().copied());
    let drawn = runs.filter_map(|run| {
        let curve = run.curves.get(&series.name)?;
        Some(PlotTrace {
            label: run.summary.title.clone(),
            curve,
            last: curve.last(),
        })
    });
    drawn.collect()
}

impl ChartLook {
    /// The part of a whole that is shown, and whether it stands still.
    #[must_use]
    pub fn window(&self, whole: (f64, f64)) -> ((f64, f64), bool) {
        match self.frozen {
            Some(window) => (window, true),
            None => {
                let wide = all(whole) / f64::from(1_u32 << self.zoom.min(MOST_ZOOM));
                (
                    (
                        whole.0.max(whole.1 - wide),
                        whole.0.max(whole.1 - wide) + wide,
                    ),
                    false,
                )
            }
        }
    }

    /// Halves the window so many times, or doubles it; its end stays.
    pub(super) fn zoom_by(&mut self, step: i32, whole: (f64, f64)) {
        let before = self.zoom;
        self.zoom = self.zoom.saturating_add_signed(step).min(MOST_ZOOM);
        let Some((_, to)) = self.frozen else {
            return;
        };
        if self.zoom == 0 {
            self.frozen = None;
        } else if self.zoom != before {
            let wide = all(whole) / f64::from(1_u32 << self.zoom);
            let from = (to - wide).max(whole.0);
            self.frozen = Some((from, from + wide));
        }
    }

    /// Moves the window by a share of itself; at the end it follows again.
    pub(super) fn pan(&mut self, whole: (f64, f64), share: f64) {
        let ((from, to), _) = self.window(whole);
        let wide = to - from;
        let from = (from + wide * share).max(whole.0);
        self.frozen = (from + wide < whole.1).then_some((from, from + wide));
    }

    /// Stands still, or follows the end again.
    pub(super) fn toggle_freeze(&mut self, whole: (f64, f64)) {
        self.frozen = match self.frozen {
            Some(_) => None,
            None => Some(self.window(whole).0),
        };
    }
}

/// How wide a whole is; a single point has room too.
fn all(whole: (f64, f64)) -> f64 {
    let wide = whole.1 - whole.0;
    if wide > 0.0 { wide } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zoom_halves_the_window_at_the_end_and_a_pan_freezes_it() {
        let mut look = ChartLook::default();
        let whole = (0.0, 80.0);
        assert_eq!(look.window(whole), ((0.0, 80.0), false));
        look.zoom_by(2, whole);
        assert_eq!(look.window(whole), ((60.0, 80.0), false));
        assert_eq!(look.window((0.0, 160.0)), ((120.0, 160.0), false));
        look.pan(whole, -0.5);
        assert_eq!(look.window(whole), ((50.0, 70.0), true));
        assert_eq!(look.window((0.0, 400.0)).0, (50.0, 70.0));
        look.zoom_by(1, whole);
        assert_eq!(look.window(whole).0, (60.0, 70.0));
        look.zoom_by(-1, whole);
        for _ in 0..20 {
            look.pan(whole, -0.5);
        }
        assert_eq!(look.window(whole).0, (0.0, 20.0));
        for _ in 0..20 {
            look.pan(whole, 0.5);
        }
        assert_eq!(look.frozen, None);
        look.toggle_freeze(whole);
        assert_eq!(look.window((0.0, 800.0)), ((60.0, 80.0), true));
        look.zoom_by(-9, whole);
        assert_eq!((look.zoom, look.frozen), (0, None));
    }

    #[test]
    fn one_point_has_a_window_around() {
        let ((from, to), _) = ChartLook::default().window((5.0, 5.0));
        assert!(from <= 5.0 && to > 5.0);
    }
}
