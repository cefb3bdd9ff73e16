//! Which archives may become packages: those whose every entry becomes one plain file below the package's directory.

use std::collections::BTreeSet;

use airtight_provider::digest::archive::{Archive, Entry};

/// What an archive may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Of all entries together, unpacked.
    pub size_bytes: u64,
    pub entries: usize,
    /// Entries for directories, which the engines accept: they give the archive another `h1:` than its contents.
    pub directories: bool,
}

impl Default for Limits {
    /// The largest providers have less than one gigabyte.
    fn default() -> Self {
        Self { size_bytes: 4 * 1024 * 1024 * 1024, entries: 10_000, directories: false }
    }
}

/// The names of an archive's entries, in their order: below the package's directory, `/`-separated.
///
/// # Errors
/// Says what keeps the archive as a whole from being one.
pub(super) fn vet(archive: &Archive, limits: Limits) -> Result<Vec<&str>, String> {
    let Archive { entries, .. } = archive;
    if entries.is_empty() {
        return Err("the archive is empty".to_owned());
    }
    if entries.len() > limits.entries {
        return Err(format!("the archive has more than {} entries", limits.entries));
    }
    let size = entries.iter().fold(0_u64, |sum, entry| sum.saturating_add(entry.uncompressed_bytes));
    if size > limits.size_bytes {
        return Err(format!("the archive would unpack to {size} bytes, more than the limit of {}", limits.size_bytes));
    }
    let (mut distinct, mut files) = (BTreeSet::new(), BTreeSet::new());
    let mut names = Vec::with_capacity(entries.len());
    for entry in entries {
        let name = name_of(entry, limits)
            .map_err(|why| format!("the archive's entry {:?} {why}", String::from_utf8_lossy(&entry.name)))?;
        if !distinct.insert(name) {
            return Err(format!("the archive has the name {name:?} twice"));
        }
        if !entry.is_directory() {
            files.insert(name);
        }
        names.push(name);
    }
    let is_below_a_file =
        |name: &&&str| name.match_indices('/').any(|(end, _)| name.get(..end).is_some_and(|up| files.contains(up)));
    match names.iter().find(is_below_a_file) {
        Some(name) => Err(format!("the archive's entry {name:?} is below another one that is a file")),
        None => Ok(names),
    }
}

fn name_of(entry: &Entry, limits: Limits) -> Result<&str, &'static str> {
    const FILE_TYPE: u32 = 0o170_000;
    const DIRECTORY: u32 = 0o040_000;
    const REGULAR: u32 = 0o100_000;
    const SPECIAL: u32 = 0o7000;
    let name = str::from_utf8(&entry.name).map_err(|_| "is not UTF-8")?;
    if entry.is_directory() && !limits.directories {
        return Err("is a directory, which gives the archive another h1: hash than its contents");
    }
    let name = if entry.is_directory() { name.strip_suffix('/').unwrap_or(name) } else { name };
    if name.contains('\\') || name.chars().any(char::is_control) {
        return Err("has a back-slash or a control character in its name");
    }
    if name.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err("is absolute, or has empty, `.` or `..` parts: it is not below the package");
    }
    let own_type = if entry.is_directory() { DIRECTORY } else { REGULAR };
    if ![0, own_type].contains(&(entry.unix_mode() & FILE_TYPE)) {
        return Err("is a link, or no plain file");
    }
    if entry.unix_mode() & SPECIAL != 0 {
        return Err("has special permissions (set-user-ID, set-group-ID or sticky)");
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use camino::Utf8Path;
    use fs_err as fs;
    use zip::write::SimpleFileOptions;

    use super::*;

    type Build = fn(&mut zip::ZipWriter<fs::File>);

    fn vetted(build: Build) -> Result<Vec<String>, String> {
        vetted_bytes(build, |_| {})
    }

    fn vetted_bytes(build: Build, change: impl FnOnce(&mut Vec<u8>)) -> Result<Vec<String>, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(directory.path()).unwrap().join("a.zip");
        let mut writer = zip::ZipWriter::new(fs::File::create(&path).unwrap());
        build(&mut writer);
        writer.finish().unwrap();
        let mut bytes = fs::read(&path).unwrap();
        change(&mut bytes);
        fs::write(&path, bytes).unwrap();
        let archive = Archive::open(path.as_std_path()).unwrap();
        vet(&archive, Limits::default()).map(|names| names.into_iter().map(ToOwned::to_owned).collect())
    }

    fn file(writer: &mut zip::ZipWriter<fs::File>, name: &str, mode: u32) {
        writer.start_file(name, SimpleFileOptions::default().unix_permissions(mode)).unwrap();
        writer.write_all(name.as_bytes()).unwrap();
    }

    #[test]
    fn every_entry_must_become_a_plain_file_below() {
        let cases: [(Build, &str); 11] = [
            (|_| {}, "is empty"),
            (|writer| file(writer, "../x", 0o644), "not below the package"),
            (|writer| file(writer, "/x", 0o644), "is absolute"),
            (|writer| file(writer, "a/../x", 0o644), "not below the package"),
            (|writer| file(writer, "a//b", 0o644), "not below the package"),
            (|writer| file(writer, "./x", 0o644), "not below the package"),
            (|writer| file(writer, "a\\b", 0o644), "back-slash"),
            (|writer| file(writer, "a\nb", 0o644), "control character"),
            (|writer| ["a", "a/b"].iter().for_each(|name| file(writer, name, 0o644)), "below another one"),
            (|writer| writer.add_directory("docs", SimpleFileOptions::default()).unwrap(), "is a directory"),
            (|writer| writer.add_symlink("x", "/etc", SimpleFileOptions::default()).unwrap(), "is a link"),
        ];
        for (build, expected) in cases {
            let error = vetted(build).unwrap_err();
            assert!(error.contains(expected), "{expected}: {error}");
        }
        assert_eq!(
            vetted(|writer| ["b", "a/b"].iter().for_each(|name| file(writer, name, 0o644))).unwrap(),
            ["b", "a/b"]
        );
    }

    #[test]
    fn directories_are_no_harm_where_nothing_is_extracted() {
        let directory = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(directory.path()).unwrap().join("a.zip");
        let limits = Limits { directories: true, ..Limits::default() };
        for (name, expected) in [("docs", None), ("../docs", Some("not below the package"))] {
            let mut writer = zip::ZipWriter::new(fs::File::create(&path).unwrap());
            writer.add_directory(name, SimpleFileOptions::default()).unwrap();
            file(&mut writer, "docs/a", 0o644);
            writer.finish().unwrap();
            let archive = Archive::open(path.as_std_path()).unwrap();
            let result = vet(&archive, limits);
            assert_eq!(result.is_ok(), expected.is_none(), "{result:?}");
            assert!(expected.is_none_or(|expected| result.unwrap_err().contains(expected)));
        }
    }

    #[test]
    fn nothing_sets_its_user() {
        let result = vetted_bytes(
            |writer| file(writer, "a", 0o755),
            |bytes| {
                let entry = bytes.windows(4).position(|four| four == b"PK\x01\x02").unwrap();
                // The mode is in the upper half of the external attributes, at 38.
                bytes[entry + 41] |= 0o4000_u16.to_be_bytes()[0];
            },
        );
        assert!(result.unwrap_err().contains("special permissions"));
    }

    #[test]
    fn more_entries_or_bytes_than_any_provider_has_are_refused() {
        let many: Build = |writer| (0..=10_000).for_each(|number| file(writer, &number.to_string(), 0o644));
        assert!(vetted(many).unwrap_err().contains("entries"));
    }
}
