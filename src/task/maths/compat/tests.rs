//! The original's vectors.

use super::*;

#[derive(serde::Deserialize)]
struct Grade {
    given: Option<String>,
    truth: String,
    equal: bool,
    rule: Rule,
}

#[derive(serde::Deserialize)]
struct Normal {
    input: String,
    a: String,
    b: String,
}

#[test]
fn grades() {
    let text = include_str!("../../../../tests/vectors/debate/grade.json");
    let vectors: Vec<Grade> = serde_json::from_str(text).unwrap();
    assert_eq!(vectors.len(), 128);
    let mut wrong = Vec::new();
    for vector in vectors {
        let found = verdict(vector.given.as_deref(), Some(&vector.truth));
        if found != (vector.equal, vector.rule) {
            wrong.push(format!(
                "{:?} {:?}: {found:?} not {:?} {:?}",
                vector.given, vector.truth, vector.equal, vector.rule
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn normal_forms() {
    let text = include_str!("../../../../tests/vectors/debate/normal.json");
    let vectors: Vec<Normal> = serde_json::from_str(text).unwrap();
    assert_eq!(vectors.len(), 56);
    let mut wrong = Vec::new();
    for Normal { input, a, b } in vectors {
        let found = (normal_mathd(&input), normal_plain(&input));
        if found != (a.clone(), b.clone()) {
            wrong.push(format!("{input:?}: {found:?} not {a:?} {b:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
