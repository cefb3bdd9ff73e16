//! What every runner image needs, engine or not.

use camino::Utf8Path;

use super::Check;
use airtight_engine::environment::Environment;

pub(super) fn check(environment: &Environment) -> Vec<Check> {
    let path = environment.path.as_deref().unwrap_or_default();
    vec![
        program("sh", path, Check::failed, "it runs hooks and workflow commands", "Install a shell as /bin/sh"),
        program(
            "ps",
            path,
            Check::failed,
            "the worker uses it to see whether the job still runs",
            "Alpine: busybox has it; Debian: `apt-get install -y procps`",
        ),
        program(
            "git",
            path,
            Check::warning,
            "modules with `git::` sources and private repositories need it",
            "Alpine: `apk add git`; Debian: `apt-get install -y git`",
        ),
        authorities(),
    ]
}

fn program(
    name: &'static str,
    path: &str,
    missing: fn(&'static str, String, String) -> Check,
    why: &str,
    fix: &str,
) -> Check {
    let candidates = path.split(':').filter(|directory| !directory.is_empty());
    let found = candidates.map(|directory| Utf8Path::new(directory).join(name)).find(|candidate| {
        candidate.is_file() && rustix::fs::access(candidate.as_std_path(), rustix::fs::Access::EXEC_OK).is_ok()
    });
    match found {
        Some(found) => Check::passed(name, found),
        None => missing(name, format!("not on PATH ({path}): {why}"), fix.to_owned()),
    }
}

/// What TLS to a state backend or an API is checked against.
fn authorities() -> Check {
    const NAME: &str = "certificates";
    let found = rustls_native_certs::load_native_certs();
    match (found.certs.len(), found.errors.first()) {
        (0, error) => Check::failed(
            NAME,
            format!(
                "no certificate authorities{}: no TLS connection of an engine or a provider can work",
                error.map(|error| format!(" ({error})")).unwrap_or_default()
            ),
            "Alpine: `apk add ca-certificates`; Debian: `apt-get install -y ca-certificates`; then add your own authority",
        ),
        (count, _) => Check::passed(NAME, format!("{count} certificate authorities")),
    }
}
