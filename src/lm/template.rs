//! A model's chat template: a conversation as the text the model was trained on.
//!
//! Templates are Jinja written for Python; they are rendered with the whitespace rules, functions and methods that
//! `transformers` gives them. Contents are expected to be shielded already (`Tokenizer::shield`). Reads no clock: who wants the
//! date in the prompt says what time it is. Knows nothing of tokens.

mod date;
pub mod fallback;
mod python;

use crate::domain::fault::{Fault, FaultClass};
use crate::domain::message::{Message, Role};
use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, Error, ErrorKind, Value, context};
use std::collections::BTreeMap;

/// What a template may do before it is stopped; the longest conversation that fits a model takes a small part of it.
const FUEL: u64 = 10_000_000;

/// What opens a model's thoughts.
const THOUGHT_OPENERS: &[&str] = &["<think>", "<thinking>", "<thought>", "[THINK]"];

/// A compiled chat template.
pub struct Template {
    environment: Environment<'static>,
    name: String,
    begin: String,
    end: String,
}

/// What a conversation is rendered for, beside its messages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Occasion {
    /// Seconds since 1970-01-01 00:00:00 on the reader's own clock. Without it templates that ask for the date fall back to
    /// the one that is written in them.
    pub now: Option<i64>,
    /// Whether the model should think before it answers; the template decides where nothing is said.
    pub thinking: Option<bool>,
    /// Whether the text ends after the last message, not where the model's answer begins.
    pub is_closed: bool,
}

/// Marks an error as the template's own word, spoken by `raise_exception`.
#[derive(Debug, thiserror::Error)]
#[error("the template refused")]
struct Refusal;

impl Template {
    /// Compiles `source`, or ChatML without one; `begin` and `end` are the spellings of the model's first and last token.
    pub fn new(source: Option<&str>, begin: &str, end: &str) -> Result<Self, Fault> {
        Self::named("the model's chat template", source, begin, end)
    }

    /// Like [`Template::new`], for a template that messages call `name`.
    pub fn named(name: &str, source: Option<&str>, begin: &str, end: &str) -> Result<Self, Fault> {
        let mut environment = Environment::new();
        let syntax = SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .build()
            .map_err(|e| unreadable(name, &e))?;
        environment.set_syntax(syntax);
        environment.set_fuel(Some(FUEL));
        environment.set_unknown_method_callback(python::method);
        environment.set_formatter(|out, _, value| {
            out.write_str(&python::text(value)).map_err(Error::from)
        });
        environment.add_filter("tojson", python::tojson);
        environment.add_filter("string", python::text);
        environment.add_test("sequence", python::is_sequence);
        environment.add_test("iterable", python::is_iterable);
        environment.add_function("raise_exception", |text: String| -> Result<String, Error> {
            Err(Error::new(ErrorKind::InvalidOperation, text).with_source(Refusal))
        });
        environment
            .add_template_owned(
                name.to_owned(),
                plain_generation(source.unwrap_or_else(|| fallback::of(|_| true).source)),
            )
            .map_err(|e| unreadable(name, &e))?;
        Ok(Self {
            environment,
            name: name.to_owned(),
            begin: begin.to_owned(),
            end: end.to_owned(),
        })
    }

    /// The conversation as text, ready for the model to answer.
    pub fn render(&self, messages: &[Message]) -> Result<String, Fault> {
        self.render_for(messages, Occasion::default())
    }

    /// The conversation as text, for an occasion.
    pub fn render_for(&self, messages: &[Message], occasion: Occasion) -> Result<String, Fault> {
        let said: Vec<_> = messages
            .iter()
            .map(|message| context! { role => message.role.name(), content => message.content.as_str() })
            .collect();
        let mut values = BTreeMap::from([
            ("messages", Value::from(said)),
            ("add_generation_prompt", Value::from(!occasion.is_closed)),
            ("bos_token", Value::from(self.begin.as_str())),
            ("eos_token", Value::from(self.end.as_str())),
            ("tools", Value::from(())),
            ("documents", Value::from(())),
        ]);
        if let Some(thinking) = occasion.thinking {
            values.insert("enable_thinking", Value::from(thinking));
        }
        if let Some(now) = occasion.now {
            let strftime = move |format: String| {
                date::strftime(now, &format).map_err(|e| Error::new(ErrorKind::InvalidOperation, e))
            };
            values.insert("strftime_now", Value::from_function(strftime));
        }
        self.environment
            .get_template(&self.name)
            .and_then(|template| template.render(Value::from_object(values)))
            .map_err(|e| self.fault(&e, messages))
    }

    /// Whether a rendered conversation ends inside the model's thoughts: the template opened them, so the answer begins with
    /// thoughts and has no opening tag.
    #[must_use]
    pub fn ends_in_thought(rendered: &str) -> bool {
        let end = rendered.trim_end();
        THOUGHT_OPENERS.iter().any(|opener| end.ends_with(opener))
    }

    fn fault(&self, error: &Error, messages: &[Message]) -> Fault {
        let place = place(&self.name, error);
        if let Some(said) = refusal(error) {
            return Fault::new(
                FaultClass::BadRequest,
                format!("{place}: it refused the conversation: {said}"),
            )
            .with_hint(advice(said, messages));
        }
        Fault::new(
            FaultClass::BadData,
            format!("{place}: {}", description(error)),
        )
        .with_hint(UNSUPPORTED)
    }
}

const UNSUPPORTED: &str = "synod renders chat templates as transformers does; this one needs more, so choose another build of the model";

/// What somebody can do about a refusal.
fn advice(said: &str, messages: &[Message]) -> &'static str {
    let said = said.to_lowercase();
    let has_system = messages.iter().any(|m| m.role == Role::System);
    let has_tool = messages.iter().any(|m| m.role == Role::Tool);
    if said.contains("alternat") && !has_system {
        "this model wants user and assistant to take turns, the user first"
    } else if has_system && (said.contains("system") || said.contains("alternat")) {
        "this model takes no system message here: put it into the first user message instead"
    } else if has_tool {
        "this model may take no results of tools"
    } else {
        "some models take no system message, or want the roles to alternate"
    }
}

/// What the template said when it refused, however deep in macros it did.
fn refusal(error: &Error) -> Option<&str> {
    let source = std::error::Error::source(error)?;
    if source.is::<Refusal>() {
        return error.detail();
    }
    refusal(source.downcast_ref::<Error>()?)
}

fn unreadable(name: &str, error: &Error) -> Fault {
    Fault::new(
        FaultClass::BadData,
        format!(
            "{} cannot be read: {}",
            place(name, error),
            description(error)
        ),
    )
    .with_hint(UNSUPPORTED)
}

fn place(name: &str, error: &Error) -> String {
    error
        .line()
        .map_or_else(|| name.to_owned(), |line| format!("{name}, line {line}"))
}

fn description(error: &Error) -> String {
    let detail = error.detail().map(|detail| format!(": {detail}"));
    format!("{}{}", error.kind(), detail.unwrap_or_default())
}

/// Replaces `{% generation %}`, by which training finds what the model said, with a block that does nothing.
fn plain_generation(source: &str) -> String {
    let mut plain = String::with_capacity(source.len());
    let mut rest = source;
    while let Some((before, after)) = rest.split_once("{%") {
        plain.push_str(before);
        plain.push_str("{%");
        let (tag, _) = after.split_once("%}").unwrap_or((after, ""));
        let word = tag.trim_matches(|c: char| c.is_whitespace() || c == '-' || c == '+');
        let instead = match word {
            "generation" => tag.replace(word, "if true"),
            "endgeneration" => tag.replace(word, "endif"),
            _ => tag.to_owned(),
        };
        plain.push_str(&instead);
        rest = &after[tag.len()..];
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(source: &str, occasion: Occasion) -> Result<String, Fault> {
        let messages = [Message::system("Be brief."), Message::user(" Hi 'x' ")];
        Template::named("chat template of m.gguf", Some(source), "<s>", "</s>")?
            .render_for(&messages, occasion)
    }

    fn text(source: &str) -> String {
        rendered(source, Occasion::default()).unwrap()
    }

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
    fn values_are_written_as_python_writes_them() {
        assert_eq!(
            text("{{ none }} {{ true }} {{ 1.0 }} {{ [1, 'a', \"b'c\"] }} {{ {'k': none} }}"),
            "None True 1.0 [1, 'a', \"b'c\"] {'k': None}"
        );
        assert_eq!(
            text("{{ false | string + '!' }}|{{ undefined_name }}"),
            "False!|"
        );
        assert_eq!(
            text("{{ {'b': [1, 'é<'], 'a': none} | tojson }}"),
            r#"{"b": [1, "é<"], "a": null}"#
        );
        assert_eq!(
            text("{{ {'b': 1, 'a': {}} | tojson(indent=2, sort_keys=true) }}"),
            "{\n  \"a\": {},\n  \"b\": 1\n}"
        );
        assert_eq!(
            text("{{ ['é😀'] | tojson(ensure_ascii=true, separators=(',', ':')) }}"),
            r#"["\u00e9\ud83d\ude00"]"#
        );
    }

    #[test]
    fn strings_have_pythons_methods() {
        assert_eq!(
            text("{{ messages[1].content.strip().removeprefix('Hi ').partition('x') }}"),
            r#"["'", 'x', "'"]"#
        );
        assert_eq!(
            text(
                "{{ 'a-b-c'.rsplit('-', 1) }}{{ 'a-b-c'.rpartition('-')[0] }}{{ 'x.py'.removesuffix('.py') }}"
            ),
            "['a-b', 'c']a-bx"
        );
        assert_eq!(
            text("{{ 'a,b,c'.split(',')[-1].upper() }}{{ messages[::-1][0].get('none', 'd') }}"),
            "Cd"
        );
        assert_eq!(
            text("{{ 'x' is sequence }}{{ messages is iterable }}{{ 3 is iterable }}"),
            "TrueTrueFalse"
        );
    }

    #[test]
    fn loops_can_be_left_and_training_marks_do_nothing() {
        let source = "{% for m in messages %}{% if m.role == 'system' %}{% continue %}{% endif %}{%- generation -%} {{ m.content }} {%- endgeneration %}{% break %}{% endfor %}";
        assert_eq!(text(source), " Hi 'x' ");
    }

    #[test]
    fn the_date_and_the_thinking_are_the_callers() {
        let source = "{% if strftime_now is defined %}{{ strftime_now('%d %b %Y') }}{% else %}26 Jul 2024{% endif %}{% if enable_thinking is defined and not enable_thinking %}!{% endif %}{% if add_generation_prompt %}>{% endif %}";
        assert_eq!(text(source), "26 Jul 2024>");
        let occasion = Occasion {
            now: Some(1_790_000_000),
            thinking: Some(false),
            is_closed: true,
        };
        assert_eq!(rendered(source, occasion).unwrap(), "21 Sep 2026!");
    }

    #[test]
    fn a_prompt_that_opens_thoughts_says_so() {
        assert!(Template::ends_in_thought(
            "…<|im_start|>assistant\n<think>\n"
        ));
        assert!(!Template::ends_in_thought(
            "<|im_start|>assistant\n<think>\n\n</think>\n\n"
        ));
        assert!(!Template::ends_in_thought(
            "what is <think>?\n<|im_start|>assistant\n"
        ));
    }

    #[test]
    fn a_refusal_names_the_line_and_what_to_do() {
        let source = "{% macro check(m) %}\n{% if m.role == 'system' %}\n{{ raise_exception('System role not supported') }}{% endif %}{% endmacro %}{{ check(messages[0]) }}";
        let fault = rendered(source, Occasion::default()).unwrap_err();
        assert_eq!(fault.class, FaultClass::BadRequest);
        assert_eq!(
            fault.message,
            "chat template of m.gguf, line 3: it refused the conversation: System role not supported"
        );
        assert!(fault.hint.unwrap().contains("no system message"));
        let alternation = advice("Conversation roles must alternate", &[Message::user("a")]);
        assert!(alternation.contains("take turns"), "{alternation}");
    }

    #[test]
    fn what_is_not_supported_is_named_with_its_line() {
        for (source, what) in [
            ("\n{{ 'a' | wordwrap(3) }}", "wordwrap"),
            ("\n{{ make_tea() }}", "make_tea"),
            ("\n{{ 'a'.brew() }}", "brew"),
            ("\n{{ strftime_now('%Q') }}", "%Q"),
            ("\n{% trans %}a{% endtrans %}", "trans"),
            ("\n{% if %}", "line 2"),
        ] {
            let occasion = Occasion {
                now: Some(0),
                ..Occasion::default()
            };
            let fault = rendered(source, occasion).unwrap_err();
            assert_eq!(fault.class, FaultClass::BadData, "{fault}");
            let message = fault.message;
            assert!(
                message.starts_with("chat template of m.gguf, line 2") && message.contains(what),
                "{message}"
            );
        }
    }

    #[test]
    fn a_template_that_never_ends_is_stopped() {
        let source =
            "{% for a in range(9000) %}{% for b in range(9000) %}{{ '' }}{% endfor %}{% endfor %}";
        let fault = rendered(source, Occasion::default()).unwrap_err();
        assert!(fault.message.contains("fuel"), "{fault}");
    }
}
