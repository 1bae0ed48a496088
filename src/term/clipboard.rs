//! Text for the clipboard: OSC 52 to the terminal, and the desktop's own tool when the session is local.
//!
//! Nobody answers whether a terminal took it, so the words are "sent to the terminal", never "copied".

use super::probe::{Multiplexer, Surroundings};
use base64::Engine;
use std::io::{self, Write};
use std::process::{Command, Stdio};

/// Terminals cut or drop longer sequences; 100,000 bytes is what the common ones take.
pub const LONGEST_SEQUENCE: usize = 100_000;

/// Where a text went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// The terminal got it.
    pub terminal: bool,
    /// A desktop tool took it.
    pub tool: Option<&'static str>,
}

impl Sent {
    /// What to tell the person.
    #[must_use]
    pub fn words(self) -> String {
        match (self.terminal, self.tool) {
            (true, None) => "sent to the terminal".into(),
            (true, Some(tool)) => format!("sent to the terminal and to {tool}"),
            (false, Some(tool)) => format!("sent to {tool}; too long for the terminal"),
            (false, None) => format!(
                "too long for the terminal's clipboard ({LONGEST_SEQUENCE} bytes); open it in the editor instead"
            ),
        }
    }
}

/// Sends a text to the clipboard through `output` (the terminal) and, when local, through the desktop's tool.
pub fn copy(text: &str, around: &Surroundings, mut output: impl Write) -> io::Result<Sent> {
    let tool = if around.is_remote {
        None
    } else {
        TOOLS
            .iter()
            .find(|tool| tool.is_usable() && tool.feed(text).is_ok())
            .map(|tool| tool.program)
    };
    let terminal = match sequence(text, around.multiplexer) {
        Some(bytes) => {
            output.write_all(&bytes)?;
            output.flush()?;
            true
        }
        None => false,
    };
    Ok(Sent { terminal, tool })
}

/// The escape sequence that sets the clipboard; none when it is too long.
#[must_use]
pub fn sequence(text: &str, multiplexer: Option<Multiplexer>) -> Option<Vec<u8>> {
    let encoded = base64::engine::general_purpose::STANDARD.encode(text);
    if encoded.len() > LONGEST_SEQUENCE {
        return None;
    }
    let plain = format!("\x1b]52;c;{encoded}\x07");
    let bytes = match multiplexer {
        // Passed through to the outer terminal, and once for tmux itself, whose `set-clipboard` may take it.
        Some(Multiplexer::Tmux) => {
            let inner = plain.replace('\x1b', "\x1b\x1b");
            format!("{plain}\x1bPtmux;{inner}\x1b\\")
        }
        Some(Multiplexer::Screen) => format!("\x1bP{plain}\x1b\\"),
        Some(Multiplexer::Zellij) | None => plain,
    };
    Some(bytes.into_bytes())
}

/// A program that sets the desktop's clipboard from its input.
struct Tool {
    program: &'static str,
    arguments: &'static [&'static str],
    /// The variable without which it cannot work.
    needs: Option<&'static str>,
}

const TOOLS: &[Tool] = &[
    Tool {
        program: "wl-copy",
        arguments: &[],
        needs: Some("WAYLAND_DISPLAY"),
    },
    Tool {
        program: "xclip",
        arguments: &["-selection", "clipboard"],
        needs: Some("DISPLAY"),
    },
    #[cfg(target_os = "macos")]
    Tool {
        program: "pbcopy",
        arguments: &[],
        needs: None,
    },
    #[cfg(windows)]
    Tool {
        program: "clip",
        arguments: &[],
        needs: None,
    },
];

impl Tool {
    fn is_usable(&self) -> bool {
        self.needs
            .is_none_or(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
    }

    /// Runs it with the text as input. These tools go on in the background by themselves.
    fn feed(&self, text: &str) -> io::Result<()> {
        let mut child = Command::new(self.program)
            .args(self.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        if let Some(mut input) = child.stdin.take() {
            input.write_all(text.as_bytes())?;
        }
        let status = child.wait()?;
        if status.success() {
            Ok(())
        } else {
            Err(io::Error::other(format!(
                "{} ended with {status}",
                self.program
            )))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_terminal_gets_base64() {
        let plain = sequence("hé", None).unwrap();
        assert_eq!(plain, b"\x1b]52;c;aMOp\x07");
        let tmux = sequence("hé", Some(Multiplexer::Tmux)).unwrap();
        assert!(tmux.ends_with(b"\x1bPtmux;\x1b\x1b]52;c;aMOp\x07\x1b\\"));
    }

    #[test]
    fn what_is_too_long_is_said_and_not_sent() {
        let around = Surroundings {
            is_remote: true,
            ..Surroundings::default()
        };
        let mut output = Vec::new();
        let sent = copy(&"a".repeat(90_000), &around, &mut output).unwrap();
        assert!(output.is_empty());
        assert!(sent.words().contains("too long"));
        let sent = copy("short", &around, &mut output).unwrap();
        assert_eq!(sent.words(), "sent to the terminal");
        assert!(!output.is_empty());
    }
}
