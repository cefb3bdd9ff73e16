//! Executables that an engine looks for and starts by itself, besides providers: no configuration, lock file or mirror
//! names them. A repository can commit them, and code that an earlier phase ran can leave them behind.
//!
//! | what | where the engines look | when it starts | who can fill the place |
//! | --- | --- | --- | --- |
//! | `terraform-provisioner-NAME` | the root module; next to the engine's executable; `terraform.d/plugins/OS_ARCH` below the root module; `plugins/OS_ARCH` in the data directory; `~/.terraform.d/plugins` and its `OS_ARCH` (OpenTofu also `$XDG_DATA_HOME/opentofu/plugins`); or, if the data directory's `plugin_path` lists directories, these alone | `validate`, `plan`, `apply`, `destroy`, `providers schema`, once for each provisioner that the configuration uses; it replaces a built-in one of the same name (`local-exec`) | repository, run-time code |
//! | `terraform-credentials-NAME` | `~/.terraform.d/plugins` and the others in the home directory | whenever a host's credentials are asked for, `init` first of all, if the CLI configuration has `credentials_helper "NAME"` | run-time code |
//! | providers of `TF_REATTACH_PROVIDERS`, `dev_overrides`, `-plugin-dir`, the implied mirrors | named by variables or files | judged elsewhere | administrator |
//! | `tfpolicy-plugin` | `PATH` | Terraform 1.16 and later, with `-policies` | whoever can write a directory of `PATH` |
//! | the plugins of `terraform cloud` and `terraform stacks` | the data directory, with a signature checked; any path in `TF_CLOUD_PLUGIN_DEV_OVERRIDE`, `TF_STACKS_PLUGIN_DEV_OVERRIDE` | only these commands, which no phase uses | administrator |
//! | `docker-credential-NAME` | `PATH` | OpenTofu 1.10 and later, when an `oci_mirror` or a module in an OCI registry is asked for, and the CLI configuration or `~/.docker/config.json` names it | whoever can write a directory of `PATH` |
//! | `git`, `hg`, `ssh` and their own configuration | `PATH` | `init`, for modules | whoever can write a directory of `PATH` |
//! | commands that a configuration names: `local-exec`, the `external` data source, OpenTofu's `key_provider "external"`, `exec` of a kubeconfig, `credential_process` of AWS, `az` for `azurerm` | as written there | key providers and backends at `init`, the others later | repository |
//!
//! Tried with Terraform 1.11.4 and OpenTofu 1.12.6. The names are case-sensitive. Any suffix belongs to the name (`part.md` is a
//! provisioner that a configuration can use), except `.exe` and a version (`_v1.2.3`). Directories are passed over, links are followed,
//! nothing below a directory is looked at. Without permission to execute, nothing starts.
//!
//! Source: OpenTofu and Terraform `internal/command/plugins.go` `pluginDirs`, `internal/plugin/discovery/find.go`,
//! `internal/command/workdir/plugin_dirs.go`, `plugins.go` `globalPluginDirs`, `commands.go` `credentialsSource`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use camino::{Utf8Path, Utf8PathBuf};

use super::protection;
use super::text_file::{self, TextFileError};
use crate::Platform;

/// The engines' own file in the data directory: `init -plugin-dir` writes it.
pub const PLUGIN_PATH: &str = "plugin_path";
const LIMIT_BYTES: u64 = 1024 * 1024;

/// Where an engine of one run looks.
#[derive(Clone, Copy, Debug)]
pub struct Places<'a> {
    /// The directory that the engine works in, which is that of `-chdir`.
    pub root_module: &'a Utf8Path,
    /// `.terraform`, or what `TF_DATA_DIR` names.
    pub data_dir: &'a Utf8Path,
    /// The engine's executable.
    pub engine: Option<&'a Utf8Path>,
    pub home: Option<&'a Utf8Path>,
    pub xdg_data_home: Option<&'a Utf8Path>,
    pub platform: &'a Platform,
}

/// An executable that the engine may start.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Plugin {
    pub kind: PluginKind,
    pub path: Utf8PathBuf,
    pub directory: PluginDirectory,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PluginKind {
    Provisioner,
    CredentialsHelper,
}

impl PluginKind {
    const fn prefix(self) -> &'static str {
        match self {
            Self::Provisioner => "terraform-provisioner-",
            Self::CredentialsHelper => "terraform-credentials-",
        }
    }
}

/// Why the engine looks there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PluginDirectory {
    RootModule,
    BesideEngine,
    /// `terraform.d/plugins/OS_ARCH`.
    Vendor,
    DataDirectory,
    Home,
    /// Listed in the data directory's `plugin_path`.
    PluginPath,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlantedPlugins {
    /// Executables that the run's user could have put there, in the engines' order.
    pub plugins: Vec<Plugin>,
    /// A `plugin_path` that airtight cannot read, but the engine may be able to.
    pub unread_plugin_path: Option<(Utf8PathBuf, String)>,
}

/// Looks at each place. What only root can change is the image's own and is left out.
pub fn find(places: &Places<'_>) -> PlantedPlugins {
    let mut found = PlantedPlugins::default();
    let default = directories(places);
    let listed = match plugin_path(places) {
        Ok(listed) => listed,
        Err(reason) => {
            found.unread_plugin_path = Some((places.data_dir.join(PLUGIN_PATH), reason));
            Vec::new()
        }
    };
    let listed = listed.into_iter().map(|path| (PluginDirectory::PluginPath, path));
    // The default places too, although a list replaces them: a run may remove the list.
    for (directory, path) in default.into_iter().chain(listed) {
        let kinds: &[PluginKind] = match directory {
            PluginDirectory::Home => &[PluginKind::Provisioner, PluginKind::CredentialsHelper],
            _ => &[PluginKind::Provisioner],
        };
        let known: Vec<Utf8PathBuf> = found.plugins.iter().map(|plugin| plugin.path.clone()).collect();
        let executables = executables(&path, kinds).into_iter().filter(|(_, path)| !known.contains(path));
        found.plugins.extend(executables.map(|(kind, path)| Plugin { kind, path, directory }));
    }
    found
}

fn directories(places: &Places<'_>) -> Vec<(PluginDirectory, Utf8PathBuf)> {
    let platform = places.platform.to_string();
    let mut directories = vec![(PluginDirectory::RootModule, places.root_module.to_owned())];
    // The engine finds itself by `/proc/self/exe`, where no link is left.
    let engine = places.engine.and_then(|engine| engine.canonicalize_utf8().ok());
    directories.extend(engine.and_then(|engine| Some((PluginDirectory::BesideEngine, engine.parent()?.to_owned()))));
    directories.push((PluginDirectory::Vendor, places.root_module.join("terraform.d/plugins").join(&platform)));
    directories.push((PluginDirectory::DataDirectory, places.data_dir.join("plugins").join(&platform)));
    let xdg = places.xdg_data_home.map(Utf8Path::to_owned);
    let data_home = xdg.or_else(|| places.home.map(|home| home.join(".local/share")));
    let homes = [places.home.map(|home| home.join(".terraform.d")), data_home.map(|data| data.join("opentofu"))];
    for home in homes.into_iter().flatten() {
        let plugins = home.join("plugins");
        let of_platform = plugins.join(&platform);
        directories.extend([(PluginDirectory::Home, plugins), (PluginDirectory::Home, of_platform)]);
    }
    directories
}

/// The directories that `plugin_path` lists; none without such a file.
fn plugin_path(places: &Places<'_>) -> Result<Vec<Utf8PathBuf>, String> {
    let bytes = match text_file::read_bytes(&places.data_dir.join(PLUGIN_PATH), LIMIT_BYTES) {
        Ok(bytes) => bytes,
        Err(TextFileError::Missing) => return Ok(Vec::new()),
        Err(error) => return Err(error.to_string()),
    };
    // Go's decoder reads more than ours does: what is not understood is reported, never passed over.
    let listed: Option<Vec<String>> = serde_json::from_slice(&bytes).map_err(|error| crate::json_error(&error))?;
    Ok(listed.unwrap_or_default().into_iter().map(|path| places.root_module.join(path)).collect())
}

/// The plugins of one directory, sorted by name, without the image's own.
fn executables(directory: &Utf8Path, kinds: &[PluginKind]) -> Vec<(PluginKind, Utf8PathBuf)> {
    let mut found = Vec::new();
    // Not by `camino`: a name may be no text, and the engine starts it nonetheless.
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let kind = kinds.iter().find(|kind| name.as_encoded_bytes().starts_with(kind.prefix().as_bytes()));
        let Some(kind) = kind else { continue };
        let path = directory.join(name.to_string_lossy().as_ref());
        if is_executable(&entry.path()) && !is_of_image(&entry.path()) {
            found.push((*kind, path));
        }
    }
    found.sort();
    found
}

fn is_executable(path: &std::path::Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

/// Whether only root can change the entry and what it leads to.
fn is_of_image(path: &std::path::Path) -> bool {
    let Some(path) = Utf8Path::from_path(path) else { return false };
    let real = path.canonicalize_utf8();
    let entry = path.parent().and_then(|parent| Some(parent.canonicalize_utf8().ok()?.join(path.file_name()?)));
    [real.ok(), entry].iter().all(|path| path.as_ref().is_some_and(|path| protection::check(path).is_ok()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    struct Scratch {
        _guard: tempfile::TempDir,
        path: Utf8PathBuf,
    }

    impl Scratch {
        fn new() -> Self {
            let guard = tempfile::tempdir().unwrap();
            let path = Utf8PathBuf::from_path_buf(guard.path().to_owned()).unwrap().canonicalize_utf8().unwrap();
            fs::create_dir_all(path.join("source/.terraform")).unwrap();
            Self { _guard: guard, path }
        }

        fn executable(&self, path: &str) -> Utf8PathBuf {
            let path = self.path.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "#!/bin/sh\n").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
            path
        }

        fn find(&self, data_dir: &str) -> PlantedPlugins {
            let source = self.path.join("source");
            find(&Places {
                root_module: &source,
                data_dir: &source.join(data_dir),
                engine: Some(&self.path.join("bin/tofu")),
                home: Some(&self.path.join("home")),
                xdg_data_home: None,
                platform: &"linux_amd64".parse().unwrap(),
            })
        }

        fn found(&self, data_dir: &str) -> Vec<(PluginDirectory, String)> {
            let found = self.find(data_dir);
            assert_eq!(found.unread_plugin_path, None);
            let shown = |plugin: Plugin| (plugin.directory, plugin.path.strip_prefix(&self.path).unwrap().to_string());
            found.plugins.into_iter().map(shown).collect()
        }
    }

    #[test]
    fn each_place_of_the_engines_is_looked_at() {
        use PluginDirectory::{BesideEngine, DataDirectory, Home, RootModule, Vendor};
        for (path, directory) in [
            ("source/terraform-provisioner-part", RootModule),
            ("source/terraform.d/plugins/linux_amd64/terraform-provisioner-part", Vendor),
            ("source/.terraform/plugins/linux_amd64/terraform-provisioner-local-exec", DataDirectory),
            ("home/.terraform.d/plugins/terraform-provisioner-part", Home),
            ("home/.terraform.d/plugins/linux_amd64/terraform-credentials-x", Home),
            ("home/.local/share/opentofu/plugins/terraform-provisioner-part", Home),
            ("bin/terraform-provisioner-part", BesideEngine),
        ] {
            let scratch = Scratch::new();
            scratch.executable("bin/tofu");
            scratch.executable(path);
            assert_eq!(scratch.found(".terraform"), [(directory, path.to_owned())]);
        }
    }

    #[test]
    fn names_are_those_that_an_engine_starts() {
        for name in ["part", "part_v1.0.0", "part_v1.0.0_x5", "part.exe", "part.md", "a b", "PART"] {
            let scratch = Scratch::new();
            let path = format!("source/terraform-provisioner-{name}");
            scratch.executable(&path);
            assert_eq!(scratch.found(".terraform"), [(PluginDirectory::RootModule, path)]);
        }
    }

    #[test]
    fn what_no_engine_starts_is_no_finding() {
        let scratch = Scratch::new();
        for path in [
            "source/Terraform-Provisioner-part",
            "source/terraform-provider-part",
            "source/terraform-credentials-part",
            "source/terraform-provisioner-part/terraform-provisioner-part",
            "source/modules/a/terraform-provisioner-part",
            "source/terraform.d/plugins/terraform-provisioner-part",
            "source/terraform.d/plugins/darwin_arm64/terraform-provisioner-part",
            "source/.terraform/plugins/terraform-provisioner-part",
            "home/.terraform.d/plugins/a/terraform-provisioner-part",
        ] {
            scratch.executable(path);
        }
        fs::write(scratch.path.join("source/terraform-provisioner-notes.md"), "# Notes\n").unwrap();
        symlink("nowhere", scratch.path.join("source/terraform-provisioner-link")).unwrap();
        assert_eq!(scratch.found(".terraform"), []);
    }

    #[test]
    fn links_are_followed() {
        let scratch = Scratch::new();
        scratch.executable("source/tools/any");
        symlink("tools/any", scratch.path.join("source/terraform-provisioner-part")).unwrap();
        assert_eq!(
            scratch.found(".terraform"),
            [(PluginDirectory::RootModule, "source/terraform-provisioner-part".to_owned())]
        );
    }

    #[test]
    fn the_data_directory_may_be_another_one() {
        let scratch = Scratch::new();
        scratch.executable("source/.terraform/plugins/linux_amd64/terraform-provisioner-part");
        scratch.executable("source/data/plugins/linux_amd64/terraform-provisioner-other");
        let other = "source/data/plugins/linux_amd64/terraform-provisioner-other".to_owned();
        assert_eq!(scratch.found("data"), [(PluginDirectory::DataDirectory, other)]);
    }

    #[test]
    fn directories_of_plugin_path_are_looked_at() {
        let scratch = Scratch::new();
        let list = scratch.path.join("source/.terraform/plugin_path");
        scratch.executable("source/any/where/terraform-provisioner-local-exec");
        scratch.executable("elsewhere/terraform-provisioner-part");
        fs::write(&list, format!("[\"any/where\", \"{}/elsewhere\", \"none\"]", scratch.path)).unwrap();
        assert_eq!(
            scratch.found(".terraform"),
            [
                (PluginDirectory::PluginPath, "source/any/where/terraform-provisioner-local-exec".to_owned()),
                (PluginDirectory::PluginPath, "elsewhere/terraform-provisioner-part".to_owned()),
            ]
        );
        // What `init -plugin-dir` leaves behind, and a list of nothing.
        for text in ["[\"/providers\"]", "[]", "null"] {
            fs::write(&list, text).unwrap();
            assert_eq!(scratch.found(".terraform"), []);
        }
    }

    #[test]
    fn a_plugin_path_that_only_the_engine_can_read_is_reported() {
        let scratch = Scratch::new();
        // Go's decoder makes U+FFFD of both, and an engine looks into the directory of that name.
        for text in [&b"[\"a\\ud800\"]"[..], b"[\"a\xff\"]", b"{"] {
            fs::write(scratch.path.join("source/.terraform/plugin_path"), text).unwrap();
            let (path, reason) = scratch.find(".terraform").unread_plugin_path.unwrap();
            assert!(path.ends_with(".terraform/plugin_path") && reason.contains("line 1"), "{reason}");
        }
    }
}
