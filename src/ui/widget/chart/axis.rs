//! Where an axis has its marks, and how their numbers are written: multiples of 1, 2 or 5 times a power of ten.

/// One axis: the values at its ends, and whether equal distances are equal factors.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Axis {
    pub least: f64,
    pub most: f64,
    pub is_log: bool,
}

/// A mark: its value and what is written beside it.
#[derive(Debug, Clone, PartialEq)]
pub struct Tick {
    pub value: f64,
    pub label: String,
}

impl Axis {
    /// An axis around values; a flat line gets room at both sides. On a logarithmic axis only what is above 0 counts.
    #[must_use]
    pub fn around(values: impl Iterator<Item = f64>, is_log: bool) -> Option<Axis> {
        let usable = values.filter(|y| y.is_finite() && (!is_log || *y > 0.0));
        let (least, most) = usable.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), y| {
            (a.min(y), b.max(y))
        });
        if least > most {
            return None;
        }
        let axis = if is_log {
            let wide = if least == most {
                2.0
            } else {
                (most / least).powf(0.03)
            };
            (least / wide, most * wide)
        } else {
            let wide = if least == most {
                (least.abs() * 0.1).max(0.5)
            } else {
                (most - least) * 0.03
            };
            (least - wide, most + wide)
        };
        Some(Axis {
            least: axis.0,
            most: axis.1,
            is_log,
        })
    }

    /// Where a value lies, 0 at the low end and 1 at the high one; none where it has no place.
    #[must_use]
    pub fn place(&self, value: f64) -> Option<f64> {
        let at = if self.is_log {
            (value.ln() - self.least.ln()) / (self.most.ln() - self.least.ln())
        } else {
            (value - self.least) / (self.most - self.least)
        };
        at.is_finite().then_some(at)
    }

    /// At most `count` marks, or a few more where there would be less than two.
    #[must_use]
    pub fn ticks(&self, count: usize) -> Vec<Tick> {
        let of = |count| {
            if self.is_log {
                self.log_ticks(count)
            } else {
                self.even_ticks(count)
            }
        };
        let count = count.max(2);
        let mut tries = (count..count + 4).map(of);
        tries
            .find(|ticks| ticks.len() > 1)
            .unwrap_or_else(|| of(count))
    }

    #[expect(clippy::cast_precision_loss, reason = "a handful of marks")]
    fn even_ticks(&self, count: usize) -> Vec<Tick> {
        let wide = self.most - self.least;
        if !(wide > 0.0 && wide.is_finite()) {
            return Vec::new();
        }
        let mut step = nice_above(wide / count as f64);
        while (self.most / step).floor() - (self.least / step).ceil() + 1.0 > count as f64 {
            step = nice_above(step * 1.01);
        }
        let mut ticks = Vec::new();
        let mut at = (self.least / step).ceil();
        while at * step <= self.most + wide * 1e-9 && ticks.len() < count {
            let value = at * step;
            ticks.push(Tick {
                value,
                label: number(value, step),
            });
            at += 1.0;
        }
        ticks
    }

    fn log_ticks(&self, count: usize) -> Vec<Tick> {
        let (low, high) = (self.least.log10().floor(), self.most.log10().ceil());
        if !(low.is_finite() && high.is_finite()) {
            return Vec::new();
        }
        let all = |factors: &[f64], every: f64| -> Vec<Tick> {
            let mut ticks = Vec::new();
            let mut power = low;
            while power <= high {
                for factor in factors {
                    let value = factor * 10f64.powf(power);
                    if (self.least..=self.most).contains(&value) {
                        ticks.push(Tick {
                            value,
                            label: number(value, 10f64.powf(power)),
                        });
                    }
                }
                power += every;
            }
            ticks
        };
        let tries: [(&[f64], f64); 6] = [
            (&[1.0, 2.0, 5.0], 1.0),
            (&[1.0, 3.0], 1.0),
            (&[1.0], 1.0),
            (&[1.0], 2.0),
            (&[1.0], 4.0),
            (&[1.0], 10.0),
        ];
        let fitting = tries
            .into_iter()
            .map(|(factors, every)| all(factors, every))
            .find(|ticks| ticks.len() <= count)
            .unwrap_or_default();
        // Less than a decade: even marks say more.
        if fitting.len() < 2 {
            return self.even_ticks(count);
        }
        fitting
    }
}

/// The least 1, 2 or 5 times a power of ten that is not below `step`.
fn nice_above(step: f64) -> f64 {
    let power = 10f64.powf(step.log10().floor());
    let nice = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power);
    nice.into_iter()
        .find(|nice| *nice >= step * (1.0 - 1e-9))
        .unwrap_or(step)
}

/// A number with as many places as a step between two marks needs: `0.56`, `1200`, `34k`, `2.5M`, `2e-5`.
#[must_use]
pub fn number(value: f64, step: f64) -> String {
    if value == 0.0 {
        return "0".into();
    }
    if !value.is_finite() {
        return "-".into();
    }
    let size = value.abs();
    if size < 1e-3 && step < 1e-3 {
        let power = size.log10().floor();
        let places = places(step / 10f64.powf(power));
        return format!("{value:.places$e}");
    }
    let (scale, unit) = match size {
        _ if size >= 1e12 => return format!("{value:.1e}"),
        _ if size >= 1e9 => (1e9, "G"),
        _ if size >= 1e6 => (1e6, "M"),
        _ if size >= 1e4 => (1e3, "k"),
        _ => (1.0, ""),
    };
    let places = places(step / scale);
    format!("{:.places$}{unit}", value / scale)
}

/// Decimal places that tell multiples of a step apart.
fn places(step: f64) -> usize {
    (0..6)
        .find(|places| {
            let scaled = step * 10f64.powi(*places);
            scaled >= 1.0 - 1e-9 && (scaled - scaled.round()).abs() < 1e-6
        })
        .and_then(|places| usize::try_from(places).ok())
        .unwrap_or(3)
}

/// A value by itself, with about four digits that count: `0.8412`, `12.3`, `1530`, `2.0e-4`.
#[must_use]
pub fn value(value: f64) -> String {
    if value == 0.0 {
        return "0".into();
    }
    if !value.is_finite() {
        return "-".into();
    }
    match value.abs() {
        size if size < 1e-3 => format!("{value:.2e}"),
        size if size < 1.0 => format!("{value:.4}"),
        size if size < 10.0 => format!("{value:.3}"),
        size if size < 100.0 => format!("{value:.2}"),
        size if size < 1e3 => format!("{value:.1}"),
        size if size < 1e4 => format!("{value:.0}"),
        size if size < 1e12 => number(value, 10f64.powf(size.log10().floor() - 2.0)),
        _ => format!("{value:.2e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(least: f64, most: f64, is_log: bool, count: usize) -> Vec<String> {
        let axis = Axis {
            least,
            most,
            is_log,
        };
        axis.ticks(count).into_iter().map(|t| t.label).collect()
    }

    #[test]
    fn marks_are_round_numbers() {
        assert_eq!(labels(0.38, 0.74, false, 4), ["0.4", "0.5", "0.6", "0.7"]);
        assert_eq!(
            labels(0.0, 50.0, false, 6),
            ["0", "10", "20", "30", "40", "50"]
        );
        assert_eq!(labels(-3.0, 3.0, false, 3), ["-2", "0", "2"]);
        assert_eq!(labels(0.0, 24_000.0, false, 3), ["0", "10k", "20k"]);
        assert_eq!(labels(0.0, 3e-5, false, 4), ["0", "1e-5", "2e-5", "3e-5"]);
        assert_eq!(labels(1.0, 1.0, false, 4), Vec::<String>::new());
        assert_eq!(labels(2.44, 2.46, false, 3), ["2.44", "2.45", "2.46"]);
        assert_eq!(labels(0.75, 3.2, false, 2), ["1", "2", "3"]);
    }

    #[test]
    fn a_logarithmic_axis_marks_decades_or_their_parts() {
        assert_eq!(labels(0.9, 1200.0, true, 4), ["1", "10", "100", "1000"]);
        assert_eq!(labels(0.9, 12.0, true, 5), ["1", "2", "5", "10"]);
        assert_eq!(labels(2.1, 2.9, true, 4), ["2.2", "2.4", "2.6", "2.8"]);
        let wide = labels(1e-12, 1e12, true, 4);
        assert!((2..=4).contains(&wide.len()), "{wide:?}");
    }

    #[test]
    fn an_axis_has_room_around_a_flat_line_and_skips_what_it_cannot_show() {
        let flat = Axis::around([3.0, 3.0].into_iter(), false).unwrap();
        assert!(flat.least < 3.0 && flat.most > 3.0);
        let log = Axis::around([0.0, -1.0, 10.0, 1000.0].into_iter(), true).unwrap();
        assert!(log.least > 5.0 && log.most > 1000.0);
        assert_eq!(Axis::around([f64::NAN].into_iter(), false), None);
        assert_eq!(log.place(0.0), None);
        assert!((log.place(100.0).unwrap() - 0.5).abs() < 0.01);
    }

    #[test]
    fn values_are_short() {
        assert_eq!(
            [0.84123, 12.345, 1530.0, 2e-4, 34_567.0, 0.0, -2.5].map(value),
            ["0.8412", "12.35", "1530", "2.00e-4", "34.6k", "0", "-2.500"]
        );
        assert_eq!(value(f64::NAN), "-");
    }
}
