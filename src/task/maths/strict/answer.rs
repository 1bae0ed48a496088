//! What an answer is: a value, words, or something made of answers.

use super::super::algebra::Expression;
use super::parse;
use super::token::{Token, tokens};

/// An answer, read.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    Value(Expression),
    /// Words alone.
    Words(String),
    /// A numeral of another base: digits, base.
    Numeral(String, String),
    /// `x = …`, `x ∈ …`
    Assigned(String, Box<Answer>),
    /// `left = right`, `a < b ≤ c`: values with the signs between them.
    Chain(Vec<Expression>, Vec<char>),
    /// With its brackets: an interval, a point.
    Tuple(char, Vec<Answer>, char),
    Set(Vec<Answer>),
    /// Divided by commas, in order.
    List(Vec<Answer>),
    /// Joined by "or" or "and", in any order.
    Choice(Vec<Answer>),
    Union(Vec<Answer>),
    /// `a : b`
    Ratio(Vec<Answer>),
    /// Name of the environment, rows of cells.
    Matrix(String, Vec<Vec<Answer>>),
}

const RELATIONS: [char; 6] = ['=', '<', '>', '≤', '≥', '≠'];
const MOST_DEPTH: usize = 20;

/// Reads a text; none when it has no meaning here.
#[must_use]
pub fn read(text: &str) -> Option<Answer> {
    whole(&tokens(text)?, 0)
}

fn whole(tokens: &[Token], depth: usize) -> Option<Answer> {
    if depth > MOST_DEPTH || tokens.is_empty() {
        return None;
    }
    let tokens = ungrouped(tokens);
    if let Some(words) = words(tokens) {
        return Some(Answer::Words(words));
    }
    let all = |parts: Vec<&[Token]>| -> Option<Vec<Answer>> {
        parts
            .into_iter()
            .map(|part| whole(part, depth + 1))
            .collect()
    };
    let joined = split(tokens, |token| *token == Token::Join);
    if joined.len() > 1 {
        // "a, b, or c": the commas join as the word does.
        let parts = joined
            .into_iter()
            .flat_map(|part| split(part, is_mark(',')));
        return all(parts.filter(|part| !part.is_empty()).collect()).map(Answer::Choice);
    }
    let listed = split(tokens, is_mark(','));
    if listed.len() > 1 {
        return all(listed).map(Answer::List);
    }
    let united = split(tokens, is_mark('∪'));
    if united.len() > 1 && !has_relation(tokens) {
        return all(united).map(Answer::Union);
    }
    if has_relation(tokens) {
        return relation(tokens, depth);
    }
    let ratio = split(tokens, is_mark(':'));
    if ratio.len() > 1 {
        return all(ratio).map(Answer::Ratio);
    }
    bracketed(tokens, depth).or_else(|| value(tokens))
}

fn is_mark(mark: char) -> impl Fn(&Token) -> bool {
    move |token| *token == Token::Mark(mark)
}

fn is_relation(token: &Token) -> bool {
    matches!(token, Token::Mark(mark) if RELATIONS.contains(mark))
}

fn has_relation(tokens: &[Token]) -> bool {
    split(tokens, is_relation).len() > 1
}

/// Without braces around everything.
fn ungrouped(tokens: &[Token]) -> &[Token] {
    match tokens {
        [Token::Open('{'), inside @ .., Token::Close('}')] if is_closed(inside) => {
            ungrouped(inside)
        }
        _ => tokens,
    }
}

/// Every bracket opened here is closed here.
fn is_closed(tokens: &[Token]) -> bool {
    let mut open = 0_i64;
    for token in tokens {
        match token {
            Token::Open(_) => open += 1,
            Token::Close(_) => open -= 1,
            _ => {}
        }
        if open < 0 {
            return false;
        }
    }
    open == 0
}

/// Parts between the tokens that divide, outside of brackets.
fn split(tokens: &[Token], divides: impl Fn(&Token) -> bool) -> Vec<&[Token]> {
    let mut parts = Vec::new();
    let mut start = 0;
    let mut open = 0_i64;
    for (at, token) in tokens.iter().enumerate() {
        match token {
            Token::Open(_) => open += 1,
            Token::Close(_) => open -= 1,
            token if open == 0 && divides(token) => {
                parts.push(&tokens[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&tokens[start..]);
    parts
}

/// Words with letters and numbers among them, but nothing to calculate.
fn words(tokens: &[Token]) -> Option<String> {
    let mut words = Vec::new();
    let mut has_word = false;
    for token in tokens {
        match token {
            Token::Word(word) => {
                has_word = true;
                words.push(word.clone());
            }
            Token::Letter(letter) => words.push(letter.clone()),
            Token::Number(number) => words.push(number.digits.clone()),
            Token::Unit => words.push("unit".into()),
            Token::Join => words.push("and".into()),
            Token::Mark(',' | '-' | ':' | '!') => {}
            _ => return None,
        }
    }
    has_word.then(|| words.concat())
}

fn relation(tokens: &[Token], depth: usize) -> Option<Answer> {
    let sides = split(tokens, is_relation);
    if let ([left, right], [sign]) = (sides.as_slice(), signs(tokens).as_slice())
        && *sign == '='
        && let Some(name) = variable(left)
    {
        return Some(Answer::Assigned(name, Box::new(whole(right, depth + 1)?)));
    }
    let values: Vec<Expression> = sides
        .into_iter()
        .map(parse::expression)
        .collect::<Option<_>>()?;
    Some(Answer::Chain(values, signs(tokens)))
}

fn signs(tokens: &[Token]) -> Vec<char> {
    let mut open = 0_i64;
    let mut signs = Vec::new();
    for token in tokens {
        match token {
            Token::Open(_) => open += 1,
            Token::Close(_) => open -= 1,
            Token::Mark(mark) if open == 0 && RELATIONS.contains(mark) => signs.push(*mark),
            _ => {}
        }
    }
    signs
}

/// `x`, `ab`, `f(x)`: a name of at most two Latin letters that the answer is given to.
fn variable(tokens: &[Token]) -> Option<String> {
    match tokens {
        [Token::Letter(name)] => Some(name.clone()),
        [Token::Letter(first), Token::Letter(second)] => Some(format!("{first}{second}")),
        [
            Token::Letter(name),
            Token::Open('('),
            Token::Letter(of),
            Token::Close(')'),
        ] => Some(format!("{name}({of})")),
        _ => None,
    }
}

fn bracketed(tokens: &[Token], depth: usize) -> Option<Answer> {
    let [Token::Open(open), inside @ .., Token::Close(close)] = tokens else {
        return match tokens {
            [Token::Matrix(name, rows)] => matrix(name, rows, depth),
            _ => None,
        };
    };
    if !is_closed(inside) {
        return None;
    }
    let parts = split(inside, is_mark(','));
    let all = |parts: Vec<&[Token]>| -> Option<Vec<Answer>> {
        parts
            .into_iter()
            .map(|part| whole(part, depth + 1))
            .collect()
    };
    match (open, parts.len()) {
        ('⦃', _) if inside.is_empty() => Some(Answer::Set(Vec::new())),
        ('⦃', _) => all(parts).map(Answer::Set),
        ('(', 1) => whole(inside, depth + 1),
        ('(' | '[', _) => Some(Answer::Tuple(*open, all(parts)?, *close)),
        _ => None,
    }
}

fn matrix(name: &str, rows: &[Vec<String>], depth: usize) -> Option<Answer> {
    let cell = |cell: &String| whole(&tokens(cell)?, depth + 1);
    let row = |row: &Vec<String>| row.iter().map(cell).collect::<Option<Vec<_>>>();
    let rows = rows.iter().map(row).collect::<Option<Vec<_>>>()?;
    // The brackets of a matrix say nothing; bars make a determinant or a norm of it.
    let kind = match name {
        "vmatrix" | "Vmatrix" | "cases" => name,
        _ => "matrix",
    };
    Some(Answer::Matrix(kind.to_owned(), rows))
}

/// A value without the unit it is measured in.
fn value(tokens: &[Token]) -> Option<Answer> {
    let tokens = without_unit(tokens);
    if let [Token::Number(digits), Token::Mark('_'), base @ ..] = tokens {
        let [Token::Number(base)] = ungrouped(base) else {
            return None;
        };
        return Some(Answer::Numeral(digits.digits.clone(), base.digits.clone()));
    }
    parse::expression(tokens).map(Answer::Value)
}

fn without_unit(tokens: &[Token]) -> &[Token] {
    match tokens {
        [rest @ .., Token::Unit, Token::Mark('^'), Token::Number(_)] => without_unit(rest),
        [rest @ .., Token::Unit] if !rest.is_empty() => without_unit(rest),
        _ => tokens,
    }
}
