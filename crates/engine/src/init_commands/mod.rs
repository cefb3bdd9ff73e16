//! Commands of the repository that an engine's `init` itself starts, before it installs any provider.
//!
//! | what | started by | engines |
//! | --- | --- | --- |
//! | `encryption { key_provider "external" { command = [...] } }`, also in `TF_ENCRYPTION` | reading or writing an encrypted state | OpenTofu 1.10 and later |
//! | `backend "kubernetes"`: an `exec` block, or `exec` in the kubeconfig that `config_path`, `config_paths`, `KUBE_CONFIG_PATH` or `KUBE_CONFIG_PATHS` name, or in `~/.kube/config` | opening the backend | both |
//! | `backend "s3"`, `key_provider "aws_kms"`: `credential_process` in a file that `shared_config_files`, `shared_credentials_files`, `AWS_CONFIG_FILE` or `AWS_SHARED_CREDENTIALS_FILE` name, or in `~/.aws` | opening the backend, asking for the key | both, OpenTofu |
//!
//! It reads the configuration in both syntaxes, `-backend-config` with settings and with files, `TF_ENCRYPTION`, and the
//! backend that an earlier `init` recorded in the data directory, which `init` opens to migrate from it. Of the files that
//! these name it reads only those in the repository: others belong to the administrator.
//!
//! It does not look at values that an expression computes, and `credential_source.executable` of Google's credentials, which
//! runs only if the environment has `GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES=1`.
//!
//! Source: OpenTofu `internal/encryption/keyprovider/{external,aws_kms}`, `internal/encryption/config/config_load.go`; OpenTofu and
//! Terraform `internal/backend/remote-state/{kubernetes,s3}/backend.go`, `internal/command/meta_backend.go`.

mod json;
mod native;

use airtight_hcl::Place;
use airtight_provider::{EngineName, text_file};
use camino::{Utf8Path, Utf8PathBuf};

use crate::environment::{TF_ENCRYPTION, Variables};
use crate::init_arguments::BackendConfig;

/// Larger files hold no configuration that somebody wrote.
const LIMIT_BYTES: u64 = 4 * 1024 * 1024;

/// A command that `init` would start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitCommand {
    pub kind: InitCommandKind,
    /// Where the repository says so; null if `TF_ENCRYPTION` does.
    pub place: Option<Place>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InitCommandKind {
    ExternalKeyProvider,
    KubernetesExec,
    AwsCredentialProcess,
}

/// What decides which commands `init` starts.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    pub engine: EngineName,
    /// The root module's files.
    pub files: &'a [Utf8PathBuf],
    pub root_module: &'a Utf8Path,
    /// The root of the source.
    pub repository: &'a Utf8Path,
    pub data_dir: &'a Utf8Path,
    pub backend_config: &'a [BackendConfig],
    pub home: Option<&'a Utf8Path>,
    pub variables: &'a Variables,
}

/// Finds each of them once.
pub fn find(question: &Question<'_>) -> Vec<InitCommand> {
    let mut declared = Declared::default();
    for path in question.files {
        let Ok(text) = text_file::read(path, LIMIT_BYTES) else { continue };
        // Most files have neither, and parsing costs more than this look.
        if !text.contains("key_provider") && !text.contains("backend") {
            continue;
        }
        if path.extension() == Some("json") {
            json::configuration(path, &text, &mut declared);
        } else {
            native::configuration(path, &text, &mut declared);
        }
    }
    if let Some(text) = question.variables.get(TF_ENCRYPTION) {
        if text.trim_start().starts_with('{') {
            json::encryption(text, &mut declared);
        } else {
            native::encryption(text, &mut declared);
        }
    }
    let recorded = question.data_dir.join("terraform.tfstate");
    if let Ok(text) = text_file::read(&recorded, LIMIT_BYTES) {
        json::recorded(&recorded, &text, &mut declared);
    }
    question.arguments(&mut declared);
    question.commands(declared)
}

/// What a configuration says.
#[derive(Default)]
struct Declared {
    key_providers: Vec<Block>,
    backends: Vec<Block>,
}

/// A backend or a key provider, as far as it can name a command.
struct Block {
    /// Its type, such as `s3`.
    kind: String,
    /// Null in `TF_ENCRYPTION`.
    place: Option<Place>,
    /// The constant texts of its arguments, by name; those of lists one by one.
    texts: Vec<(String, String)>,
    /// The places of its `exec` blocks.
    exec: Vec<Place>,
}

impl Question<'_> {
    /// `-backend-config` goes to whatever backend the configuration has.
    fn arguments(&self, declared: &mut Declared) {
        for argument in self.backend_config {
            let mut given = Block { kind: String::new(), place: None, texts: Vec::new(), exec: Vec::new() };
            if let Some((name, value)) = argument.setting() {
                given.texts = native::setting(name, value);
            } else {
                let path = self.root_module.join(argument.text());
                let Ok(text) = text_file::read(&path, LIMIT_BYTES) else { continue };
                if path.extension() == Some("json") {
                    json::backend_file(&path, &text, &mut given);
                } else {
                    native::backend_file(&path, &text, &mut given);
                }
            }
            for backend in &mut declared.backends {
                backend.texts.extend(given.texts.iter().cloned());
                backend.exec.extend(given.exec.iter().cloned());
            }
        }
    }

    fn commands(&self, declared: Declared) -> Vec<InitCommand> {
        let mut found = Vec::new();
        let mut push = |kind, place| {
            let command = InitCommand { kind, place };
            if !found.contains(&command) {
                found.push(command);
            }
        };
        let has_key_providers = self.engine == EngineName::Tofu;
        for provider in declared.key_providers.into_iter().filter(|_| has_key_providers) {
            match provider.kind.as_str() {
                "external" => push(InitCommandKind::ExternalKeyProvider, provider.place),
                "aws_kms" => {
                    for place in self.in_files(&self.aws_files(&provider), &["credential_process"]) {
                        push(InitCommandKind::AwsCredentialProcess, Some(place));
                    }
                }
                _ => {}
            }
        }
        for backend in declared.backends {
            match backend.kind.as_str() {
                "kubernetes" => {
                    let in_files = self.in_files(&self.kubernetes_files(&backend), &["exec:", "\"exec\""]);
                    for place in backend.exec.into_iter().chain(in_files) {
                        push(InitCommandKind::KubernetesExec, Some(place));
                    }
                }
                "s3" => {
                    for place in self.in_files(&self.aws_files(&backend), &["credential_process"]) {
                        push(InitCommandKind::AwsCredentialProcess, Some(place));
                    }
                }
                _ => {}
            }
        }
        found
    }

    fn kubernetes_files(&self, backend: &Block) -> Vec<Utf8PathBuf> {
        let listed = self.variables.get("KUBE_CONFIG_PATHS").unwrap_or_default().split(':');
        let named = listed.chain(self.variables.get("KUBE_CONFIG_PATH"));
        self.paths(backend, &["config_path", "config_paths"], named, ".kube/config")
    }

    fn aws_files(&self, block: &Block) -> Vec<Utf8PathBuf> {
        let arguments = ["shared_config_files", "shared_credentials_files", "shared_credentials_file"];
        let variables = ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"];
        let named = variables.into_iter().filter_map(|name| self.variables.get(name));
        let mut paths = self.paths(block, &arguments, named, ".aws/config");
        paths.extend(self.home.map(|home| home.join(".aws/credentials")));
        paths
    }

    /// The files that arguments and variables name, and the default one.
    fn paths<'a>(
        &self,
        block: &'a Block,
        arguments: &[&str],
        variables: impl Iterator<Item = &'a str>,
        default: &str,
    ) -> Vec<Utf8PathBuf> {
        let own = block.texts.iter().filter(|(name, _)| arguments.contains(&name.as_str()));
        let named = own.map(|(_, path)| path.as_str()).chain(variables.filter(|path| !path.is_empty()));
        let named = named.map(|path| match (path.strip_prefix("~/"), self.home) {
            (Some(rest), Some(home)) => home.join(rest),
            _ => self.root_module.join(path),
        });
        named.chain(self.home.map(|home| home.join(default))).collect()
    }

    /// The first line of each file of the repository that starts with one of these words.
    fn in_files(&self, files: &[Utf8PathBuf], words: &[&str]) -> Vec<Place> {
        let Ok(repository) = self.repository.canonicalize_utf8() else { return Vec::new() };
        let is_inside = |path: &&Utf8PathBuf| path.canonicalize_utf8().is_ok_and(|real| real.starts_with(&repository));
        let find = |path: &Utf8PathBuf| {
            let text = text_file::read(path, LIMIT_BYTES).ok()?;
            let mut start = 0;
            for line in text.split_inclusive('\n') {
                let word = line.trim_start().trim_start_matches("- ").trim_start_matches(['{', ' ']);
                if words.iter().any(|known| word.starts_with(known)) {
                    let at = start + (line.len() - line.trim_start().len());
                    return Some(Place::in_text(path, &text, at..at));
                }
                start += line.len();
            }
            None
        };
        files.iter().filter(is_inside).filter_map(find).collect()
    }
}

#[cfg(test)]
mod tests {
    use fs_err as fs;

    use super::*;
    use crate::environment::Environment;

    /// Where something was found, as `FILE:LINE`.
    fn found_with(
        files: &[(&str, &str)],
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> Vec<(InitCommandKind, String)> {
        let directory = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(directory.path()).unwrap().canonicalize_utf8().unwrap();
        let module = root.join("source");
        fs::create_dir(&module).unwrap();
        for (name, text) in files {
            let path = module.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let is_configuration =
            |path: &Utf8PathBuf| path.extension() == Some("tf") || path.as_str().ends_with(".tf.json");
        let configuration = files.iter().map(|(name, _)| module.join(name)).filter(is_configuration);
        let arguments = arguments.iter().map(|text| BackendConfig::new(*text)).collect::<Vec<_>>();
        let variables = variables.iter().map(|(name, value)| (name.into(), value.into()));
        let found = find(&Question {
            engine: EngineName::Tofu,
            files: &configuration.collect::<Vec<_>>(),
            root_module: &module,
            repository: &module,
            data_dir: &module.join("data"),
            backend_config: &arguments,
            home: Some(&module.join("home")),
            variables: &Environment::from_vars(variables).unwrap().variables,
        });
        let shown = |command: InitCommand| {
            let Some(place) = command.place else { return (command.kind, "TF_ENCRYPTION".to_owned()) };
            let line = place.position.map_or(0, |position| position.line);
            (command.kind, format!("{}:{line}", place.path.file_name().unwrap()))
        };
        found.into_iter().map(shown).collect()
    }

    fn found(files: &[(&str, &str)]) -> Vec<(InitCommandKind, String)> {
        found_with(files, &[], &[])
    }

    fn kubernetes(argument: &str) -> String {
        format!("terraform {{\n  backend \"kubernetes\" {{\n    {argument}\n  }}\n}}\n")
    }

    #[test]
    fn each_way_to_start_a_command_is_found() {
        let exec = "users:\n- name: u\n  user:\n    exec: {command: python3}\n";
        let json = "{\"users\": [{\"user\": {\n\"exec\": {}}}]}";
        let process = "[default]\ncredential_process = ./x\n";
        for (files, kind, place) in [
            (
                vec![(
                    "main.tf",
                    "terraform {\n  encryption {\n    key_provider \"external\" \"x\" {\n      command = [\"a\"]\n    }\n  }\n}\n".to_owned(),
                )],
                InitCommandKind::ExternalKeyProvider,
                "main.tf:3",
            ),
            (vec![("main.tf", kubernetes("exec {\n    }"))], InitCommandKind::KubernetesExec, "main.tf:3"),
            (
                vec![("main.tf", kubernetes("config_path = \"./k\"")), ("k", exec.to_owned())],
                InitCommandKind::KubernetesExec,
                "k:4",
            ),
            (
                vec![("main.tf", kubernetes("config_paths = [\"k\"]")), ("k", json.to_owned())],
                InitCommandKind::KubernetesExec,
                "k:2",
            ),
            (
                vec![
                    ("main.tf", "terraform {\n  backend \"s3\" {\n    shared_config_files = [\"c\"]\n  }\n}\n".to_owned()),
                    ("c", process.to_owned()),
                ],
                InitCommandKind::AwsCredentialProcess,
                "c:2",
            ),
        ] {
            let files = files.iter().map(|(name, text)| (*name, text.as_str())).collect::<Vec<_>>();
            assert_eq!(found(&files), [(kind, place.to_owned())]);
        }
    }

    #[test]
    fn what_starts_nothing_or_is_not_the_repository_s_is_not_found() {
        for argument in ["config_path = \"/root/.kube/config\"", "config_path = var.x", "config_path = \"none\""] {
            assert_eq!(found(&[("main.tf", &kubernetes(argument))]), []);
        }
        assert_eq!(
            found(&[("main.tf", &kubernetes("config_path = \"k\"")), ("k", "users:\n- user: {token: x}\n")]),
            []
        );
        let pbkdf2 = "terraform {\n  encryption {\n    key_provider \"pbkdf2\" \"x\" {\n    }\n  }\n}\n";
        assert_eq!(found(&[("main.tf", pbkdf2)]), []);
        assert_eq!(found(&[("main.tf", "# backend\nterraform {")]), []);
    }

    const KUBECONFIG: (&str, &str) = ("k", "users:\n- user:\n    exec: {command: python3}\n");
    const PROCESS: (&str, &str) = ("c", "[default]\ncredential_process = ./x\n");

    #[test]
    fn json_says_it_too() {
        use InitCommandKind::{AwsCredentialProcess, ExternalKeyProvider, KubernetesExec};
        for (text, kind, place) in [
            (
                r#"{"terraform": [{"encryption": {"key_provider": {"external": {"x": {"command": ["a"]}}}}}]}"#,
                ExternalKeyProvider,
                "main.tf.json:1",
            ),
            (
                r#"{"terraform": {"backend": {"kubernetes":
{"exec": [{"command": "a"}]}}}}"#,
                KubernetesExec,
                "main.tf.json:2",
            ),
            (r#"{"terraform": {"backend": {"kubernetes": {"config_paths": ["k"]}}}}"#, KubernetesExec, "k:3"),
            (r#"{"terraform": {"backend": [{"s3": {"shared_config_files": ["c"]}}]}}"#, AwsCredentialProcess, "c:2"),
        ] {
            assert_eq!(found(&[("main.tf.json", text), KUBECONFIG, PROCESS]), [(kind, place.to_owned())], "{text}");
        }
        for text in ["{", "[]", r#"{"terraform": {"backend": {"kubernetes": {"exec": []}}}}"#] {
            assert_eq!(found(&[("main.tf.json", text)]), [], "{text}");
        }
    }

    #[test]
    fn arguments_and_variables_say_it_too() {
        use InitCommandKind::{AwsCredentialProcess, ExternalKeyProvider, KubernetesExec};
        let kubernetes = ("main.tf", "terraform {\n  backend \"kubernetes\" {\n  }\n}\n");
        let s3 = ("main.tf", "terraform {\n  backend \"s3\" {\n  }\n}\n");
        let file = ("b.hcl", "exec {\n  command = \"a\"\n}\n");
        let external = "key_provider \"external\" \"x\" {\n  command = [\"a\"]\n}\n";
        let external_json = r#"{"key_provider": {"external": {"x": {}}}}"#;
        for (main, argument, variable, kind, place) in [
            (kubernetes, "config_path=k", ("A", ""), KubernetesExec, "k:3"),
            (kubernetes, "config_paths=[\"k\"]", ("A", ""), KubernetesExec, "k:3"),
            (kubernetes, "b.hcl", ("A", ""), KubernetesExec, "b.hcl:1"),
            (kubernetes, "secret_suffix=x", ("KUBE_CONFIG_PATH", "k"), KubernetesExec, "k:3"),
            (kubernetes, "secret_suffix=x", ("KUBE_CONFIG_PATHS", "/none:./k"), KubernetesExec, "k:3"),
            (s3, "bucket=x", ("AWS_CONFIG_FILE", "c"), AwsCredentialProcess, "c:2"),
            (s3, "shared_credentials_files=[\"c\"]", ("A", ""), AwsCredentialProcess, "c:2"),
            (s3, "bucket=x", ("TF_ENCRYPTION", external), ExternalKeyProvider, "TF_ENCRYPTION"),
            (s3, "bucket=x", ("TF_ENCRYPTION", external_json), ExternalKeyProvider, "TF_ENCRYPTION"),
        ] {
            let found = found_with(&[main, file, KUBECONFIG, PROCESS], &[argument], &[variable]);
            assert_eq!(found, [(kind, place.to_owned())], "{argument} {variable:?}");
        }
        // Another backend reads none of it.
        let http = ("main.tf", "terraform {\n  backend \"http\" {\n  }\n}\n");
        let variables = [("AWS_CONFIG_FILE", "c"), ("KUBE_CONFIG_PATH", "k")];
        assert_eq!(found_with(&[http, KUBECONFIG, PROCESS], &["config_path=k"], &variables), []);
    }

    /// `init` opens it to migrate from it, whatever the configuration says now.
    #[test]
    fn the_recorded_backend_says_it_too() {
        let recorded =
            |config: &str| format!(r#"{{"version": 3, "backend": {{"type": "kubernetes", "config": {config}}}}}"#);
        for (config, expected) in [
            (r#"{"exec": [{"command": "a"}], "config_path": null}"#, Some("terraform.tfstate:1")),
            (r#"{"exec": [], "config_path": "k"}"#, Some("k:3")),
            (r#"{"exec": [], "config_path": null}"#, None),
        ] {
            let text = recorded(config);
            let found = found(&[("main.tf", ""), ("data/terraform.tfstate", &text), KUBECONFIG]);
            let expected: Vec<_> =
                expected.iter().map(|place| (InitCommandKind::KubernetesExec, (*place).to_owned())).collect();
            assert_eq!(found, expected, "{config}");
        }
    }

    #[test]
    fn a_home_directory_in_the_repository_is_the_repository_s() {
        let s3 = ("main.tf", "terraform {\n  backend \"s3\" {\n  }\n}\n");
        let found = found(&[s3, ("home/.aws/config", PROCESS.1)]);
        assert_eq!(found, [(InitCommandKind::AwsCredentialProcess, "config:2".to_owned())]);
    }
}
