//! Packages that another tool put into a mirror in its own layout: where they lie, and the `mv` that fixes it.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};

use airtight_provider::mirror::Mirror;
use airtight_provider::{Platform, ProviderAddress, Version};

use airtight_finding::{plural, shell_word};

/// Below an ignored entry nobody looks deeper.
const DEPTH: usize = 8;

/// A mirror is looked for so many levels above the one that was named.
const LEVELS: usize = 3;

/// More names are not looked at.
const NAMES: usize = 2_000;

/// What to say about an ignored entry that is or contains a package. With `wanted`, only if it can be that provider's, whose
/// address then fills what the package's place does not tell.
pub(super) fn fix(mirror: &Mirror, entry: &Utf8Path, wanted: Option<&ProviderAddress>) -> Option<String> {
    let mut left = NAMES;
    let found = find(entry, DEPTH, &mut left)?;
    let relative = found.path.strip_prefix(&mirror.base).ok()?;
    let names: Vec<&str> = relative.components().map(|component| component.as_str()).collect();
    if names.iter().any(|name| matches!(Utf8Path::new(name).extension(), Some("part" | "tmp"))) {
        return Some(format!(
            "`{0}` is a copy that did not end. Copy the archive again, and remove this: `rm {1}`",
            found.path,
            shell_word(found.path.as_str())
        ));
    }
    // The whole tree one or more levels down.
    for depth in 1..names.len() {
        if is_in_place(&names[depth..], &found, wanted) {
            let base = mirror.base.join(names[..depth].join("/"));
            return Some(format!("The mirror is {} down: {}", plural(depth, "level"), named(&base)));
        }
    }
    // Or up.
    let above: Vec<&str> = mirror.base.components().map(|component| component.as_str()).collect();
    for count in 1..=LEVELS.min(above.len()) {
        let full = [&above[above.len() - count..], &names[..]].concat();
        if is_in_place(&full, &found, wanted) {
            let base = mirror.base.ancestors().nth(count)?;
            return Some(format!("The mirror begins {} higher: {}", plural(count, "level"), named(base)));
        }
    }
    let target = target(&names, &found)?;
    let target = match wanted {
        Some(wanted) => filled(&target, wanted)?,
        None => target,
    };
    let (host, rest) = target.split_once('/')?;
    let to = mirror.base.join(&target);
    let directory = to.parent()?;
    let command = format!(
        "mkdir -p {} && mv {} {}",
        shell_word(directory.as_str()),
        shell_word(found.path.as_str()),
        shell_word(to.as_str())
    );
    Some(if host == "HOST" {
        format!(
            "A package of {} is at `{}`: run `{command}`, with the registry's name for HOST, such as \
             registry.terraform.io or registry.opentofu.org.",
            rest.split('/').take(2).collect::<Vec<_>>().join("/"),
            found.path
        )
    } else {
        format!("A package is at `{}`: run `{command}`.", found.path)
    })
}

fn named(base: &Utf8Path) -> String {
    format!(
        "name it with `--mirror {}`, or in the image's settings, /etc/airtight/settings.yml: `mirror: [{base}]`.",
        shell_word(base.as_str())
    )
}

/// A path below a mirror with an address in the place of what is not known; null if it is another provider's.
fn filled(target: &str, wanted: &ProviderAddress) -> Option<String> {
    let mut names = target.split('/');
    let known = [names.next()?, names.next()?, names.next()?];
    let address = [wanted.host(), wanted.namespace(), wanted.provider_type()];
    let fits =
        known.iter().zip(address).all(|(known, wanted)| matches!(*known, "HOST" | "NAMESPACE") || *known == wanted);
    let rest: Vec<&str> = names.collect();
    fits.then(|| format!("{}/{}", address.join("/"), rest.join("/")))
}

/// A package in whatever place.
struct Found {
    path: Utf8PathBuf,
    version: Option<Version>,
    platform: Option<Platform>,
    /// As its name has it.
    provider_type: Option<String>,
    is_archive: bool,
}

fn find(path: &Utf8Path, depth: usize, left: &mut usize) -> Option<Found> {
    *left = left.checked_sub(1)?;
    let metadata = std::fs::symlink_metadata(path).ok()?;
    if !metadata.is_dir() {
        return if metadata.is_file() { package_of(path) } else { None };
    }
    let entries = path.read_dir_utf8().ok()?.filter_map(Result::ok);
    let below: BTreeSet<Utf8PathBuf> = entries.map(camino::Utf8DirEntry::into_path).collect();
    if below.iter().any(|path| {
        path.file_name().is_some_and(|name| name.starts_with("terraform-provider-"))
            && path.extension() != Some("zip")
            && path.is_file()
    }) {
        return Some(Found {
            path: path.to_owned(),
            version: None,
            platform: None,
            provider_type: None,
            is_archive: false,
        });
    }
    let depth = depth.checked_sub(1)?;
    below.iter().find_map(|path| find(path, depth, left))
}

/// An archive by its name, or by the names that a registry's download has.
fn package_of(path: &Utf8Path) -> Option<Found> {
    let name = path.file_name()?;
    let found = |fields: &str, provider_type: Option<&str>| {
        let mut fields = fields.split('_');
        let (version, os, arch) = (fields.next()?, fields.next()?, fields.next()?);
        Some(Found {
            path: path.to_owned(),
            version: Some(version.parse().ok()?),
            platform: Some(format!("{os}_{arch}").parse().ok()?),
            provider_type: provider_type.map(ToOwned::to_owned),
            is_archive: true,
        })
    };
    let stem = name.strip_suffix(".zip").or_else(|| name.split_once(".zip.").map(|(stem, _)| stem));
    match stem.map(|stem| (stem, stem.strip_prefix("terraform-provider-"))) {
        Some((_, Some(rest))) => {
            let (provider_type, fields) = rest.split_once('_')?;
            found(fields, Some(provider_type))
        }
        Some((short, None)) => found(short, None),
        None => {
            // `NAMESPACE/TYPE/VERSION/download/OS/ARCH`, as a registry's addresses are saved.
            let names: Vec<&str> = path.components().rev().take(6).map(|component| component.as_str()).collect();
            let [arch, os, "download", version, provider_type, _] = names.as_slice() else { return None };
            found(&format!("{version}_{os}_{arch}"), Some(provider_type))
        }
    }
}

/// Whether an engine would see a package there.
fn is_in_place(names: &[&str], found: &Found, wanted: Option<&ProviderAddress>) -> bool {
    let is_of = |wanted: &ProviderAddress| {
        names.len() > 3 && names[..3] == [wanted.host(), wanted.namespace(), wanted.provider_type()]
    };
    if !wanted.is_none_or(is_of) {
        return false;
    }
    let is_host = names.first().is_some_and(|host| host.contains('.') || host.contains(':'));
    match (found.is_archive, names) {
        (true, [_, _, provider_type, _]) => {
            is_host && found.provider_type.as_deref().is_some_and(|own| own == *provider_type)
        }
        (false, [_, _, _, version, platform]) => {
            is_host && version.parse::<Version>().is_ok() && platform.parse::<Platform>().is_ok()
        }
        _ => false,
    }
}

/// Where the package belongs, below the mirror; `HOST` and `NAMESPACE` for what its place does not tell.
fn target(names: &[&str], found: &Found) -> Option<String> {
    let host = names.iter().position(|name| {
        name.contains('.') && name.parse::<Version>().is_err() && Utf8Path::new(name).extension() != Some("zip")
    });
    let above = &names[..names.len() - 1];
    if !found.is_archive {
        // HOST/NAMESPACE/TYPE/VERSION/OS/ARCH
        let [host, namespace, provider_type, version, os, arch] = names else { return None };
        let platform: Platform = format!("{os}_{arch}").parse().ok()?;
        let version: Version = version.parse().ok()?;
        return Some(format!("{host}/{namespace}/{provider_type}/{version}/{platform}"));
    }
    let start = host.map_or(0, |host| host + 1);
    let address: Vec<&&str> = above.get(start..)?.iter().filter(|name| name.parse::<Version>().is_err()).collect();
    let provider_type = match &found.provider_type {
        Some(provider_type) => provider_type.clone(),
        None => (**address.get(1)?).to_owned(),
    };
    let at = address.iter().position(|name| **name == provider_type);
    let namespace =
        at.and_then(|at| at.checked_sub(1)).and_then(|at| address.get(at)).map_or("NAMESPACE", |name| **name);
    let host = host.and_then(|host| names.get(host)).copied().unwrap_or("HOST");
    let (version, platform) = (found.version.as_ref()?, found.platform.as_ref()?);
    Some(format!("{host}/{namespace}/{provider_type}/terraform-provider-{provider_type}_{version}_{platform}.zip"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use airtight_provider::EngineName;
    use airtight_provider::mirror::walk;
    use fs_err as fs;

    /// The help for the entries of a mirror with one file, with `M` for the mirror.
    fn fixed(path: &str) -> Vec<String> {
        let directory = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(directory.path()).unwrap().canonicalize_utf8().unwrap();
        fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
        fs::write(root.join(path), "").unwrap();
        let mirror = walk(&root, EngineName::Tofu);
        let helps = mirror.ignored.iter().filter_map(|entry| fix(&mirror, &entry.path, None));
        helps.map(|help| help.replace(root.as_str(), "M")).collect()
    }

    #[test]
    fn the_command_that_fixes_it_is_told() {
        let zip = "terraform-provider-null_3.2.1_linux_amd64.zip";
        let host = "registry.terraform.io";
        let mv =
            |from: &str, to: &str| format!("`mkdir -p {} && mv M/{from} {to}`", Utf8Path::new(to).parent().unwrap());
        for (path, expected) in [
            (
                format!("{host}/hashicorp/null/3.2.1/{zip}"),
                mv(&format!("{host}/hashicorp/null/3.2.1/{zip}"), &format!("M/{host}/hashicorp/null/{zip}")),
            ),
            (
                format!("hashicorp/null/3.2.1/{zip}"),
                mv(&format!("hashicorp/null/3.2.1/{zip}"), &format!("M/HOST/hashicorp/null/{zip}")),
            ),
            (
                "v1/providers/hashicorp/null/3.2.1/download/linux/amd64".to_owned(),
                mv("v1/providers/hashicorp/null/3.2.1/download/linux/amd64", &format!("M/HOST/hashicorp/null/{zip}")),
            ),
            (
                format!("terraform-provider-null/3.2.1/{zip}"),
                mv(&format!("terraform-provider-null/3.2.1/{zip}"), &format!("M/HOST/NAMESPACE/null/{zip}")),
            ),
            (
                format!("{host}/hashicorp/null/3.2.1_linux_amd64.zip"),
                mv(&format!("{host}/hashicorp/null/3.2.1_linux_amd64.zip"), &format!("M/{host}/hashicorp/null/{zip}")),
            ),
            (
                format!("{host}/hashicorp/null/3.2.1/linux/amd64/terraform-provider-null_v3.2.1"),
                mv(
                    &format!("{host}/hashicorp/null/3.2.1/linux/amd64"),
                    &format!("M/{host}/hashicorp/null/3.2.1/linux_amd64"),
                ),
            ),
            (format!("providers/{host}/hashicorp/null/{zip}"), "`--mirror M/providers`".to_owned()),
            (format!("{host}/hashicorp/null/{zip}.part"), "is a copy that did not end".to_owned()),
        ] {
            let helps = fixed(&path);
            assert!(helps.len() == 1 && helps[0].contains(&expected), "{path}: {helps:?}, expected {expected}");
        }
        assert!(fixed("notes/README").is_empty());
    }
}
