//! A curve in bounded memory: the newest points as they came, older ones as what a stretch of them reached.
//!
//! Least and most of every stretch are kept, so a spike stays visible however long the run was. A value that is no number is a
//! gap. A run that was resumed writes some steps again: what lies at or after them is replaced.

/// Newest points that are always kept as they came; up to twice as many are.
const RECENT: usize = 4096;
/// Most stretches of older points; beyond, neighbours are joined.
const STRETCHES: usize = 4096;

/// Points of one series by rising x.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    old: Vec<Stretch>,
    /// Points in each stretch.
    per: usize,
    recent: Vec<(f64, f64)>,
}

/// What neighbouring points reached.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Stretch {
    from: f64,
    to: f64,
    first: f64,
    least: f64,
    most: f64,
    last: f64,
    /// Nothing was measured at its end.
    ends_in_gap: bool,
    /// It holds no number at all.
    is_empty: bool,
}

impl Default for Curve {
    fn default() -> Self {
        Self {
            old: Vec::new(),
            per: 2,
            recent: Vec::new(),
        }
    }
}

impl Curve {
    /// Takes a point; y that is no number is a gap. A point without a place is left out.
    pub fn push(&mut self, x: f64, y: f64) {
        if !x.is_finite() {
            return;
        }
        if self.end().is_some_and(|end| x <= end) {
            self.rewind(x);
        }
        self.recent.push((x, y));
        if self.recent.len() >= 2 * RECENT {
            self.age();
        }
    }

    /// Forgets everything at and after `x`.
    fn rewind(&mut self, x: f64) {
        let kept = self.recent.partition_point(|(at, _)| *at < x);
        self.recent.truncate(kept);
        if self.recent.is_empty() {
            let kept = self.old.partition_point(|stretch| stretch.from < x);
            self.old.truncate(kept);
        }
    }

    fn age(&mut self) {
        let whole = RECENT - RECENT % self.per.min(RECENT);
        let per = self.per.min(RECENT);
        let older = self.recent.drain(..whole).collect::<Vec<_>>();
        self.old.extend(older.chunks(per).map(Stretch::of));
        while self.old.len() > STRETCHES {
            self.old = self.old.chunks(2).map(Stretch::join).collect();
            self.per *= 2;
        }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.recent.is_empty() && self.old.is_empty()
    }

    /// First and last x; none before the first point.
    #[must_use]
    pub fn extent(&self) -> Option<(f64, f64)> {
        let first = self
            .old
            .first()
            .map(|stretch| stretch.from)
            .or_else(|| self.recent.first().map(|point| point.0))?;
        Some((first, self.end()?))
    }

    fn end(&self) -> Option<f64> {
        let newest = self.recent.last().map(|point| point.0);
        newest.or_else(|| self.old.last().map(|stretch| stretch.to))
    }

    /// The newest value that is a number.
    #[must_use]
    pub fn last(&self) -> Option<f64> {
        let newest = self.recent.iter().rev().map(|point| point.1);
        newest
            .chain(self.old.iter().rev().map(|stretch| stretch.last))
            .find(|y| y.is_finite())
    }

    /// What a line through `columns` columns of pixels needs of a window of x: at most four points a column (first, least, most,
    /// last), and the nearest point beyond either side. A y that is no number is a gap.
    #[must_use]
    pub fn points(&self, window: (f64, f64), columns: usize) -> Vec<(f64, f64)> {
        let mut reduced = Reduced::new(window, columns);
        let from = self.old.partition_point(|stretch| stretch.to < window.0);
        for stretch in self.old.iter().skip(from.saturating_sub(1)) {
            if stretch.from > window.1 {
                reduced.beyond(stretch.from, stretch.first);
                return reduced.finish();
            }
            reduced.stretch(stretch);
        }
        let from = self.recent.partition_point(|point| point.0 < window.0);
        // With older stretches in front the neighbour to the left is one of them.
        for (x, y) in self.recent.iter().skip(from.saturating_sub(1)) {
            if *x > window.1 {
                reduced.beyond(*x, *y);
                break;
            }
            reduced.point(*x, *y);
        }
        reduced.finish()
    }
}

impl Stretch {
    fn of(points: &[(f64, f64)]) -> Stretch {
        let end = |point: Option<&(f64, f64)>| point.map_or(0.0, |point| point.0);
        let mut numbers = points.iter().map(|point| point.1).filter(|y| y.is_finite());
        let first = numbers.next();
        let (mut least, mut most) = (first.unwrap_or(f64::NAN), first.unwrap_or(f64::NAN));
        let mut last = first.unwrap_or(f64::NAN);
        for y in numbers {
            (least, most, last) = (least.min(y), most.max(y), y);
        }
        Stretch {
            from: end(points.first()),
            to: end(points.last()),
            first: first.unwrap_or(f64::NAN),
            least,
            most,
            last,
            ends_in_gap: points.last().is_some_and(|point| !point.1.is_finite()),
            is_empty: first.is_none(),
        }
    }

    fn join(pair: &[Stretch]) -> Stretch {
        let (Some(one), Some(two)) = (pair.first(), pair.last()) else {
            return Stretch::of(&[]);
        };
        Stretch {
            from: one.from,
            to: two.to,
            first: if one.is_empty { two.first } else { one.first },
            // `min` and `max` pass over what is no number.
            least: one.least.min(two.least),
            most: one.most.max(two.most),
            last: if two.is_empty { one.last } else { two.last },
            ends_in_gap: two.ends_in_gap,
            is_empty: one.is_empty && two.is_empty,
        }
    }
}

/// Collects points column by column.
struct Reduced {
    from: f64,
    per_x: f64,
    columns: usize,
    /// The open column and what it reached, each with its x.
    open: Option<(usize, Vec<(f64, f64)>)>,
    points: Vec<(f64, f64)>,
}

impl Reduced {
    #[expect(clippy::cast_precision_loss, reason = "columns of a screen")]
    fn new(window: (f64, f64), columns: usize) -> Self {
        let wide = (window.1 - window.0).max(f64::MIN_POSITIVE);
        Self {
            from: window.0,
            per_x: columns.max(1) as f64 / wide,
            columns: columns.max(1),
            open: None,
            points: Vec::new(),
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to the columns of a screen"
    )]
    fn column(&self, x: f64) -> Option<usize> {
        let at = (x - self.from) * self.per_x;
        (at >= 0.0).then(|| (at as usize).min(self.columns - 1))
    }

    fn stretch(&mut self, stretch: &Stretch) {
        if !stretch.is_empty {
            let middle = (stretch.from + stretch.to) / 2.0;
            self.point(stretch.from, stretch.first);
            self.point(middle, stretch.least);
            self.point(middle, stretch.most);
            self.point(stretch.to, stretch.last);
        }
        if stretch.ends_in_gap {
            self.point(stretch.to, f64::NAN);
        }
    }

    fn point(&mut self, x: f64, y: f64) {
        if !y.is_finite() {
            self.close();
            self.gap(x);
            return;
        }
        let Some(column) = self.column(x) else {
            // Only the nearest one to the left of the window is needed.
            self.points.clear();
            self.points.push((x, y));
            return;
        };
        match &mut self.open {
            Some((open, reached)) if *open == column => take(reached, (x, y)),
            _ => {
                self.close();
                self.open = Some((column, vec![(x, y)]));
            }
        }
    }

    fn gap(&mut self, x: f64) {
        if self.points.last().is_some_and(|point| point.1.is_finite()) {
            self.points.push((x, f64::NAN));
        }
    }

    fn beyond(&mut self, x: f64, y: f64) {
        self.close();
        if y.is_finite() {
            self.points.push((x, y));
        }
    }

    fn close(&mut self) {
        if let Some((_, reached)) = self.open.take() {
            self.points.extend(reached);
        }
    }

    fn finish(mut self) -> Vec<(f64, f64)> {
        self.close();
        self.points
    }
}

/// Keeps first, least, most and last of a column: four places, in this order, as soon as there are four points.
fn take(reached: &mut Vec<(f64, f64)>, point: (f64, f64)) {
    reached.push(point);
    let [first, least, most, last, next] = reached[..] else {
        if let [first, a, b, last] = reached[..] {
            let (least, most) = if a.1 <= b.1 { (a, b) } else { (b, a) };
            *reached = vec![first, least, most, last];
        }
        return;
    };
    let mut inner = [least, most, last];
    inner.sort_by(|a, b| a.1.total_cmp(&b.1));
    *reached = vec![first, inner[0], inner[2], next];
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(curve: &Curve) -> (f64, f64) {
        curve.extent().unwrap()
    }

    #[test]
    fn a_short_curve_is_drawn_as_it_came() {
        let mut curve = Curve::default();
        for (x, y) in [(0.0, 1.0), (1.0, 3.0), (2.0, f64::NAN), (3.0, 2.0)] {
            curve.push(x, y);
        }
        let points = curve.points((0.0, 3.0), 100);
        assert_eq!(points.len(), 4);
        assert_eq!(
            (points[0], points[1], points[3]),
            ((0.0, 1.0), (1.0, 3.0), (3.0, 2.0))
        );
        assert!(points[2].1.is_nan(), "a gap: {points:?}");
        assert_eq!(curve.last(), Some(2.0));
    }

    #[test]
    fn memory_is_bounded_and_a_spike_stays() {
        let mut curve = Curve::default();
        for step in 0..100_000_u32 {
            let y = if step == 31_234 {
                50.0
            } else {
                f64::from(step % 7)
            };
            curve.push(f64::from(step), y);
        }
        assert!(curve.old.len() <= STRETCHES && curve.recent.len() < 2 * RECENT);
        assert_eq!(whole(&curve), (0.0, 99_999.0));
        let points = curve.points(whole(&curve), 100);
        assert!(points.len() <= 402, "{}", points.len());
        assert!(points.iter().any(|point| point.1 == 50.0));
        assert!(points.iter().all(|point| point.1.is_finite()));
        assert!(points.is_sorted_by(|a, b| a.0 <= b.0 + 2000.0));
        let near = curve.points((31_000.0, 31_500.0), 100);
        assert!(near.iter().any(|point| point.1 == 50.0));
    }

    #[test]
    fn a_window_keeps_a_neighbour_at_either_side() {
        let mut curve = Curve::default();
        for step in 0..10_u32 {
            curve.push(f64::from(step), f64::from(step));
        }
        let points = curve.points((3.5, 5.5), 10);
        let xs: Vec<f64> = points.iter().map(|point| point.0).collect();
        assert_eq!(xs, [3.0, 4.0, 5.0, 6.0]);
    }

    #[test]
    fn steps_that_are_done_again_replace_what_was_there() {
        let mut curve = Curve::default();
        for step in 0..20_u32 {
            curve.push(f64::from(step), 1.0);
        }
        curve.push(10.0, 2.0);
        assert_eq!(whole(&curve), (0.0, 10.0));
        assert_eq!(curve.last(), Some(2.0));
        let mut long = Curve::default();
        for step in 0..20_000_u32 {
            long.push(f64::from(step), 1.0);
        }
        long.push(100.0, 2.0);
        assert!(whole(&long).1 <= 104.0);
        assert_eq!(long.last(), Some(2.0));
    }

    #[test]
    fn first_least_most_and_last_of_a_column() {
        let mut reached = vec![(0.0, 5.0)];
        for (x, y) in [(1.0, 9.0), (2.0, 1.0), (3.0, 4.0), (4.0, 12.0), (5.0, 6.0)] {
            take(&mut reached, (x, y));
        }
        let ys: Vec<f64> = reached.iter().map(|point| point.1).collect();
        assert_eq!(ys, [5.0, 1.0, 12.0, 6.0]);
    }
}
