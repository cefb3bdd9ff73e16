#![no_main]

use airtight_provider::planted_plugins::{self, Places};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let data_dir = airtight_fuzz::directory_with("plugin_path", data);
    let found = planted_plugins::find(&Places {
        root_module: &data_dir,
        data_dir: &data_dir,
        engine: None,
        home: None,
        xdg_data_home: None,
        platform: &airtight_provider::Platform::current(),
    });
    // The engine may read what we cannot: then it is reported.
    let is_list = serde_json::from_slice::<Option<Vec<String>>>(data).is_ok();
    assert_eq!(found.unread_plugin_path.is_none(), is_list);
});
