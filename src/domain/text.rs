//! Text from models and files, made safe and measured. One width function for the whole program.

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// Columns a tab stands for on screen.
pub const TAB_WIDTH: usize = 4;

/// Removes what could command a terminal: escape sequences' introducers, C0 and C1 controls except newline and tab, and the
/// bidirectional overrides that can show code in another order than it runs. The visible characters are kept.
#[must_use]
pub fn strip_controls(text: &str) -> String {
    if !text.chars().any(is_unsafe) {
        return text.to_owned();
    }
    text.replace("\r\n", "\n")
        .chars()
        .filter(|&c| !is_unsafe(c))
        .collect()
}

fn is_unsafe(c: char) -> bool {
    let control = c.is_control() && c != '\n' && c != '\t';
    control || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Columns a string takes on screen (no newlines in it; a tab counts [`TAB_WIDTH`]).
#[must_use]
pub fn width(text: &str) -> usize {
    text.graphemes(true).map(grapheme_width).sum()
}

/// Columns one grapheme takes: never more than two, so a joined emoji counts as terminals draw it.
#[must_use]
pub fn grapheme_width(grapheme: &str) -> usize {
    if grapheme == "\t" {
        return TAB_WIDTH;
    }
    UnicodeWidthStr::width(grapheme).min(2)
}

/// The longest beginning that fits `columns`; ends with `…` where something was left out.
#[must_use]
pub fn truncate(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut used = 0;
    for grapheme in text.graphemes(true) {
        let wide = grapheme_width(grapheme);
        if used + wide + 1 > columns {
            break;
        }
        used += wide;
        kept.push_str(grapheme);
    }
    if columns > 0 {
        kept.push('…');
    }
    kept
}

/// The longest end that fits `columns`; begins with `…` where something was left out.
#[must_use]
pub fn truncate_start(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut kept: Vec<&str> = Vec::new();
    let mut used = 0;
    for grapheme in text.graphemes(true).rev() {
        let wide = grapheme_width(grapheme);
        if used + wide + 1 > columns {
            break;
        }
        used += wide;
        kept.push(grapheme);
    }
    let mut end: String = if columns > 0 {
        "…".into()
    } else {
        String::new()
    };
    end.extend(kept.into_iter().rev());
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_commands_a_terminal_passes() {
        let evil = "a\x1b[2Jb\u{9b}31mc\x07d\r\ne\tf\u{202e}g\x1b]52;c;AAAA\x07";
        let safe = strip_controls(evil);
        assert_eq!(safe, "a[2Jb31mcd\ne\tfg]52;c;AAAA");
        assert!(
            !safe
                .chars()
                .any(|c| c.is_control() && c != '\n' && c != '\t')
        );
    }

    #[test]
    fn widths_are_those_of_terminals() {
        assert_eq!(width("日本"), 4);
        assert_eq!(width("👩‍👩‍👧"), 2);
        assert_eq!(width("e\u{301}"), 1);
        assert_eq!(truncate("日本語", 5), "日本…");
        assert_eq!(truncate_start("日本語", 5), "…本語");
        assert_eq!(truncate("abc", 0), "");
    }
}
