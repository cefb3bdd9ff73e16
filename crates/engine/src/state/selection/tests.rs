use fs_err as fs;

use super::*;
use crate::init_arguments::{BackendConfig, InitArguments};
use airtight_provider::{Engine, EngineName};

struct Scratch {
    _guard: tempfile::TempDir,
    path: Utf8PathBuf,
}

impl Scratch {
    fn with(files: &[(&str, &str)]) -> Self {
        let guard = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(guard.path().canonicalize().unwrap()).unwrap();
        for (name, content) in files {
            let path = path.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        Self { _guard: guard, path }
    }

    fn selection(&self, workspace: Option<&str>, backend: Option<&Backend>, init: &InitArguments) -> Selection {
        select(&StateQuestion {
            root_module: &self.path,
            data_dir: &self.path.join(".terraform"),
            repository: &self.path,
            workspace,
            backend,
            has_encryption: false,
            init,
            engine: &Engine::new(EngineName::Terraform, "1.11.4".parse().unwrap()),
        })
    }

    /// The file from the root module on, or what there is instead of one.
    fn select(&self, workspace: Option<&str>, backend: Option<&Backend>, init: &InitArguments) -> String {
        match self.selection(workspace, backend, init) {
            Selection::File(path, None) => path.strip_prefix(&self.path).unwrap().to_string(),
            Selection::File(path, Some(before)) => format!("{}, {before}", path.file_name().unwrap()),
            Selection::Unseen(unseen) => format!("unseen: {unseen}"),
            Selection::Problem(problem) => format!("problem: {}", problem.kind),
        }
    }
}

fn without_backend() -> InitArguments {
    InitArguments { backend: false, ..InitArguments::default() }
}

fn backend(kind: &str, path: Option<&str>) -> Backend {
    Backend {
        kind: kind.to_owned(),
        path: path.map(str::to_owned),
        workspace_dir: None,
        hostname: None,
        is_unevaluated: false,
        expressions: Vec::new(),
        place: Place::file("x.tf"),
    }
}

#[test]
fn the_workspace_decides_the_file() {
    let saved = [(".terraform/environment", " dev\n")];
    for (files, workspace, expected) in [
        (&[][..], None, "terraform.tfstate"),
        (&[], Some(""), "terraform.tfstate"),
        (&[], Some("default"), "terraform.tfstate"),
        (&[], Some("dev"), "terraform.tfstate.d/dev/terraform.tfstate"),
        (&saved, None, "terraform.tfstate.d/dev/terraform.tfstate"),
        (&saved, Some("prod"), "terraform.tfstate.d/prod/terraform.tfstate"),
        (&[], Some("s3cret value"), "problem: TF_WORKSPACE holds no name of a workspace"),
        (&[], Some("a/b"), "problem: TF_WORKSPACE holds no name of a workspace"),
    ] {
        let scratch = Scratch::with(files);
        assert_eq!(scratch.select(workspace, None, &InitArguments::default()), expected);
        assert_eq!(scratch.select(workspace, None, &without_backend()), expected);
    }
}

#[test]
fn a_local_backend_decides_the_path_of_the_default_workspace() {
    let init = InitArguments::default();
    let scratch = Scratch::with(&[]);
    let local = backend("local", Some("st/x.tfstate"));
    assert_eq!(scratch.select(None, Some(&local), &init), "st/x.tfstate");
    assert_eq!(scratch.select(None, Some(&local), &without_backend()), "terraform.tfstate");
    let other = Backend { workspace_dir: Some("ws".to_owned()), ..local };
    let scratch = Scratch::with(&[("ws/dev/terraform.tfstate", "")]);
    assert_eq!(scratch.select(Some("dev"), Some(&other), &init), "ws/dev/terraform.tfstate");
}

#[test]
fn a_backend_block_needs_a_workspace_that_exists() {
    let local = backend("local", None);
    let saved = (".terraform/environment", "dev");
    for (files, workspace, expected) in [
        (&[saved][..], None, "terraform.tfstate"),
        (&[saved, ("terraform.tfstate.d/dev/x", "")], None, "terraform.tfstate.d/dev/terraform.tfstate"),
        (
            &[saved, ("terraform.tfstate.d/prod/x", "")],
            None,
            "problem: the selected workspace does not exist, and others do",
        ),
        (&[], Some("new"), "terraform.tfstate.d/new/terraform.tfstate"),
        (
            &[("terraform.tfstate.d/prod/x", "")],
            Some("new"),
            "problem: the selected workspace does not exist, and others do",
        ),
    ] {
        assert_eq!(Scratch::with(files).select(workspace, Some(&local), &InitArguments::default()), expected);
    }
}

#[test]
fn a_remote_state_is_unseen() {
    let scratch = Scratch::with(&[]);
    for kind in ["s3", "cloud", "of-the-future"] {
        let expected = format!("unseen: the state is in the `{kind}` backend");
        assert_eq!(scratch.select(None, Some(&backend(kind, None)), &InitArguments::default()), expected);
    }
    assert_eq!(scratch.select(None, Some(&backend("s3", None)), &without_backend()), "terraform.tfstate");
}

#[test]
fn a_record_of_the_same_backend_changes_nothing_and_of_another_one_is_not_judged() {
    let init = InitArguments::default();
    let local = backend("local", Some("a"));
    let http = r#"{"version": 3, "backend": {"type": "http", "config": {"address": "http://x"}}}"#;
    let scratch = Scratch::with(&[(".terraform/terraform.tfstate", http)]);
    assert_eq!(scratch.select(None, None, &without_backend()), "unseen: the state is in the `http` backend");
    assert_eq!(scratch.select(None, Some(&backend("http", None)), &init), "unseen: the state is in the `http` backend");
    for backend in [None, Some(&local)] {
        let selection = scratch.selection(None, backend, &init);
        let other = Unseen::OtherBackendRecorded { kind: "http".to_owned(), is_another_type: true };
        assert_eq!(selection, Selection::Unseen(other));
    }
    let reconfigure = InitArguments { reconfigure: true, ..InitArguments::default() };
    assert_eq!(scratch.select(None, Some(&local), &reconfigure), "a");

    let recorded = r#"{"version": 3, "backend": {"type": "local", "config": {"path": "a", "workspace_dir": null}}}"#;
    let scratch = Scratch::with(&[(".terraform/terraform.tfstate", recorded)]);
    assert_eq!(scratch.select(None, None, &without_backend()), "a");
    assert_eq!(scratch.select(None, Some(&local), &init), "a");
    let other = backend("local", Some("b"));
    assert!(scratch.select(None, Some(&other), &init).starts_with("unseen: the data directory records another"));

    for (content, expected) in [("", "unseen: the backend that"), (r#"{"version": 3}"#, "a"), ("{", "unseen: the")] {
        let scratch = Scratch::with(&[(".terraform/terraform.tfstate", content)]);
        assert!(scratch.select(None, Some(&local), &init).starts_with(expected), "{content}");
    }
}

#[test]
fn states_that_would_be_migrated_are_not_judged() {
    let copied = "terraform.tfstate, the engine first reads the states of all local workspaces, to copy them to the new backend, and may stop there";
    let (default, other) = ("terraform.tfstate", "terraform.tfstate.d/other/terraform.tfstate");
    let no_file = (".terraform/terraform.tfstate", r#"{"version": 3, "backend": {"type": "local", "config": {}}}"#);
    let below_a_file = "terraform.tfstate.d/other/terraform.tfstate/x";
    for (files, path, expected) in [
        (&[(default, "{}")][..], Some("states/terraform.tfstate"), copied),
        (&[(default, "")], Some("b"), "b"),
        (&[(default, "{}")], None, default),
        // The engine reads the states of other workspaces too.
        (&[(default, "{}"), (other, "")], None, copied),
        (&[(default, ""), (other, "")], None, default),
        (&[(other, "{")], None, copied),
        (&[(other, "{")], Some("states/terraform.tfstate"), copied),
        (&[(below_a_file, "")], None, copied),
        (&[(other, "{"), no_file], None, default),
    ] {
        let scratch = Scratch::with(files);
        assert_eq!(
            scratch.select(None, Some(&backend("local", path)), &InitArguments::default()),
            expected,
            "{files:?}"
        );
    }
    let scratch = Scratch::with(&[(other, "{"), no_file]);
    let reconfigure = InitArguments { reconfigure: true, ..InitArguments::default() };
    assert_eq!(scratch.select(None, Some(&backend("local", None)), &reconfigure), copied);
    let migrate = InitArguments { reconfigure: true, migrate_state: true, ..InitArguments::default() };
    assert!(scratch.select(None, Some(&backend("local", None)), &migrate).starts_with("unseen: the engine first"));
    assert_eq!(scratch.select(None, Some(&backend("local", None)), &without_backend()), default);
    assert_eq!(scratch.select(None, None, &reconfigure), default);
}

#[test]
fn workspaces_that_cannot_be_listed_are_not_judged() {
    let scratch = Scratch::with(&[("terraform.tfstate.d", "")]);
    let select = |backend: Option<&Backend>| scratch.select(None, backend, &InitArguments::default());
    assert!(select(Some(&backend("local", None))).ends_with("terraform.tfstate.d` is not read: not a directory"));
    assert_eq!(select(None), "terraform.tfstate");
}

#[test]
fn settings_of_the_command_line_win() {
    let scratch = Scratch::with(&[
        ("ok.cfg", "path = \"from-file\"\n"),
        ("odd.cfg", "path = var.x\n"),
        ("other.cfg", "bucket = \"s3cret\"\n"),
    ]);
    let select = |settings: &[&str]| {
        let backend_config = settings.iter().map(|setting| BackendConfig::new(*setting)).collect();
        let init = InitArguments { backend_config, ..InitArguments::default() };
        scratch.select(None, Some(&backend("local", Some("own"))), &init)
    };
    assert_eq!(select(&["path=a"]), "a");
    assert_eq!(select(&["path=a", "ok.cfg"]), "from-file");
    for (settings, name) in [
        (&["path=a", "token=s3cret"][..], "token"),
        (&["\"path=a\""], "\"path"),
        (&["odd.cfg"], "odd.cfg"),
        (&["other.cfg"], "other.cfg"),
        (&["none.cfg"], "none.cfg"),
    ] {
        let expected = format!("unseen: airtight does not know what `-backend-config` sets by `{name}`");
        assert_eq!(select(settings), expected);
    }
}

#[test]
fn the_name_of_a_workspace_is_never_read_through_a_link_that_leads_out() {
    let outside = Scratch::with(&[("secret", "s3cret"), ("environment", "s3cret")]);
    let others = [("terraform.tfstate.d/a/x", ""), ("inside", "a"), ("dir/environment", "a")];
    let link = |target: &Utf8Path, name: &str| {
        let scratch = Scratch::with(&others);
        let path = scratch.path.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::os::unix::fs::symlink(target, path).unwrap();
        let said = scratch.select(None, Some(&backend("local", None)), &InitArguments::default());
        assert!(!said.contains("s3cret"), "{said}");
        said
    };
    let environment = ".terraform/environment";
    let leads_out = "environment` is a link that leads out of the repository, so it is not read";
    assert!(link(&outside.path.join("secret"), environment).ends_with(leads_out));
    assert!(link("/proc/self/environ".into(), environment).ends_with(leads_out));
    // The directory may be the link.
    assert!(link(&outside.path, ".terraform").ends_with(leads_out));
    for target in ["../inside", "../dir/environment"] {
        assert_eq!(link(target.into(), environment), "terraform.tfstate.d/a/terraform.tfstate");
    }
    assert_eq!(link("dir".into(), ".terraform"), "terraform.tfstate.d/a/terraform.tfstate");

    for text in ["s3cret value", "s3cret\0", "-----BEGIN s3cret", "a/../../s3cret"] {
        let scratch = Scratch::with(&[(environment, text)]);
        let said = scratch.select(None, None, &InitArguments::default());
        assert!(said.ends_with("does not hold the name of a workspace") && !said.contains("s3cret"), "{said}");
    }
}
