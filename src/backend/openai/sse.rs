//! Server-sent events: bytes in, payloads out (WHATWG HTML, §9.2).
//!
//! The network may cut anywhere, inside a line, a line end or a character. Pure: no I/O, no time. It knows nothing of JSON.

/// Longest event in bytes; a server that sends more is broken.
pub const LONGEST_EVENT: usize = 16 << 20;

/// One event of interest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SseEvent {
    /// The `data` lines of an event, joined by newlines.
    Data(String),
    /// The `[DONE]` that ends an answer.
    Done,
}

/// An event grew beyond [`LONGEST_EVENT`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an event of more than {LONGEST_EVENT} bytes")]
pub struct TooLong;

/// Collects bytes until events are whole.
#[derive(Debug, Default)]
pub struct SseParser {
    line: Vec<u8>,
    data: Option<String>,
    /// The last byte was a carriage return: a line feed that follows belongs to it.
    after_return: bool,
    /// The first line is over, and with it the chance of a byte order mark.
    begun: bool,
}

impl SseParser {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes and returns the events they complete.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<SseEvent>, TooLong> {
        let mut events = Vec::new();
        let mut rest = bytes;
        while !rest.is_empty() {
            if std::mem::take(&mut self.after_return)
                && let Some(after) = rest.strip_prefix(b"\n")
            {
                rest = after;
                continue;
            }
            let Some(end) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else {
                self.line.extend_from_slice(rest);
                break;
            };
            self.line.extend_from_slice(&rest[..end]);
            self.after_return = rest[end] == b'\r';
            rest = &rest[end + 1..];
            events.extend(self.end_line());
        }
        let held = self.line.len() + self.data.as_ref().map_or(0, String::len);
        if held > LONGEST_EVENT {
            return Err(TooLong);
        }
        Ok(events)
    }

    /// The stream is over: an event whose closing blank line never came.
    pub fn finish(&mut self) -> Option<SseEvent> {
        if !self.line.is_empty() {
            let _ = self.end_line();
        }
        self.data.take().map(event)
    }

    fn end_line(&mut self) -> Option<SseEvent> {
        let bytes = std::mem::take(&mut self.line);
        let mut line = bytes.as_slice();
        if !std::mem::replace(&mut self.begun, true) {
            line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        }
        if line.is_empty() {
            return self.data.take().map(event);
        }
        // Comments start with a colon; other fields (`event`, `id`, `retry`) say nothing that the payload does not.
        let value = match line.strip_prefix(b"data") {
            Some(b"") => &b""[..],
            Some([b':', b' ', value @ ..] | [b':', value @ ..]) => value,
            _ => return None,
        };
        let value = String::from_utf8_lossy(value);
        match &mut self.data {
            Some(data) => {
                data.push('\n');
                data.push_str(&value);
            }
            None => self.data = Some(value.into_owned()),
        }
        None
    }
}

fn event(data: String) -> SseEvent {
    if data.trim() == "[DONE]" {
        SseEvent::Done
    } else {
        SseEvent::Data(data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = "\u{feff}: hello\r\ndata: {\"a\":\"日本🎉\"}\r\n\r\nevent: x\ndata: one\ndata:two\n\ndata\n\n: c\n\rdata: [DONE]\r\r";

    fn expected() -> Vec<SseEvent> {
        vec![
            SseEvent::Data("{\"a\":\"日本🎉\"}".into()),
            SseEvent::Data("one\ntwo".into()),
            SseEvent::Data(String::new()),
            SseEvent::Done,
        ]
    }

    #[test]
    fn the_cuts_of_the_network_change_nothing() {
        let bytes = STREAM.as_bytes();
        for size in 1..=bytes.len() {
            let mut parser = SseParser::new();
            let mut events = Vec::new();
            for piece in bytes.chunks(size) {
                events.extend(parser.push(piece).unwrap());
            }
            assert_eq!(events, expected(), "pieces of {size} bytes");
            assert_eq!(parser.finish(), None);
        }
    }

    #[test]
    fn an_event_without_its_blank_line_comes_at_the_end() {
        let mut parser = SseParser::new();
        assert!(parser.push(b"data: last").unwrap().is_empty());
        assert_eq!(parser.finish(), Some(SseEvent::Data("last".into())));
    }

    #[test]
    fn an_endless_line_is_refused() {
        let mut parser = SseParser::new();
        let piece = vec![b'x'; LONGEST_EVENT];
        assert!(parser.push(&piece).is_ok());
        assert_eq!(parser.push(b"x"), Err(TooLong));
    }
}
