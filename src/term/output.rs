//! The terminal's end for writing: unbuffered, so that one `write_all` is one system call and frames stay whole.

use super::TermError;
use std::fs::File;
use std::io;

/// Standard output without the standard library's line buffer in front of it.
pub fn stdout() -> Result<File, TermError> {
    clone_stdout().map_err(TermError::Write)
}

#[cfg(unix)]
fn clone_stdout() -> io::Result<File> {
    use std::os::fd::AsFd;
    Ok(File::from(io::stdout().as_fd().try_clone_to_owned()?))
}

#[cfg(windows)]
fn clone_stdout() -> io::Result<File> {
    use std::os::windows::io::AsHandle;
    Ok(File::from(io::stdout().as_handle().try_clone_to_owned()?))
}

/// Columns and rows of the terminal; 80x24 where it does not say.
#[must_use]
pub fn size() -> (u16, u16) {
    match crossterm::terminal::size() {
        Ok((columns, rows)) if columns > 0 && rows > 0 => (columns, rows),
        _ => (80, 24),
    }
}

/// Whether bytes lie in the terminal that nobody has read.
#[cfg(unix)]
pub(super) fn has_unread_input() -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let input = io::stdin();
    let mut asked = [PollFd::new(&input, PollFlags::IN)];
    // A terminal that cannot be asked is read when the library finds something.
    poll(&mut asked, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
}

#[cfg(not(unix))]
pub(super) fn has_unread_input() -> bool {
    false
}

/// Sets the line discipline to what it is. The caller keeps others from changing it meanwhile.
#[cfg(unix)]
pub(super) fn set_line_again() {
    use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
    let input = io::stdin();
    if let Ok(modes) = tcgetattr(&input) {
        // Nothing depends on its success but a wake-up.
        let _ = tcsetattr(&input, OptionalActions::Now, &modes);
    }
}

#[cfg(not(unix))]
pub(super) fn set_line_again() {}
