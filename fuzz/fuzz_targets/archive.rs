#![no_main]

use airtight_provider::digest::{Content, Subject, archive::Archive, compute};
use airtight_provider::Layout;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let path = airtight_fuzz::directory_with("package.zip", data).join("package.zip");
    let opened = Archive::open(path.as_std_path());
    let subject = |content| Subject { path: path.clone(), layout: Layout::Packed, content };
    let subjects = [subject(Content::H1), subject(Content::Extracted { over: None })];
    let hashes = compute(&subjects, None, &|_| ());
    assert!(opened.is_ok() || hashes.iter().all(Result::is_err), "hashed an archive that does not open");
});
