//! The words of a web page.

/// Elements whose content is no text.
const SILENT: [&str; 5] = ["script", "style", "noscript", "template", "svg"];
/// Elements that end a line.
const BLOCKS: [&str; 16] = [
    "p", "br", "div", "li", "tr", "h1", "h2", "h3", "h4", "h5", "h6", "section", "article",
    "table", "ul", "title",
];

/// The text between the tags, a line per block, entities read, blank lines left out.
#[must_use]
pub fn to_text(page: &str) -> String {
    let mut text = String::with_capacity(page.len() / 2);
    let mut rest = page;
    while let Some(at) = rest.find('<') {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(comment) = rest.strip_prefix("<!--") {
            rest = comment.find("-->").map_or("", |end| &comment[end + 3..]);
            continue;
        }
        let Some(end) = rest.find('>') else {
            rest = "";
            break;
        };
        let tag = rest[1..end].trim_start_matches('/').to_lowercase();
        let is_end = rest[1..].starts_with('/');
        let name: String = tag
            .chars()
            .take_while(char::is_ascii_alphanumeric)
            .collect();
        rest = &rest[end + 1..];
        if SILENT.contains(&name.as_str()) && !is_end && !tag.ends_with('/') {
            rest = after_end_of(rest, &name);
        } else if BLOCKS.contains(&name.as_str()) {
            text.push('\n');
        }
    }
    text.push_str(rest);
    let text = entities(&text);
    let lines: Vec<String> = text
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|line| !line.is_empty())
        .collect();
    lines.join("\n")
}

fn after_end_of<'a>(rest: &'a str, name: &str) -> &'a str {
    let mut at = 0;
    while let Some(found) = rest[at..].find("</") {
        at += found;
        let inside = &rest[at + 2..];
        let is_same = inside
            .get(..name.len())
            .is_some_and(|word| word.eq_ignore_ascii_case(name));
        if is_same {
            return inside.find('>').map_or("", |end| &inside[end + 1..]);
        }
        at += 2;
    }
    ""
}

fn entities(text: &str) -> String {
    let mut read = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        read.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.char_indices().take(10).find(|(_, c)| *c == ';');
        let letter = end.and_then(|(end, _)| Some((end, entity(&rest[1..end])?)));
        match letter {
            Some((end, letter)) => {
                read.push(letter);
                rest = &rest[end + 1..];
            }
            None => {
                read.push('&');
                rest = &rest[1..];
            }
        }
    }
    read.push_str(rest);
    read
}

fn entity(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix("#x").or(name.strip_prefix("#X")) {
        return char::from_u32(u32::from_str_radix(number, 16).ok()?);
    }
    if let Some(number) = name.strip_prefix('#') {
        return char::from_u32(number.parse().ok()?);
    }
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => ' ',
        "ndash" => '–',
        "mdash" => '—',
        "hellip" => '…',
        "copy" => '©',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_without_tags_scripts_and_comments() {
        let page = "<html><head><title>T</title><STYLE>p{}</Style></head><!-- no > --><body><p>Fish &amp;\n chips&nbsp;&#8364;5 \
                    <b>now</b></p><script>if (a < b) {}</script><ul><li>one<li>two</ul>AT&T &lt;b&gt;</body>";
        assert_eq!(to_text(page), "T\nFish &\nchips €5 now\none\ntwo\nAT&T <b>");
        assert_eq!(to_text("a <b"), "a");
        assert_eq!(to_text("<script>x"), "");
    }
}
