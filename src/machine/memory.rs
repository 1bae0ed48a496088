//! Main memory.

use sysinfo::{MemoryRefreshKind, System};

/// Main memory in bytes; zeros when the system does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Memory {
    pub total: u64,
    /// In use and not to be had for the asking.
    pub used: u64,
    /// What a new program could take without pushing others out.
    pub available: u64,
}

impl Memory {
    /// Asks the system now.
    #[must_use]
    pub fn now() -> Memory {
        System::new().map_or(Memory::default(), |mut system| Self::read(&mut system))
    }

    pub(super) fn read(system: &mut System) -> Memory {
        system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
        let total = system.total_memory();
        let available = system.available_memory().min(total);
        Memory {
            total,
            used: total - available,
            available,
        }
    }
}

impl Memory {
    /// The same, by the limit of this process's control group where that is lower than the machine's memory.
    pub(super) fn within_limits(system: &mut System) -> Memory {
        let whole = Self::read(system);
        match system.cgroup_limits() {
            Some(limits) if limits.total_memory < whole.total => {
                let available = limits.free_memory.min(limits.total_memory);
                Memory {
                    total: limits.total_memory,
                    used: limits.total_memory - available,
                    available,
                }
            }
            _ => whole,
        }
    }
}

/// Bytes of main memory that this process holds now; none when the system does not say.
#[must_use]
pub fn resident_bytes() -> Option<u64> {
    let pid = sysinfo::get_current_pid().ok()?;
    let mut system = System::new().ok()?;
    let only = sysinfo::ProcessesToUpdate::Some(&[pid]);
    let kind = sysinfo::ProcessRefreshKind::nothing().with_memory();
    system.refresh_processes_specifics(only, false, kind);
    system.process(pid).map(sysinfo::Process::memory)
}

/// The most bytes of main memory that this process ever held; none when the system does not say.
#[must_use]
pub fn peak_resident_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes * 1024)
}

/// How many processes the system has ended for lack of memory since it started; none where it does not say.
#[must_use]
pub fn memory_kills() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/vmstat").ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("oom_kill "))?;
    line.trim().parse().ok()
}
