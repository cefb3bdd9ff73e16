//! Real engines and providers: from `PATH`, else built from `tests/engines`.

use std::process::{Command, Stdio};
use std::sync::LazyLock;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;

use super::isolation::Isolated;
use super::runner::ignored;

/// A real engine.
#[derive(Clone, Debug)]
pub(crate) struct Engine {
    /// `tofu` or `terraform`.
    pub name: &'static str,
    pub path: Utf8PathBuf,
    pub version: String,
}

impl Engine {
    /// The host that an address without one means.
    pub(crate) fn default_host(&self) -> &'static str {
        default_host(self.name)
    }
}

pub(crate) fn default_host(engine: &str) -> &'static str {
    if engine == "tofu" { "registry.opentofu.org" } else { "registry.terraform.io" }
}

/// A real provider's executable.
#[derive(Clone, Debug)]
pub(crate) struct Provider {
    /// Its type, in the namespace `hashicorp`.
    pub name: String,
    pub version: String,
    pub executable: Utf8PathBuf,
}

/// The engines that are here; `tofu` first.
pub(crate) fn engines() -> &'static [Engine] {
    static ENGINES: LazyLock<Vec<Engine>> = LazyLock::new(|| {
        let tofu = find_on_path("tofu").or_else(|| Some(build("tofu")?.join("tofu")));
        let found = [("tofu", tofu), ("terraform", find_on_path("terraform"))];
        found.into_iter().filter_map(|(name, path)| ask(name, path?)).collect()
    });
    &ENGINES
}

/// Their names.
pub(crate) const ENGINES: [&str; 2] = ["tofu", "terraform"];

/// An engine for a test that cannot do without; none says that the test is ignored.
pub(crate) fn engine(name: &str) -> Option<&'static Engine> {
    let engine = engines().iter().find(|engine| engine.name == name);
    if engine.is_none() {
        ignored(&format!("no {name} is here"));
    }
    engine
}

/// Other versions, for the deep comparison: `NAME-VERSION` in the directory that `AIRTIGHT_OTHER_ENGINES` names, which
/// `tests/engines/other-versions` fills.
pub(crate) fn other_versions() -> &'static [Engine] {
    static OTHERS: LazyLock<Vec<Engine>> = LazyLock::new(|| {
        let Ok(directory) = std::env::var("AIRTIGHT_OTHER_ENGINES") else { return Vec::new() };
        let entries = Utf8Path::new(&directory).read_dir_utf8().unwrap().map(|entry| entry.unwrap().into_path());
        let mut paths: Vec<_> = entries.filter(|path| path.is_file() && path.extension() != Some("so")).collect();
        paths.sort();
        let named = |path: Utf8PathBuf| {
            let name = path.file_name()?.split_once('-')?.0;
            let name = ENGINES.into_iter().find(|engine| *engine == name)?;
            Some(ask(name, path.clone()).unwrap_or_else(|| panic!("{path} does not say its version")))
        };
        paths.into_iter().filter_map(named).collect()
    });
    &OTHERS
}

/// Any engine, for a test that needs one.
pub(crate) fn any_engine() -> Option<&'static Engine> {
    let engine = engines().first();
    if engine.is_none() {
        ignored("no engine is here");
    }
    engine
}

/// The real providers, where they can be built.
pub(crate) fn providers() -> &'static [Provider] {
    static PROVIDERS: LazyLock<Vec<Provider>> = LazyLock::new(|| {
        let Some(directory) = build("providers") else { return Vec::new() };
        let mut paths: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        let providers = paths.into_iter().filter_map(|path| {
            let executable = Utf8PathBuf::try_from(path).unwrap();
            let (name, version) = executable.file_name()?.strip_prefix("terraform-provider-")?.split_once("_v")?;
            Some(Provider { name: name.to_owned(), version: version.to_owned(), executable: executable.clone() })
        });
        providers.collect()
    });
    &PROVIDERS
}

/// The provider of `tests/engines/asking`, which greets an address by TLS when it plans; where it can be built.
pub(crate) fn asking_provider() -> Option<&'static Provider> {
    static PROVIDER: LazyLock<Option<Provider>> = LazyLock::new(|| {
        find_on_path("go")?;
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/engines");
        let version = "1.0.0";
        let directory = target_directory().join("engines/asking");
        fs::create_dir_all(&directory).unwrap();
        let executable = directory.join(format!("terraform-provider-asking_v{version}"));
        let changed = |path: &Utf8Path| fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
        let main = Utf8Path::new(source).join("asking/main.go");
        let built =
            Some(Provider { name: "asking".to_owned(), version: version.to_owned(), executable: executable.clone() });
        if changed(&executable) > changed(&main) {
            return built;
        }
        // Two at once make the same file, each its own first.
        let partial = directory.join(format!(".{}", std::process::id()));
        let mut build = Command::new("go");
        build.current_dir(source).args(["build", "-trimpath", "-ldflags", "-s -w", "-o", partial.as_str(), "./asking"]);
        build.envs([("CGO_ENABLED", "0"), ("GOFLAGS", "-mod=readonly"), ("GOTOOLCHAIN", "local")]);
        if !build.status().unwrap().success() {
            return None;
        }
        fs::rename(&partial, &executable).unwrap();
        built
    });
    PROVIDER.as_ref()
}

fn find_on_path(program: &str) -> Option<Utf8PathBuf> {
    let path = std::env::var("PATH").ok()?;
    path.split(':').map(|directory| Utf8Path::new(directory).join(program)).find(|path| path.is_file())
}

/// Cargo's, which it tags; newer ones also tag a named target's own directory below it.
pub(crate) fn target_directory() -> &'static Utf8Path {
    let temporary = Utf8Path::new(env!("CARGO_TARGET_TMPDIR"));
    temporary.ancestors().filter(|path| path.join("CACHEDIR.TAG").is_file()).last().unwrap_or(temporary)
}

/// Its directory. What the script prints on stderr, such as that it takes a while, is seen at once.
fn build(what: &str) -> Option<Utf8PathBuf> {
    find_on_path("go")?;
    let target = target_directory();
    let output = Command::new("sh")
        .args([concat!(env!("CARGO_MANIFEST_DIR"), "/tests/engines/build"), what])
        .env("CARGO_TARGET_DIR", target)
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    let directory = String::from_utf8(output.stdout).unwrap();
    output.status.success().then(|| Utf8PathBuf::from(directory.trim_end()))
}

fn ask(name: &'static str, path: Utf8PathBuf) -> Option<Engine> {
    let output = Isolated { offline: false, ..Isolated::new(&path, Utf8Path::new("/")) }
        .arguments(["version", "-json"])
        .environment("CHECKPOINT_DISABLE", "1")
        .environment("HOME", "/nonexistent")
        .run();
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).ok()?;
    let version = answer["terraform_version"].as_str()?.to_owned();
    Some(Engine { name, path, version })
}
