//! MATH (Hendrycks et al. 2021): one file for each problem, in folders by subject.

use super::{Item, Kind, SetError, at_line};
use crate::task::maths::{self, Mode};
use serde::Deserialize;
use std::path::Path;

#[derive(Deserialize)]
struct Problem {
    problem: String,
    level: Option<String>,
    /// The subject.
    #[serde(rename = "type")]
    subject: Option<String>,
    solution: String,
}

/// The problem of one file. Its domain is subject and level: `Algebra, Level 2`.
pub(super) fn problem(root: &Path, path: &Path, text: &str) -> Result<Vec<Item>, SetError> {
    let problem: Problem = serde_json::from_str(text)
        .map_err(|error| at_line(path, error.line(), error.to_string()))?;
    let Some(answer) = maths::extract(&problem.solution, Mode::Strict) else {
        return Err(at_line(path, 1, "the solution has no \\boxed{…}"));
    };
    let id = path.strip_prefix(root).unwrap_or(path).with_extension("");
    let domain: Vec<String> = [problem.subject, problem.level]
        .into_iter()
        .flatten()
        .collect();
    Ok(vec![Item {
        id: id.to_string_lossy().into_owned(),
        domain: domain.join(", "),
        question: problem.problem,
        choices: Vec::new(),
        answer,
        kind: Kind::Maths,
    }])
}
