//! Days of the week and of a year of 365 days.

use super::draw::Draw;
use super::{Draft, fill};
use crate::task::set::Kind;
use serde::Deserialize;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Spec {
    days: Vec<String>,
    months: Vec<Month>,
    weekday: Question,
    between: Question,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Month {
    name: String,
    days: usize,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    share: usize,
    question: String,
    most: usize,
}

impl Spec {
    /// None when the second date would be in the next year.
    pub(super) fn draft(&self, draw: &mut Draw) -> Option<Draft> {
        if draw.weighted(&[self.weekday.share, self.between.share]) == 0 {
            let n = draw.between(1, self.weekday.most);
            let today = draw.below(self.days.len());
            let n_text = n.to_string();
            let question = fill(
                &self.weekday.question,
                &[("n", &n_text), ("day", self.days.get(today)?)],
            );
            let answer = self.days.get((today + n) % self.days.len())?;
            return Some(Draft::new("weekday", Kind::Exact, question, answer.clone()));
        }
        let year: usize = self.months.iter().map(|month| month.days).sum();
        let first = draw.below(year);
        let apart = draw.between(1, self.between.most);
        let (a, month) = self.date(first)?;
        let (b, other) = self.date(first + apart)?;
        let (a, b) = (a.to_string(), b.to_string());
        let question = fill(
            &self.between.question,
            &[("a", &a), ("month", month), ("b", &b), ("other", other)],
        );
        Some(Draft::new(
            "between",
            Kind::Number,
            question,
            apart.to_string(),
        ))
    }

    /// Day of the month, from 1, and month of a day of the year, from 0.
    fn date(&self, day: usize) -> Option<(usize, &str)> {
        let mut left = day;
        for month in &self.months {
            if left < month.days {
                return Some((left + 1, &month.name));
            }
            left -= month.days;
        }
        None
    }

    pub(super) fn texts(&self) -> Vec<String> {
        let mut texts = self.days.clone();
        texts.extend(self.days.iter().map(|day| format!(" {day}")));
        texts.extend(self.months.iter().map(|month| format!(" {}", month.name)));
        let places = [
            ("n", "0"),
            ("a", "0"),
            ("b", "0"),
            ("day", "0"),
            ("month", "0"),
            ("other", "0"),
        ];
        texts.extend([&self.weekday, &self.between].map(|kind| fill(&kind.question, &places)));
        texts
    }
}
