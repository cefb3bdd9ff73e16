#![no_main]

use airtight_engine::state;
use camino::Utf8Path;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = state::parse(Utf8Path::new("terraform.tfstate"), data, &airtight_fuzz::engine(data));
});
