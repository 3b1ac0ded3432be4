//! Aliases copy what they name; a small file must not become a large tree.

use super::{clouds_yaml, password, with};

/// Each line ten times the one before.
fn tenfold(lines: usize) -> String {
    let mut text = "a0: &a0 ha\n".to_owned();
    for line in 1..=lines {
        let below = vec![format!("*a{}", line - 1); 10].join(", ");
        text.push_str(&format!("a{line}: &a{line} [{below}]\n"));
    }
    text + "clouds: {}\n"
}

#[test]
fn copies_of_copies_end_before_memory_does() {
    insta::assert_snapshot!(
        clouds_yaml(&tenfold(9)).error("lab"),
        @"/T/work/clouds.yaml:6 can't be understood: its anchors and aliases come to more than 100000 values"
    );
}

/// What has an anchor is kept for its aliases, whether there are any or not.
#[test]
fn anchors_around_anchors_count_too() {
    let (open, close): (String, String) =
        ((0..50).map(|n| format!("&n{n} [")).collect(), "]".repeat(50));
    let text = format!("{}wide: {open}*a4{close}\n", tenfold(4));
    let told = clouds_yaml(&text).error("lab");
    assert!(told.ends_with("come to more than 100000 values"), "{told}");
}

#[test]
fn copies_do_not_nest_deeper_than_what_is_written() {
    let mut text = "a0: &a0 ha\n".to_owned();
    for line in 1..=9 {
        let (open, close) = ("[".repeat(8), "]".repeat(8));
        text.push_str(&format!("a{line}: &a{line} {open}*a{}{close}\n", line - 1));
    }
    insta::assert_snapshot!(
        clouds_yaml(&text).error("lab"),
        @"/T/work/clouds.yaml:9 can't be understood: nested more than 64 deep"
    );
}

#[test]
fn as_many_copies_as_people_write_are_made() {
    let many: String = (0..5000).map(|n| format!("n{n}: *a1\n")).collect();
    let text = format!("a1: &a1 [ha, ha, ha]\n{many}");
    assert_eq!(password(&with("").file("work/clouds-public.yaml", &text).cloud("lab")), "pw");
}
