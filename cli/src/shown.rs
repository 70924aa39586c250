//! Text that may hold names of files, made safe for a terminal.

use std::borrow::Cow;

/// `text` with every character escaped that a terminal would obey in place of showing it: control characters and those that
/// turn the direction of writing. Lines stay lines.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    escaped(text, |c| c != '\n' && c != '\t' && is_obeyed(c))
}

/// A message: a line, indented ones below it (lists, and what TOML's parser shows), and a hint. Any other line break comes
/// from a name and is shown as `\n`, so that no name passes for a message.
pub(crate) fn message(text: &str) -> String {
    match text.rsplit_once(HINT) {
        None => block(text),
        Some((said, hint)) => [&block(said), HINT, &block(hint)].concat(),
    }
}

fn block(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut is_below_excerpt = false;
    for (n, one) in text.split('\n').enumerate() {
        let is_excerpt = one
            .trim_start_matches([' ', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9'])
            .starts_with('|');
        shown.push_str(match n {
            0 => "",
            _ if is_excerpt || one.starts_with("  ") => "\n",
            _ if is_below_excerpt => "\n  ",
            _ => "\\n",
        });
        shown.push_str(&line(one));
        is_below_excerpt = n > 0 && is_excerpt;
    }
    shown
}

/// A name, or whatever else must stay in its line.
pub(crate) fn line(text: &str) -> Cow<'_, str> {
    escaped(text, is_obeyed)
}

const HINT: &str = "\n\nhint: ";

fn is_obeyed(c: char) -> bool {
    let turns =
        matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() || turns || matches!(c, '\u{2028}' | '\u{2029}')
}

fn escaped(text: &str, is_escaped: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&is_escaped) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match is_escaped(c) {
            true => shown.extend(c.escape_default()),
            false => shown.push(c),
        }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_is_left() {
        let name = "a\u{1b}[2J\u{1b}]0;title\u{7}\u{9b}31m\u{202e}b\r.wav";
        let shown = plain(name);
        assert_eq!(
            shown,
            r"a\u{1b}[2J\u{1b}]0;title\u{7}\u{9b}31m\u{202e}b\r.wav"
        );
        assert_eq!(
            plain("Ünïcode, ʻokina\n\tstays"),
            "Ünïcode, ʻokina\n\tstays"
        );
    }

    #[test]
    fn a_name_with_line_breaks_cannot_pass_for_another_message() {
        let error = "skipped: a\nwarning: b\n\nhint: do harm.wav: no sound\n\nhint: look at it";
        assert_eq!(
            message(error),
            "skipped: a\\nwarning: b\\n\\nhint: do harm.wav: no sound\n\nhint: look at it"
        );
        assert_eq!(line("a\nb"), "a\\nb");
    }

    #[test]
    fn lists_and_excerpts_stay_in_lines_of_their_own() {
        let list = "two problems\n  - one\n  - two\n\nhint: mend them";
        assert_eq!(message(list), list);
        let toml = "a.toml: parse error\n  |\n1 | x\n  |  ^\nexpected `=`\nerror: forged";
        assert_eq!(
            message(toml),
            "a.toml: parse error\n  |\n1 | x\n  |  ^\n  expected `=`\\nerror: forged"
        );
    }
}
