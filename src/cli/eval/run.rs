//! One evaluation: the council's run, its agent's alone, grades, and comparisons.

use super::Refusal;
use super::report::{Comparison, Report, Summary};
use super::shots;
use crate::cli::item_line::ItemLine;
use crate::domain::cancel::Cancel;
use crate::domain::council::Council;
use crate::domain::message::Message;
use crate::runtime::headless::{BAD_DATA, DONE, FAILED, INTERRUPTED, fault_code};
use crate::runtime::items::{
    self, ChoiceTask, ItemOptions, ItemParts, ItemResult, ItemTask, ItemsEnd, ItemsError,
    run_items, score_items,
};
use crate::task::figure::Paired;
use crate::task::prompt;
use crate::task::read::{Grade, Parser, grade};
use crate::task::set::{Format, Item, Kind, Set, Split, letter};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Words at the end of an answer to GSM8K that the original's parser looks at, for each split.
const TAIL_DEV: usize = 5;
const TAIL_TEST: usize = 10;
/// Facts of an item in the file of a run.
const RIGHT: &str = "right";
const ANSWER: &str = "answer";
const TRUTH: &str = "truth";
const DOMAIN: &str = "domain";

/// What is to be measured.
#[derive(Debug, Clone)]
pub struct Evaluation {
    pub set: Set,
    pub split: Split,
    pub council: Council,
    /// The council's answering agent by itself, when it is to be compared with.
    pub alone: Option<Council>,
    /// Solved examples that stand before every question.
    pub shots: Vec<Item>,
    /// In place of the built-in prompts.
    pub prompt: Option<String>,
    pub parser: Parser,
    pub compare: Option<PathBuf>,
    /// Keeps results; the agent alone is kept beside it, as `RUN.alone.jsonl`.
    pub out: Option<PathBuf>,
    pub parallel: usize,
    /// Tools that may run although they have an effect.
    pub allowed_tools: Vec<String>,
    /// Options are weighed by their likelihood instead of answered in words.
    pub likelihood: bool,
    pub seed: u64,
    /// A line on standard error while it runs.
    pub shows_progress: bool,
}

/// Runs it; the report and the exit code.
///
/// # Errors
///
/// A sentence and an exit code, when a file cannot be read or written or does not fit the data.
pub async fn evaluate(
    parts: &ItemParts,
    evaluation: &Evaluation,
    cancel: &Cancel,
) -> Result<(Report, i32), Refusal> {
    let earlier = match &evaluation.compare {
        // Read before anything is asked: a broken file is known at once.
        Some(path) => Some((path, earlier(path, evaluation)?)),
        None => None,
    };
    let council = &evaluation.council;
    let began = parts.clock.now();
    let end = pass(parts, evaluation, council, evaluation.out.clone(), cancel).await?;
    let millis = parts.clock.now().saturating_sub(began);
    let marks = marks(&end.results, evaluation);
    let mut report = Report::new(
        evaluation,
        Summary::new(council, evaluation, &end, &marks, millis),
    );
    let mut code = code(&end);
    if let Some((path, theirs)) = earlier {
        let name = path.display().to_string();
        let paired = Paired::new(&pairs(&marks, &theirs), evaluation.seed);
        report
            .comparisons
            .push(Comparison::new(&council.name, &name, paired));
    }
    if let Some(alone) = &evaluation.alone
        && code == DONE
    {
        let out = evaluation.out.as_deref().map(beside);
        let began = parts.clock.now();
        let end = pass(parts, evaluation, alone, out, cancel).await?;
        let millis = parts.clock.now().saturating_sub(began);
        let theirs = self::marks(&end.results, evaluation);
        report.alone = Some(Summary::new(alone, evaluation, &end, &theirs, millis));
        let paired = Paired::new(&pairs(&marks, &theirs), evaluation.seed);
        report
            .comparisons
            .push(Comparison::new(&council.name, &alone.name, paired));
        code = self::code(&end);
        report.given_up = end.given_up;
    } else {
        report.given_up = end.given_up;
    }
    Ok((report, code))
}

/// Asks a council all items.
async fn pass(
    parts: &ItemParts,
    evaluation: &Evaluation,
    council: &Council,
    log: Option<PathBuf>,
    cancel: &Cancel,
) -> Result<ItemsEnd, Refusal> {
    let by_id = by_id(&evaluation.set);
    let items = &evaluation.set.items;
    let options = ItemOptions {
        parallel: evaluation.parallel,
        log,
        allowed_tools: evaluation.allowed_tools.clone(),
    };
    let log = options.log.as_deref();
    let spoken: Vec<ItemTask> = items.iter().map(|item| task(item, evaluation)).collect();
    let weighed: Vec<ChoiceTask> = items.iter().map(|item| weigh(item, evaluation)).collect();
    let taken = if evaluation.likelihood {
        items::already_scored(log, council, &weighed)
    } else {
        items::already(log, council, &spoken)
    };
    let mut line = evaluation
        .shows_progress
        .then(|| ItemLine::on_stderr(items.len(), taken));
    let (mut done, mut right) = (0, 0);
    let on_done = |result: &mut ItemResult| {
        let Some(item) = by_id.get(result.id.as_str()) else {
            return;
        };
        let grade = grade_of(result, item, evaluation);
        done += 1;
        right += usize::from(grade.as_ref().is_some_and(|grade| grade.is_right));
        note(result, item, grade);
        if let Some(line) = &mut line {
            line.step(&format!("{right} of {done} right"));
        }
    };
    let end = if evaluation.likelihood {
        score_items(parts, council, &weighed, &options, cancel, on_done).await
    } else {
        run_items(parts, council, &spoken, &options, cancel, on_done).await
    };
    if let Some(line) = &mut line {
        line.clear();
    }
    end.map_err(refusal)
}

fn task(item: &Item, evaluation: &Evaluation) -> ItemTask {
    ItemTask {
        id: item.id.clone(),
        conversation: conversation(item, evaluation),
        seed: items::seed(evaluation.seed, &item.id),
    }
}

/// The examples, then the question.
fn conversation(item: &Item, evaluation: &Evaluation) -> Vec<Message> {
    let mut messages = shots::before(&evaluation.shots, |shot| question(shot, evaluation));
    messages.push(Message::user(question(item, evaluation)));
    messages
}

/// Items of the model in the box are asked as it was taught, without instructions.
fn question(item: &Item, evaluation: &Evaluation) -> String {
    match (&evaluation.prompt, evaluation.set.format) {
        (None, Format::Sprout) => prompt::bare(item),
        (own, _) => prompt::ask(item, own.as_deref()),
    }
}

/// All options begin an answer in the same words, so that only their letters are weighed against each other.
fn weigh(item: &Item, evaluation: &Evaluation) -> ChoiceTask {
    let task = task(item, evaluation);
    let begin = match evaluation.set.format {
        Format::Sprout => "",
        _ => prompt::begin(item),
    };
    let letters = (0..item.choices.len()).map(|index| letter(index).to_string());
    ChoiceTask {
        id: task.id,
        conversation: task.conversation,
        options: letters
            .map(|letter| (format!("{begin}{letter}"), letter))
            .collect(),
    }
}

/// The grade of an item that was answered.
fn grade_of(result: &ItemResult, item: &Item, evaluation: &Evaluation) -> Option<Grade> {
    let is_gsm8k = item.kind == Kind::Number && evaluation.set.name.contains("gsm8k");
    let tail = is_gsm8k.then_some(match evaluation.split {
        Split::Dev => TAIL_DEV,
        Split::Test => TAIL_TEST,
    });
    Some(grade(item, result.answer()?, evaluation.parser, tail))
}

/// Writes the grade into the result, so that the run's file can be read without this program.
fn note(result: &mut ItemResult, item: &Item, grade: Option<Grade>) {
    result
        .facts
        .insert(TRUTH.to_owned(), item.answer.clone().into());
    result
        .facts
        .insert(DOMAIN.to_owned(), item.domain.clone().into());
    if let Some(grade) = grade {
        result.facts.insert(ANSWER.to_owned(), grade.answer.into());
        result.facts.insert(RIGHT.to_owned(), grade.is_right.into());
    }
}

/// Grades by id; what failed has none.
pub(super) type Marks = BTreeMap<String, Grade>;

fn marks(results: &[ItemResult], evaluation: &Evaluation) -> Marks {
    let by_id = by_id(&evaluation.set);
    results
        .iter()
        .filter_map(|result| {
            let item = by_id.get(result.id.as_str())?;
            Some((result.id.clone(), grade_of(result, item, evaluation)?))
        })
        .collect()
}

fn by_id(set: &Set) -> BTreeMap<&str, &Item> {
    set.items
        .iter()
        .map(|item| (item.id.as_str(), item))
        .collect()
}

/// The grades of an earlier run, by the same parser.
fn earlier(path: &Path, evaluation: &Evaluation) -> Result<Marks, Refusal> {
    let results = items::read(path).map_err(refusal)?;
    let by_id = by_id(&evaluation.set);
    let mut prints: BTreeMap<&str, &str> = BTreeMap::new();
    for result in results.iter().filter(|result| result.answer().is_some()) {
        let before = prints.insert(&result.id, &result.fingerprint);
        if before.is_some_and(|before| before != result.fingerprint) {
            let text = format!(
                "the run {} has item {} twice, of different councils, prompts or seeds; keep each run in a file of its own",
                path.display(),
                result.id
            );
            return Err((text, BAD_DATA));
        }
        let truth = result.facts.get(TRUTH).and_then(Value::as_str);
        if let (Some(item), Some(truth)) = (by_id.get(result.id.as_str()), truth)
            && truth != item.answer
        {
            let text = format!(
                "the run {}: item {} has the answer \"{truth}\" there and \"{}\" in this data, so it is of other data",
                path.display(),
                result.id,
                item.answer
            );
            return Err((text, BAD_DATA));
        }
    }
    let marks = marks(&results, evaluation);
    if marks.is_empty() {
        let text = format!(
            "the run {} has answered none of these items",
            path.display()
        );
        return Err((text, BAD_DATA));
    }
    Ok(marks)
}

fn pairs(first: &Marks, second: &Marks) -> Vec<(bool, bool)> {
    first
        .iter()
        .filter_map(|(id, grade)| Some((grade.is_right, second.get(id)?.is_right)))
        .collect()
}

/// `runs/a.jsonl` keeps the agent alone in `runs/a.alone.jsonl`.
fn beside(path: &Path) -> PathBuf {
    path.with_extension("alone.jsonl")
}

fn code(end: &ItemsEnd) -> i32 {
    if end.is_interrupted {
        return INTERRUPTED;
    }
    if let Some(fault) = &end.given_up {
        return fault_code(fault);
    }
    let is_answered = end.results.iter().any(|result| result.answer().is_some());
    if is_answered { DONE } else { FAILED }
}

fn refusal(error: ItemsError) -> Refusal {
    let code = match error {
        ItemsError::Broken { .. } => BAD_DATA,
        ItemsError::Io { .. } | ItemsError::Busy { .. } => FAILED,
    };
    (error.to_string(), code)
}
