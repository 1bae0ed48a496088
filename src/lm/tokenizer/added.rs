//! Tokens that are found by their spelling before plain text is cut.

use tokenizers::AddedToken;

/// Spellings that end an answer in the models we know, when they are control tokens.
pub(super) const ENDS: &[&str] = &[
    "<|im_end|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<|endoftext|>",
    "<|end_of_text|>",
    "<|end|>",
    "<end_of_turn>",
    "<end_of_utterance>",
    "</s>",
];

/// One such token.
#[derive(Debug, Clone, Default)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "the flags of the file format"
)]
pub(super) struct Added {
    pub token: u32,
    pub spelling: String,
    /// Only templates may write it.
    pub is_control: bool,
    /// It stands for nothing that is shown.
    pub is_special: bool,
    /// It stands for what has no token, so plain text may become it.
    pub is_unknown: bool,
    /// It swallows the white space before it.
    pub strips_left: bool,
    /// It swallows the white space after it.
    pub strips_right: bool,
    /// It counts only between characters that are no letters.
    pub is_word: bool,
    /// It is looked for after normalization.
    pub is_normalized: bool,
}

impl Added {
    /// As the `tokenizers` crate wants it. Control tokens are looked for before normalization, or a shield would be lost.
    pub fn to_crate(&self) -> AddedToken {
        AddedToken::from(self.spelling.clone(), self.is_control)
            .single_word(self.is_word)
            .lstrip(self.strips_left)
            .rstrip(self.strips_right)
            .normalized(self.is_normalized && !self.is_control)
    }
}

/// Whether a token that a file does not call special is one by its looks: `<|…|>` and its kin, or a reserve for later use.
pub(super) fn looks_like_control(spelling: &str) -> bool {
    let between = |open: &str, close: &str| {
        spelling.len() > open.len() + close.len()
            && spelling.starts_with(open)
            && spelling.ends_with(close)
    };
    between("<|", "|>")
        || between("<｜", "｜>")
        || between("<unused", ">")
        || matches!(
            spelling,
            "<pad>" | "<mask>" | "<start_of_turn>" | "<end_of_turn>"
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_that_models_write_themselves_are_no_control_tokens() {
        let control = ["<|fim_prefix|>", "<｜User｜>", "<unused7>", "<mask>"];
        assert!(control.into_iter().all(looks_like_control));
        let plain = [
            "<think>",
            "</think>",
            "<tool_call>",
            "<|",
            "<|>",
            "\n\n",
            "<h1>",
        ];
        assert!(!plain.into_iter().any(looks_like_control));
    }
}
