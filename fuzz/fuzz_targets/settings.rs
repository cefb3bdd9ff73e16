#![no_main]

use airtight_gate::settings;
use camino::Utf8Path;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = settings::parse(Utf8Path::new("settings.yml"), text);
});
