//! The original's vectors with what is wrong in them turned round, and answers as models write them.

use super::*;

#[derive(serde::Deserialize)]
struct Vector {
    given: Option<String>,
    truth: String,
    equal: bool,
    #[serde(default)]
    tag: Option<String>,
}

/// Rows that only the demand for reduced fractions keeps wrong.
const UNREDUCED: [&str; 4] = ["2/4", "\\frac{2}{4}", "4/2", "(1/2,3)"];

#[test]
fn the_originals_vectors_with_its_errors_turned_round() {
    let text = include_str!("../../../../tests/vectors/debate/grade.json");
    let vectors: Vec<Vector> = serde_json::from_str(text).unwrap();
    assert_eq!(vectors.len(), 128);
    assert_eq!(vectors.iter().filter(|one| one.tag.is_some()).count(), 39);
    let mut wrong = Vec::new();
    for reduced in [false, true] {
        for vector in &vectors {
            let given = vector.given.as_deref();
            let stays = reduced && given.is_some_and(|given| UNREDUCED.contains(&given));
            let expected = vector.equal != (vector.tag.is_some() && !stays);
            let found = verdict(given, Some(&vector.truth), Demands { reduced });
            if found.0 != expected {
                wrong.push(format!(
                    "{given:?} {:?} reduced {reduced}: {found:?}",
                    vector.truth
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn is_same(given: &str, truth: &str) -> bool {
    verdict(Some(given), Some(truth), Demands::default()).0
}

#[test]
fn the_same_value_in_other_words() {
    for (given, truth) in [
        ("\\sqrt{4}", "2"),
        ("\\sqrt[3]{-8}", "-2"),
        ("\\sqrt{3+2\\sqrt{2}}", "1+\\sqrt2"),
        ("\\frac{1}{1+\\sqrt2}", "\\sqrt2-1"),
        ("\\sin\\frac{\\pi}{6}", "\\frac12"),
        ("\\log_2 8", "3"),
        ("2\\ln 3 - \\ln 9", "0"),
        ("4^x", "2^{2x}"),
        ("\\sqrt{-4}", "2i"),
        ("x(x+1)", "x^2+x"),
        ("\\frac{x^2-1}{x-1}", "x+1"),
        ("f(x)=2x", "2x"),
        ("2x-4y=6", "x-2y=3"),
        ("x \\in [0,1]", "[0, 1]"),
        ("x<5", "5>x"),
        ("\\{3, 1, 2\\}", "\\{1,2,3\\}"),
        ("2 \\text{ and } 3", "3 \\text{ or } 2"),
        ("((1,2),(3,4))", "((1, 2), (\\frac{6}{2}, 4))"),
        (
            "(3,\\infty)\\cup(-\\infty,2)",
            "(-\\infty,2)\\cup(3,\\infty)",
        ),
        (
            "\\begin{pmatrix} \\frac12 \\\\ 2 \\end{pmatrix}",
            "\\begin{bmatrix} 0.5 \\\\ 2 \\end{bmatrix}",
        ),
        ("\\text{no solution}", "No solution."),
        ("$12$ inches", "12"),
        ("\\binom{5}{2}", "10"),
        ("|{-3}|", "3"),
        ("0.1\\overline{6}", "\\frac16"),
        ("1,234,567", "1234567"),
        ("\\$1{,}250.00", "1250"),
        ("\\text{(C)}", "C"),
    ] {
        assert!(is_same(given, truth), "{given} is {truth}");
        assert!(is_same(truth, given), "{truth} is {given}");
    }
}

#[test]
fn what_only_looks_the_same() {
    for (given, truth) in [
        ("(100,200)", "(100200)"),
        ("[1,2]", "[2,1]"),
        ("\\{1,2\\}", "\\{1,3\\}"),
        ("0.333333333", "1/3"),
        ("1/10000001", "0"),
        ("seat", "east"),
        ("101_2", "101_3"),
        ("1 2", "12"),
        ("x<5", "x\\le 5"),
        ("y=2x", "y=3x"),
        ("\\sec x", "\\csc x"),
        ("\\alpha", "\\beta"),
        ("\\frac{1}{0}", "\\frac{2}{0}"),
        ("5 km", "5"),
    ] {
        assert!(!is_same(given, truth), "{given} is not {truth}");
        assert!(!is_same(truth, given), "{truth} is not {given}");
    }
}

#[test]
fn hostile_texts_end_soon() {
    let deep = "(".repeat(5_000);
    let roots = "\\sqrt{".repeat(3_000);
    let braces = "{".repeat(900) + "7 + 1" + &"}".repeat(900);
    let factors = "x".repeat(1_900);
    for given in [
        "9^{9^{9}}",
        "999999!",
        "(x+y+z+w)^{99}(x-y+z-w)^{99}",
        "((((x+1)^{200})^{200})^{200})",
        "1e999999",
        "(10^{999}x+1)^{150}",
        "(x+1)^{200}(x+2)^{200}",
        "\\sqrt{123456789012345678901234567890123456789012345678901234567891}",
        &deep,
        &roots,
        &braces,
        &factors,
        "\\frac{\\frac{\\frac",
        "\\begin{pmatrix}\\begin{pmatrix}",
    ] {
        assert!(!is_same(given, "7"), "{given}");
    }
}
