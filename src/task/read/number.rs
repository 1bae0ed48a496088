//! Decimal numbers, compared as what they are: `1,600.0` is `1600`.

use super::behind_cue;

/// What announces the number that counts; the last one decides.
const CUES: [&str; 4] = ["####", "answer is", "answer:", "\\boxed"];

/// The plain form of a decimal number: no sign but `-`, no commas, no needless zeros; dollar and percent signs and a full stop
/// at the end are left out. None when the text is anything else.
#[must_use]
pub fn decimal(text: &str) -> Option<String> {
    let text = text.trim().trim_end_matches(['%', '.', ' ']);
    let (is_negative, text) = match text.strip_prefix(['-', '−']) {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let text: String = text.trim_start_matches('$').replace(',', "");
    let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if (whole.is_empty() && part.is_empty()) || !is_digits(whole) || !is_digits(part) {
        return None;
    }
    let (whole, part) = (whole.trim_start_matches('0'), part.trim_end_matches('0'));
    let whole = if whole.is_empty() { "0" } else { whole };
    let plain = if part.is_empty() {
        whole.to_owned()
    } else {
        format!("{whole}.{part}")
    };
    Some(if is_negative && plain != "0" {
        format!("-{plain}")
    } else {
        plain
    })
}

/// The last number of a text in its plain form.
#[must_use]
pub fn last_number(text: &str) -> Option<String> {
    numbers(text).pop()
}

/// The number that a text gives as its answer: behind the last cue, and there behind an equals sign; else its last one.
pub(super) fn read(text: &str) -> Option<String> {
    let announced = behind_cue(text, &CUES).and_then(|behind| {
        let line = behind
            .trim_start_matches(['*', ' ', '\n', ':'])
            .lines()
            .next()?;
        match line.rsplit_once('=') {
            Some((_, result)) => numbers(result).into_iter().next(),
            None => numbers(line).into_iter().next(),
        }
    });
    announced.or_else(|| last_number(text))
}

/// All numbers in their plain form. A minus sign counts where it is no subtraction.
fn numbers(text: &str) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    let mut found = Vec::new();
    let mut at = 0;
    while at < characters.len() {
        if !characters[at].is_ascii_digit() {
            at += 1;
            continue;
        }
        let end = end_of(&characters, at);
        let digits: String = characters[at..end].iter().collect();
        let sign = if has_sign(&characters[..at]) { "-" } else { "" };
        found.extend(decimal(&format!("{sign}{digits}")));
        at = end;
    }
    found
}

/// Behind the last digit: commas count before three digits, a point before any.
fn end_of(characters: &[char], start: usize) -> usize {
    let is_digit = |index: usize| characters.get(index).is_some_and(char::is_ascii_digit);
    let mut end = start;
    let mut has_point = false;
    loop {
        let is_group = || (1..=3).all(|more| is_digit(end + more)) && !is_digit(end + 4);
        match characters.get(end) {
            Some(character) if character.is_ascii_digit() => end += 1,
            Some(',') if !has_point && is_group() => end += 1,
            Some('.') if !has_point && is_digit(end + 1) => {
                has_point = true;
                end += 1;
            }
            _ => return end,
        }
    }
}

fn has_sign(before: &[char]) -> bool {
    let mut before = before
        .iter()
        .rev()
        .skip_while(|&&character| character == '$');
    let is_minus = before
        .next()
        .is_some_and(|&character| character == '-' || character == '−');
    let is_subtraction = before
        .next()
        .is_some_and(|&c| c.is_alphanumeric() || c == ')' || c == ']');
    is_minus && !is_subtraction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_one_plain_form() {
        for (text, plain) in [
            ("1,600", Some("1600")),
            ("$-3", None),
            ("-$3.50", Some("-3.5")),
            (" 007.0 ", Some("7")),
            ("-0", Some("0")),
            ("12%", Some("12")),
            ("18.", Some("18")),
            ("−5", Some("-5")),
            ("1/2", None),
            ("Yes", None),
            ("", None),
            (".", None),
            (".5", Some("0.5")),
        ] {
            assert_eq!(decimal(text).as_deref(), plain, "{text}");
        }
    }

    #[test]
    fn the_number_that_is_meant_is_read() {
        for (text, number) in [
            ("So 5 * 12 = 60.\nThe total is $1,234.50.", Some("1234.5")),
            ("The answer is 5 because 3 + 2 are 5 of 9", Some("5")),
            ("The answer is 3 * 6 = 18.", Some("18")),
            ("#### -293", Some("-293")),
            ("12-15", Some("15")),
            ("it is -15", Some("-15")),
            ("**Answer:** 42 apples", Some("42")),
            ("1, 2, 3", Some("3")),
            ("we got 10,20", Some("20")),
            ("The answer is none", None),
            ("The answer is:\n\n7", Some("7")),
            ("$\\boxed{1{,}234}$ or \\boxed{77}", Some("77")),
        ] {
            assert_eq!(read(text).as_deref(), number, "{text}");
        }
    }
}
