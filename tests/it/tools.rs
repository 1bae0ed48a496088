//! Tools from outside: who may run them, what they can reach, and that nothing of them is left behind.

use crate::support::server::{Reply as Page, Server};
use crate::support::steps::{Steps, kit};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use synod::domain::cancel::Cancel;
use synod::domain::event::{Kind, Outcome};
use synod::domain::question::{Question, Reply};
use synod::tool::kit::Kit;
use synod::tool::permit::Permissions;
use synod::tool::{Context, ErrorKind, Nobody, ToolError};

const CALL: &str = "Work.\n Next: caller.";
const DONE: &str = "Done.\n Next: conclusion.";

/// Calls a tool of a kit as it is, permission or not.
async fn call(kit: &Kit, name: &str, arguments: Value) -> Result<String, ToolError> {
    let offer = kit.offer().await;
    assert!(offer.problems.is_empty(), "{:?}", offer.problems);
    let tool = offer.find(name).unwrap_or_else(|| panic!("no tool {name}"));
    let context = Context {
        cancel: Cancel::new(),
        person: &Nobody,
    };
    kit.call(tool.as_ref(), arguments, &context).await
}

fn lines(call: &str) -> Vec<(&str, &str)> {
    vec![
        ("P", CALL),
        ("P", CALL),
        ("P", DONE),
        ("C", call),
        ("S", "x"),
    ]
}

#[tokio::test]
async fn a_flag_permits_and_the_log_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let table = r#"{"use":["shell"]}"#;
    let act = "Action: shell\nAction Input: {\"command\": \"echo made > file; cat file\"}";
    for (flags, runs) in [
        (vec!["shell".to_owned()], true),
        (vec!["exec".into()], true),
        (vec!["http_get".into()], false),
    ] {
        let kit = kit(table, folder.path(), Permissions::headless(flags));
        let (seen, _) = Steps::new("{}", &lines(act)).kit(kit).ask("q").await;
        let by_rule = seen.events.iter().find_map(|event| match event {
            Kind::Replied { reply, by_rule, .. } => Some((reply.clone(), by_rule.clone()?)),
            _ => None,
        });
        let (reply, rule) = by_rule.unwrap();
        assert_eq!(reply == Reply::Once, runs);
        assert!(rule.contains("--allow shell"), "{rule}");
        assert_eq!(
            seen.observations()[0] == "made",
            runs,
            "{:?}",
            seen.observations()
        );
    }
}

#[tokio::test]
async fn a_permission_for_the_session_is_asked_for_once() {
    let folder = tempfile::tempdir().unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let kit = kit(
        r#"{"use":["shell"]}"#,
        folder.path(),
        Permissions::of_person(),
    );
    let first = "Action: shell\nAction Input: {\"command\": \"echo 1\"}";
    let second = "Action: shell\nAction Input: {\"command\": \"echo 2\"}";
    let mut script = lines(first);
    script.insert(4, ("C", second));
    let person = move |question: &Question| {
        let Question::Permission { shown, effects, .. } = question else {
            return None;
        };
        assert!(
            shown.ends_with("echo 1") && effects == "runs a program",
            "{shown}"
        );
        counter.fetch_add(1, Ordering::Relaxed);
        Some(Reply::Session)
    };
    let (seen, _) = Steps::new("{}", &script)
        .kit(kit)
        .person(person)
        .ask("q")
        .await;
    assert_eq!(
        (seen.observations(), asked.load(Ordering::Relaxed)),
        (vec!["1".into(), "2".into()], 1)
    );
}

#[tokio::test]
async fn never_holds_and_a_forbidding_rule_needs_no_question() {
    let folder = tempfile::tempdir().unwrap();
    let act = "Action: shell\nAction Input: {\"command\": \"sudo rm x\"}";
    let never = kit(
        r#"{"use":["shell"]}"#,
        folder.path(),
        Permissions::of_person(),
    );
    let again = "Action: shell\nAction Input: {\"command\": \"rm y\"}";
    let mut script = lines(act);
    script.insert(4, ("C", again));
    let steps = Steps::new("{}", &script)
        .kit(never)
        .person(|_| Some(Reply::Never));
    let (seen, _) = steps.ask("q").await;
    assert_eq!((seen.questions().len(), seen.calls().len()), (1, 0));
    assert_eq!(seen.marks("code"), ["20", "21"]);
    let table = r#"{"use":["shell"],"allow":["shell"],"deny":["shell:rm"]}"#;
    let denied = kit(table, folder.path(), Permissions::of_person());
    let (seen, _) = Steps::new("{}", &lines(act)).kit(denied).ask("q").await;
    assert_eq!((seen.questions().len(), seen.calls().len()), (0, 0));
}

#[tokio::test]
async fn edited_arguments_are_checked_like_others() {
    let folder = tempfile::tempdir().unwrap();
    let kit = kit(
        r#"{"use":["shell"]}"#,
        folder.path(),
        Permissions::of_person(),
    );
    let tries = AtomicUsize::new(0);
    let act = "Action: shell\nAction Input: {\"command\": \"rm -r /\"}";
    let person = move |_: &Question| {
        let edited = [r#"{"command": 7}"#, "{", r#"{"command": "echo safe"}"#];
        let arguments = edited[tries.fetch_add(1, Ordering::Relaxed)].to_owned();
        Some(Reply::Edited { arguments })
    };
    let mut script = lines(act);
    script.remove(1);
    let (seen, _) = Steps::new("{}", &script)
        .kit(kit)
        .person(person)
        .ask("q")
        .await;
    assert_eq!(
        seen.questions().len(),
        3,
        "it is asked until the arguments fit"
    );
    assert_eq!(seen.calls(), [("shell", r#"{"command":"echo safe"}"#)]);
}

#[tokio::test]
async fn the_person_is_asked_for_words() {
    let folder = tempfile::tempdir().unwrap();
    let act = "Action: ask_user\nAction Input: {\"question\": \"Tea or coffee?\"}";
    let mut script = lines(act);
    script.remove(1);
    let table = r#"{"use":["ask_user"]}"#;
    let asks = kit(table, folder.path(), Permissions::of_person());
    let steps = Steps::new("{}", &script).kit(asks).person(|question| {
        assert_eq!(
            *question,
            Question::Words {
                prompt: "Tea or coffee?".into()
            }
        );
        Some(Reply::Words { text: "tea".into() })
    });
    assert_eq!(steps.ask("q").await.0.observations(), ["tea"]);
    let alone = kit(table, folder.path(), Permissions::headless(Vec::new()));
    let (seen, _) = Steps::new("{}", &script).kit(alone).ask("q").await;
    assert!(seen.observations()[0].contains("nobody answered"));
}

#[tokio::test]
async fn results_are_cut_and_time_is_limited() {
    let folder = tempfile::tempdir().unwrap();
    let table = r#"{"use":["shell"],"output_bytes":100,"time_ms":300}"#;
    let kit = kit(table, folder.path(), Permissions::of_person());
    let long = call(&kit, "shell", json!({"command": "yes | head -c 5000"}))
        .await
        .unwrap();
    assert!(
        long.len() < 160 && long.contains("bytes left out"),
        "{long}"
    );
    let slow = call(&kit, "shell", json!({"command": "sleep 60"}))
        .await
        .unwrap_err();
    assert_eq!(slow.kind, ErrorKind::Timeout);
    let wrong = call(&kit, "shell", json!({"command": 1}))
        .await
        .unwrap_err();
    assert_eq!(wrong.kind, ErrorKind::WrongType);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_stop_kills_what_a_tool_started() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pid");
    let kit = kit(
        r#"{"use":["shell"],"allow":["shell"]}"#,
        folder.path(),
        Permissions::of_person(),
    );
    let act = "Action: shell\nAction Input: {\"command\": \"sleep 600 & echo $! > new; mv new pid; wait\"}";
    let mut steps = Steps::new("{}", &[("P", CALL), ("C", act)]).kit(kit);
    let cancel = Cancel::new();
    steps.cancel = cancel.clone();
    let turn = tokio::spawn(async move { steps.ask("q").await.0.outcome });
    until(|| file.exists()).await;
    let pid = std::fs::read_to_string(&file).unwrap();
    assert!(lives(pid.trim()));
    cancel.cancel();
    assert_eq!(
        turn.await.unwrap(),
        Outcome::Stopped {
            text: String::new()
        }
    );
    until(|| !lives(pid.trim())).await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn skipping_a_call_ends_it_and_the_agent_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let kit = kit(
        r#"{"use":["shell"],"allow":["shell"]}"#,
        folder.path(),
        Permissions::of_person(),
    );
    let act = "Action: shell\nAction Input: {\"command\": \"sleep 600\"}";
    let mut script = lines(act);
    script.remove(1);
    let steps = Steps::new("{}", &script).kit(kit).skipping_calls();
    let (seen, _) = steps.ask("q").await;
    assert_eq!((seen.answer(), seen.marks("code")), ("x", vec!["23"]));
}

/// Waits for something that another process does; it has ten seconds.
async fn until(test: impl Fn() -> bool) {
    let waiting = async {
        while !test() {
            tokio::task::yield_now().await;
        }
    };
    assert!(
        tokio::time::timeout(Duration::from_secs(10), waiting)
            .await
            .is_ok(),
        "it never happened"
    );
}

/// Whether a process runs; one that only waits to be collected does not.
fn lives(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.is_ok_and(|stat| !stat.contains(") Z "))
}

fn web(folder: &Path, table: &str) -> Kit {
    kit(table, folder, Permissions::of_person())
}

#[tokio::test]
async fn pages_are_fetched_within_their_rules() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(|seen| {
        let page = |kind: &str, body: &str| Some(Page::text(200, kind, body));
        match seen.target.as_str() {
            "/page" => page(
                "text/html",
                "<h1>Hi</h1><script>no</script><p>there &amp; here</p>",
            ),
            "/data" => page("application/json", r#"{"a": 1}"#),
            "/long" => page("text/plain", &"x".repeat(2_000_000)),
            "/image" => page("image/png", "png"),
            "/near" => Some(Page::text(302, "text/plain", "").header("location", "/data")),
            "/far" => {
                Some(Page::text(302, "text/plain", "").header("location", "http://10.0.0.1/secret"))
            }
            "/round" => Some(Page::text(302, "text/plain", "").header("location", "/round")),
            _ => Some(Page::text(404, "text/plain", "nothing here")),
        }
    })
    .await;
    let at = |path: &str| json!({"url": format!("http://{}{path}", server.address)});
    let open = web(
        folder.path(),
        r#"{"use":["http_get"],"private_hosts":["127.0.0.1"],"output_bytes":9000}"#,
    );
    assert_eq!(
        call(&open, "http_get", at("/page")).await.unwrap(),
        "Hi\nthere & here"
    );
    assert_eq!(
        call(&open, "http_get", at("/near")).await.unwrap(),
        r#"{"a": 1}"#
    );
    let long = call(&open, "http_get", at("/long")).await.unwrap();
    assert!(long.len() < 9100 && long.contains("left out"));
    for (path, kind) in [
        ("/image", ErrorKind::BadValue),
        ("/missing", ErrorKind::NotFound),
        ("/far", ErrorKind::DeniedByRule),
        ("/round", ErrorKind::Failed),
    ] {
        assert_eq!(
            call(&open, "http_get", at(path)).await.unwrap_err().kind,
            kind,
            "{path}"
        );
    }
    let sent = &server.seen()[0].headers;
    assert!(!sent.contains_key("cookie") && !sent.contains_key("authorization"));
    let before = server.seen().len();
    let shut = web(folder.path(), r#"{"use":["http_get"]}"#);
    let refused = call(&shut, "http_get", at("/page")).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::DeniedByRule);
    let name = json!({"url": format!("http://localhost:{}/page", server.address.port())});
    let refused = call(&shut, "http_get", name).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Transport);
    assert!(refused.message.contains("no public address"), "{refused}");
    assert_eq!(server.seen().len(), before, "nothing was sent");
}

/// A kit with the small server beside this file; none where there is no Python.
fn small(folder: &Path, more: &str) -> Option<Kit> {
    let found = std::process::Command::new("python3")
        .arg("--version")
        .output();
    found.ok().filter(|output| output.status.success())?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/support/mcp_server.py");
    let table = format!(
        r#"{{"mcp":{{"small":{{"command":["python3","{}"],"env":{{"GIVEN":"1"}}{more}}}}}}}"#,
        script.display()
    );
    Some(kit(&table, folder, Permissions::of_person()))
}

#[tokio::test]
async fn tools_of_a_server_are_called_and_come_and_go() {
    let folder = tempfile::tempdir().unwrap();
    let Some(kit) = small(folder.path(), r#","time_ms":2000"#) else {
        return;
    };
    assert_eq!(
        call(&kit, "mcp__small__add", json!({"a": 2, "b": 3}))
            .await
            .unwrap(),
        "5"
    );
    let wrong = call(&kit, "mcp__small__add", json!({"a": 2}))
        .await
        .unwrap_err();
    assert_eq!(
        wrong.kind,
        ErrorKind::MissingRequired,
        "checked before the server sees it"
    );
    assert!(kit.offer().await.find("mcp__small__late").is_none());
    call(&kit, "mcp__small__grow", json!({})).await.unwrap();
    assert_eq!(
        call(&kit, "mcp__small__late", json!({})).await.unwrap(),
        "here"
    );
    let slow = call(&kit, "mcp__small__hang", json!({})).await.unwrap_err();
    assert_eq!(slow.kind, ErrorKind::Timeout);
    let names = call(&kit, "mcp__small__environment", json!({}))
        .await
        .unwrap();
    assert!(names.contains("GIVEN"), "{names}");
    let set_by_starters = ["PWD", "SHLVL", "_", "LC_CTYPE"];
    for name in names.split(' ') {
        let is_meant = ["PATH", "HOME", "LANG"].contains(&name) || set_by_starters.contains(&name);
        let is_inherited = std::env::var_os(name).is_some() && !name.contains("PYENV");
        assert!(is_meant || !is_inherited, "{name} was inherited");
    }
}

#[tokio::test]
async fn a_tool_that_comes_late_is_offered_and_one_that_changed_asks_again() {
    let folder = tempfile::tempdir().unwrap();
    let act = |tool: &str, arguments: &str| {
        format!("Action: mcp__small__{tool}\nAction Input: {arguments}")
    };
    let calls = [
        act("add", r#"{"a": 1, "b": 1}"#),
        act("add", r#"{"a": 1, "b": 2}"#),
        act("grow", "{}"),
        act("add", r#"{"a": 1, "b": 3}"#),
    ];
    let Some(kit) = small(folder.path(), "") else {
        return;
    };
    let mut script = vec![("P", "Go on.\n Next: caller."); 4];
    script.push(("P", "Known.\n Next: conclusion."));
    script.extend(calls.iter().map(|call| ("C", call.as_str())));
    script.push(("S", "4"));
    let steps = Steps::new("{}", &script)
        .kit(kit)
        .person(|_| Some(Reply::Session));
    let (seen, asked) = steps.ask("q").await;
    assert_eq!(seen.observations(), ["2", "3", "grown", "4"]);
    assert_eq!(seen.questions().len(), 3, "add, grow, and add again");
    let planned: Vec<bool> = asked
        .asked()
        .iter()
        .filter(|request| request.model.model == "P")
        .map(|request| request.messages[0].content.contains("mcp__small__late"))
        .collect();
    assert_eq!(planned, [false, false, false, true, true]);
}

#[tokio::test]
async fn a_server_asks_unless_it_is_trusted_and_only_what_is_wanted_is_offered() {
    let folder = tempfile::tempdir().unwrap();
    let act = "Action: mcp__small__add\nAction Input: {\"a\": 1, \"b\": 1}";
    let mut script = lines(act);
    script.remove(1);
    for (more, questions) in [
        ("", 1),
        (r#","trust":"read_only""#, 1),
        (r#","trust":"trusted","tools":["add"]"#, 0),
    ] {
        let Some(kit) = small(folder.path(), more) else {
            return;
        };
        if questions == 0 {
            assert_eq!(kit.offer().await.tools.len(), 1);
        }
        let steps = Steps::new("{}", &script)
            .kit(kit)
            .person(|_| Some(Reply::Once));
        let (seen, _) = steps.ask("q").await;
        assert_eq!(
            (seen.questions().len(), seen.observations()),
            (questions, vec!["2".to_owned()]),
            "{more}"
        );
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_server_and_its_children_end_with_the_kit() {
    let folder = tempfile::tempdir().unwrap();
    let Some(kit) = small(folder.path(), "") else {
        return;
    };
    let child = call(&kit, "mcp__small__spawn", json!({})).await.unwrap();
    assert!(lives(&child));
    drop(kit);
    until(|| !lives(&child)).await;
}

#[tokio::test]
async fn a_server_that_cannot_start_is_a_remark_and_no_end() {
    let folder = tempfile::tempdir().unwrap();
    let table = r#"{"use":["calculator"],"mcp":{"gone":{"command":["no-such-program"]}}}"#;
    let kit = kit(table, folder.path(), Permissions::of_person());
    let act = "Action: calculator\nAction Input: {\"expression\": \"6*7\"}";
    let mut script = lines(act);
    script.remove(1);
    let (seen, _) = Steps::new("{}", &script).kit(kit).ask("q").await;
    assert_eq!(seen.observations(), ["42"]);
    let told = seen.events.iter().any(|event| {
        matches!(event, Kind::Note { text, .. } if text.contains("gone") && text.contains("no-such-program"))
    });
    assert!(told);
}
