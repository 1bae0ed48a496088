//! The normaliser of the MATH data set (Hendrycks et al. 2021), step by step as the original takes them.

/// The normal form. A step that cannot be taken leaves the trimmed text as it was before all steps.
#[must_use]
pub fn normal(text: &str) -> String {
    let text = text.trim();
    let text = unwrapped(text).map_or(text, str::trim);
    steps(text).unwrap_or_else(|| text.to_owned())
}

/// The inside of `\text{…}` when that is the whole text (at least one character, none of them a line break).
pub fn unwrapped(text: &str) -> Option<&str> {
    let whole = text.strip_suffix('\n').unwrap_or(text);
    let inside = whole.strip_prefix("\\text{")?.strip_suffix('}')?;
    (!inside.is_empty() && !inside.contains('\n')).then_some(inside)
}

fn steps(text: &str) -> Option<String> {
    let mut text = text
        .replace('\n', "")
        .replace("\\!", "")
        .replace("\\\\", "\\")
        .replace("tfrac", "frac")
        .replace("dfrac", "frac")
        .replace("\\left", "")
        .replace("\\right", "")
        .replace("^{\\circ}", "")
        .replace("^\\circ", "")
        .replace("\\$", "");
    if let Some((before, behind)) = text.split_once("\\text{ ") {
        if behind.contains("\\text{ ") {
            return None;
        }
        text = before.to_owned();
    }
    text = text
        .replace("\\%", "")
        .replace(" .", " 0.")
        .replace("{.", "{0.");
    if text.is_empty() {
        return Some(text);
    }
    if text.starts_with('.') {
        text.insert(0, '0');
    }
    if let Some((left, right)) = text.split_once('=')
        && !right.contains('=')
        && left.chars().count() <= 2
    {
        text = right.to_owned();
    }
    text = braced_roots(&text)?.replace(' ', "");
    text = braced_fractions(&text)?;
    if text == "0.5" {
        text = "\\frac{1}{2}".to_owned();
    }
    Some(slashed_fraction(&text).unwrap_or(text))
}

/// `\sqrt2` is `\sqrt{2}`.
fn braced_roots(text: &str) -> Option<String> {
    let mut parts = text.split("\\sqrt");
    let mut braced = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        braced.push_str("\\sqrt");
        let first = part.chars().next()?;
        if first == '{' {
            braced.push_str(part);
        } else {
            braced.push_str(&format!("{{{first}}}{}", &part[first.len_utf8()..]));
        }
    }
    Some(braced)
}

/// `\frac12` is `\frac{1}{2}`; a braced first argument is left alone.
fn braced_fractions(text: &str) -> Option<String> {
    let mut parts = text.split("\\frac");
    let mut braced = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        braced.push_str("\\frac");
        let mut letters = part.chars();
        let above = letters.next()?;
        if above == '{' {
            braced.push_str(part);
            continue;
        }
        let Some(below) = letters.next() else {
            return Some(text.to_owned());
        };
        let rest = letters.as_str();
        if below == '{' {
            braced.push_str(&format!("{{{above}}}{{{rest}"));
        } else {
            braced.push_str(&format!("{{{above}}}{{{below}}}{rest}"));
        }
    }
    Some(braced)
}

/// `3/4` is `\frac{3}{4}` when both are written as Python writes them.
fn slashed_fraction(text: &str) -> Option<String> {
    let (above, below) = text.split_once('/')?;
    let is_canonical = |part: &str| {
        let digits = part.strip_prefix('-').unwrap_or(part);
        !digits.is_empty()
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && (part == "0" || !digits.starts_with('0'))
    };
    (is_canonical(above) && is_canonical(below)).then(|| format!("\\frac{{{above}}}{{{below}}}"))
}
