#![no_main]

use airtight_hcl::Sources;
use airtight_provider::lock_file;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let root = airtight_fuzz::directory_with(".terraform.lock.hcl", data);
    let lock = lock_file::read(&root, airtight_fuzz::engine(data).name, &mut Sources::default());
    assert!(lock.exists);
});
