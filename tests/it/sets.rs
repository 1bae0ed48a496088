//! Data sets in the formats people have them in: made-up files, in everything else like the published ones.

use std::fs;
use std::path::{Path, PathBuf};
use synod::task::set::{Format, Item, Kind, Set, SetError, Split, load};
use tempfile::TempDir;

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn read(path: &Path, split: Split) -> Set {
    load(path, None, split).unwrap()
}

fn one(name: &str, text: &str) -> Result<Set, SetError> {
    let folder = folder(&[(name, text)]);
    load(&folder.path().join(name), None, Split::Test)
}

fn facts(item: &Item) -> (&str, &str, &str, &str, Kind) {
    (
        &item.id,
        &item.domain,
        &item.question,
        &item.answer,
        item.kind,
    )
}

const GSM: &str = concat!(
    r#"{"question": "Two hens lay 3 eggs each. How many?", "answer": "2*3 = <<2*3=6>>6\n#### 6"}"#,
    "\n\n",
    r#"{"question": "A car costs much.", "answer": "So\n#### 1,600"}"#,
    "\n",
);

#[test]
fn gsm8k_is_known_by_its_solutions() {
    let folder = folder(&[("gsm/test.jsonl", GSM), ("gsm/train.jsonl", GSM)]);
    let set = read(&folder.path().join("gsm"), Split::Test);
    assert_eq!((set.name.as_str(), set.format), ("gsm", Format::Gsm8k));
    let found: Vec<_> = set.items.iter().map(facts).collect();
    assert_eq!(
        found,
        [
            (
                "gsm/1",
                "gsm",
                "Two hens lay 3 eggs each. How many?",
                "6",
                Kind::Number
            ),
            ("gsm/3", "gsm", "A car costs much.", "1,600", Kind::Number),
        ]
    );
    assert_eq!(read(&folder.path().join("gsm"), Split::Dev).items.len(), 2);
}

#[test]
fn mathematics_has_a_folder_for_each_subject() {
    let problem = r#"{"problem": "Half of $1$?", "level": "Level 2", "type": "Algebra", "solution": "It is $\\boxed{\\frac{1}{2}}$."}"#;
    let folder = folder(&[
        ("MATH/test/algebra/10.json", problem),
        ("MATH/test/algebra/2.json", problem),
    ]);
    let set = read(&folder.path().join("MATH"), Split::Test);
    assert_eq!(set.format, Format::Math);
    assert_eq!(
        facts(&set.items[0]),
        (
            "test/algebra/10",
            "Algebra, Level 2",
            "Half of $1$?",
            "\\frac{1}{2}",
            Kind::Maths
        )
    );
    assert_eq!(set.items[1].id, "test/algebra/2");
}

#[test]
fn tables_come_with_and_without_a_header() {
    let with = "\u{feff},Question,A,B,C,D,Answer\n0,肉在\"哪\"？,胸,NA,大腿,007,B\n";
    let without = "\"Say, why?\nNow.\",one,\"two, too\",three,four,C\nWho?,a,b,c,d,A\n";
    let folder = folder(&[
        ("test/law_test.csv", without),
        ("test/food.csv", with),
        ("dev/food.csv", with),
    ]);
    let set = read(folder.path(), Split::Test);
    assert_eq!(set.format, Format::Csv);
    let found: Vec<_> = set.items.iter().map(facts).collect();
    assert_eq!(
        found,
        [
            ("food/1", "food", "肉在\"哪\"？", "B", Kind::Choice),
            ("law/1", "law", "Say, why?\nNow.", "C", Kind::Choice),
            ("law/2", "law", "Who?", "A", Kind::Choice),
        ]
    );
    assert_eq!(set.items[0].choices, ["胸", "NA", "大腿", "007"]);
    assert_eq!(set.items[1].choices, ["one", "two, too", "three", "four"]);
    assert_eq!(read(folder.path(), Split::Dev).items.len(), 1);
}

#[test]
fn files_of_model_swarms_have_two_splits() {
    let text = r#"{"dataset": "mix", "dev": [{"question": "1+1?", "answer": "2", "id": 0, "domain": "sums"}],
        "test": [{"question": "Sky?", "choices": {"A": "red", "B": "blue"}, "answer": "B", "id": 0},
                 {"question": "Path?", "answer": "Yes", "id": 0}, {"prompt": "Write.", "id": 1}]}"#;
    let folder = folder(&[("mix.json", text)]);
    let path = folder.path().join("mix.json");
    let found = |split| -> Vec<(String, String, Kind)> {
        let set = read(&path, split);
        assert_eq!(set.format, Format::Swarms);
        set.items
            .into_iter()
            .map(|item| (item.id, item.domain, item.kind))
            .collect()
    };
    assert_eq!(
        found(Split::Dev),
        [("mix/dev/1".into(), "sums".into(), Kind::Number)]
    );
    assert_eq!(
        found(Split::Test),
        [
            ("mix/test/1".into(), "mix".into(), Kind::Choice),
            ("mix/test/2".into(), "mix".into(), Kind::Exact),
            ("mix/test/3".into(), "mix".into(), Kind::Free),
        ]
    );
}

#[test]
fn lines_of_ones_own_say_what_they_are() {
    let text = concat!(
        r#"{"prompt": "Capital?", "answer": "Paris", "subject": "places"}"#,
        "\n",
        r#"{"question": "Pick", "choices": ["x", "y"], "answer": "y", "id": 7}"#,
        "\n",
        r#"{"question": "Sum", "answer": 12}"#,
        "\n",
        r#"{"question": "Root", "answer": "\\sqrt{2}"}"#,
        "\n",
        r#"{"question": "Say 4", "answer": "4", "kind": "exact"}"#,
        "\n",
    );
    let set = one("own.jsonl", text).unwrap();
    let found: Vec<_> = set
        .items
        .iter()
        .map(|item| {
            (
                item.id.as_str(),
                item.domain.as_str(),
                item.answer.as_str(),
                item.kind,
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            ("own/1", "places", "Paris", Kind::Exact),
            ("7", "own", "B", Kind::Choice),
            ("own/3", "own", "12", Kind::Number),
            ("own/4", "own", "\\sqrt{2}", Kind::Maths),
            ("own/5", "own", "4", Kind::Exact),
        ]
    );
}

#[test]
fn a_word_names_the_generator() {
    let set = read(&PathBuf::from("arithmetic:3"), Split::Test);
    assert_eq!((set.format, set.items.len()), (Format::Arithmetic, 500));
    assert_eq!(set.items[0].id, "arithmetic/3/1");
}

#[test]
fn errors_name_the_file_and_the_line() {
    for (name, text, expected) in [
        (
            "a.jsonl",
            "{\"question\": \"q\", \"answer\": \"#### 1\"}\n{\"question\": 3}\n",
            "a.jsonl, line 2:",
        ),
        (
            "b.jsonl",
            "{\"question\": \"q\", \"answer\": \"#### x\"}\n",
            "b.jsonl, line 1: \"x\" behind ####",
        ),
        (
            "c.csv",
            "Who?,a,b,c,d,A\nWho?,a,b,c,d,E\n",
            "c.csv, line 2: answer \"E\"",
        ),
        ("d.csv", "Who?,a,b,c,d,A\n\nWho?,a\n", "d.csv, line 3:"),
        (
            "e.json",
            "{\"dataset\": \"e\",\n \"test\": [{]}",
            "e.json, line 2:",
        ),
        (
            "f.json",
            "{\"dataset\": \"f\", \"test\": [{\"question\": \"q\", \"choices\": {\"A\": \"x\", \"C\": \"y\"}, \"answer\": \"A\"}]}",
            "item test/1: choices has no B",
        ),
        (
            "g.json",
            "{\"problem\": \"p\", \"solution\": \"none\"}",
            "g.json, line 1: the solution has no",
        ),
        (
            "h.jsonl",
            "{\"question\": \"q\", \"answer\": 1, \"id\": 5}\n{\"question\": \"q\", \"answer\": 1, \"id\": 5}\n",
            "line 2: id \"5\"",
        ),
        ("i.txt", "hello", "--format"),
        ("j.jsonl", "", "it is empty"),
    ] {
        let error = one(name, text).unwrap_err().to_string();
        assert!(error.contains(name) && error.contains(expected), "{error}");
    }
    let folder = folder(&[("k.jsonl", "")]);
    let path = folder.path().join("k.jsonl");
    fs::write(&path, b"{}\n\xff\n").unwrap();
    let error = load(&path, None, Split::Test).unwrap_err().to_string();
    assert!(error.contains("line 2: this is not UTF-8"), "{error}");
    let missing = load(&folder.path().join("no"), None, Split::Test).unwrap_err();
    assert!(
        missing.to_string().contains("cannot read the data"),
        "{missing}"
    );
}
