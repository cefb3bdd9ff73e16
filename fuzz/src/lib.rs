//! What the targets share: engines, and a directory that holds the input.

use std::fs;
use std::process;

use airtight_provider::{Engine, EngineName};
use camino::Utf8PathBuf;

/// OpenTofu for even inputs, Terraform for odd ones, so that one corpus exercises the rules of both.
pub fn engine(data: &[u8]) -> Engine {
    let (name, version) =
        if data.len() % 2 == 0 { (EngineName::Tofu, "1.12.6") } else { (EngineName::Terraform, "1.11.4") };
    Engine::new(name, version.parse().expect("a version"))
}

/// A directory of this process that holds the input under a name, which each call writes anew.
pub fn directory_with(name: &str, data: &[u8]) -> Utf8PathBuf {
    let directory = std::env::temp_dir().join(format!("airtight-fuzz-{}", process::id()));
    let directory = Utf8PathBuf::from_path_buf(directory).expect("a temporary directory in UTF-8");
    let file = directory.join(name);
    fs::create_dir_all(file.parent().expect("a directory")).expect("a temporary directory");
    fs::write(file, data).expect("the input written");
    directory
}
