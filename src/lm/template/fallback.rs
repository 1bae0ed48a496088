//! Chat templates for files that bring none, by the special tokens that their vocabulary has.
//!
//! A model whose vocabulary has the tokens of a format was made for it, or is the base of one that was; for any other the
//! words of a plain conversation are all that is known.

/// OpenAI's format, which most small chat models use.
const CHATML: &str = "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

/// Gemma's turns; a system message stands before the first question.
const GEMMA: &str = "{{ bos_token }}{% set ns = namespace(system='') %}{% for message in messages %}{% if message['role'] == 'system' %}{% set ns.system = ns.system + message['content'] + '\n\n' %}{% elif message['role'] == 'assistant' %}{{ '<start_of_turn>model\n' + message['content'] + '<end_of_turn>\n' }}{% else %}{{ '<start_of_turn>user\n' + ns.system + message['content'] + '<end_of_turn>\n' }}{% set ns.system = '' %}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}";

/// Names and colons.
const WORDS: &str = "{{ bos_token }}{% for message in messages %}{{ message['role'].capitalize() + ': ' + message['content'] + '\n\n' }}{% endfor %}{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}";

/// The template for a vocabulary; `has` tells whether a spelling is one of its special tokens.
#[must_use]
pub fn source(has: impl Fn(&str) -> bool) -> &'static str {
    if has("<|im_start|>") {
        CHATML
    } else if has("<start_of_turn>") {
        GEMMA
    } else {
        WORDS
    }
}

#[cfg(test)]
mod tests {
    use super::super::Template;
    use super::*;
    use crate::domain::message::Message;

    fn rendered(special: &str) -> String {
        let template = Template::new(Some(source(|s| s == special)), "<bos>", "").unwrap();
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
        assert_eq!(
            rendered("<start_of_turn>"),
            "<bos><start_of_turn>user\nBe brief.\n\nHi<end_of_turn>\n<start_of_turn>model\nYes?<end_of_turn>\n\
             <start_of_turn>user\nBye<end_of_turn>\n<start_of_turn>model\n"
        );
        assert!(rendered("<|im_start|>").starts_with("<|im_start|>system\nBe brief.<|im_end|>\n"));
        assert_eq!(
            rendered("</s>"),
            "<bos>System: Be brief.\n\nUser: Hi\n\nAssistant: Yes?\n\nUser: Bye\n\nAssistant:"
        );
    }
}
