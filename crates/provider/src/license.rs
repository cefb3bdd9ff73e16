//! The licence of a package, by the text of the file `LICENSE` that publishers put into it.
//!
//! Names are those of SPDX. The text is recognised by its title or its first characteristic sentence, so that a licence that
//! mentions others, as MPL-2.0 does, is not taken for one of them.

use std::fmt;
use std::str::FromStr;

use camino::Utf8Path;

use crate::Layout;
use crate::digest::archive::Archive;
use crate::digest::archive::extraction::clean;

/// Licences have some ten kilobytes.
const LIMIT_BYTES: usize = 256 * 1024;

macro_rules! licenses {
    ($($variant:ident = $name:literal: $($mark:literal),+;)+) => {
        /// A licence that is recognised.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum License { $($variant),+ }

        impl License {
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name in SPDX.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// What its text says, in lower case and with single spaces.
            const fn marks(self) -> &'static [&'static str] {
                match self { $(Self::$variant => &[$($mark),+]),+ }
            }
        }
    };
}

licenses! {
    Agpl3 = "AGPL-3.0": "gnu affero general public license version 3";
    Apache2 = "Apache-2.0": "apache license version 2.0", "apache license, version 2.0";
    Bsd2 = "BSD-2-Clause": "redistribution and use in source and binary forms";
    Bsd3 = "BSD-3-Clause": "bsd 3-clause license";
    Busl11 = "BUSL-1.1": "business source license 1.1";
    Gpl2 = "GPL-2.0": "gnu general public license version 2";
    Gpl3 = "GPL-3.0": "gnu general public license version 3";
    Isc = "ISC": "isc license", "permission to use, copy, modify, and/or distribute this software";
    Lgpl3 = "LGPL-3.0": "gnu lesser general public license version 3";
    Mit = "MIT": "mit license", "permission is hereby granted, free of charge, to any person obtaining a copy";
    Mpl2 = "MPL-2.0": "mozilla public license version 2.0", "mozilla public license, version 2.0";
    Unlicense = "Unlicense": "this is free and unencumbered software released into the public domain";
}

impl fmt::Display for License {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The name is none that is recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no licence that airtight recognises")]
pub struct UnknownLicense;

impl FromStr for License {
    type Err = UnknownLicense;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.iter().copied().find(|license| license.as_str().eq_ignore_ascii_case(text)).ok_or(UnknownLicense)
    }
}

impl License {
    /// By a licence's text: what is said first counts.
    pub fn of_text(text: &str) -> Option<Self> {
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
        let places = Self::ALL.iter().flat_map(|license| {
            license.marks().iter().filter_map(|mark| words.find(mark)).map(move |place| (place, *license))
        });
        let (_, license) = places.min()?;
        let is_bsd_3 = license == Self::Bsd2 && words.contains("neither the name");
        Some(if is_bsd_3 { Self::Bsd3 } else { license })
    }

    /// Of a package; null if it holds no text of a licence that is recognised.
    pub fn of_package(path: &Utf8Path, layout: Layout) -> Option<Self> {
        let text = match layout {
            Layout::Packed => text_in_archive(path),
            Layout::Unpacked => text_in_directory(path),
        };
        Self::of_text(&String::from_utf8_lossy(&text?))
    }
}

/// `LICENSE`, `LICENCE.txt`, `COPYING.md`, ...
fn is_license_file(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().to_lowercase();
    matches!(stem.as_str(), "license" | "licence" | "copying" | "unlicense")
}

fn text_in_directory(path: &Utf8Path) -> Option<Vec<u8>> {
    use std::io::Read as _;
    let entries = path.read_dir_utf8().ok()?.flatten();
    let mut files: Vec<_> = entries
        .filter(|entry| is_license_file(entry.file_name()) && entry.file_type().is_ok_and(|kind| kind.is_file()))
        .map(|entry| entry.path().to_owned())
        .collect();
    files.sort();
    let mut text = Vec::new();
    let file = std::fs::File::open(files.first()?).ok()?;
    file.take(LIMIT_BYTES as u64).read_to_end(&mut text).ok()?;
    Some(text)
}

fn text_in_archive(path: &Utf8Path) -> Option<Vec<u8>> {
    let archive = Archive::open(path.as_std_path()).ok()?;
    let entry = archive.entries.iter().find(|entry| {
        let mut parts = clean(&entry.name);
        let name = parts.next().and_then(|name| std::str::from_utf8(name).ok());
        !entry.is_directory() && parts.next().is_none() && name.is_some_and(is_license_file)
    })?;
    let mut reader = archive.read(entry, &|_| {}).ok()?;
    let mut text = vec![0; LIMIT_BYTES];
    let mut filled = 0;
    while filled < text.len() {
        match reader.read(&mut text[filled..]).ok()? {
            0 => break,
            count => filled += count,
        }
    }
    text.truncate(filled);
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_recognised_by_what_it_says_first() {
        let mpl = "Copyright (c) 2017 HashiCorp, Inc.\n\nMozilla Public License Version 2.0\n===\n1.12. \"Secondary License\"\n means \
                   either the GNU General Public License, Version 2.0";
        for (text, expected) in [
            (mpl, Some(License::Mpl2)),
            (
                "Business Source License 1.1\n... Change License: Mozilla Public License, Version 2.0",
                Some(License::Busl11),
            ),
            (
                "                                 Apache License\n                           Version 2.0, January 2004",
                Some(License::Apache2),
            ),
            ("MIT License\n\nCopyright", Some(License::Mit)),
            (
                "Copyright 2020 A\n\nPermission is hereby granted, free of charge, to any person obtaining a copy",
                Some(License::Mit),
            ),
            ("Redistribution and use in source and binary forms ... Neither the name of", Some(License::Bsd3)),
            ("Redistribution and use in source and binary forms ...", Some(License::Bsd2)),
            ("GNU GENERAL PUBLIC LICENSE\n   Version 3, 29 June 2007", Some(License::Gpl3)),
            ("All rights reserved.", None),
            ("", None),
        ] {
            assert_eq!(License::of_text(text), expected, "{text}");
        }
        for license in License::ALL {
            assert_eq!(license.as_str().parse(), Ok(*license));
        }
        assert_eq!("mpl-2.0".parse(), Ok(License::Mpl2));
        assert_eq!("free".parse::<License>(), Err(UnknownLicense));
    }

    #[test]
    fn a_package_is_read_in_both_layouts() {
        use std::io::Write as _;
        let directory = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(directory.path()).unwrap();
        let package = root.join("package");
        std::fs::create_dir(&package).unwrap();
        assert_eq!(License::of_package(&package, Layout::Unpacked), None);
        std::fs::write(package.join("LICENSE.txt"), "MIT License").unwrap();
        assert_eq!(License::of_package(&package, Layout::Unpacked), Some(License::Mit));
        let archive = root.join("x.zip");
        let mut zip = zip::ZipWriter::new(std::fs::File::create(&archive).unwrap());
        zip.start_file("LICENSE", zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(b"Mozilla Public License Version 2.0").unwrap();
        zip.finish().unwrap();
        assert_eq!(License::of_package(&archive, Layout::Packed), Some(License::Mpl2));
        assert_eq!(License::of_package(&root.join("missing"), Layout::Packed), None);
    }
}
