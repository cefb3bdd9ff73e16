//! From a release archive to the directory of an unpacked mirror.
//!
//! Whatever the archive says of modes, all files can be read by everybody, and the provider can be run.

use std::collections::BTreeSet;
use std::io::{self, Write as _};

use camino::{Utf8Path, Utf8PathBuf};

use super::vet::{Limits, vet};
use airtight_provider::digest::archive::{Archive, Entry};
use airtight_provider::directory::Directory;

const BUFFER_BYTES: usize = 256 * 1024;

/// Why nothing is extracted.
#[derive(Debug, thiserror::Error)]
pub(super) enum ExtractError {
    /// No other disk would help.
    #[error("{0}")]
    Archive(String),
    #[error(transparent)]
    Disk(#[from] io::Error),
}

/// Extracts to `ready` below `mirror`, which is not there yet, and syncs it.
///
/// # Errors
/// The archive's fault or the disk's; what was written stays, for the caller to remove.
pub(super) fn extract(
    archive: &Utf8Path,
    provider_type: &str,
    limits: Limits,
    mirror: &Directory,
    ready: &Utf8Path,
) -> Result<(), ExtractError> {
    let archive = Archive::open(archive.as_std_path()).map_err(|error| ExtractError::Archive(error.to_string()))?;
    let names = vet(&archive, Limits { directories: false, ..limits }).map_err(ExtractError::Archive)?;
    let directory = mirror.make(ready)?;
    let mut directories = BTreeSet::from([Utf8PathBuf::new()]);
    for (entry, name) in archive.entries.iter().zip(&names) {
        let path = Utf8Path::new(name);
        for above in path.ancestors().skip(1) {
            if directories.insert(above.to_owned()) {
                directory.make(above)?;
            }
        }
        let own = name.strip_prefix("terraform-provider-").and_then(|rest| rest.strip_prefix(provider_type));
        let is_provider = own.is_some_and(|rest| rest.is_empty() || rest.starts_with(['_', '.']));
        let mode = if is_provider || entry.unix_mode() & 0o111 != 0 { 0o755 } else { 0o644 };
        write(&archive, entry, &directory, path, mode)?;
    }
    Ok(directories.iter().try_for_each(|path| directory.subdirectory(path)?.sync())?)
}

fn write(
    archive: &Archive,
    entry: &Entry,
    directory: &Directory,
    path: &Utf8Path,
    mode: u32,
) -> Result<(), ExtractError> {
    let refused = |error: String| ExtractError::Archive(format!("{error} ({})", String::from_utf8_lossy(&entry.name)));
    let mut file = directory.create(path, mode)?;
    let mut reader = archive.read(entry, &|_| {}).map_err(|error| refused(error.to_string()))?;
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        // The reader refuses more than the entry claims, and what entries claim is within the limit.
        match reader.read(&mut buffer).map_err(|error| refused(error.to_string()))? {
            0 => break,
            count => file.write_all(&buffer[..count])?,
        }
    }
    Ok(file.sync_all()?)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use fs_err as fs;
    use zip::write::SimpleFileOptions;

    use super::*;

    fn extracted(build: impl FnOnce(&mut zip::ZipWriter<fs::File>)) -> (tempfile::TempDir, Result<(), String>) {
        let directory = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(directory.path()).unwrap();
        let mut writer = zip::ZipWriter::new(fs::File::create(root.join("a.zip")).unwrap());
        build(&mut writer);
        writer.finish().unwrap();
        let mirror = Directory::open(root).unwrap();
        let result = extract(&root.join("a.zip"), "dog", Limits::default(), &mirror, Utf8Path::new("out"));
        (directory, result.map_err(|error| error.to_string()))
    }

    fn file(writer: &mut zip::ZipWriter<fs::File>, name: &str, mode: u32) {
        writer.start_file(name, SimpleFileOptions::default().unix_permissions(mode)).unwrap();
        writer.write_all(name.as_bytes()).unwrap();
    }

    #[test]
    fn the_provider_can_be_run_and_everything_be_read() {
        let (directory, result) = extracted(|writer| {
            file(writer, "terraform-provider-dog_v1.0.0", 0o600);
            file(writer, "docs/tool", 0o700);
            file(writer, "docs/more/README", 0o640);
        });
        assert_eq!(result, Ok(()));
        let out = Utf8Path::from_path(directory.path()).unwrap().join("out");
        for (name, mode) in [
            ("", 0o755),
            ("docs", 0o755),
            ("docs/more", 0o755),
            ("terraform-provider-dog_v1.0.0", 0o755),
            ("docs/tool", 0o755),
            ("docs/more/README", 0o644),
        ] {
            assert_eq!(fs::metadata(out.join(name)).unwrap().permissions().mode() & 0o777, mode, "{name}");
        }
        assert_eq!(fs::read_to_string(out.join("docs/tool")).unwrap(), "docs/tool");
    }

    #[test]
    fn nothing_is_written_for_an_archive_that_is_none() {
        let (directory, result) = extracted(|writer| {
            file(writer, "a", 0o644);
            file(writer, "../x", 0o644);
        });
        assert!(result.unwrap_err().contains("not below"));
        assert!(!directory.path().join("out").exists());
    }
}
