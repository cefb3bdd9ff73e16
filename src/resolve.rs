//! What the command line means here: with the settings of all ranks, the environment and the working directory.

use std::time::Instant;

use camino::{Utf8Path, Utf8PathBuf};

use super::Stop;
use super::common_arguments::{CommonArguments, Format};
use airtight_engine::environment::Environment;
use airtight_finding::{Code, Finding, Owner, Severity};
use airtight_gate::check::{execution, rules};
use airtight_gate::engine;
use airtight_gate::engine::{EngineError, FoundEngine};
use airtight_gate::exec::guard;
use airtight_gate::runtime_directory::{RuntimeDirectory, RuntimeDirectoryError};
use airtight_gate::settings;
use airtight_gate::settings::{Effective, Execute, Rank, Settings, Source};
use airtight_hcl::Place;
use airtight_provider::{Engine, EngineName, Platform, Timestamp, Version};

/// Everything but the engine.
#[derive(Debug)]
pub(super) struct Resolved {
    pub started: Instant,
    pub environment: Environment,
    pub launch_directory: Utf8PathBuf,
    /// The root of the checked-out source.
    pub repository: Utf8PathBuf,
    pub settings: Effective,
    /// What the settings themselves give rise to.
    pub findings: Vec<Finding>,
    pub platform: Platform,
    /// As settings write dates: `YYYY-MM-DD`.
    pub today: String,
    pub engine_version: Option<Version>,
    pub format: Option<Format>,
    pub report: Option<Utf8PathBuf>,
    pub runtime: Result<RuntimeDirectory, RuntimeDirectoryError>,
    /// As typed, or as the variables have it.
    #[cfg(feature = "full")]
    pub given: CommonArguments,
}

/// An option that was not given, or whose variable is empty.
fn given(option: Option<&str>) -> Option<&str> {
    option.filter(|text| !text.is_empty())
}

impl Resolved {
    /// Reads the settings. `directory` is the root module, if it is not the working directory.
    pub(super) fn new(common: &CommonArguments, directory: Option<&Utf8Path>) -> Result<Self, Stop> {
        let started = Instant::now();
        let environment = Environment::from_process().map_err(|error| Stop::Usage(error.to_string()))?;
        let current = std::env::current_dir()
            .map_err(|error| Stop::Usage(format!("the working directory is not there: {error}")))?;
        let current = Utf8PathBuf::from_path_buf(current)
            .map_err(|path| Stop::Usage(format!("the working directory `{}` is not UTF-8", path.display())))?;
        let launch_directory = directory.unwrap_or(Utf8Path::new(".")).to_owned();
        if !launch_directory.is_dir() {
            return Err(Stop::Usage(format!("`{launch_directory}` is no directory")));
        }
        let repository = repository_of(&launch_directory, &environment);
        let mut findings = Vec::new();
        let sources = sources(common, &current, &repository, &mut findings)?;
        let is_run = environment.variables.get("TF_VAR_spacelift_run_id").is_some_and(|run| !run.is_empty());
        if let Some(path) = given(common.settings.as_deref()).map(|path| current.join(path)).filter(|_| is_run) {
            findings.extend(settings_of_repository(&path, &repository));
        }
        for source in &sources {
            tracing::debug!(from = source.name, rank = ?source.rank, "settings read");
        }
        let settings = Effective::merge(sources);
        tracing::debug!(mirror = ?settings.mirror, modules = ?settings.modules, policy = ?settings.policy, "settings in effect");
        findings.extend(airtight_gate::check::rules::refused(&settings));
        let usage = |what: &str, error: &dyn std::fmt::Display| Stop::Usage(format!("{what}: {error}"));
        let platform = match given(common.platform.as_deref()) {
            Some(text) => text.parse().map_err(|error| usage(&format!("--platform `{text}`"), &error))?,
            None => Platform::current(),
        };
        let engine_version = given(common.engine_version.as_deref())
            .map(|text| text.parse::<Version>().map_err(|error| usage(&format!("--engine-version `{text}`"), &error)))
            .transpose()?;
        let format = common.format.and_then(|format| format.0);
        let runtime = RuntimeDirectory::open(&environment);
        Ok(Self {
            started,
            launch_directory,
            repository,
            settings,
            findings,
            platform,
            today: Timestamp::from(std::time::SystemTime::now()).date(),
            engine_version,
            format,
            report: given(common.report.as_deref()).map(|path| current.join(path)),
            runtime,
            environment,
            #[cfg(feature = "full")]
            given: common.clone(),
        })
    }

    /// The engine that will be started.
    pub(super) fn engine(&self) -> Result<FoundEngine, Stop> {
        let found =
            engine::find(self.settings.engine.as_deref(), self.environment.path.as_deref(), self.runtime.as_ref().ok());
        let mut found = found.map_err(Stop::Engine)?;
        if let Some(version) = &self.engine_version {
            found.engine.version = version.clone();
        }
        Ok(found)
    }

    /// The engine that this process will become. With `execute: image`, an engine that is not the image's is not even asked
    /// for its version.
    pub(super) fn engine_to_start(&self) -> Result<FoundEngine, Stop> {
        let must_be_of_image = self.settings.execute == Execute::Image
            && !rules::lets_pass(&self.settings, Code::ExecutionNotEnforced, &self.today);
        if must_be_of_image {
            let program = engine::locate(self.settings.engine.as_deref(), self.environment.path.as_deref());
            guard::check_program(&program.map_err(Stop::Engine)?).map_err(|reason| {
                let finding = execution::not_enforced(&reason);
                anyhow::anyhow!("{}: {}. {}", finding.code, finding.summary, finding.help)
            })?;
        }
        self.engine()
    }

    /// The engine to predict for, which need not be here.
    pub(super) fn engine_to_predict(&self) -> Result<Engine, Stop> {
        let name = self.settings.engine.as_deref().and_then(|text| text.parse::<EngineName>().ok());
        if let (Some(name), Some(version)) = (name, &self.engine_version) {
            return Ok(Engine::new(name, version.clone()));
        }
        match self.engine() {
            Ok(found) => Ok(found.engine),
            Err(Stop::Engine(EngineError::NotFound(reason))) => Err(Stop::Usage(format!(
                "no engine: {reason}; if it is not on this machine, also give --engine-version X.Y.Z"
            ))),
            Err(stop) => Err(stop),
        }
    }

    /// The executable of an engine, if the one that is predicted for is on this machine.
    pub(super) fn program_of(&self, engine: &Engine) -> Option<Utf8PathBuf> {
        let runtime = self.runtime.as_ref().ok();
        let found = engine::find(self.settings.engine.as_deref(), self.environment.path.as_deref(), runtime).ok()?;
        (found.engine == *engine).then_some(found.program)
    }

    /// Whether to colour what goes to a stream.
    pub(super) fn colors(&self, stream: &impl std::io::IsTerminal) -> bool {
        stream.is_terminal() && self.environment.variables.get("NO_COLOR").is_none_or(str::is_empty)
    }

    /// The same for stderr.
    pub(super) fn colors_stderr(&self) -> bool {
        self.colors(&std::io::stderr())
    }
}

/// Strongest first.
fn sources(
    common: &CommonArguments,
    current: &Utf8Path,
    repository: &Utf8Path,
    findings: &mut Vec<Finding>,
) -> Result<Vec<Source>, Stop> {
    let mut sources = Vec::new();
    let wrong = |error: settings::SettingsError| Stop::Usage(error.to_string());
    let image = Utf8Path::new(settings::IMAGE_PATH);
    let mut weaker_image = None;
    if let Some(read) = settings::read(image).map_err(wrong)? {
        let why =
            settings::why_not_of_image(image).map_err(|error| Stop::Usage(format!("settings `{image}`: {error}")))?;
        let mut source = Source { rank: Rank::Image, name: image.to_string(), settings: read };
        if let Some(why) = why {
            source.rank = Rank::Administrator;
            findings.push(not_of_image(image, &why.to_string()));
            weaker_image = Some(source);
        } else {
            sources.push(source);
        }
    }
    let paths = |given: &[String]| {
        let paths = given.iter().filter(|path| !path.is_empty()).map(|path| current.join(path)).collect::<Vec<_>>();
        (!paths.is_empty()).then_some(paths)
    };
    sources.push(Source {
        rank: Rank::Administrator,
        name: "an option or its variable".to_owned(),
        settings: Settings {
            mirror: paths(&common.mirror),
            modules: paths(&common.modules),
            engine: given(common.engine.as_deref()).map(|engine| engine_text(engine, current)),
            state: given(common.state.as_deref()).map(|path| current.join(path)),
            ..Settings::default()
        },
    });
    if let Some(path) = given(common.settings.as_deref()) {
        let path = current.join(path);
        let read = settings::read(&path).map_err(wrong)?;
        let settings = read.ok_or_else(|| Stop::Usage(format!("settings `{path}`: the file does not exist")))?;
        sources.push(Source { rank: Rank::Administrator, name: path.to_string(), settings });
    }
    sources.extend(weaker_image);
    if let Some(settings) = settings::read_of_repository(repository).map_err(wrong)? {
        sources.push(Source { rank: Rank::Repository, name: settings::REPOSITORY_PATH.to_owned(), settings });
    }
    Ok(sources)
}

fn engine_text(text: &str, current: &Utf8Path) -> String {
    if text.contains('/') { current.join(text).to_string() } else { text.to_owned() }
}

fn not_of_image(path: &Utf8Path, why: &str) -> Finding {
    Finding::new(
        Code::SettingRefused,
        Severity::Warning,
        Owner::Image,
        format!("`{path}` is not used as the image's settings: {why}"),
    )
    .detail("Its keys are used as the administrator's: options and variables win over them, and `policy: observe` is ignored.")
    .help(format!("In the image's build, as root: `chown root:root {path} && chmod 0644 {path}`, and the same for its directory."))
    .at(Place::file(path), "")
}

/// The administrator's settings are a file that a pull request can change.
fn settings_of_repository(path: &Utf8Path, repository: &Utf8Path) -> Option<Finding> {
    let (real, repository) = (path.canonicalize_utf8().ok()?, repository.canonicalize_utf8().ok()?);
    real.starts_with(repository).then(|| {
        Finding::new(
            Code::RunReplaceable,
            Severity::Warning,
            Owner::Administrator,
            format!("the settings `{path}` are a file of the repository, so a pull request can change them"),
        )
        .detail("They can lower rules and name further installation methods, as far as the image's settings leave that open.")
        .help("Mount the file outside the repository, or move its keys to the image's /etc/airtight/settings.yml.")
        .at(Place::file(path), "")
    })
}

/// The root of the source: what the worker checked out, else the nearest directory with `.git`, else the root module.
fn repository_of(launch_directory: &Utf8Path, environment: &Environment) -> Utf8PathBuf {
    let real = launch_directory.canonicalize_utf8().unwrap_or_else(|_| launch_directory.to_owned());
    let worker = environment.variables.get("TF_VAR_spacelift_workspace_root").filter(|root| !root.is_empty());
    if let Some(source) = worker.map(|root| Utf8Path::new(root).join("source"))
        && real.starts_with(&source)
    {
        return source;
    }
    let with_git = real.ancestors().find(|ancestor| ancestor.join(".git").exists());
    with_git.map_or_else(|| real.clone(), Utf8Path::to_owned)
}
