//! Words that all reports share.

/// `1 scenario`, `2 scenarios`.
pub fn many(count: usize, noun: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{s}")
}
