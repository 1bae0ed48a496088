//! How a byte-level vocabulary cuts text into words before it joins bytes, by the names that GGUF files use.

use tokenizers::normalizers::unicode::NFC;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{NormalizerWrapper, PreTokenizerWrapper, SplitDelimiterBehavior};

const GPT_2: Words = Words {
    patterns: &[],
    digits: false,
    ..NO_WORDS
};
const SMOLLM: Words = Words {
    digits: true,
    ..GPT_2
};
const LLAMA_3: Words = Words {
    patterns: &[
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    ],
    takes_whole_words: true,
    adds_begin: true,
    ..NO_WORDS
};
const QWEN_2: Words = Words {
    patterns: &[
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    ],
    composes: true,
    ..NO_WORDS
};
/// Qwen 2's words in a vocabulary that was made without its normalization.
const DEEPSEEK_R1_QWEN: Words = Words {
    composes: false,
    ..QWEN_2
};
const QWEN_3_5: Words = Words {
    patterns: &[
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    ],
    composes: true,
    ..NO_WORDS
};
const TEKKEN: Words = Words {
    patterns: &[
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    ],
    takes_whole_words: true,
    adds_begin: true,
    ..NO_WORDS
};
const GPT_4O: Words = Words {
    patterns: &[
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    ],
    ..NO_WORDS
};
const DEEPSEEK_3: Words = Words {
    patterns: &[
        r"\p{N}{1,3}",
        r"[\u{4e00}-\u{9fa5}\u{3040}-\u{309f}\u{30a0}-\u{30ff}]+",
        r##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"##,
    ],
    ..NO_WORDS
};

const NO_WORDS: Words = Words {
    patterns: &[],
    digits: false,
    composes: false,
    takes_whole_words: false,
    adds_begin: false,
};

/// By the value of `tokenizer.ggml.pre`.
const BY_NAME: &[(&str, Words)] = &[
    ("default", GPT_2),
    ("gpt-2", GPT_2),
    ("smollm", SMOLLM),
    ("starcoder", SMOLLM),
    ("refact", SMOLLM),
    ("llama-bpe", LLAMA_3),
    ("llama3", LLAMA_3),
    ("llama-v3", LLAMA_3),
    ("falcon3", LLAMA_3),
    ("pixtral", LLAMA_3),
    ("qwen2", QWEN_2),
    ("deepseek-r1-qwen", DEEPSEEK_R1_QWEN),
    ("qwen35", QWEN_3_5),
    ("tekken", TEKKEN),
    ("gpt-4o", GPT_4O),
    ("deepseek-v3", DEEPSEEK_3),
];

/// The words of a family of vocabularies.
#[derive(Debug, Clone, Copy)]
pub(super) struct Words {
    /// Applied one after the other, each within what the ones before made; GPT-2's own where there is none.
    patterns: &'static [&'static str],
    /// Whether every digit is a word.
    digits: bool,
    /// Whether text is brought to composed characters (NFC) first.
    composes: bool,
    /// Whether a word that is a token is that token, whatever the merges make of it.
    pub takes_whole_words: bool,
    /// Whether the beginning token is put in front in files that do not say.
    pub adds_begin: bool,
}

impl Words {
    /// The words that a GGUF file names; the error lists the known names.
    pub fn named(name: &str) -> Result<Self, String> {
        let found = BY_NAME.iter().find(|(known, _)| *known == name);
        found.map(|&(_, words)| words).ok_or_else(|| {
            let known: Vec<&str> = BY_NAME.iter().map(|(known, _)| *known).collect();
            format!(
                "pre-tokenizer \"{name}\" is not supported; supported are {}",
                known.join(", ")
            )
        })
    }

    pub fn normalizer(&self) -> Option<NormalizerWrapper> {
        self.composes.then_some(NormalizerWrapper::NFC(NFC))
    }

    pub fn pre_tokenizer(&self) -> tokenizers::Result<PreTokenizerWrapper> {
        let mut parts = Vec::new();
        if self.digits {
            parts.push(PreTokenizerWrapper::Digits(Digits::new(true)));
        }
        for pattern in self.patterns {
            let pattern = SplitPattern::Regex((*pattern).to_owned());
            let split = Split::new(pattern, SplitDelimiterBehavior::Isolated, false)?;
            parts.push(PreTokenizerWrapper::Split(split));
        }
        let has_own = self.patterns.is_empty();
        let bytes = ByteLevel::new(false, false, has_own);
        parts.push(PreTokenizerWrapper::ByteLevel(bytes));
        Ok(PreTokenizerWrapper::Sequence(Sequence::new(parts)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokenizers::{OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer};

    fn words(name: &str, text: &str) -> Vec<String> {
        let mut cut = PreTokenizedString::from(text);
        let cutter = Words::named(name).unwrap().pre_tokenizer().unwrap();
        cutter.pre_tokenize(&mut cut).unwrap();
        cut.get_splits(OffsetReferential::Original, OffsetType::Byte)
            .into_iter()
            .map(|(_, (from, to), _)| text[from..to].to_owned())
            .collect()
    }

    #[test]
    fn families_differ_in_digits_capitals_and_marks() {
        let text = "iPhone's 12345日本語です";
        assert_eq!(
            words("gpt-2", text),
            ["iPhone", "'s", " 12345", "日本語です"]
        );
        assert_eq!(
            words("smollm", text),
            ["iPhone", "'s", " ", "1", "2", "3", "4", "5", "日本語です"]
        );
        assert_eq!(
            words("llama-bpe", text),
            ["iPhone", "'s", " ", "123", "45", "日本語です"]
        );
        assert_eq!(
            words("tekken", text),
            [
                "i",
                "Phone",
                "'s",
                " ",
                "1",
                "2",
                "3",
                "4",
                "5",
                "日本語です"
            ]
        );
        assert_eq!(
            words("gpt-4o", text),
            ["i", "Phone's", " ", "123", "45", "日本語です"]
        );
        assert_eq!(words("qwen2", "नमस्ते"), ["नमस", "्त", "े"]);
        assert_eq!(words("qwen35", "नमस्ते"), ["नमस्ते"]);
        assert_eq!(
            words("deepseek-v3", "#if a中文b"),
            ["#if", " a", "中文", "b"]
        );
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        let error = Words::named("viking").unwrap_err();
        assert!(
            error.contains("\"viking\"") && error.contains("llama-bpe, "),
            "{error}"
        );
    }
}
