//! A loopback server that speaks the OpenAI chat protocol and streams words at a steady rate, for as long as it is read.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

const WORDS: &[&str] = &[
    "The ",
    "council ",
    "weighs ",
    "**every** ",
    "answer ",
    "with `care` ",
    "and ",
    "then ",
    "some. ",
    "Next:\n\n",
    "- a ",
    "point\n",
    "- more ",
    "points\n\n",
];

/// Starts it; the base URL. Each request streams `tokens` pieces, one every `pause`.
pub fn start(pause: Duration, tokens: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                // A client that goes away ends its stream.
                let _ = serve(stream, pause, tokens);
            });
        }
    });
    format!("http://{address}/v1")
}

fn serve(mut stream: TcpStream, pause: Duration, tokens: usize) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line == "\r\n" {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    std::io::copy(&mut reader.take(length), &mut std::io::sink())?;
    stream.write_all(
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n",
    )?;
    let start = Instant::now();
    for number in 0..tokens {
        let word = WORDS[number % WORDS.len()];
        let delta = serde_json::json!({"choices": [{"index": 0, "delta": {"content": word}}]});
        stream.write_all(format!("data: {delta}\n\n").as_bytes())?;
        let due = start + pause * u32::try_from(number + 1).unwrap_or(u32::MAX);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    let end = serde_json::json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]});
    stream.write_all(format!("data: {end}\n\ndata: [DONE]\n\n").as_bytes())
}
