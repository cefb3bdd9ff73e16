//! What a mirror holds, without hashing.

use camino::Utf8Path;
use fs_err as fs;

use super::evidence;
use airtight_provider::directory::Directory;
use airtight_provider::executable;
use airtight_provider::executable::ExecutableKind;
use airtight_provider::mirror;
use airtight_provider::mirror::MirrorPackage;
use airtight_provider::{EngineName, Layout, PackageId};

/// One package.
#[derive(Clone, Debug)]
pub struct Listed {
    pub package: MirrorPackage,
    pub size_bytes: u64,
    /// What it would run, in a word: `amd64`, `static amd64`, `script`, or why there is nothing.
    pub program: String,
    /// Whether its release archive is kept.
    pub has_archive: bool,
    /// Whether the list of sums of its release is kept.
    pub has_sums: bool,
    /// A package of the same identity that the engines take instead.
    pub is_shadowed: bool,
}

/// Lists a mirror in the order of addresses, versions and platforms.
///
/// # Errors
/// Fails if the mirror cannot be read.
pub fn list(path: &Utf8Path) -> anyhow::Result<Vec<Listed>> {
    let walked = mirror::walk(path, EngineName::Tofu);
    if let Some(error) = walked.error {
        anyhow::bail!("{error}");
    }
    // Evidence behind a link is none.
    let kept = Directory::open(&walked.base).ok();
    let mut listed: Vec<Listed> = Vec::with_capacity(walked.packages.len());
    for package in walked.packages {
        let is_shadowed = listed.iter().any(|earlier| earlier.package.id == package.id);
        let is_kept = |path: &Utf8Path| kept.as_ref().is_some_and(|kept| kept.has_file(path).unwrap_or_default());
        listed.push(Listed {
            size_bytes: size(&package.path)?,
            program: program(&package),
            has_archive: is_kept(&evidence::archive_path(&package.id)),
            has_sums: kept
                .as_ref()
                .and_then(|kept| evidence::signed_sums(kept, &package.id).ok())
                .is_some_and(|[sums, _]| is_kept(&sums)),
            is_shadowed,
            package,
        });
    }
    let key = |id: &PackageId| (id.address.clone(), id.platform.clone());
    listed.sort_by(|left, right| {
        let (left, right) = (&left.package.id, &right.package.id);
        left.address
            .cmp(&right.address)
            .then_with(|| left.version.cmp_precedence(&right.version))
            .then_with(|| key(left).cmp(&key(right)))
    });
    Ok(listed)
}

fn size(path: &Utf8Path) -> anyhow::Result<u64> {
    let metadata = fs::metadata(path)?;
    if !metadata.is_dir() {
        return Ok(metadata.len());
    }
    let mut sum = 0;
    for entry in path.read_dir_utf8()? {
        let entry = entry?;
        // Links within a package are counted as what the engines read; those to nowhere as nothing.
        sum += if entry.path().exists() { size(entry.path())? } else { 0 };
    }
    Ok(sum)
}

fn program(package: &MirrorPackage) -> String {
    const MACHINES: &[(u16, &str)] = &[
        (3, "386"),
        (21, "ppc64"),
        (22, "s390x"),
        (40, "arm"),
        (62, "amd64"),
        (183, "arm64"),
        (243, "riscv64"),
        (258, "loong64"),
    ];
    let found = executable::find(&package.path, package.layout, package.id.address.provider_type());
    let executable = match found {
        Ok(Some(executable)) => executable,
        Ok(None) => return "no program".to_owned(),
        Err(_) => return "unreadable".to_owned(),
    };
    let kind = match executable.kind {
        ExecutableKind::Elf(elf) => {
            let machine = MACHINES.iter().find(|(number, _)| *number == elf.machine);
            let machine = machine.map_or_else(|| format!("machine {}", elf.machine), |(_, name)| (*name).to_owned());
            if elf.interpreter.is_none() { format!("{machine}, static") } else { machine }
        }
        ExecutableKind::Script(_) => "script".to_owned(),
        ExecutableKind::Empty => "empty".to_owned(),
        ExecutableKind::Other => "no ELF file".to_owned(),
        ExecutableKind::Unreadable(_) => "unreadable".to_owned(),
    };
    let is_ready = package.layout == Layout::Packed || executable.mode_allows;
    if is_ready { kind } else { format!("{kind}, not executable") }
}
