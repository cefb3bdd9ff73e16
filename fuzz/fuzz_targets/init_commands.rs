#![no_main]

use airtight_engine::environment::Environment;
use airtight_engine::init_arguments::BackendConfig;
use airtight_engine::init_commands::{self, Question};
use airtight_provider::EngineName;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    // The same bytes in both syntaxes, as the recorded backend, as a file of `-backend-config` and as a variable.
    let root = airtight_fuzz::directory_with("main.tf", data);
    for name in ["main.tf.json", "terraform.tfstate"] {
        airtight_fuzz::directory_with(name, data);
    }
    let text = String::from_utf8_lossy(data).into_owned();
    let environment = Environment::from_vars([("TF_ENCRYPTION".into(), text.clone().into())]).expect("it is text");
    let arguments = [BackendConfig::new("main.tf"), BackendConfig::new(format!("config_paths={text}"))];
    let found = init_commands::find(&Question {
        engine: EngineName::Tofu,
        files: &[root.join("main.tf"), root.join("main.tf.json")],
        root_module: &root,
        repository: &root,
        data_dir: &root,
        backend_config: &arguments,
        home: Some(&root),
        variables: &environment.variables,
    });
    assert!(found.iter().all(|command| command.place.as_ref().is_none_or(|place| place.path.starts_with(&root))));
});
