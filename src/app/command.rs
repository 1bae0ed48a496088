//! Slash commands. One without arguments is its action; the others are read here.

use super::App;
use super::action::{Action, AppAction, ChatAction};
use super::effect::{Effect, ExportFormat};
use super::focus::PaneId;
use crate::domain::request::{ModelRef, Sampling};
use std::str::FromStr;

/// Commands beyond those of the actions: with arguments, what completion says about them.
pub(super) const EXTRA: [(&str, &str); 12] = [
    ("/moa", "ask a mixture of agents, for this turn only"),
    ("/plain", "ask one model, for this turn only"),
    ("/debate", "let agents debate, for this turn only"),
    ("/plan", "ask a planner with tools, for this turn only"),
    ("/graph", "ask an agent graph, for this turn only"),
    (
        "/with",
        "ask another preset, for this turn only: /with PRESET TEXT",
    ),
    ("/attach", "attach a text file: /attach PATH"),
    ("/detach", "remove the attached files"),
    (
        "/params",
        "sampling for this session: /params temperature=0.2 max_tokens=512, or reset",
    ),
    (
        "/model",
        "another model for the answering agent: /model NAME, alone to reset",
    ),
    ("/keys", "show the keys"),
    ("/exit", "leave the program"),
];

/// Commands for one turn: the preset that is looked for first, and the society any other must have.
const ONE_TURN: [(&str, &str, &str); 5] = [
    ("/moa", "moa", "moa"),
    ("/plain", "plain", "single"),
    ("/debate", "debate", "debate"),
    ("/plan", "planner", "planner"),
    ("/graph", "graph", "graph"),
];

impl App {
    /// Runs a command line from the prompt and clears the prompt, unless the command is not known.
    pub(super) fn command(&mut self, line: &str) -> Vec<Effect> {
        let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let rest = rest.trim();
        let is_from_prompt = self.prompt.draft.text().trim_end() == line.trim_end();
        let mut effects = if is_from_prompt {
            self.remember(line)
        } else {
            Vec::new()
        };
        match self.run_command(name, rest) {
            Some(done) => {
                if is_from_prompt && self.prompt.draft.text().trim_end() == line.trim_end() {
                    self.forget_draft();
                }
                effects.extend(done);
                effects
            }
            None => self.error(format!(
                "{name} is not a command; a space before it sends it as text"
            )),
        }
    }

    fn run_command(&mut self, name: &str, rest: &str) -> Option<Vec<Effect>> {
        let effects = match (name, rest) {
            ("/with", _) => self.one_turn(name, rest),
            _ if ONE_TURN.iter().any(|(command, ..)| *command == name) => self.one_turn(name, rest),
            ("/preset", preset) if !preset.is_empty() => self.use_preset(preset),
            ("/theme", theme) if !theme.is_empty() => self.use_theme(theme),
            ("/sessions", query) if !query.is_empty() => self.open_sessions(query),
            ("/copy", number) if !number.is_empty() => match number.parse() {
                Ok(number) => self.copy_block(number),
                Err(_) => self.error("/copy takes the number of a code block"),
            },
            ("/export", options) => self.export_command(options),
            ("/attach", "") => self.error("/attach takes a path"),
            ("/attach", path) => self.attach(path),
            ("/detach", _) => {
                self.prompt.attachments.clear();
                self.inform("no file is attached")
            }
            ("/system", text) if !text.is_empty() => self.set_system(text),
            ("/rename", title) if !title.is_empty() => self.rename(title),
            ("/params", text) => self.params_command(text),
            ("/model", text) => self.model_command(text),
            ("/local", text) if !text.is_empty() => match on_off(text) {
                Some(on) => self.set_local_only(on),
                None => self.error("/local takes on or off"),
            },
            ("/compare", text) if !text.is_empty() => match on_off(text) {
                Some(on) => self.set_comparing(on),
                None => self.error("/compare takes on or off"),
            },
            ("/retry", number) if !number.is_empty() => self.on_numbered(number, Self::retry),
            ("/skip", number) if !number.is_empty() => self.on_numbered(number, Self::skip),
            ("/keys", _) => self.perform(Action::App(AppAction::Help)),
            ("/exit", _) => self.quit(),
            _ => {
                let mut actions = Action::all();
                let action = actions.find(|action| action.card().command == Some(name))?;
                self.perform(action)
            }
        };
        Some(effects)
    }

    /// One turn with another preset; the preset in use stays.
    fn one_turn(&mut self, name: &str, rest: &str) -> Vec<Effect> {
        let (preset, text) = match name {
            "/with" => match rest.split_once(char::is_whitespace) {
                Some((preset, text)) => (Some(preset.to_owned()), text.trim()),
                None => return self.error("/with takes a preset and a question"),
            },
            _ => {
                let found = ONE_TURN.iter().find(|(command, ..)| *command == name);
                let preset =
                    found.and_then(|(_, preset, society)| self.preset_for(preset, society));
                (preset, rest)
            }
        };
        if text.is_empty() {
            return self.error(format!("{name} takes a question"));
        }
        match preset {
            Some(preset) => {
                let text = text.to_owned();
                self.send(&text, Some(preset))
            }
            None => self.error("no usable preset for it; F2 lists all"),
        }
    }

    /// An order about the pane with this number.
    fn on_numbered(
        &mut self,
        number: &str,
        order: fn(&mut Self, PaneId) -> Vec<Effect>,
    ) -> Vec<Effect> {
        let panes = self.panes();
        let pane = match number.parse::<usize>() {
            Ok(0) => Some(PaneId::Conversation),
            Ok(n) => panes.get(n - 1).copied(),
            Err(_) => None,
        };
        match pane {
            Some(pane) => order(self, pane),
            None => self.error(format!("there is no agent {number}")),
        }
    }

    fn export_command(&mut self, options: &str) -> Vec<Effect> {
        let mut format = ExportFormat::Markdown;
        let mut with_parts = true;
        for word in options.split_whitespace() {
            match word {
                "md" | "markdown" => format = ExportFormat::Markdown,
                "json" => format = ExportFormat::Json,
                "final" => with_parts = false,
                _ => {
                    return self
                        .error("/export takes markdown or json, and final to leave out the parts");
                }
            }
        }
        self.export(format, with_parts)
    }

    fn params_command(&mut self, text: &str) -> Vec<Effect> {
        if text == "reset" {
            self.chat.params = Sampling::default();
            return self.inform("the preset's sampling counts");
        }
        let mut params = self.chat.params.clone();
        for word in text.split_whitespace() {
            if let Err(why) = set_param(&mut params, word) {
                return self.error(why);
            }
        }
        self.chat.params = params;
        let shown = describe(&self.chat.params);
        self.inform(shown)
    }

    fn model_command(&mut self, text: &str) -> Vec<Effect> {
        if text.is_empty() {
            self.chat.model = None;
            return self.inform("the preset's models count");
        }
        match ModelRef::from_str(text) {
            Ok(model) => {
                let told = format!("the answering agent uses {model}");
                self.chat.model = Some(model);
                self.inform(told)
            }
            Err(why) => self.error(why),
        }
    }
}

impl ChatAction {
    /// Commands that take `on` or `off`.
    pub(super) const SWITCHES: [&'static str; 2] = ["/local", "/compare"];
}

fn on_off(text: &str) -> Option<bool> {
    match text {
        "on" => Some(true),
        "off" => Some(false),
        _ => None,
    }
}

fn set_param(params: &mut Sampling, word: &str) -> Result<(), String> {
    let (name, value) = word
        .split_once('=')
        .ok_or_else(|| format!("\"{word}\" is not name=value"))?;
    match name {
        "temperature" => params.temperature = Some(number(name, value)?),
        "top_p" => params.top_p = Some(number(name, value)?),
        "top_k" => params.top_k = Some(number(name, value)?),
        "min_p" => params.min_p = Some(number(name, value)?),
        "repeat_penalty" => params.repeat_penalty = Some(number(name, value)?),
        "max_tokens" => params.max_tokens = Some(number(name, value)?),
        "seed" => params.seed = Some(number(name, value)?),
        _ => {
            return Err(format!(
                "\"{name}\" is not known; known: temperature, top_p, top_k, min_p, repeat_penalty, max_tokens, seed"
            ));
        }
    }
    Ok(())
}

fn number<T: FromStr>(name: &str, value: &str) -> Result<T, String> {
    value
        .parse()
        .map_err(|_| format!("{name} takes a number, not \"{value}\""))
}

/// The values set by hand, in words.
pub(super) fn describe(params: &Sampling) -> String {
    let mut words = Vec::new();
    let mut add = |name: &str, value: Option<String>| {
        words.extend(value.map(|value| format!("{name}={value}")));
    };
    add("temperature", params.temperature.map(|v| v.to_string()));
    add("top_p", params.top_p.map(|v| v.to_string()));
    add("top_k", params.top_k.map(|v| v.to_string()));
    add("min_p", params.min_p.map(|v| v.to_string()));
    add(
        "repeat_penalty",
        params.repeat_penalty.map(|v| v.to_string()),
    );
    add("max_tokens", params.max_tokens.map(|v| v.to_string()));
    add("seed", params.seed.map(|v| v.to_string()));
    if words.is_empty() {
        "sampling: all from the preset".to_owned()
    } else {
        format!("sampling: {}", words.join(" "))
    }
}
