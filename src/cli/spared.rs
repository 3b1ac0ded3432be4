//! Files that no report is written over: what a command reads, and its other reports.

use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use super::{Exit, Stop};

/// Refuses the first of `outputs`, flags with their paths, that is one of `inputs`, paths with what
/// they are, or that is another output. To be asked before anything is created.
pub(super) fn spare(outputs: &[(&str, &Path)], inputs: &[(PathBuf, String)]) -> Result<(), Stop> {
    let mut taken: Vec<(PathBuf, String)> =
        inputs.iter().map(|(path, what)| (place(path), what.clone())).collect();
    for (flag, path) in outputs {
        // A device such as /dev/null keeps nothing that could be lost.
        if fs::metadata(path).is_ok_and(|file| file.file_type().is_char_device()) {
            continue;
        }
        let place = place(path);
        if let Some((_, what)) = taken.iter().find(|(other, _)| *other == place) {
            let message = format!(
                "{flag} {}: that is {what}, which would be overwritten; name another file",
                path.display()
            );
            return Err(Stop { exit: Exit::Usage, message });
        }
        taken.push((place, format!("the file of {flag}")));
    }
    Ok(())
}

/// Where a file is, or would be, whatever links lead there.
fn place(path: &Path) -> PathBuf {
    if let Ok(place) = path.canonicalize() {
        return place;
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    match (folder, path.file_name()) {
        (Some(folder), Some(name)) => place(folder).join(name),
        (None, Some(name)) => place(Path::new(".")).join(name),
        _ => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_the_same_by_whatever_way_and_also_before_it_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("sub")).unwrap();
        std::os::unix::fs::symlink(at("sub"), at("link")).unwrap();
        fs::write(at("sub/a.feature"), "").unwrap();
        let inputs = [(at("sub/a.feature"), "a feature file of this run".to_owned())];
        let refusal = |outputs: &[(&str, &str)]| {
            let paths: Vec<_> = outputs.iter().map(|(flag, path)| (*flag, at(path))).collect();
            let outputs: Vec<_> =
                paths.iter().map(|(flag, path)| (*flag, path.as_path())).collect();
            spare(&outputs, &inputs).err().map(|stop| stop.message)
        };
        let over = refusal(&[("--junit", "link/a.feature")]).unwrap();
        assert!(over.contains("link/a.feature: that is a feature file of this run"), "{over}");
        let twice = refusal(&[("--junit", "sub/new/r"), ("--messages", "link/new/r")]).unwrap();
        assert!(
            twice.starts_with("--messages ") && twice.contains("the file of --junit"),
            "{twice}"
        );
        assert_eq!(refusal(&[("--junit", "sub/b"), ("--messages", "sub/c")]), None);
        assert_eq!(refusal(&[("--junit", "/dev/null"), ("--messages", "/dev/null")]), None);
    }
}
