//! Asking real engines, and engines that misbehave, what a configuration needs.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::time::{Duration, Instant};

use airtight_engine::ask::{
    self, Answer, Failure, Loaded, LocalState, Modules, NotAsked, PulledState, Question, Refused,
};
use airtight_engine::init_arguments::InitArguments;
use airtight_provider::{Engine, Version};
use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;

use crate::support::engine_shim::{self, EngineShim, hanging, script};
use crate::support::engines::{self, engines};
use crate::support::isolation::{Isolated, has_namespaces, is_root};
use crate::support::runner::ignored;
use crate::support::tree::Workspace;

crate::tests! {
    every_case_is_answered_and_leaves_nothing(engine),
    fifty_providers_come_with_their_constraints(engine),
    the_engine_s_environment_does_not_change_the_question(engine),
    variables_reach_the_engine,
    installed_modules_are_seen_where_they_are(engine),
    a_module_that_needs_network_is_not_asked_for,
    a_download_that_fails_without_network_is_no_refusal(engine),
    an_engine_that_hangs_is_stopped_with_its_children,
    an_engine_that_leaves_its_output_open_is_stopped,
    an_engine_that_prints_nonsense_gives_no_answer,
    without_a_temporary_directory_there_is_no_answer,
    the_engine_sees_no_network,
    a_secret_is_in_no_answer,
    a_newer_engine_is_believed,
    a_state_is_read_from_its_backend(engine),
    a_leftover_of_a_local_state_counts_only_without_a_backend(engine),
    a_backend_that_cannot_be_opened_is_the_engine_s_own_refusal(engine),
    asks_in_a_process_of_its_own,
    an_unprivileged_user_asks_without_network,
    another_user_may_ask_about_a_workspace_that_it_cannot_write(engine),
    a_signal_ends_the_engine_and_leaves_nothing,
}

/// Asked in a process of its own: as another user, or to be interrupted.
const JOB: &str = "AIRTIGHT_TEST_ASK";

const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/ask/cases");

/// A root module, and a directory for what is temporary.
struct Asked {
    workspace: Workspace,
    program: Utf8PathBuf,
    engine: Engine,
    init: InitArguments,
    environment: Vec<(OsString, OsString)>,
    modules: Modules,
    local_state: LocalState,
    limit: Duration,
}

impl Asked {
    fn new(program: &Utf8Path, engine: Engine) -> Self {
        let workspace = Workspace::new();
        for directory in ["root", "temporary"] {
            fs::create_dir(workspace.path(directory)).unwrap();
        }
        let environment = [
            ("PATH", "/usr/bin:/bin".to_owned()),
            ("HOME", workspace.path("home").into_string()),
            ("TMPDIR", workspace.path("temporary").into_string()),
        ];
        Self {
            program: program.to_owned(),
            engine,
            init: InitArguments::default(),
            environment: environment.map(|(name, value)| (name.into(), value.into())).into(),
            modules: Modules::AtHand,
            local_state: LocalState::Counts,
            limit: Duration::from_mins(1),
            workspace,
        }
    }

    fn real(engine: &engines::Engine) -> Self {
        Self::new(&engine.path, Engine::new(engine.name.parse().unwrap(), engine.version.parse().unwrap()))
    }

    /// A script that says nothing of itself.
    fn shim(body: &str) -> Self {
        let mut asked = Self::new("".into(), Engine::new("terraform".parse().unwrap(), Version::release(1, 14, 0)));
        asked.program = script(&asked.workspace.path("engine"), body);
        asked
    }

    fn file(&self, path: &str, text: &str) -> &Self {
        let path = self.workspace.path("root").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    fn with<T>(&self, job: impl FnOnce(&Question<'_>) -> T) -> T {
        let root_module = self.workspace.path("root");
        job(&Question {
            program: &self.program,
            engine: &self.engine,
            root_module: &root_module,
            data_dir: &root_module.join(".terraform"),
            repository: &root_module,
            init: &self.init,
            environment: self.environment.clone(),
            modules: self.modules.clone(),
            module_records: None,
            local_state: self.local_state,
            workspace_dir: None,
            cli_blocks: "",
            temporary: &self.workspace.path("temporary"),
            confine: None,
            limit: self.limit,
        })
    }

    /// Asks, and makes sure that nothing is changed and nothing left.
    fn answer(&self) -> Answer {
        let before = contents(&self.workspace.path("root"));
        let answer = self.with(ask::ask);
        assert_eq!(contents(&self.workspace.path("root")), before, "the root module was changed");
        assert_eq!(self.left(), Vec::<String>::new());
        answer
    }

    fn loaded(&self) -> Loaded {
        match self.answer() {
            Answer::Loads(loaded) => loaded,
            other => panic!("{} {other:?}", self.engine),
        }
    }

    fn refused(&self) -> Refused {
        match self.answer() {
            Answer::Refused(refused) => refused,
            other => panic!("{} {other:?}", self.engine),
        }
    }

    /// What is in the temporary directory.
    fn left(&self) -> Vec<String> {
        let entries = self.workspace.path("temporary").read_dir_utf8().unwrap();
        entries.map(|entry| entry.unwrap().file_name().to_owned()).collect()
    }

    /// The same question in a process of its own.
    fn job(&self) -> Isolated {
        let program = Utf8PathBuf::try_from(std::env::current_exe().unwrap()).unwrap();
        Isolated::new(&program, self.workspace.root())
            .arguments(["--exact", "ask::asks_in_a_process_of_its_own", "--nocapture"])
            .environment(JOB, format!("{}\n{}\n{}", self.program, self.engine.name, self.engine.version))
    }
}

/// Every path with its bytes, or its target, or nothing for a directory.
fn contents(root: &Utf8Path) -> BTreeMap<Utf8PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![root.to_owned()];
    while let Some(path) = waiting.pop() {
        let metadata = fs::symlink_metadata(&path).unwrap();
        let bytes = if metadata.is_dir() {
            waiting.extend(path.read_dir_utf8().unwrap().map(|entry| entry.unwrap().into_path()));
            Vec::new()
        } else if metadata.is_symlink() {
            path.read_link_utf8().unwrap().into_string().into_bytes()
        } else {
            fs::read(&path).unwrap()
        };
        found.insert(path, bytes);
    }
    found
}

fn copy(from: &Utf8Path, to: &Utf8Path) {
    for (path, bytes) in contents(from) {
        let target = to.join(path.strip_prefix(from).unwrap());
        if path.is_dir() { fs::create_dir_all(target).unwrap() } else { fs::write(target, bytes).unwrap() }
    }
}

fn addresses(loaded: &Loaded) -> Vec<String> {
    loaded.requirements.iter().map(|needed| needed.address.to_string()).collect()
}

/// Whether a process goes on; one that was just killed needs a moment.
fn is_running(pid: &Utf8Path) -> bool {
    let pid = fs::read_to_string(pid).unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let state = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
        // A process that nobody has waited for yet does not run.
        if state.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with('Z')) {
            return false;
        }
        if Instant::now() > deadline {
            return true;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn every_case_is_answered_and_leaves_nothing(engine: &'static engines::Engine) {
    let refused = [
        "broken-lock",
        "child-errors",
        "constraint",
        "json",
        "legacy-state",
        "missing-module",
        "required-version",
        "test-file-error",
        "warning",
    ];
    for case in Utf8Path::new(CASES).read_dir_utf8().unwrap().map(|case| case.unwrap()) {
        let asked = Asked::real(engine);
        copy(case.path(), &asked.workspace.path("root"));
        let is_unread = case.file_name() == "required-version" && !asked.engine.checks_required_version_in_tf_files();
        if refused.contains(&case.file_name()) && !is_unread {
            assert!(!asked.refused().errors.is_empty());
        } else {
            assert_eq!(asked.loaded().other_errors, []);
        }
    }
}

fn fifty_providers_come_with_their_constraints(engine: &'static engines::Engine) {
    let asked = Asked::real(engine);
    let mut text = String::new();
    for number in 0..50 {
        text += &format!(
            "    p{number} = {{\n      source = \"example.com/acme/p{number:02}\"\n      version = \"~> {number}.1\"\n    }}\n"
        );
    }
    asked.file("main.tf", &format!("terraform {{\n  required_providers {{\n{text}  }}\n}}\n"));
    let loaded = asked.loaded();
    assert_eq!(loaded.requirements.len(), 50);
    for (number, needed) in loaded.requirements.iter().enumerate() {
        assert_eq!(needed.address.to_string(), format!("example.com/acme/p{number:02}"));
        assert_eq!(needed.constraints.as_deref(), Some(format!("~> {number}.1").as_str()));
        assert!(!needed.from_lock && needed.refusal.is_none());
    }
}

fn the_engine_s_environment_does_not_change_the_question(engine: &'static engines::Engine) {
    let mut asked = Asked::real(engine);
    asked.file("main.tf", "resource \"null_resource\" \"it\" {}\n");
    let log = asked.workspace.path("log");
    for (name, value) in [
        ("TF_CLI_ARGS", "-bogus"),
        ("TF_CLI_ARGS_init", "-upgrade -plugin-dir=/nowhere"),
        ("TF_DATA_DIR", "/nonexistent/data"),
        ("TF_PLUGIN_CACHE_DIR", "/nonexistent/cache"),
        ("TF_CLI_CONFIG_FILE", "/nonexistent/cli"),
        ("TF_REATTACH_PROVIDERS", "{"),
        ("TF_LOG", "trace"),
        // For a workspace that is new, both engines make a directory.
        ("TF_WORKSPACE", "blue"),
        ("TF_LOG_PATH", log.as_str()),
        ("AIRTIGHT_MIRROR", "/nonexistent"),
    ] {
        asked.environment.push((name.into(), value.into()));
    }
    assert_eq!(addresses(&asked.loaded()), [format!("{}/hashicorp/null", engine.default_host())]);
    assert!(!log.exists());
}

fn variables_reach_the_engine() {
    let asked = Asked::shim("echo \"$TF_VAR_region $TF_WORKSPACE $*\" >seen\nexit 3");
    let mut asked = asked;
    asked.environment.push(("TF_VAR_region".into(), "north".into()));
    asked.environment.push(("TF_WORKSPACE".into(), "blue".into()));
    let own = ["-var", "a=b", "-var-file=c", "-test-directory=t", "-get=false", "-upgrade", "-plugin-dir=/x"];
    asked.init = InitArguments::parse(None, None, &own.map(str::to_owned));
    assert_eq!(asked.with(ask::ask), Answer::Failed(Failure::Unreadable { code: 3 }));
    assert_eq!(
        fs::read_to_string(asked.workspace.path("root/seen")).unwrap().trim(),
        "north blue init -input=false -no-color -lockfile=readonly -json -get=false -test-directory=t -var=a=b -var-file=c \
         -backend=false"
    );
}

fn installed_modules_are_seen_where_they_are(engine: &'static engines::Engine) {
    let asked = Asked::real(engine);
    let host = engine.default_host();
    asked.file("main.tf", "module \"vpc\" {\n  source  = \"acme/vpc/aws\"\n  version = \"~> 5.0\"\n}\n");
    asked.file(".terraform/modules/vpc/main.tf", "module \"sub\" {\n  source = \"./sub\"\n}\n");
    asked.file(".terraform/modules/vpc/sub/main.tf", "resource \"random_pet\" \"it\" {}\n");
    let manifest = format!(
        r#"{{"Modules":[{{"Key":"","Source":"","Dir":"."}},{{"Key":"vpc","Source":"{host}/acme/vpc/aws","Version":"5.1.0","Dir":".terraform/modules/vpc"}}]}}"#
    );
    asked.file(".terraform/modules/modules.json", &manifest);
    assert_eq!(addresses(&asked.loaded()), [format!("{host}/hashicorp/random")]);
}

fn a_module_that_needs_network_is_not_asked_for() {
    let mut asked = Asked::shim("touch started");
    asked.modules = Modules::NeedNetwork { module: "vpc".to_owned() };
    assert_eq!(asked.answer(), Answer::NotAsked(NotAsked::ModuleNeedsNetwork { module: "vpc".to_owned() }));
    asked.modules = Modules::AtHand;
    asked.init.from_module = Some("x".to_owned());
    assert_eq!(asked.answer(), Answer::NotAsked(NotAsked::CopiesModule));
    asked.init = InitArguments { migrate_state: true, ..InitArguments::default() };
    let answer = asked.with(ask::ask_state).answer;
    assert_eq!(answer, Answer::NotAsked(NotAsked::MigratesState));
    assert!(!asked.workspace.path("root/started").exists());
}

fn a_download_that_fails_without_network_is_no_refusal(engine: &'static engines::Engine) {
    for source in ["acme/vpc/aws", "git::https://example.com/x.git", "https://example.com/x.zip", "bitbucket.org/a/b"] {
        let asked = Asked::real(engine);
        asked.file("main.tf", &format!("module \"it\" {{\n  source = \"{source}\"\n}}\n"));
        let answer = asked.answer();
        let Answer::Failed(Failure::ModuleNotDownloaded { place: Some(place) }) = &answer else { panic!("{answer:?}") };
        assert_eq!(place.file, "main.tf", "{source}");
        // An error of the configuration's own is one all the same.
        asked.file("other.tf", "variable \"a\" {\n  bogus = 1\n}\n");
        let errors = asked.refused().errors;
        assert!(errors.iter().all(|error| error.place.as_ref().is_some_and(|place| place.file == "other.tf")));
    }
}

fn an_engine_that_hangs_is_stopped_with_its_children() {
    let mut asked = Asked::shim("");
    asked.program = hanging(asked.workspace.root());
    asked.limit = Duration::from_secs(1);
    let answer = asked.answer();
    assert_eq!(answer, Answer::TimedOut(asked.limit));
    assert_eq!(answer.why_unknown().unwrap(), "the engine did not answer within 1 s and was stopped");
    for pid in ["pid", "child"] {
        assert!(!is_running(&asked.workspace.path(pid)), "{pid}");
    }
}

fn an_engine_that_leaves_its_output_open_is_stopped() {
    let mut asked = Asked::shim("setsid sleep 20 &");
    asked.limit = Duration::from_secs(1);
    let started = Instant::now();
    assert_eq!(asked.answer(), Answer::TimedOut(asked.limit));
    assert!(started.elapsed() < Duration::from_secs(15));
}

fn an_engine_that_prints_nonsense_gives_no_answer() {
    let cases = [
        ("echo hello", Failure::Unreadable { code: 0 }),
        ("head -c 100000 /dev/urandom; exit 1", Failure::Unreadable { code: 1 }),
        ("yes | head -c 100000000", Failure::TooMuchOutput { limit_bytes: 16 * 1024 * 1024 }),
        ("yes | head -c 100000000 >&2", Failure::TooMuchOutput { limit_bytes: 16 * 1024 * 1024 }),
        ("kill -9 $$", Failure::Killed { signal: 9 }),
        ("cat", Failure::Unreadable { code: 0 }),
    ];
    for (body, expected) in cases {
        assert_eq!(Asked::shim(body).answer(), Answer::Failed(expected), "{body}");
    }
    let mut asked = Asked::shim("");
    asked.program = asked.workspace.path("nowhere");
    let Answer::Failed(Failure::NotStarted { program, .. }) = asked.answer() else { panic!() };
    assert_eq!(program, asked.program);
}

fn without_a_temporary_directory_there_is_no_answer() {
    let asked = Asked::shim("touch started");
    let nowhere = asked.workspace.path("nowhere");
    let answer = asked.with(|question| ask::ask(&Question { temporary: &nowhere, ..question.clone() }));
    let Answer::Failed(Failure::NoScratch { path, .. }) = answer else { panic!("{answer:?}") };
    assert_eq!(path, nowhere);
}

fn the_engine_sees_no_network() {
    let asked = Asked::shim("cat /proc/net/dev >dev; echo \"$https_proxy $GIT_ALLOW_PROTOCOL\" >proxy");
    asked.with(ask::ask);
    assert_eq!(fs::read_to_string(asked.workspace.path("root/proxy")).unwrap(), "http://127.0.0.1:1 file\n");
    if !is_root() || !has_namespaces() {
        return ignored("no network namespace can be made here");
    }
    let devices = fs::read_to_string(asked.workspace.path("root/dev")).unwrap();
    let names: Vec<_> = devices.lines().skip(2).map(|line| line.split(':').next().unwrap().trim()).collect();
    assert_eq!(names, ["lo"]);
}

fn a_secret_is_in_no_answer() {
    let secret = "hunter2-hunter2";
    for engine in engines() {
        let mut asked = Asked::real(engine);
        let text = "variable \"token\" {\n  const = true\n}\n\nmodule \"it\" {\n  source = \"./${var.token}\"\n}\n";
        asked.file("main.tf", text).file("other.tf", "module \"it\" {\n  source = \"./$${var.token}\"\n}\n");
        asked.environment.push(("TF_VAR_token".into(), secret.into()));
        let answer = asked.answer();
        assert!(matches!(answer, Answer::Refused(_)), "{answer:?}");
        assert!(!format!("{answer:?}").contains(secret), "{answer:?}");
    }
    let shim = |argument: &str| {
        let (text, code) = engine_shim::refusing("1.14.0", "It", &format!("The value is {secret}."), "main.tf", 1);
        let mut asked = Asked::shim(&format!("cat <<'END'\n{text}END\nexit {code}"));
        asked.init = InitArguments::parse(None, None, &[argument.to_owned()]);
        format!("{:?}", asked.refused())
    };
    assert!(shim("-upgrade").contains(secret));
    assert!(!shim(&format!("-var=token={secret}")).contains(secret));
    assert!(!shim(&format!("-backend-config=password={secret}")).contains(secret));
}

fn a_newer_engine_is_believed() {
    let Some(engine) = engines::engine("terraform") else { return };
    let text = "variable \"source\" {\n  const   = true\n  default = \"acme/it\"\n}\n\nterraform {\n  required_providers {\n    \
                it = {\n      source = var.source\n    }\n  }\n}\n";
    let alone = Asked::real(engine);
    alone.file("main.tf", text);
    assert!(!alone.refused().errors.is_empty());
    let version = "1.17.0";
    let cases = [
        (engine_shim::needing(version, &[("acme/it", "~> 1.0"), ("e.com/a/b", "")]), "loads"),
        (engine_shim::needing(version, &[("under_scored/it", "")]), "loads"),
        (engine_shim::refusing(version, "It", "So it is.", "main.tf", 3), "refused"),
    ];
    for (answer, expected) in cases {
        let mut asked = Asked::new("".into(), Engine::new("terraform".parse().unwrap(), version.parse().unwrap()));
        asked.file("main.tf", text);
        let shim = EngineShim { real: &engine.path, version, answer, accepted: None };
        asked.program = shim.write_to(&asked.workspace.path("bin"));
        match (asked.answer(), expected) {
            (Answer::Loads(loaded), "loads") => {
                assert!(
                    loaded.requirements.len() == 2
                        || loaded.unreadable == ["under_scored/it"]
                        || addresses(&loaded) == ["registry.terraform.io/under_scored/it"]
                );
            }
            (Answer::Refused(refused), "refused") => assert_eq!(refused.errors[0].place.as_ref().unwrap().line, 3),
            (other, _) => panic!("{other:?}"),
        }
    }
}

fn a_state_is_read_from_its_backend(engine: &'static engines::Engine) {
    let state = r#"{"version":4,"terraform_version":"1.5.0","serial":1,"lineage":"8f5c3f4e-0000-4000-8000-000000000000","outputs":{},"resources":[{"module":"module.old","mode":"managed","type":"null_resource","name":"kept","provider":"provider[\"example.com/acme/null\"]","instances":[]}]}"#;
    let mut asked = Asked::real(engine);
    asked.file("main.tf", "terraform {\n  backend \"local\" {}\n}\n\nresource \"random_pet\" \"it\" {}\n");
    asked.file("states/real.tfstate", state);
    let own = ["-backend-config=path=states/real.tfstate".to_owned()];
    asked.init = InitArguments::parse(None, None, &own);
    let before = contents(&asked.workspace.path("root"));
    let answer = asked.with(ask::ask_state);
    assert_eq!(contents(&asked.workspace.path("root")), before);
    assert_eq!(asked.left(), Vec::<String>::new());
    let Answer::Loads(loaded) = &answer.answer else { panic!("{answer:?}") };
    assert_eq!(
        addresses(loaded),
        ["example.com/acme/null".to_owned(), format!("{}/hashicorp/random", engine.default_host())]
    );
    let PulledState::Read(state) = &answer.state else { panic!("{answer:?}") };
    assert_eq!(state.needs[0].resource, "module.old.null_resource.kept");
    // The configuration alone needs less.
    assert_eq!(asked.loaded().requirements.len(), 1);
}

fn a_leftover_of_a_local_state_counts_only_without_a_backend(engine: &'static engines::Engine) {
    let mut asked = Asked::real(engine);
    copy(&Utf8Path::new(CASES).join("legacy-state"), &asked.workspace.path("root"));
    assert!(!asked.refused().errors.is_empty());
    asked.file("backend.tf", "terraform {\n  backend \"http\" {\n    address = \"http://127.0.0.1:1/state\"\n  }\n}\n");
    asked.local_state = LocalState::Ignored;
    for workspace in [None, Some("blue")] {
        asked.environment.extend(workspace.map(|name| ("TF_WORKSPACE".into(), name.into())));
        assert_eq!(asked.loaded().requirements, []);
    }
}

fn a_backend_that_cannot_be_opened_is_the_engine_s_own_refusal(engine: &'static engines::Engine) {
    let mut asked = Asked::real(engine);
    asked.file("main.tf", "terraform {\n  backend \"http\" {\n    address = \"http://127.0.0.1:1/state\"\n  }\n}\n");
    let own = ["-backend-config=password=hunter2-hunter2", "-backend-config=retry_max=0"].map(str::to_owned);
    asked.init = InitArguments::parse(None, None, &own);
    let answer = asked.with(ask::ask_state);
    let Answer::Refused(refused) = &answer.answer else { panic!("{answer:?}") };
    assert!(!refused.errors.is_empty());
    assert!(matches!(answer.state, PulledState::NotPulled));
    assert!(!format!("{answer:?}").contains("hunter2"));
    assert_eq!(asked.left(), Vec::<String>::new());
}

fn asks_in_a_process_of_its_own() {
    let Ok(job) = std::env::var(JOB) else { return };
    let [program, name, version] = job.lines().collect::<Vec<_>>()[..] else { panic!("{job}") };
    let (engine, init) = (Engine::new(name.parse().unwrap(), version.parse().unwrap()), InitArguments::default());
    let directory = Utf8PathBuf::try_from(std::env::current_dir().unwrap()).unwrap();
    let answer = ask::ask(&Question {
        program: program.into(),
        engine: &engine,
        root_module: &directory.join("root"),
        data_dir: &directory.join("root/.terraform"),
        repository: &directory,
        init: &init,
        environment: std::env::vars_os().collect(),
        modules: Modules::AtHand,
        module_records: None,
        local_state: LocalState::Counts,
        workspace_dir: None,
        cli_blocks: "",
        temporary: &directory.join("temporary"),
        confine: None,
        limit: ask::LIMIT,
    });
    println!("{answer:?}");
}

/// A user without privileges gets a network namespace too, in a user namespace, if the kernel permits one.
fn an_unprivileged_user_asks_without_network() {
    let can_leave = Isolated::new("/usr/bin/unshare".into(), "/".into()).arguments(["-rn", "true"]);
    let can_leave = Isolated { unprivileged: true, offline: false, ..can_leave };
    if !is_root() || !can_leave.run().status.success() {
        return ignored("no other user may make a user namespace here");
    }
    let asked = Asked::shim("id -u >\"$HOME/seen\"; readlink /proc/self/ns/net >>\"$HOME/seen\"; exit 3");
    fs::create_dir(asked.workspace.path("home")).unwrap();
    for directory in ["home", "root", "temporary"] {
        std::os::unix::fs::chown(asked.workspace.path(directory), Some(1983), Some(1983)).unwrap();
    }
    let job = asked.job().environment("HOME", asked.workspace.path("home").as_str());
    let output = Isolated { unprivileged: true, offline: false, ..job }.run();
    assert!(output.status.success(), "{output:?}");
    let seen = fs::read_to_string(asked.workspace.path("home/seen")).unwrap();
    let [user, network] = seen.lines().collect::<Vec<_>>()[..] else { panic!("{seen}") };
    let ours = fs::read_link("/proc/self/ns/net").unwrap();
    assert_eq!(user, "1983");
    assert_ne!(network, ours.to_str().unwrap());
}

fn another_user_may_ask_about_a_workspace_that_it_cannot_write(engine: &'static engines::Engine) {
    if !is_root() {
        return ignored("it needs root");
    }
    for (case, expected) in [("stale-lock", "Loads"), ("providers", "Loads"), ("constraint", "Refused")] {
        let asked = Asked::real(engine);
        copy(&Utf8Path::new(CASES).join(case), &asked.workspace.path("root"));
        let temporary = asked.workspace.path("temporary");
        std::os::unix::fs::chown(&temporary, Some(1983), Some(1983)).unwrap();
        let before = contents(&asked.workspace.path("root"));
        let output = Isolated { unprivileged: true, ..asked.job() }.run();
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(text.contains(&format!("{expected}(")), "{case}: {text}");
        assert_eq!(contents(&asked.workspace.path("root")), before);
        assert_eq!(asked.left(), Vec::<String>::new());
    }
}

fn a_signal_ends_the_engine_and_leaves_nothing() {
    for (signal, number) in [(rustix::process::Signal::TERM, 15), (rustix::process::Signal::INT, 2)] {
        let mut asked = Asked::shim("");
        asked.program = hanging(asked.workspace.root());
        let mut child = Isolated { offline: false, ..asked.job() }.command().spawn().unwrap();
        let started = asked.workspace.path("started");
        let deadline = Instant::now() + Duration::from_mins(1);
        while !started.exists() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(10));
        }
        assert!(!asked.left().is_empty());
        let pid = rustix::process::Pid::from_raw(child.id().cast_signed()).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
        let status = child.wait().unwrap();
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(number));
        assert_eq!(asked.left(), Vec::<String>::new());
        for pid in ["pid", "child"] {
            assert!(!is_running(&asked.workspace.path(pid)), "{pid}");
        }
    }
}
