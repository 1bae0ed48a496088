//! What would be learned, before anything is: counts, lengths, and examples with their learned tokens marked.

use crate::domain::text::strip_controls;
use crate::job::finetune::lessons::{Counts, Lessons, Part, Words};
use crate::job::finetune::{Estimate, Settings};
use crate::lm::example::Example;
use crate::lm::tokenizer::Tokenizer;
use serde::Serialize;
use std::fmt;
use std::io::{self, Write};

/// Rows of the histogram of lengths.
const ROWS: usize = 10;
/// Cells of its longest bar.
const BAR: usize = 40;
/// What stands before a line that is read, and before one that is learned.
const READ: &str = "        │ ";
const LEARNED: &str = "learned ┃ ";

/// The figures.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Preview {
    model: String,
    data: String,
    format: &'static str,
    recognised_by: String,
    train_on: String,
    max_tokens: usize,
    train: Counts,
    validation: Counts,
    /// First token count of each row, and how many examples of the training part have that many or more, below the next.
    lengths: Vec<(usize, usize)>,
    notes: Vec<String>,
}

impl Preview {
    pub fn new(settings: &Settings, lessons: &Lessons, context: usize) -> Self {
        let mut notes = lessons.train.counts.notes(settings.max_tokens);
        let more = lessons.validation.counts.notes(settings.max_tokens);
        notes.extend(more.into_iter().map(|note| format!("validation: {note}")));
        if lessons.train.counts.longest > context {
            notes.push(format!(
                "the longest example has {} tokens, and the model was made for {context}",
                lessons.train.counts.longest
            ));
        }
        Self {
            model: settings.model.clone(),
            data: lessons.name.clone(),
            format: lessons.detection.format.name(),
            recognised_by: lessons.detection.reason.clone(),
            train_on: settings.train_on.to_string(),
            max_tokens: settings.max_tokens,
            train: lessons.train.counts,
            validation: lessons.validation.counts,
            lengths: lengths(&lessons.train),
            notes,
        }
    }
}

impl fmt::Display for Preview {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "model       {}", self.model)?;
        writeln!(
            f,
            "data        {}, format {} ({})",
            strip_controls(&self.data),
            self.format,
            self.recognised_by
        )?;
        writeln!(
            f,
            "learned     {}",
            match self.train_on.as_str() {
                "all" => "every turn of the assistant",
                "last" => "the assistant's last turn",
                roles => roles,
            }
        )?;
        for (name, counts) in [("training", &self.train), ("validation", &self.validation)] {
            writeln!(f, "{name:<11} {}", line(counts))?;
        }
        for note in &self.notes {
            writeln!(f, "!           {note}")?;
        }
        let most = self.lengths.iter().map(|(_, count)| *count).max();
        writeln!(f, "\ntokens      examples")?;
        for (start, count) in &self.lengths {
            let cells = (count * BAR).div_ceil(most.unwrap_or(1).max(1));
            writeln!(f, "{start:>6} …    {count:>8} {}", "█".repeat(cells))?;
        }
        Ok(())
    }
}

fn line(counts: &Counts) -> String {
    if counts.records == 0 {
        return "nothing".to_owned();
    }
    let share = (counts.labelled * 100)
        .checked_div(counts.tokens)
        .unwrap_or(0);
    format!(
        "{} records, {} examples, {} tokens, {} of them learned ({share} %), the longest example has {}",
        counts.records, counts.examples, counts.tokens, counts.labelled, counts.longest
    )
}

fn lengths(part: &Part) -> Vec<(usize, usize)> {
    let width = (part.counts.longest / ROWS + 1).next_multiple_of(8);
    let mut rows: Vec<(usize, usize)> = (0..=part.counts.longest / width)
        .map(|row| (row * width, 0))
        .collect();
    for lesson in &part.lessons {
        if let Some((_, count)) = rows.get_mut(lesson.example.len() / width) {
            *count += 1;
        }
    }
    let empty = rows.iter().take_while(|(_, count)| *count == 0).count();
    rows.split_off(empty)
}

/// Writes what a run would cost.
pub(super) fn cost(out: &mut impl Write, cost: &Estimate) -> io::Result<()> {
    writeln!(
        out,
        "\nsteps       {} in {} epochs",
        cost.steps, cost.epochs
    )?;
    writeln!(out, "tokens      {}", cost.tokens)?;
    writeln!(out, "trained     {} numbers", cost.trained)?;
    writeln!(
        out,
        "time        {:.0} s at {:.0} tokens/s, measured on one batch of this machine as it is now",
        cost.seconds, cost.tokens_per_second
    )
}

/// Writes the first `count` examples, learned lines marked at the edge: that is seen without colours.
pub(super) fn examples(
    out: &mut impl Write,
    lessons: &Lessons,
    words: Words<'_>,
    count: usize,
) -> io::Result<()> {
    for (number, lesson) in lessons.train.lessons.iter().take(count).enumerate() {
        let place = lessons.train.records.get(lesson.record);
        let place = place.map_or("", |sample| sample.place.as_str());
        writeln!(
            out,
            "\nexample {} ({}): {} tokens, {} learned",
            number + 1,
            strip_controls(place),
            lesson.example.len(),
            lesson.example.labelled()
        )?;
        write!(out, "{}", marked(&lesson.example, words.tokenizer))?;
    }
    Ok(())
}

/// The example's text in lines, each of tokens that are all read or all learned.
fn marked(example: &Example, tokenizer: &Tokenizer) -> String {
    let mut text = String::new();
    let mut at = 0;
    while let Some(&is_learned) = example.is_labelled.get(at) {
        let rest = &example.is_labelled[at..];
        let length = rest.iter().take_while(|&&one| one == is_learned).count();
        let piece = spelled(&example.tokens[at..at + length], tokenizer);
        for line in piece.split('\n') {
            text.push_str(if is_learned { LEARNED } else { READ });
            text.push_str(&strip_controls(line));
            text.push('\n');
        }
        at += length;
    }
    text
}

/// The text of tokens, control tokens by their spelling.
fn spelled(tokens: &[u32], tokenizer: &Tokenizer) -> String {
    let mut bytes = Vec::new();
    for &token in tokens {
        match tokenizer.bytes(token) {
            [] => bytes.extend(tokenizer.spelling(token).unwrap_or_default().bytes()),
            own => bytes.extend_from_slice(own),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
