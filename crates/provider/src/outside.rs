//! Links that lead out of the repository. A repository may commit a link to `~/.netrc` where we read and quote a file:
//! the target of such a link is used as the engines use it, but none of its text is printed.

use airtight_hcl::Sources;
use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

/// Where the file really is, if a link at its place leads out of the repository.
///
/// `repository` is a path without links. Without a known repository, a file that is itself a link is taken to lead outside. A path such as `../modules/a.tf` is no
/// link: without `.git`, the repository is known as its root module alone.
pub fn target(path: &Utf8Path, repository: Option<&Utf8Path>) -> Option<Utf8PathBuf> {
    let target = path.canonicalize_utf8().ok()?;
    let is_outside = match repository {
        Some(repository) => !target.starts_with(repository) && without_links(path).as_ref() != Some(&target),
        None => path.symlink_metadata().is_ok_and(|metadata| metadata.is_symlink()),
    };
    is_outside.then_some(target)
}

/// Withholds the text of a file if a link at its place leads out of the sources' repository.
pub fn withhold(path: &Utf8Path, sources: &mut Sources) {
    let directory = path.parent().unwrap_or(Utf8Path::new(""));
    let is_plain = path.symlink_metadata().is_ok_and(|metadata| !metadata.is_symlink());
    if is_plain && sources.is_inside(directory) {
        return;
    }
    match target(path, sources.repository()) {
        Some(target) => sources.withhold(path, not_shown(path, &target)),
        None if is_plain => sources.know_inside(directory),
        None => {}
    }
}

/// The place that the path names if no part of it is a link.
fn without_links(path: &Utf8Path) -> Option<Utf8PathBuf> {
    let mut place = Utf8PathBuf::new();
    for component in camino::absolute_utf8(path).ok()?.components() {
        if component == Utf8Component::ParentDir {
            place.pop();
        } else {
            place.push(component);
        }
    }
    Some(place)
}

/// What is said of such a file instead of its text.
fn not_shown(path: &Utf8Path, target: &Utf8Path) -> String {
    format!("`{path}` is a link to `{target}`, outside the repository, so its text is not shown.")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn only_what_leaves_the_repository_is_outside() {
        let directory = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(directory.path()).unwrap().canonicalize_utf8().unwrap();
        let source = root.join("source");
        std::fs::create_dir_all(source.join("stack")).unwrap();
        std::fs::create_dir_all(root.join("home")).unwrap();
        std::fs::write(root.join("home/.netrc"), "").unwrap();
        std::fs::write(source.join("shared.tf"), "").unwrap();
        std::fs::write(source.join("stack/a.tf"), "").unwrap();
        symlink("../shared.tf", source.join("stack/shared.tf")).unwrap();
        symlink("../../home/.netrc", source.join("stack/main.tf")).unwrap();
        symlink("../../home", source.join("stack/module")).unwrap();
        symlink("nowhere", source.join("stack/dangling")).unwrap();
        for (path, in_repository, by_itself) in [
            ("shared.tf", false, false),
            ("stack/shared.tf", false, true),
            ("stack/main.tf", true, true),
            ("stack/module/.netrc", true, false),
            ("stack/dangling", false, false),
            ("stack/none", false, false),
        ] {
            let path = source.join(path);
            assert_eq!(target(&path, Some(&source)).is_some(), in_repository, "{path}");
            assert_eq!(target(&path, None).is_some(), by_itself, "{path}");
        }
        let mut sources = Sources::of_repository(&source);
        for (path, is_shown) in
            [("shared.tf", true), ("stack/a.tf", true), ("stack/main.tf", false), ("stack/module/.netrc", false)]
        {
            withhold(&source.join(path), &mut sources);
            assert_eq!(sources.withheld(&source.join(path)).is_none(), is_shown, "{path}");
        }
        assert_eq!(target(&source.join("stack/main.tf"), Some(&source)), Some(root.join("home/.netrc")));
        // The repository is known as its root module alone.
        let stack = source.join("stack");
        assert_eq!(target(&stack.join("../shared.tf"), Some(&stack)), None);
        assert!(target(&stack.join("shared.tf"), Some(&stack)).is_some());
        assert!(target(&stack.join("module/../home/.netrc"), Some(&stack)).is_some());
    }
}
