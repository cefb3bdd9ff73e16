//! Modules of a store at `init`, with real engines and without network: from `modules build` to `plan`.

use camino::Utf8PathBuf;
use fs_err as fs;

use crate::modules_build::{Case, archive, ended, files, get, serve, sha256sum};
use crate::support::engines::Engine;
use crate::support::isolation::{Isolated, airtight};
use crate::support::registry::Answer;
use crate::support::repository::git;

crate::tests! {
    a_stored_module_is_installed_without_network_and_a_changed_one_is_refused(engine),
    each_transport_gives_what_the_engine_s_own_get_installs(engine),
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
    assert!(said.contains("`net` (h1:") && said.contains("has other configuration files than at `init`"), "{said}");
}

fn each_transport_gives_what_the_engine_s_own_get_installs(engine: &Engine) {
    let case = Case::new();
    fs::create_dir(case.path("mirror")).unwrap();
    fs::create_dir(case.path("served")).unwrap();
    let registry = serve(&case);
    registry.serve_git(&case.path("served"));
    let repository = case.repository("r");
    repository.write("main.tf", "# 0\n").write("sub/main.tf", "module \"up\" {\n  source = \"../util\"\n}\n");
    repository.write("util/main.tf", "").commit();
    repository.tag("v1").git(&["branch", "feature/x"]);
    let commit = repository.write("main.tf", "# 1\n").commit();
    repository.tag("rel/1.0");
    let (inner, outer) = (case.repository("inner"), case.repository("outer"));
    let id = inner.write("inner.tf", "").commit();
    let absolute = registry.url("/git/inner.git");
    outer.write("main.tf", "").write(
        ".gitmodules",
        &format!(
            "[submodule \"a\"]\n\tpath = a\n\turl = ../inner.git\n[submodule \"b\"]\n\tpath = b\n\turl = {absolute}\n"
        ),
    );
    for path in ["a", "b"] {
        outer.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{id},{path}")]);
    }
    outer.git(&["add", "main.tf", ".gitmodules"]);
    outer.git(&["commit", "--quiet", "--message", "x"]);
    for name in ["r", "inner", "outer"] {
        let from = case.path(name);
        git(&case.path("served"), &["clone", "--quiet", "--mirror", from.as_str(), &format!("{name}.git")]);
    }
    let config = format!(
        "[http]\n\tsslCAInfo = {}\n[url \"{}\"]\n\tinsteadOf = https://github.com/acme/\n\tinsteadOf = ssh://git@github.com/acme/\n",
        case.path("ca.pem"),
        registry.url("/git/")
    );
    fs::write(case.path("home/.gitconfig"), config).unwrap();
    let login = format!("machine {} login u password s3cret\n", registry.host());
    fs::write(case.path("home/.netrc"), login).unwrap();
    let tar_gz = archive(&case, "x-1");
    let tar_bz2 = case.path("x.tar.bz2");
    let arguments = ["-cjf", tar_bz2.as_str(), "x-1"];
    let status = std::process::Command::new("tar").args(arguments).current_dir(case.path("archives")).status();
    assert!(status.unwrap().success());
    for path in ["/x.tar.gz", "/private/x.tar.gz"] {
        registry.file(path, fs::read(&tar_gz).unwrap());
    }
    registry.file("/x.tar.bz2", fs::read(&tar_bz2).unwrap());
    registry.file("/SUMS", format!("{}  other\n{} *x.tar.gz\n", "0".repeat(64), sha256sum(&tar_gz)));
    let page =
        format!("<html><head><META content='{}' name='terraform-get'></head>", registry.url("/x.tar.gz//x-1/modules"));
    registry.interfere(move |request, _| {
        let is_allowed = request.headers.get("authorization").is_some_and(|value| value == "Basic dTpzM2NyZXQ=");
        if request.path.starts_with("/page") {
            return Some(Answer::ok(page.clone()));
        }
        (request.path.starts_with("/private/") && !is_allowed).then(|| Answer::status(401))
    });
    let base = format!("git::{}", registry.url("/git/r.git"));
    let sources = [
        format!("{base}?ref=v1"),
        format!("{base}?ref=rel/1.0"),
        format!("{base}?ref=feature/x"),
        format!("{base}?ref={commit}"),
        format!("{base}?ref={}", &commit[..8]),
        format!("{base}?depth=1&ref=feature/x"),
        format!("{base}//s*?ref=v1"),
        format!("git::{}", registry.url("/git/outer.git")),
        "github.com/acme/r//sub?ref=v1".to_owned(),
        "git@github.com:acme/r.git?ref=v1".to_owned(),
        registry.url("/x.tar.bz2//*"),
        format!("{}?checksum=file:{}", registry.url("/x.tar.gz"), registry.url("/SUMS")),
        registry.url("/page//one"),
        registry.url("/private/x.tar.gz//x-1"),
    ];
    let names: Vec<String> = (0..sources.len()).map(|number| format!("m{number}")).collect();
    let calls: Vec<_> =
        names.iter().zip(&sources).map(|(name, source)| (name.as_str(), source.as_str(), None)).collect();
    case.calls("stack", &calls).calls("theirs", &calls);
    let (code, said) = case.build(&[]);
    assert_eq!(code, 0, "{said}");
    assert!(!said.contains("s3cret"), "{said}");
    get(&case, engine, "from/theirs");
    let (code, said) = run(&case, engine, &["init"]);
    assert_eq!(code, 0, "{said}");
    let modules = |stack: &str| case.path("from").join(stack).join(".terraform/modules");
    assert_eq!(files(&modules("stack")), files(&modules("theirs")));
}
