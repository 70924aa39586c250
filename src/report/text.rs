//! Numbers and names as text: on a terminal, in Markdown, in CSV.

use crate::evaluate::Estimate;

/// `0.9425` → `94.2`, the per cent sign being in the heading.
pub(super) fn percent(part: f64) -> String {
    format!("{:.1}", part * 100.0)
}

/// `83.2 ± 1.2`, or `83.2` of a single fold.
pub(super) fn mean_and_spread(estimate: &Estimate) -> String {
    percent(estimate.mean) + &spread(estimate)
}

/// ` ± 1.2`; nothing for a single fold, which has no spread.
pub(super) fn spread(estimate: &Estimate) -> String {
    match estimate.per_fold.len() {
        0 | 1 => String::new(),
        _ => format!(" ± {}", percent(estimate.std)),
    }
}

/// `92.0 – 96.3`
pub(super) fn interval(estimate: &Estimate) -> String {
    let [low, high] = estimate.interval.map(percent);
    format!("{low} – {high}")
}

/// At most `width` characters, the middle left out: beginnings and ends of paths tell most.
pub(super) fn shorten(text: &str, width: usize) -> String {
    let characters: Vec<char> = text.chars().collect();
    if characters.len() <= width {
        return text.to_owned();
    }
    let tail = (width - 1) * 2 / 3;
    let head = width - 1 - tail;
    let start = characters.iter().take(head);
    start
        .chain(&['…'])
        .chain(&characters[characters.len() - tail..])
        .collect()
}

/// Breaks at spaces; continued lines are indented by two.
pub(super) fn wrap(text: &str, width: usize) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last().map_or(0, |line| line.chars().count());
        if line > 2 && line + 1 + word.chars().count() > width {
            lines.push(format!("  {word}"));
        } else if let Some(line) = lines.last_mut() {
            let gap = if line.is_empty() { "" } else { " " };
            *line += &format!("{gap}{word}");
        }
    }
    lines.join("\n")
}

/// With everything escaped that Markdown would take for a mark.
pub(super) fn markdown_text(text: &str) -> String {
    let special = |c: char| "\\*_[]<>|#".contains(c);
    text.chars()
        .flat_map(|c| special(c).then_some('\\').into_iter().chain([c]))
        .collect()
}

/// One CSV line after RFC 4180.
pub(super) fn record<const FIELDS: usize>(fields: [String; FIELDS]) -> String {
    let quote = |field: String| match field.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", field.replace('"', "\"\"")),
        false => field,
    };
    fields.map(quote).join(",") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_paths_keep_their_end() {
        assert_eq!(shorten("/a/very/long/path/run", 10), "/a/…th/run");
    }
}
