//! Tokens to an expression, as a mathematician reads them: neighbours multiply, `3 1/2` is a sum, `\frac` keeps its parts.

use super::super::algebra::{Coefficient, Expression};
use super::token::{Literal, Token};
use num_rational::BigRational;
use num_traits::{One, ToPrimitive};

const MOST_DEPTH: usize = 50;
const MOST_ROOT: u32 = 60;
const FUNCTIONS: [&str; 18] = [
    "sin", "cos", "tan", "cot", "sec", "csc", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh",
    "ln", "log", "exp", "gcd", "lcm", "lg",
];

/// The expression, when the tokens are one from first to last.
#[must_use]
pub fn expression(tokens: &[Token]) -> Option<Expression> {
    let mut parser = Parser {
        tokens,
        at: 0,
        depth: 0,
        bars: 0,
    };
    let expression = parser.sum()?;
    (parser.at == tokens.len()).then_some(expression)
}

struct Parser<'a> {
    tokens: &'a [Token],
    at: usize,
    depth: usize,
    /// Open bars of absolute values.
    bars: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<&'a Token> {
        self.tokens.get(self.at)
    }

    fn is_mark(&self, mark: char) -> bool {
        self.peek() == Some(&Token::Mark(mark))
    }

    fn take(&mut self, mark: char) -> bool {
        let is_there = self.is_mark(mark);
        self.at += usize::from(is_there);
        is_there
    }

    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        self.depth += 1;
        if self.depth > MOST_DEPTH {
            return None;
        }
        let read = read(self)?;
        self.depth -= 1;
        Some(read)
    }

    fn sum(&mut self) -> Option<Expression> {
        self.deeper(|parser| {
            let mut parts = vec![parser.product()?];
            loop {
                if parser.take('+') {
                    parts.push(parser.product()?);
                } else if parser.take('-') {
                    parts.push(Expression::Negative(Box::new(parser.product()?)));
                } else if parser.is_mark('±') {
                    parts.push(parser.product()?);
                } else {
                    break;
                }
            }
            if parts.len() == 1 {
                return parts.pop();
            }
            Some(Expression::Sum(parts))
        })
    }

    fn product(&mut self) -> Option<Expression> {
        let mut factors = vec![self.signed()?];
        loop {
            if self.take('*') {
                factors.push(self.signed()?);
            } else if self.take('/') {
                let above = Box::new(Expression::product(factors));
                factors = vec![Expression::Over(above, Box::new(self.signed()?))];
            } else if let Some(Token::Scale(zeros)) = self.peek() {
                self.at += 1;
                factors.push(Expression::integer(10_i64.pow(*zeros)));
            } else if self.starts_factor() {
                factors.push(self.power()?);
            } else {
                return Some(Expression::product(factors));
            }
        }
    }

    /// Whether what follows multiplies without a sign.
    fn starts_factor(&self) -> bool {
        match self.peek() {
            // Two numbers beside each other are no product.
            Some(Token::Number(_)) => !matches!(
                self.tokens.get(self.at.wrapping_sub(1)),
                Some(Token::Number(_))
            ),
            Some(Token::Letter(_) | Token::Command(_) | Token::Open('(' | '{')) => true,
            Some(Token::Mark('|')) => self.bars == 0,
            _ => false,
        }
    }

    fn signed(&mut self) -> Option<Expression> {
        if self.take('-') {
            return self
                .deeper(Self::signed)
                .map(|part| Expression::Negative(Box::new(part)));
        }
        if self.take('+') {
            return self.deeper(Self::signed);
        }
        if self.take('±') {
            let part = self.deeper(Self::signed)?;
            return Some(Expression::Call("pm".into(), vec![part]));
        }
        self.mixed().or_else(|| self.power())
    }

    /// A whole number and a proper fraction of whole numbers behind it.
    fn mixed(&mut self) -> Option<Expression> {
        let start = self.at;
        let mixed = self.read_mixed();
        if mixed.is_none() {
            self.at = start;
        }
        mixed
    }

    fn read_mixed(&mut self) -> Option<Expression> {
        let whole = self.whole_number()?;
        let (above, below) = match self.peek()? {
            Token::Command(name) if name == "frac" => {
                self.at += 1;
                (self.whole_argument()?, self.whole_argument()?)
            }
            Token::Number(above) if above.is_apart => {
                let above = self.whole_number()?;
                if !self.take('/') {
                    return None;
                }
                (above, self.whole_number()?)
            }
            _ => return None,
        };
        let is_over = matches!(self.peek(), Some(Token::Mark('^' | '!')));
        if is_over || above.value >= below.value {
            return None;
        }
        let fraction = Expression::Over(Box::new(number(&above)), Box::new(number(&below)));
        Some(Expression::Sum(vec![number(&whole), fraction]))
    }

    fn whole_number(&mut self) -> Option<Literal> {
        match self.peek() {
            Some(Token::Number(literal)) if literal.is_whole => {
                self.at += 1;
                Some(literal.clone())
            }
            _ => None,
        }
    }

    fn whole_argument(&mut self) -> Option<Literal> {
        let argument = self.argument()?;
        match argument.as_slice() {
            [Token::Number(literal)] if literal.is_whole => Some(literal.clone()),
            _ => None,
        }
    }

    fn power(&mut self) -> Option<Expression> {
        let mut base = self.atom()?;
        loop {
            if self.take('!') {
                base = Expression::Factorial(Box::new(base));
            } else if self.take('^') {
                let exponent = self.exponent()?;
                base = Expression::Power(Box::new(base), Box::new(exponent));
            } else {
                return Some(base);
            }
        }
    }

    /// One argument as in LaTeX, but a plain number is taken whole and may have a sign.
    fn exponent(&mut self) -> Option<Expression> {
        match self.peek()? {
            Token::Number(_) | Token::Mark('-') => {
                let is_negative = self.take('-');
                let base = self.deeper(Self::atom)?;
                Some(if is_negative {
                    Expression::Negative(Box::new(base))
                } else {
                    base
                })
            }
            Token::Open('(') => self.deeper(Self::atom),
            Token::Command(_) => self.deeper(Self::atom),
            _ => expression(&self.argument()?),
        }
    }

    /// The tokens of the next LaTeX argument: a group, or one token, of a number one digit.
    fn argument(&mut self) -> Option<Vec<Token>> {
        match self.peek()? {
            Token::Open('{') => {
                let start = self.at + 1;
                self.skip_group()?;
                Some(self.tokens.get(start..self.at - 1)?.to_vec())
            }
            Token::Command(_) | Token::Letter(_) | Token::Number(_) => {
                self.at += 1;
                self.tokens
                    .get(self.at - 1)
                    .map(|token| vec![token.clone()])
            }
            _ => None,
        }
    }

    fn skip_group(&mut self) -> Option<()> {
        let mut open = 0_u32;
        loop {
            match self.peek()? {
                Token::Open(_) => open += 1,
                Token::Close(_) => open = open.checked_sub(1)?,
                _ => {}
            }
            self.at += 1;
            if open == 0 {
                return Some(());
            }
        }
    }

    fn atom(&mut self) -> Option<Expression> {
        let token = self.peek()?;
        self.at += 1;
        match token {
            Token::Number(literal) => Some(number(literal)),
            Token::Letter(name) => Some(Expression::Symbol(self.indexed(name)?)),
            Token::Command(name) => self.command(name),
            Token::Open(open @ ('(' | '{' | '[')) => {
                let bars = std::mem::take(&mut self.bars);
                let inside = self.sum()?;
                self.bars = bars;
                let close = match open {
                    '(' => ')',
                    '[' => ']',
                    _ => '}',
                };
                let is_closed = self.peek() == Some(&Token::Close(close));
                self.at += 1;
                is_closed.then_some(inside)
            }
            Token::Mark('|') => {
                self.bars += 1;
                let inside = self.sum()?;
                self.bars -= 1;
                self.take('|')
                    .then(|| Expression::Call("abs".into(), vec![inside]))
            }
            _ => None,
        }
    }

    /// A letter with what stands below it.
    fn indexed(&mut self, name: &str) -> Option<String> {
        if !self.take('_') {
            return Some(name.to_owned());
        }
        let below = self.argument()?;
        Some(format!("{name}_{below:?}"))
    }

    fn command(&mut self, name: &str) -> Option<Expression> {
        match name {
            "pi" => Some(Expression::Symbol("π".into())),
            "infty" => Some(Expression::Symbol("∞".into())),
            "frac" => self.fraction(),
            "binom" => {
                let (n, k) = (self.part()?, self.part()?);
                Some(Expression::Call("binom".into(), vec![n, k]))
            }
            "sqrt" => self.root(),
            "lfloor" => self.between("floor", "rfloor"),
            "lceil" => self.between("ceil", "rceil"),
            name if FUNCTIONS.contains(&name) => self.function(name),
            name => {
                let name = format!("\\{name}");
                Some(Expression::Symbol(self.indexed(&name)?))
            }
        }
    }

    /// An argument as an expression.
    fn part(&mut self) -> Option<Expression> {
        if matches!(self.peek(), Some(Token::Command(_) | Token::Open('('))) {
            return self.deeper(Self::atom);
        }
        let tokens = self.argument()?;
        self.deeper(|_| expression(&tokens))
    }

    /// `\frac12` is one token of two digits: one above, one below.
    fn fraction(&mut self) -> Option<Expression> {
        if let Some(Token::Number(literal)) = self.peek()
            && literal.is_whole
            && literal.digits.len() > 1
        {
            self.at += 1;
            let (above, rest) = literal.digits.split_at(1);
            let (below, behind) = rest.split_at(1);
            let fraction = Expression::Over(Box::new(digit(above)?), Box::new(digit(below)?));
            if behind.is_empty() {
                return Some(fraction);
            }
            return None;
        }
        let (above, below) = (self.part()?, self.part()?);
        Some(Expression::Over(Box::new(above), Box::new(below)))
    }

    fn root(&mut self) -> Option<Expression> {
        let mut degree = 2;
        if let [
            Token::Open('['),
            Token::Number(literal),
            Token::Close(']'),
            ..,
        ] = self.tokens.get(self.at..)?
        {
            degree = literal
                .digits
                .parse()
                .ok()
                .filter(|degree| (2..=MOST_ROOT).contains(degree))?;
            self.at += 3;
        }
        // `\sqrt12` is the root of one digit and a factor; written plainly it is the root of the number.
        let inside = self.part()?;
        Some(Expression::Root(Box::new(inside), degree))
    }

    fn between(&mut self, name: &str, end: &str) -> Option<Expression> {
        let inside = self.sum()?;
        let is_closed = matches!(self.peek(), Some(Token::Command(close)) if close == end);
        self.at += 1;
        is_closed.then(|| Expression::Call(name.into(), vec![inside]))
    }

    /// With its power and its base before the argument: `\sin^2 x`, `\log_2 8`.
    fn function(&mut self, name: &str) -> Option<Expression> {
        let base = if self.take('_') {
            Some(self.part()?)
        } else {
            None
        };
        let power = if self.take('^') {
            Some(self.exponent()?)
        } else {
            None
        };
        let mut arguments = vec![self.function_argument()?];
        arguments.extend(base);
        let call = Expression::Call(name.to_owned(), arguments);
        Some(match power {
            Some(power) => Expression::Power(Box::new(call), Box::new(power)),
            None => call,
        })
    }

    /// A group in parentheses alone, else all factors up to a sign or another function.
    fn function_argument(&mut self) -> Option<Expression> {
        if self.peek() == Some(&Token::Open('(')) {
            return self.deeper(Self::power);
        }
        self.deeper(|parser| {
            let mut product = parser.power()?;
            while parser.starts_factor() && !parser.is_function() {
                product = Expression::Product(vec![product, parser.power()?]);
            }
            Some(product)
        })
    }

    fn is_function(&self) -> bool {
        matches!(self.peek(), Some(Token::Command(name)) if FUNCTIONS.contains(&name.as_str()))
    }
}

fn number(literal: &Literal) -> Expression {
    Expression::Number(Coefficient::Exact(literal.value.clone()))
}

fn digit(digit: &str) -> Option<Expression> {
    digit.parse().ok().map(Expression::integer)
}

/// Whether a literal fraction of whole numbers could be cancelled.
#[must_use]
pub fn is_unreduced(expression: &Expression) -> bool {
    match expression {
        Expression::Negative(part) => is_unreduced(part),
        Expression::Over(above, below) => match (whole(above), whole(below)) {
            (Some(above), Some(below)) => below == 1 || gcd(above, below) != 1,
            _ => false,
        },
        _ => false,
    }
}

fn whole(expression: &Expression) -> Option<i64> {
    match expression {
        Expression::Negative(part) => whole(part).map(|value| -value),
        Expression::Number(Coefficient::Exact(value)) if value.denom().is_one() => {
            value.numer().to_i64()
        }
        _ => None,
    }
}

fn gcd(a: i64, b: i64) -> i64 {
    if b == 0 { a.abs() } else { gcd(b, a % b) }
}

/// The value of a number that is written as one, with its sign.
#[must_use]
pub fn literal(expression: &Expression) -> Option<BigRational> {
    match expression {
        Expression::Negative(part) => literal(part).map(|value| -value),
        Expression::Number(Coefficient::Exact(value)) => Some(value.clone()),
        _ => None,
    }
}
