//! The figures of a run: accuracy with its interval, by domain and by agent, edges, calls and tokens.

use super::questions::Questions;
use crate::domain::council::Council;
use crate::domain::event::EdgeOutcome;
use crate::domain::plan::Plan;
use crate::runtime::items::ItemResult;
use crate::task::figure::Share;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;

/// The normal quantile of a 95 % interval.
const Z: f64 = 1.96;

/// Everything that is printed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    pub data: String,
    pub preset: String,
    /// Questions that were reached, each once.
    pub questions: usize,
    pub draws: u32,
    pub answers: usize,
    pub right: Share,
    /// Where there are several draws: the mean over questions, with an interval that knows that draws of one question belong
    /// together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_question: Option<Mean>,
    /// Right answers of each draw alone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub by_draw: Vec<Share>,
    /// Answered, but nothing could be read.
    pub unread: usize,
    /// Not answered: no agent reached the decision, or none brought anything.
    pub failed: usize,
    pub by_domain: BTreeMap<String, Share>,
    /// By the title of the node: how often what it said was right, where it reached the decision.
    pub by_agent: BTreeMap<String, Share>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crosswords: Option<Crosswords>,
    pub edges: Edges,
    /// Means of an answer.
    pub calls: f64,
    pub prompt_tokens: f64,
    pub completion_tokens: f64,
    pub millis: f64,
}

/// A mean and its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Mean {
    pub mean: f64,
    pub low: f64,
    pub high: f64,
}

/// Means of edges of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Edges {
    pub potential: f64,
    pub taken: f64,
    pub cycle: f64,
    /// Of all edges, fixed ones included.
    pub to_the_decision: f64,
}

/// Means of crosswords, from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Crosswords {
    pub letters: f64,
    pub words: f64,
    pub games: f64,
    /// Of the best board of each, chosen with the solution at hand.
    pub best_words: f64,
}

impl Report {
    /// Of the results of a run; some may be missing.
    #[must_use]
    pub fn of(
        council: &Council,
        questions: &Questions,
        results: &[ItemResult],
        draws: u32,
    ) -> Report {
        let mut marks: Vec<Marked<'_>> = Vec::new();
        for result in results {
            let Some(question) = questions.of(&result.id) else {
                continue;
            };
            marks.push(Marked {
                question: &question.id,
                domain: &question.domain,
                grade: question.grade(result),
                agents: agents(question, result),
                result,
            });
        }
        let mean = |of: &dyn Fn(&Marked<'_>) -> f64| mean(marks.iter().map(of));
        let mut by_question: BTreeMap<&str, Vec<bool>> = BTreeMap::new();
        for one in &marks {
            let rights = by_question.entry(one.question).or_default();
            rights.push(one.grade.is_right);
        }
        let has_several = draws > 1;
        let crosswords = questions.are_crosswords().then(|| Crosswords {
            letters: mean(&|one| one.grade.crossword.unwrap_or_default().letters),
            words: mean(&|one| one.grade.crossword.unwrap_or_default().words),
            best_words: mean(&|one| one.grade.crossword.unwrap_or_default().best_words),
            games: mean(&|one| f64::from(u8::from(one.grade.is_right))),
        });
        Report {
            data: questions.name.clone(),
            preset: council.name.clone(),
            questions: by_question.len(),
            draws,
            answers: marks.len(),
            right: Share::of(marks.iter().map(|one| one.grade.is_right)),
            by_question: has_several.then(|| clustered(&by_question)),
            by_draw: if has_several {
                (0..draws).map(|draw| of_draw(&marks, draw)).collect()
            } else {
                Vec::new()
            },
            unread: marks
                .iter()
                .filter(|one| one.result.answer().is_some() && one.grade.answer.is_none())
                .count(),
            failed: marks
                .iter()
                .filter(|one| one.result.answer().is_none())
                .count(),
            by_domain: shares(marks.iter().map(|one| (one.domain, one.grade.is_right))),
            by_agent: shares(marks.iter().flat_map(|one| one.agents.iter().copied())),
            crosswords,
            edges: Edges {
                potential: mean(&|one| one.result.drawn.len() as f64),
                taken: mean(&|one| outcomes(one.result, EdgeOutcome::Taken)),
                cycle: mean(&|one| outcomes(one.result, EdgeOutcome::Cycle)),
                to_the_decision: mean(&|one| to_the_decision(&one.result.plan)),
            },
            calls: mean(&|one| one.result.calls as f64),
            prompt_tokens: mean(&|one| one.result.usage.prompt_tokens as f64),
            completion_tokens: mean(&|one| one.result.usage.completion_tokens as f64),
            millis: mean(&|one| one.result.millis as f64),
        }
    }
}

/// A result and what it was worth.
struct Marked<'a> {
    question: &'a str,
    domain: &'a str,
    grade: super::questions::Grade,
    /// What was right of what single nodes said.
    agents: Vec<(&'a str, bool)>,
    result: &'a ItemResult,
}

fn agents<'a>(
    question: &super::questions::Question,
    result: &'a ItemResult,
) -> Vec<(&'a str, bool)> {
    let nodes = result.plan.nodes.iter().filter(|node| !node.is_answer);
    let voters = nodes.filter(|node| result.mark(node.id, "answer").is_some());
    let right = |node| question.is_right(result, node).unwrap_or(false);
    voters
        .map(|node| (node.title.as_str(), right(node.id)))
        .collect()
}

fn shares<'a>(marks: impl Iterator<Item = (&'a str, bool)>) -> BTreeMap<String, Share> {
    let mut by_name: BTreeMap<&str, Vec<bool>> = BTreeMap::new();
    for (name, is_right) in marks {
        by_name.entry(name).or_default().push(is_right);
    }
    by_name
        .into_iter()
        .map(|(name, marks)| (name.to_owned(), Share::of(marks)))
        .collect()
}

fn of_draw(marks: &[Marked<'_>], draw: u32) -> Share {
    let of = marks
        .iter()
        .filter(|one| one.result.id == super::questions::item_id(one.question, draw));
    Share::of(of.map(|one| one.grade.is_right))
}

fn outcomes(result: &ItemResult, outcome: EdgeOutcome) -> f64 {
    let of = result.drawn.iter().filter(|edge| edge.outcome == outcome);
    of.count() as f64
}

fn to_the_decision(plan: &Plan) -> f64 {
    let Some(decision) = plan.answer() else {
        return 0.0;
    };
    let edges = plan.edges.iter().filter(|(_, to)| *to == decision.id);
    edges.count() as f64
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut count) = (0.0, 0_usize);
    for value in values {
        sum += value;
        count += 1;
    }
    sum / count.max(1) as f64
}

/// The mean over questions; draws of one question are one observation.
fn clustered(by_question: &BTreeMap<&str, Vec<bool>>) -> Mean {
    let shares: Vec<f64> = by_question
        .values()
        .map(|marks| Share::of(marks.iter().copied()).share)
        .collect();
    let middle = mean(shares.iter().copied());
    let freedom = shares.len().saturating_sub(1).max(1) as f64;
    let variance = shares.iter().map(|one| (one - middle).powi(2)).sum::<f64>() / freedom;
    let half = Z * (variance / shares.len().max(1) as f64).sqrt();
    Mean {
        mean: middle,
        low: (middle - half).max(0.0),
        high: (middle + half).min(1.0),
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} on {}: {} questions, {} drawn for each",
            self.preset,
            self.data,
            self.questions,
            if self.draws == 1 {
                "one graph".to_owned()
            } else {
                format!("{} graphs", self.draws)
            }
        )?;
        match self.by_question {
            Some(one) => writeln!(
                f,
                "right       {} (95 %: {} to {})",
                percent(one.mean),
                percent(one.low),
                percent(one.high)
            )?,
            None => writeln!(f, "right       {}", share(&self.right))?,
        }
        if !self.by_draw.is_empty() {
            let each: Vec<String> = self.by_draw.iter().map(|one| percent(one.share)).collect();
            writeln!(f, "each draw   {}", each.join(", "))?;
        }
        if let Some(one) = self.crosswords {
            writeln!(
                f,
                "crosswords  letters {}, words {}, games {}; best board by the solution: words {}",
                percent(one.letters),
                percent(one.words),
                percent(one.games),
                percent(one.best_words)
            )?;
        }
        writeln!(f, "unread      {}, failed {}", self.unread, self.failed)?;
        writeln!(
            f,
            "edges       {:.1} of {:.1} potential ones, {:.1} would have closed a cycle; {:.1} lead to the decision",
            self.edges.taken, self.edges.potential, self.edges.cycle, self.edges.to_the_decision
        )?;
        writeln!(
            f,
            "each answer {:.1} calls, {:.0} tokens read, {:.0} written, {:.1} s",
            self.calls,
            self.prompt_tokens,
            self.completion_tokens,
            self.millis / 1000.0
        )?;
        table(f, "agent", &self.by_agent)?;
        if self.by_domain.len() > 1 {
            table(f, "domain", &self.by_domain)?;
        }
        Ok(())
    }
}

fn table(f: &mut fmt::Formatter<'_>, title: &str, rows: &BTreeMap<String, Share>) -> fmt::Result {
    if rows.is_empty() {
        return Ok(());
    }
    let width = rows.keys().map(|name| name.chars().count()).max();
    let width = width.unwrap_or_default().max(title.len());
    writeln!(f, "\n{title:width$}  right")?;
    for (name, right) in rows {
        writeln!(f, "{name:width$}  {}", share(right))?;
    }
    Ok(())
}

fn share(share: &Share) -> String {
    format!(
        "{} (95 %: {} to {}), {} of {}",
        percent(share.share),
        percent(share.low),
        percent(share.high),
        share.count,
        share.of
    )
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_of_one_question_are_one_observation() {
        let same = BTreeMap::from([
            ("a", vec![true; 10]),
            ("b", vec![false; 10]),
            ("c", vec![true; 10]),
            ("d", vec![false; 10]),
        ]);
        let mean = clustered(&same);
        // Of four observations, not of forty: 1.96 * sqrt((1/3) / 4) is more than a half.
        assert_eq!((mean.low, mean.mean, mean.high), (0.0, 0.5, 1.0));
        let mixed = BTreeMap::from([("a", vec![true, false]), ("b", vec![false, true])]);
        let mean = clustered(&mixed);
        assert_eq!((mean.low, mean.mean, mean.high), (0.5, 0.5, 0.5));
    }
}
