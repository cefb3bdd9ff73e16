//! `h1:` of the directory that extracting an archive leaves behind, without extracting it.
//!
//! It is the archive's own hash, unless the archive has entries for directories, a name twice, or names that change on
//! the way to the disk; or unless files are already where it is extracted to.
//!
//! Source: hashicorp/go-getter `decompress_zip.go`, through OpenTofu `internal/getproviders/package_location_local_archive.go`.

use std::collections::BTreeMap;

use camino::Utf8Path;

use super::archive::Archive;
use super::archive::extraction::clean;
use super::cache::Cache;
use super::h1;
use super::stream::{Progress, Sum};

/// Hashes what extraction leaves; files of the directory `over` stay where no entry replaces them.
pub(super) fn of_extraction(
    path: &Utf8Path,
    over: Option<&Utf8Path>,
    cache: Option<&Cache>,
    progress: Progress<'_>,
) -> Result<Sum, String> {
    let archive = Archive::open(&h1::resolve(path)?).map_err(|error| error.to_string())?;
    let mut last_of_name = BTreeMap::new();
    let mut is_plain = over.is_none();
    for entry in &archive.entries {
        let name = clean(&entry.name).collect::<Vec<_>>().join(&b'/');
        is_plain &= !entry.is_directory() && name == entry.name;
        if !entry.is_directory() {
            is_plain &= last_of_name.insert(name, entry).is_none();
        }
    }
    if is_plain {
        return h1::of_archive(path, cache, progress);
    }
    let mut sums = BTreeMap::new();
    if let Some(over) = over {
        sums.extend(h1::sums_of_directory(over, cache, progress)?);
    }
    for (name, entry) in last_of_name {
        h1::refuse_newline(&name)?;
        sums.insert(name, h1::of_entry(&archive, entry, progress).map_err(|error| error.to_string())?);
    }
    h1::summarize(sums.iter().map(|(name, sum)| (name.as_slice(), Ok(*sum))))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use zip::write::SimpleFileOptions;

    use super::super::{Content, Subject, compute};
    use super::*;
    use crate::{Hash, Layout};

    fn archive(directory: &Utf8Path, entries: &[(&str, &str)]) -> camino::Utf8PathBuf {
        let path = directory.join("package.zip");
        let mut writer = zip::ZipWriter::new(fs_err::File::create(&path).unwrap());
        for (name, text) in entries {
            if name.ends_with('/') {
                writer.add_directory(*name, SimpleFileOptions::default()).unwrap();
            } else {
                writer.start_file(*name, SimpleFileOptions::default()).unwrap();
                writer.write_all(text.as_bytes()).unwrap();
            }
        }
        writer.finish().unwrap();
        path
    }

    fn tree(directory: &Utf8Path, files: &[(&str, &str)]) -> camino::Utf8PathBuf {
        let path = directory.join("tree");
        for (name, text) in files {
            let file = path.join(name);
            fs_err::create_dir_all(file.parent().unwrap()).unwrap();
            fs_err::write(file, text).unwrap();
        }
        path
    }

    fn hash(path: &Utf8Path, layout: Layout, content: Content) -> Hash {
        let subject = Subject { path: path.to_owned(), layout, content };
        compute(&[subject], None, &|_| {}).remove(0).unwrap()
    }

    #[test]
    fn equals_the_hash_of_the_directory_that_extraction_leaves() {
        let cases: [(&[(&str, &str)], &[(&str, &str)], &[(&str, &str)]); 4] = [
            (&[("a", "1"), ("b/c", "2")], &[], &[("a", "1"), ("b/c", "2")]),
            (&[("b/", ""), ("b/c", "2"), ("empty/", "")], &[], &[("b/c", "2")]),
            (&[("/a", "1"), ("./b", "2")], &[], &[("a", "1"), ("b", "2")]),
            (&[("a", "new")], &[("a", "old"), ("stays", "3")], &[("a", "new"), ("stays", "3")]),
        ];
        for (entries, before, after) in cases {
            let directory = camino_tempdir();
            let root = Utf8Path::from_path(directory.path()).unwrap();
            let archive = archive(root, entries);
            let over = (!before.is_empty()).then(|| tree(root, before));
            let extracted = hash(&archive, Layout::Packed, Content::Extracted { over: over.clone() });
            if let Some(over) = over {
                fs_err::remove_dir_all(over).unwrap();
            }
            assert_eq!(extracted, hash(&tree(root, after), Layout::Unpacked, Content::H1), "{entries:?}");
        }
    }

    fn camino_tempdir() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }
}
