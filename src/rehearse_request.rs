//! What the options of `airtight rehearse` mean here.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use super::Stop;
use super::rehearse_arguments::{RehearseArguments, StateBackend};
use super::resolve::Resolved;
use airtight_gate::engine::FoundEngine;
use airtight_hcl::Problem;
use airtight_provider::text_file;
use airtight_spacelift::hooks::{Context, Hooks, MountedFile};
use airtight_spacelift::rehearse::preparing::{self, Request};
use airtight_spacelift::rehearse::rehearsal::Asked;
use airtight_spacelift::rehearse::run::{Phase, Run, RunType};
use airtight_spacelift::runtime_configuration::StackSettings;
use airtight_spacelift::{plugin_manifest, workflow};

pub(super) fn read(
    arguments: &RehearseArguments,
    resolved: &Resolved,
    engine: Option<&FoundEngine>,
) -> Result<Asked, Stop> {
    let run_type = arguments.run_type;
    if let Some(phase) = arguments.until.filter(|phase| !run_type.phases().contains(phase)) {
        let known = run_type.phases().iter().map(|phase| phase.as_str()).collect::<Vec<_>>().join(", ");
        let text = format!("--until {}: a {} run has the phases {known}", phase.as_str(), run_type.as_str());
        return Err(Stop::Usage(text));
    }
    let until = arguments.until.or_else(|| run_type.phases().last().copied());
    if (run_type == RunType::Task) != arguments.task.is_some() {
        return Err(Stop::Usage("--task COMMAND and --type task belong together".to_owned()));
    }
    if arguments.pause && run_type != RunType::Tracked {
        return Err(Stop::Usage("--pause: only a tracked run waits for a confirmation".to_owned()));
    }
    if !(0.0..=600.0).contains(&arguments.grace) {
        return Err(Stop::Usage(format!("--grace {}: expected seconds from 0 to 600", arguments.grace)));
    }
    let is_managed = arguments.state_backend.map(|backend| backend == StateBackend::Managed);
    if arguments.workspace.is_some() && is_managed == Some(true) {
        return Err(Stop::Usage("--workspace: only a backend of the configuration's own has workspaces".to_owned()));
    }
    let contexts = contexts(arguments)?;
    let project_root = real(&resolved.launch_directory);
    let repository = real(&resolved.repository);
    let project_root = project_root.strip_prefix(&repository).map(Utf8Path::to_owned).unwrap_or_default();
    let request = Request {
        stack_settings: StackSettings {
            hooks: hooks(&arguments.hook)?,
            environment: pairs("--env", &arguments.env)?,
            ..StackSettings::default()
        },
        repository,
        project_root,
        contexts,
        mounted_files: mounted_files(arguments)?,
        stack: arguments.stack.clone(),
        ignores_runtime_configuration: arguments.ignore_runtime_configuration,
        workspace_name: arguments.workspace.clone().unwrap_or_else(|| "default".to_owned()),
        native_engine: engine.map(|engine| program(resolved, engine)),
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked above")]
    let grace_milliseconds = (arguments.grace * 1000.0) as u64;
    let run = Run {
        run_type,
        until: until.unwrap_or(Phase::Preparing),
        pauses: arguments.pause,
        skips_init: arguments.skip_init,
        task: arguments.task.clone().unwrap_or_default(),
        has_workspace: false,
        joining: arguments.hooks,
        commands: BTreeMap::new(),
        contexts: Vec::new(),
        hooks: Hooks::new(),
    };
    Ok(Asked {
        request,
        run,
        is_managed,
        has_workspace: arguments.workspace.is_some(),
        grace_milliseconds,
        watches_executions: arguments.watch_executions,
    })
}

fn real(path: &Utf8Path) -> Utf8PathBuf {
    path.canonicalize_utf8().unwrap_or_else(|_| path.to_owned())
}

/// As the commands of a stack without a workflow file call it.
fn program(resolved: &Resolved, engine: &FoundEngine) -> String {
    let name = engine.program.file_name().unwrap_or_default();
    let path = resolved.environment.path.as_deref().unwrap_or_default();
    let first = path.split(':').map(|directory| Utf8Path::new(directory).join(name)).find(|program| program.is_file());
    if first.as_ref() == Some(&engine.program) { name.to_owned() } else { engine.program.to_string() }
}

fn pairs(option: &str, texts: &[String]) -> Result<BTreeMap<String, String>, Stop> {
    let pair = |text: &String| {
        let (name, value) = text.split_once('=').filter(|(name, _)| !name.is_empty())?;
        Some((name.to_owned(), value.to_owned()))
    };
    let wrong = |text: &String| Stop::Usage(format!("{option} `{text}`: expected NAME=VALUE"));
    texts.iter().map(|text| pair(text).ok_or_else(|| wrong(text))).collect()
}

fn hooks(texts: &[String]) -> Result<Hooks, Stop> {
    let mut hooks = Hooks::new();
    for text in texts {
        let (point, command) =
            preparing::parse_hook(text).map_err(|error| Stop::Usage(format!("--hook `{text}`: {error}")))?;
        hooks.entry(point).or_default().push(command);
    }
    Ok(hooks)
}

fn contexts(arguments: &RehearseArguments) -> Result<Vec<Context>, Stop> {
    let wrong = |path: &Utf8Path, problem: &Problem| {
        let line = problem.place.position.as_ref().map(|position| format!(":{}", position.line)).unwrap_or_default();
        Stop::Usage(format!("`{path}{line}`: {}: {}", problem.summary, problem.detail))
    };
    let text = |path: &Utf8Path| {
        text_file::read(path, plugin_manifest::LIMIT_BYTES)
            .map_err(|error| Stop::Usage(format!("`{path}` cannot be read: {error}")))
    };
    let mut contexts = Vec::new();
    let parameters = pairs("--parameter", &arguments.parameter)?;
    let mut manifests = Vec::new();
    for path in &arguments.plugin {
        let manifest = plugin_manifest::parse(path, &text(path)?).map_err(|problem| wrong(path, &problem))?;
        if let Some(problem) = manifest.problems.first() {
            return Err(wrong(path, problem));
        }
        manifests.push(manifest);
    }
    for manifest in &manifests {
        // A value goes to every plugin that has the parameter; where none has it, the only one says which it has.
        let has = |name: &str| manifest.parameters.iter().any(|known| known.id == name || known.name == name);
        let values = parameters.iter().filter(|(name, _)| manifests.len() == 1 || has(name));
        let values = values.map(|(name, value)| (name.clone(), value.clone())).collect();
        contexts.extend(manifest.install(&values).map_err(|error| Stop::Usage(error.to_string()))?);
    }
    for path in &arguments.context {
        let (context, problems) =
            plugin_manifest::parse_context(path, &text(path)?).map_err(|problem| wrong(path, &problem))?;
        if let Some(problem) = problems.first() {
            return Err(wrong(path, problem));
        }
        contexts.push(context);
    }
    Ok(contexts)
}

fn mounted_files(arguments: &RehearseArguments) -> Result<Vec<MountedFile>, Stop> {
    let read = |place: Utf8PathBuf, path: &Utf8Path| {
        text_file::read(path, workflow::LIMIT_BYTES)
            .map(|content| MountedFile { path: place, content, is_sensitive: false })
            .map_err(|error| Stop::Usage(format!("`{path}` cannot be mounted: {error}")))
    };
    let mut files = Vec::new();
    for (place, path) in pairs("--mount", &arguments.mount)? {
        files.push(read(place.into(), path.as_str().into())?);
    }
    if let Some(path) = &arguments.workflow {
        files.push(read(Utf8Path::new("source").join(workflow::PATH), path)?);
    }
    Ok(files)
}

/// What options say of the image, as variables: relative paths are seen from another directory in a phase.
pub(super) fn given(resolved: &Resolved) -> Vec<(&'static str, String)> {
    let mut given = Vec::new();
    let options = &resolved.given;
    if !options.mirror.is_empty() {
        given.push((
            "AIRTIGHT_MIRROR",
            resolved.settings.mirror.iter().map(|path| path.as_str()).collect::<Vec<_>>().join(":"),
        ));
    }
    if let (false, Some(stores)) = (options.modules.is_empty(), &resolved.settings.modules) {
        given.push(("AIRTIGHT_MODULES", stores.iter().map(|path| path.as_str()).collect::<Vec<_>>().join(":")));
    }
    if let (Some(_), Some(engine)) = (&options.engine, &resolved.settings.engine) {
        given.push(("AIRTIGHT_ENGINE", engine.clone()));
    }
    if let Some(path) = &options.settings {
        given.push(("AIRTIGHT_SETTINGS", real(Utf8Path::new(path)).into_string()));
    }
    if let (Some(_), Some(path)) = (&options.state, &resolved.settings.state) {
        given.push(("AIRTIGHT_STATE", path.to_string()));
    }
    given
}
