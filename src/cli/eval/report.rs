//! The report of an evaluation, for people and as JSON.

use super::run::{Evaluation, Marks};
use crate::domain::clock::Millis;
use crate::domain::council::Council;
use crate::domain::fault::Fault;
use crate::domain::request::Usage;
use crate::runtime::items::ItemsEnd;
use crate::task::figure::{Paired, Share};
use crate::task::read::Parser;
use crate::task::set::{Format, Split};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;

/// Everything that was measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    pub data: String,
    pub format: Format,
    pub split: Split,
    /// Items that were to be asked.
    pub items: usize,
    pub parser: Parser,
    /// Options were weighed, not answered.
    pub likelihood: bool,
    pub seed: u64,
    /// Solved examples before every question.
    pub shots: usize,
    #[serde(flatten)]
    pub summary: Summary,
    /// The answering agent by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alone: Option<Summary>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub comparisons: Vec<Comparison>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub given_up: Option<Fault>,
}

/// One council over the items.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    pub council: String,
    pub society: String,
    /// Right ones among those that were answered.
    pub accuracy: Share,
    /// Answers that could be read, right or wrong.
    pub parsed: Share,
    /// Items without an answer: no wrong ones, but missing.
    pub failed: usize,
    /// Items that an earlier run had answered.
    pub taken: usize,
    pub usage: Usage,
    pub calls: u64,
    /// Of this run, from its start to its end.
    pub millis: Millis,
    /// Of each item by itself, on average; items under way at once share the machine.
    pub millis_per_item: Millis,
    pub domains: Vec<DomainRow>,
}

/// The items of one domain.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DomainRow {
    pub domain: String,
    pub accuracy: Share,
    pub parsed: usize,
    pub failed: usize,
}

/// Two runs on the items that both answered.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    pub first: String,
    pub second: String,
    pub paired: Paired,
}

impl Report {
    pub(super) fn new(evaluation: &Evaluation, summary: Summary) -> Self {
        Self {
            data: evaluation.set.name.clone(),
            format: evaluation.set.format,
            split: evaluation.split,
            items: evaluation.set.items.len(),
            parser: evaluation.parser,
            likelihood: evaluation.likelihood,
            seed: evaluation.seed,
            shots: evaluation.shots.len(),
            summary,
            alone: None,
            comparisons: Vec::new(),
            given_up: None,
        }
    }
}

impl Summary {
    pub(super) fn new(
        council: &Council,
        evaluation: &Evaluation,
        end: &ItemsEnd,
        marks: &Marks,
        millis: Millis,
    ) -> Self {
        let mut usage = Usage::default();
        let (mut calls, mut each) = (0, 0);
        for result in &end.results {
            usage += result.usage;
            calls += result.calls;
            each += result.millis;
        }
        let mut rows: BTreeMap<&str, Row> = BTreeMap::new();
        let reached: BTreeMap<&str, bool> = end
            .results
            .iter()
            .map(|result| (result.id.as_str(), result.answer().is_some()))
            .collect();
        for item in &evaluation.set.items {
            let Some(&is_answered) = reached.get(item.id.as_str()) else {
                continue;
            };
            let row = rows.entry(item.domain.as_str()).or_default();
            row.add(
                is_answered,
                marks
                    .get(&item.id)
                    .map(|grade| (grade.is_right, grade.answer.is_some())),
            );
        }
        let mut all = Row::default();
        for row in rows.values() {
            all.join(row);
        }
        Self {
            council: council.name.clone(),
            society: council.society.clone(),
            accuracy: Share::new(all.right, all.answered),
            parsed: Share::new(all.parsed, all.answered),
            failed: all.failed,
            taken: end.taken,
            usage,
            calls,
            millis,
            millis_per_item: each / (end.results.len() as u64).max(1),
            domains: rows
                .into_iter()
                .map(|(domain, row)| row.named(domain))
                .collect(),
        }
    }
}

/// Counts of a domain.
#[derive(Debug, Clone, Copy, Default)]
struct Row {
    answered: usize,
    right: usize,
    parsed: usize,
    failed: usize,
}

impl Row {
    fn add(&mut self, is_answered: bool, grade: Option<(bool, bool)>) {
        let (is_right, is_parsed) = grade.unwrap_or_default();
        self.answered += usize::from(is_answered);
        self.failed += usize::from(!is_answered);
        self.right += usize::from(is_right);
        self.parsed += usize::from(is_parsed);
    }

    fn join(&mut self, other: &Row) {
        self.answered += other.answered;
        self.right += other.right;
        self.parsed += other.parsed;
        self.failed += other.failed;
    }

    fn named(self, domain: &str) -> DomainRow {
        DomainRow {
            domain: domain.to_owned(),
            accuracy: Share::new(self.right, self.answered),
            parsed: self.parsed,
            failed: self.failed,
        }
    }
}

impl Comparison {
    pub(super) fn new(first: &str, second: &str, paired: Paired) -> Self {
        Self {
            first: first.to_owned(),
            second: second.to_owned(),
            paired,
        }
    }

    /// What the figures say, at the usual level of 5 %.
    fn verdict(&self) -> String {
        let paired = &self.paired;
        if paired.of == 0 {
            return "no item was answered by both".to_owned();
        }
        if paired.p_value >= 0.05 {
            return format!(
                "{} is not shown to be better or worse than {}",
                self.first, self.second
            );
        }
        if paired.difference > 0.0 {
            return format!("{} is better than {}", self.first, self.second);
        }
        format!("{} is worse than {}", self.first, self.second)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shots = match self.shots {
            0 => String::new(),
            count => format!(", {count} solved examples before each"),
        };
        writeln!(
            f,
            "{} ({}, {}): {} items, {}, seed {}{shots}",
            self.data,
            self.format.name(),
            self.split.name(),
            self.items,
            match self.parser {
                _ if self.likelihood => "by likelihood",
                Parser::Strict => "strict parser",
                Parser::Original => "original parser",
            },
            self.seed,
        )?;
        write!(f, "\n{}", self.summary)?;
        if let Some(alone) = &self.alone {
            write!(f, "\n{alone}")?;
        }
        for comparison in &self.comparisons {
            write!(f, "\n{comparison}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let items = (self.accuracy.of + self.failed).max(1) as u64;
        writeln!(f, "{} ({})", self.council, self.society)?;
        writeln!(f, "  accuracy  {}", in_words(&self.accuracy))?;
        writeln!(f, "  parsed    {}", in_words(&self.parsed))?;
        if self.failed > 0 {
            writeln!(
                f,
                "  failed    {}, counted neither right nor wrong",
                self.failed
            )?;
        }
        let Usage {
            prompt_tokens: read,
            cached_tokens: cached,
            completion_tokens: written,
            ..
        } = self.usage;
        let about = if self.usage.estimated {
            " (estimated)"
        } else {
            ""
        };
        writeln!(
            f,
            "  tokens    {read} read ({cached} of them cached), {written} written{about}; {} and {} an item",
            read / items,
            written / items,
        )?;
        if let Some(cost) = self.usage.cost {
            writeln!(f, "  cost      ${cost:.4}")?;
        }
        writeln!(
            f,
            "  calls     {}; {:.1} an item",
            self.calls,
            self.calls as f64 / items as f64
        )?;
        let seconds = |millis: Millis| millis as f64 / 1000.0;
        write!(
            f,
            "  time      {:.1} s; {:.1} s for each item",
            seconds(self.millis),
            seconds(self.millis_per_item)
        )?;
        if self.taken > 0 {
            write!(f, "; {} items were done before", self.taken)?;
        }
        writeln!(f)?;
        if self.domains.len() > 1 {
            table(f, &self.domains)?;
        }
        Ok(())
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let paired = &self.paired;
        writeln!(
            f,
            "{} against {}, on the {} items both answered",
            self.first, self.second, paired.of
        )?;
        writeln!(
            f,
            "  right     {} and {}; only the first {}, only the second {}",
            paired.first.count, paired.second.count, paired.only_first, paired.only_second
        )?;
        writeln!(
            f,
            "  verdict   {}: {:+.1} points (95 %: {:+.1} to {:+.1}), McNemar p = {:.3}",
            self.verdict(),
            100.0 * paired.difference,
            100.0 * paired.interval.low,
            100.0 * paired.interval.high,
            paired.p_value,
        )
    }
}

/// `18.0 %  18 of 100 (95 %: 11.7 to 26.7)`.
fn in_words(share: &Share) -> String {
    format!(
        "{:.1} %  {} of {} (95 %: {:.1} to {:.1})",
        100.0 * share.share,
        share.count,
        share.of,
        100.0 * share.low,
        100.0 * share.high
    )
}

fn table(f: &mut fmt::Formatter<'_>, rows: &[DomainRow]) -> fmt::Result {
    let width = rows
        .iter()
        .map(|row| row.domain.chars().count())
        .max()
        .unwrap_or(0)
        .max("domain".len());
    writeln!(
        f,
        "\n  {:width$}  {:>5}  {:>5}  {:>6}  {:>6}  {:>8}   95 %",
        "domain", "items", "right", "parsed", "failed", "accuracy"
    )?;
    for row in rows {
        writeln!(
            f,
            "  {:width$}  {:>5}  {:>5}  {:>6}  {:>6}  {:>6.1} %   {:.1} to {:.1}",
            row.domain,
            row.accuracy.of + row.failed,
            row.accuracy.count,
            row.parsed,
            row.failed,
            100.0 * row.accuracy.share,
            100.0 * row.accuracy.low,
            100.0 * row.accuracy.high,
        )?;
    }
    Ok(())
}
