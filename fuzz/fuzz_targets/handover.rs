#![no_main]

use airtight_gate::handover::{self, Found};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let data_dir = airtight_fuzz::directory_with("airtight/handover.json", data);
    if let Found::Read(handover) = handover::read(&data_dir) {
        assert!(handover.unproven().count() <= handover.providers.len());
    }
});
