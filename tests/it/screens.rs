//! How screens look, at three sizes: played through the real update function, drawn into a buffer, compared as text. Roles
//! stand in a snapshot of their own, so that a theme's colour changes nothing here.

mod boards;
mod jobs;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use synod::app::draft::Edit;
use synod::app::focus::{Area, PaneId, PaneView, Viewport};
use synod::app::keymap::Keymap;
use synod::app::models::FirstRun;
use synod::app::msg::{Chord, Key, Msg};
use synod::app::overlay::{Confirm, Confirmed, ListState, Overlay};
use synod::app::{App, Screen, Start};
use synod::domain::clock::Millis;
use synod::domain::event::{Event, Kind, Outcome, Progress, Source};
use synod::domain::fault::{Fault, FaultClass};
use synod::domain::id::{MessageId, NodeId, SessionId, TurnId};
use synod::domain::message::Role as Speaker;
use synod::domain::model::{ModelInfo, ModelState, Pull, PullStage};
use synod::domain::plan::{Hint, Node, Plan};
use synod::domain::request::{Finish, ModelRef, Usage};
use synod::store::preset::{self, Preset, Problem};
use synod::store::session::SessionInfo;
use synod::store::settings::{Borders, Settings};
use synod::store::theme::{Look, ThemeSpec, builtin_theme};
use synod::ui;
use synod::ui::cache::Cache;
use synod::ui::theme::{Depth, Role, Theme};
use synod::ui::widget::code::Highlighter;
use synod::ui::widget::prompt::Editor;

const SIZES: [(u16, u16); 3] = [(80, 24), (120, 40), (200, 60)];
const QUESTION: &str = "Why is the sky blue? Two paragraphs, please.";
const TURN: TurnId = TurnId(2);

/// A preset of the test's own, so that pictures do not change with the built-in ones.
fn council(title: &str, model: &str) -> String {
    let mut text = format!("title = \"{title}\"\nsociety = \"moa\"\n[settings]\nrounds = 1\n");
    for name in ["steady", "level", "lively", "bold"] {
        text.push_str(&format!(
            "[[agents]]\npart = \"reference\"\nname = \"{name}\"\nmodel = \"{model}\"\n"
        ));
    }
    text.push_str(&format!(
        "[[agents]]\npart = \"aggregator\"\nmodel = \"{model}\"\n"
    ));
    text
}

fn presets() -> Vec<Preset> {
    let councils = [
        (
            "moa-local",
            "four local agents and an aggregator",
            "smollm2-135m",
        ),
        ("self-moa", "one model, six samples", "qwen3-0.6b"),
        ("moa-ollama", "three models on Ollama", "qwen3:8b@ollama"),
    ];
    let mut presets: Vec<Preset> = councils
        .into_iter()
        .map(|(name, title, model)| preset::parse(name, &council(title, model)))
        .collect();
    let problem = Problem {
        file: "presets/old-council.toml".into(),
        line: Some(12),
        message: "unknown field `temprature`, expected one of `temperature`, `top_p`".into(),
    };
    presets.push(Preset {
        name: "old-council".into(),
        path: None,
        is_builtin: false,
        council: Err(problem),
        warnings: Vec::new(),
    });
    presets
}

pub fn app() -> App {
    App::new(Start {
        draft: Box::new(Editor::new()),
        settings: Settings::builtin(),
        keymap: Keymap::builtin(),
        problems: Vec::new(),
        presets: presets(),
        theme: builtin_theme("dark").0,
        themes: vec!["dark".into(), "light".into(), "ember".into()],
        history: Vec::new(),
        default_model: "smollm2-135m".into(),
    })
}

/// A script of events, played at given times.
struct Play {
    app: App,
    seq: u64,
    now: Millis,
}

impl Play {
    fn new() -> Self {
        Self {
            app: app(),
            seq: 0,
            now: 1_000_000,
        }
    }

    fn event(&mut self, source: Source, kind: Kind) {
        self.seq += 1;
        let event = Event {
            source,
            seq: self.seq,
            at: self.now,
            kind,
        };
        let _ = self.app.update(Msg::Events(vec![event]), self.now);
    }

    fn after(&mut self, ms: Millis) -> &mut Self {
        self.now += ms;
        self
    }

    fn say(&mut self, id: u64, parent: Option<u64>, role: Speaker, text: &str) {
        let said = Kind::Said {
            message: MessageId(id),
            parent: parent.map(MessageId),
            role,
            text: text.into(),
        };
        self.event(Source::Session, said);
        let head = Kind::Head {
            message: Some(MessageId(id)),
        };
        self.event(Source::Session, head);
    }

    fn turn(&mut self, kind: Kind) {
        self.event(Source::Turn(TURN), kind);
    }

    fn begin(&mut self, question: u64, plan: Plan) {
        let began = Kind::Began {
            question: MessageId(question),
            preset: "moa-local".into(),
        };
        self.turn(began);
        self.app.chat.running = Some(TURN);
        self.turn(Kind::Planned { plan });
    }

    fn progress(&mut self, node: u32, progress: Progress) {
        self.turn(Kind::Progress {
            node: NodeId(node),
            progress,
        });
    }

    fn stream(&mut self, node: u32, text: &str, ms: Millis) {
        let pieces = text.split_inclusive(' ').count() as u64;
        let mut left = ms;
        for piece in text.split_inclusive(' ') {
            self.turn(Kind::Delta {
                node: NodeId(node),
                text: piece.into(),
                thinking: false,
            });
            let step = ms / pieces.max(1);
            self.now += step;
            left = left.saturating_sub(step);
        }
        self.now += left;
    }

    fn done(&mut self, node: u32, tokens: u64) {
        self.turn(Kind::Done {
            node: NodeId(node),
            usage: Usage {
                prompt_tokens: 288,
                completion_tokens: tokens,
                ..Usage::default()
            },
            finish: Finish::Stop,
        });
    }
}

fn plan(references: u32, rounds: u16) -> Plan {
    let models = ["qwen3-8b", "llama3.1-8b", "gemma2-9b", "mistral-7b"];
    let mut nodes = Vec::new();
    let mut edges = Vec::new();
    for round in 1..=rounds {
        for lane in 0..references {
            let id = u32::from(round - 1) * references + lane + 1;
            let model = models[lane as usize % models.len()];
            nodes.push(Node {
                id: NodeId(id),
                part: "reference".into(),
                title: if references > 4 {
                    format!("{model} {}", lane / 4 + 1)
                } else {
                    model.into()
                },
                model: ModelRef::new(model, "local"),
                round,
                lane: u16::try_from(lane).unwrap() + 1,
                is_answer: false,
            });
        }
    }
    for from in &nodes {
        let next = nodes.iter().filter(|node| node.round == from.round + 1);
        edges.extend(next.map(|to| (from.id, to.id)));
    }
    let answer = NodeId(100);
    edges.extend(
        nodes
            .iter()
            .filter(|node| node.round == rounds)
            .map(|node| (node.id, answer)),
    );
    nodes.push(Node {
        id: answer,
        part: "aggregator".into(),
        title: "qwen3-8b".into(),
        model: ModelRef::new("qwen3-8b", "local"),
        round: rounds + 1,
        lane: 0,
        is_answer: true,
    });
    Plan {
        nodes,
        edges,
        hint: Hint::Columns,
    }
}

const FIRST: &str = "Sunlight reaching the atmosphere contains every visible wavelength. Air molecules are far smaller than those wavelengths, so they scatter short ones much more strongly than long ones (Rayleigh scattering, proportional to one over the fourth power of the wavelength). The blue part of the light is therefore redirected across the whole sky, and";
const SECOND: &str = "Two effects combine. First, scattering by molecules favours the short end of the spectrum. Second, the eye is less sensitive to violet, and the upper atmosphere absorbs part of it, so the balance we perceive is";
const THIRD: &str = "Blue light is scattered about ten times more than red light. At sunset the path through the air is longer; most of the blue has been removed on the way, which leaves orange and red.";

/// A council at work: one of each state.
fn mixed() -> App {
    let mut play = Play::new();
    play.say(1, None, Speaker::User, "What is Mie scattering?");
    play.say(
        2,
        Some(1),
        Speaker::Assistant,
        "Scattering by particles about as large as the wavelength: fog and clouds look white.",
    );
    play.say(3, Some(2), Speaker::User, QUESTION);
    play.begin(3, plan(4, 1));
    for node in 1..=4 {
        play.progress(
            node,
            Progress::Queued {
                why: "waiting for a slot (3 of 3 in use)".into(),
            },
        );
    }
    for node in 1..=3 {
        play.progress(
            node,
            Progress::Prefill {
                done: 120,
                total: 288,
            },
        );
    }
    play.after(800).stream(3, THIRD, 3000);
    play.done(3, 141);
    play.stream(1, FIRST, 2500);
    let fault = Fault::new(
        FaultClass::RateLimited,
        "the server answered 429: too many requests",
    );
    play.progress(
        2,
        Progress::Retrying {
            attempt: 2,
            of: 5,
            wait_ms: 3000,
            fault,
        },
    );
    let now = play.after(400).now;
    let _ = play.app.update(Msg::Refresh, now);
    play.app
}

fn failed() -> App {
    let mut play = Play::new();
    play.say(1, None, Speaker::User, QUESTION);
    play.begin(1, plan(3, 1));
    play.after(300).stream(1, FIRST, 2500);
    play.done(1, 190);
    let fault = Fault::new(
        FaultClass::Auth,
        "POST https://api.example.com/v1/chat/completions answered 401",
    )
    .with_hint("set TOGETHER_API_KEY and press r to ask again");
    play.turn(Kind::Failed {
        node: NodeId(2),
        fault,
    });
    play.stream(3, THIRD, 1000);
    play.app.focus.area = Area::Pane;
    play.app.focus.pane = Some(PaneId::Node(TURN, NodeId(2)));
    play.app
}

const ANSWER: &str = "## Why it is blue\n\nShort waves are scattered **far more** than long ones: the rate grows with `1/λ⁴`. Three things decide what we see:\n\n1. how much of each colour the *sun* sends,\n2. how strongly air scatters it,\n3. how well the eye sees it.\n\n| colour | wavelength | relative |\n|:-------|-----------:|:--------:|\n| red    | 700 nm     | 1        |\n| blue   | 450 nm     | 5.9      |\n\n```python\ndef rate(nm: float) -> float:\n    \"\"\"Relative to 700 nm.\"\"\"\n    return (700 / nm) ** 4\n```\n\n> Violet is scattered even more, but there is less of it.\n\nSee [Rayleigh](https://en.wikipedia.org/wiki/Rayleigh_scattering), and note that a[i] stays a[i].";

fn answering() -> App {
    let mut play = Play::new();
    play.say(1, None, Speaker::User, QUESTION);
    play.begin(1, plan(4, 1));
    for (node, text) in [(1, FIRST), (2, SECOND), (3, THIRD), (4, THIRD)] {
        play.stream(node, text, 1500);
        play.done(node, 150);
    }
    play.progress(100, Progress::Waiting);
    play.after(400).stream(100, &ANSWER[..400], 4000);
    play.app
}

fn finished() -> App {
    let mut play = Play::new();
    play.say(1, None, Speaker::User, QUESTION);
    play.begin(1, plan(4, 1));
    for (node, text) in [(1, FIRST), (2, SECOND), (3, THIRD), (4, THIRD)] {
        play.stream(node, text, 1500);
        play.done(node, 150);
    }
    play.progress(100, Progress::Waiting);
    play.stream(100, ANSWER, 6000);
    play.done(100, 412);
    play.turn(Kind::Finished {
        outcome: Outcome::Answered {
            text: ANSWER.into(),
        },
    });
    play.say(2, Some(1), Speaker::Assistant, ANSWER);
    play.app.chat.running = None;
    play.app
}

fn twelve() -> App {
    let mut play = Play::new();
    play.say(1, None, Speaker::User, QUESTION);
    play.begin(1, plan(12, 1));
    for node in 1..=12 {
        play.progress(node, Progress::Waiting);
    }
    for node in [1, 2, 3, 5, 8, 12] {
        play.stream(node, THIRD, 700);
    }
    play.done(5, 77);
    play.app
}

fn layers() -> App {
    let mut play = Play::new();
    play.say(1, None, Speaker::User, QUESTION);
    play.begin(1, plan(3, 2));
    for node in 1..=3 {
        play.stream(node, THIRD, 700);
        play.done(node, 80);
    }
    play.progress(4, Progress::Waiting);
    play.stream(4, FIRST, 2000);
    play.app
}

fn wide_characters() -> App {
    let mut play = Play::new();
    play.say(
        1,
        None,
        Speaker::User,
        "空はなぜ青い? 👩‍🔬🌈 e\u{301}te\u{301}",
    );
    play.begin(1, plan(2, 1));
    play.stream(1, "太陽光が大気に入ると、短い波長の光ほど強く散乱されます。👩‍👩‍👧 レイリー散乱と呼ばれ、波長の四乗に反比例します。", 800);
    play.stream(2, "🌈🌈🌈 emoji ✅ and text ❤️ mixed — “quotes”, ﾊﾝｶｸ, e\u{301}, 한국어 텍스트도 여기에 있습니다.", 800);
    play.app
}

fn models() -> App {
    let mut app = app();
    let info = |name: &str, bytes: u64, state: ModelState| ModelInfo {
        name: name.into(),
        title: format!("{name}, instruct"),
        bytes,
        memory: bytes * 3 / 2,
        license: "Apache-2.0".into(),
        needs_consent: name.starts_with("gemma"),
        note: "small and quick; good for a first try".into(),
        state,
    };
    let ready = ModelState::Ready {
        path: "/home/you/models/SmolLM2-135M-Instruct.Q4_1.gguf".into(),
    };
    let broken = ModelState::Broken {
        why: "the checksum differs from the catalog's: Enter downloads it again".into(),
    };
    let list = vec![
        info("smollm2-135m", 98_362_432, ready),
        info("qwen3-0.6b", 484_000_000, ModelState::Missing),
        info("gemma3-270m", 253_000_000, ModelState::Missing),
        info("llama3.2-1b", 808_000_000, broken),
    ];
    let _ = app.update(Msg::Models(list), 1_000_000);
    let _ = app.update(Msg::Key(Chord::plain(Key::F(5))), 1_000_000);
    for step in 0..6_u64 {
        let pull = Pull {
            model: "qwen3-0.6b".into(),
            source: "Hugging Face".into(),
            done: 40_000_000 * (step + 2),
            total: 484_000_000,
            bytes_per_second: 30_000_000 + step * 2_000_000,
            remaining: Some(6_000),
            stage: PullStage::Transferring,
            notes: vec!["resumed at 40.0 MB".into()],
        };
        let _ = app.update(Msg::Pull(pull), 1_000_000 + step * 5_000);
    }
    let _ = app.update(Msg::Key(Chord::plain(Key::Down)), 1_030_000);
    app
}

fn first_run() -> App {
    let mut app = app();
    app.screen = Screen::FirstRun;
    app.models.first_run = Some(FirstRun {
        model: "smollm2-135m".into(),
        tried: vec![
            (
                "on this machine".into(),
                "no file in the models folder, none under model_paths".into(),
            ),
            (
                "Hugging Face".into(),
                "no answer from huggingface.co within 10 s (connection refused)".into(),
            ),
            (
                "Python package".into(),
                "python3 is not installed, or has no pip".into(),
            ),
        ],
        selected: 0,
    });
    app
}

fn theme() -> Theme {
    Theme::new(
        &builtin_theme("dark").0,
        Depth::TrueColor,
        Borders::Unicode,
        1,
    )
}

fn render(app: &mut App, theme: &Theme, columns: u16, rows: u16) -> (Buffer, Viewport) {
    render_with(app, theme, Highlighter::off(), columns, rows)
}

fn render_with(
    app: &mut App,
    theme: &Theme,
    highlighter: Highlighter,
    columns: u16,
    rows: u16,
) -> (Buffer, Viewport) {
    (app.columns, app.rows) = (columns, rows);
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
    let mut cache = Cache::new(highlighter);
    let mut viewport = Viewport::default();
    terminal
        .draw(|frame| viewport = ui::draw(app, &mut cache, theme, frame))
        .unwrap();
    (terminal.backend().buffer().clone(), viewport)
}

/// The cells as text; the column behind a wide character is not printed.
fn text(buffer: &Buffer) -> String {
    let mut out = String::new();
    for y in 0..buffer.area.height {
        let mut row = String::new();
        let mut x = 0;
        while x < buffer.area.width {
            let symbol = buffer[(x, y)].symbol();
            row.push_str(symbol);
            x += u16::try_from(synod::domain::text::width(symbol))
                .unwrap()
                .max(1);
        }
        out.push_str(row.trim_end());
        out.push('\n');
    }
    out
}

pub fn snapshot(name: &str, text: &str) {
    insta::with_settings!({ snapshot_path => "../snapshots", prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!(name, text);
    });
}

/// The screen as text.
pub fn picture(app: &mut App, columns: u16, rows: u16) -> String {
    let (buffer, _) = render(app, &theme(), columns, rows);
    text(&buffer)
}

/// The screen after these events of a turn that answers a question.
pub fn draw_at(question: &str, events: &[Kind], columns: u16, rows: u16) -> String {
    let mut play = Play::new();
    play.say(1, None, Speaker::User, question);
    play.begin(1, Plan::default());
    for kind in events {
        play.after(10).turn(kind.clone());
    }
    picture(&mut play.app, columns, rows)
}

fn at_all_sizes(name: &str, make: impl Fn() -> App) {
    for (columns, rows) in SIZES {
        let mut app = make();
        let (buffer, _) = render(&mut app, &theme(), columns, rows);
        snapshot(&format!("{name}-{columns}x{rows}"), &text(&buffer));
    }
}

fn press(app: &mut App, chord: Chord) {
    let now = app.now;
    let _ = app.update(Msg::Key(chord), now);
}

#[test]
fn an_empty_start() {
    at_all_sizes("empty", app);
}

#[test]
fn a_council_at_work() {
    at_all_sizes("running", mixed);
}

#[test]
fn an_agent_that_failed() {
    at_all_sizes("failed", failed);
}

#[test]
fn an_aggregator_that_writes() {
    at_all_sizes("answering", answering);
}

#[test]
fn an_answer_with_markdown_and_code() {
    at_all_sizes("finished", finished);
}

#[test]
fn twelve_agents() {
    at_all_sizes("twelve", twelve);
}

#[test]
fn two_layers() {
    at_all_sizes("layers", layers);
}

#[test]
fn wide_characters_keep_borders_straight() {
    at_all_sizes("wide-characters", wide_characters);
    let (buffer, _) = render(&mut wide_characters(), &theme(), 120, 40);
    let text = text(&buffer);
    let right: Vec<usize> = text
        .lines()
        .filter(|line| line.ends_with('│') || line.ends_with('┐') || line.ends_with('┘'))
        .map(synod::domain::text::width)
        .collect();
    assert!(right.len() > 5);
    assert!(right.iter().all(|width| *width == 120), "{text}");
}

#[test]
fn the_models_while_one_is_on_its_way() {
    at_all_sizes("models", models);
}

#[test]
fn a_first_run_without_a_model() {
    at_all_sizes("first-run", first_run);
}

#[test]
fn the_preset_switcher_over_a_running_turn() {
    at_all_sizes("presets", || {
        let mut app = mixed();
        press(&mut app, Chord::plain(Key::F(2)));
        app
    });
    let mut app = mixed();
    press(&mut app, Chord::plain(Key::F(2)));
    for c in "old".chars() {
        press(&mut app, Chord::plain(Key::Char(c)));
    }
    let (buffer, _) = render(&mut app, &theme(), 100, 24);
    snapshot("presets-broken-100x24", &text(&buffer));
}

#[test]
fn help_and_palette() {
    at_all_sizes("help", || {
        let mut app = app();
        press(&mut app, Chord::plain(Key::F(1)));
        app
    });
    at_all_sizes("palette", || {
        let mut app = app();
        press(&mut app, Chord::ctrl('p'));
        app
    });
}

#[test]
fn a_pane_with_the_whole_screen() {
    let mut app = mixed();
    press(&mut app, Chord::plain(Key::Tab));
    press(&mut app, Chord::plain(Key::Char('z')));
    let (buffer, _) = render(&mut app, &theme(), 80, 24);
    snapshot("zoomed-80x24", &text(&buffer));
}

#[test]
fn a_prompt_of_many_lines_and_a_queue() {
    let mut app = mixed();
    app.prompt.queue = Some("and what about sunsets?".into());
    let lines: Vec<String> = (1..=14)
        .map(|n| format!("line {n} of a long draft"))
        .collect();
    app.prompt.draft.apply(Edit::Insert(lines.join("\n")));
    let (buffer, _) = render(&mut app, &theme(), 80, 24);
    snapshot("prompt-80x24", &text(&buffer));
}

#[test]
fn small_overlays() {
    let mut which = app();
    press(&mut which, Chord::ctrl('x'));
    which.pending.is_shown = true;
    let (buffer, _) = render(&mut which, &theme(), 80, 24);
    snapshot("which-key-80x24", &text(&buffer));

    let mut confirm = app();
    confirm.overlay = Some(Overlay::Confirm(Confirm {
        question: "delete the model smollm2-135m (98.3 MB) from this machine?".into(),
        verb: "delete".into(),
        what: Confirmed::RemoveModel("smollm2-135m".into()),
    }));
    let (buffer, _) = render(&mut confirm, &theme(), 80, 24);
    snapshot("confirm-80x24", &text(&buffer));

    let mut commands = app();
    for c in "/co".chars() {
        press(&mut commands, Chord::plain(Key::Char(c)));
    }
    let (buffer, _) = render(&mut commands, &theme(), 80, 24);
    snapshot("completion-80x24", &text(&buffer));

    let mut themes = mixed();
    themes.overlay = Some(Overlay::Themes(ListState::default()));
    let (buffer, _) = render(&mut themes, &theme(), 80, 24);
    snapshot("themes-80x24", &text(&buffer));
}

#[test]
fn sessions_are_listed() {
    let mut app = app();
    app.now = 200_000_000;
    app.sessions = vec![
        SessionInfo {
            id: SessionId("2026-01-02-0001".into()),
            title: "Why is the sky blue?".into(),
            created: 0,
            updated: 199_000_000,
            turns: 4,
            preset: "moa-local".into(),
            snippet: None,
        },
        SessionInfo {
            id: SessionId("2026-01-01-0001".into()),
            title: "A train leaves at 08:00".into(),
            created: 0,
            updated: 1_000,
            turns: 12,
            preset: "self-moa".into(),
            snippet: Some("… at 90 km/h; a car at 08:12 …".into()),
        },
    ];
    app.overlay = Some(Overlay::Sessions(ListState::default()));
    let (buffer, _) = render(&mut app, &theme(), 100, 24);
    snapshot("sessions-100x24", &text(&buffer));
}

#[test]
fn reasoning_is_folded_until_it_is_asked_for() {
    let mut play = Play::new();
    play.say(1, None, Speaker::User, QUESTION);
    play.begin(1, plan(2, 1));
    play.turn(Kind::Delta {
        node: NodeId(1),
        text: "The user asks about the sky. Rayleigh scattering is what I need.".into(),
        thinking: true,
    });
    play.stream(1, THIRD, 1000);
    let mut app = play.app;
    let (folded, _) = render(&mut app, &theme(), 80, 24);
    assert!(text(&folded).contains("▸ thinking"));
    assert!(!text(&folded).contains("The user asks"));
    let pane = PaneId::Node(TURN, NodeId(1));
    let view = PaneView {
        shows_thinking: true,
        ..PaneView::default()
    };
    app.focus.views.insert(pane, view);
    let (open, _) = render(&mut app, &theme(), 80, 24);
    assert!(text(&open).contains("The user asks"));
    snapshot("thinking-80x24", &text(&open));
}

#[test]
fn signs_without_unicode() {
    let theme = Theme::new(&ThemeSpec::default(), Depth::None, Borders::Ascii, 1);
    let (buffer, _) = render(&mut mixed(), &theme, 80, 24);
    let text = text(&buffer);
    snapshot("ascii-80x24", &text);
}

/// A theme whose colours are the roles themselves.
fn roles_theme() -> Theme {
    let mut spec = ThemeSpec::default();
    for (at, role) in Role::ALL.into_iter().enumerate() {
        let look = Look {
            fg: Some(format!("#0000{:02x}", at + 1)),
            ..Look::default()
        };
        spec.roles.insert(role.name().into(), look);
    }
    Theme::new(&spec, Depth::TrueColor, Borders::Unicode, 1)
}

#[test]
fn roles_of_a_running_turn() {
    let (buffer, _) = render(&mut mixed(), &roles_theme(), 80, 24);
    let mut out = String::new();
    for y in 0..24 {
        let mut runs: Vec<(String, String)> = Vec::new();
        for x in 0..80 {
            let cell = &buffer[(x, y)];
            if cell.symbol() == " " {
                continue;
            }
            let name = match cell.fg {
                ratatui::style::Color::Rgb(0, 0, n) => Role::ALL
                    .get(usize::from(n).wrapping_sub(1))
                    .map_or("?", |r| r.name()),
                _ => "-",
            };
            match runs.last_mut() {
                Some((last, text)) if last == name => text.push_str(cell.symbol()),
                _ => runs.push((name.into(), cell.symbol().into())),
            }
        }
        let runs: Vec<String> = runs
            .into_iter()
            .map(|(role, text)| format!("{role}:{text}"))
            .collect();
        out.push_str(&runs.join(" "));
        out.push('\n');
    }
    snapshot("roles-running-80x24", &out);
}

/// Both sides of every border between tiers, and the extremes.
fn sizes() -> impl Iterator<Item = (u16, u16)> {
    let columns = [1, 2, 29, 30, 59, 60, 99, 100, 159, 160, 300];
    let rows = [1, 2, 7, 8, 15, 16, 29, 30, 45, 100];
    columns
        .into_iter()
        .flat_map(move |columns| rows.into_iter().map(move |rows| (columns, rows)))
}

#[test]
fn no_size_panics_and_tiny_ones_say_what_they_need() {
    let theme = theme();
    for make in [
        app as fn() -> App,
        mixed,
        answering,
        finished,
        twelve,
        models,
        first_run,
        wide_characters,
    ] {
        let mut app = make();
        for (columns, rows) in sizes() {
            let _ = render(&mut app, &theme, columns, rows);
        }
    }
    for key in [Key::F(1), Key::F(2)] {
        let mut app = mixed();
        press(&mut app, Chord::plain(key));
        for (columns, rows) in sizes() {
            let _ = render(&mut app, &theme, columns, rows);
        }
    }
    let (buffer, _) = render(&mut mixed(), &theme, 20, 5);
    assert!(text(&buffer).starts_with("needs 30x8"));
    let (buffer, _) = render(&mut mixed(), &theme, 40, 12);
    snapshot("tiny-40x12", &text(&buffer));
    let (buffer, _) = render(&mut mixed(), &theme, 30, 8);
    snapshot("tiny-30x8", &text(&buffer));
}

#[test]
fn no_control_character_reaches_a_cell() {
    let evil = "a\x1b[2Jb\u{9b}31mc\x07d\r\x00 \x1b]52;c;AAAA\x07\u{85}";
    let mut play = Play::new();
    play.say(1, None, Speaker::User, evil);
    play.begin(1, plan(2, 1));
    play.stream(1, evil, 100);
    play.stream(1, &format!("\n```rust\n{evil}\n```\n"), 100);
    play.app.prompt.draft.apply(Edit::Insert(evil.into()));
    for (columns, rows) in SIZES {
        let (buffer, _) = render(&mut play.app, &theme(), columns, rows);
        let bad = buffer
            .content()
            .iter()
            .find(|cell| cell.symbol().chars().any(char::is_control));
        assert!(bad.is_none(), "{bad:?}");
    }
}

#[test]
fn what_was_drawn_is_reported() {
    let mut app = mixed();
    let (_, viewport) = render(&mut app, &theme(), 120, 40);
    let panes: Vec<PaneId> = viewport.panes.iter().map(|pane| pane.pane).collect();
    let nodes = (1..=4).map(|n| PaneId::Node(TURN, NodeId(n)));
    let expected: Vec<PaneId> = nodes.chain([PaneId::Conversation]).collect();
    assert_eq!(panes, expected);
    assert_eq!(viewport.messages.len(), 3);
    let first = &viewport.panes[0];
    assert!(first.lines > 0 && first.height > 0);
}

#[test]
fn the_cursor_is_where_text_goes() {
    let mut app = app();
    app.prompt.draft.apply(Edit::Insert("日本 x".into()));
    (app.columns, app.rows) = (80, 24);
    let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
    let mut cache = Cache::new(Highlighter::off());
    terminal
        .draw(|frame| {
            let _ = ui::draw(&app, &mut cache, &theme(), frame);
        })
        .unwrap();
    terminal.backend_mut().assert_cursor_position((11, 22));
}
