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
