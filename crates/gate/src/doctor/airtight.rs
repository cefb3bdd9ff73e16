//! airtight's own part of the image: the program, the settings, the templates, the hooks.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;

use super::permission::{READ, allows};
use super::user::User;
use super::{Check, Image, engine};
use crate::render::{CommandValues, command_arguments, command_template};
use crate::settings;
use airtight_provider::WorkflowCommand;
use airtight_provider::executable;
use airtight_provider::executable::ExecutableKind;

/// Where the README puts the scripts.
const HOOKS: &str = "/usr/local/share/airtight/hooks";

pub(super) fn check(image: &Image<'_>, user: &User) -> Vec<Check> {
    let mut checks = Vec::new();
    checks.extend(image.program.as_deref().map(|program| check_program(program, user)));
    checks.push(check_settings(Utf8Path::new(settings::IMAGE_PATH), user));
    checks.extend(image.templates.map(|directory| check_templates(directory)));
    checks.extend(check_hooks(Utf8Path::new(HOOKS), user));
    checks
}

fn check_program(program: &Utf8Path, user: &User) -> Check {
    const NAME: &str = "airtight";
    if let Some(check) = engine::closed(NAME, program, user) {
        return check;
    }
    let version = env!("CARGO_PKG_VERSION");
    match executable::kind_of_file(program) {
        ExecutableKind::Elf(elf) if elf.interpreter.is_some() => Check::warning(
            NAME,
            format!("{version} at {program}, dynamically linked: an update of the image's C library can break it"),
            "Build it with `cargo build --release` in its own repository, whose `.cargo/config.toml` makes it static",
        ),
        _ => Check::passed(NAME, format!("{version} at {program}, static")),
    }
}

fn check_settings(path: &Utf8Path, user: &User) -> Check {
    const NAME: &str = "settings";
    match settings::read(path) {
        Ok(None) => Check::warning(
            NAME,
            format!("no {path}: a stack's options and variables decide which mirror and which rules are used"),
            format!("`airtight render settings > {path}`, and set at least `mirror`"),
        ),
        Err(error) => Check::failed(
            NAME,
            error.to_string(),
            format!("Correct {path}; `airtight render settings` documents each key"),
        ),
        Ok(Some(_)) => {
            let readable = fs::metadata(path).is_ok_and(|metadata| allows(&metadata, user, READ));
            match settings::why_not_of_image(path) {
                _ if !readable => {
                    Check::failed(NAME, format!("user {} may not read {path}", user.id), format!("`chmod 0644 {path}`"))
                }
                Ok(None) => Check::passed(NAME, format!("{path} is used: stacks cannot override it")),
                Ok(Some(why)) => Check::failed(
                    NAME,
                    format!("{path} is not used: {why}"),
                    format!("`chown root:root {path} && chmod 0644 {path}`, and the same for its directory"),
                ),
                Err(error) => Check::failed(NAME, error.to_string(), format!("`chmod 0644 {path}`")),
            }
        }
    }
}

/// Each template of the image, with values that a run may have.
fn check_templates(directory: &Utf8Path) -> Check {
    const NAME: &str = "templates";
    let values = CommandValues {
        workspace_name: "w".to_owned(),
        lock: true,
        refresh: true,
        plan_file: "p".to_owned(),
        targets: vec!["a.b".to_owned()],
    };
    let mut count = 0;
    for command in WorkflowCommand::ALL {
        let name = command_template(*command);
        let path = directory.join(&name);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Check::failed(NAME, error.to_string(), format!("`chmod -R a+rX {directory}`")),
        };
        let overrides = BTreeMap::from([(name, text)]);
        if let Err(error) = command_arguments(*command, &values, &overrides) {
            return Check::failed(
                NAME,
                format!("{path}: {error}"),
                "Correct the template, or remove it to use airtight's own",
            );
        }
        count += 1;
    }
    Check::passed(NAME, format!("{count} in {directory}"))
}

/// The hook scripts, where the image has them.
fn check_hooks(directory: &Utf8Path, user: &User) -> Option<Check> {
    const NAME: &str = "hooks";
    const POINTS: [&str; 5] = ["before_init", "before_plan", "before_apply", "before_destroy", "before_perform"];
    if !directory.is_dir() {
        return None;
    }
    let script = |point: &str| -> Utf8PathBuf { directory.join(format!("{point}.sh")) };
    let is_readable = |path: &Utf8PathBuf| fs::metadata(path).is_ok_and(|metadata| allows(&metadata, user, READ));
    let missing: Vec<String> = POINTS
        .iter()
        .map(|point| script(point))
        .filter(|path| !is_readable(path))
        .map(|path| path.to_string())
        .collect();
    Some(if missing.is_empty() {
        Check::passed(NAME, format!("{} in {directory}", POINTS.len()))
    } else {
        Check::failed(
            NAME,
            format!("user {} cannot read {}", user.id, missing.join(", ")),
            format!("Copy airtight's `hooks` there again, and `chmod -R a+rX {directory}`"),
        )
    })
}
