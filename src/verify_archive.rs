//! `airtight verify-archive`: an archive against its OpenPGP signature, or against a signed checksum file.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::time::SystemTime;

use camino::Utf8Path;
use fs_err as fs;
use fs_err::os::unix::fs::OpenOptionsExt as _;

use super::arguments::VerifyArchiveArguments;
use super::progress::Progress;
use super::{ExitCode, Stop, output};
use airtight_finding::escape;
use airtight_provider::digest;
use airtight_provider::digest::archive::{Archive, Entry};
use airtight_provider::digest::{Content, Subject};
use airtight_provider::{Layout, Timestamp};
use airtight_supply::signature::{Fingerprint, Keys, Signed, checksums, verify};

pub(super) fn run(arguments: &VerifyArchiveArguments) -> Result<ExitCode, Stop> {
    let archive = &arguments.archive;
    let keys = read_keys(arguments)?;
    let signature = read(&arguments.signature)?;
    let signed_file = arguments.checksums.as_ref().unwrap_or(archive);
    let mut data = fs::File::open(signed_file).map_err(|error| Stop::Usage(error.to_string()))?;
    let signed = verify(&keys, &signature, &mut data, Timestamp::from(SystemTime::now()))
        .map_err(|error| anyhow::anyhow!("`{signed_file}`: {error}"))?;
    if let Some(document) = &arguments.checksums {
        check_listed(archive, document)?;
    }
    if let (Some(name), Some(to)) = (&arguments.extract, &arguments.to) {
        extract(archive, name, to)?;
    }
    output::data(&told(archive, &signed))?;
    if arguments.fingerprint.is_none() {
        output::error_line(&format!(
            "every key of the key files counted; `--fingerprint {}` makes it this one alone",
            signed.fingerprint
        ));
    }
    Ok(ExitCode::Cleared)
}

fn read(path: &Utf8Path) -> Result<Vec<u8>, Stop> {
    fs::read(path).map_err(|error| Stop::Usage(error.to_string()))
}

/// The accepted keys. That none is left is a refusal, not a mistake in the call: a key file may have been exchanged.
fn read_keys(arguments: &VerifyArchiveArguments) -> Result<Keys, Stop> {
    let wanted = arguments
        .fingerprint
        .as_deref()
        .map(|text| {
            text.parse::<Fingerprint>().map_err(|error| Stop::Usage(format!("--fingerprint `{text}`: {error}")))
        })
        .transpose()?;
    let mut keys = Keys::default();
    for path in &arguments.key {
        let found = Keys::parse(&read(path)?).map_err(|error| anyhow::anyhow!("`{path}`: {error}"))?;
        keys.extend(found);
    }
    let Some(wanted) = wanted else { return Ok(keys) };
    let keys = keys.only(&wanted);
    if keys.is_empty() {
        return Err(anyhow::anyhow!("no key of the key files has the fingerprint {wanted}").into());
    }
    Ok(keys)
}

/// The archive is the file that the checksum file names.
fn check_listed(archive: &Utf8Path, document: &Utf8Path) -> Result<(), Stop> {
    let text = String::from_utf8(read(document)?)
        .map_err(|_| anyhow::anyhow!("`{document}` is no checksum file: it is not UTF-8"))?;
    let name = archive.file_name().unwrap_or_default();
    let expected = checksums::find(&text, name)
        .ok_or_else(|| anyhow::anyhow!("`{document}` is signed, and has no SHA-256 of `{name}`"))?;
    let progress = Progress::new();
    let subject = Subject { path: archive.to_owned(), layout: Layout::Packed, content: Content::Zh };
    let found = digest::compute(&[subject], None, &|count| progress.add(count)).remove(0);
    progress.finish();
    let found = found.map_err(Stop::Usage)?;
    if found != expected {
        let digits = |hash: &airtight_provider::Hash| hash.as_str().trim_start_matches("zh:").to_owned();
        return Err(anyhow::anyhow!(
            "`{archive}` is not what `{document}` lists: SHA-256 {}, not {}",
            digits(&found),
            digits(&expected)
        )
        .into());
    }
    Ok(())
}

/// Writes one file of the archive beside its place, syncs it, and moves it there.
fn extract(archive: &Utf8Path, name: &str, to: &Utf8Path) -> Result<(), Stop> {
    let broken = |error: airtight_provider::digest::archive::ArchiveError| anyhow::anyhow!("`{archive}`: {error}");
    let opened = Archive::open(archive.as_std_path()).map_err(broken)?;
    let mut entries = opened.entries.iter().filter(|entry| entry.name == name.as_bytes());
    let (Some(entry), None) = (entries.next(), entries.next()) else {
        return Err(anyhow::anyhow!("`{archive}` does not hold exactly one `{name}`").into());
    };
    let beside = to.with_file_name(format!(".{}.new", to.file_name().unwrap_or_default()));
    let result = copy(&opened, entry, &beside).map_err(|error| error.context(format!("`{to}` cannot be written")));
    let result = result.and_then(|()| fs::rename(&beside, to).map_err(anyhow::Error::new));
    if result.is_err() {
        let _ = fs::remove_file(&beside);
    }
    Ok(result?)
}

fn copy(archive: &Archive, entry: &Entry, to: &Utf8Path) -> anyhow::Result<()> {
    let _ = fs::remove_file(to);
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o755).open(to)?;
    let mut reader = archive.read(entry, &|_| {})?;
    let mut buffer = vec![0; 256 * 1024];
    loop {
        // The reader refuses more than the entry claims.
        match reader.read(&mut buffer)? {
            0 => break,
            count => file.write_all(&buffer[..count])?,
        }
    }
    // Whatever the umask says: the run's user starts it.
    file.set_permissions(std::fs::Permissions::from_mode(0o755))?;
    Ok(file.sync_all()?)
}

fn told(archive: &Utf8Path, signed: &Signed) -> String {
    let owner = signed.user_id.as_deref().map(|id| format!(" ({})", escape::line(id))).unwrap_or_default();
    let expired =
        signed.key_expired.map(|at| format!("; the key has expired since, on {}", at.date())).unwrap_or_default();
    format!("{archive}: signed by {}{owner} on {}{expired}\n", signed.fingerprint, signed.at.date())
}
