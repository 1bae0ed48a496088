//! Without a screen: flags to councils, lines in and answers out, exit codes.

use crate::support::council::{Fake, Step, backends, council, default_answer, pairs, say};
use std::ffi::OsString;
use std::sync::Arc;
use synod::cli::flags::AD_HOC;
use synod::cli::{Cli, Command};
use synod::domain::cancel::Cancel;
use synod::domain::clock::Manual;
use synod::domain::council::Council;
use synod::domain::event::{Event, Kind};
use synod::domain::fault::FaultClass;
use synod::domain::message::Role;
use synod::runtime::headless::{Headless, Manner, Output, Standing};
use synod::society;
use synod::store::preset;

fn cli(words: &[&str]) -> Cli {
    let words = std::iter::once("synod").chain(words.iter().copied());
    synod::cli::parse(words.map(OsString::from)).unwrap()
}

/// The council that these words make of a built-in preset.
fn made(preset: &str, words: &[&str]) -> Result<Council, String> {
    let text = preset::builtin_text(preset).unwrap();
    let base = preset::parse(preset, text).council.unwrap();
    cli(words).chat.council.over(base)
}

fn models(council: &Council) -> Vec<String> {
    council
        .agents
        .iter()
        .map(|agent| format!("{} {}", agent.part, agent.model))
        .collect()
}

#[test]
fn the_flags_of_the_original_readme_are_taken_as_written() {
    let words = [
        "--aggregator=agg@x",
        "--reference_models=a@x,b@y",
        "--temperature",
        "0.2",
        "--max_tokens=99",
        "--rounds=3",
        "--num_proc=2",
        "--multi_turn=false",
    ];
    let made_here = made("moa-local", &words).unwrap();
    assert_eq!(
        models(&made_here),
        ["reference a@x", "reference b@y", "aggregator agg@x"]
    );
    assert_eq!(made_here.sampling.temperature, Some(0.2));
    assert_eq!(made_here.sampling.max_tokens, Some(99));
    assert!(made_here.agents.iter().all(|agent| {
        agent.sampling.temperature.is_none() && agent.sampling.max_tokens.is_none()
    }));
    assert_eq!(made_here.settings["rounds"], 3);
    assert_eq!(made_here.num_proc, 2);
    assert!(!made_here.multi_turn);
    assert!(society::build(&made_here).is_ok());
    assert_ne!(made_here.name, "moa-local", "it is not the preset any more");
}

#[test]
fn both_spellings_and_repetitions_are_one() {
    let repeated = made(
        "moa-local",
        &[
            "--model",
            "m",
            "--reference-models",
            "a",
            "--reference-models",
            "a",
        ],
    );
    let listed = made(
        "moa-local",
        &["--aggregator", "m", "--reference_models", "a,a"],
    );
    assert_eq!(repeated, listed);
    assert_eq!(
        models(&repeated.unwrap()),
        ["reference a", "reference a", "aggregator m"]
    );
    for (word, expected) in [
        ("--multi_turn", true),
        ("--multi-turn", true),
        ("--multi-turn=true", true),
        ("--no-multi-turn", false),
        ("--multi-turn=false", false),
    ] {
        assert_eq!(
            made("plain", &[word]).unwrap().multi_turn,
            expected,
            "{word}"
        );
    }
}

#[test]
fn the_same_flags_stand_after_the_word_chat() {
    let after = cli(&["chat", "--rounds", "2", "--model", "m"]);
    let Some(Command::Chat(flags)) = after.command else {
        panic!("{after:?}");
    };
    assert_eq!(*flags, cli(&["--rounds", "2", "--model", "m"]).chat);
    let mixed = ["synod", "--rounds", "2", "chat"].map(OsString::from);
    let error = synod::cli::parse(mixed).unwrap_err();
    assert!(
        error.to_string().contains("after the word `chat`"),
        "{error}"
    );
    assert_eq!(error.exit_code(), 2);
}

#[test]
fn flags_win_over_the_preset_and_nothing_else_changes() {
    let same = made("moa-local", &[]).unwrap();
    assert_eq!(same.name, "moa-local");
    let bounds = made(
        "moa-local",
        &["--ref-max-tokens", "11", "--agg-max-tokens", "22"],
    )
    .unwrap();
    let most: Vec<_> = bounds
        .agents
        .iter()
        .map(|agent| agent.sampling.max_tokens.unwrap())
        .collect();
    assert_eq!(most.last(), Some(&22));
    assert!(most[..most.len() - 1].iter().all(|&one| one == 11));
}

#[test]
fn a_plain_preset_becomes_a_council_when_references_are_given() {
    let council = made("plain", &["--reference-models", "a,b", "--rounds", "2"]).unwrap();
    assert_eq!(council.society, "moa");
    assert_eq!(models(&council).len(), 3);
    assert!(society::build(&council).is_ok());
    let error = made("plain", &["--rounds", "2"]).unwrap_err();
    assert!(error.contains("--rounds needs a mixture"), "{error}");
}

#[test]
fn a_server_of_flags_serves_the_models_that_name_none() {
    let words = [
        "--base-url",
        "http://127.0.0.1:1/v1",
        "--key-env",
        "K",
        "--model",
        "m",
        "--reference-models",
        "a,b@together",
    ];
    let council = made("moa-local", &words).unwrap();
    assert_eq!(
        models(&council),
        [
            "reference a@server",
            "reference b@together",
            "aggregator m@server"
        ]
    );
    let endpoint = cli(&words).chat.council.endpoint().unwrap();
    assert_eq!(
        (endpoint.name.as_str(), endpoint.key_env.as_deref()),
        (AD_HOC, Some("K"))
    );
    assert!(made("moa-local", &["--base-url", "http://x/v1"]).is_err());
}

#[test]
fn an_aggregator_prompt_is_read_from_its_file() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "Combine these.\n").unwrap();
    let path = file.path().to_str().unwrap();
    let council = made("moa-local", &["--aggregator-prompt-file", path]).unwrap();
    assert_eq!(council.settings["aggregator_prompt"], "Combine these.\n");
    assert!(made("moa-local", &["--aggregator-prompt-file", "/no/such"]).is_err());
}

#[test]
fn every_built_in_preset_can_be_put_together() {
    let paths = synod::store::paths::Paths::new(Some(std::path::Path::new("/no/such/folder")));
    let presets = synod::store::preset::load_all(&paths);
    assert!(presets.len() > 3);
    for preset in presets {
        let council = preset.council.unwrap();
        if let Err(error) = society::build(&council) {
            panic!("{error}");
        }
    }
}

struct Talk {
    answers: String,
    remarks: String,
    code: i32,
    kept: Vec<Event>,
}

async fn talk(fake: &Arc<Fake>, council: Council, manner: Manner, lines: &[&str]) -> Talk {
    let (sender, mut questions) = tokio::sync::mpsc::unbounded_channel();
    for line in lines {
        sender.send((*line).to_owned()).unwrap();
    }
    drop(sender);
    let mut headless = Headless::new(
        backends(fake),
        Arc::new(Manual::at(1000)),
        council,
        manner,
        Some(7),
        Standing::default(),
    );
    let (mut answers, mut remarks, mut kept) = (Vec::new(), Vec::new(), Vec::new());
    let mut keep = |event: &Event| kept.push(event.clone());
    let mut output = Output {
        answers: &mut answers,
        remarks: &mut remarks,
        keep: Some(&mut keep),
    };
    let code = headless
        .run(&mut questions, &mut output, &Cancel::new())
        .await
        .unwrap();
    Talk {
        answers: String::from_utf8(answers).unwrap(),
        remarks: String::from_utf8(remarks).unwrap(),
        code,
        kept,
    }
}

#[tokio::test]
async fn questions_are_answered_line_by_line_with_the_conversation_so_far() {
    let fake = Fake::plain();
    let lines = ["hi", "", "  more ", " quit ", "never asked"];
    let talk = talk(&fake, council("{}"), Manner::default(), &lines).await;
    assert_eq!(talk.answers, "FINAL of AGG\n\nFINAL of AGG\n");
    assert_eq!(
        talk.remarks,
        "reference A: 0 tokens in 0.0 s\nreference B: 0 tokens in 0.0 s\n".repeat(2)
    );
    assert_eq!(talk.code, 0);
    assert_eq!(
        fake.messages_to("A")[1],
        [
            (Role::User, "hi".to_owned()),
            (Role::Assistant, "FINAL of AGG".to_owned()),
            (Role::User, "more".to_owned())
        ]
    );
    assert_eq!(fake.messages_to("A").len(), 2);
}

#[tokio::test]
async fn only_the_exact_words_leave() {
    let fake = Fake::plain();
    let talk = talk(
        &fake,
        council("{}"),
        Manner::default(),
        &["EXIT", "Quit", "exit"],
    )
    .await;
    assert_eq!(fake.messages_to("A").len(), 2, "{}", talk.remarks);
}

#[tokio::test]
async fn an_answer_streams_without_stray_white_space() {
    let fake = Fake::new(|request, _| match request.model.model.as_str() {
        "AGG" => ["\n\n", "one", " two", "\n", "three", "\n \n"]
            .into_iter()
            .flat_map(|text| [Step::Say(text.into()), Step::Wait(0)])
            .collect(),
        model => say(&default_answer(model)),
    });
    let manner = Manner {
        streams: true,
        ..Manner::default()
    };
    let talk = talk(&fake, council("{}"), manner, &["hi"]).await;
    assert_eq!(talk.answers, "one two\nthree\n");
}

#[tokio::test]
async fn a_failed_turn_is_taken_back_and_told_by_the_exit_code() {
    let fake = Fake::new(
        |request, earlier| match (request.model.model.as_str(), earlier) {
            ("A", _) => vec![Step::Fail(FaultClass::Timeout)],
            ("AGG", 0) => vec![Step::Fail(FaultClass::Auth)],
            (model, _) => say(&default_answer(model)),
        },
    );
    let talk = talk(
        &fake,
        council("{}"),
        Manner::default(),
        &["first", "second"],
    )
    .await;
    assert_eq!(talk.code, 1);
    assert!(
        talk.remarks
            .contains("reference A: timed out: made to fail\n"),
        "{}",
        talk.remarks
    );
    assert!(
        talk.remarks.contains("error: key refused: made to fail\n"),
        "{}",
        talk.remarks
    );
    let last = fake.asked();
    let last = last
        .iter()
        .rfind(|request| request.model.model == "B")
        .unwrap();
    assert_eq!(
        pairs(&last.messages),
        [(Role::User, "second".to_owned())],
        "the failed question is not part of the conversation"
    );
}

#[tokio::test]
async fn json_is_one_event_a_line_and_what_is_kept_can_be_folded() {
    let fake = Fake::plain();
    let manner = Manner {
        json: true,
        ..Manner::default()
    };
    let talk = talk(&fake, council("{}"), manner, &["hi", "more"]).await;
    assert_eq!(talk.remarks, "");
    let events: Vec<Event> = talk
        .answers
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(events, talk.kept);
    let numbers: Vec<u64> = events.iter().map(|event| event.seq).collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
    assert!(
        events
            .iter()
            .any(|event| { matches!(&event.kind, Kind::Began { preset, .. } if preset == "test") })
    );
    let transcript = synod::app::transcript::Transcript::fold(&events);
    let path: Vec<_> = transcript
        .path()
        .into_iter()
        .map(|said| (said.role, said.text.clone()))
        .collect();
    assert_eq!(
        path,
        [
            (Role::User, "hi".to_owned()),
            (Role::Assistant, "FINAL of AGG".to_owned()),
            (Role::User, "more".to_owned()),
            (Role::Assistant, "FINAL of AGG".to_owned()),
        ]
    );
}

#[tokio::test]
async fn an_interrupt_stops_the_turn_and_ends_the_program() {
    let fake = Fake::new(|_, _| vec![Step::Hang]);
    let (sender, mut questions) = tokio::sync::mpsc::unbounded_channel();
    sender.send("hi".to_owned()).unwrap();
    let mut headless = Headless::new(
        backends(&fake),
        Arc::new(Manual::at(0)),
        council("{}"),
        Manner::default(),
        None,
        Standing::default(),
    );
    let interrupt = Cancel::new();
    let raised = interrupt.clone();
    let (mut answers, mut remarks) = (Vec::new(), Vec::new());
    let mut keep = move |event: &Event| {
        if matches!(event.kind, Kind::Progress { .. }) {
            raised.cancel();
        }
    };
    let mut output = Output {
        answers: &mut answers,
        remarks: &mut remarks,
        keep: Some(&mut keep),
    };
    let code = headless
        .run(&mut questions, &mut output, &interrupt)
        .await
        .unwrap();
    assert_eq!(code, 130);
    assert_eq!(String::from_utf8(answers).unwrap(), "");
    assert!(String::from_utf8(remarks).unwrap().ends_with("stopped\n"));
}

/// The program itself, with all its files under a folder of its own.
fn program(words: &[&str]) -> std::process::Output {
    let folder = tempfile::tempdir().unwrap();
    std::process::Command::new(env!("CARGO_BIN_EXE_synod"))
        .args(words)
        .arg("--data-dir")
        .arg(folder.path())
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap()
}

#[test]
fn the_program_answers_on_standard_output_alone() {
    let output = program(&["chat", "--preset", "demo", "--rounds", "0", "--once", "hi"]);
    let (answer, remarks) = (
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    );
    assert_eq!(output.status.code(), Some(0), "{remarks}");
    assert!(answer.len() > 20 && answer.ends_with('\n'), "{answer}");
    assert_eq!(remarks, "");
}

#[test]
fn the_program_says_what_is_wrong_with_its_arguments() {
    let output = program(&["--preset", "nope", "--once", "hi"]);
    let remarks = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{remarks}");
    assert!(
        remarks.starts_with("synod: no preset \"nope\"; known: moa-local"),
        "{remarks}"
    );
    assert_eq!(program(&["--rounds", "many"]).status.code(), Some(2));
    let output = program(&["--preset", "plain", "--model", "m@nowhere", "--once", "hi"]);
    let remarks = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{remarks}");
    assert!(remarks.contains("nowhere"), "{remarks}");
}
