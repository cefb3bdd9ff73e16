#![no_main]

use airtight_engine::modules_manifest;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let data_dir = airtight_fuzz::directory_with("modules/modules.json", data);
    let _ = modules_manifest::read(&data_dir).record("");
});
