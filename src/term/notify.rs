//! Telling a person who looks elsewhere: the bell, or a notification that some terminals show (OSC 9).

use crate::domain::text::strip_controls;
use std::io::{self, Write};

/// How to call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Call {
    Silent,
    #[default]
    Bell,
    /// Text in the desktop's notifications, where the terminal does that; it rings elsewhere too.
    Notification,
}

/// Calls, in one write.
pub fn call(how: Call, text: &str, mut output: impl Write) -> io::Result<()> {
    let bytes = match how {
        Call::Silent => return Ok(()),
        Call::Bell => "\x07".to_owned(),
        Call::Notification => format!("\x1b]9;{}\x07", strip_controls(text).replace('\n', " ")),
    };
    output.write_all(bytes.as_bytes())?;
    output.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notification_carries_no_commands() {
        let mut output = Vec::new();
        call(Call::Notification, "done\x07\x1b]52;c;x\nnow", &mut output).unwrap();
        assert_eq!(output, b"\x1b]9;done]52;c;x now\x07");
        output.clear();
        call(Call::Silent, "done", &mut output).unwrap();
        assert!(output.is_empty());
    }
}
