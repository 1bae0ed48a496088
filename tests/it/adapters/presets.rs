//! Adapters in presets: read, checked, and found from the preset's own folder.

use super::folder::Made;
use std::fs;
use std::path::PathBuf;
use synod::cli::presets::{PresetsCommand, run};
use synod::domain::request::AdapterRef;
use synod::society;
use synod::store::paths::Paths;
use synod::store::preset;

fn written(agents: &str) -> (tempfile::TempDir, Paths) {
    let folder = tempfile::tempdir().unwrap();
    let paths = Paths::new(Some(folder.path()));
    fs::create_dir_all(paths.presets()).unwrap();
    let text = format!("title = \"experts\"\nsociety = \"single\"\n{agents}");
    fs::write(preset::user_path(&paths, "experts"), text).unwrap();
    (folder, paths)
}

fn checked(paths: &Paths) -> (i32, String) {
    let command = PresetsCommand::Check {
        names: vec!["experts".into()],
    };
    let mut out = Vec::new();
    let code = run(&command, paths, &mut out, &mut Vec::new()).unwrap();
    (code, String::from_utf8(out).unwrap())
}

#[test]
fn an_agent_names_folders_beside_its_preset() {
    let (_folder, paths) = written(
        "[[agents]]\npart = \"chat\"\nmodel = \"m\"\nadapters = [{ path = \"maths\", weight = 0.25 }, { path = \"/far\" }]\n",
    );
    let preset = preset::find(&paths, "experts").unwrap();
    assert_eq!(preset.warnings, []);
    let council = preset.council.unwrap();
    let expected = [
        (paths.presets().join("maths"), 0.25),
        (PathBuf::from("/far"), 1.0),
    ];
    let expected = expected.map(|(path, weight)| AdapterRef { path, weight });
    assert_eq!(council.agents[0].adapters, expected);
    let (code, out) = checked(&paths);
    assert_eq!(code, 3);
    assert!(out.contains("line 3") && out.contains("maths"), "{out}");
    for name in ["maths", "far"] {
        Made::random(4, 8.0, 1).write(&paths.presets().join(name));
    }
    let text = fs::read_to_string(preset::user_path(&paths, "experts")).unwrap();
    fs::write(
        preset::user_path(&paths, "experts"),
        text.replace("/far", "far"),
    )
    .unwrap();
    let (code, out) = checked(&paths);
    assert_eq!((code, out.as_str()), (0, "ok       experts\n"));
}

#[test]
fn what_cannot_be_is_said_before_anything_is_asked() {
    for (agent, words) in [
        (
            "model = \"m@far\"\nadapters = [{ path = \"a\" }]",
            "\"m@far\" is not a local one",
        ),
        (
            "model = \"m\"\nadapters = [{ path = \"a\", weight = nan }]",
            "its weight is no number",
        ),
    ] {
        let (_folder, paths) = written(&format!("[[agents]]\npart = \"chat\"\n{agent}\n"));
        let council = preset::find(&paths, "experts").unwrap().council.unwrap();
        let error = society::build(&council).map(drop).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    let (_folder, paths) =
        written("[[agents]]\npart = \"chat\"\nmodel = \"m\"\nadapters = [{ weight = 1 }]\n");
    assert!(preset::find(&paths, "experts").unwrap().council.is_err());
}
