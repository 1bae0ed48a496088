//! Presets as files: built in, changed by field, broken, copied.

use std::fs;
use std::path::Path;
use synod::society;
use synod::store::builtin;
use synod::store::paths::Paths;
use synod::store::preset::{self, Preset};

fn place() -> (tempfile::TempDir, Paths) {
    let folder = tempfile::tempdir().unwrap();
    let paths = Paths::new(Some(folder.path()));
    fs::create_dir_all(paths.presets()).unwrap();
    (folder, paths)
}

fn write(paths: &Paths, name: &str, text: &str) {
    fs::write(preset::user_path(paths, name), text).unwrap();
}

fn names(presets: &[Preset]) -> Vec<&str> {
    presets.iter().map(|preset| preset.name.as_str()).collect()
}

#[test]
fn every_file_of_the_folder_is_compiled_in() {
    for (folder, known) in [
        ("presets", builtin::PRESETS),
        ("presets/jobs", builtin::JOB_PRESETS),
        ("themes", builtin::THEMES),
    ] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let mut files: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_file())
            .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
            .collect();
        let mut names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
        files.sort();
        names.sort_unstable();
        assert_eq!(files, names);
    }
}

#[test]
fn every_built_in_preset_is_whole_and_clean() {
    let (_folder, paths) = place();
    for preset in preset::load_all(&paths) {
        let council = preset.council.unwrap();
        assert_eq!(preset.warnings, [], "{}", preset.name);
        assert_eq!(council.name, preset.name);
        assert!(council.title.len() <= 45, "{}", council.title);
        assert!(preset.is_builtin && preset.path.is_none());
        society::build(&council).map(drop).unwrap();
    }
}

#[test]
fn the_default_needs_no_network_and_shares_its_prompt() {
    let (_folder, paths) = place();
    let default = preset::load_all(&paths).remove(0);
    let council = default.council.unwrap();
    assert_eq!(council.name, "moa-local");
    assert_eq!(council.providers(), Vec::<String>::new());
    assert_eq!(council.local_models(), ["smollm2-135m"]);
    assert_eq!(council.agents.len(), 5);
    assert!(council.agents.iter().all(|agent| agent.system.is_none()));
}

#[test]
fn the_comments_of_the_default_show_fields_that_exist() {
    let text = preset::builtin_text("moa-local").unwrap();
    for (shown, uncommented) in [
        ("# system = \"You", "system = \"You"),
        ("# round_prompts =", "round_prompts ="),
    ] {
        let text = text.replace(shown, uncommented);
        assert!(text.lines().any(|line| line.starts_with(uncommented)));
        let preset = preset::parse("moa-local", &text);
        assert_eq!(preset.warnings, []);
        society::build(&preset.council.unwrap()).map(drop).unwrap();
    }
}

#[test]
fn the_users_fields_win_over_a_built_in_preset() {
    let (_folder, paths) = place();
    write(
        &paths,
        "moa-local",
        "title = \"mine\"\n[sampling]\nmax_tokens = 64\n[settings]\nrounds = 2\n",
    );
    let preset = preset::find(&paths, "moa-local").unwrap();
    let council = preset.council.unwrap();
    assert_eq!(council.title, "mine");
    assert_eq!(council.sampling.max_tokens, Some(64));
    assert_eq!(council.sampling.top_p, Some(0.95));
    assert_eq!(council.settings["rounds"], 2);
    assert_eq!(council.settings["inject"], "tail");
    assert_eq!(council.agents.len(), 5);
    assert!(preset.is_builtin && preset.path.is_some());
}

#[test]
fn a_broken_file_is_named_with_its_line_and_hides_no_other() {
    let (_folder, paths) = place();
    write(
        &paths,
        "aaa",
        "title = \"a\"\nsociety = \"moa\"\n\nagents = [\n",
    );
    write(
        &paths,
        "bbb",
        "title = \"b\"\nsociety = \"single\"\n[[agents]]\npart = \"speaker\"\nmodel = \"@openai\"\n",
    );
    write(
        &paths,
        "ccc",
        "title = \"c\"\nsociety = \"single\"\n[[agents]]\npart = \"speaker\"\nmodel = \"m\"\ntemprature = 1\n",
    );
    write(&paths, "plain", "society = 3\n");
    fs::write(preset::user_path(&paths, "ddd"), [0xff, 0xfe]).unwrap();
    let presets = preset::load_all(&paths);
    let built_in = builtin::PRESETS.len();
    assert_eq!(names(&presets)[built_in..], ["aaa", "bbb", "ccc", "ddd"]);
    let problem = |name: &str| {
        let preset = presets.iter().find(|preset| preset.name == name).unwrap();
        preset.council.clone().unwrap_err()
    };
    assert_eq!(problem("aaa").line, Some(4));
    assert!(problem("aaa").file.ends_with("aaa.toml"));
    assert_eq!(problem("bbb").line, Some(5));
    assert!(
        problem("bbb")
            .message
            .starts_with("model: model \"@openai\"")
    );
    assert_eq!(problem("plain").line, Some(1));
    assert!(problem("ddd").message.contains("UTF-8"));
    let warned = &presets[built_in + 2];
    assert!(warned.council.is_ok());
    assert_eq!(warned.warnings[0].line, Some(6));
    assert!(warned.warnings[0].message.contains("temprature"));
    let broken = presets.iter().filter(|preset| preset.council.is_err());
    assert_eq!(broken.count(), 4);
}

#[test]
fn a_copy_keeps_comments_and_never_overwrites() {
    let (_folder, paths) = place();
    assert_eq!(preset::duplicate(&paths, "plain").unwrap(), "plain-copy");
    assert_eq!(preset::duplicate(&paths, "plain").unwrap(), "plain-copy-2");
    let copied = fs::read_to_string(preset::user_path(&paths, "plain-copy")).unwrap();
    assert_eq!(copied, preset::builtin_text("plain").unwrap());
    assert!(preset::duplicate(&paths, "nothing").is_err());
}

#[test]
fn the_copy_of_a_changed_built_in_is_the_merged_whole() {
    let (_folder, paths) = place();
    write(
        &paths,
        "moa-2x3",
        "title = \"mine\"\n[settings]\nquorum = 2\n",
    );
    let copy = preset::duplicate(&paths, "moa-2x3").unwrap();
    let original = preset::find(&paths, "moa-2x3").unwrap().council.unwrap();
    let mut copied = preset::find(&paths, &copy).unwrap().council.unwrap();
    copied.name.clone_from(&original.name);
    assert_eq!(copied, original);
}

#[test]
fn a_built_in_is_edited_through_a_file_that_changes_nothing_at_first() {
    let (_folder, paths) = place();
    let before = preset::find(&paths, "moa-local").unwrap().council.unwrap();
    let path = preset::editable(&paths, "moa-local").unwrap();
    assert_eq!(
        preset::find(&paths, "moa-local").unwrap().council.unwrap(),
        before
    );
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains("#rounds = 1"));
    fs::write(
        &path,
        text.replace("#[settings]", "[settings]")
            .replace("#rounds = 1", "rounds = 0"),
    )
    .unwrap();
    let council = preset::find(&paths, "moa-local").unwrap().council.unwrap();
    assert_eq!(council.settings["rounds"], 0);
}

#[test]
fn a_prompt_may_stand_in_a_file_beside_the_preset() {
    let (_folder, paths) = place();
    write(&paths, "plain", "");
    write(
        &paths,
        "moa-local",
        "\n[settings]\naggregator_prompt_file = \"words.txt\"\n",
    );
    let missing = preset::find(&paths, "moa-local").unwrap();
    let problem = missing.council.unwrap_err();
    assert_eq!(problem.line, Some(3));
    assert!(problem.message.contains("words.txt"), "{problem}");
    fs::write(paths.presets().join("words.txt"), "Judge.\n").unwrap();
    let council = preset::find(&paths, "moa-local").unwrap().council.unwrap();
    assert_eq!(council.settings["aggregator_prompt"], "Judge.");
    society::build(&council).map(drop).unwrap();
}
