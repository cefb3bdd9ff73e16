#![no_main]

use airtight_engine::ask;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    // What an engine prints is partly the repository's text.
    let half = data.len() / 2;
    let _ = ask::read_answer(&data[..half], &data[half..], &airtight_fuzz::engine(data));
});
