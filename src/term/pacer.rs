//! When to draw: keys at once, output at most so many times a second, nothing when nothing asked. Pure; time is a parameter.
//!
//! There is no timer at rest: [`Pacer::due`] is none until somebody asks for a frame.

use std::time::{Duration, Instant};

/// Frames per second while text streams in.
pub const FRAMES_PER_SECOND: u32 = 30;

/// Who asks for a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// A person did something: a key, a paste, the mouse, a new size.
    Key,
    /// Something arrived: tokens, progress, finished work.
    Output,
}

/// Merges requests for frames into few frames.
#[derive(Debug, Clone)]
pub struct Pacer {
    interval: Duration,
    last: Option<Instant>,
    /// When the next frame is due.
    next: Option<Instant>,
}

impl Default for Pacer {
    fn default() -> Self {
        Self::new(FRAMES_PER_SECOND)
    }
}

impl Pacer {
    /// Draws output at most `frames_per_second` times a second (0 counts as 1).
    #[must_use]
    pub fn new(frames_per_second: u32) -> Self {
        Self {
            interval: Duration::from_secs(1) / frames_per_second.max(1),
            last: None,
            next: None,
        }
    }

    /// Asks for a frame.
    pub fn request(&mut self, reason: Reason, now: Instant) {
        let due = match (reason, self.last) {
            (Reason::Output, Some(last)) => (last + self.interval).max(now),
            _ => now,
        };
        self.next = Some(self.next.map_or(due, |next| next.min(due)));
    }

    /// How long to wait for the frame that was asked for: zero when it is due, none when nobody asked.
    #[must_use]
    pub fn due(&self, now: Instant) -> Option<Duration> {
        self.next.map(|next| next.saturating_duration_since(now))
    }

    /// A frame was drawn; all requests so far are served.
    pub fn drawn(&mut self, now: Instant) {
        self.last = Some(now);
        self.next = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(value: u64) -> Duration {
        Duration::from_millis(value)
    }

    #[test]
    fn at_rest_nothing_is_due() {
        let start = Instant::now();
        let mut pacer = Pacer::default();
        assert_eq!(pacer.due(start), None);
        pacer.request(Reason::Output, start);
        assert_eq!(pacer.due(start), Some(Duration::ZERO));
        pacer.drawn(start);
        assert_eq!(pacer.due(start + ms(10_000)), None);
    }

    #[test]
    fn keys_draw_at_once_even_while_output_waits() {
        let start = Instant::now();
        let mut pacer = Pacer::new(10);
        pacer.drawn(start);
        pacer.request(Reason::Output, start + ms(20));
        assert_eq!(pacer.due(start + ms(20)), Some(ms(80)));
        pacer.request(Reason::Key, start + ms(30));
        assert_eq!(pacer.due(start + ms(30)), Some(Duration::ZERO));
        pacer.request(Reason::Output, start + ms(31));
        assert_eq!(pacer.due(start + ms(31)), Some(Duration::ZERO));
    }

    #[test]
    fn a_flood_of_output_makes_thirty_frames_a_second() {
        let start = Instant::now();
        let mut pacer = Pacer::default();
        let mut frames = 0;
        for step in 0..10_000 {
            let now = start + Duration::from_micros(step * 100);
            pacer.request(Reason::Output, now);
            if pacer.due(now) == Some(Duration::ZERO) {
                pacer.drawn(now);
                frames += 1;
            }
        }
        assert_eq!(frames, 30);
    }
}
