//! Text as reports print it: harmless, measured, and coloured where that is wanted.

use std::borrow::Cow;
use std::time::Duration;

use anstream::ColorChoice;
use anstyle::{AnsiColor, Style};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::events::messages::run::Timestamp;

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const ODD: Style = AnsiColor::Yellow.on_default();
const QUIET: Style = Style::new().dimmed();
const STRONG: Style = Style::new().bold();

/// Puts colour on text, or leaves it as it is. Nothing is told by colour alone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Paint(pub bool);

impl Paint {
    /// Colour as `choice` says; `Auto` means none.
    pub(super) fn of(choice: ColorChoice) -> Self {
        Self(matches!(choice, ColorChoice::Always | ColorChoice::AlwaysAnsi))
    }

    pub(super) fn good(self, text: &str) -> String {
        self.with(GOOD, text)
    }

    pub(super) fn bad(self, text: &str) -> String {
        self.with(BAD, text)
    }

    pub(super) fn odd(self, text: &str) -> String {
        self.with(ODD, text)
    }

    pub(super) fn quiet(self, text: &str) -> String {
        self.with(QUIET, text)
    }

    pub(super) fn strong(self, text: &str) -> String {
        self.with(STRONG, text)
    }

    fn with(self, style: Style, text: &str) -> String {
        if self.0 && !text.is_empty() { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }
}

/// Text from features and clouds, made harmless: escape sequences are dropped, other characters
/// that would move the cursor or turn the writing direction become `�`. Line breaks stay.
pub fn clean(text: &str) -> String {
    let stripped = anstream::adapter::strip_str(text).to_string();
    let unified = stripped.replace("\r\n", "\n");
    let harmless = |c: char| match c {
        '\n' | '\t' => c,
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => char::REPLACEMENT_CHARACTER,
        c if c.is_control() => char::REPLACEMENT_CHARACTER,
        c => c,
    };
    unified.chars().map(harmless).collect()
}

/// As [`clean`], on one line.
pub(super) fn clean_line(text: &str) -> String {
    let clean = clean(text);
    let words: Vec<&str> = clean.split(['\n', '\t']).map(str::trim).collect();
    words.join(" ").trim().to_owned()
}

/// `412 ms`, `3.2 s`, `2 min 05 s`, `1 h 02 min`.
pub(super) fn span(time: Duration) -> String {
    let (whole, millis) = (time.as_secs(), time.as_millis());
    match whole {
        0 => format!("{millis} ms"),
        1..60 => format!("{}.{} s", whole, time.subsec_millis() / 100),
        60..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole / 60 % 60),
    }
}

/// As `2026-01-31T12:00:00.5Z`; a moment that no calendar has becomes the epoch.
pub(super) fn moment(at: Timestamp) -> String {
    let nanos = i32::try_from(at.nanos).unwrap_or(0);
    jiff::Timestamp::new(at.seconds, nanos).unwrap_or_default().to_string()
}

/// From `earlier` to `later`; zero if the clock went backwards.
pub(super) fn between(earlier: Timestamp, later: Timestamp) -> Duration {
    let since_epoch =
        |at: Timestamp| Duration::new(at.seconds.try_into().unwrap_or(0), at.nanos % 1_000_000_000);
    since_epoch(later).saturating_sub(since_epoch(earlier))
}

/// `left`, then `right` so that it ends in column `width`, or two spaces after. What they measure
/// is `plain_left` and `right`; what is printed of the right is `painted`.
pub(super) fn ends_at(
    width: usize,
    left: &str,
    plain_left: &str,
    right: &str,
    painted: impl FnOnce(&str) -> String,
) -> String {
    let used = plain_left.width() + right.width();
    let gap = width.saturating_sub(used).max(2);
    format!("{left}{}{}", " ".repeat(gap), painted(right))
}

/// `text` in at most `columns` columns, cut with `…`.
pub(super) fn fitted(text: &str, columns: usize) -> Cow<'_, str> {
    if text.width() <= columns {
        return Cow::Borrowed(text);
    }
    let mut used = 1;
    let fits = |c: &char| {
        used += c.width().unwrap_or(0);
        used <= columns
    };
    let mut cut: String = text.chars().take_while(fits).collect();
    cut.push('…');
    Cow::Owned(cut)
}

/// `text` in at most `columns` columns, with `…` for its middle; most of what is kept is its end.
pub(super) fn squeezed(text: &str, columns: usize) -> Cow<'_, str> {
    if text.width() <= columns {
        return Cow::Borrowed(text);
    }
    let head = fitted(text, columns / 3);
    let mut room = columns.saturating_sub(head.width());
    let mut tail: Vec<char> = Vec::new();
    for c in text.chars().rev() {
        match room.checked_sub(c.width().unwrap_or(0)) {
            Some(left) => room = left,
            None => break,
        }
        tail.push(c);
    }
    let tail: String = tail.into_iter().rev().collect();
    Cow::Owned(format!("{head}{tail}"))
}

/// `text` as one word of a POSIX shell.
pub(crate) fn shell_word(text: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_alphanumeric() || "/._-:@+=,%".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(format!("'{}'", text.replace('\'', r"'\''")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_takes_no_more_columns_than_it_may() {
        for text in ["plain words that go on", "東京東京東京東京", "é"] {
            for columns in 1..30 {
                assert!(fitted(text, columns).width() <= columns);
                assert!(squeezed(text, columns).width() <= columns.max(1));
            }
        }
        assert_eq!(squeezed("web to become ACTIVE: BUILD", 15), "web …IVE: BUILD");
    }

    #[test]
    fn spans_are_read_at_a_glance() {
        let told = [0, 999, 1_000, 59_949, 60_000, 3_599_000, 3_720_000]
            .map(|millis| span(Duration::from_millis(millis)));
        assert_eq!(
            told,
            ["0 ms", "999 ms", "1.0 s", "59.9 s", "1 min 00 s", "59 min 59 s", "1 h 02 min"]
        );
    }

    #[test]
    fn a_place_is_one_word_for_the_shell() {
        assert_eq!(shell_word("features/a.feature:3"), "features/a.feature:3");
        assert_eq!(shell_word("it's $HOME"), r"'it'\''s $HOME'");
        assert_eq!(shell_word(""), "''");
    }
}
