//! From nothing to a run: what to start from, the form, the start.

use super::form::{Field, Form};
use super::{RunEntry, name};
use crate::app::action::FormAction;
use crate::app::effect::{Effect, RunEffect};
use crate::app::overlay::{ListState, Overlay};
use crate::app::{App, Screen};
use crate::domain::run::JobCard;
use crate::domain::spec::Spec;
use crate::store::spec_file::JobPreset;
use std::collections::BTreeMap;

/// What a new run can start from.
#[derive(Debug, Clone, PartialEq)]
pub struct StartRow {
    pub title: String,
    pub note: String,
    /// Why it cannot be used.
    pub problem: Option<String>,
    from: StartFrom,
}

#[derive(Debug, Clone, PartialEq)]
enum StartFrom {
    Draft,
    Preset(usize),
    Kind(usize),
}

impl App {
    pub(super) fn new_run(&mut self) -> Vec<Effect> {
        let mut effects = if self.screen == Screen::Jobs {
            vec![Effect::Run(RunEffect::Kinds)]
        } else {
            self.show_jobs()
        };
        effects.extend(self.open(Overlay::NewRun(ListState::default())));
        effects
    }

    /// What a new run can start from, under the filter: the draft, presets, kinds.
    #[must_use]
    pub fn start_rows(&self) -> Vec<StartRow> {
        let draft = self.jobs.form.iter().map(|form| StartRow {
            title: "go on with the draft".into(),
            note: format!("{}, from {}", form.card.title, form.from),
            problem: None,
            from: StartFrom::Draft,
        });
        let presets = self.jobs.presets.iter().enumerate();
        let presets = presets.map(|(at, preset)| StartRow {
            title: preset.name.clone(),
            note: self.preset_note(preset),
            problem: problem(preset),
            from: StartFrom::Preset(at),
        });
        let kinds = self.jobs.cards.iter().enumerate();
        let kinds = kinds.map(|(at, card)| StartRow {
            title: format!("{} from its defaults", card.title),
            note: card.about.clone(),
            problem: None,
            from: StartFrom::Kind(at),
        });
        let filter = self.filter();
        let rows = draft.chain(presets).chain(kinds);
        rows.filter(|row| crate::app::rows::matches_words(filter, &[&row.title, &row.note]))
            .collect()
    }

    pub(in crate::app) fn choose_start(&mut self, at: usize) -> Vec<Effect> {
        let Some(row) = self.start_rows().into_iter().nth(at) else {
            return Vec::new();
        };
        if let Some(problem) = row.problem {
            return self.error(problem);
        }
        match row.from {
            StartFrom::Draft => self.open(Overlay::RunForm),
            StartFrom::Kind(at) => {
                let Some(card) = self.jobs.cards.get(at) else {
                    return Vec::new();
                };
                let spec = Spec {
                    kind: card.kind.clone(),
                    title: String::new(),
                    values: BTreeMap::new(),
                };
                self.open_form(card.clone(), &spec, "defaults".into())
            }
            StartFrom::Preset(at) => {
                let preset = self.jobs.presets.get(at);
                let Some((name, spec)) = preset.and_then(|preset| {
                    let spec = preset.spec.as_ref().ok()?;
                    Some((preset.name.clone(), spec.clone()))
                }) else {
                    return Vec::new();
                };
                match self.jobs.card(&spec.kind).cloned() {
                    Some(card) => self.open_form(card, &spec, format!("preset {name}")),
                    None => {
                        self.error(format!("this program offers no jobs of kind {}", spec.kind))
                    }
                }
            }
        }
    }

    fn preset_note(&self, preset: &JobPreset) -> String {
        let spec = preset.spec.as_ref().ok();
        let card = spec.and_then(|spec| self.jobs.card(&spec.kind));
        let kind = card.map_or("", |card| card.title.as_str());
        format!("{kind}  {}", preset.about)
    }

    pub(super) fn clone_run(&mut self, entry: &RunEntry) -> Vec<Effect> {
        let Some(page) = self.jobs.page().filter(|page| page.is_read) else {
            return self.inform("its settings are still being read");
        };
        let spec = Spec {
            kind: entry.summary.kind.clone(),
            title: entry.summary.title.clone(),
            values: page.values.clone(),
        };
        // A kind that is not offered is still known by the run itself.
        let card = self.jobs.card(&spec.kind).or(page.card.as_ref());
        match card.cloned() {
            Some(card) => self.open_form(card, &spec, format!("clone of {}", name(&entry.summary))),
            None => self.error(format!("this program offers no jobs of kind {}", spec.kind)),
        }
    }

    fn open_form(&mut self, card: JobCard, spec: &Spec, from: String) -> Vec<Effect> {
        let (form, unknown) = Form::new(card, spec, from);
        self.jobs.form = Some(form);
        let mut effects = self.open(Overlay::RunForm);
        if !unknown.is_empty() {
            let words = unknown.join(", ");
            effects.extend(self.error(format!("not known any more and left out: {words}")));
        }
        effects
    }

    pub(in crate::app) fn on_form(&mut self, action: FormAction) -> Vec<Effect> {
        if self.overlay != Some(Overlay::RunForm) {
            return Vec::new();
        }
        match action {
            FormAction::Start => return self.start_run(),
            FormAction::NextField => return self.step_field(1),
            FormAction::PreviousField => return self.step_field(-1),
            FormAction::NextChoice => self.on_field(|field| field.choose(1)),
            FormAction::PreviousChoice => self.on_field(|field| field.choose(-1)),
            FormAction::DefaultValue => self.on_field(Field::reset),
            FormAction::DiscardForm => {
                self.jobs.form = None;
                self.overlay = None;
            }
        }
        Vec::new()
    }

    fn start_run(&mut self) -> Vec<Effect> {
        let Some(form) = &mut self.jobs.form else {
            return Vec::new();
        };
        match form.spec() {
            Ok(spec) => {
                self.overlay = None;
                vec![Effect::Run(RunEffect::Start(spec))]
            }
            Err((at, why)) => {
                form.focus = at;
                self.error(why)
            }
        }
    }

    pub(in crate::app) fn step_field(&mut self, step: isize) -> Vec<Effect> {
        if let Some(form) = &mut self.jobs.form {
            form.step(step);
        }
        Vec::new()
    }

    fn on_field(&mut self, change: impl FnOnce(&mut Field)) {
        if let Some(form) = &mut self.jobs.form {
            form.change(change);
        }
    }

    pub(in crate::app) fn type_into_form(&mut self, text: &str) -> Vec<Effect> {
        self.on_field(|field| field.insert(text));
        Vec::new()
    }

    pub(in crate::app) fn erase_in_form(&mut self) -> Vec<Effect> {
        self.on_field(Field::erase);
        Vec::new()
    }

    pub(in crate::app) fn clear_field(&mut self) -> Vec<Effect> {
        self.on_field(|field| field.typed.clear());
        Vec::new()
    }
}

/// All that is wrong with a preset, in a line.
fn problem(preset: &JobPreset) -> Option<String> {
    let problems = preset.spec.as_ref().err()?;
    let lines = problems.iter().map(ToString::to_string);
    Some(lines.collect::<Vec<_>>().join("; "))
}
