#![no_main]

use airtight_engine::cli_config;
use camino::Utf8Path;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let (path, engine) = (Utf8Path::new("terraform.rc"), airtight_fuzz::engine(data));
    let _ = cli_config::parse_bytes(path, data, &engine);
    // What is carried over has to be readable where it goes.
    if let Ok(blocks) = cli_config::carried_blocks(path, data, &engine) {
        for block in blocks {
            let again = cli_config::carried_blocks(path, block.text.as_bytes(), &engine);
            assert_eq!(again.map(|blocks| blocks.len()), Ok(1), "{}", block.text);
        }
    }
});
