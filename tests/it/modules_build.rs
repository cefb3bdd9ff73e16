//! `airtight modules build`: from module calls to a store, from real repositories, archives and a registry with TLS.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output, Stdio};

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use serde_json::Value;

use crate::support::engines::Engine;
use crate::support::isolation::{Isolated, airtight};
use crate::support::registry::{Answer, Registry};
use crate::support::repository::Repository;
use crate::support::tree::{Tree, Workspace};

crate::tests! {
    calls_of_any_depth_are_fetched_each_repository_once,
    references_of_every_form_mean_what_the_engine_s_clone_means(engine),
    the_trees_are_those_that_the_engine_s_own_get_fetches(engine),
    a_registry_s_newest_allowed_version_is_selected_as_by_the_engine(engine),
    a_registry_may_answer_in_each_way_that_the_protocol_has,
    a_tag_that_moved_is_an_error_until_it_is_accepted_by_name,
    a_branch_moves_and_a_reference_that_is_gone_keeps_what_was_stored,
    two_builds_make_the_same_bytes_and_the_second_fetches_nothing,
    what_one_build_added_stays_for_the_others,
    a_dry_run_changes_nothing_and_says_what_would_come,
    one_repository_by_two_addresses_at_once_is_stored_once,
    a_killed_build_goes_on_with_what_was_there,
    submodules_come_along_and_pointers_of_lfs_are_named,
    a_token_goes_to_its_registry_and_into_no_text,
    a_repository_behind_tls_is_fetched_with_the_system_s_git,
    what_cannot_be_fetched_is_named_with_who_needs_it,
    a_list_of_modules_is_built_as_calls_are,
}

/// Directories `from` with the calling configurations, and beside it whatever they call.
pub(crate) struct Case {
    pub workspace: Workspace,
}

impl Case {
    pub(crate) fn new() -> Self {
        let mut tree = Tree::default();
        tree.directory("from/").directory("home/");
        Self { workspace: Workspace::holding(&tree, false) }
    }

    pub(crate) fn path(&self, path: &str) -> Utf8PathBuf {
        self.workspace.path(path)
    }

    pub(crate) fn repository(&self, name: &str) -> Repository {
        Repository::new(&self.path(name))
    }

    /// A configuration with these calls, `NAME SOURCE [VERSION]`.
    pub(crate) fn calls(&self, path: &str, calls: &[(&str, &str, Option<&str>)]) -> &Self {
        let place = self.path("from").join(path);
        fs::create_dir_all(&place).unwrap();
        fs::write(place.join("main.tf"), configuration(calls)).unwrap();
        self
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Isolated {
        self.trusting(Isolated::new(airtight(), self.workspace.root()))
            .arguments(["modules"])
            .arguments(arguments.iter().copied())
    }

    /// With this case's home, and with its registry's authority if it has one.
    fn trusting(&self, command: Isolated) -> Isolated {
        let command = Isolated { offline: false, ..command }.environment("HOME", self.path("home").as_str());
        let authority = self.path("ca.pem");
        if authority.exists() { command.environment("SSL_CERT_FILE", authority) } else { command }
    }

    /// Builds `store`; code and both streams.
    pub(crate) fn build(&self, arguments: &[&str]) -> (i32, String) {
        let all = [&["build", "--from", "from", "--engine", "terraform", "--tries", "2", "--timeout", "5"], arguments];
        ended(self.command(&all.concat()).arguments(["store"]))
    }

    pub(crate) fn built(&self, arguments: &[&str]) -> String {
        let (code, text) = self.build(arguments);
        assert_eq!(code, 0, "{text}");
        text
    }

    pub(crate) fn manifest(&self) -> Value {
        serde_json::from_str(&fs::read_to_string(self.path("store/.airtight/modules.json")).unwrap()).unwrap()
    }

    /// Source and version with the id of the tree.
    pub(crate) fn stored(&self) -> BTreeMap<String, String> {
        let manifest = self.manifest();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let ids: BTreeMap<String, String> =
            manifest["trees"].as_array().unwrap().iter().map(|tree| (text(&tree["path"]), text(&tree["id"]))).collect();
        let sources = manifest["sources"].as_array().unwrap().iter();
        sources
            .map(|source| {
                let name = format!("{} {}", text(&source["source"]), text(&source["version"]));
                (name.trim().to_owned(), ids[&text(&source["tree"])].clone())
            })
            .collect()
    }

    /// The path of the tree that a source names.
    pub(crate) fn tree(&self, source: &str) -> Utf8PathBuf {
        let manifest = self.manifest();
        let found = manifest["sources"].as_array().unwrap().iter().find(|row| row["source"] == source);
        self.path("store").join(found.unwrap_or_else(|| panic!("{source}: {manifest}"))["tree"].as_str().unwrap())
    }
}

pub(crate) fn configuration(calls: &[(&str, &str, Option<&str>)]) -> String {
    let call = |(name, source, version): &(&str, &str, Option<&str>)| {
        let version = version.map(|version| format!("  version = \"{version}\"\n")).unwrap_or_default();
        format!("module \"{name}\" {{\n  source = \"{source}\"\n{version}}}\n")
    };
    calls.iter().map(call).collect()
}

#[expect(clippy::needless_pass_by_value, reason = "built where it is run")]
pub(crate) fn ended(command: Isolated) -> (i32, String) {
    let output = command.run();
    let text = [output.stdout.as_slice(), &output.stderr].concat();
    (output.status.code().unwrap_or(-1), String::from_utf8(text).unwrap())
}

/// Files and links below a directory, without `.git`: contents, or where a link leads.
pub(crate) fn files(directory: &Utf8Path) -> BTreeMap<String, (String, bool)> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![directory.to_owned()];
    while let Some(place) = waiting.pop() {
        for entry in place.read_dir_utf8().unwrap().map(Result::unwrap) {
            let path = entry.into_path();
            let name = path.strip_prefix(directory).unwrap().to_string();
            let metadata = path.symlink_metadata().unwrap();
            if metadata.is_symlink() {
                found.insert(name, (format!("-> {}", path.read_link_utf8().unwrap()), false));
            } else if path.file_name() == Some(".git") {
            } else if metadata.is_dir() {
                waiting.push(path);
            } else {
                let is_executable = metadata.permissions().mode() & 0o100 != 0;
                found.insert(name, (fs::read_to_string(&path).unwrap(), is_executable));
            }
        }
    }
    found
}

fn calls_of_any_depth_are_fetched_each_repository_once() {
    let case = Case::new();
    let deep = case.repository("deep");
    deep.write("main.tf", "").commit();
    let nested = case.repository("nested");
    nested
        .write("a/main.tf", &configuration(&[("b", "../b", None)]))
        .write("b/main.tf", &configuration(&[("deep", &deep.source(), None)]))
        .write("unused/main.tf", &configuration(&[("none", "git::file:///none", None)]))
        .commit();
    nested.tag("v1");
    let (a, whole) = (format!("{}//a?ref=v1", nested.source()), format!("{}?ref=v1", nested.source()));
    case.calls("one", &[("a", &a, None), ("again", &a, None)]).calls("two/stack", &[("whole", &whole, None)]);
    for name in ["one", "two"] {
        fs::create_dir(case.path("from").join(name).join(".git")).unwrap();
    }
    let text = case.built(&[]);
    assert!(text.contains("airtight: 2 module packages: 2 fetched\n"), "{text}");
    let manifest = case.manifest();
    let needed: BTreeMap<_, _> = manifest["sources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["source"].to_string(), row["needed_by"].to_string()))
        .collect();
    assert_eq!(needed[&format!("\"{whole}\"")], r#"["one","two"]"#);
    assert_eq!(needed[&format!("\"{}\"", deep.source())], r#"["one"]"#, "the call in `b` is one's alone");
    let tree = case.tree(&whole);
    assert!(tree.ends_with(format!("nested/{}", nested.head())), "{tree}");
    assert_eq!(files(&tree).len(), 3);
    assert_eq!(manifest["trees"][0]["time"], "2026-01-02T03:04:05Z");
    assert!(!tree.join(".git").exists() && !case.path("store/.airtight/scratch").exists());
}

fn references_of_every_form_mean_what_the_engine_s_clone_means(engine: &Engine) {
    let case = Case::new();
    let repository = case.repository("r");
    let mut commits = vec![repository.write("main.tf", "# 0").commit()];
    repository.tag("v1").git(&["branch", "feature/x/y"]);
    commits.push(repository.write("main.tf", "# 1").commit());
    repository.tag("rel/1.0").git(&["branch", "both"]);
    commits.push(repository.write("main.tf", "# 2").commit());
    repository.tag("both").git(&["checkout", "--quiet", "-b", "other"]);
    commits.push(repository.write("main.tf", "# 3").commit());
    repository.git(&["checkout", "--quiet", "main"]);
    let short = commits[1][..9].to_owned();
    let references = [
        "v1",
        "tags/v1",
        "refs/tags/v1",
        "rel/1.0",
        "feature/x/y",
        "origin/other",
        "other",
        "main",
        "HEAD",
        "both",
        &commits[1],
        &short,
        "v1~0",
        "rel/1.0~1",
        "HEAD~1",
    ];
    let sources: Vec<String> =
        references.iter().map(|reference| format!("{}?ref={reference}", repository.source())).collect();
    let mut all: Vec<String> = sources.clone();
    all.push(repository.source());
    all.push(format!("{}?depth=1", repository.source()));
    all.push(format!("{}?ref=v1&depth=1", repository.source()));
    all.push(format!("{}?depth=1&ref=other", repository.source()));
    let names: Vec<String> = (0..all.len()).map(|number| format!("m{number}")).collect();
    let calls: Vec<_> = names.iter().zip(&all).map(|(name, source)| (name.as_str(), source.as_str(), None)).collect();
    case.calls("stack", &calls);
    case.built(&[]);
    get(&case, engine, "from/stack");
    for (name, source) in names.iter().zip(&all) {
        let theirs = case.path("from/stack/.terraform/modules").join(name);
        assert_eq!(files(&case.tree(source)), files(&theirs), "{source}");
    }
}

/// The engine's own `get`.
fn got(case: &Case, engine: &Engine, directory: &str) -> Output {
    case.trusting(Isolated::new(&engine.path, &case.path(directory)))
        .arguments(["get", "-no-color"])
        .environment("CHECKPOINT_DISABLE", "1")
        .run()
}

pub(crate) fn get(case: &Case, engine: &Engine, directory: &str) {
    let output = got(case, engine, directory);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn the_trees_are_those_that_the_engine_s_own_get_fetches(engine: &Engine) {
    let case = Case::new();
    let registry = serve(&case);
    let repository = case.repository("r");
    repository.write("main.tf", "").write("sub/main.tf", &configuration(&[("up", "../other", None)]));
    repository.write("other/main.tf", "").write("run.sh", "#!/bin/sh\n");
    fs::set_permissions(repository.path.join("run.sh"), std::fs::Permissions::from_mode(0o755)).unwrap();
    std::os::unix::fs::symlink("../main.tf", repository.path.join("sub/link.tf.txt")).unwrap();
    repository.commit();
    let archive = archive(&case, "x-1");
    registry.file("/x.tar.gz", fs::read(&archive).unwrap());
    registry.file("/y", fs::read(&archive).unwrap());
    fs::write(case.path("local.tgz"), fs::read(&archive).unwrap()).unwrap();
    let sum = sha256sum(&archive);
    let sources = [
        format!("{}//sub", repository.source()),
        registry.url("/x.tar.gz"),
        format!("{}?archive=tgz&checksum=sha256:{sum}", registry.url("/y")),
        format!("file://{}", case.path("local.tgz")),
        registry.url("/x.tar.gz//x-1/modules/*"),
    ];
    let names = ["a", "b", "c", "d", "e"];
    let calls: Vec<_> = names.iter().zip(&sources).map(|(name, source)| (*name, source.as_str(), None)).collect();
    case.calls("stack", &calls);
    case.built(&[]);
    get(&case, engine, "from/stack");
    let packages =
        [repository.source(), sources[1].clone(), sources[2].clone(), sources[3].clone(), sources[1].clone()];
    for (name, package) in names.iter().zip(&packages) {
        let theirs = case.path("from/stack/.terraform/modules").join(name);
        assert_eq!(files(&case.tree(package)), files(&theirs), "{package}");
    }
    let requests = registry.requests();
    let ours = requests
        .iter()
        .filter(|request| request.path == "/x.tar.gz" && request.headers["user-agent"].starts_with("airtight"));
    assert_eq!(ours.count(), 1);
}

/// A registry whose authority the tests' commands trust.
pub(crate) fn serve(case: &Case) -> Registry {
    // A host without a dot is no registry of modules.
    let registry = Registry::named("127.0.0.1");
    fs::write(case.path("ca.pem"), &registry.authority).unwrap();
    registry
}

/// A tar.gz archive of a directory `name` with a module.
pub(crate) fn archive(case: &Case, name: &str) -> Utf8PathBuf {
    let place = case.path("archives").join(name);
    fs::create_dir_all(place.join("modules/one")).unwrap();
    fs::write(place.join("main.tf"), format!("# {name}\n")).unwrap();
    fs::write(place.join("modules/one/main.tf"), "").unwrap();
    let path = case.path(&format!("archives/{name}.tar.gz"));
    let status = Command::new("tar").args(["-czf", path.as_str(), name]).current_dir(case.path("archives")).status();
    assert!(status.unwrap().success());
    path
}

pub(crate) fn sha256sum(path: &Utf8Path) -> String {
    let output = Command::new("sha256sum").arg(path).output().unwrap();
    String::from_utf8(output.stdout).unwrap()[..64].to_owned()
}

fn a_registry_s_newest_allowed_version_is_selected_as_by_the_engine(engine: &Engine) {
    let case = Case::new();
    let registry = serve(&case);
    let versions = ["0.9.0", "1.0.0", "1.1.0", "v1.2.0", "1.10.0-beta1", "1.9", "2.0.0-rc1", "2.0.0+build", "nonsense"];
    let mut published = Vec::new();
    let archive = archive(&case, "x-1");
    for version in versions {
        registry.file(&format!("/{version}.tar.gz"), fs::read(&archive).unwrap());
        published.push((version, registry.url(&format!("/{version}.tar.gz//x-1"))));
    }
    // What is asked for is what the library prints.
    let mut printed: Vec<(&str, &str)> = published.iter().map(|(version, place)| (*version, place.as_str())).collect();
    printed.extend([("1.2.0", published[3].1.as_str()), ("1.9.0", published[5].1.as_str())]);
    registry.publish_module("acme/net/aws", &printed);
    let listed: Vec<_> = versions.iter().map(|version| serde_json::json!({"version": version})).collect();
    let answer = serde_json::json!({"modules": [{"versions": listed}]});
    registry.file("/v1/modules/acme/net/aws/versions", answer.to_string());
    let source = registry.address("acme/net/aws");
    let constraints = [
        None,
        Some("~> 1.0"),
        Some("1.0.0"),
        Some("< 1.1"),
        Some("~> 1.2.0"),
        Some("1.10.0-beta1"),
        Some("=2.0.0-rc1"),
        Some(">= 1.10.0-beta1"),
        Some(">= 2.0.0-rc1, < 3"),
        Some("> 1, != 2.0.0"),
        Some("1.9.0"),
    ];
    let names: Vec<String> = (0..constraints.len()).map(|number| format!("m{number}")).collect();
    let calls: Vec<_> =
        names.iter().zip(constraints).map(|(name, version)| (name.as_str(), source.as_str(), version)).collect();
    case.calls("stack", &calls);
    case.built(&[]);
    get(&case, engine, "from/stack");
    let record = fs::read_to_string(case.path("from/stack/.terraform/modules/modules.json")).unwrap();
    let record: Value = serde_json::from_str(&record).unwrap();
    let theirs: std::collections::BTreeSet<String> = record["Modules"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|row| Some(format!("{source} {}", row["Version"].as_str()?)))
        .collect();
    let ours: std::collections::BTreeSet<String> = case.stored().into_keys().collect();
    assert_eq!(ours, theirs);
    // A pre-release is only selected by its exact version, and `~>` with one allows no release.
    for constraint in ["~> 2.0.0-rc1", ">= 3"] {
        case.calls("refused", &[("m", &source, Some(constraint))]);
        let output = got(&case, engine, "from/refused");
        let theirs = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && theirs.contains("Unresolvable module version constraint"), "{theirs}");
        let (code, text) = case.build(&[]);
        assert!(code == 100 && text.contains(&format!("no version of it is allowed by `{constraint}`")), "{text}");
    }
}

fn a_registry_may_answer_in_each_way_that_the_protocol_has() {
    let case = Case::new();
    let registry = serve(&case);
    let archive = fs::read(archive(&case, "x-1")).unwrap();
    registry.file("/files/x.tar.gz", archive.clone());
    registry.file("/v1/modules/acme/direct/aws/1.0.0/package", archive);
    let repository = case.repository("r");
    repository.write("m/main.tf", "").commit();
    for name in ["header", "relative", "git", "direct", "page"] {
        registry.publish_module(&format!("acme/{name}/aws"), &[("1.0.0", "")]);
    }
    registry.serve_git(case.workspace.root());
    let (url, git_source) = (registry.url(""), format!("git::{}", registry.url("/git/r/.git")));
    registry.interfere(move |request, _| {
        let name =
            request.path.strip_prefix("/v1/modules/acme/").and_then(|rest| rest.strip_suffix("/aws/1.0.0/download"));
        let header = |status, value: String| Answer {
            status,
            headers: vec![("X-Terraform-Get".to_owned(), value)],
            ..Answer::default()
        };
        if request.path.starts_with("/page") {
            let page = format!("<html><meta name=\"terraform-get\" content=\"{url}/files/x.tar.gz//x-1\"></html>");
            return Some(Answer::ok(page));
        }
        Some(match name? {
            "header" => header(204, format!("{url}/files/x.tar.gz//*?archive=tar.gz")),
            "relative" => header(200, "/files/x.tar.gz//x-1".to_owned()),
            "git" => header(204, format!("{git_source}//m")),
            "direct" => Answer::ok(r#"{"location":"package","use_registry_credentials":true}"#),
            _ => header(204, format!("{url}/page")),
        })
    });
    let sources =
        ["header", "relative", "git", "direct", "page"].map(|name| registry.address(&format!("acme/{name}/aws")));
    let calls: Vec<_> =
        ["a", "b", "c", "d", "e"].iter().zip(&sources).map(|(name, source)| (*name, source.as_str(), None)).collect();
    case.calls("stack", &calls);
    let text = case.built(&[]);
    let manifest = case.manifest();
    let below: Vec<_> = sources
        .iter()
        .map(|source| {
            let row =
                manifest["sources"].as_array().unwrap().iter().find(|row| row["source"] == source.as_str()).unwrap();
            row["subdirectory"].as_str().unwrap().to_owned()
        })
        .collect();
    // A page's directory alone is the package.
    assert_eq!(below, ["x-1", "x-1", "m", "", ""], "{text}");
    assert_eq!(case.stored().len(), 5);
}

fn a_tag_that_moved_is_an_error_until_it_is_accepted_by_name() {
    let case = Case::new();
    let repository = case.repository("r");
    let first = repository.write("main.tf", "# 1").commit();
    repository.tag("v1");
    let source = format!("{}?ref=v1", repository.source());
    case.calls("stack", &[("m", &source, None)]);
    case.built(&[]);
    let second = repository.write("main.tf", "# 2").commit();
    repository.tag("v1");
    let (code, text) = case.build(&[]);
    assert_eq!(code, 100, "{text}");
    assert!(text.contains(&format!("has moved: the store has {first}, its origin now has {second}")), "{text}");
    assert_eq!(case.stored()[&source], first);
    // The fix that the message gives.
    let fix = text.split("accept it by name: ").nth(1).unwrap().split_once(' ').unwrap();
    assert_eq!(fix.0, "--accept-moved");
    let named = fix.1.split('\'').nth(1).unwrap();
    let text = case.built(&["--accept-moved", named]);
    assert!(text.contains(&format!("moved: {source} from {first}")), "{text}");
    assert_eq!(case.stored()[&source], second);
    assert!(text.contains("removed: git/localhost"), "{text}");
    assert!(!case.path("store").join(format!("git/localhost{}/{first}", repository.path)).exists());
    case.built(&[]);
}

fn a_branch_moves_and_a_reference_that_is_gone_keeps_what_was_stored() {
    let case = Case::new();
    let (repository, inner) = (case.repository("r"), case.repository("inner"));
    inner.write("main.tf", "").commit();
    repository.write("main.tf", &configuration(&[("inner", &inner.source(), None)])).commit();
    repository.git(&["branch", "stable"]);
    let source = format!("{}?ref=stable", repository.source());
    case.calls("stack", &[("m", &source, None)]);
    case.built(&[]);
    let second = repository.write("more.tf", "").commit();
    repository.git(&["branch", "--force", "stable", "HEAD"]);
    let text = case.built(&[]);
    assert!(text.contains("moved: ") && case.stored()[&source] == second, "{text}");
    repository.git(&["branch", "--delete", "--force", "stable"]);
    let (code, text) = case.build(&[]);
    assert_eq!(code, 100, "{text}");
    assert!(text.contains("nothing called `stable`") && text.contains("for from"), "{text}");
    assert_eq!(case.stored()[&source], second);
    let manifest = case.manifest();
    for source in manifest["sources"].as_array().unwrap() {
        assert_eq!(source["needed_by"].to_string(), r#"["from"]"#, "also what the branch calls");
    }
}

fn two_builds_make_the_same_bytes_and_the_second_fetches_nothing() {
    let case = Case::new();
    let registry = serve(&case);
    registry.file("/x.tar.gz", fs::read(archive(&case, "x-1")).unwrap());
    let repository = case.repository("r");
    repository.write("main.tf", "").write("a.sh", "").commit();
    fs::set_permissions(repository.path.join("a.sh"), std::fs::Permissions::from_mode(0o755)).unwrap();
    repository.commit();
    case.calls("stack", &[("a", &repository.source(), None), ("b", &registry.url("/x.tar.gz"), None)]);
    case.built(&[]);
    let manifest = || fs::read(case.path("store/.airtight/modules.json")).unwrap();
    let first = manifest();
    let text = case.built(&[]);
    assert!(text.contains("2 module packages: 2 kept"), "{text}");
    assert_eq!(manifest(), first);
    fs::remove_dir_all(case.path("store")).unwrap();
    let masked = case.command(&["build", "--from", "from", "--engine", "terraform", "store"]);
    let shell = Isolated { program: "/bin/sh".into(), arguments: Vec::new(), ..masked.clone() }
        .arguments(["-c", "umask 077; exec \"$0\" \"$@\"", masked.program.as_str()])
        .arguments(masked.arguments.iter().map(String::as_str));
    let (code, text) = ended(shell);
    assert_eq!(code, 0, "{text}");
    assert_eq!(manifest(), first);
    let mode = |path: &str| case.tree(&repository.source()).join(path).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(""), mode("main.tf"), mode("a.sh")), (0o755, 0o644, 0o755));
    let (code, text) = ended(case.command(&["verify", "--any-owner", "--modules", "store"]));
    assert_eq!(code, 0, "{text}");
}

fn what_one_build_added_stays_for_the_others() {
    let case = Case::new();
    let repository = case.repository("r");
    repository.write("main.tf", "").commit();
    repository.tag("v1").tag("v2");
    let source = |reference: &str| format!("{}?ref={reference}", repository.source());
    case.calls("one", &[("a", &source("v1"), None)]).calls("two", &[("a", &source("v2"), None)]);
    for name in ["one", "two"] {
        let from = format!("from/{name}");
        let (code, text) = ended(case.command(&["build", "--from", &from, "store"]));
        assert_eq!(code, 0, "{text}");
    }
    let needed = |case: &Case| -> Vec<String> {
        let manifest = case.manifest();
        manifest["sources"].as_array().unwrap().iter().map(|row| row["needed_by"].to_string()).collect()
    };
    assert_eq!(needed(&case), [r#"["one"]"#, r#"["two"]"#]);
    // What its repository no longer calls stays until prune.
    case.calls("one", &[("a", &source("v2"), None)]);
    let (code, text) = ended(case.command(&["build", "--from", "from/one", "store"]));
    assert_eq!(code, 0, "{text}");
    assert_eq!(needed(&case), ["[]", r#"["one","two"]"#]);
}

fn a_dry_run_changes_nothing_and_says_what_would_come() {
    let case = Case::new();
    let repository = case.repository("r");
    repository.write("main.tf", "").commit();
    case.calls("stack", &[("a", &repository.source(), None)]);
    let text = case.built(&["--dry-run"]);
    let expected = format!(
        "would fetch: {} (git/localhost{}/{}), for from",
        repository.source(),
        repository.path,
        repository.head()
    );
    assert!(text.contains(&expected) && text.contains("these call are not known yet"), "{text}");
    assert!(!case.path("store").exists());
    case.built(&[]);
    let text = case.built(&["--dry-run"]);
    assert!(text.contains("1 kept"), "{text}");
}

fn one_repository_by_two_addresses_at_once_is_stored_once() {
    let case = Case::new();
    let registry = serve(&case);
    registry.serve_git(case.workspace.root());
    let repository = case.repository("r");
    for number in 0..50 {
        repository.write(&format!("f{number}.tf"), "");
    }
    repository.commit();
    // Neither is sent anything before both have asked for it.
    let both = std::sync::Barrier::new(2);
    registry.interfere(move |request, _| {
        if String::from_utf8_lossy(&request.body).contains("command=fetch") {
            both.wait();
        }
        None
    });
    let base = format!("git::{}", registry.url("/git/r/.git"));
    let (one, other) = (base.clone(), format!("{base}/"));
    case.calls("stack", &[("a", &one, None), ("b", &other, None)]);
    let text = case.built(&[]);
    assert!(text.contains("2 module packages: 2 fetched"), "{text}");
    assert_eq!(case.tree(&one), case.tree(&other), "{text}");
    assert_eq!(ended(case.command(&["verify", "--any-owner", "--modules", "store"])).0, 0);
}

fn a_killed_build_goes_on_with_what_was_there() {
    let case = Case::new();
    let registry = serve(&case);
    registry.file("/x.tar.gz", fs::read(archive(&case, "x-1")).unwrap());
    registry.interfere(|request, _| {
        let slow = Answer { is_endless: true, delay: std::time::Duration::from_millis(50), ..Answer::ok("x") };
        (request.path == "/x.tar.gz").then_some(slow)
    });
    let repository = case.repository("r");
    repository.write("main.tf", "").commit();
    case.calls("stack", &[("a", &repository.source(), None), ("b", &registry.url("/x.tar.gz"), None)]);
    let mut child = Command::new(airtight())
        .args(["modules", "build", "--from", "from", "--engine", "terraform", "store"])
        .current_dir(case.workspace.root())
        .env("SSL_CERT_FILE", case.path("ca.pem"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let manifest = case.path("store/.airtight/modules.json");
    while !manifest.exists() {
        assert_eq!(child.try_wait().unwrap(), None);
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let (code, text) = ended(case.command(&["verify", "--any-owner", "--modules", "store"]));
    assert!(code == 100 && text.contains("a build was stopped and left `.airtight/scratch`; build again"), "{text}");
    registry.interfere(|_, _| None);
    let text = case.built(&[]);
    assert!(text.contains("1 fetched, 1 kept"), "{text}");
    assert!(!case.path("store/.airtight/scratch").exists());
}

fn submodules_come_along_and_pointers_of_lfs_are_named() {
    let case = Case::new();
    fs::write(case.path("home/.gitconfig"), "[protocol \"file\"]\n\tallow = always\n").unwrap();
    let (inner, outer) = (case.repository("inner"), case.repository("outer"));
    inner.write("inner.tf", "").commit();
    outer.write("main.tf", "").write("big.bin", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n");
    outer.git(&["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", "../inner", "sub/inner"]);
    outer.commit();
    case.calls("stack", &[("a", &outer.source(), None)]);
    let text = case.built(&[]);
    let tree = case.tree(&outer.source());
    assert!(tree.join("sub/inner/inner.tf").is_file(), "{text}");
    assert!(!tree.join("sub/inner/.git").exists());
    assert!(text.contains("  big.bin: Git LFS would fetch the file itself"), "{text}");
}

fn a_token_goes_to_its_registry_and_into_no_text() {
    let case = Case::new();
    let registry = serve(&case);
    registry.file("/x.tar.gz", fs::read(archive(&case, "x-1")).unwrap());
    registry.publish_module("acme/net/aws", &[("1.0.0", &registry.url("/x.tar.gz//x-1"))]);
    let repository = case.repository("r");
    repository.write("main.tf", "").commit();
    case.calls(
        "stack",
        &[
            ("a", &registry.address("acme/net/aws"), Some("1.0.0")),
            ("b", "git::https://user:s3cret@localhost:1/x.git?ref=v1", None),
        ],
    );
    let command =
        case.command(&["build", "--from", "from", "--engine", "terraform", "--timeout", "5", "--tries", "1", "store"]);
    let credentials = format!("credentials \"{}\" {{\n  token = \"t0ken\"\n}}\n", registry.host());
    fs::write(case.path("cli.tfrc"), credentials).unwrap();
    let (code, text) = ended(command.environment("TF_CLI_CONFIG_FILE", case.path("cli.tfrc").as_str()));
    assert_eq!(code, 100, "{text}");
    let requests = registry.requests();
    let has_token = |path: &str| {
        let request = requests.iter().find(|request| request.path.starts_with(path)).unwrap();
        request.headers.get("authorization").is_some_and(|value| value == "Bearer t0ken")
    };
    assert_eq!([has_token("/v1/modules/acme/net/aws/1.0.0"), has_token("/x.tar.gz")], [true, false]);
    assert!(text.contains("git::https://localhost:1/x.git?ref=v1"), "{text}");
    let manifest = fs::read_to_string(case.path("store/.airtight/modules.json")).unwrap();
    assert!(!text.contains("s3cret") && !text.contains("t0ken") && !manifest.contains("s3cret"), "{text}");
}

fn a_repository_behind_tls_is_fetched_with_the_system_s_git() {
    let case = Case::new();
    let registry = serve(&case);
    let repository = case.repository("served/r.git");
    repository.write("main.tf", "").commit();
    repository.tag("v1");
    // The dumb protocol: files alone. No server of it knows single commits, so the whole is fetched.
    repository.git(&["update-server-info"]);
    let mut waiting = vec![repository.path.join(".git")];
    while let Some(place) = waiting.pop() {
        for entry in place.read_dir_utf8().unwrap().map(|entry| entry.unwrap().into_path()) {
            if entry.is_dir() {
                waiting.push(entry);
            } else {
                let below = entry.strip_prefix(repository.path.join(".git")).unwrap();
                registry.file(&format!("/r.git/{below}"), fs::read(&entry).unwrap());
            }
        }
    }
    let references = fs::read(repository.path.join(".git/info/refs")).unwrap();
    // git asks with a query, which the dumb protocol passes over.
    registry.interfere(move |request, _| request.path.contains("/info/refs?").then(|| Answer::ok(references.clone())));
    let source = format!("git::{}?ref=v1", registry.url("/r.git"));
    case.calls("stack", &[("a", &source, None)]);
    let text = case.built(&[]);
    assert_eq!(case.stored()[&source], repository.head(), "{text}");
}

fn what_cannot_be_fetched_is_named_with_who_needs_it() {
    let case = Case::new();
    let registry = serve(&case);
    registry.publish_module("acme/net/aws", &[("1.0.0", "https://x/y.zip")]);
    let (net, none) = (registry.address("acme/net/aws"), registry.address("acme/none/aws"));
    let missing = format!("git::file://{}", case.path("nowhere"));
    case.calls(
        "stack",
        &[
            ("newer", &net, Some(">= 2")),
            ("none", &none, None),
            ("s3", "s3::https://s3.amazonaws.com/b/x.zip", None),
            ("plain", "http://h.example/x.zip", None),
            ("gone", &missing, None),
        ],
    );
    fs::write(case.path("from/stack/more.tf"), "module \"v\" {\n  source = var.source\n}\n").unwrap();
    let (code, text) = case.build(&[]);
    assert_eq!(code, 100, "{text}");
    for expected in [
        "no version of it is allowed by `>= 2`; the newest is 1.0.0".to_owned(),
        "has no module acme/none/aws, for from".to_string(),
        "`modules build` does not fetch `s3` addresses".to_owned(),
        "only https is used, not http".to_owned(),
        "git says: ".to_owned(),
        "more.tf:2: only the engine can evaluate the source of module `v`".to_owned(),
        "5 module packages: 5 failed".to_owned(),
    ] {
        assert!(text.contains(&expected), "{expected}: {text}");
    }
}

fn a_list_of_modules_is_built_as_calls_are() {
    let case = Case::new();
    let repository = case.repository("r");
    repository.write("main.tf", "").commit();
    let source = format!("{}//sub", repository.source());
    let list = serde_json::json!({"schema": "airtight/manifest/1", "modules": [
        {"source": source, "needed_by": ["stack"]}, {"source": "x/y"},
    ]});
    fs::write(case.path("list.json"), list.to_string()).unwrap();
    repository.write("sub/main.tf", "").commit();
    let (code, text) = ended(case.command(&["build", "--manifest", "list.json", "store"]));
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("the source `x/y`"), "{text}");
    assert_eq!(case.stored(), BTreeMap::from([(repository.source(), repository.head())]));
    assert_eq!(case.manifest()["sources"][0]["needed_by"].to_string(), r#"["stack"]"#);
}
