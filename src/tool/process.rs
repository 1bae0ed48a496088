//! Programs that tools start: a bare environment, no input but what is given, bounded output, and no survivor.
//!
//! Every program leads a process group of its own; when its call ends, however it ends, the whole group is killed.

use super::error::ToolError;
use super::limits::Collector;
use std::path::Path;
use std::process::Stdio;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

/// What a program inherits from the environment: nothing that could hold a secret.
const INHERITED: [&str; 3] = ["PATH", "HOME", "LANG"];

/// What a program brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// None when a signal ended it.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// A command with a bare environment and a process group of its own.
#[must_use]
pub fn command(program: &str, arguments: &[String], folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).env_clear();
    for name in INHERITED {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command.kill_on_drop(true);
    #[cfg(unix)]
    command.process_group(0);
    command
}

/// Runs a command to its end. Dropping the future kills its group.
///
/// # Errors
///
/// When it cannot be started.
pub async fn run(mut command: Command, input: &str, most: usize) -> Result<Ended, ToolError> {
    let name = command
        .as_std()
        .get_program()
        .to_string_lossy()
        .into_owned();
    let failed = |error: std::io::Error| ToolError::failed(format!("cannot run {name}: {error}"));
    command
        .stdin(if input.is_empty() {
            Stdio::null()
        } else {
            Stdio::piped()
        })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().map_err(failed)?;
    let _group = Group::of(&child);
    let stdin = child.stdin.take();
    let feed = async {
        if let Some(mut stdin) = stdin {
            // A program need not read what it is given.
            let _ = stdin.write_all(input.as_bytes()).await;
        }
    };
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    // What a grandchild holds open must not hold up the call once the program itself has ended.
    let mut streams =
        Box::pin(async { tokio::join!(collect(stdout, most), collect(stderr, most)) });
    let mut early = None;
    let work = async {
        loop {
            tokio::select! {
                status = child.wait() => return status,
                both = &mut streams, if early.is_none() => early = Some(both),
            }
        }
    };
    let ((), status) = tokio::join!(feed, work);
    let status = status.map_err(failed)?;
    drop(_group);
    let (stdout, stderr) = match early {
        Some(both) => both,
        None => streams.await,
    };
    Ok(Ended {
        code: status.code(),
        stdout,
        stderr,
    })
}

async fn collect(stream: Option<impl AsyncRead + Unpin>, most: usize) -> String {
    let mut collector = Collector::new(most);
    let Some(mut stream) = stream else {
        return collector.finish();
    };
    let mut buffer = [0; 8192];
    while let Ok(count @ 1..) = stream.read(&mut buffer).await {
        collector.push(&buffer[..count]);
    }
    collector.finish()
}

/// A process group that is killed when this is dropped.
#[derive(Debug)]
pub struct Group {
    #[cfg(unix)]
    leader: Option<rustix::process::Pid>,
}

impl Group {
    /// The group that a child of [`command`] leads.
    #[must_use]
    pub fn of(child: &Child) -> Group {
        Group::led_by(child.id())
    }

    /// The group of a leader's process number.
    #[must_use]
    pub fn led_by(id: Option<u32>) -> Group {
        #[cfg(not(unix))]
        let _ = id;
        Group {
            #[cfg(unix)]
            leader: id
                .and_then(|id| i32::try_from(id).ok())
                .and_then(rustix::process::Pid::from_raw),
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        #[cfg(unix)]
        if let Some(leader) = self.leader {
            // An empty group is what we want.
            let _ = rustix::process::kill_process_group(leader, rustix::process::Signal::KILL);
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::time::Duration;

    async fn shell(line: &str) -> Ended {
        let arguments = ["-c".to_owned(), line.to_owned()];
        run(command("sh", &arguments, Path::new("/")), "", 64)
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn output_codes_and_a_bare_environment() {
        let ended = shell("echo out; echo err >&2; exit 3").await;
        assert_eq!(
            ended,
            Ended {
                code: Some(3),
                stdout: "out\n".into(),
                stderr: "err\n".into()
            }
        );
        let ended = shell(
            "env | cut -d= -f1 | grep -v -e '^PWD$' -e '^SHLVL$' -e '^_$' | sort | tr '\\n' ' '",
        )
        .await;
        for name in ended.stdout.split_whitespace() {
            assert!(INHERITED.contains(&name), "{name} was inherited");
        }
        let long = shell("yes | head -c 100000").await;
        assert!(
            long.stdout.contains("99936 bytes left out"),
            "{}",
            long.stdout
        );
        assert!(
            run(command("no-such-program", &[], Path::new("/")), "", 9)
                .await
                .is_err()
        );
    }

    #[tokio::test]
    async fn what_it_left_behind_is_killed_and_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let line = format!("sleep 600 & echo $! > {}/pid", folder.path().display());
        shell(&line).await;
        gone(&folder.path().join("pid")).await;
    }

    #[tokio::test]
    async fn dropping_the_call_kills_the_whole_group() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        let line = format!(
            "sleep 600 & echo $! > {0}/new; mv {0}/new {0}/pid; wait",
            folder.path().display()
        );
        let call = tokio::spawn(async move { shell(&line).await });
        while !file.exists() {
            tokio::task::yield_now().await;
        }
        call.abort();
        gone(&file).await;
    }

    /// Waits until the process is gone (or a dead entry that waits for its parent).
    async fn gone(file: &Path) {
        let pid = std::fs::read_to_string(file).unwrap();
        let stat = format!("/proc/{}/stat", pid.trim());
        let gone = async {
            loop {
                match std::fs::read_to_string(&stat) {
                    Ok(stat) if !stat.contains(") Z ") => tokio::task::yield_now().await,
                    _ => return,
                }
            }
        };
        assert!(
            tokio::time::timeout(Duration::from_secs(20), gone)
                .await
                .is_ok()
        );
    }
}
