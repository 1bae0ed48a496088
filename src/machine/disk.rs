//! The disk: space that is left, and what this process reads and writes.

use crate::domain::clock::Millis;
use std::path::Path;
use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System};

/// Bytes that this user may still write where a folder is.
#[cfg(unix)]
pub(super) fn free(folder: &Path) -> Option<u64> {
    let facts = rustix::fs::statvfs(folder).ok()?;
    Some(facts.f_bavail.saturating_mul(facts.f_frsize))
}

#[cfg(not(unix))]
pub(super) fn free(_folder: &Path) -> Option<u64> {
    None
}

/// Remembers the totals of the last reading.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    last: Option<(Millis, u64, u64)>,
}

impl Traffic {
    /// Bytes per second that this process read and wrote since the last call; none the first time.
    pub(super) fn since(&mut self, system: &mut System, now: Millis) -> Option<(u64, u64)> {
        let pid = sysinfo::get_current_pid().ok()?;
        let kind = ProcessRefreshKind::nothing().with_disk_usage();
        system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), false, kind);
        let usage = system.process(pid)?.disk_usage();
        let (read, written) = (usage.total_read_bytes, usage.total_written_bytes);
        let (then, read_then, written_then) = self.last.replace((now, read, written))?;
        let elapsed = now.checked_sub(then).filter(|elapsed| *elapsed > 0)?;
        let rate = |now: u64, then: u64| now.saturating_sub(then).saturating_mul(1000) / elapsed;
        Some((rate(read, read_then), rate(written, written_then)))
    }
}
