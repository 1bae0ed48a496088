//! Chat templates for files that bring none, by the special tokens that their vocabulary has.
//!
//! A model whose vocabulary has the tokens of a format was made for it, or is the base of one that was; for any other the
//! words of a plain conversation are all that is known.

/// OpenAI's format, which most small chat models use.
const CHATML: &str = "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

/// Names and colons.
const WORDS: &str = "{{ bos_token }}{% for message in messages %}{{ message['role'].capitalize() + ': ' + message['content'] + '\n\n' }}{% endfor %}{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}";

/// A template, and what ends an answer besides the model's own tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fallback {
    pub source: &'static str,
    pub stops: &'static [&'static str],
}

/// The template for a vocabulary; `has` tells whether a spelling is one of its tokens. Files of chat models bring their
/// template, so one without is most often a base model, even if its vocabulary has the tokens of its family's turns: those
/// say nothing to it yet. Words do, and it goes on with the next question by itself unless it is stopped there.
#[must_use]
pub fn of(has: impl Fn(&str) -> bool) -> Fallback {
    if has("<|im_start|>") {
        return Fallback {
            source: CHATML,
            stops: &[],
        };
    }
    Fallback {
        source: WORDS,
        stops: &["\nUser:", "\nSystem:", "\nAssistant:"],
    }
}

#[cfg(test)]
mod tests {
    use super::super::Template;
    use super::*;
    use crate::domain::message::Message;

    fn rendered(special: &str) -> String {
        let template = Template::new(Some(of(|s| s == special).source), "<bos>", "").unwrap();
        let messages = [
            Message::system("Be brief."),
            Message::user("Hi"),
            Message::assistant("Yes?"),
            Message::user("Bye"),
        ];
        template.render(&messages).unwrap()
    }

    #[test]
    fn the_tokens_of_a_vocabulary_choose() {
        assert!(rendered("<|im_start|>").starts_with("<|im_start|>system\nBe brief.<|im_end|>\n"));
        assert_eq!(
            rendered("<start_of_turn>"),
            "<bos>System: Be brief.\n\nUser: Hi\n\nAssistant: Yes?\n\nUser: Bye\n\nAssistant:"
        );
        assert!(of(|_| false).stops.contains(&"\nUser:"));
    }
}
