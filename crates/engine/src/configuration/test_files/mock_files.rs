//! Directories of mocks: the `source` of Terraform's `mock_provider` blocks.
//!
//! Source: Terraform `internal/configs/parser_config_dir.go` `LoadMockDataDir`.

use std::io;

use camino::Utf8Path;
use fs_err as fs;

use super::super::body::Problems;
use super::super::files;
use super::FileReader;
use super::overrides::Mocks;
use airtight_hcl::schema::{BodySchema, Unknown};
use airtight_hcl::{Place, Sources};

impl FileReader<'_> {
    /// Reads the files of mocks in a directory that the block at `place` names.
    pub(super) fn mock_directory(&mut self, directory: &Utf8Path, place: &Place, sources: &mut Sources) {
        let Ok(names) = names(directory) else {
            let detail = format!("Mock data directory {directory} does not exist or cannot be read.");
            return self.problems.refuse("Failed to read mock data directory", detail, place.clone());
        };
        let mut mocks = Mocks::default();
        for name in names {
            let path = directory.join(name);
            let mut problems = Problems::default();
            let file = files::parse(&path, sources, &mut problems);
            self.problems.errors.append(&mut problems.errors);
            self.problems.not_understood.append(&mut problems.not_understood);
            let Some(file) = file else { continue };
            let mut reader = FileReader::new(self.engine);
            let blocks = reader.schemas.mock_provider_blocks();
            let schema = BodySchema { required: &[], optional: &[], blocks: &blocks };
            let content = file.root().content(&schema, Unknown::Refused, &mut reader.problems);
            let found = reader.mocks(&content);
            self.problems.errors.append(&mut reader.problems.errors);
            self.problems.not_understood.append(&mut reader.problems.not_understood);
            mocks.merge(found, &Place::file(&path), self);
        }
    }
}

/// The names of the files that count, in the engine's order.
fn names(directory: &Utf8Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let is_mock = name.ends_with(".tfmock.hcl") || name.ends_with(".tfmock.json");
        let is_ignored = name.starts_with('.') || name.ends_with('~') || (name.starts_with('#') && name.ends_with('#'));
        if is_mock && !is_ignored && !entry.file_type()?.is_dir() {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}
