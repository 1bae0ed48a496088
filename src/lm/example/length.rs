//! What becomes of examples that are too long. Nothing is shortened in silence: everything is counted.

use super::{Example, ExampleError};
use serde::{Deserialize, Serialize};

/// What becomes of an example with too many tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OverLength {
    /// An error that names it.
    #[default]
    Refuse,
    /// Left out, and counted.
    Drop,
    /// The first tokens are cut off: the answer stays whole.
    TrimLeft,
    /// The last tokens are cut off: the question stays whole.
    TrimRight,
}

impl OverLength {
    /// All of them, with the word that names each.
    pub const NAMES: [(&'static str, OverLength); 4] = [
        ("refuse", OverLength::Refuse),
        ("drop", OverLength::Drop),
        ("trim-left", OverLength::TrimLeft),
        ("trim-right", OverLength::TrimRight),
    ];
}

impl std::str::FromStr for OverLength {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::NAMES.iter().find(|(name, _)| *name == text);
        found.map(|(_, policy)| *policy).ok_or_else(|| {
            let known: Vec<&str> = Self::NAMES.iter().map(|(name, _)| *name).collect();
            format!("\"{text}\" is not known; known: {}", known.join(", "))
        })
    }
}

/// An example that may be learned from, or why it is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fitted {
    Whole(Example),
    /// Some tokens were cut off.
    Trimmed {
        example: Example,
        cut: usize,
    },
    /// Too long, and left out.
    Dropped,
    /// No token of it is to be predicted, as it was or after trimming.
    Unlabelled,
}

/// Applies the policy to one example of at most `most` tokens.
///
/// # Errors
/// When it is too long and to be refused.
pub fn fit(example: Example, most: usize, policy: OverLength) -> Result<Fitted, ExampleError> {
    if example.labelled() == 0 {
        return Ok(Fitted::Unlabelled);
    }
    let tokens = example.len();
    if tokens <= most {
        return Ok(Fitted::Whole(example));
    }
    let cut = tokens - most;
    let kept = match policy {
        OverLength::Refuse => return Err(ExampleError::Long { tokens, most }),
        OverLength::Drop => return Ok(Fitted::Dropped),
        OverLength::TrimLeft => cut..tokens,
        OverLength::TrimRight => 0..most,
    };
    let mut example = Example {
        tokens: example.tokens[kept.clone()].to_vec(),
        is_labelled: example.is_labelled[kept].to_vec(),
    };
    if let Some(first) = example.is_labelled.first_mut() {
        *first = false;
    }
    Ok(match example.labelled() {
        0 => Fitted::Unlabelled,
        _ => Fitted::Trimmed { example, cut },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Example {
        Example {
            tokens: vec![1, 2, 3, 4, 5],
            is_labelled: vec![false, false, false, true, true],
        }
    }

    #[test]
    fn each_policy_keeps_what_it_promises() {
        let fit = |most, policy| fit(example(), most, policy);
        assert_eq!(
            fit(5, OverLength::Refuse).unwrap(),
            Fitted::Whole(example())
        );
        let error = fit(4, OverLength::Refuse).unwrap_err().to_string();
        assert!(error.starts_with("5 tokens, and at most 4"), "{error}");
        assert_eq!(fit(4, OverLength::Drop).unwrap(), Fitted::Dropped);
        let Fitted::Trimmed { example, cut } = fit(2, OverLength::TrimLeft).unwrap() else {
            panic!("not trimmed");
        };
        assert_eq!((example.tokens, cut), (vec![4, 5], 3));
        assert_eq!(
            example.is_labelled,
            [false, true],
            "the first has nothing before it"
        );
        assert_eq!(fit(3, OverLength::TrimRight).unwrap(), Fitted::Unlabelled);
        assert_eq!(fit(1, OverLength::TrimLeft).unwrap(), Fitted::Unlabelled);
    }
}
