//! Scripts in place of an engine: one of another version, and some that misbehave.

use std::os::unix::fs::PermissionsExt;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use serde_json::json;

/// A real Terraform that says it is another version, and answers `init` against an empty mirror with a text of our own:
/// what a configuration gets that only the other version accepts.
pub(crate) struct EngineShim<'a> {
    pub(crate) real: &'a Utf8Path,
    /// Such as `1.17.0`.
    pub(crate) version: &'a str,
    /// What `init -backend=false` prints, and its exit code; see [`needing`] and [`refusing`].
    pub(crate) answer: (String, u8),
    /// The same configuration as the real engine accepts it. Every other command runs there, with the caller's data
    /// directory and lock file. Without one, they run on the caller's configuration.
    pub(crate) accepted: Option<&'a Utf8Path>,
}

impl EngineShim<'_> {
    /// Writes the script and its answer into a directory, by the name `terraform`.
    pub(crate) fn write_to(&self, directory: &Utf8Path) -> Utf8PathBuf {
        fs::create_dir_all(directory).unwrap();
        let answer = directory.join("answer.jsonl");
        fs::write(&answer, &self.answer.0).unwrap();
        let Self { real, version, answer: (_, code), .. } = self;
        let run = match self.accepted {
            None => format!("exec {real} \"$@\""),
            Some(accepted) => format!(
                "export TF_DATA_DIR=\"$(realpath -m \"${{TF_DATA_DIR:-.terraform}}\")\"\n\
                 lock=$PWD/.terraform.lock.hcl\n\
                 rm -f {accepted}/.terraform.lock.hcl\n\
                 [ ! -e \"$lock\" ] || cp \"$lock\" {accepted}/.terraform.lock.hcl\n\
                 code=0\n\
                 (cd {accepted} && {real} \"$@\") || code=$?\n\
                 cmp -s \"$lock\" {accepted}/.terraform.lock.hcl || cp {accepted}/.terraform.lock.hcl \"$lock\"\n\
                 exit $code"
            ),
        };
        script(
            &directory.join("terraform"),
            &format!(
                "case \"$*\" in\n\
                 version*-json*) echo '{{\"terraform_version\":\"{version}\"}}'; exit 0 ;;\n\
                 version*) printf 'Terraform v{version}\\non linux_amd64\\n'; exit 0 ;;\n\
                 init*-backend=false*) cat {answer}; exit {code} ;;\n\
                 esac\n{run}"
            ),
        )
    }
}

/// The answer of an engine that needs these providers, each with its constraints or an empty text, and finds none.
pub(crate) fn needing(version: &str, providers: &[(&str, &str)]) -> (String, u8) {
    let mut lines = vec![first(version)];
    for (provider, constraints) in providers {
        let message = if constraints.is_empty() {
            format!("{provider}: Finding latest version...")
        } else {
            format!("Finding matching versions for provider: {provider}, version_constraint: \"{constraints}\"")
        };
        lines.push(json!({"@level": "info", "@message": message, "type": "log"}));
    }
    for (provider, _) in providers {
        let address = if provider.matches('/').count() == 1 {
            format!("registry.terraform.io/{provider}")
        } else {
            (*provider).to_owned()
        };
        let detail = format!(
            "Could not retrieve the list of available versions for provider {provider}: provider {address} was not found \
             in any of the search locations\n\n  - /tmp/mirror"
        );
        lines.push(error("Failed to query available provider packages", &detail, None));
    }
    (text(&lines), u8::from(!providers.is_empty()))
}

/// The answer of an engine that does not accept the configuration.
pub(crate) fn refusing(version: &str, summary: &str, detail: &str, file: &str, line: u32) -> (String, u8) {
    let start = json!({"line": line, "column": 1, "byte": 0});
    let range = json!({"filename": file, "start": start, "end": start});
    (text(&[first(version), error(summary, detail, Some(range))]), 1)
}

fn first(version: &str) -> serde_json::Value {
    json!({"@level": "info", "@message": format!("Terraform {version}"), "terraform": version, "type": "version", "ui": "1.3"})
}

fn error(summary: &str, detail: &str, range: Option<serde_json::Value>) -> serde_json::Value {
    let mut diagnostic = json!({"severity": "error", "summary": summary, "detail": detail});
    if let Some(range) = range {
        diagnostic["range"] = range;
    }
    json!({"@level": "error", "@message": format!("Error: {summary}"), "diagnostic": diagnostic, "type": "diagnostic"})
}

fn text(lines: &[serde_json::Value]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// Writes an executable shell script.
pub(crate) fn script(path: &Utf8Path, body: &str) -> Utf8PathBuf {
    fs::write(path, format!("#!/bin/sh\n{body}\n")).unwrap();
    fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
    path.to_owned()
}

/// Ignores SIGTERM and never ends, nor does its child; both write their process ids into the directory.
pub(crate) fn hanging(directory: &Utf8Path) -> Utf8PathBuf {
    let body = format!(
        "trap '' TERM\necho $$ >{directory}/pid\nsleep 1000 &\necho $! >{directory}/child\ntouch {directory}/started\n\
         while :; do sleep 1; done"
    );
    script(&directory.join("hanging"), &body)
}
