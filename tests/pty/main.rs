//! The life of the real program in a real terminal: it starts, answers, follows sizes, ends, and leaves the terminal as it was.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod guest;
#[allow(dead_code, reason = "shared with the benches")]
mod terminal;

use std::time::Duration;
use tempfile::TempDir;
use terminal::{ANSWERS, SYNOD, Start, Terminal, count};

const CTRL_C: &str = "\x03";
const CTRL_Z: &str = "\x1a";
const F2: &str = "\x1bOQ";
const ESC: &str = "\x1b";

/// The demonstration in a terminal of this size.
fn demo(folder: &TempDir, columns: u16, rows: u16) -> Terminal {
    Terminal::start(&Start {
        program: SYNOD,
        arguments: &["demo"],
        columns,
        rows,
        folder: folder.path(),
        environment: &[],
        answers: ANSWERS,
    })
}

/// Waits until the prompt is there.
fn ready(terminal: &mut Terminal) {
    terminal.wait_for(">>>");
}

/// Quits from an idle, empty prompt.
fn quit(terminal: &mut Terminal) -> u32 {
    terminal.send(CTRL_C);
    terminal.wait_for("again");
    terminal.send(CTRL_C);
    terminal.end()
}

/// What must be true of the bytes of a whole life.
fn assert_left_clean(terminal: &Terminal) {
    for (on, off) in [
        ("\x1b[?1049h", "\x1b[?1049l"),
        ("\x1b[?2004h", "\x1b[?2004l"),
        ("\x1b[?1004h", "\x1b[?1004l"),
        ("\x1b[?1000h", "\x1b[?1000l"),
        ("\x1b[?1006h", "\x1b[?1006l"),
        ("\x1b[?2026h", "\x1b[?2026l"),
        ("\x1b[>1u", "\x1b[<1u"),
    ] {
        assert_eq!(
            terminal.count(on),
            terminal.count(off),
            "{on:?} and {off:?}"
        );
    }
    assert!(!terminal.screen().alternate_screen());
    assert!(!terminal.screen().bracketed_paste());
    assert!(!terminal.screen().hide_cursor(), "the cursor is shown");
    assert!(terminal.modes_are_restored(), "the line discipline");
}

#[test]
fn it_starts_answers_and_leaves_the_terminal_as_it_was() {
    let folder = TempDir::new().unwrap();
    let mut terminal = demo(&folder, 120, 40);
    ready(&mut terminal);
    assert!(terminal.screen().alternate_screen());
    let first_frame = terminal.raw.clone();
    terminal.send("Why is the sky blue?\r");
    terminal.wait_until("shows the question in the conversation", |screen| {
        screen.contents().matches("sky blue").count() >= 1
    });
    terminal.wait_until("shows an answer", |screen| {
        screen.contents().to_lowercase().contains("scatter")
    });
    assert_eq!(quit_after_turn(&mut terminal), 0);
    assert_left_clean(&terminal);
    assert_eq!(terminal.count("\x1b[?1049l"), 1, "left exactly once");
    assert_eq!(count(&first_frame, b"\x1b[2J"), 0, "nothing to clear yet");
    assert_eq!(terminal.count("\x1b[2J"), 0, "no full clear");
}

/// Cancels what runs, then quits by the ladder.
fn quit_after_turn(terminal: &mut Terminal) -> u32 {
    for _ in 0..20 {
        terminal.send(CTRL_C);
        for _ in 0..10 {
            let soon = std::time::Instant::now() + Duration::from_millis(100);
            if terminal.contents().contains("again") {
                terminal.send(CTRL_C);
                return terminal.end();
            }
            let _ = terminal.read(soon);
        }
    }
    panic!("the ladder leads nowhere:\n{}", terminal.contents());
}

#[test]
fn every_byte_of_a_frame_lies_in_a_synchronized_update() {
    let folder = TempDir::new().unwrap();
    let mut terminal = demo(&folder, 100, 30);
    ready(&mut terminal);
    terminal.send("hello");
    terminal.wait_for("hello");
    assert_eq!(quit_after_turn(&mut terminal), 0);
    let text = String::from_utf8_lossy(&terminal.raw).into_owned();
    // Outside of updates only modes and questions are written: nothing visible, no cursor moves.
    let mut outside = String::new();
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once("\x1b[?2026h") {
        outside.push_str(before);
        let (frame, behind) = after
            .split_once("\x1b[?2026l")
            .expect("an end for each begin");
        assert!(!frame.contains("\x1b[?2026h"), "updates do not nest");
        rest = behind;
    }
    outside.push_str(rest);
    let mut visible = vt100::Parser::default();
    visible.process(outside.as_bytes());
    assert_eq!(visible.screen().contents().trim(), "", "{outside:?}");
}

#[test]
fn presets_switch_by_key_and_the_draft_survives() {
    let folder = TempDir::new().unwrap();
    let mut terminal = demo(&folder, 120, 40);
    ready(&mut terminal);
    terminal.send("my draft");
    terminal.wait_for("my draft");
    terminal.send(F2);
    terminal.wait_until("lists presets", |screen| {
        screen.contents().contains("plain")
    });
    terminal.send(ESC);
    terminal.wait_for("my draft");
    let header = |screen: &vt100::Screen| screen.rows(0, 120).next().unwrap_or_default();
    let before = header(terminal.screen());
    terminal.send("\x1b2");
    terminal.wait_until("names another preset", |screen| header(screen) != before);
    terminal.send("\x1b1");
    terminal.wait_until("names the first preset", |screen| {
        screen.contents().contains("my draft") && header(screen).contains("preset")
    });
    assert!(terminal.contents().contains("my draft"));
    assert_eq!(quit_after_turn(&mut terminal), 0);
    assert_left_clean(&terminal);
}

#[test]
fn it_follows_every_size() {
    let folder = TempDir::new().unwrap();
    let mut terminal = demo(&folder, 120, 40);
    ready(&mut terminal);
    terminal.send("Why is the sky blue?\r");
    for (columns, rows) in [(80, 24), (200, 60), (20, 5), (1, 1), (80, 24)] {
        let before = terminal.count("\x1b[2J");
        terminal.resize(columns, rows);
        terminal.wait_until(&format!("was drawn at {columns}x{rows}"), {
            let size = (columns, rows);
            move |screen| (screen.size().1.get(), screen.size().0.get()) == size
        });
        while terminal.count("\x1b[2J") == before {
            let end = std::time::Instant::now() + terminal::BOUND;
            assert!(terminal.read(end).is_some(), "no frame at {columns}x{rows}");
        }
    }
    terminal.wait_for(">>>");
    assert_eq!(quit_after_turn(&mut terminal), 0);
    assert_left_clean(&terminal);
}

#[test]
fn ctrl_c_cancels_first_and_quits_last() {
    let folder = TempDir::new().unwrap();
    let mut terminal = demo(&folder, 120, 40);
    ready(&mut terminal);
    terminal.send("Why is the sky blue?\r");
    terminal.wait_until("streams", |screen| {
        let text = screen.contents();
        text.contains("streaming") || text.contains("tok/s") || text.contains("t/s")
    });
    terminal.send(CTRL_C);
    terminal.wait_for("stopped");
    terminal.send("a draft");
    terminal.wait_for("a draft");
    terminal.send(CTRL_C);
    terminal.wait_until("cleared the draft", |screen| {
        !screen.contents().contains("a draft")
    });
    assert_eq!(quit(&mut terminal), 0);
    assert_left_clean(&terminal);
}

#[test]
fn a_request_to_end_restores_the_terminal() {
    for (signal, code) in [("TERM", 143), ("HUP", 129), ("QUIT", 131)] {
        let folder = TempDir::new().unwrap();
        let mut terminal = demo(&folder, 80, 24);
        ready(&mut terminal);
        terminal.signal(signal);
        assert_eq!(terminal.end(), code, "{signal}");
        assert_left_clean(&terminal);
        assert_eq!(terminal.count("\x1b[?1049l"), 1, "left exactly once");
    }
}

#[test]
fn it_stops_and_continues() {
    let folder = TempDir::new().unwrap();
    let mut terminal = demo(&folder, 80, 24);
    ready(&mut terminal);
    terminal.send(CTRL_Z);
    terminal.wait_until("left the alternate screen", |screen| {
        !screen.alternate_screen()
    });
    // It leaves the screen before it stops; to continue what runs would do nothing.
    terminal.wait_until_stopped();
    terminal.signal("CONT");
    terminal.wait_until("came back", vt100::Screen::alternate_screen);
    ready(&mut terminal);
    terminal.send("still here");
    terminal.wait_for("still here");
    assert_eq!(quit_after_turn(&mut terminal), 0);
    assert_left_clean(&terminal);
    assert_eq!(
        terminal.count("\x1b[?1049l"),
        2,
        "left for the stop and at the end"
    );
}

/// The program with a script for an editor, and a draft to edit.
fn with_editor(folder: &TempDir, script: &str) -> Terminal {
    let file = folder.path().join("editor.sh");
    std::fs::write(&file, script).unwrap();
    let editor = format!("sh {}", file.display());
    let mut terminal = Terminal::start(&Start {
        program: SYNOD,
        arguments: &["demo"],
        columns: 100,
        rows: 30,
        folder: folder.path(),
        environment: &[("VISUAL", &editor)],
        answers: ANSWERS,
    });
    ready(&mut terminal);
    terminal.send("draft");
    terminal.wait_for("draft");
    terminal
}

#[test]
fn an_editor_gets_the_terminal_and_its_text_comes_back() {
    let folder = TempDir::new().unwrap();
    // Reads a line from the terminal itself: a reader of ours that still listened would take it.
    let mut terminal = with_editor(
        &folder,
        "#!/bin/sh\nprintf 'editor-open'\nread line\nprintf 'edited %s' \"$line\" > \"$1\"\n",
    );
    terminal.send("\x07");
    terminal.wait_for("editor-open");
    assert!(!terminal.screen().alternate_screen());
    terminal.send("by hand\r");
    terminal.wait_for("edited by hand");
    assert!(terminal.screen().alternate_screen());
    assert_eq!(quit_after_turn(&mut terminal), 0);
    assert_left_clean(&terminal);
}

#[test]
fn a_new_size_and_keys_at_once_lose_nothing() {
    let folder = TempDir::new().unwrap();
    // It counts, because the screen of before, which comes back with it, still shows the last one.
    let mut terminal = with_editor(
        &folder,
        "#!/bin/sh\necho >> opened\nprintf 'open-%d.' $(wc -l < opened)\nread line\n",
    );
    for (time, (columns, rows)) in (1..).zip([(90, 28), (70, 22), (110, 34), (80, 24)]) {
        terminal.send("\x07");
        terminal.wait_for(&format!("open-{time}."));
        // While the program does not read, its terminal gets a new size and more keys than the editor takes: both are
        // ready when it reads again.
        terminal.resize(columns, rows);
        terminal.send(&format!("for the editor\rsize{columns}"));
        terminal.wait_for(&format!("size{columns}"));
        let rule = "─".repeat(usize::from(columns));
        terminal.wait_for(&rule);
    }
    assert_eq!(quit_after_turn(&mut terminal), 0);
    assert_left_clean(&terminal);
}

#[test]
fn a_terminal_that_answers_nothing_is_no_obstacle() {
    let folder = TempDir::new().unwrap();
    let mut terminal = Terminal::start(&Start {
        program: SYNOD,
        arguments: &["demo"],
        columns: 80,
        rows: 24,
        folder: folder.path(),
        environment: &[("TERM", "vt100"), ("COLORTERM", ""), ("NO_COLOR", "1")],
        answers: "",
    });
    ready(&mut terminal);
    // Typed while the question is still open.
    terminal.send("early");
    terminal.wait_for("early");
    assert_eq!(quit_after_turn(&mut terminal), 0);
    assert_left_clean(&terminal);
}

#[test]
fn nothing_is_asked_before_the_first_frame() {
    let folder = TempDir::new().unwrap();
    let mut terminal = demo(&folder, 80, 24);
    terminal.wait_until("asked", |_| true);
    ready(&mut terminal);
    while terminal.count("\x1b[c") == 0 {
        let end = std::time::Instant::now() + terminal::BOUND;
        assert!(terminal.read(end).is_some(), "it never asked");
    }
    let text = String::from_utf8_lossy(&terminal.raw).into_owned();
    let frame = text.find("\x1b[?2026l").expect("a frame");
    let question = text.find("\x1b]11;?").expect("a question");
    assert!(frame < question);
    assert_eq!(quit_after_turn(&mut terminal), 0);
}

#[test]
fn pasted_lines_stay_in_the_prompt() {
    let folder = TempDir::new().unwrap();
    let mut terminal = demo(&folder, 100, 30);
    ready(&mut terminal);
    terminal.send("\x1b[200~first line\rsecond line\x1b[201~");
    terminal.wait_for("second line");
    terminal.wait_for("first line");
    assert_eq!(quit_after_turn(&mut terminal), 0);
    assert_left_clean(&terminal);
}
