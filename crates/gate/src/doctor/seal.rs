//! The seals of the mirrors: whether each is used, and if not, how to fix it.

use camino::Utf8Path;

use super::{Check, Image};
use crate::seal;
use crate::settings::{IMAGE_PATH, Seal};
use airtight_provider::seal::Manifest;

const NAME: &str = "seal";

pub(super) fn check(image: &Image<'_>) -> Vec<Check> {
    // That a mirror is not there is said elsewhere.
    let mirrors = image.mirrors.iter().filter(|path| path.is_dir());
    mirrors.map(|path| check_one(path, image.seal)).collect()
}

fn check_one(path: &Utf8Path, setting: Option<&Seal>) -> Check {
    match setting.map(|setting| seal::examine(path, setting)) {
        Some(Ok(manifest)) => Check::passed(NAME, format!("{path} is as it was sealed, {}", manifest.digest())),
        Some(Err(finding)) => {
            Check::failed(NAME, format!("{path}: {}. {}", finding.summary, finding.detail), finding.help)
        }
        None => match Manifest::read(path) {
            Ok(None) => {
                Check::passed(NAME, format!("{path} has none: each container hashes the packages that it uses"))
            }
            Ok(Some(manifest)) => Check::warning(
                NAME,
                format!("{path} has one, but the image's settings do not name it: everything is hashed"),
                format!("Set `seal: {{digest: \"{}\"}}` in {IMAGE_PATH}", manifest.digest()),
            ),
            Err(error) => Check::failed(
                NAME,
                format!("{error:#}"),
                format!("Seal it again: `airtight mirror seal --mirror {path}`"),
            ),
        },
    }
}
