//! Modules of a store at `init`, with real engines and without network: from `modules build` to `plan`.

use camino::Utf8PathBuf;
use fs_err as fs;

use crate::modules_build::{Case, ended};
use crate::support::engines::Engine;
use crate::support::isolation::{Isolated, airtight};

crate::tests! {
    a_stored_module_is_installed_without_network_and_a_changed_one_is_refused(engine),
}

/// The gate in the stack's directory, in a namespace without network.
fn run(case: &Case, engine: &Engine, arguments: &[&str]) -> (i32, String) {
    let command = Isolated::new(airtight(), &case.path("from/stack"))
        .environment("HOME", case.path("home").as_str())
        .environment("XDG_RUNTIME_DIR", case.path("home").as_str())
        .environment("AIRTIGHT_ENGINE", engine.path.as_str())
        .environment("AIRTIGHT_MIRROR", case.path("mirror").as_str())
        .environment("AIRTIGHT_MODULES", case.path("store").as_str())
        .arguments(["run"])
        .arguments(arguments.iter().copied());
    ended(command)
}

fn a_stored_module_is_installed_without_network_and_a_changed_one_is_refused(engine: &Engine) {
    let case = Case::new();
    fs::create_dir(case.path("mirror")).unwrap();
    let repository = case.repository("r");
    repository
        .write("net/main.tf", "module \"up\" {\n  source = \"../util\"\n}\noutput \"x\" {\n  value = module.up.x\n}\n");
    repository.write("util/main.tf", "output \"x\" {\n  value = \"of the store\"\n}\n").commit();
    repository.tag("v1");
    let source = format!("{}//net?ref=v1", repository.source());
    case.calls("stack", &[("net", &source, None)]);
    let main = case.path("from/stack/main.tf");
    let text = fs::read_to_string(&main).unwrap() + "output \"o\" {\n  value = module.net.x\n}\n";
    fs::write(&main, text).unwrap();
    case.built(&[]);
    fs::remove_dir_all(&repository.path).unwrap();

    let (code, said) = run(&case, engine, &["init"]);
    assert_eq!(code, 0, "{said}");
    let plan = ["plan", "--lock=false", "--refresh=true", "--out=p"];
    let (code, said) = run(&case, engine, &plan);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("of the store"), "{said}");

    let installed: Utf8PathBuf = case.path("from/stack/.terraform/modules/net/util/main.tf");
    fs::write(&installed, "output \"x\" {\n  value = \"of somebody\"\n}\n").unwrap();
    let (code, said) = run(&case, engine, &plan);
    assert_eq!(code, 100, "{said}");
    assert!(said.contains("error[module-planted]") && !said.contains("of somebody"), "{said}");
}
