#![no_main]

use airtight_hcl::Sources;
use airtight_engine::configuration;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let root = airtight_fuzz::directory_with("main.tf.json", data);
    let engine = airtight_fuzz::engine(data);
    let data_dir = root.join(".terraform");
    let configuration = configuration::read(&root, &data_dir, "tests", &engine, &mut Sources::default());
    assert_eq!(configuration.root.files.len(), 1);
});
