//! Frames of the jobs screen while a run of a hundred thousand steps tells three curves.

use super::Stage;
use super::figure::{Figure, percentile};
use std::collections::BTreeMap;
use std::time::Instant;
use synod::app::msg::{Chord, Key, Msg, RunMsg};
use synod::domain::event::{Event, Kind, Source};
use synod::domain::id::RunId;
use synod::domain::reading::Reading;
use synod::domain::run::{Goal, JobCard, RunState, RunSummary, SeriesCard};

const STEPS: u64 = 100_000;
const FRAMES: u64 = 300;
const SERIES: [&str; 3] = ["best", "mean", "worst"];

fn told(seq: u64, kind: Kind) -> Event {
    Event {
        source: Source::Run(RunId("bench".into())),
        seq,
        at: seq,
        kind,
    }
}

fn card() -> JobCard {
    let series = SERIES.map(|name| SeriesCard {
        name: name.into(),
        title: name.into(),
        unit: String::new(),
        goal: Goal::Higher,
        group: "utility".into(),
    });
    JobCard {
        kind: "bench".into(),
        title: "bench".into(),
        about: String::new(),
        unit: "step".into(),
        parameters: Vec::new(),
        series: series.to_vec(),
        tables: Vec::new(),
    }
}

fn step(number: u64) -> Vec<Event> {
    let x = number as f64;
    let metric = |(at, series): (usize, &str)| {
        let y = (x / 900.0).sin() / (at + 1) as f64 + x / STEPS as f64;
        let series = series.into();
        told(number, Kind::Metric { series, x, y })
    };
    SERIES.into_iter().enumerate().map(metric).collect()
}

fn read(stage: &mut Stage, events: Vec<Event>, is_first: bool) {
    stage.update(Msg::Run(RunMsg::Read {
        run: RunId("bench".into()),
        events,
        begun: is_first.then(BTreeMap::new),
    }));
}

/// Each frame comes after a second: a step of each curve and a look at the machine.
pub fn frames() -> Figure {
    let mut stage = Stage::new(200, 60, 1);
    stage.update(Msg::Key(Chord::plain(Key::F(4))));
    let card = Box::new(card());
    let mut events = vec![
        told(
            1,
            Kind::Opened {
                card,
                title: "bench".into(),
            },
        ),
        told(
            2,
            Kind::State {
                state: RunState::Running,
                why: None,
            },
        ),
    ];
    events.extend((3..STEPS).flat_map(step));
    let mut summary = RunSummary::new(RunId("bench".into()));
    events.iter().for_each(|event| summary.fold(event));
    let entry = synod::app::jobs::RunEntry {
        summary,
        folder: "bench".into(),
    };
    stage.update(Msg::Run(RunMsg::Listed(vec![entry])));
    read(&mut stage, events, true);
    stage.draw();
    let mut times = Vec::new();
    for number in STEPS..STEPS + FRAMES {
        stage.now += 1_000;
        let reading = Reading {
            cpu_percent: (number % 100) as f32,
            cores: vec![50.0; 64],
            ..Reading::default()
        };
        let start = Instant::now();
        read(&mut stage, step(number), false);
        stage.update(Msg::Run(RunMsg::Sampled(reading)));
        stage.draw();
        times.push(start.elapsed());
    }
    let shown = stage.shown();
    assert!(
        shown.contains("worst"),
        "this is not the screen that was meant:\n{shown}"
    );
    Figure {
        name: "frame, jobs screen with 3 curves, 200x60, p95",
        value: percentile(&mut times, 0.95),
        budget: 8.0,
        unit: "ms",
        note: format!(
            "{STEPS} steps each; median {:.3}",
            percentile(&mut times, 0.5)
        ),
    }
}
