//! A random walk: the smallest job that has everything a job can have. It exists to test the machinery of runs, by tests of this
//! project and on a user's machine (`synod runs start selftest`), and can be told to fail in all ways that matter.

use super::{Job, JobContext, JobError, Step, Work};
use crate::domain::chance::Chance;
use crate::domain::event::{Cell, Level};
use crate::domain::parameter::{Domain, Parameter, Value};
use crate::domain::run::{Goal, JobCard, Product, ProductKind, SeriesCard, TableCard};
use crate::domain::spec::Spec;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

/// The kind's word.
pub const KIND: &str = "selftest";

/// Where the state lies in a checkpoint.
const STATE: &str = "walk.txt";

/// The kind.
#[derive(Debug, Clone, Copy)]
pub struct Walk;

/// A walk under way: steps to the left or right by uniform amounts.
struct Walker {
    spec: Spec,
    /// All positions so far, the start left out.
    path: Vec<f64>,
}

impl Job for Walk {
    fn card(&self) -> JobCard {
        JobCard {
            kind: KIND.into(),
            title: "self-test".into(),
            about: "A random walk that tests how runs are kept, paused and resumed.".into(),
            unit: "step".into(),
            parameters: parameters(),
            series: vec![
                series("distance", Goal::Higher),
                series("position", Goal::Neither),
            ],
            tables: vec![TableCard {
                name: "milestones".into(),
                title: "Milestones".into(),
                columns: vec!["step".into(), "position".into()],
            }],
        }
    }

    fn check(&self, spec: &Spec) -> Result<(), String> {
        if spec.whole("fail_at") > spec.whole("steps") {
            return Err("fail_at: the walk ends before that step; give a smaller number".into());
        }
        Ok(())
    }

    fn prepare(&self, spec: &Spec, _context: &JobContext) -> Result<Box<dyn Work>, JobError> {
        Ok(Box::new(Walker {
            spec: spec.clone(),
            path: Vec::new(),
        }))
    }
}

impl Work for Walker {
    fn total(&self) -> u64 {
        u64::try_from(self.spec.whole("steps")).unwrap_or(0)
    }

    fn step(&mut self, context: &JobContext) -> Result<Step, JobError> {
        for _ in 0..self.spec.count("milliseconds") {
            context.pause_point()?;
            thread::sleep(Duration::from_millis(1));
        }
        let number = self.path.len() as u64 + 1;
        if self.spec.seed("fail_at") == number {
            self.fail(context)?;
        }
        let mut chance = Chance::at(self.spec.seed("seed"), &[0, number, 0]);
        let before = self.path.last().copied().unwrap_or(0.0);
        let position = before + (chance.uniform() * 2.0 - 1.0) * self.spec.real("stride");
        let farthest = self
            .path
            .iter()
            .fold(0.0_f64, |most, at| most.max(at.abs()));
        self.path.push(position);
        let x = number as f64;
        context.metric("distance", x, position.abs());
        context.metric("position", x, position);
        if number.is_multiple_of(10) {
            let cells = vec![Cell::Number(position)];
            context.row("milestones", &number.to_string(), cells);
        }
        let every = self.spec.seed("save_every");
        Ok(Step {
            is_last: number >= self.total(),
            is_best: position.abs() > farthest && number.is_multiple_of(7),
            saves: every > 0 && number.is_multiple_of(every),
        })
    }

    fn save(&self, folder: &Path) -> Result<(), JobError> {
        let path = folder.join(STATE);
        fs::write(&path, lines(&self.path))
            .map_err(|error| JobError::io("write", &path, &error))?;
        let ballast = folder.join("ballast");
        let bytes = vec![b'.'; self.spec.count("ballast_kib") * 1024];
        fs::write(&ballast, bytes).map_err(|error| JobError::io("write", &ballast, &error))
    }

    fn restore(&mut self, folder: &Path) -> Result<(), JobError> {
        let path = folder.join(STATE);
        let text =
            fs::read_to_string(&path).map_err(|error| JobError::io("read", &path, &error))?;
        let positions: Result<Vec<f64>, _> = text.lines().map(str::parse).collect();
        self.path = positions.map_err(|error| {
            JobError::Data(format!("{} is no list of numbers: {error}", path.display()))
        })?;
        Ok(())
    }

    fn finish(&mut self, context: &JobContext) -> Result<(), JobError> {
        let path = context.results().join(STATE);
        fs::write(&path, lines(&self.path))
            .map_err(|error| JobError::io("write", &path, &error))?;
        context.made(Product {
            kind: ProductKind::Report,
            title: "all positions".into(),
            path: format!("results/{STATE}"),
            base: None,
        });
        Ok(())
    }
}

impl Walker {
    /// Fails as the spec says.
    fn fail(&self, context: &JobContext) -> Result<(), JobError> {
        match self.spec.text("fail_how") {
            "data" => Err(JobError::Data("told to fail".into())),
            "panic" => {
                // A fault in a job, as a careless index would be.
                let nothing: Vec<u8> = Vec::new();
                let index = self.path.len();
                context.note(Level::Info, &format!("{}", nothing[index]));
                Ok(())
            }
            "abort" => std::process::abort(),
            "no_number" => {
                context.metric("distance", f64::NAN, f64::INFINITY);
                Ok(())
            }
            _ => Err(JobError::Failed("told to fail".into())),
        }
    }
}

/// One number a line, in the shortest form that gives the same bits again.
fn lines(path: &[f64]) -> String {
    path.iter().map(|at| format!("{at:?}\n")).collect()
}

fn series(name: &str, goal: Goal) -> SeriesCard {
    SeriesCard {
        name: name.into(),
        title: name.into(),
        unit: String::new(),
        goal,
        group: "walk".into(),
    }
}

fn parameters() -> Vec<Parameter> {
    let whole = |key: &str, help: &str, most: i64, default: i64| Parameter {
        key: key.into(),
        title: key.replace('_', " "),
        help: help.into(),
        group: "walk".into(),
        domain: Domain::Whole { least: 0, most },
        default: Some(Value::Whole(default)),
    };
    vec![
        whole("seed", "Where the random numbers come from.", i64::MAX, 1),
        whole("steps", "How long the walk is.", 10_000_000, 100),
        Parameter {
            key: "stride".into(),
            title: "stride".into(),
            help: "The longest step to either side.".into(),
            group: "walk".into(),
            domain: Domain::Real {
                least: 0.0,
                most: 1e6,
            },
            default: Some(Value::Real(1.0)),
        },
        whole("milliseconds", "How long a step takes.", 600_000, 10),
        whole("save_every", "Steps between checkpoints; 0 leaves it to the clock.", 10_000_000, 0),
        whole("ballast_kib", "How large checkpoints are, in KiB.", 1 << 22, 0),
        whole("fail_at", "The step that fails; 0 for none.", 10_000_000, 0),
        Parameter {
            key: "fail_how".into(),
            title: "fail how".into(),
            help: "As an error, as bad data, as a fault in the program, by ending the process, or only with a value that is no number.".into(),
            group: "walk".into(),
            domain: Domain::Choice {
                options: ["error", "data", "panic", "abort", "no_number"]
                    .map(str::to_owned)
                    .to_vec(),
            },
            default: Some(Value::Text("error".into())),
        },
    ]
}
