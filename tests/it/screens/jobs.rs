//! The jobs screen: runs told by their events alone, the form made from a card alone.

use super::*;
use std::collections::BTreeMap;
use synod::app::action::{Action, LookAction, RunsAction};
use synod::app::effect::{Effect, RunEffect, Timer};
use synod::app::jobs::{RunEntry, Section};
use synod::app::msg::RunMsg;
use synod::domain::event::{Cell, Level};
use synod::domain::id::RunId;
use synod::domain::parameter::{Domain, Parameter, Value};
use synod::domain::reading::{GpuReading, Reading};
use synod::domain::run::{
    Goal, JobCard, Product, ProductKind, RunControl, RunState, RunSummary, SeriesCard, TableCard,
};
use synod::domain::spec::Spec;
use synod::store::spec_file::JobPreset;

const NOW: Millis = 10_000_000;

fn parameter(
    key: &str,
    group: &str,
    help: &str,
    domain: Domain,
    default: Option<Value>,
) -> Parameter {
    Parameter {
        key: key.into(),
        title: key.replace('_', " "),
        help: help.into(),
        group: group.into(),
        domain,
        default,
    }
}

fn series(name: &str, title: &str, unit: &str, goal: Goal, group: &str) -> SeriesCard {
    SeriesCard {
        name: name.into(),
        title: title.into(),
        unit: unit.into(),
        goal,
        group: group.into(),
    }
}

fn card() -> JobCard {
    let whole = |least, most| Domain::Whole { least, most };
    let options = vec!["cosine".into(), "linear".into(), "constant".into()];
    JobCard {
        kind: "finetune".into(),
        title: "fine-tune".into(),
        about: "Trains adapters over a frozen model, or all of a small one.".into(),
        unit: "step".into(),
        parameters: vec![
            parameter(
                "model",
                "data",
                "The model that learns.",
                Domain::Model,
                Some(Value::Text("smollm2-135m".into())),
            ),
            parameter(
                "data",
                "data",
                "Chat lines, prompt and completion pairs, or plain text.",
                Domain::Path,
                None,
            ),
            parameter(
                "rank",
                "adapter",
                "Rank of the adapters: more can hold more and costs more.",
                whole(1, 256),
                Some(Value::Whole(16)),
            ),
            parameter(
                "rate",
                "optimiser",
                "The highest learning rate.",
                Domain::Real {
                    least: 0.0,
                    most: 1.0,
                },
                Some(Value::Real(2e-4)),
            ),
            parameter(
                "schedule",
                "optimiser",
                "How the rate falls after warm-up.",
                Domain::Choice { options },
                Some(Value::Text("cosine".into())),
            ),
            parameter(
                "packed",
                "data",
                "Several short examples share a row, each blind to the others.",
                Domain::Flag,
                Some(Value::Flag(true)),
            ),
            parameter(
                "steps",
                "optimiser",
                "Updates of the weights.",
                whole(1, 1_000_000),
                Some(Value::Whole(400)),
            ),
        ],
        series: vec![
            series("loss", "loss", "nats", Goal::Lower, "loss"),
            series("held_out", "held out", "nats", Goal::Lower, "loss"),
            series("rate", "tokens a second", "tokens/s", Goal::Higher, "speed"),
        ],
        tables: vec![TableCard {
            name: "samples".into(),
            title: "samples".into(),
            columns: vec!["step".into(), "held out".into(), "answer".into()],
        }],
    }
}

/// One run's log, told in order.
struct Log {
    run: RunId,
    events: Vec<Event>,
    now: Millis,
}

impl Log {
    fn begin(run: &str, title: &str, at: Millis) -> Log {
        let mut log = Log {
            run: RunId(run.into()),
            events: Vec::new(),
            now: at,
        };
        log.tell(Kind::Opened {
            card: Box::new(card()),
            title: title.into(),
        });
        log
    }

    fn tell(&mut self, kind: Kind) -> &mut Self {
        self.events.push(Event {
            source: Source::Run(self.run.clone()),
            seq: self.events.len() as u64 + 1,
            at: self.now,
            kind,
        });
        self
    }

    fn state(&mut self, state: RunState, why: Option<&str>) -> &mut Self {
        let why = why.map(str::to_owned);
        self.tell(Kind::State { state, why })
    }

    fn note(&mut self, level: Level, text: &str) -> &mut Self {
        self.tell(Kind::Note {
            level,
            text: text.into(),
        })
    }

    fn metric(&mut self, series: &str, x: f64, y: f64) -> &mut Self {
        self.tell(Kind::Metric {
            series: series.into(),
            x,
            y,
        })
    }

    /// So many steps of a loss that falls, noisily but always in the same way.
    fn train(&mut self, steps: u32, of: u64, from: f64) -> &mut Self {
        for step in 1..=steps {
            self.now += 500;
            let x = f64::from(step);
            let noise = f64::from(step * 7919 % 101) / 101.0 - 0.5;
            let loss = from * (-x / 90.0).exp() + 0.8 + noise * 0.25;
            self.metric("loss", x, loss)
                .metric("rate", x, 1_400.0 + noise * 300.0);
            if step % 20 == 0 {
                let held = from * (-x / 110.0).exp() + 1.0;
                self.metric("held_out", x, held);
                let answer = format!("The answer is {}.", step * 3);
                let cells = vec![Cell::Number(held), Cell::Text(answer)];
                self.tell(Kind::Row {
                    table: "samples".into(),
                    key: step.to_string(),
                    cells,
                });
                self.tell(Kind::Checkpointed {
                    done: u64::from(step),
                    bytes: 9_400_000,
                });
            }
            let done = u64::from(step);
            self.tell(Kind::Advanced { done, total: of });
        }
        self
    }

    fn entry(&self) -> RunEntry {
        let mut summary = RunSummary::new(self.run.clone());
        for event in &self.events {
            summary.fold(event);
        }
        RunEntry {
            summary,
            folder: format!("/data/runs/{}", self.run.0).into(),
        }
    }

    fn read(&self) -> Msg {
        let values = BTreeMap::from([
            ("data".into(), Value::Text("gsm8k-train.jsonl".into())),
            ("rank".into(), Value::Whole(8)),
        ]);
        Msg::Run(RunMsg::Read {
            run: self.run.clone(),
            events: self.events.clone(),
            begun: Some(values),
        })
    }
}

fn running() -> Log {
    let mut log = Log::begin("r3", "ft-gsm8k", NOW - 200_000);
    log.state(RunState::Preparing, None)
        .note(
            Level::Info,
            "300 examples, 41,208 tokens, 38 % of them with labels",
        )
        .note(Level::Warning, "2 examples were cut at 512 tokens")
        .state(RunState::Running, None)
        .train(240, 400, 2.4);
    log
}

fn done() -> Log {
    let mut log = Log::begin("r2", "算数 rank 4", NOW - 900_000);
    log.state(RunState::Running, None).train(400, 400, 2.1);
    let product = Product {
        kind: ProductKind::Adapter,
        title: "adapter (best)".into(),
        path: "adapter-best".into(),
        base: Some("smollm2-135m".into()),
    };
    log.tell(Kind::Made { product }).state(RunState::Done, None);
    log
}

fn failed() -> Log {
    let mut log = Log::begin("r1", "critic", NOW - 2_000_000);
    log.state(RunState::Running, None)
        .train(31, 400, 2.0)
        .state(
            RunState::Failed,
            Some("out of memory: 3.1 GiB more were needed"),
        );
    log
}

fn queued() -> Log {
    let mut log = Log::begin("r4", "", NOW - 10_000);
    log.state(RunState::Queued, Some("waits for cpu"));
    log
}

fn reading(second: u64) -> Reading {
    let cpu = 50.0 + 40.0 * ((second as f32) / 9.0).sin();
    Reading {
        cpu_percent: cpu,
        cores: vec![cpu, 100.0 - cpu, 12.0, 80.0],
        memory_used: 5 << 30,
        memory_total: 16 << 30,
        disk_free: Some(812_000_000_000),
        disk_read: Some(1_200_000),
        disk_written: Some(40_000),
        gpus: Vec::new(),
        no_gpu: Some("no NVIDIA driver found".into()),
    }
}

fn do_update(app: &mut App, msg: Msg) -> Vec<Effect> {
    app.update(msg, NOW)
}

fn job_preset(name: &str, spec: Result<Spec, Vec<Problem>>) -> JobPreset {
    JobPreset {
        name: name.into(),
        path: None,
        is_builtin: true,
        about: "Sums in words, a few hundred of them.".into(),
        spec,
    }
}

/// The screen with these runs, the first one under the cursor.
fn shown(logs: &[Log]) -> App {
    let mut app = app();
    let _ = do_update(&mut app, Msg::Key(Chord::plain(Key::F(4))));
    let kinds = RunMsg::Kinds {
        cards: vec![card()],
        presets: vec![
            job_preset(
                "gsm8k",
                Ok(Spec {
                    kind: "finetune".into(),
                    title: "sums".into(),
                    values: BTreeMap::from([("rank".into(), Value::Whole(4))]),
                }),
            ),
            job_preset(
                "torn",
                Err(vec![Problem {
                    file: "presets/jobs/torn.toml".into(),
                    line: Some(3),
                    message: "expected a value".into(),
                }]),
            ),
        ],
    };
    let _ = do_update(&mut app, Msg::Run(kinds));
    let entries = logs.iter().map(Log::entry).collect();
    let _ = do_update(&mut app, Msg::Run(RunMsg::Listed(entries)));
    if let Some(first) = logs.first() {
        app.jobs.selected = Some(first.run.clone());
        let _ = do_update(&mut app, first.read());
    }
    for second in 0..200 {
        // Somebody looked elsewhere for a while.
        if !(80..110).contains(&second) {
            let at = NOW - 200_000 + second * 1000;
            let _ = app.update(Msg::Run(RunMsg::Sampled(reading(second))), at);
        }
    }
    app.now = NOW;
    app
}

fn at_work() -> App {
    shown(&[running(), done(), failed(), queued()])
}

fn key(app: &mut App, c: char) -> Vec<Effect> {
    do_update(app, Msg::Key(Chord::plain(Key::Char(c))))
}

#[test]
fn runs_at_work_are_drawn_from_their_events() {
    at_all_sizes("jobs", at_work);
}

#[test]
fn without_runs_the_first_step_is_named() {
    at_all_sizes("jobs-empty", || shown(&[]));
}

#[test]
fn a_run_that_failed_says_why_and_a_table_has_the_screen() {
    let mut app = shown(&[failed(), done()]);
    app.jobs.section = Section::Config;
    let (buffer, _) = render(&mut app, &theme(), 80, 24);
    snapshot("jobs-failed-80x24", &text(&buffer));
    let mut app = shown(&[done()]);
    app.jobs.section = Section::Table;
    let _ = key(&mut app, 'o');
    let _ = key(&mut app, 'z');
    let (buffer, _) = render(&mut app, &theme(), 80, 24);
    snapshot("jobs-table-80x24", &text(&buffer));
}

#[test]
fn runs_are_compared_over_each_other() {
    let mut app = at_work();
    let mark = key(&mut app, ' ');
    assert_eq!(
        mark,
        [Effect::Run(RunEffect::Follow(vec![RunId("r3".into())]))]
    );
    let other = done();
    app.jobs.marked.push(other.run.clone());
    let _ = do_update(&mut app, other.read());
    app.jobs.section = Section::Chart;
    let _ = key(&mut app, 'y');
    let (buffer, _) = render(&mut app, &theme(), 120, 40);
    snapshot("jobs-compared-120x40", &text(&buffer));
}

#[test]
fn graphics_cards_are_drawn_and_what_they_do_not_tell_is_said() {
    let mut app = at_work();
    let card = GpuReading {
        name: "card".into(),
        busy_percent: Some(97),
        memory_used: 61 << 30,
        memory_total: 141 << 30,
        temperature: Some(66),
        power: None,
    };
    let with_card = Reading {
        gpus: vec![card],
        no_gpu: None,
        ..reading(0)
    };
    let _ = do_update(&mut app, Msg::Run(RunMsg::Sampled(with_card)));
    let (buffer, _) = render(&mut app, &theme(), 120, 40);
    let text = text(&buffer);
    assert!(
        text.contains("gpu0 97%  vram 61/141 GiB  n/a  66 C"),
        "{text}"
    );
}

#[test]
fn no_colour_and_plain_characters_are_enough() {
    let theme = Theme::new(&ThemeSpec::default(), Depth::None, Borders::Ascii, 1);
    let mut app = shown(&[running()]);
    let (buffer, _) = render(&mut app, &theme, 80, 24);
    let text = text(&buffer);
    assert!(text.replace('…', "").is_ascii(), "{text}");
    snapshot("jobs-ascii-80x24", &text);
}

#[test]
fn the_form_is_made_from_the_card() {
    let make = || {
        let mut app = at_work();
        let _ = key(&mut app, 'n');
        for c in "gsm8k".chars() {
            let _ = key(&mut app, c);
        }
        press(&mut app, Chord::plain(Key::Enter));
        app
    };
    at_all_sizes("jobs-form", || {
        let mut app = make();
        press(&mut app, Chord::plain(Key::Down));
        press(&mut app, Chord::plain(Key::Down));
        app
    });
    let mut app = make();
    press(&mut app, Chord::plain(Key::Enter));
    assert!(app.overlay.is_some(), "a field is missing");
    let form = app.jobs.form.as_ref().unwrap();
    assert_eq!(form.focus, 2, "the first field that is wrong has the focus");
    for c in "x.jsonl".chars() {
        let _ = key(&mut app, c);
    }
    let effects = do_update(&mut app, Msg::Key(Chord::plain(Key::Enter)));
    let [Effect::Run(RunEffect::Start(order))] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    assert_eq!(
        (order.kind.as_str(), order.title.as_str()),
        ("finetune", "sums")
    );
    assert_eq!(order.values["data"], Value::Text("x.jsonl".into()));
    assert_eq!(order.values["rank"], Value::Whole(4));
    // Refused: the form is there again, with what was typed.
    let _ = do_update(
        &mut app,
        Msg::Run(RunMsg::Started(Err("no such file x.jsonl".into()))),
    );
    let (buffer, _) = render(&mut app, &theme(), 80, 24);
    assert!(text(&buffer).contains("no such file x.jsonl"));
    press(&mut app, Chord::plain(Key::Esc));
    let rows = app.start_rows();
    assert_eq!(rows.len(), 4, "draft, two presets, one kind: {rows:?}");
}

#[test]
fn orders_to_a_run_ask_where_something_would_be_lost() {
    let run = RunId("r3".into());
    let control = |control| Effect::Run(RunEffect::Control(run.clone(), control));
    let mut app = at_work();
    assert_eq!(key(&mut app, 'p')[0], control(RunControl::Pause));
    assert!(key(&mut app, 's').is_empty() && app.overlay.is_some());
    assert_eq!(key(&mut app, 'y')[0], control(RunControl::Stop));
    let _ = key(&mut app, 'D');
    assert!(app.overlay.is_none(), "a running one is never removed");
    let mut app = shown(&[done()]);
    let _ = key(&mut app, 'D');
    let removed = Effect::Run(RunEffect::Remove(RunId("r2".into())));
    assert_eq!(key(&mut app, 'y')[0], removed);
    assert!(matches!(
        key(&mut app, 'x')[0],
        Effect::Run(RunEffect::ExportCsv(_))
    ));
    let mut app = shown(&[failed()]);
    let resume = Effect::Run(RunEffect::Control(RunId("r1".into()), RunControl::Resume));
    assert_eq!(key(&mut app, 'r')[0], resume);
}

#[test]
fn a_clone_has_the_values_of_its_run() {
    let mut app = shown(&[done()]);
    let _ = key(&mut app, 'c');
    let form = app.jobs.form.as_ref().unwrap();
    let order = form.spec().unwrap();
    assert_eq!(order.values["rank"], Value::Whole(8));
    assert_eq!(order.values["steps"], Value::Whole(400));
    assert!(form.from.starts_with("clone of"));
}

#[test]
fn one_key_chats_with_what_was_made() {
    let mut app = shown(&[done()]);
    let effects = key(&mut app, 'C');
    assert_eq!(app.screen, Screen::Chat);
    assert!(!effects.is_empty());
    let council = app.presets[0].council.as_ref().unwrap();
    assert_eq!(app.preset, app.presets[0].name);
    let agent = &council.agents[0];
    assert_eq!(agent.model, ModelRef::new("smollm2-135m", "local"));
    let path = agent.adapters[0].path.to_string_lossy();
    assert_eq!(path, "/data/runs/r2/adapter-best");
    // Reading the presets again does not lose it.
    let _ = do_update(&mut app, Msg::Presets(presets()));
    assert_eq!(app.preset, app.presets[0].name);
}

#[test]
fn nothing_wakes_at_rest() {
    let is_timer = |effect: &Effect| matches!(effect, Effect::After(_, Timer::Jobs));
    let mut app = shown(&[done()]);
    let look = do_update(&mut app, Msg::Timer(Timer::Jobs));
    assert!(look.iter().any(is_timer), "the screen is shown");
    press(&mut app, Chord::plain(Key::F(3)));
    assert_eq!(do_update(&mut app, Msg::Timer(Timer::Jobs)), []);
    let mut app = shown(&[running()]);
    press(&mut app, Chord::plain(Key::F(3)));
    let look = do_update(&mut app, Msg::Timer(Timer::Jobs));
    assert!(look.iter().any(is_timer), "a run works");
    assert!(
        !look.contains(&Effect::Run(RunEffect::Sample)),
        "nobody looks"
    );
}

#[test]
fn leaving_while_a_run_works_is_asked_once() {
    let leave = [Chord::ctrl('x'), Chord::plain(Key::Char('q'))];
    let mut app = shown(&[done()]);
    let last = leave.map(|chord| do_update(&mut app, Msg::Key(chord)));
    assert_eq!(last[1].last(), Some(&Effect::Quit));
    let mut app = shown(&[running()]);
    let last = leave.map(|chord| do_update(&mut app, Msg::Key(chord)));
    assert_eq!(last[1], []);
    assert!(app.overlay.is_some());
    assert_eq!(key(&mut app, 'y').last(), Some(&Effect::Quit));
}

#[test]
fn keys_of_the_page() {
    let mut app = at_work();
    let _ = key(&mut app, '/');
    for c in "critic".chars() {
        let _ = key(&mut app, c);
    }
    press(&mut app, Chord::plain(Key::Enter));
    assert_eq!(app.jobs.listed().len(), 1);
    assert_eq!(app.jobs.selected, Some(RunId("r1".into())));
    press(&mut app, Chord::plain(Key::Esc));
    assert_eq!(app.jobs.listed().len(), 4);

    let mut app = at_work();
    let _ = app.perform(Action::Look(LookAction::NextMetric));
    assert_eq!(app.jobs.plot().unwrap().unit, "tokens/s");
    let _ = key(&mut app, '+');
    assert_eq!(app.jobs.plot().unwrap().window, (120.5, 240.0));
    let _ = key(&mut app, 'f');
    let mut later = running();
    later.train(300, 400, 2.4);
    let _ = do_update(&mut app, later.read());
    assert_eq!(app.jobs.plot().unwrap().window, (120.5, 240.0));
    let _ = key(&mut app, '0');
    assert_eq!(app.jobs.plot().unwrap().window, (1.0, 300.0));

    let _ = key(&mut app, '5');
    let _ = key(&mut app, '/');
    for c in "cut at".chars() {
        let _ = key(&mut app, c);
    }
    press(&mut app, Chord::plain(Key::Enter));
    assert!(app.jobs.log.hit.is_some());
    let _ = app.perform(Action::Runs(RunsAction::ClearMarks));
    for _ in 0..4 {
        press(&mut app, Chord::plain(Key::Esc));
    }
    assert_eq!(app.screen, Screen::Chat);
}

#[test]
fn no_size_of_the_jobs_panics() {
    let theme = theme();
    for section in Section::ALL {
        for is_zoomed in [false, true] {
            let mut app = at_work();
            app.jobs.section = section;
            app.jobs.is_zoomed = is_zoomed;
            for (columns, rows) in sizes() {
                let _ = render(&mut app, &theme, columns, rows);
            }
        }
    }
    let mut app = at_work();
    let _ = key(&mut app, 'c');
    for (columns, rows) in sizes() {
        let _ = render(&mut app, &theme, columns, rows);
    }
    let mut app = at_work();
    let (buffer, _) = render(&mut app, &theme, 40, 12);
    snapshot("jobs-40x12", &text(&buffer));
}
