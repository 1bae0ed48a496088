//! Frames in memory: building and writing one while five panes stream, appending to a long answer, and a long run's curves.
//!
//! `cargo bench --bench screen [-- NAME… --json]`
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod figure;
mod runs;

use figure::{Figure, is_wanted, milliseconds, percentile, report};
use std::num::NonZeroU16;
use std::time::{Duration, Instant};
use synod::app::effect::Effect;
use synod::app::keymap::Keymap;
use synod::app::msg::{Chord, Key, Msg};
use synod::app::prompt::PlainDraft;
use synod::app::{App, Start};
use synod::domain::event::{Event, Kind, Source};
use synod::domain::id::{MessageId, NodeId, TurnId};
use synod::domain::plan::{Node, Plan};
use synod::store::settings::{Borders, Settings};
use synod::store::{preset, theme};
use synod::term::Screen;
use synod::ui::cache::Cache;
use synod::ui::theme::{Depth, Theme};
use synod::ui::widget::code::Highlighter;

const PANES: u32 = 5;
const FRAMES: usize = 600;
const WORDS: &[&str] = &[
    "The ",
    "council ",
    "weighs ",
    "**every** ",
    "answer ",
    "with `care` ",
    "日本 ",
    "then ",
    "some.\n\n",
    "- a ",
    "point\n",
    "- more\n\n",
    "```rust\nlet x = 1;\n```\n\n",
];

const PRESET: &str = r#"
title = "five at once"
society = "moa"
[[agents]]
part = "reference"
model = "steady@scripted"
count = 5
[[agents]]
part = "aggregator"
model = "steady@scripted"
"#;

fn main() {
    let mut figures = Vec::new();
    if is_wanted("frame") {
        figures.extend(frames(
            120,
            40,
            4.0,
            "frame, 5 panes streaming, 120x40, p95",
        ));
        figures.extend(frames(
            200,
            60,
            8.0,
            "frame, 5 panes streaming, 200x60, p95",
        ));
    }
    if is_wanted("append") {
        figures.extend(append());
    }
    if is_wanted("jobs") {
        figures.push(runs::frames());
    }
    report(&figures);
}

/// The state and everything that draws it, over a writer that only counts.
struct Stage {
    app: App,
    cache: Cache,
    theme: Theme,
    screen: Screen<Vec<u8>>,
    turn: TurnId,
    seq: u64,
    now: u64,
}

impl Stage {
    /// A turn of `panes` references and an aggregator has begun.
    fn new(columns: u16, rows: u16, panes: u32) -> Self {
        let mut settings = Settings::builtin();
        settings.preset = "bench".into();
        let (spec, _) = theme::builtin_theme("dark");
        let app = App::new(Start {
            draft: Box::new(PlainDraft::new()),
            settings,
            keymap: Keymap::builtin(),
            problems: Vec::new(),
            presets: vec![preset::parse("bench", PRESET)],
            theme: spec.clone(),
            themes: vec!["dark".into()],
            history: Vec::new(),
            default_model: "small".into(),
        });
        let mut stage = Self {
            app,
            cache: Cache::new(Highlighter::off()),
            theme: Theme::new(&spec, Depth::TrueColor, Borders::Unicode, 0),
            screen: Screen::new(Vec::new(), columns, rows).unwrap(),
            turn: TurnId::default(),
            seq: 0,
            now: 1_000,
        };
        stage.update(Msg::Resized { columns, rows });
        for key in [Key::Char('g'), Key::Char('o'), Key::Enter] {
            let chord = Chord {
                key,
                ctrl: false,
                alt: false,
                shift: false,
            };
            for effect in stage.update(Msg::Key(chord)) {
                if let Effect::StartTurn(request) = effect {
                    stage.begin(request.turn, request.question, panes);
                }
            }
        }
        stage
    }

    fn update(&mut self, msg: Msg) -> Vec<Effect> {
        self.now += 1;
        self.app.update(msg, self.now)
    }

    fn begin(&mut self, turn: TurnId, question: MessageId, panes: u32) {
        self.turn = turn;
        let preset = "bench".into();
        self.fold(vec![
            Kind::Began { question, preset },
            Kind::Planned { plan: plan(panes) },
        ]);
    }

    fn fold(&mut self, kinds: Vec<Kind>) {
        let (at, mut seq) = (self.now, self.seq);
        let source = Source::Turn(self.turn);
        let events = kinds.into_iter().map(|kind| {
            seq += 1;
            Event {
                source: source.clone(),
                seq,
                at,
                kind,
            }
        });
        let events: Vec<Event> = events.collect();
        self.seq = seq;
        self.update(Msg::Events(events));
    }

    fn say(&mut self, node: u32, text: &str) {
        self.fold(vec![delta(node, text)]);
    }

    /// What a terminal would show after the frames so far, whose bytes are dropped.
    fn shown(&mut self) -> String {
        let (columns, rows) = self.screen.size();
        let [rows, columns] = [rows, columns].map(|size| NonZeroU16::new(size).unwrap());
        let mut terminal = vt100::Parser::new(rows, columns, 0);
        terminal.process(self.screen.output_mut());
        terminal.screen().contents()
    }

    /// Draws as the loop does; the bytes written.
    fn draw(&mut self) -> usize {
        let mut shown = None;
        let (app, cache, theme) = (&self.app, &mut self.cache, &self.theme);
        let written = self
            .screen
            .draw(|frame| shown = Some(synod::ui::draw(app, cache, theme, frame)))
            .unwrap();
        if let Some(shown) = shown {
            self.update(Msg::Viewport(shown));
        }
        written
    }
}

fn plan(panes: u32) -> Plan {
    let node = |id: u32, part: &str| Node {
        id: NodeId(id),
        part: part.into(),
        title: format!("agent {id}"),
        model: "steady@bench".parse().unwrap(),
        round: if id == 0 { 2 } else { 1 },
        lane: u16::try_from(id).unwrap(),
        is_answer: id == 0,
    };
    let mut plan = Plan::default();
    for id in 1..=panes {
        plan.nodes.push(node(id, "reference"));
        plan.edges.push((NodeId(id), NodeId(0)));
    }
    plan.nodes.push(node(0, "aggregator"));
    plan
}

fn delta(node: u32, text: &str) -> Kind {
    Kind::Delta {
        node: NodeId(node),
        text: text.into(),
        thinking: false,
    }
}

/// Each frame comes after 33 ms of five streams at 100 tokens/s: three or four tokens each.
fn frames(columns: u16, rows: u16, budget: f64, name: &'static str) -> Vec<Figure> {
    let mut stage = Stage::new(columns, rows, PANES);
    stage.draw();
    let (mut times, mut bytes, mut most) = (Vec::new(), 0, 0);
    for number in 0..FRAMES {
        let mut kinds = Vec::new();
        for node in 1..=PANES {
            let from = number * 3 + node as usize;
            let text: String = (from..from + 3).map(|at| WORDS[at % WORDS.len()]).collect();
            kinds.push(delta(node, &text));
        }
        stage.now += 33;
        let start = Instant::now();
        stage.fold(kinds);
        let written = stage.draw();
        times.push(start.elapsed());
        bytes += written;
        most = most.max(written);
    }
    let shown = stage.shown();
    assert!(
        shown.matches("agent").count() >= PANES as usize,
        "this is not the screen that was meant:\n{shown}"
    );
    let note = format!(
        "update, layout, diff and bytes; median {:.3}, {FRAMES} frames",
        percentile(&mut times, 0.5)
    );
    vec![
        Figure {
            name,
            value: percentile(&mut times, 0.95),
            budget,
            unit: "ms",
            note,
        },
        Figure {
            name: "bytes per frame, mean",
            value: bytes as f64 / FRAMES as f64,
            budget: 4096.0,
            unit: "bytes",
            note: format!("at {columns}x{rows}, most {most}"),
        },
    ]
}

/// A token onto a short and onto a long answer, with the frame that shows it.
fn append() -> Vec<Figure> {
    let short = append_to(2_000);
    let long = append_to(200_000);
    vec![
        Figure {
            name: "token appended to 200 kB, state, mean",
            value: milliseconds(long.0) * 1000.0,
            budget: 50.0,
            unit: "µs",
            note: format!("onto 2 kB {:.1}", milliseconds(short.0) * 1000.0),
        },
        Figure {
            name: "frame after it, mean",
            value: milliseconds(long.1),
            budget: 4.0,
            unit: "ms",
            note: format!("onto 2 kB {:.3}", milliseconds(short.1)),
        },
    ]
}

/// Mean times of the state's update and of the frame.
fn append_to(bytes: usize) -> (Duration, Duration) {
    const TOKENS: u32 = 300;
    let mut stage = Stage::new(120, 40, 0);
    let mut text = String::new();
    for word in WORDS.iter().cycle() {
        if text.len() >= bytes {
            break;
        }
        text.push_str(word);
    }
    stage.say(0, &text);
    stage.draw();
    let (mut updates, mut draws) = (Duration::ZERO, Duration::ZERO);
    for number in 0..TOKENS {
        let start = Instant::now();
        stage.say(0, WORDS[number as usize % WORDS.len()]);
        updates += start.elapsed();
        let start = Instant::now();
        stage.draw();
        draws += start.elapsed();
    }
    (updates / TOKENS, draws / TOKENS)
}
