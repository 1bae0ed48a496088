//! The symbolic test: the difference of two texts, read as SymPy's parser with implicit multiplication reads them.
//!
//! Neighbours multiply at the rank of `*`, so `1/2x` is x/2; names fall apart into letters, so `xsqrt(3)` has no root; decimals
//! are binary floats. More than two different letters, or longer exponents, are refused unread.

use super::super::Rule;
use super::super::algebra::{Coefficient, Expression, Reading, is_zero};
use num_bigint::BigInt;
use num_rational::BigRational;
use std::collections::BTreeSet;

const MOST_LETTERS: usize = 2;
/// Longer differences, in bytes, are not read.
const MOST_LENGTH: usize = 4_000;
const MOST_DEPTH: usize = 60;
const GREEK: [&str; 23] = [
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lamda",
    "mu", "nu", "xi", "omicron", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega",
];

/// Whether the difference vanishes.
pub fn verdict(given: &str, truth: &str) -> (bool, Rule) {
    let difference = format!("({truth})-({given})");
    if is_blocked(&difference) {
        return (false, Rule::Blocked);
    }
    if difference.len() > MOST_LENGTH {
        return (false, Rule::Error);
    }
    let Some(expression) = parse(&difference) else {
        return (false, Rule::Error);
    };
    match is_zero(&expression, Reading::default()) {
        Ok(is_equal) => (is_equal, Rule::Cas),
        Err(_) => (false, Rule::Cas),
    }
}

fn is_blocked(text: &str) -> bool {
    let bare = text.replace("sqrt", "").replace("frac", "");
    let letters: BTreeSet<char> = bare
        .chars()
        .filter(|letter| letter.is_alphabetic())
        .collect();
    letters.len() > MOST_LETTERS
        || text.contains("^{")
        || text.contains("^(")
        || text.match_indices('^').any(|(at, _)| {
            let behind = &text[at + 1..];
            let rest = behind.trim_start_matches(|letter: char| letter.is_ascii_digit());
            let digits = behind.len() - rest.len();
            digits > 1 || (digits == 1 && rest.starts_with('^'))
        })
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Number(Coefficient),
    /// A letter or a name that stays whole.
    Name(String),
    Root,
    Mark(char),
}

fn parse(text: &str) -> Option<Expression> {
    let tokens = tokens(text)?;
    let mut parser = Parser {
        tokens,
        at: 0,
        depth: 0,
    };
    let expression = parser.sum()?;
    (parser.at == parser.tokens.len()).then_some(expression)
}

fn tokens(text: &str) -> Option<Vec<Token>> {
    let letters: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < letters.len() {
        let letter = letters[at];
        let decimal = letter == '.' && letters.get(at + 1).is_some_and(char::is_ascii_digit);
        if letter.is_ascii_digit() || decimal {
            let (number, length) = number(&letters[at..])?;
            tokens.push(Token::Number(number));
            at += length;
        } else if letter.is_alphabetic() || letter == '_' {
            let is_name = |letter: &&char| letter.is_alphanumeric() || **letter == '_';
            let length = letters[at..].iter().take_while(is_name).count();
            let name: String = letters[at..at + length].iter().collect();
            at += length;
            push_name(&name, &mut tokens)?;
        } else if letter.is_whitespace() {
            at += 1;
        } else if letter == '*' && letters.get(at + 1) == Some(&'*') {
            tokens.push(Token::Mark('^'));
            at += 2;
        } else if "+-*/^()!,".contains(letter) {
            tokens.push(Token::Mark(letter));
            at += 1;
        } else {
            return None;
        }
    }
    Some(tokens)
}

/// Digits are exact; a point or an exponent makes a float. A number begins with one zero at most, as in Python.
fn number(letters: &[char]) -> Option<(Coefficient, usize)> {
    let digits = |from: usize| {
        letters[from.min(letters.len())..]
            .iter()
            .take_while(|letter| letter.is_ascii_digit())
            .count()
    };
    let mut length = digits(0);
    let mut is_float = false;
    if letters.get(length) == Some(&'.') {
        is_float = true;
        length += 1 + digits(length + 1);
    }
    if letters.get(length) == Some(&'e') {
        let sign = usize::from(matches!(letters.get(length + 1), Some('+' | '-')));
        let exponent = digits(length + 1 + sign);
        if exponent > 0 {
            is_float = true;
            length += 1 + sign + exponent;
        }
    }
    if !is_float && letters[0] == '0' {
        length = letters.iter().take_while(|letter| **letter == '0').count();
    }
    let text: String = letters[..length].iter().collect();
    let number = if is_float {
        Coefficient::Float(text.parse().ok()?)
    } else {
        Coefficient::Exact(BigRational::from_integer(text.parse::<BigInt>().ok()?))
    };
    Some((number, length))
}

/// A name is a constant, a Greek letter, a function, or falls apart into letters and digits.
fn push_name(name: &str, tokens: &mut Vec<Token>) -> Option<()> {
    match name {
        "sqrt" => tokens.push(Token::Root),
        "pi" => tokens.push(Token::Name("π".into())),
        // Infinity: no difference with it is zero.
        "oo" => return None,
        _ if name.contains('_') || GREEK.contains(&name) || name.chars().count() == 1 => {
            tokens.push(Token::Name(name.into()));
        }
        _ => {
            let mut rest = name;
            while let Some(first) = rest.chars().next() {
                let digits = rest.len()
                    - rest
                        .trim_start_matches(|one: char| one.is_ascii_digit())
                        .len();
                if digits > 0 {
                    let whole = rest[..digits].parse::<BigInt>().ok()?;
                    tokens.push(Token::Number(Coefficient::Exact(
                        BigRational::from_integer(whole),
                    )));
                    rest = &rest[digits..];
                } else {
                    tokens.push(Token::Name(first.into()));
                    rest = &rest[first.len_utf8()..];
                }
            }
        }
    }
    Some(())
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

impl Parser {
    fn mark(&self) -> Option<char> {
        match self.tokens.get(self.at) {
            Some(Token::Mark(mark)) => Some(*mark),
            _ => None,
        }
    }

    fn sum(&mut self) -> Option<Expression> {
        self.depth += 1;
        if self.depth > MOST_DEPTH {
            return None;
        }
        let mut parts = vec![self.product()?];
        while let Some(mark @ ('+' | '-')) = self.mark() {
            self.at += 1;
            let part = self.product()?;
            parts.push(if mark == '-' {
                Expression::Negative(Box::new(part))
            } else {
                part
            });
        }
        self.depth -= 1;
        Some(Expression::Sum(parts))
    }

    fn product(&mut self) -> Option<Expression> {
        let mut factors = vec![self.signed()?];
        loop {
            match self.mark() {
                Some('*') => {
                    self.at += 1;
                    factors.push(self.signed()?);
                }
                Some('/') => {
                    self.at += 1;
                    let above = Box::new(Expression::product(factors));
                    factors = vec![Expression::Over(above, Box::new(self.signed()?))];
                }
                Some('(') => factors.push(self.power()?),
                None if self.at < self.tokens.len() => factors.push(self.power()?),
                _ => return Some(Expression::product(factors)),
            }
        }
    }

    fn signed(&mut self) -> Option<Expression> {
        match self.mark() {
            Some('-') => {
                self.at += 1;
                self.descend(Self::signed)
                    .map(|part| Expression::Negative(Box::new(part)))
            }
            Some('+') => {
                self.at += 1;
                self.descend(Self::signed)
            }
            _ => self.power(),
        }
    }

    fn descend(&mut self, read: fn(&mut Self) -> Option<Expression>) -> Option<Expression> {
        self.depth += 1;
        if self.depth > MOST_DEPTH {
            return None;
        }
        let read = read(self);
        self.depth -= 1;
        read
    }

    fn power(&mut self) -> Option<Expression> {
        let mut base = self.atom()?;
        while self.mark() == Some('!') {
            self.at += 1;
            base = Expression::Factorial(Box::new(base));
        }
        if self.mark() == Some('^') {
            self.at += 1;
            let exponent = self.descend(Self::signed)?;
            return Some(Expression::Power(Box::new(base), Box::new(exponent)));
        }
        Some(base)
    }

    fn atom(&mut self) -> Option<Expression> {
        let token = self.tokens.get(self.at)?.clone();
        self.at += 1;
        match token {
            Token::Number(number) => Some(Expression::Number(number)),
            Token::Name(name) => {
                let is_first_of_name = !matches!(
                    self.at.checked_sub(2).and_then(|at| self.tokens.get(at)),
                    Some(Token::Name(_))
                );
                // A lone letter before a parenthesis is a function.
                if self.mark() == Some('(') && is_first_of_name && name != "π" {
                    let argument = self.group()?;
                    return Some(Expression::Call(name, vec![argument]));
                }
                Some(Expression::Symbol(name))
            }
            Token::Root => {
                let inside = self.arguments()?;
                Some(Expression::Root(Box::new(inside), 2))
            }
            Token::Mark('(') => {
                self.at -= 1;
                self.group()
            }
            Token::Mark(_) => None,
        }
    }

    /// A group that may end with a comma, as calls may in Python.
    fn arguments(&mut self) -> Option<Expression> {
        self.group_with(true)
    }

    fn group(&mut self) -> Option<Expression> {
        self.group_with(false)
    }

    fn group_with(&mut self, is_call: bool) -> Option<Expression> {
        if self.mark() != Some('(') {
            return None;
        }
        self.at += 1;
        let inside = self.sum()?;
        if is_call && self.mark() == Some(',') {
            self.at += 1;
        }
        if self.mark() != Some(')') {
            return None;
        }
        self.at += 1;
        Some(inside)
    }
}
