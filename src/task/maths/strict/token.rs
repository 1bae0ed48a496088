//! The words an answer is made of: LaTeX and plain text to tokens.

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{One, Zero, pow};

/// A piece of an answer. Letters are small: case never decides.
#[derive(Debug, Clone, PartialEq)]
pub enum Token {
    Number(Literal),
    /// One letter, with its index if it has one.
    Letter(String),
    /// A word of a language, not of mathematics.
    Word(String),
    /// A control word, also a plain one (`sqrt`, `sin`, `pi`), without its backslash.
    Command(String),
    /// `( [ {`, and `⦃` for a set's brace.
    Open(char),
    Close(char),
    /// `+ - * / ^ _ ! = < > ≤ ≥ ≠ : | , ±`, and `∪`.
    Mark(char),
    /// `or`, `and`.
    Join,
    /// A unit of measure.
    Unit,
    /// `million` and the like: a power of ten.
    Scale(u32),
    /// Rows of cells between `\begin` and `\end`, and the environment's name.
    Matrix(String, Vec<Vec<String>>),
}

/// A number as it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Literal {
    pub value: BigRational,
    /// Its digits, for numerals of another base.
    pub digits: String,
    /// Without a point, an exponent or a period.
    pub is_whole: bool,
    /// White space stands before it.
    pub is_apart: bool,
}

const UNITS: [&str; 20] = [
    "degree",
    "cm",
    "centimeter",
    "meter",
    "mile",
    "second",
    "minute",
    "hour",
    "day",
    "week",
    "month",
    "year",
    "foot",
    "feet",
    "inch",
    "yard",
    "unit",
    "dollar",
    "cent",
    "square",
];
/// Known without a backslash too.
const PLAIN_COMMANDS: [&str; 20] = [
    "sqrt", "pi", "sin", "cos", "tan", "cot", "sec", "csc", "arcsin", "arccos", "arctan", "sinh",
    "cosh", "tanh", "ln", "log", "exp", "infty", "theta", "binom",
];
/// Their argument is text.
const TEXTS: [&str; 15] = [
    "text",
    "textbf",
    "textit",
    "textrm",
    "texttt",
    "textsf",
    "textup",
    "mbox",
    "hbox",
    "mathrm",
    "mathbf",
    "mathit",
    "emph",
    "operatorname",
    "boldsymbol",
];
/// Say nothing.
const SILENT: [&str; 17] = [
    "left",
    "right",
    "big",
    "Big",
    "bigg",
    "Bigg",
    "bigl",
    "bigr",
    "displaystyle",
    "textstyle",
    "limits",
    "quad",
    "qquad",
    "phantom",
    "rm",
    "bf",
    "it",
];
const MOST_DIGITS: usize = 400;

/// An answer without what surrounds it: white space, dollar signs, a box, a full stop.
#[must_use]
pub fn bare(text: &str) -> &str {
    let mut text = text.trim();
    loop {
        let before = text.len();
        for (open, close) in [
            ("$", "$"),
            ("\\(", "\\)"),
            ("\\[", "\\]"),
            ("\\boxed{", "}"),
        ] {
            let inside = text
                .strip_prefix(open)
                .and_then(|rest| rest.strip_suffix(close));
            if let Some(inside) =
                inside.filter(|inside| !inside.contains(open) && !closes_early(inside))
            {
                text = inside.trim();
            }
        }
        text = text.strip_suffix('.').unwrap_or(text).trim();
        if text.len() == before {
            return text;
        }
    }
}

/// Whether a brace closes that was never opened.
fn closes_early(text: &str) -> bool {
    let mut open = 0_i64;
    text.chars().any(|letter| {
        open += i64::from(letter == '{') - i64::from(letter == '}');
        open < 0
    })
}

/// Whether two texts differ in white space and case alone.
#[must_use]
pub fn same_text(left: &str, right: &str) -> bool {
    let letters = |text: &str| -> String {
        let text = text.replace("\\left", "").replace("\\right", "");
        text.split_whitespace().collect::<String>().to_lowercase()
    };
    // Between digits white space has a meaning.
    let digits_touch = |text: &str| {
        let mut words = text.split_whitespace().peekable();
        while let (Some(word), Some(next)) = (words.next(), words.peek()) {
            if word.ends_with(|one: char| one.is_ascii_digit())
                && next.starts_with(|one: char| one.is_ascii_digit())
            {
                return true;
            }
        }
        false
    };
    left == right || (letters(left) == letters(right) && digits_touch(left) == digits_touch(right))
}

/// The tokens of a text; none when a letter has no meaning here.
#[must_use]
pub fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut lexer = Lexer {
        letters: text.chars().collect(),
        at: 0,
        brackets: 0,
        tokens: Vec::new(),
        is_apart: false,
    };
    lexer.run()?;
    Some(lexer.tokens)
}

struct Lexer {
    letters: Vec<char>,
    at: usize,
    /// Open brackets: inside, a comma always divides.
    brackets: usize,
    tokens: Vec<Token>,
    is_apart: bool,
}

impl Lexer {
    fn peek(&self, step: usize) -> Option<char> {
        self.letters.get(self.at + step).copied()
    }

    fn follows(&self, text: &str) -> bool {
        text.chars()
            .enumerate()
            .all(|(step, letter)| self.peek(step) == Some(letter))
    }

    fn run(&mut self) -> Option<()> {
        while let Some(letter) = self.peek(0) {
            let is_point = letter == '.' && self.peek(1).is_some_and(|next| next.is_ascii_digit());
            if letter.is_ascii_digit() || is_point {
                self.number()?;
            } else if letter.is_alphabetic() && !"πθ√∞".contains(letter) {
                self.word()?;
            } else if letter == '\\' {
                self.command()?;
            } else {
                self.at += 1;
                self.mark(letter)?;
            }
            self.is_apart = letter.is_whitespace();
        }
        Some(())
    }

    fn push(&mut self, token: Token) {
        self.tokens.push(token);
    }

    fn mark(&mut self, letter: char) -> Option<()> {
        let token = match letter {
            ' ' | '\t' | '\n' | '\r' | '~' | '\u{a0}' | '$' | '%' | '°' | '\u{202f}'
            | '\u{2009}' => return Some(()),
            '(' | '[' => {
                self.brackets += 1;
                Token::Open(letter)
            }
            ')' | ']' => {
                self.brackets = self.brackets.saturating_sub(1);
                Token::Close(letter)
            }
            '{' => Token::Open('{'),
            '}' => Token::Close('}'),
            '^' if self.is_degree() => return Some(()),
            '*' if self.peek(0) == Some('*') => {
                self.at += 1;
                Token::Mark('^')
            }
            '·' | '×' | '⋅' => Token::Mark('*'),
            '−' | '–' => Token::Mark('-'),
            '÷' => Token::Mark('/'),
            ';' => Token::Mark(','),
            '+' | '-' | '*' | '/' | '^' | '_' | '!' | '=' | '<' | '>' | '≤' | '≥' | '≠' | ':'
            | '|' | ',' | '±' | '∪' => Token::Mark(letter),
            'π' => Token::Command("pi".into()),
            'θ' => Token::Command("theta".into()),
            '√' => Token::Command("sqrt".into()),
            '∞' => Token::Command("infty".into()),
            _ => return None,
        };
        self.push(token);
        Some(())
    }

    /// `\circ` or `{\circ}` behind `^`: degrees, which say nothing.
    fn is_degree(&mut self) -> bool {
        let start = self.at;
        while self.peek(0) == Some(' ') {
            self.at += 1;
        }
        for sign in ["\\circ", "{\\circ}", "{\\degree}", "\\degree"] {
            if self.follows(sign) {
                self.at += sign.len();
                return true;
            }
        }
        self.at = start;
        false
    }

    fn digits(&mut self) -> String {
        let mut digits = String::new();
        while let Some(digit) = self.peek(0).filter(char::is_ascii_digit) {
            digits.push(digit);
            self.at += 1;
        }
        digits
    }

    fn number(&mut self) -> Option<()> {
        let mut digits = self.digits();
        if (1..=3).contains(&digits.len()) {
            while let Some(length) = self.separator(digits.len()) {
                self.at += length;
                digits.push_str(&self.digits());
            }
        }
        let mut value = BigRational::from_integer(parse(&digits)?);
        let mut is_whole = true;
        if self.peek(0) == Some('.') {
            self.at += 1;
            is_whole = false;
            let decimals = self.digits();
            value += BigRational::new(parse(&decimals)?, power_of_ten(decimals.len()));
            value += self.period(decimals.len())?;
        }
        if self.peek(0) == Some('e') {
            let sign = usize::from(matches!(self.peek(1), Some('+' | '-')));
            if self
                .peek(1 + sign)
                .is_some_and(|digit| digit.is_ascii_digit())
            {
                let is_negative = self.peek(1) == Some('-');
                self.at += 1 + sign;
                let exponent: usize = self
                    .digits()
                    .parse()
                    .ok()
                    .filter(|size| *size <= MOST_DIGITS)?;
                let scale = BigRational::from_integer(power_of_ten(exponent));
                value = if is_negative {
                    value / scale
                } else {
                    value * scale
                };
                is_whole = false;
            }
        }
        let is_apart = self.is_apart;
        self.push(Token::Number(Literal {
            value,
            digits,
            is_whole,
            is_apart,
        }));
        Some(())
    }

    /// Length of what divides thousands here: exactly three digits follow.
    fn separator(&self, digits: usize) -> Option<usize> {
        let marks: &[&str] = &["{,}", "\\,", ",\\!", "_", " ", "\\ ", ","];
        let length = marks
            .iter()
            .find(|mark| self.follows(mark))
            .map(|mark| mark.len())?;
        if self.peek(0) == Some(',') && length == 1 && self.brackets > 0 {
            return None;
        }
        let digit = |step: usize| {
            self.peek(length + step)
                .is_some_and(|one| one.is_ascii_digit())
        };
        (digits <= MOST_DIGITS && (0..3).all(digit) && !digit(3)).then_some(length)
    }

    /// `\overline{3}` behind so many decimals.
    fn period(&mut self, decimals: usize) -> Option<BigRational> {
        if !self.follows("\\overline{") {
            return Some(BigRational::zero());
        }
        self.at += "\\overline{".len();
        let period = self.digits();
        if period.is_empty() || self.peek(0) != Some('}') {
            return None;
        }
        self.at += 1;
        let nines = power_of_ten(period.len()) - BigInt::one();
        Some(BigRational::new(
            parse(&period)?,
            nines * power_of_ten(decimals),
        ))
    }

    /// A run of letters: a name of mathematics, a word, or a product of letters.
    fn word(&mut self) -> Option<()> {
        let start = self.at;
        while self.peek(0).is_some_and(char::is_alphabetic) {
            self.at += 1;
        }
        let run: String = self.letters[start..self.at].iter().collect();
        self.meaning(&run)
    }

    fn meaning(&mut self, run: &str) -> Option<()> {
        let small = run.to_lowercase();
        let has_vowel = small.contains(['e', 'i', 'o', 'u']);
        let length = small.chars().count();
        match small.as_str() {
            "or" | "and" => self.push(Token::Join),
            "million" => self.push(Token::Scale(6)),
            "billion" => self.push(Token::Scale(9)),
            "trillion" => self.push(Token::Scale(12)),
            "inf" | "infinity" => self.push(Token::Command("infty".into())),
            _ if is_unit(run) && self.ends_in_number() => self.push(Token::Unit),
            small if PLAIN_COMMANDS.contains(&small) => self.push(Token::Command(small.into())),
            small if length >= 3 && (has_vowel || length >= 4 || self.is_alone(length)) => {
                self.push(Token::Word(small.into()));
            }
            small => {
                for letter in small.chars() {
                    self.push(Token::Letter(letter.into()));
                }
            }
        }
        Some(())
    }

    /// A unit measures what stands before it.
    fn ends_in_number(&self) -> bool {
        !matches!(
            self.tokens.last(),
            None | Some(Token::Mark(_) | Token::Open(_) | Token::Join | Token::Word(_))
        )
    }

    /// The run is the whole text.
    fn is_alone(&self, length: usize) -> bool {
        self.tokens.is_empty() && self.letters.len() == length
    }

    fn command(&mut self) -> Option<()> {
        self.at += 1;
        let first = self.peek(0)?;
        if !first.is_ascii_alphabetic() {
            self.at += 1;
            match first {
                '{' => {
                    self.brackets += 1;
                    self.push(Token::Open('⦃'));
                }
                '}' => {
                    self.brackets = self.brackets.saturating_sub(1);
                    self.push(Token::Close('⦄'));
                }
                '|' => self.push(Token::Mark('|')),
                ' ' | ',' | ';' | ':' | '!' | '$' | '%' | '(' | ')' => {}
                _ => return None,
            }
            return Some(());
        }
        let start = self.at;
        while self
            .peek(0)
            .is_some_and(|letter| letter.is_ascii_alphabetic())
        {
            self.at += 1;
        }
        let name: String = self.letters[start..self.at].iter().collect();
        self.named(&name)
    }

    fn named(&mut self, name: &str) -> Option<()> {
        let mark = match name {
            "cdot" | "times" | "ast" => '*',
            "div" => '/',
            "le" | "leq" | "leqslant" => '≤',
            "ge" | "geq" | "geqslant" => '≥',
            "lt" => '<',
            "gt" => '>',
            "ne" | "neq" => '≠',
            "pm" => '±',
            "cup" | "bigcup" => '∪',
            "in" => '=',
            "mid" | "lvert" | "rvert" | "vert" => '|',
            "colon" => ':',
            _ => '\0',
        };
        if mark != '\0' {
            self.push(Token::Mark(mark));
            return Some(());
        }
        match name {
            "lbrace" => self.push(Token::Open('⦃')),
            "rbrace" => self.push(Token::Close('⦄')),
            "degree" | "circ" => {}
            "begin" => return self.matrix(),
            "end" => return None,
            "dfrac" | "tfrac" | "cfrac" | "frac" => self.push(Token::Command("frac".into())),
            "dbinom" | "tbinom" | "binom" => self.push(Token::Command("binom".into())),
            _ if SILENT.contains(&name) => {}
            _ if TEXTS.contains(&name) => return self.text(),
            _ => self.push(Token::Command(name.to_lowercase())),
        }
        Some(())
    }

    /// The raw inside of a brace group, if one follows.
    fn group(&mut self) -> Option<String> {
        while self.peek(0) == Some(' ') {
            self.at += 1;
        }
        if self.peek(0) != Some('{') {
            return None;
        }
        let start = self.at + 1;
        let mut open = 0_u32;
        while let Some(letter) = self.peek(0) {
            self.at += 1;
            match letter {
                '{' => open += 1,
                '}' => {
                    open -= 1;
                    if open == 0 {
                        return Some(self.letters[start..self.at - 1].iter().collect());
                    }
                }
                _ => {}
            }
        }
        None
    }

    /// Text among mathematics: words stay words; what is no word is read as mathematics.
    fn text(&mut self) -> Option<()> {
        let Some(inside) = self.group() else {
            return Some(());
        };
        let is_word =
            |word: &str| word.chars().count() > 1 && word.chars().all(char::is_alphabetic);
        for word in inside.split_whitespace() {
            let clean = word.trim_matches(|letter: char| ",.;".contains(letter));
            if is_word(clean) {
                let before = self.tokens.len();
                self.meaning(clean)?;
                let meant = self.tokens.get(before);
                if matches!(meant, Some(Token::Letter(_) | Token::Command(_))) {
                    self.tokens.truncate(before);
                    self.push(Token::Word(clean.to_lowercase()));
                }
            } else {
                self.tokens.extend(tokens(word)?);
            }
        }
        Some(())
    }

    fn matrix(&mut self) -> Option<()> {
        let name = self.group()?;
        if name == "array" {
            self.group();
        }
        let rest: String = self.letters.get(self.at..)?.iter().collect();
        let end = format!("\\end{{{name}}}");
        let (inside, _) = rest.split_once(&end)?;
        self.at += inside.chars().count() + end.chars().count();
        let rows: Vec<Vec<String>> = inside
            .split("\\\\")
            .filter(|row| !row.trim().is_empty())
            .map(|row| row.split('&').map(|cell| cell.trim().to_owned()).collect())
            .collect();
        self.push(Token::Matrix(name, rows));
        Some(())
    }
}

fn is_unit(word: &str) -> bool {
    [
        word,
        word.strip_suffix('s').unwrap_or(word),
        word.strip_suffix("es").unwrap_or(word),
    ]
    .iter()
    .any(|stem| UNITS.contains(stem))
}

fn parse(digits: &str) -> Option<BigInt> {
    match digits.len() {
        0 => Some(BigInt::zero()),
        1..=MOST_DIGITS => digits.parse().ok(),
        _ => None,
    }
}

fn power_of_ten(exponent: usize) -> BigInt {
    pow(BigInt::from(10), exponent)
}
