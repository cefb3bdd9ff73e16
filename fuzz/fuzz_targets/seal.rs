#![no_main]

use airtight_provider::seal::Manifest;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let manifest = Manifest::new(text.to_owned());
    let _ = manifest.check_digest(&[]);
    let (Ok(all), Ok((_, wanted))) = (manifest.all(), manifest.packages(|_| true)) else { return };
    assert_eq!(all.len(), wanted.len());
    for package in all {
        let _ = package.id();
    }
});
