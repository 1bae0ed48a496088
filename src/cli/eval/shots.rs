//! Solved examples before every question: drawn by the seed from the part of the set that is not asked, or from a file, and
//! counted out of what is asked.

use super::{EvalArgs, Refusal};
use crate::domain::message::Message;
use crate::runtime::headless::{BAD_ARGUMENTS, BAD_DATA};
use crate::task::prompt;
use crate::task::random::Mersenne;
use crate::task::set::{self, Item, Kind, Set, Split};

/// Draws them, and takes them out of the set where they stand in it too.
pub(super) fn draw(args: &EvalArgs, set: &mut Set) -> Result<Vec<Item>, Refusal> {
    let Some(count) = args.shots else {
        return Ok(Vec::new());
    };
    let count = count as usize;
    let (path, split) = match &args.shots_from {
        Some(file) => (file, Split::Test),
        None => (&args.data, other(args.split)),
    };
    let format = args
        .shots_from
        .is_none()
        .then_some(args.set.format)
        .flatten();
    let mut pool = set::load(path, format, split)
        .map_err(|error| (format!("--shots: {error}"), BAD_DATA))?
        .items;
    pool.retain(|item| item.kind != Kind::Free);
    if pool.len() < count {
        let text = format!(
            "--shots {count}: {} has {} solved items to draw from; --shots-from FILE names others",
            path.display(),
            pool.len()
        );
        return Err((text, BAD_ARGUMENTS));
    }
    Mersenne::python(args.set.seed).shuffle(&mut pool);
    pool.truncate(count);
    let is_shown = |item: &Item| pool.iter().any(|shot| shot.question == item.question);
    set.items.retain(|item| !is_shown(item));
    if set.items.is_empty() {
        let text = format!("--shots {count}: no item is left to ask");
        return Err((text, BAD_ARGUMENTS));
    }
    Ok(pool)
}

fn other(split: Split) -> Split {
    match split {
        Split::Dev => Split::Test,
        Split::Test => Split::Dev,
    }
}

/// The examples as a conversation that went before: each question with its answer in the form that is read.
pub(super) fn before(shots: &[Item], ask: impl Fn(&Item) -> String) -> Vec<Message> {
    let pair = |shot: &Item| {
        [
            Message::user(ask(shot)),
            Message::assistant(prompt::solved(shot)),
        ]
    };
    shots.iter().flat_map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{self, Command};
    use std::ffi::OsString;
    use std::fs;
    use std::path::Path;

    fn drawn(data: &Path, flags: &[&str]) -> Result<(Vec<Item>, Set), Refusal> {
        let words = ["synod", "eval", data.to_str().unwrap()];
        let words = words.iter().chain(flags).map(OsString::from);
        let Some(Command::Eval(args)) = cli::parse(words).unwrap().command else {
            panic!("eval");
        };
        let mut set = set::load(&args.data, args.set.format, args.split).unwrap();
        let shots = draw(&args, &mut set)?;
        Ok((shots, set))
    }

    #[test]
    fn examples_come_from_the_other_part_by_the_seed() {
        let sums = Path::new("arithmetic");
        let (one, set) = drawn(sums, &["--shots", "3"]).unwrap();
        assert_eq!((one.len(), set.items.len()), (3, 500));
        assert!(one.iter().all(|shot| !set.items.contains(shot)));
        assert_eq!(drawn(sums, &["--shots", "3"]).unwrap().0, one);
        let (other, _) = drawn(sums, &["--shots", "3", "--seed", "1"]).unwrap();
        assert_ne!(other, one);
    }

    #[test]
    fn examples_of_a_file_are_not_asked() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("all.jsonl");
        let line = |n: u32| format!("{{\"question\":\"q{n}?\",\"answer\":\"{n}\"}}\n");
        fs::write(&file, (1..=5).map(line).collect::<String>()).unwrap();
        let name = file.to_str().unwrap();
        let (shots, set) = drawn(&file, &["--shots", "2", "--shots-from", name]).unwrap();
        assert_eq!((shots.len(), set.items.len()), (2, 3));
        let (text, _) = drawn(&file, &["--shots", "9", "--shots-from", name]).unwrap_err();
        assert!(text.contains("5 solved items"), "{text}");
    }
}
