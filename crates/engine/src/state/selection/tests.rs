use super::*;

fn engine() -> Engine {
    Engine::new(EngineName::Terraform, "1.11.4".parse().unwrap())
}

struct Scratch {
    _guard: tempfile::TempDir,
    path: Utf8PathBuf,
}

impl Scratch {
    fn with(files: &[(&str, &str)]) -> Self {
        let guard = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(guard.path().to_owned()).unwrap();
        for (name, content) in files {
            let path = path.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        Self { _guard: guard, path }
    }

    /// The file from the root module on, or what there is instead of one.
    fn select(&self, workspace: Option<&str>, backend: Option<&Backend>, use_backend: bool) -> String {
        let data_dir = self.path.join(".terraform");
        let selection = if use_backend {
            with_backend(&self.path, &data_dir, workspace, backend, &InitArguments::default(), &engine())
        } else {
            without_backend(&self.path, &data_dir, workspace, EngineName::Tofu)
        };
        match selection {
            Selection::File(path) => path.strip_prefix(&self.path).unwrap().to_string(),
            Selection::Unseen(reason) => format!("unseen: {reason}"),
            Selection::Invalid(problem) | Selection::InvalidBehindLock(problem) => {
                format!("invalid: {}: {}", problem.summary, problem.detail)
            }
        }
    }
}

fn backend(kind: &str, path: Option<&str>) -> Backend {
    Backend {
        kind: kind.to_owned(),
        path: path.map(str::to_owned),
        workspace_dir: None,
        errors: Vec::new(),
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
        (&[], Some("a/b"), "invalid: Invalid workspace name set using TF_WORKSPACE: "),
    ] {
        let scratch = Scratch::with(files);
        assert_eq!(scratch.select(workspace, None, true), expected);
        assert_eq!(scratch.select(workspace, None, false), expected);
    }
}

#[test]
fn a_local_backend_decides_the_path_of_the_default_workspace() {
    let scratch = Scratch::with(&[]);
    let local = backend("local", Some("st/x.tfstate"));
    assert_eq!(scratch.select(None, Some(&local), true), "st/x.tfstate");
    assert_eq!(scratch.select(None, Some(&local), false), "terraform.tfstate");
    let other = Backend { workspace_dir: Some("ws".to_owned()), ..local };
    let scratch = Scratch::with(&[("ws/dev/terraform.tfstate", "")]);
    assert_eq!(scratch.select(Some("dev"), Some(&other), true), "ws/dev/terraform.tfstate");
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
            "invalid: Currently selected workspace \"dev\" does not exist: ",
        ),
        (&[], Some("new"), "terraform.tfstate.d/new/terraform.tfstate"),
    ] {
        assert_eq!(Scratch::with(files).select(workspace, Some(&local), true), expected);
    }
}

#[test]
fn a_remote_state_is_unseen() {
    let scratch = Scratch::with(&[]);
    let expected = "unseen: the state is in the `s3` backend";
    assert_eq!(scratch.select(None, Some(&backend("s3", None)), true), expected);
    assert_eq!(scratch.select(None, Some(&backend("s3", None)), false), "terraform.tfstate");
}

#[test]
fn flags_decide_what_becomes_of_another_backend() {
    let recorded = r#"{"version": 3, "backend": {"type": "local", "config": {"path": "a"}}}"#;
    let scratch = Scratch::with(&[(".terraform/terraform.tfstate", recorded)]);
    let select = |init: &InitArguments, backend: Option<&Backend>| {
        with_backend(&scratch.path, &scratch.path.join(".terraform"), None, backend, init, &engine())
    };
    let reconfigure = InitArguments { reconfigure: true, ..InitArguments::default() };
    assert_eq!(select(&reconfigure, None), Selection::File(scratch.path.join("terraform.tfstate")));
    let migrate = InitArguments { migrate_state: true, ..InitArguments::default() };
    assert!(matches!(select(&migrate, None), Selection::Unseen(_)));
    let with = |setting: &str| {
        let init = InitArguments { backend_config: vec![setting.to_owned()], ..InitArguments::default() };
        select(&init, Some(&backend("local", None)))
    };
    assert_eq!(with("path=a"), Selection::File(scratch.path.join("a")));
    assert!(matches!(with("path=b"), Selection::Invalid(_)));
    assert!(matches!(with("nothing=b"), Selection::Invalid(_)));
    let Selection::Invalid(problem) = with("settings.tfbackend") else { panic!("a file that is not there") };
    assert_eq!(problem.summary, "Failed to read file");
    fs::write(scratch.path.join("settings.tfbackend"), "").unwrap();
    assert!(matches!(with("settings.tfbackend"), Selection::Unseen(_)));
}

#[test]
fn a_name_that_is_no_workspace_counts_before_any_state() {
    let invalid = "invalid: Invalid workspace name set using TF_WORKSPACE: ";
    let broken = [("terraform.tfstate", "{"), ("terraform.tfstate.d/dev/x", "")];
    for backend in [backend("local", Some("x")), backend("local", None), backend("s3", None)] {
        assert_eq!(Scratch::with(&broken).select(Some("a b"), Some(&backend), true), invalid);
    }
    let recorded = [(".terraform/terraform.tfstate", r#"{"version": 3, "backend": {"type": "local", "config": {}}}"#)];
    let changed = Scratch::with(&recorded).select(Some("a b"), Some(&backend("http", None)), true);
    assert!(changed.starts_with("invalid: Backend configuration changed"), "{changed}");
}

#[test]
fn a_type_that_is_none_counts_before_what_is_recorded() {
    let scratch = Scratch::with(&[(".terraform/terraform.tfstate", "{")]);
    assert!(scratch.select(None, Some(&backend("nothing", None)), true).contains("Unsupported backend type"));
    assert!(scratch.select(None, Some(&backend("s3", None)), true).contains("Failed to load state"));
}

#[test]
fn the_recorded_backend_counts() {
    let http = r#"{"version": 3, "backend": {"type": "http", "config": {"address": "http://x"}}}"#;
    let scratch = Scratch::with(&[(".terraform/terraform.tfstate", http)]);
    assert_eq!(scratch.select(None, None, false), "unseen: the state is in the `http` backend");
    let local = backend("local", Some("a"));
    for backend in [None, Some(&local)] {
        assert!(scratch.select(None, backend, true).starts_with("invalid: Backend configuration changed"));
    }

    let recorded = r#"{"version": 3, "backend": {"type": "local", "config": {"path": "a", "workspace_dir": null}}}"#;
    let scratch = Scratch::with(&[(".terraform/terraform.tfstate", recorded)]);
    assert_eq!(scratch.select(None, None, false), "a");
    assert_eq!(scratch.select(None, Some(&local), true), "a");
    let other = backend("local", Some("states/é one.tfstate"));
    assert!(scratch.select(None, Some(&other), true).starts_with("invalid: Backend configuration changed"));

    // What the engines record of that block, whatever settings the command line gave it.
    let recorded = r#"{"version": 3, "backend": {"type": "local", "config": {"path": "a"}, "hash": 347082581}}"#;
    let scratch = Scratch::with(&[(".terraform/terraform.tfstate", recorded)]);
    assert_eq!(scratch.select(None, Some(&other), true), "a");

    for (content, expected) in [("", "terraform.tfstate"), (r#"{"version": 3}"#, "terraform.tfstate"), ("{", "invalid")]
    {
        let scratch = Scratch::with(&[(".terraform/terraform.tfstate", content)]);
        assert!(scratch.select(None, None, false).starts_with(expected), "{content}");
    }
}

#[test]
fn a_workspace_name_that_may_be_a_secret_is_not_printed() {
    let local = backend("local", None);
    for (text, is_link) in [("s3cret text", false), ("s3cret", true), ("token = \"s3cret\"\n", true)] {
        let scratch = Scratch::with(&[("terraform.tfstate.d/a/x", ""), ("terraform.tfstate.d/b/x", "")]);
        let environment = scratch.path.join(".terraform/environment");
        fs::create_dir_all(environment.parent().unwrap()).unwrap();
        if is_link {
            fs::write(scratch.path.join("secret"), text).unwrap();
            std::os::unix::fs::symlink("../secret", &environment).unwrap();
        } else {
            fs::write(&environment, text).unwrap();
        }
        let selected = scratch.select(None, Some(&local), true);
        assert!(selected.starts_with("invalid: ") && selected.contains("does not hold the name"), "{selected}");
        assert!(!selected.contains("s3cret"), "{selected}");
        assert!(!scratch.select(None, None, true).contains("s3cret"));
    }
}
