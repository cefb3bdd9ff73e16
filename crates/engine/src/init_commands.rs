//! Commands of the repository that an engine's `init` itself starts, before it installs any provider.
//!
//! | what | started by | engines |
//! | --- | --- | --- |
//! | `encryption { key_provider "external" { command = [...] } }` | reading or writing an encrypted state | OpenTofu 1.10 and later |
//! | `backend "kubernetes"`: an `exec` block, or `exec` in the kubeconfig that `config_path` or `config_paths` name | opening the backend | both |
//! | `backend "s3"`: `credential_process` in a file that `shared_config_files` or `shared_credentials_files` name | opening the backend | both |
//!
//! Only what the repository itself holds is looked at: files elsewhere are the administrator's. Not looked at are values that
//! an expression computes, `-backend-config`, and the backend that an earlier `init` recorded.
//!
//! Source: OpenTofu `internal/encryption/keyprovider/external`; OpenTofu and Terraform
//! `internal/backend/remote-state/{kubernetes,s3}/backend.go`.

use airtight_hcl::structure::{Attribute, Block, Body};
use airtight_hcl::{NativeFile, Place};
use airtight_provider::text_file;
use camino::{Utf8Path, Utf8PathBuf};
use hcl::edit::expr::Expression;

/// Larger files hold no configuration that somebody wrote.
const LIMIT_BYTES: u64 = 4 * 1024 * 1024;

/// A command that `init` would start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitCommand {
    pub kind: InitCommandKind,
    /// Where the repository says so.
    pub place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InitCommandKind {
    ExternalKeyProvider,
    KubernetesExec,
    AwsCredentialProcess,
}

/// Looks into the root module's files in native syntax. `repository` is the root of the source.
pub fn find(files: &[Utf8PathBuf], root_module: &Utf8Path, repository: &Utf8Path) -> Vec<InitCommand> {
    let mut finder = Finder { root_module, repository, found: Vec::new() };
    for path in files.iter().filter(|path| path.extension() != Some("json")) {
        finder.file(path);
    }
    finder.found
}

struct Finder<'a> {
    root_module: &'a Utf8Path,
    repository: &'a Utf8Path,
    found: Vec<InitCommand>,
}

impl Finder<'_> {
    fn file(&mut self, path: &Utf8Path) {
        let Ok(text) = text_file::read(path, LIMIT_BYTES) else { return };
        // Most files have neither, and parsing costs more than this look.
        if !text.contains("key_provider") && !text.contains("backend") {
            return;
        }
        let file = NativeFile::parse(text.as_bytes());
        for terraform in blocks(&file, &file.body, "terraform") {
            for encryption in blocks(&file, &terraform.body, "encryption") {
                let providers = blocks(&file, &encryption.body, "key_provider");
                for provider in providers.filter(|block| label(&file, block) == Some("external")) {
                    self.push(InitCommandKind::ExternalKeyProvider, file.place(path, Some(provider.name.clone())));
                }
            }
            for backend in blocks(&file, &terraform.body, "backend") {
                match label(&file, backend) {
                    Some("kubernetes") => {
                        for exec in blocks(&file, &backend.body, "exec") {
                            self.push(InitCommandKind::KubernetesExec, file.place(path, Some(exec.name.clone())));
                        }
                        let files = texts(&file, &backend.body, &["config_path", "config_paths"]);
                        self.files(InitCommandKind::KubernetesExec, &files, &["exec:", "\"exec\""]);
                    }
                    Some("s3") => {
                        let names = ["shared_config_files", "shared_credentials_files", "shared_credentials_file"];
                        let files = texts(&file, &backend.body, &names);
                        self.files(InitCommandKind::AwsCredentialProcess, &files, &["credential_process"]);
                    }
                    _ => {}
                }
            }
        }
    }

    /// Files of the repository with a line that starts with one of these words.
    fn files(&mut self, kind: InitCommandKind, files: &[String], words: &[&str]) {
        for name in files {
            let path = self.root_module.join(name);
            let is_inside = path.canonicalize_utf8().is_ok_and(|real| {
                self.repository.canonicalize_utf8().is_ok_and(|repository| real.starts_with(repository))
            });
            let Some(text) = is_inside.then(|| text_file::read(&path, LIMIT_BYTES).ok()).flatten() else { continue };
            let mut start = 0;
            for line in text.split_inclusive('\n') {
                let word = line.trim_start().trim_start_matches("- ").trim_start_matches(['{', ' ']);
                if words.iter().any(|known| word.starts_with(known)) {
                    let at = start + (line.len() - line.trim_start().len());
                    self.push(kind, Place::in_text(&path, &text, at..at));
                    break;
                }
                start += line.len();
            }
        }
    }

    fn push(&mut self, kind: InitCommandKind, place: Place) {
        self.found.push(InitCommand { kind, place });
    }
}

fn blocks<'a>(file: &'a NativeFile, body: &'a Body, name: &'static str) -> impl Iterator<Item = &'a Block> {
    body.blocks.iter().filter(move |block| file.text.get(block.name.clone()) == Some(name))
}

fn label<'a>(file: &'a NativeFile, block: &Block) -> Option<&'a str> {
    file.text.get(block.labels.first()?.clone())
}

/// The constant texts of some attributes, in lists too.
fn texts(file: &NativeFile, body: &Body, names: &[&str]) -> Vec<String> {
    let is_named =
        |attribute: &&Attribute| file.text.get(attribute.name.clone()).is_some_and(|name| names.contains(&name));
    let values = body.attributes.iter().filter(is_named).filter_map(|attribute| file.expression(&attribute.value));
    let mut found = Vec::new();
    for value in values {
        match &value {
            Expression::Array(values) => {
                found.extend(values.iter().filter_map(|value| value.as_str().map(str::to_owned)));
            }
            value => found.extend(value.as_str().map(str::to_owned)),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use fs_err as fs;

    use super::*;

    /// Where something was found, as `FILE:LINE`.
    fn found(files: &[(&str, &str)]) -> Vec<(InitCommandKind, String)> {
        let directory = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(directory.path()).unwrap().canonicalize_utf8().unwrap();
        let module = root.join("source");
        fs::create_dir(&module).unwrap();
        for (name, text) in files {
            fs::write(module.join(name), text).unwrap();
        }
        let configuration =
            files.iter().map(|(name, _)| module.join(name)).filter(|path| path.as_str().contains(".tf"));
        let found = find(&configuration.collect::<Vec<_>>(), &module, &module);
        let shown = |command: InitCommand| {
            let line = command.place.position.map_or(0, |position| position.line);
            (command.kind, format!("{}:{line}", command.place.path.file_name().unwrap()))
        };
        found.into_iter().map(shown).collect()
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
}
