//! The modules keep to their layers (see `src/lib.rs`).

use std::path::{Path, PathBuf};

/// From the top to the bottom.
const LAYERS: [&str; 13] = [
    "cli",
    "runner",
    "report",
    "steps",
    "world",
    "operations",
    "control",
    "journal",
    "api",
    "sim",
    "config",
    "wait",
    "events",
];

/// The modules that see less than what stands below them.
const ISLANDS: [(&str, &[&str]); 3] =
    [("report", &["events"]), ("sim", &["events"]), ("api", &["wait", "config", "events"])];

/// Whether the order lets `module` use `used`.
fn may_use(module: &str, used: &str) -> bool {
    if module == used {
        return true;
    }
    if let Some((_, seen)) = ISLANDS.iter().find(|(island, _)| *island == module) {
        return seen.contains(&used);
    }
    let place = |name: &str| LAYERS.iter().position(|layer| *layer == name);
    place(used) > place(module)
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder)
        .expect("a folder of ours")
        .map(|entry| entry.expect("it can be read").path());
    entries
        .flat_map(|path| match path.is_dir() {
            true => rust_files(&path),
            false => vec![path],
        })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}

/// The modules of this crate that `text` names, as `crate::MODULE` or in `use crate::{MODULE…}`.
fn named(text: &str) -> Vec<&str> {
    let after = text.split("crate::").skip(1);
    after
        .flat_map(|rest| match rest.strip_prefix('{') {
            Some(group) => group.split('}').next().unwrap_or_default().split(',').collect(),
            None => vec![rest],
        })
        .map(|name| {
            let name = name.trim();
            let end = name.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(name.len());
            &name[..end]
        })
        .filter(|name| LAYERS.contains(name))
        .collect()
}

#[test]
fn no_module_uses_what_stands_above_it() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    for path in rust_files(&src) {
        let relative = path.strip_prefix(&src).unwrap();
        let module = relative.components().next().unwrap().as_os_str().to_str().unwrap();
        if !LAYERS.contains(&module) {
            continue; // lib.rs and main.rs
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let uses = named(&text).into_iter().filter(|used| !may_use(module, used));
        wrong.extend(uses.map(|used| format!("{} uses {used}", relative.display())));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_reader_of_use_lines_sees_every_way_of_naming_a_module() {
    assert_eq!(named("use crate::sim::Cloud;"), ["sim"]);
    assert_eq!(named("use crate::{api::Session, wait};"), ["api", "wait"]);
    assert_eq!(named("let x = crate::config::Config::default();"), ["config"]);
    assert!(!may_use("sim", "api") && !may_use("api", "sim") && !may_use("report", "api"));
    assert!(may_use("steps", "world") && !may_use("world", "steps"));
}
