//! The terminal layer alone: this test program runs itself in a pseudo-terminal as a small program that can panic on demand.

use crate::assert_left_clean;
use crate::terminal::{Start, Terminal};
use std::sync::mpsc::channel;
use synod::app::msg::{Key, Msg};
use synod::term::{Input, Options, Screen, Session};
use tempfile::TempDir;

/// Says that this process is the guest.
const GUEST: &str = "SYNOD_TEST_GUEST";

/// Not a test: what runs inside. Keys: `p` panics, `t` lets another thread panic, `g` hands the terminal to a shell, `q` ends.
#[test]
#[ignore = "the program that the tests beside it start"]
fn guest() {
    if std::env::var_os(GUEST).is_none() {
        return;
    }
    let (sender, inbox) = channel();
    let deliver = move |input| {
        let _ = sender.send(input);
    };
    let options = Options {
        mouse: true,
        ..Options::default()
    };
    let mut session = Session::enter(options, deliver).unwrap();
    let mut screen = Screen::on_stdout().unwrap();
    let mut text = String::from("guest is ready");
    screen
        .draw(|frame| frame.render_widget(text.as_str(), frame.area()))
        .unwrap();
    session.read_input().unwrap();
    loop {
        match inbox.recv().unwrap() {
            Input::Msg(Msg::Key(chord)) => match chord.key {
                Key::Char('p') => panic!("the guest fell over"),
                Key::Char('t') => {
                    let fall = || panic!("a helper fell over");
                    let thread = std::thread::Builder::new().name("helper".into());
                    let ended = thread.spawn(fall).unwrap().join();
                    text = format!("helper ended badly: {}", ended.is_err());
                }
                Key::Char('g') => {
                    session.suspend();
                    let read = "printf 'shell is open'; read line; printf 'shell got %s' \"$line\"";
                    std::process::Command::new("sh")
                        .args(["-c", read])
                        .status()
                        .unwrap();
                    session.resume().unwrap();
                    screen.redraw().unwrap();
                    text = "back again".into();
                }
                Key::Char('q') => return,
                other => text = format!("key {other:?} shift {}", chord.shift),
            },
            Input::Msg(msg) => text = format!("{msg:?}"),
            Input::Probed(facts) => text = format!("{facts:?}"),
            Input::Terminate { .. } => return,
            _ => {}
        }
        screen
            .draw(|frame| frame.render_widget(text.as_str(), frame.area()))
            .unwrap();
    }
}

fn start(folder: &TempDir, answer: &'static str) -> Terminal {
    let program = std::env::current_exe().unwrap();
    let mut terminal = Terminal::start(&Start {
        program: program.to_str().unwrap(),
        arguments: &[
            "--exact",
            "guest::guest",
            "--ignored",
            "--nocapture",
            "--test-threads=1",
        ],
        columns: 100,
        rows: 20,
        folder: folder.path(),
        environment: &[(GUEST, "1")],
        answers: answer,
    });
    terminal.wait_for("guest is ready");
    terminal
}

/// Leaves the guest; nothing of it stays behind in the terminal.
fn quit(terminal: &mut Terminal) {
    terminal.send("q");
    assert_eq!(terminal.end(), 0);
    assert_left_clean(terminal);
}

const PLAIN: &str = "\x1b]11;rgb:ffff/ffff/ffff\x1b\\\x1b[?62c";
const KITTY: &str = "\x1b]11;rgb:0000/0000/0000\x07\x1b[?0u\x1b[?62c";

#[test]
fn a_panic_restores_the_terminal_and_then_speaks() {
    let folder = TempDir::new().unwrap();
    let mut terminal = start(&folder, PLAIN);
    terminal.wait_for("background: Some(Light)");
    terminal.send("p");
    assert_ne!(terminal.end(), 0);
    assert_left_clean(&terminal);
    assert_eq!(terminal.count("\x1b[?1049l"), 1, "left exactly once");
    assert!(
        terminal.contents().contains("the guest fell over"),
        "{}",
        terminal.contents()
    );
}

#[test]
fn a_panic_of_another_thread_does_not_tear_the_screen() {
    let folder = TempDir::new().unwrap();
    let mut terminal = start(&folder, PLAIN);
    terminal.wait_for("background: Some(Light)");
    terminal.send("t");
    terminal.wait_for("helper ended badly: true");
    assert!(!terminal.contents().contains("fell over"));
    quit(&mut terminal);
    assert!(
        terminal.contents().contains("a helper fell over"),
        "{}",
        terminal.contents()
    );
}

#[test]
fn better_keys_are_used_where_there_are_any_and_given_back() {
    let folder = TempDir::new().unwrap();
    let mut terminal = start(&folder, KITTY);
    terminal.wait_for("has_kitty_keys: true");
    terminal.send("\x1b[13;2u");
    terminal.wait_for("key Enter shift true");
    assert_eq!(terminal.count("\x1b[>1u"), 1);
    quit(&mut terminal);
}

#[test]
fn a_guest_program_gets_every_key() {
    let folder = TempDir::new().unwrap();
    let mut terminal = start(&folder, KITTY);
    terminal.wait_for("has_kitty_keys: true");
    terminal.send("g");
    terminal.wait_for("shell is open");
    assert!(!terminal.screen().alternate_screen());
    terminal.send("all of it\r");
    terminal.wait_for("back again");
    let raw = String::from_utf8_lossy(&terminal.raw).into_owned();
    assert!(raw.contains("shell got all of it"), "{raw}");
    terminal.send("x");
    terminal.wait_for("key Char('x')");
    quit(&mut terminal);
}

#[test]
fn an_answer_that_comes_late_is_not_typed_text() {
    let folder = TempDir::new().unwrap();
    let mut terminal = start(&folder, "");
    terminal.wait_for("is_complete: false");
    terminal.send(PLAIN);
    terminal.send("x");
    terminal.wait_for("key Char('x')");
    quit(&mut terminal);
}

#[test]
fn the_mouse_and_pastes_arrive() {
    let folder = TempDir::new().unwrap();
    let mut terminal = start(&folder, PLAIN);
    terminal.wait_for("background: Some(Light)");
    terminal.send("\x1b[<64;5;7M");
    terminal.wait_for("Mouse(ScrollUp { column: 4, row: 6 })");
    terminal.send("\x1b[200~one\rtwo\x1b[201~");
    terminal.wait_for("Paste(\"one\\ntwo\")");
    terminal.send("three\rfour");
    terminal.wait_for("key Char('r')");
    quit(&mut terminal);
}

#[test]
fn lines_that_arrive_at_once_are_a_paste_where_pastes_are_not_marked() {
    let folder = TempDir::new().unwrap();
    let mut terminal = start(&folder, PLAIN);
    terminal.wait_for("background: Some(Light)");
    terminal.send("one\rtwo");
    terminal.wait_for("Paste(\"one\\ntwo\")");
    terminal.send("q");
    assert_eq!(terminal.end(), 0);
}
