//! What a graph is asked, and whether its answers are right.

use super::GraphArgs;
use crate::domain::id::NodeId;
use crate::runtime::items::ItemResult;
use crate::task::crosswords::{Board, Puzzle};
use crate::task::prompt;
use crate::task::random::Mersenne;
use crate::task::read::{self, Parser};
use crate::task::set::{self, Item, Kind};
use serde_json::Value;

/// Between a question's name and the number of its draw.
const DRAW: char = '#';

/// One question with what is right.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    pub id: String,
    pub domain: String,
    pub text: String,
    gold: Gold,
}

#[derive(Debug, Clone, PartialEq)]
enum Gold {
    Item(Box<Item>),
    Puzzle(Box<Puzzle>),
}

/// All questions of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Questions {
    pub name: String,
    pub list: Vec<Question>,
}

/// What an answer was worth.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Grade {
    pub is_right: bool,
    /// None where nothing could be read.
    pub answer: Option<String>,
    pub crossword: Option<Crossword>,
}

/// How much of a crossword was right, from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Crossword {
    pub letters: f64,
    pub words: f64,
    /// Words of the best board among all that agents handed on: what a decision that knew the solution would have had.
    pub best_words: f64,
}

impl Questions {
    /// Reads the data and picks what is asked.
    pub fn load(args: &GraphArgs) -> Result<Questions, String> {
        let mut questions = match crosswords(args)? {
            Some(questions) => questions,
            None => {
                let set = set::load(&args.data, args.set.format, args.split)
                    .map_err(|error| error.to_string())?;
                Questions {
                    name: set.name,
                    list: set.items.into_iter().map(Question::of_item).collect(),
                }
            }
        };
        questions.list.retain(Question::has_an_answer);
        if questions.list.is_empty() {
            return Err(format!(
                "the data {}: no question has an answer to compare with",
                args.data.display()
            ));
        }
        if let Some(seed) = args.sample {
            Mersenne::python(seed).shuffle(&mut questions.list);
        }
        if let Some(limit) = args.set.limit {
            questions.list.truncate(limit as usize);
        }
        Ok(questions)
    }

    /// The question of an item of the run.
    #[must_use]
    pub fn of(&self, item: &str) -> Option<&Question> {
        let (id, _) = item.rsplit_once(DRAW).unwrap_or((item, ""));
        let found = |id: &str| self.list.iter().find(|question| question.id == id);
        found(id).or_else(|| found(item))
    }

    #[must_use]
    pub fn are_crosswords(&self) -> bool {
        let first = self.list.first();
        first.is_some_and(|first| matches!(first.gold, Gold::Puzzle(_)))
    }

    /// How votes are read, where all questions are of one kind.
    #[must_use]
    pub fn reading(&self) -> Option<&'static str> {
        let kind = |question: &Question| match &question.gold {
            Gold::Item(item) => Some(item.kind),
            Gold::Puzzle(_) => None,
        };
        let first = kind(self.list.first()?)?;
        if !self
            .list
            .iter()
            .all(|question| kind(question) == Some(first))
        {
            return None;
        }
        match first {
            Kind::Choice => Some("letter"),
            Kind::Number => Some("number"),
            Kind::Exact | Kind::Maths | Kind::Free => None,
        }
    }
}

impl Question {
    fn of_item(item: Item) -> Question {
        Question {
            id: item.id.clone(),
            domain: item.domain.clone(),
            text: prompt::ask(&item, None),
            gold: Gold::Item(Box::new(item)),
        }
    }

    fn has_an_answer(&self) -> bool {
        match &self.gold {
            Gold::Item(item) => item.kind != Kind::Free,
            Gold::Puzzle(_) => true,
        }
    }

    /// Looks at the answer; one that failed is not right.
    #[must_use]
    pub fn grade(&self, result: &ItemResult) -> Grade {
        match &self.gold {
            Gold::Item(item) => {
                let Some(text) = result.answer() else {
                    return Grade::default();
                };
                // The vote has read the letter already.
                let voted = result.plan.answer().and_then(|node| voted(result, node.id));
                let text = match (item.kind, voted) {
                    (Kind::Choice, Some(letter)) => letter,
                    _ => text,
                };
                let grade = read::grade(item, text, Parser::Strict, None);
                Grade {
                    is_right: grade.is_right,
                    answer: grade.answer,
                    crossword: None,
                }
            }
            Gold::Puzzle(puzzle) => grade_board(puzzle, result),
        }
    }

    /// Whether what one node said is right; none where nothing could be read.
    #[must_use]
    pub fn is_right(&self, result: &ItemResult, node: NodeId) -> Option<bool> {
        let Gold::Item(item) = &self.gold else {
            return None;
        };
        let vote = voted(result, node)?;
        Some(match item.kind {
            Kind::Choice => vote == item.answer,
            _ => read::grade(item, result.texts.get(&node)?, Parser::Strict, None).is_right,
        })
    }
}

impl Grade {
    /// As the log keeps it.
    pub fn facts(&self) -> impl Iterator<Item = (String, Value)> {
        let crossword = self.crossword.map(|one| {
            [
                ("letters", one.letters.into()),
                ("words", one.words.into()),
                ("best_words", one.best_words.into()),
            ]
        });
        [
            ("right", Value::from(self.is_right)),
            ("read", Value::from(self.answer.clone())),
        ]
        .into_iter()
        .chain(crossword.into_iter().flatten())
        .map(|(key, value)| (key.to_owned(), value))
    }
}

/// The name of a question's draw among the items of a run.
#[must_use]
pub fn item_id(question: &str, draw: u32) -> String {
    format!("{question}{DRAW}{draw}")
}

fn voted(result: &ItemResult, node: NodeId) -> Option<&str> {
    result
        .mark(node, "answer")
        .filter(|answer| *answer != "none")
}

fn grade_board(puzzle: &Puzzle, result: &ItemResult) -> Grade {
    let score = |text: &str| Board::read(text).map(|board| board.score(puzzle));
    let last = result.answer().and_then(score);
    // A node that hands on several boards shows them with an empty line between.
    let blocks = result.texts.values().flat_map(|text| text.split("\n\n"));
    let all = blocks.filter_map(score);
    let best = all.map(|score| score.word_rate()).fold(0.0, f64::max);
    let reached = last.unwrap_or_default();
    Grade {
        is_right: reached.game,
        answer: result
            .answer()
            .and_then(Board::read)
            .map(|board| board.to_string()),
        crossword: Some(Crossword {
            letters: reached.letter_rate(),
            words: reached.word_rate(),
            best_words: best,
        }),
    }
}

/// The data as crosswords; none when it is something else.
fn crosswords(args: &GraphArgs) -> Result<Option<Questions>, String> {
    let path = &args.data;
    if args.set.format.is_some() || path.extension().is_none_or(|one| one != "json") {
        return Ok(None);
    }
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("cannot read the data {}: {error}", path.display()))?;
    let Ok(puzzles) = Puzzle::list(&text) else {
        return Ok(None);
    };
    let each = (0..)
        .zip(puzzles)
        .map(|(number, puzzle): (usize, _)| Question {
            id: number.to_string(),
            domain: "crosswords".to_owned(),
            text: puzzle.question(),
            gold: Gold::Puzzle(Box::new(puzzle)),
        });
    let list: Vec<Question> = each.collect();
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    Ok((!list.is_empty()).then(|| Questions {
        name: name.into_owned(),
        list,
    }))
}
