#![no_main]

use airtight_spacelift::{plugin_manifest, runtime_configuration, workflow};
use camino::Utf8Path;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = workflow::parse(Utf8Path::new("workflow.yml"), text);
    let _ = runtime_configuration::parse(Utf8Path::new("config.yml"), text);
    let _ = plugin_manifest::parse(Utf8Path::new("plugin.yml"), text);
});
