//! Looks by role. The only place that knows colours: a theme file names them, this makes styles of them for what the terminal
//! can show.
//!
//! A role falls back along its dots (`text.dim` to `text`). Without colours the marks that remain (bold, dim, reverse, glyphs)
//! still tell everything apart.

use crate::store::settings::Borders;
use crate::store::theme::{Look, ThemeSpec};
use ratatui::style::{Color, Modifier, Style};

/// How many colours the terminal shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Depth {
    #[default]
    TrueColor,
    Ansi256,
    Ansi16,
    /// `NO_COLOR`, or a terminal without any.
    None,
}

/// What a piece of the screen is, for the theme.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    Text,
    TextDim,
    TextStrong,
    Background,
    Border,
    BorderFocus,
    Title,
    Prompt,
    PromptMark,
    Accent,
    Ok,
    Running,
    Waiting,
    Warning,
    Error,
    Selection,
    Badge,
    Code,
    CodeInline,
    Heading,
    Link,
    Quote,
    ListMark,
    Table,
    Thinking,
    User,
    Answer,
    HintKey,
    HintText,
    Meter,
    MeterEmpty,
    Status,
}

impl Role {
    /// Every role, in the order of theme files.
    pub const ALL: [Role; 32] = [
        Role::Text,
        Role::TextDim,
        Role::TextStrong,
        Role::Background,
        Role::Border,
        Role::BorderFocus,
        Role::Title,
        Role::Prompt,
        Role::PromptMark,
        Role::Accent,
        Role::Ok,
        Role::Running,
        Role::Waiting,
        Role::Warning,
        Role::Error,
        Role::Selection,
        Role::Badge,
        Role::Code,
        Role::CodeInline,
        Role::Heading,
        Role::Link,
        Role::Quote,
        Role::ListMark,
        Role::Table,
        Role::Thinking,
        Role::User,
        Role::Answer,
        Role::HintKey,
        Role::HintText,
        Role::Meter,
        Role::MeterEmpty,
        Role::Status,
    ];

    /// As theme files spell it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Role::Text => "text",
            Role::TextDim => "text.dim",
            Role::TextStrong => "text.strong",
            Role::Background => "background",
            Role::Border => "border",
            Role::BorderFocus => "border.focus",
            Role::Title => "title",
            Role::Prompt => "prompt",
            Role::PromptMark => "prompt.mark",
            Role::Accent => "accent",
            Role::Ok => "ok",
            Role::Running => "running",
            Role::Waiting => "waiting",
            Role::Warning => "warning",
            Role::Error => "error",
            Role::Selection => "selection",
            Role::Badge => "badge",
            Role::Code => "code",
            Role::CodeInline => "code.inline",
            Role::Heading => "heading",
            Role::Link => "link",
            Role::Quote => "quote",
            Role::ListMark => "list.mark",
            Role::Table => "table",
            Role::Thinking => "thinking",
            Role::User => "user",
            Role::Answer => "answer",
            Role::HintKey => "hint.key",
            Role::HintText => "hint.text",
            Role::Meter => "meter",
            Role::MeterEmpty => "meter.empty",
            Role::Status => "status",
        }
    }

    /// What marks the role where a theme says nothing, or where there are no colours.
    fn mark(self) -> Modifier {
        match self {
            Role::TextDim
            | Role::Border
            | Role::Waiting
            | Role::Quote
            | Role::ListMark
            | Role::Table
            | Role::Thinking
            | Role::HintText
            | Role::MeterEmpty => Modifier::DIM,
            Role::TextStrong
            | Role::BorderFocus
            | Role::Title
            | Role::PromptMark
            | Role::Accent
            | Role::Running
            | Role::Warning
            | Role::Error
            | Role::CodeInline
            | Role::Heading
            | Role::User
            | Role::HintKey
            | Role::Status => Modifier::BOLD,
            Role::Selection | Role::Badge => Modifier::REVERSED,
            Role::Link => Modifier::UNDERLINED,
            _ => Modifier::empty(),
        }
    }
}

/// Signs that stand beside words; each one column wide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Glyphs {
    pub running: &'static str,
    pub done: &'static str,
    pub queued: &'static str,
    pub waits: &'static str,
    pub paused: &'static str,
    pub attention: &'static str,
    pub failed: &'static str,
    /// In front of the selected row.
    pub selected: &'static str,
    pub bullet: &'static str,
    pub task_open: &'static str,
    pub task_done: &'static str,
    pub quote: &'static str,
    pub down: &'static str,
    pub folded: &'static str,
    pub unfolded: &'static str,
    pub dot: &'static str,
    pub ellipsis: &'static str,
    /// Light lines: horizontal, vertical, the four corners (clockwise from the top left), tees down and up, cross.
    pub light: Lines,
    pub heavy: Lines,
    /// Eighths of a block from one to eight; one entry where there is only full or empty.
    pub bar: &'static [&'static str],
    pub bar_empty: &'static str,
}

/// The strokes of a box.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lines {
    pub horizontal: &'static str,
    pub vertical: &'static str,
    pub top_left: &'static str,
    pub top_right: &'static str,
    pub bottom_right: &'static str,
    pub bottom_left: &'static str,
    pub cross: &'static str,
}

const LIGHT: Lines = Lines {
    horizontal: "─",
    vertical: "│",
    top_left: "┌",
    top_right: "┐",
    bottom_right: "┘",
    bottom_left: "└",
    cross: "┼",
};

const HEAVY: Lines = Lines {
    horizontal: "━",
    vertical: "┃",
    top_left: "┏",
    top_right: "┓",
    bottom_right: "┛",
    bottom_left: "┗",
    cross: "╋",
};

const ASCII_LIGHT: Lines = Lines {
    horizontal: "-",
    vertical: "|",
    top_left: "+",
    top_right: "+",
    bottom_right: "+",
    bottom_left: "+",
    cross: "+",
};

const ASCII_HEAVY: Lines = Lines {
    horizontal: "=",
    vertical: "#",
    top_left: "#",
    top_right: "#",
    bottom_right: "#",
    bottom_left: "#",
    cross: "#",
};

const UNICODE: Glyphs = Glyphs {
    running: "●",
    done: "✓",
    queued: "…",
    waits: "·",
    paused: "‖",
    attention: "!",
    failed: "✗",
    selected: "▶",
    bullet: "•",
    task_open: "☐",
    task_done: "☑",
    quote: "▌",
    down: "↓",
    folded: "▸",
    unfolded: "▾",
    dot: "·",
    ellipsis: "…",
    light: LIGHT,
    heavy: HEAVY,
    bar: &["▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"],
    bar_empty: "░",
};

const ASCII: Glyphs = Glyphs {
    running: "*",
    done: "v",
    queued: ".",
    waits: "-",
    paused: "=",
    attention: "!",
    failed: "x",
    selected: ">",
    bullet: "*",
    task_open: "o",
    task_done: "x",
    quote: "|",
    down: "v",
    folded: "+",
    unfolded: "-",
    dot: "-",
    ellipsis: ".",
    light: ASCII_LIGHT,
    heavy: ASCII_HEAVY,
    bar: &["#"],
    bar_empty: ".",
};

/// Styles by role, glyphs and borders, made once per theme.
#[derive(Debug, Clone, PartialEq)]
pub struct Theme {
    pub name: String,
    pub glyphs: Glyphs,
    pub depth: Depth,
    pub is_light: bool,
    /// The syntect theme for code, by name.
    pub code: String,
    /// Differs between any two themes drawn in one run; caches compare it.
    pub revision: u64,
    styles: [Style; Role::ALL.len()],
}

impl Theme {
    /// Styles for a terminal. `revision` must differ from that of every theme made before in this run.
    #[must_use]
    pub fn new(spec: &ThemeSpec, depth: Depth, borders: Borders, revision: u64) -> Theme {
        let mut styles = [Style::default(); Role::ALL.len()];
        for (slot, role) in styles.iter_mut().zip(Role::ALL) {
            *slot = style_of(spec, role, depth);
        }
        Theme {
            name: spec.name.clone(),
            glyphs: match borders {
                Borders::Unicode => UNICODE,
                Borders::Ascii => ASCII,
            },
            depth,
            is_light: spec.is_light,
            code: spec.code.clone(),
            revision,
            styles,
        }
    }

    /// The look of a role.
    #[must_use]
    pub fn style(&self, role: Role) -> Style {
        self.styles.get(role as usize).copied().unwrap_or_default()
    }

    /// The look of a piece of highlighted code. Themes for terminals encode palette numbers with an alpha of 0 and the
    /// terminal's own colour with an alpha of 1 (the convention of `bat`).
    #[must_use]
    pub fn code_style(&self, paint: syntect::highlighting::Style) -> Style {
        use syntect::highlighting::FontStyle;
        let mut style = self.style(Role::Code);
        if self.depth != Depth::None {
            let c = paint.foreground;
            let colour = match c.a {
                0 => Some(Color::Indexed(c.r)),
                1 => None,
                _ => Some(fit(c.r, c.g, c.b, self.depth)),
            };
            if let Some(colour) = colour {
                style = style.fg(colour);
            }
        }
        for (font, modifier) in [
            (FontStyle::BOLD, Modifier::BOLD),
            (FontStyle::ITALIC, Modifier::ITALIC),
            (FontStyle::UNDERLINE, Modifier::UNDERLINED),
        ] {
            if paint.font_style.contains(font) {
                style = style.add_modifier(modifier);
            }
        }
        style
    }

    /// Whether code is coloured at all.
    #[must_use]
    pub fn colours_code(&self) -> bool {
        self.depth != Depth::None
    }
}

fn style_of(spec: &ThemeSpec, role: Role, depth: Depth) -> Style {
    let Some(look) = look_of(spec, role.name()) else {
        return Style::default().add_modifier(role.mark());
    };
    let mut style = Style::default();
    if depth != Depth::None {
        if let Some(colour) = look.fg.as_deref().and_then(|text| colour(text, depth)) {
            style = style.fg(colour);
        }
        if let Some(colour) = look.bg.as_deref().and_then(|text| colour(text, depth)) {
            style = style.bg(colour);
        }
    } else {
        style = style.add_modifier(role.mark());
    }
    for name in &look.modifiers {
        style = style.add_modifier(modifier(name));
    }
    style
}

fn look_of<'a>(spec: &'a ThemeSpec, name: &str) -> Option<&'a Look> {
    let mut name = name;
    loop {
        if let Some(look) = spec.roles.get(name) {
            return Some(look);
        }
        name = name.rsplit_once('.')?.0;
    }
}

fn modifier(name: &str) -> Modifier {
    match name {
        "bold" => Modifier::BOLD,
        "dim" => Modifier::DIM,
        "italic" => Modifier::ITALIC,
        "underline" => Modifier::UNDERLINED,
        "reverse" => Modifier::REVERSED,
        "crossed" => Modifier::CROSSED_OUT,
        _ => Modifier::empty(),
    }
}

/// `#rrggbb`, one of the sixteen names, or `default`.
fn colour(text: &str, depth: Depth) -> Option<Color> {
    if let Some(hex) = text.strip_prefix('#') {
        let value = u32::from_str_radix(hex, 16).ok()?;
        let [_, r, g, b] = value.to_be_bytes();
        return Some(fit(r, g, b, depth));
    }
    Some(match text {
        "default" => Color::Reset,
        "black" => Color::Black,
        "red" => Color::Red,
        "green" => Color::Green,
        "yellow" => Color::Yellow,
        "blue" => Color::Blue,
        "magenta" => Color::Magenta,
        "cyan" => Color::Cyan,
        "white" | "gray" | "grey" => Color::Gray,
        "bright-black" | "bright_black" | "dark-gray" | "dark-grey" => Color::DarkGray,
        "bright-red" | "bright_red" => Color::LightRed,
        "bright-green" | "bright_green" => Color::LightGreen,
        "bright-yellow" | "bright_yellow" => Color::LightYellow,
        "bright-blue" | "bright_blue" => Color::LightBlue,
        "bright-magenta" | "bright_magenta" => Color::LightMagenta,
        "bright-cyan" | "bright_cyan" => Color::LightCyan,
        "bright-white" | "bright_white" => Color::White,
        _ => return None,
    })
}

/// The nearest colour the terminal has.
fn fit(r: u8, g: u8, b: u8, depth: Depth) -> Color {
    match depth {
        Depth::TrueColor => Color::Rgb(r, g, b),
        Depth::Ansi256 => Color::Indexed(nearest_256(r, g, b)),
        Depth::Ansi16 => Color::Indexed(nearest_16(r, g, b)),
        Depth::None => Color::Reset,
    }
}

/// The steps of the 6x6x6 cube of the 256-colour palette (xterm).
const CUBE: [u8; 6] = [0, 95, 135, 175, 215, 255];

fn nearest_256(r: u8, g: u8, b: u8) -> u8 {
    let step = |v: u8| -> u8 {
        let near = CUBE.iter().enumerate().min_by_key(|(_, c)| c.abs_diff(v));
        near.map_or(0, |(i, _)| u8::try_from(i).unwrap_or(0))
    };
    let (i, j, k) = (step(r), step(g), step(b));
    let cube = [i, j, k].map(|at| CUBE.get(usize::from(at)).copied().unwrap_or(0));
    let mean = (u16::from(r) + u16::from(g) + u16::from(b)) / 3;
    let grey = u8::try_from((mean.saturating_sub(3) / 10).min(23)).unwrap_or(23);
    let level = 8 + 10 * grey;
    if distance([r, g, b], [level; 3]) < distance([r, g, b], cube) {
        232 + grey
    } else {
        16 + 36 * i + 6 * j + k
    }
}

/// The sixteen colours as xterm shows them by default.
const SIXTEEN: [[u8; 3]; 16] = [
    [0, 0, 0],
    [205, 0, 0],
    [0, 205, 0],
    [205, 205, 0],
    [0, 0, 238],
    [205, 0, 205],
    [0, 205, 205],
    [229, 229, 229],
    [127, 127, 127],
    [255, 0, 0],
    [0, 255, 0],
    [255, 255, 0],
    [92, 92, 255],
    [255, 0, 255],
    [0, 255, 255],
    [255, 255, 255],
];

fn nearest_16(r: u8, g: u8, b: u8) -> u8 {
    let near = SIXTEEN
        .iter()
        .enumerate()
        .min_by_key(|(_, c)| distance([r, g, b], **c));
    near.map_or(7, |(i, _)| u8::try_from(i).unwrap_or(7))
}

fn distance(a: [u8; 3], b: [u8; 3]) -> u32 {
    a.iter()
        .zip(b)
        .map(|(x, y)| u32::from(x.abs_diff(y)).pow(2))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(roles: &[(&str, &str)]) -> ThemeSpec {
        let look = |fg: &str| Look {
            fg: Some(fg.into()),
            ..Look::default()
        };
        ThemeSpec {
            roles: roles.iter().map(|(r, c)| ((*r).into(), look(c))).collect(),
            ..ThemeSpec::default()
        }
    }

    #[test]
    fn a_role_falls_back_along_its_dots() {
        let spec = spec(&[("text", "#112233"), ("code", "red")]);
        let theme = Theme::new(&spec, Depth::TrueColor, Borders::Unicode, 1);
        assert_eq!(theme.style(Role::TextDim), theme.style(Role::Text));
        assert_eq!(theme.style(Role::CodeInline).fg, Some(Color::Red));
        assert_eq!(theme.style(Role::Text).fg, Some(Color::Rgb(17, 34, 51)));
    }

    #[test]
    fn without_colours_marks_remain() {
        let spec = spec(&[("selection", "#ff0000"), ("text", "white")]);
        let theme = Theme::new(&spec, Depth::None, Borders::Ascii, 1);
        let selection = theme.style(Role::Selection);
        assert_eq!(selection.fg, None);
        assert!(selection.add_modifier.contains(Modifier::REVERSED));
    }

    #[test]
    fn colours_are_fitted_to_the_terminal() {
        assert_eq!(nearest_256(255, 0, 0), 196);
        assert_eq!(nearest_256(128, 128, 128), 244);
        assert_eq!(nearest_16(250, 250, 250), 15);
        assert_eq!(nearest_16(0, 0, 230), 4);
    }
}
