//! Themes: TOML files that give each role of the interface a colour. Names and values only; `ui::theme` makes styles of them.

use std::collections::BTreeMap;

/// A theme after inheritance and palette are resolved.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ThemeSpec {
    pub name: String,
    pub title: String,
    /// `dark` or `light`.
    pub is_light: bool,
    /// Role (dotted, `text.dim` falls back to `text`) to its look.
    pub roles: BTreeMap<String, Look>,
    /// Syntect theme for code, by name.
    pub code: String,
}

/// How a role looks. Colours are `#rrggbb`, a name of the 16 terminal colours, or `default`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Look {
    pub fg: Option<String>,
    pub bg: Option<String>,
    /// `bold`, `dim`, `italic`, `underline`, `reverse`, `crossed`.
    pub modifiers: Vec<String>,
}
