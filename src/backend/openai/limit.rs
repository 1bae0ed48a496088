//! How hard one endpoint may be driven, by all agents together: slots, requests and tokens per minute, first come first served.
//!
//! Waiting costs nothing and ends when its future is dropped. Time is tokio's, so tests can hold it.

use crate::domain::endpoint::Endpoint;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

const MINUTE: Duration = Duration::from_secs(60);

/// The shared limits of one endpoint.
#[derive(Debug)]
pub struct Limiter {
    concurrency: Option<u32>,
    requests_per_minute: Option<u32>,
    tokens_per_minute: Option<u32>,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    next_ticket: u64,
    queue: VecDeque<u64>,
    active: u32,
    /// Starts within the last minute, oldest first.
    starts: VecDeque<Start>,
    paused_until: Option<Instant>,
}

#[derive(Debug)]
struct Start {
    ticket: u64,
    at: Instant,
    tokens: u64,
}

/// Why a request has to wait, and when it is worth looking again (none: when another one ends).
struct Obstacle {
    why: String,
    until: Option<Instant>,
}

/// The right to have one request under way; ends when dropped.
#[derive(Debug)]
pub struct Permit {
    limiter: Arc<Limiter>,
    ticket: u64,
}

/// A place in the queue that is given up when dropped.
struct Place<'a> {
    limiter: &'a Limiter,
    ticket: u64,
}

impl Limiter {
    #[must_use]
    pub fn new(endpoint: &Endpoint) -> Arc<Self> {
        Arc::new(Self {
            concurrency: endpoint.concurrency.filter(|&most| most > 0),
            requests_per_minute: endpoint.requests_per_minute.filter(|&most| most > 0),
            tokens_per_minute: endpoint.tokens_per_minute.filter(|&most| most > 0),
            state: Mutex::default(),
            changed: Notify::new(),
        })
    }

    /// Waits for its turn; `waiting` hears why, each time the reason changes. `tokens` is the estimate of the call.
    pub async fn acquire(self: &Arc<Self>, tokens: u64, mut waiting: impl FnMut(&str)) -> Permit {
        let ticket = {
            let mut state = self.state();
            let ticket = state.next_ticket;
            state.next_ticket += 1;
            state.queue.push_back(ticket);
            ticket
        };
        let place = Place {
            limiter: self,
            ticket,
        };
        let mut told = String::new();
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let obstacle = {
                let mut state = self.state();
                let obstacle = self.obstacle(&mut state, ticket, tokens);
                if obstacle.is_none() {
                    state.active += 1;
                    state.starts.push_back(Start {
                        ticket,
                        at: Instant::now(),
                        tokens,
                    });
                }
                obstacle
            };
            let Some(obstacle) = obstacle else {
                // Leaves the queue and lets the next one look.
                drop(place);
                return Permit {
                    limiter: Arc::clone(self),
                    ticket,
                };
            };
            if obstacle.why != told {
                waiting(&obstacle.why);
                told = obstacle.why;
            }
            match obstacle.until {
                Some(until) => {
                    let _ = tokio::time::timeout_at(until, changed).await;
                }
                None => changed.await,
            }
        }
    }

    /// Nobody starts before `wait` is over: the server said so to one of the agents.
    pub fn pause(&self, wait: Duration) {
        let until = Instant::now() + wait;
        let mut state = self.state();
        state.paused_until = state.paused_until.max(Some(until));
        drop(state);
        self.changed.notify_waiters();
    }

    fn obstacle(&self, state: &mut State, ticket: u64, tokens: u64) -> Option<Obstacle> {
        let now = Instant::now();
        while state
            .starts
            .front()
            .is_some_and(|start| start.at + MINUTE <= now)
        {
            state.starts.pop_front();
        }
        let ahead = state.queue.iter().take_while(|&&t| t != ticket).count();
        if let Some(until) = state.paused_until.filter(|&until| until > now) {
            let why = "the server asked to wait".to_owned();
            return Some(Obstacle {
                why,
                until: Some(until),
            });
        }
        if let Some(most) = self.concurrency
            && state.active >= most
        {
            let noun = if most == 1 { "request" } else { "requests" };
            let why = match ahead {
                0 => format!("{most} {noun} under way"),
                _ => format!("{most} {noun} under way, {ahead} ahead"),
            };
            return Some(Obstacle { why, until: None });
        }
        if ahead > 0 {
            let why = format!("{ahead} ahead");
            return Some(Obstacle { why, until: None });
        }
        if let Some(most) = self.requests_per_minute
            && state.starts.len() >= most as usize
        {
            let index = state.starts.len() - most as usize;
            return Some(Obstacle {
                why: format!("{most} requests a minute"),
                until: state.starts.get(index).map(|start| start.at + MINUTE),
            });
        }
        let most = self.tokens_per_minute?;
        let used: u64 = state.starts.iter().map(|start| start.tokens).sum();
        // A call larger than the whole allowance goes alone: it would wait for ever otherwise.
        if used == 0 || used + tokens <= u64::from(most) {
            return None;
        }
        let mut over = (used + tokens).saturating_sub(u64::from(most));
        let until = state.starts.iter().find_map(|start| {
            over = over.saturating_sub(start.tokens);
            (over == 0).then_some(start.at + MINUTE)
        });
        let last = state.starts.back().map(|start| start.at + MINUTE);
        Some(Obstacle {
            why: format!("{most} tokens a minute"),
            until: until.or(last),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit {
    /// Replaces the estimate by what the call really took.
    pub fn correct(&self, tokens: u64) {
        let mut state = self.limiter.state();
        if let Some(start) = state.starts.iter_mut().find(|s| s.ticket == self.ticket) {
            start.tokens = tokens;
        }
        drop(state);
        self.limiter.changed.notify_waiters();
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut state = self.limiter.state();
        state.active = state.active.saturating_sub(1);
        drop(state);
        self.limiter.changed.notify_waiters();
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut state = self.limiter.state();
        state.queue.retain(|&ticket| ticket != self.ticket);
        drop(state);
        self.limiter.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::mpsc;

    fn limiter(
        concurrency: Option<u32>,
        requests: Option<u32>,
        tokens: Option<u32>,
    ) -> Arc<Limiter> {
        Limiter::new(&Endpoint {
            concurrency,
            requests_per_minute: requests,
            tokens_per_minute: tokens,
            ..Endpoint::default()
        })
    }

    #[tokio::test(start_paused = true)]
    async fn slots_are_given_in_the_order_of_asking() {
        let limiter = limiter(Some(1), None, None);
        let held = limiter.acquire(0, |_| {}).await;
        let (sender, mut order) = mpsc::unbounded_channel();
        for name in 0..3 {
            let (limiter, sender) = (Arc::clone(&limiter), sender.clone());
            tokio::spawn(async move {
                let _permit = limiter.acquire(0, |_| {}).await;
                sender.send(name).unwrap();
            });
            tokio::task::yield_now().await;
        }
        assert!(order.try_recv().is_err());
        drop(held);
        for expected in 0..3 {
            assert_eq!(order.recv().await, Some(expected));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_gives_up_blocks_nobody() {
        let limiter = limiter(Some(1), None, None);
        let held = limiter.acquire(0, |_| {}).await;
        let impatient = tokio::time::timeout(
            Duration::from_millis(1),
            limiter.acquire(0, |why| assert_eq!(why, "1 request under way")),
        );
        assert!(impatient.await.is_err());
        drop(held);
        limiter.acquire(0, |_| panic!("must not wait")).await;
    }

    #[tokio::test(start_paused = true)]
    async fn the_third_request_waits_for_the_minute_of_the_first() {
        let limiter = limiter(None, Some(2), None);
        let begin = Instant::now();
        limiter.acquire(0, |_| {}).await;
        tokio::time::advance(Duration::from_secs(10)).await;
        limiter.acquire(0, |_| {}).await;
        let mut reasons = Vec::new();
        limiter.acquire(0, |why| reasons.push(why.to_owned())).await;
        assert_eq!(begin.elapsed().as_secs(), 60);
        assert_eq!(reasons, ["2 requests a minute"]);
    }

    #[tokio::test(start_paused = true)]
    async fn tokens_are_corrected_after_the_call() {
        let limiter = limiter(None, None, Some(1000));
        let begin = Instant::now();
        let first = limiter.acquire(900, |_| {}).await;
        first.correct(100);
        limiter.acquire(900, |_| {}).await;
        assert_eq!(begin.elapsed().as_secs(), 0);
        limiter.acquire(5000, |_| {}).await;
        assert_eq!(begin.elapsed().as_secs(), 60);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_holds_everybody() {
        let limiter = limiter(None, None, None);
        limiter.pause(Duration::from_secs(7));
        let begin = Instant::now();
        limiter.acquire(0, |_| {}).await;
        assert_eq!(begin.elapsed().as_secs(), 7);
    }
}
