//! Fake provider packages in both layouts, and their hashes from first principles: nothing here is airtight's own code.

use std::collections::BTreeMap;
use std::io::{Cursor, Write as _};

use base64::Engine as _;
use sha2::{Digest as _, Sha256};
use zip::write::SimpleFileOptions;

crate::tests! {
    the_hash_of_an_empty_package_is_that_of_nothing,
    the_same_files_make_the_same_archive,
}

/// A provider's package, not yet in a layout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Package {
    /// `host/namespace/type`.
    pub address: String,
    pub version: String,
    pub platform: String,
    /// By name within the package.
    pub files: BTreeMap<String, Vec<u8>>,
}

impl Package {
    /// A package whose executable is a shell script; different flavours have different hashes.
    pub(crate) fn fake(address: &str, version: &str, platform: &str, flavour: &str) -> Self {
        let provider_type = address.rsplit('/').next().unwrap();
        let script = format!("#!/bin/sh\n# {address} {version} {platform} {flavour}\nexit 1\n");
        Self {
            address: address.to_owned(),
            version: version.to_owned(),
            platform: platform.to_owned(),
            files: BTreeMap::from([(format!("terraform-provider-{provider_type}_v{version}"), script.into_bytes())]),
        }
    }

    pub(crate) fn provider_type(&self) -> &str {
        self.address.rsplit('/').next().unwrap()
    }

    /// Its directory in a mirror.
    pub(crate) fn unpacked_path(&self) -> String {
        format!("{}/{}/{}", self.address, self.version, self.platform)
    }

    /// Its archive in a mirror.
    pub(crate) fn packed_path(&self) -> String {
        format!("{}/terraform-provider-{}_{}_{}.zip", self.address, self.provider_type(), self.version, self.platform)
    }

    /// The archive's bytes, the same for the same files.
    pub(crate) fn archive(&self) -> Vec<u8> {
        self.archive_with(&[])
    }

    /// The same with an entry for a directory, which a release archive does not have.
    pub(crate) fn archive_with_directory(&self, directory: &str) -> Vec<u8> {
        self.archive_with(&[directory])
    }

    fn archive_with(&self, directories: &[&str]) -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        let options = SimpleFileOptions::default().unix_permissions(0o755).last_modified_time(zip::DateTime::default());
        for directory in directories {
            writer.add_directory(*directory, options).unwrap();
        }
        for (name, bytes) in &self.files {
            writer.start_file(name, options).unwrap();
            writer.write_all(bytes).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    /// `h1:` and the base64 of the SHA-256 over one line for each file, in the order of the names: its SHA-256, two
    /// blanks, its name.
    pub(crate) fn h1(&self) -> String {
        let lines = self.files.iter().map(|(name, bytes)| format!("{}  {name}\n", hexadecimal(&Sha256::digest(bytes))));
        let lines = lines.collect::<Vec<_>>().concat();
        format!("h1:{}", base64::engine::general_purpose::STANDARD.encode(Sha256::digest(lines)))
    }

    /// `zh:` and the SHA-256 of the archive.
    pub(crate) fn zh(&self) -> String {
        zh_of(&self.archive())
    }
}

/// `zh:` and the SHA-256 of an archive.
pub(crate) fn zh_of(archive: &[u8]) -> String {
    format!("zh:{}", hexadecimal(&Sha256::digest(archive)))
}

fn hexadecimal(bytes: &[u8]) -> String {
    let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.concat()
}

fn the_hash_of_an_empty_package_is_that_of_nothing() {
    let mut package = Package::fake("example.com/acme/dog", "1.0.0", "linux_amd64", "");
    package.files.clear();
    assert_eq!(package.h1(), "h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
}

fn the_same_files_make_the_same_archive() {
    let package = Package::fake("example.com/acme/dog", "1.0.0", "linux_amd64", "a");
    assert_eq!(package.archive(), package.clone().archive());
    assert_ne!(package.zh(), Package::fake("example.com/acme/dog", "1.0.0", "linux_amd64", "b").zh());
}
