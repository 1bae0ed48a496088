//! The matrix units: eight tiles of sixteen rows of 64 bytes.

use super::Line;
use crate::lm::kernel::Instructions;
use crate::lm::kernel::gemm::ViewMut;
use std::arch::asm;
use std::ops::Range;
use std::sync::OnceLock;

/// Whether this processor has the units and the operating system lets this program use them.
pub fn are_there() -> bool {
    static ANSWER: OnceLock<bool> = OnceLock::new();
    *ANSWER.get_or_init(|| {
        Instructions::detect() == Instructions::Avx512Vnni && has_units() && is_allowed()
    })
}

fn has_units() -> bool {
    /// `amx-bf16` and `amx-tile` in EDX of leaf 7.
    const BITS: u32 = 1 << 22 | 1 << 24;
    let highest = std::arch::x86_64::__cpuid(0).eax;
    highest >= 7 && std::arch::x86_64::__cpuid_count(7, 0).edx & BITS == BITS
}

/// Asks Linux for the state of tiles, which it saves only for programs that asked (`arch_prctl(2)`).
fn is_allowed() -> bool {
    const ARCH_PRCTL: i64 = 158;
    const REQUEST: u64 = 0x1023;
    const TILE_DATA: u64 = 18;
    let mut result = ARCH_PRCTL;
    // SAFETY: a system call that touches no memory of this program; the kernel overwrites these registers only.
    unsafe {
        asm!("syscall", inlateout("rax") result, in("rdi") REQUEST, in("rsi") TILE_DATA,
            out("rcx") _, out("r11") _, options(nostack));
    }
    result == 0
}

/// Palette 1: every tile has sixteen rows of 64 bytes.
#[repr(C, align(64))]
struct Configuration([u8; 64]);

static CONFIGURATION: Configuration = {
    let mut bytes = [0; 64];
    bytes[0] = 1;
    let mut tile = 0;
    while tile < 8 {
        bytes[16 + 2 * tile] = 64;
        bytes[48 + tile] = 16;
        tile += 1;
    }
    Configuration(bytes)
};

/// A time in which this thread's tiles are set up.
pub struct Session(());

impl Session {
    /// To be called where [`are_there`] says so.
    pub fn begin() -> Self {
        // SAFETY: the units are there, and the configuration is valid.
        unsafe {
            asm!("ldtilecfg [{}]", in(reg) &raw const CONFIGURATION, options(nostack, readonly))
        };
        Self(())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // SAFETY: gives the tiles' state back; nothing reads them any more.
        unsafe { asm!("tilerelease", options(nostack, nomem)) };
    }
}

/// Where a product goes: at most 32 rows and columns of a matrix.
pub struct Place<'a> {
    pub out: &'a ViewMut<'a>,
    pub rows: Range<usize>,
    pub columns: Range<usize>,
    pub is_added: bool,
}

// Tiles 0 to 3 are sums, 4 and 5 hold rows, 6 and 7 columns. In a step lie the heads of two tiles, then the middles, then the
// lasts, 1024 bytes each.

/// Loads a part of the rows.
macro_rules! rows {
    (head) => {
        "tileloadd tmm4, [{left} + {line}*1]\ntileloadd tmm5, [{left} + {line}*1 + 1024]"
    };
    (middle) => {
        "tileloadd tmm4, [{left} + {line}*1 + 2048]\ntileloadd tmm5, [{left} + {line}*1 + 3072]"
    };
    (last) => {
        "tileloadd tmm4, [{left} + {line}*1 + 4096]\ntileloadd tmm5, [{left} + {line}*1 + 5120]"
    };
}

/// Loads a part of the columns.
macro_rules! columns {
    (head) => {
        "tileloadd tmm6, [{right} + {line}*1]\ntileloadd tmm7, [{right} + {line}*1 + 1024]"
    };
    (middle) => {
        "tileloadd tmm6, [{right} + {line}*1 + 2048]\ntileloadd tmm7, [{right} + {line}*1 + 3072]"
    };
    (last) => {
        "tileloadd tmm6, [{right} + {line}*1 + 4096]\ntileloadd tmm7, [{right} + {line}*1 + 5120]"
    };
}

/// Adds the products of the loaded parts to the sums.
macro_rules! products {
    () => {
        "tdpbf16ps tmm0, tmm4, tmm6\ntdpbf16ps tmm1, tmm4, tmm7\ntdpbf16ps tmm2, tmm5, tmm6\ntdpbf16ps tmm3, tmm5, tmm7"
    };
}

/// Numbers of a whole panel's side.
const SIDE: usize = super::PANEL;

#[repr(C, align(64))]
struct Edge([f32; SIDE * SIDE]);

impl Session {
    /// Two tiles of rows times two tiles of columns.
    ///
    /// # Safety
    /// Strip and panel have `steps` steps; the place is inside its matrix, and no other thread uses it.
    pub unsafe fn multiply(
        &self,
        strip: &[Line],
        panel: &[Line],
        steps: usize,
        parts: u32,
        place: &Place<'_>,
    ) {
        let (rows, columns) = (place.rows.len(), place.columns.len());
        let step = place.out.row_step();
        debug_assert!(
            strip.len() == steps * super::LINES && panel.len() == strip.len() && steps > 0
        );
        // SAFETY: the caller's promise; the edge is a copy with room for everything.
        unsafe {
            let to = place.out.at(place.rows.start, place.columns.start);
            if rows == SIDE && columns == SIDE {
                self.whole(strip, panel, steps, parts, to, step, place.is_added);
                return;
            }
            let mut edge = Edge([0.0; SIDE * SIDE]);
            let copy = edge.0.as_mut_ptr();
            if place.is_added {
                for row in 0..rows {
                    std::ptr::copy_nonoverlapping(
                        to.add(row * step),
                        copy.add(row * SIDE),
                        columns,
                    );
                }
            }
            self.whole(strip, panel, steps, parts, copy, SIDE, place.is_added);
            for row in 0..rows {
                std::ptr::copy_nonoverlapping(copy.add(row * SIDE), to.add(row * step), columns);
            }
        }
    }

    #[allow(clippy::too_many_arguments, reason = "the registers of one loop")]
    unsafe fn whole(
        &self,
        strip: &[Line],
        panel: &[Line],
        steps: usize,
        parts: u32,
        out: *mut f32,
        row_step: usize,
        is_added: bool,
    ) {
        static ZEROS: Edge = Edge([0.0; SIDE * SIDE]);
        let (from, from_step) = match is_added {
            true => (out.cast_const(), row_step * 4),
            false => (ZEROS.0.as_ptr(), SIDE * 4),
        };
        let (left, right, to_step) = (strip.as_ptr(), panel.as_ptr(), row_step * 4);
        // Each part of the rows meets its parts of the columns, in an order with few loads.
        macro_rules! run {
            ($($line:expr),* $(,)?) => {
                // SAFETY: the caller's promise: whole steps are read, and 32 rows of 32 numbers read and written.
                unsafe {
                    asm!(
                        "tileloadd tmm0, [{from} + {from_step}*1]",
                        "tileloadd tmm1, [{from} + {from_step}*1 + 64]",
                        "tileloadd tmm2, [{lower} + {from_step}*1]",
                        "tileloadd tmm3, [{lower} + {from_step}*1 + 64]",
                        "2:",
                        $($line,)*
                        "add {left}, 6144",
                        "add {right}, 6144",
                        "dec {steps}",
                        "jnz 2b",
                        "tilestored [{out} + {to_step}*1], tmm0",
                        "tilestored [{out} + {to_step}*1 + 64], tmm1",
                        "tilestored [{below} + {to_step}*1], tmm2",
                        "tilestored [{below} + {to_step}*1 + 64], tmm3",
                        from = in(reg) from,
                        lower = in(reg) from.byte_add(16 * from_step),
                        from_step = in(reg) from_step,
                        out = in(reg) out,
                        below = in(reg) out.byte_add(16 * to_step),
                        to_step = in(reg) to_step,
                        left = inout(reg) left => _,
                        right = inout(reg) right => _,
                        steps = inout(reg) steps => _,
                        line = in(reg) 64_usize,
                        out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                        out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                        options(nostack),
                    )
                }
            };
        }
        match parts {
            1 => run!(
                rows!(last),
                columns!(head),
                products!(),
                rows!(middle),
                products!(),
                rows!(head),
                products!()
            ),
            2 => run!(
                rows!(last),
                columns!(head),
                products!(),
                rows!(head),
                products!(),
                columns!(middle),
                products!(),
                rows!(middle),
                products!(),
                columns!(head),
                products!(),
            ),
            _ => run!(
                rows!(last),
                columns!(head),
                products!(),
                rows!(head),
                products!(),
                columns!(last),
                products!(),
                columns!(middle),
                products!(),
                rows!(middle),
                products!(),
                columns!(head),
                products!(),
            ),
        }
    }
}
