//! Lock files, as the engines write them.

/// One entry.
#[derive(Clone, Debug)]
pub(crate) struct Lock {
    pub address: String,
    pub version: String,
    pub constraints: Option<String>,
    pub hashes: Vec<String>,
}

/// The text of a lock file.
pub(crate) fn text(locks: &[Lock]) -> String {
    let mut text = String::from("# This file is maintained automatically by a test.\n");
    for lock in locks {
        text.push_str(&format!("\nprovider \"{}\" {{\n  version = \"{}\"\n", lock.address, lock.version));
        if let Some(constraints) = &lock.constraints {
            text.push_str(&format!("  constraints = \"{constraints}\"\n"));
        }
        if !lock.hashes.is_empty() {
            text.push_str("  hashes = [\n");
            for hash in &lock.hashes {
                text.push_str(&format!("    \"{hash}\",\n"));
            }
            text.push_str("  ]\n");
        }
        text.push_str("}\n");
    }
    text
}
