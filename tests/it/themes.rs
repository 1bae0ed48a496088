//! Themes as files: every role, enough contrast, inheritance, mistakes with their lines.

use std::fs;
use synod::store::builtin;
use synod::store::colour::Rgb;
use synod::store::paths::Paths;
use synod::store::theme::{self, ThemeSpec};

/// Roles that are lines and bars rather than words.
const LINES: &[&str] = &["border", "border.focus", "table", "meter", "meter.empty"];

fn rgb(name: &str) -> Option<Rgb> {
    name.parse().ok()
}

/// A role's colour and what it stands on.
fn pair(theme: &ThemeSpec, role: &str) -> Option<(Rgb, Rgb)> {
    let look = theme.look(role);
    let ground = theme.look("background").bg;
    let bg = look.bg.or(ground)?;
    let fg = look.fg.or(theme.look("text").fg)?;
    Some((rgb(&fg)?, rgb(&bg)?))
}

#[test]
fn every_built_in_theme_is_clean_and_covers_all_roles() {
    for (name, _) in builtin::THEMES {
        let (theme, problems) = theme::builtin_theme(name);
        assert_eq!(problems, [], "{name}");
        for role in theme::ROLES {
            assert!(theme.roles.contains_key(*role), "{name} lacks {role}");
        }
        assert!(!theme.code.is_empty() && theme.title != *name);
    }
}

#[test]
fn what_is_written_can_be_read_on_what_it_stands_on() {
    for (name, _) in builtin::THEMES
        .iter()
        .filter(|(name, _)| *name != "no-colour")
    {
        let (theme, _) = theme::builtin_theme(name);
        for role in theme::ROLES.iter().filter(|role| **role != "background") {
            let (fg, bg) = pair(&theme, role).unwrap_or_else(|| panic!("{name}: {role}"));
            let needed = if LINES.contains(role) { 3.0 } else { 4.5 };
            let exact = fg.contrast(bg);
            let (few_fg, few_bg) = (fg.nearest_256(), bg.nearest_256());
            let few = Rgb::of_256(few_fg).contrast(Rgb::of_256(few_bg));
            assert!(exact >= needed, "{name}: {role} {exact:.2}");
            assert!(few >= needed, "{name}: {role} {few:.2} with 256 colours");
        }
        let ground = rgb(&theme.look("background").bg.unwrap()).unwrap();
        assert_eq!(theme.is_light, ground.luminance() > 0.5, "{name}");
    }
}

/// The states of an agent must differ for every kind of colour vision, also by lightness or hue left to a dichromat.
#[test]
fn the_colour_blind_theme_never_sets_green_against_red() {
    let (theme, _) = theme::builtin_theme("colour-blind");
    let ok = rgb(&theme.look("ok").fg.unwrap()).unwrap();
    let error = rgb(&theme.look("error").fg.unwrap()).unwrap();
    assert!(
        ok.blue > ok.red && error.red > error.blue,
        "blue against orange"
    );
}

#[test]
fn no_colour_has_none() {
    let (theme, _) = theme::builtin_theme("no-colour");
    for (role, look) in &theme.roles {
        assert_eq!((&look.fg, &look.bg), (&None, &None), "{role}");
    }
}

#[test]
fn a_theme_inherits_and_a_role_falls_back_to_its_parent() {
    let folder = tempfile::tempdir().unwrap();
    let paths = Paths::new(Some(folder.path()));
    fs::create_dir_all(paths.themes()).unwrap();
    fs::write(
        paths.themes().join("mine.toml"),
        "inherits = \"ember\"\n[palette]\nink = \"#ffffff\"\n[roles]\nok = \"bright-green\"\nerror = { modifiers = [\"reverse\"] }\n",
    )
    .unwrap();
    let (mine, problems) = theme::load(&paths, "mine");
    assert_eq!(problems, []);
    let (ember, _) = theme::builtin_theme("ember");
    assert_eq!(mine.look("answer").fg.as_deref(), Some("#ffffff"));
    assert_eq!(mine.look("ok").fg.as_deref(), Some("bright-green"));
    assert_eq!(mine.look("error").fg, ember.look("error").fg);
    assert_eq!(mine.look("error").modifiers, ["reverse"]);
    assert_eq!(mine.look("border"), ember.look("border"));
    assert_eq!(mine.look("text.unheard.of"), mine.look("text"));
    assert_eq!(theme::names(&paths).last().unwrap(), "mine");
}

#[test]
fn mistakes_are_named_with_their_lines_and_cost_only_themselves() {
    let folder = tempfile::tempdir().unwrap();
    let paths = Paths::new(Some(folder.path()));
    fs::create_dir_all(paths.themes()).unwrap();
    let text = "inherits = \"dark\"\ncolour = 1\n[palette]\nink = \"greyish\"\n[roles]\nok = \"grene\"\ntxet = \"red\"\nerror = { fg = \"red\", modifiers = [\"blink\"] }\n";
    fs::write(paths.themes().join("mine.toml"), text).unwrap();
    fs::write(paths.themes().join("broken.toml"), "[roles\n").unwrap();
    fs::write(paths.themes().join("loop.toml"), "inherits = \"loop\"").unwrap();
    let (mine, problems) = theme::load(&paths, "mine");
    let lines: Vec<_> = problems
        .iter()
        .filter(|problem| problem.file.ends_with("mine.toml"))
        .map(|problem| problem.line.unwrap())
        .collect();
    for line in [2, 4, 6, 7, 8] {
        assert!(lines.contains(&line), "{line}: {problems:?}");
    }
    assert_eq!(
        mine.look("error").fg,
        theme::builtin_theme("dark").0.look("error").fg
    );
    for name in ["broken", "loop", "nowhere"] {
        let (fallback, problems) = theme::load(&paths, name);
        assert_eq!(fallback, theme::builtin_theme(theme::DEFAULT).0);
        assert_eq!(problems.len(), 1, "{name}");
    }
}
