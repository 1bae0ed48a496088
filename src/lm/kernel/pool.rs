//! The threads that compute: they spin for a moment between two pieces of work of a pass and sleep at rest.
//!
//! A forward pass is some hundred pieces of work of a few microseconds each, so waking a sleeping thread for every piece would
//! cost more than the work. A piece is a number of independent parts; threads claim parts one by one, so a thread that the
//! operating system takes away delays only the part it holds.
//!
//! Invariant: `run` returns after every part ran exactly once and no thread looks at the work any more.

use std::cell::UnsafeCell;
use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;

/// Turns of the waiting loop before a thread sleeps: some 100 microseconds.
const SPINS: u32 = 4000;
/// Turns of the caller's waiting loop before it lets others run.
const PATIENCE: u32 = 2000;

/// A fixed number of computing threads, the caller's included.
pub struct Pool {
    shared: Arc<Shared>,
    /// Held while a piece of work runs: one caller at a time.
    caller: Mutex<()>,
    workers: Vec<JoinHandle<()>>,
}

type Work<'a> = dyn Fn(usize) + Sync + 'a;

struct Shared {
    /// Counts pieces of work.
    piece: AtomicU32,
    /// Whether parts of the piece may be claimed.
    open: AtomicBool,
    /// Workers between looking at `open` and being done with the piece.
    inside: AtomicUsize,
    /// The next part to claim.
    next: AtomicUsize,
    parts: AtomicUsize,
    work: UnsafeCell<Option<*const Work<'static>>>,
    failed: AtomicBool,
    sleepers: AtomicUsize,
    gate: Mutex<bool>,
    bell: Condvar,
}

// SAFETY: `work` is written by the one caller while the piece is closed and nobody is inside, and read by threads inside an
// open piece; `open` and `inside` are sequentially consistent, so one of the two sides always sees the other.
unsafe impl Sync for Shared {}
// SAFETY: as above; the pointer is only followed while `run` holds the borrow it was made from.
unsafe impl Send for Shared {}

impl Pool {
    /// Starts `threads - 1` workers; 0 is one thread for each processor.
    pub fn new(threads: usize) -> io::Result<Self> {
        let threads = match threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            n => n,
        };
        let shared = Arc::new(Shared {
            piece: AtomicU32::new(0),
            open: AtomicBool::new(false),
            inside: AtomicUsize::new(0),
            next: AtomicUsize::new(0),
            parts: AtomicUsize::new(0),
            work: UnsafeCell::new(None),
            failed: AtomicBool::new(false),
            sleepers: AtomicUsize::new(0),
            gate: Mutex::new(false),
            bell: Condvar::new(),
        });
        let mut pool = Self {
            shared,
            caller: Mutex::new(()),
            workers: Vec::with_capacity(threads - 1),
        };
        for number in 1..threads {
            let shared = Arc::clone(&pool.shared);
            let worker = std::thread::Builder::new()
                .name(format!("lm {number}"))
                .spawn(move || shared.serve())?;
            pool.workers.push(worker);
        }
        Ok(pool)
    }

    /// Threads that compute, the caller's included.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// Calls `work` once for every number below `parts`, on all threads, and returns when all are done.
    ///
    /// # Panics
    /// When `work` panicked on any thread.
    pub fn run(&self, parts: usize, work: &Work<'_>) {
        if parts <= 1 || self.workers.is_empty() {
            for part in 0..parts {
                work(part);
            }
            return;
        }
        let _one = self.caller.lock().unwrap_or_else(PoisonError::into_inner);
        let shared = &*self.shared;
        let work: *const Work<'_> = work;
        // SAFETY: only the lifetime changes; `Closing` ends every use before this function returns or unwinds.
        let forever: *const Work<'static> = unsafe { std::mem::transmute(work) };
        // SAFETY: the piece is closed and nobody is inside, so nobody reads.
        unsafe { *shared.work.get() = Some(forever) };
        shared.parts.store(parts, Ordering::Relaxed);
        shared.next.store(0, Ordering::Relaxed);
        shared.open.store(true, Ordering::SeqCst);
        let closing = Closing(shared);
        shared.piece.fetch_add(1, Ordering::SeqCst);
        if shared.sleepers.load(Ordering::SeqCst) > 0 {
            drop(shared.gate.lock().unwrap_or_else(PoisonError::into_inner));
            shared.bell.notify_all();
        }
        // SAFETY: the borrow is alive.
        shared.claim(unsafe { &*work });
        drop(closing);
        assert!(
            !shared.failed.swap(false, Ordering::SeqCst),
            "a computing thread panicked"
        );
    }

    /// Calls `work` with every chunk of `chunk` values of `data` (the last may be shorter) and its number.
    pub fn chunks<T: Send>(
        &self,
        data: &mut [T],
        chunk: usize,
        work: &(dyn Fn(usize, &mut [T]) + Sync),
    ) {
        let chunk = chunk.max(1);
        let length = data.len();
        let start = Shards(data.as_mut_ptr());
        self.run(length.div_ceil(chunk), &|number| {
            let first = number * chunk;
            let count = chunk.min(length - first);
            // SAFETY: parts have different numbers, so the ranges are disjoint and inside `data`, which is borrowed throughout.
            work(number, unsafe {
                std::slice::from_raw_parts_mut(start.at(first), count)
            });
        });
    }
}

impl Pool {
    /// Calls `work` with each of the ranges of `data` and its number.
    ///
    /// # Panics
    /// When the ranges do not follow one another inside `data`: a programming error.
    pub fn ranges<T: Send>(
        &self,
        data: &mut [T],
        ranges: &[Range<usize>],
        work: &(dyn Fn(usize, &mut [T]) + Sync),
    ) {
        let mut end = 0;
        for range in ranges {
            assert!(
                end <= range.start && range.start <= range.end,
                "ranges in order"
            );
            end = range.end;
        }
        assert!(end <= data.len(), "ranges inside the data");
        let start = Shards(data.as_mut_ptr());
        self.run(ranges.len(), &|number| {
            let range = &ranges[number];
            // SAFETY: the ranges are disjoint and inside `data`, which is borrowed throughout.
            work(number, unsafe {
                std::slice::from_raw_parts_mut(start.at(range.start), range.len())
            });
        });
    }
}

/// A pointer that threads may share because each takes its own range.
pub(super) struct Shards<T>(pub(super) *mut T);

// SAFETY: users take disjoint ranges of values that may move between threads.
unsafe impl<T: Send> Sync for Shards<T> {}

impl<T> Shards<T> {
    /// # Safety
    /// `place` must be inside what the pointer was made from.
    pub(super) unsafe fn at(&self, place: usize) -> *mut T {
        // SAFETY: the caller's promise.
        unsafe { self.0.add(place) }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        *self
            .shared
            .gate
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = true;
        self.shared.piece.fetch_add(1, Ordering::SeqCst);
        self.shared.bell.notify_all();
        for worker in self.workers.drain(..) {
            // A worker that panicked has been reported by `run`.
            let _ = worker.join();
        }
    }
}

/// Closes the piece and waits until nobody is inside, also when the caller's own part panics.
struct Closing<'a>(&'a Shared);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.open.store(false, Ordering::SeqCst);
        let mut turns = 0;
        while self.0.inside.load(Ordering::SeqCst) != 0 {
            turns += 1;
            if turns < PATIENCE {
                std::hint::spin_loop();
            } else {
                std::thread::yield_now();
            }
        }
    }
}

/// Leaves the piece, also when a part panics.
struct Visit<'a>(&'a Shared);

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.failed.store(true, Ordering::SeqCst);
        }
        self.0.inside.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Shared {
    fn claim(&self, work: &Work<'_>) {
        let parts = self.parts.load(Ordering::Relaxed);
        loop {
            let part = self.next.fetch_add(1, Ordering::Relaxed);
            if part >= parts {
                return;
            }
            work(part);
        }
    }

    fn serve(&self) {
        let mut seen = 0;
        while self.wait(&mut seen) {
            self.inside.fetch_add(1, Ordering::SeqCst);
            let visit = Visit(self);
            if self.open.load(Ordering::SeqCst) {
                // SAFETY: inside an open piece; the caller waits until this thread has left.
                let work = unsafe { (*self.work.get()).map(|work| &*work) };
                if let Some(work) = work {
                    self.claim(work);
                }
            }
            drop(visit);
        }
    }

    /// Waits for a piece after the `seen`-th; false when the pool ends.
    fn wait(&self, seen: &mut u32) -> bool {
        let mut turns = 0;
        loop {
            let piece = self.piece.load(Ordering::SeqCst);
            if piece != *seen {
                *seen = piece;
                return self.open.load(Ordering::SeqCst) || !self.is_over();
            }
            turns += 1;
            if turns < SPINS {
                std::hint::spin_loop();
                continue;
            }
            turns = 0;
            self.sleepers.fetch_add(1, Ordering::SeqCst);
            let mut over = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
            while self.piece.load(Ordering::SeqCst) == *seen && !*over {
                over = self.bell.wait(over).unwrap_or_else(PoisonError::into_inner);
            }
            drop(over);
            self.sleepers.fetch_sub(1, Ordering::SeqCst);
        }
    }

    fn is_over(&self) -> bool {
        *self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU64;

    #[test]
    fn every_part_runs_once_whatever_the_number_of_threads() {
        for threads in [1, 2, 5] {
            let pool = Pool::new(threads).unwrap();
            assert_eq!(pool.threads(), threads);
            for parts in [0, 1, 2, 7, 1000] {
                let counts: Vec<AtomicU64> = (0..parts).map(|_| AtomicU64::new(0)).collect();
                for _ in 0..50 {
                    pool.run(parts, &|part| {
                        counts[part].fetch_add(1, Ordering::Relaxed);
                    });
                }
                assert!(counts.iter().all(|c| c.load(Ordering::Relaxed) == 50));
            }
            let mut data = vec![0_usize; 1003];
            pool.chunks(&mut data, 10, &|number, chunk| {
                for (offset, value) in chunk.iter_mut().enumerate() {
                    *value += number * 10 + offset;
                }
            });
            assert!(data.iter().enumerate().all(|(i, &v)| i == v));
            pool.ranges(&mut data, &[0..0, 5..9, 9..10, 500..1003], &|_, part| {
                part.fill(0);
            });
            let cleared = |i: usize| (5..10).contains(&i) || i >= 500;
            let mut all = data.iter().enumerate();
            assert!(all.all(|(i, &v)| v == if cleared(i) { 0 } else { i }));
        }
    }

    #[test]
    fn sleeping_threads_are_woken_and_a_panic_is_passed_on() {
        let pool = Pool::new(3).unwrap();
        while pool.shared.sleepers.load(Ordering::SeqCst) < 2 {
            std::thread::yield_now();
        }
        let sum = AtomicU64::new(0);
        pool.run(100, &|part| {
            sum.fetch_add(part as u64, Ordering::Relaxed);
        });
        assert_eq!(sum.load(Ordering::Relaxed), 4950);
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            pool.run(64, &|part| assert_ne!(part, 63, "as the test wants it"));
        }));
        assert!(caught.is_err());
        pool.run(4, &|part| {
            sum.fetch_add(part as u64, Ordering::Relaxed);
        });
        assert_eq!(sum.load(Ordering::Relaxed), 4956);
    }
}
