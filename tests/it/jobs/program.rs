//! The real program on a data folder: started, killed, resumed. Any kind of job can be put through [`same_after_kills`].

use super::place::{Place, contents};
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::thread;
use std::time::Duration;
use synod::domain::chance::Chance;
use synod::domain::clock::{Clock, System};
use synod::domain::id::RunId;
use synod::domain::run::{RunState, RunSummary};
use synod::store::run::{RunFolder, list, process};

/// How long anything may take before the test gives up: a machine at full load is slow.
const PATIENCE: u64 = 120_000;

impl Place {
    /// Runs the program to its end.
    pub fn synod(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_synod"))
            .arg("--data-dir")
            .arg(self.root())
            .args(arguments)
            .output()
            .unwrap()
    }

    /// The same; it must end well. What it printed.
    pub fn synod_ok(&self, arguments: &[&str]) -> String {
        let output = self.synod(arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Starts a run and leaves it.
    pub fn start(&self, arguments: &[&str]) -> RunFolder {
        let mut all = vec!["runs", "start", "--detach"];
        all.extend(arguments);
        let id = self.synod_ok(&all);
        RunFolder::of(&self.paths, &RunId(id.trim().to_owned()))
    }

    /// Waits until a run has come to what is asked for. Only its log is looked at.
    pub fn wait(
        &self,
        run: &RunFolder,
        what: &str,
        is_there: impl Fn(&RunSummary) -> bool,
    ) -> RunSummary {
        let begun = System.now();
        loop {
            let summary = list::summary(run);
            if is_there(&summary) {
                return summary;
            }
            assert!(
                System.now() - begun < PATIENCE,
                "{what}: {summary:?}\n{}",
                fs::read_to_string(run.events()).unwrap_or_default()
            );
            thread::sleep(Duration::from_millis(10));
        }
    }

    pub fn wait_for(&self, run: &RunFolder, state: RunState) -> RunSummary {
        let what = format!("{state}");
        self.wait(run, &what, |summary| summary.state == state)
    }
}

/// Sends a signal to the process of a run.
pub fn signal(run: &RunFolder, signal: rustix::process::Signal) {
    let noted = process::noted(run).unwrap();
    let pid = rustix::process::Pid::from_raw(noted.id.cast_signed()).unwrap();
    // It may have ended meanwhile.
    let _ = rustix::process::kill_process(pid, signal);
}

/// Waits until no process holds the run.
pub fn wait_until_free(run: &RunFolder) {
    let begun = System.now();
    while run.is_held() {
        assert!(
            System.now() - begun < PATIENCE,
            "a process holds {}",
            run.id.0
        );
        thread::sleep(Duration::from_millis(5));
    }
}

/// Runs a job twice, once in peace and once with kills at so many places of its log that a seed decides, and compares what the
/// two made byte for byte. `arguments` are those of `synod runs start`.
pub fn same_after_kills(arguments: &[&str], kills: u64, seed: u64) {
    let place = Place::new();
    let whole = place.start(arguments);
    let summary = place.wait(&whole, "the end", |summary| summary.state.is_over());
    assert_eq!(summary.state, RunState::Done, "{:?}", summary.why);
    wait_until_free(&whole);
    let steps = summary.done;
    let run = place.start(arguments);
    let mut killed = 0;
    for kill in 0..kills {
        let mut chance = Chance::at(seed, &[kill]);
        // Later and later, so that every part of the run is met.
        let at = (kill as f64 + chance.uniform()) / kills as f64 * steps as f64;
        place.wait(&run, "a place to kill", |summary| {
            summary.state.is_over()
                || summary.state == RunState::Running && summary.done as f64 >= at
        });
        signal(&run, rustix::process::Signal::KILL);
        wait_until_free(&run);
        let looked = place.synod_ok(&["runs", "show", &run.id.0]);
        if list::summary(&run).state == RunState::Done {
            break;
        }
        killed += 1;
        assert!(
            looked.contains("its process ended without a word"),
            "{looked}"
        );
        assert!(looked.contains("resume"), "{looked}");
        place.synod_ok(&["runs", "resume", &run.id.0]);
    }
    assert!(killed > 0, "the run was over before it could be killed");
    place.wait_for(&run, RunState::Done);
    wait_until_free(&run);
    assert_eq!(contents(&run.results()), contents(&whole.results()));
    assert_eq!(newest_state(&run), newest_state(&whole));
}

/// The files of the newest checkpoint, its card left out: that names the program.
fn newest_state(run: &RunFolder) -> std::collections::BTreeMap<String, Vec<u8>> {
    let mut folders: Vec<_> = fs::read_dir(run.checkpoints())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| !is_hidden(path))
        .collect();
    folders.sort();
    let mut files = contents(folders.last().unwrap());
    files.remove("card.json");
    files
}

fn is_hidden(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name.to_string_lossy().starts_with('.'))
}
