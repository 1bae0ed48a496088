//! A model's chat template: a conversation as the text the model was trained on.
//!
//! Rendered with the whitespace rules and the extra functions that `transformers` gives to templates. Contents are expected to
//! be shielded already (`Tokenizer::shield`). Knows nothing of tokens.

use crate::domain::fault::{Fault, FaultClass};
use crate::domain::message::Message;
use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, Error, ErrorKind, context};

/// The format of most small chat models, for files without a template.
const CHATML: &str = "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

const NAME: &str = "chat";

/// A compiled chat template.
pub struct Template {
    environment: Environment<'static>,
    begin: String,
    end: String,
}

impl Template {
    /// Compiles `source`, or ChatML without one; `begin` and `end` are the spellings of the model's first and last token.
    pub fn new(source: Option<&str>, begin: &str, end: &str) -> Result<Self, Fault> {
        let mut environment = Environment::new();
        let syntax = SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .build()
            .map_err(unreadable)?;
        environment.set_syntax(syntax);
        environment
            .set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_function("raise_exception", |text: String| -> Result<String, Error> {
            Err(Error::new(ErrorKind::InvalidOperation, text))
        });
        environment
            .add_template_owned(NAME, source.unwrap_or(CHATML).to_owned())
            .map_err(unreadable)?;
        Ok(Self {
            environment,
            begin: begin.to_owned(),
            end: end.to_owned(),
        })
    }

    /// The conversation as text, ready for the model to answer.
    pub fn render(&self, messages: &[Message]) -> Result<String, Fault> {
        let messages: Vec<_> = messages
            .iter()
            .map(|message| context! { role => message.role.name(), content => message.content.as_str() })
            .collect();
        let values = context! {
            messages,
            add_generation_prompt => true,
            bos_token => self.begin.as_str(),
            eos_token => self.end.as_str(),
        };
        self.environment
            .get_template(NAME)
            .and_then(|template| template.render(values))
            .map_err(|e| {
                Fault::new(
                    FaultClass::BadRequest,
                    format!("the model's chat template refused the conversation: {e}"),
                )
                .with_hint("some models take no system message, or want the roles to alternate")
            })
    }
}

fn unreadable(error: Error) -> Fault {
    Fault::new(
        FaultClass::BadData,
        format!("the model's chat template cannot be read: {error}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_template_it_is_chatml() {
        let template = Template::new(None, "", "").unwrap();
        let text = template
            .render(&[Message::system("Be brief."), Message::user("Hi <b>&</b>")])
            .unwrap();
        assert_eq!(
            text,
            "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi <b>&</b><|im_end|>\n<|im_start|>assistant\n"
        );
    }

    #[test]
    fn templates_of_python_origin_work() {
        let source = "{{ bos_token }}\n{%- for m in messages %}\n    {%- if m.role == 'tool' %}\n        {{- raise_exception('no tools here') }}\n    {%- endif %}\n    {{- '[' ~ m.role.upper() ~ ']' + m['content'].strip() + eos_token }}\n{%- endfor %}\n";
        let template = Template::new(Some(source), "<s>", "</s>").unwrap();
        assert_eq!(
            template.render(&[Message::user(" a ")]).unwrap(),
            "<s>[USER]a</s>"
        );
        let tool = Message::new(crate::domain::message::Role::Tool, "x");
        let fault = template.render(&[tool]).unwrap_err();
        assert_eq!(fault.class, FaultClass::BadRequest);
        assert!(fault.message.contains("no tools here"), "{fault}");
    }

    #[test]
    fn a_broken_template_is_bad_data() {
        let fault = Template::new(Some("{% if %}"), "", "").err().unwrap();
        assert_eq!(fault.class, FaultClass::BadData);
    }
}
