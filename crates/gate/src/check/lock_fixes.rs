//! How to fix a lock file that would have to change.

use airtight_engine::init_arguments::{ArgumentOrigin, Flag};
use airtight_engine::predict::Facts;
use airtight_finding::shell_word as quoted;
use airtight_provider::ProviderAddress;
use airtight_provider::lock_file::LockFile;

/// `-lockfile=readonly` and another set of providers. What the mirror holds must not become what is locked.
pub(super) fn lock_set(facts: &Facts, unlocked: &[ProviderAddress], unused: &[ProviderAddress]) -> String {
    let (program, platform) = (facts.engine.name, &facts.platform);
    let names = |addresses: &[ProviderAddress]| {
        let names = addresses.iter().map(|address| address.for_display(program));
        names.collect::<Vec<_>>().join(" ")
    };
    let mut help = Vec::new();
    if !unlocked.is_empty() {
        let names = names(unlocked);
        help.push(format!(
            "On a machine with network access, run `{program} providers lock -platform={platform} {names}`, and commit the \
             lock file."
        ));
    }
    if !unused.is_empty() {
        let commands = unused.iter().filter_map(|address| entry_removal(&facts.lock, address)).collect::<Vec<_>>();
        let commands = match commands.as_slice() {
            [] => ".".to_owned(),
            commands => format!(": {}", commands.join(", ")),
        };
        help.push(format!("Remove the entry that nothing needs from the lock file: {}{commands}", names(unused)));
    }
    if let Some(variable) = facts.init.origin(Flag::Lockfile).and_then(ArgumentOrigin::variable) {
        help.push(format!("`-lockfile=readonly` comes from {variable}."));
    }
    help.join(" ")
}

/// The command that removes an entry, if it is written as engines write it.
pub(super) fn entry_removal(lock: &LockFile, address: &ProviderAddress) -> Option<String> {
    let head = format!("provider \"{address}\" {{");
    let mut lines = lock.text.lines().skip_while(|line| *line != head).skip(1);
    let ends_alone = lines.find(|line| *line == "}" || line.starts_with("provider "))? == "}";
    let sed = format!("\\#^provider \"{address}\" {{$#,/^}}$/d");
    ends_alone.then(|| format!("`sed -i {} {}`", quoted(&sed), quoted(lock.path.as_str())))
}
