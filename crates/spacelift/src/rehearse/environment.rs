//! The environment that phases see: the image's, what Spacelift computes, then the stack's own.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;

use super::preparing::{self, Prepared, Request};
use super::run::RunType;
use airtight_engine::environment::Environment;

/// What is this machine's own, and no container's.
const NOT_PASSED_ON: [&str; 14] = [
    "AIRTIGHT_FORMAT",
    "AIRTIGHT_REPORT",
    "DBUS_SESSION_BUS_ADDRESS",
    "OLDPWD",
    "PWD",
    "SHLVL",
    "SSH_AUTH_SOCK",
    "TMPDIR",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_RUNTIME_DIR",
    "XDG_STATE_HOME",
    "_",
];

/// A container's own `PATH`, if the image sets none.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The variables of every phase, by name. `given` are the options of the rehearsal, as variables.
pub(super) fn of_phases(
    outer: &Environment,
    given: &[(&'static str, String)],
    request: &Request,
    run_type: RunType,
    prepared: &Prepared,
    workspace_root: &Utf8Path,
    home: &Utf8Path,
) -> BTreeMap<String, String> {
    let own = &outer.variables;
    let mut variables: BTreeMap<String, String> = own
        .names()
        .filter(|name| !NOT_PASSED_ON.contains(name))
        .filter_map(|name| Some((name.to_owned(), own.get(name)?.to_owned())))
        .collect();
    variables.entry("PATH".to_owned()).or_insert_with(|| DEFAULT_PATH.to_owned());
    variables.insert("HOME".to_owned(), home.to_string());
    for name in ["USER", "LOGNAME"] {
        variables.insert(name.to_owned(), "spacelift".to_owned());
    }
    variables.extend(given.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    variables.extend(preparing::computed_variables(request, run_type, &prepared.project_root, workspace_root));
    variables.extend(prepared.variables.iter().map(|(name, variable)| (name.clone(), variable.value.clone())));
    variables
}

/// The home directory of the run's user in this image, else this user's.
pub(super) fn home(outer: &Environment) -> Utf8PathBuf {
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let of_run_user = passwd.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        (fields.get(2)? == &"1983").then(|| Utf8PathBuf::from(*fields.get(5).unwrap_or(&"")))
    });
    let is_usable = |home: &Utf8PathBuf| home.is_dir() && home != "/";
    of_run_user.filter(is_usable).or(outer.home.clone().filter(is_usable)).unwrap_or_else(|| "/tmp/home".into())
}
