//! Performs what the state asked for. Anything that may wait runs elsewhere and answers through the inbox.

use super::attachment;
use super::inbox::Inbox;
use super::parts::Parts;
use super::recorder::{Recorder, TurnSink};
use super::runs::Runs;
use super::shed::Shed;
use super::timers::Timers;
use super::turn::{self, TurnHandle, TurnParts};
use crate::app::effect::{
    Effect, ExportFormat, ModelEffect, PresetEffect, SessionEffect, TurnRequest,
};
use crate::app::msg::Msg;
use crate::catalog::Permit;
use crate::domain::cancel::Cancel;
use crate::domain::clock::Millis;
use crate::domain::control::Control;
use crate::domain::event::{Event, Kind, Source};
use crate::domain::id::{SessionId, TurnId};
use crate::domain::model::PullOutcome;
use crate::store::error::StoreError;
use crate::store::log::{self, Record, SessionLog};
use crate::store::{export, history, preset, session, settings, theme, write};
use crate::tool::permit::Permissions;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// What only the loop itself can do, since it owns the terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    Copy(String),
    /// `$EDITOR` on the draft, or on a text that is not read back.
    Edit {
        text: String,
        is_draft: bool,
    },
    EditFile(PathBuf),
    Bell,
    Redraw,
    Suspend,
    Quit,
}

/// Everything effects work on.
pub struct Performer {
    parts: Arc<Parts>,
    inbox: Arc<Inbox>,
    tokio: tokio::runtime::Handle,
    pub timers: Timers,
    recorder: Arc<Recorder>,
    tools: Arc<Shed>,
    turns: BTreeMap<TurnId, TurnHandle>,
    pulls: BTreeMap<String, Cancel>,
    runs: Arc<Runs>,
    /// The events of the open session as the export needs them come from its file.
    session: SessionId,
}

impl Performer {
    /// Begins with a new, still unwritten session.
    pub fn new(
        parts: Arc<Parts>,
        inbox: Arc<Inbox>,
        tokio: tokio::runtime::Handle,
    ) -> std::io::Result<Performer> {
        let log = SessionLog::create(&parts.paths, parts.clock.now());
        let session = log.id().clone();
        let recorder = Recorder::start(log, 1, Arc::clone(&parts.clock), Arc::clone(&inbox))?;
        Ok(Performer {
            tools: parts.shed(Permissions::of_person()),
            runs: Arc::new(Runs::new(Arc::clone(&parts), Arc::clone(&inbox))),
            parts,
            inbox,
            tokio,
            timers: Timers::default(),
            recorder,
            turns: BTreeMap::new(),
            pulls: BTreeMap::new(),
            session,
        })
    }

    /// Performs effects in order; what only the loop can do comes back.
    pub fn perform(&mut self, effects: Vec<Effect>, now: Millis) -> Vec<Order> {
        effects
            .into_iter()
            .filter_map(|effect| self.one(effect, now))
            .collect()
    }

    /// The session that is being written.
    #[must_use]
    pub fn session(&self) -> &SessionId {
        &self.session
    }

    fn one(&mut self, effect: Effect, now: Millis) -> Option<Order> {
        match effect {
            Effect::StartTurn(request) => self.start_turn(request),
            Effect::StopTurn(id) => {
                if let Some(turn) = self.turns.get(&id) {
                    turn.cancel.cancel();
                }
            }
            Effect::Control(id, control) => self.control(id, control),
            Effect::Record(kinds) => {
                for kind in kinds {
                    self.recorder.record(Source::Session, kind);
                }
            }
            Effect::Session(effect) => self.session_effect(effect, now),
            Effect::Model(effect) => self.model_effect(effect),
            Effect::Preset(effect) => return self.preset_effect(effect),
            Effect::Run(effect) => {
                let runs = Arc::clone(&self.runs);
                self.in_background(move || {
                    runs.perform(effect);
                    None
                });
            }
            Effect::RememberPrompt(prompt) => {
                let paths = self.parts.paths.clone();
                self.in_background(move || {
                    history::append(&paths, &prompt, now)
                        .err()
                        .map(|error| notice(&error))
                });
            }
            Effect::SetLocalOnly(on) => self.parts.backends.set_local_only(on),
            Effect::LoadTheme(name) => {
                let (spec, problems) = theme::load(&self.parts.paths, &name);
                self.inbox.answer(Msg::Theme(spec, problems));
            }
            Effect::SaveSetting { key, value } => {
                let paths = self.parts.paths.clone();
                self.in_background(move || {
                    settings::save(&paths, &key, &value)
                        .err()
                        .map(|error| notice(&error))
                });
            }
            Effect::Attach { path } => {
                self.in_background(move || {
                    let text = attachment::read(&path);
                    Some(Msg::Attached { path, text })
                });
            }
            Effect::CompletePath { prefix } => {
                self.in_background(move || Some(Msg::Paths(attachment::complete(&prefix))));
            }
            Effect::Copy(text) => return Some(Order::Copy(text)),
            Effect::EditDraft(text) => {
                return Some(Order::Edit {
                    text,
                    is_draft: true,
                });
            }
            Effect::ViewText(text) => {
                return Some(Order::Edit {
                    text,
                    is_draft: false,
                });
            }
            Effect::After(wait, timer) => self.timers.set(now + wait, timer),
            Effect::Bell => return Some(Order::Bell),
            Effect::Redraw => return Some(Order::Redraw),
            Effect::Suspend => return Some(Order::Suspend),
            Effect::Quit => return Some(Order::Quit),
        }
        None
    }

    fn start_turn(&mut self, request: TurnRequest) {
        let id = request.turn;
        let sink = TurnSink {
            recorder: Arc::clone(&self.recorder),
            source: Source::Turn(id),
        };
        self.turns.retain(|_, turn| !turn.ended.is_finished());
        let parts = TurnParts {
            request,
            backends: Arc::clone(&self.parts.backends),
            sink: Arc::new(sink),
            seed: self.parts.clock.now(),
        };
        let tools = Some(Arc::clone(&self.tools));
        self.turns
            .insert(id, turn::start_with(parts, tools, &self.tokio));
    }

    fn control(&mut self, id: TurnId, control: Control) {
        if let Some(turn) = self.turns.get(&id) {
            // A turn that has just ended needs no control.
            let _ = turn.controls.send(control);
        }
    }

    fn session_effect(&mut self, effect: SessionEffect, now: Millis) {
        match effect {
            SessionEffect::New => {
                let log = SessionLog::create(&self.parts.paths, self.parts.clock.now());
                self.switch(log, Vec::new());
                self.inbox.answer(Msg::SessionStarted(self.session.clone()));
            }
            SessionEffect::Open(id) => match SessionLog::open(&self.parts.paths, &id) {
                Ok((log, events)) => {
                    self.switch(log, events.clone());
                    self.inbox.answer(Msg::Opened { id, events });
                }
                Err(error) => self.inbox.answer(notice(&error)),
            },
            SessionEffect::Replay(turn) => self.replay(turn),
            SessionEffect::List { query } => self.list_sessions(query),
            SessionEffect::Rename { id, title } => {
                if id == self.session {
                    self.recorder
                        .record(Source::Session, Kind::Titled { title });
                } else {
                    let paths = self.parts.paths.clone();
                    self.in_background(move || {
                        session::rename(&paths, &id, &title, now)
                            .err()
                            .map(|error| notice(&error))
                    });
                }
                self.list_sessions(String::new());
            }
            SessionEffect::Delete(id) => {
                if let Err(error) = session::delete(&self.parts.paths, &id) {
                    self.inbox.answer(notice(&error));
                }
                self.list_sessions(String::new());
            }
            SessionEffect::UndoDelete => {
                if let Err(error) = session::undo_delete(&self.parts.paths) {
                    self.inbox.answer(notice(&error));
                }
                self.list_sessions(String::new());
            }
            SessionEffect::Export { format, with_parts } => self.export(format, with_parts),
        }
    }

    /// The session in use becomes another one; a turn that still runs keeps writing to its own.
    fn switch(&mut self, log: SessionLog, events: Vec<Event>) {
        let next = events.iter().map(|event| event.seq).max().unwrap_or(0) + 1;
        let id = log.id().clone();
        match Recorder::start(
            log,
            next,
            Arc::clone(&self.parts.clock),
            Arc::clone(&self.inbox),
        ) {
            Ok(recorder) => {
                self.recorder = recorder;
                self.session = id;
                self.tools.forget();
            }
            Err(error) => self.inbox.answer(notice(&error)),
        }
    }

    fn list_sessions(&self, query: String) {
        let paths = self.parts.paths.clone();
        self.in_background(move || Some(Msg::Sessions(session::list(&paths, &query))));
    }

    /// Reads a turn's events from the session's file.
    fn replay(&self, turn: TurnId) {
        self.with_record(move |_, record| {
            let mut events = record.events;
            let source = Source::Turn(turn);
            events.retain(|event| event.source == source);
            Ok(Msg::Recorded { turn, events })
        });
    }

    fn export(&self, format: ExportFormat, with_parts: bool) {
        self.with_record(move |id, record| {
            let ending = match format {
                ExportFormat::Markdown => "md",
                ExportFormat::Json => "json",
            };
            let file = PathBuf::from(format!("synod-{id}.{ending}"));
            let choice = export::Choice {
                with_parts,
                turn: None,
            };
            let text = match format {
                ExportFormat::Markdown => export::markdown(id, &record, choice),
                ExportFormat::Json => format!("{:#}\n", export::json(id, &record, choice)),
            };
            write::atomically(&file, text.as_bytes())?;
            Ok(Msg::Notice {
                text: format!("exported to {}", file.display()),
                is_error: false,
            })
        });
    }

    /// Works on all that the session's file holds, what was only just said included.
    fn with_record(
        &self,
        work: impl FnOnce(&SessionId, Record) -> Result<Msg, StoreError> + Send + 'static,
    ) {
        let (paths, id, recorder) = (
            self.parts.paths.clone(),
            self.session.clone(),
            Arc::clone(&self.recorder),
        );
        self.in_background(move || {
            recorder.flush();
            let done = log::read(&paths, &id).and_then(|record| work(&id, record));
            Some(done.unwrap_or_else(|error| notice(&error)))
        });
    }

    fn model_effect(&mut self, effect: ModelEffect) {
        let (catalog, inbox) = (Arc::clone(&self.parts.catalog), Arc::clone(&self.inbox));
        match effect {
            ModelEffect::List => self.in_background(move || Some(Msg::Models(catalog.list()))),
            ModelEffect::Pull(model) => {
                let cancel = Cancel::new();
                if let Some(earlier) = self.pulls.insert(model.clone(), cancel.clone()) {
                    earlier.cancel();
                }
                // The licence was agreed to on screen before the effect was sent.
                let permit = Permit {
                    consent: true,
                    local_only: self.parts.backends.is_local_only(),
                };
                self.tokio.spawn(async move {
                    let progress = |pull| inbox.answer(Msg::Pull(pull));
                    let outcome = catalog.pull(&model, permit, &progress, cancel).await;
                    inbox.answer(Msg::PullEnded { model, outcome });
                    inbox.answer(Msg::Models(catalog.list()));
                });
            }
            ModelEffect::StopPull(model) => {
                if let Some(cancel) = self.pulls.get(&model) {
                    cancel.cancel();
                }
            }
            ModelEffect::Verify(model) => {
                let cancel = Cancel::new();
                self.pulls.insert(model.clone(), cancel.clone());
                self.tokio.spawn(async move {
                    let progress = |pull| inbox.answer(Msg::Pull(pull));
                    let verdict = catalog.verify(&model, &progress, &cancel).await;
                    inbox.answer(match verdict {
                        Ok(verdict) => {
                            let text = match verdict.expected {
                                Some(_) => format!("{model}: the checksum is right"),
                                None => format!(
                                    "{model}: SHA-256 {} (none is known to compare with)",
                                    verdict.sha256
                                ),
                            };
                            inbox.answer(Msg::PullEnded {
                                model,
                                outcome: PullOutcome::Ready { path: verdict.path },
                            });
                            Msg::Notice {
                                text,
                                is_error: false,
                            }
                        }
                        Err(fault) => {
                            inbox.answer(Msg::PullEnded {
                                model,
                                outcome: PullOutcome::Stopped,
                            });
                            notice(&fault)
                        }
                    });
                    inbox.answer(Msg::Models(catalog.list()));
                });
            }
            ModelEffect::Remove(model) => self.in_background(move || {
                let failed = catalog.remove(&model).err().map(|error| notice(&error));
                inbox.answer(Msg::Models(catalog.list()));
                failed
            }),
        }
    }

    fn preset_effect(&mut self, effect: PresetEffect) -> Option<Order> {
        let paths = self.parts.paths.clone();
        match effect {
            PresetEffect::Reload => {
                self.in_background(move || Some(Msg::Presets(preset::load_all(&paths))))
            }
            PresetEffect::Edit(name) => match preset::editable(&paths, &name) {
                Ok(file) => return Some(Order::EditFile(file)),
                Err(error) => self.inbox.answer(notice(&error)),
            },
            PresetEffect::Duplicate(name) => {
                if let Err(error) = preset::duplicate(&paths, &name) {
                    self.inbox.answer(notice(&error));
                }
                self.in_background(move || Some(Msg::Presets(preset::load_all(&paths))));
            }
        }
        None
    }

    fn in_background(&self, work: impl FnOnce() -> Option<Msg> + Send + 'static) {
        let inbox = Arc::clone(&self.inbox);
        self.tokio.spawn_blocking(move || {
            if let Some(msg) = work() {
                inbox.answer(msg);
            }
        });
    }

    /// Stops what runs and writes what is left.
    pub fn close(&mut self) {
        for turn in self.turns.values() {
            turn.cancel.cancel();
        }
        for pull in self.pulls.values() {
            pull.cancel();
        }
        self.recorder.close();
    }
}

fn notice(error: &dyn std::fmt::Display) -> Msg {
    Msg::Notice {
        text: error.to_string(),
        is_error: true,
    }
}
