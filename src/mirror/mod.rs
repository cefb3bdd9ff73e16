//! `airtight mirror`, one file per command.

mod build;
mod build_progress;
mod list;
mod prune;
mod sbom;
mod seal;
mod unpack;
mod verify;

use camino::{Utf8Path, Utf8PathBuf};
use clap::{Args, Subcommand};
use fs_err as fs;

use super::{ExitCode, Stop, output};
use airtight_engine::root_modules;
use airtight_finding::shell_word;
use airtight_supply::signature::Keys;

/// Root modules below directories that have no lock file.
fn without_lock(directories: &[Utf8PathBuf]) -> anyhow::Result<Vec<Utf8PathBuf>> {
    let found = root_modules::below(directories)?;
    Ok(found.into_iter().filter(|root| !root.has_lock).map(|root| root.directory).collect())
}

#[derive(Args, Debug)]
pub(crate) struct MirrorArguments {
    #[command(subcommand)]
    what: MirrorWhat,
}

#[derive(Debug, Subcommand)]
enum MirrorWhat {
    /// Download and verify every package that the repositories' lock files need
    ///
    /// Searches the directories for root modules with a lock file, and downloads each locked package once. A package must match a
    /// hash of every lock file that needs it. A package from a registry must also be in the release's SHA256SUMS, whose OpenPGP
    /// signature is verified. Checksums, signature and keys are kept in OUT/.airtight, so that `airtight mirror verify` can
    /// verify everything again offline.
    ///
    /// Safe to re-run: packages in OUT that already match are kept, interrupted downloads resume, and a killed build never leaves
    /// a half-written package.
    #[command(after_help = build::HELP)]
    Build(build::BuildArguments),
    /// Convert packed packages to unpacked ones, with the same contents
    ///
    /// `init` links an unpacked package instead of extracting it, which is about nine times faster. The package's `h1:` hash is the
    /// same before and after. The lock file then needs an `h1:` hash for the runner's platform, because neither engine checks an
    /// unpacked package against `zh:` hashes. `airtight lock complete` adds it, proven by the archive, which is kept in
    /// .airtight/archives.
    ///
    /// An archive with absolute names, `..`, links, directory entries, a name twice or too much data is not unpacked, and the
    /// exit code is 100.
    Unpack(unpack::UnpackArguments),
    /// Check a mirror against its evidence, its seal and lock files
    ///
    /// Hashes everything. Compares each package with its release archive and SHA256SUMS in .airtight, with the seal, with
    /// index.json and VERSION.json if the mirror has them, and with the lock files of --lock. It also reports missing packages,
    /// packages that no lock file needs, and files that the engines ignore. Exit code 100 if there is an error.
    Verify(verify::VerifyArguments),
    /// Hash every package once and write the result as the seal
    ///
    /// The seal, .airtight/seal.json, lists every package with its files, sizes, permissions and hashes, the executable's machine
    /// and loader, and its evidence. The same packages have the same seal in any directory. The command prints the seal's
    /// digest; `sha256sum .airtight/seal.json` prints the same. A store of modules has its own list, which is its
    /// seal: with --modules it is verified, and its digest is printed, too.
    ///
    /// If root owns the mirror and the run's user cannot write it, `run`, `hook` and `check` then compare the lock file with the
    /// seal and check sizes and permissions instead of hashing. They do not detect a changed file of the same size that root put
    /// there after sealing.
    #[command(after_help = SEAL_HELP)]
    Seal(seal::SealArguments),
    /// Remove what no lock file needs
    ///
    /// Keeps each version that a lock file below the given directories has, and says which lock file needs it. Release archives and
    /// evidence are removed with their packages. If a lock file cannot be read, or there is none, nothing is removed. Seal the
    /// mirror again afterwards.
    Prune(prune::PruneArguments),
    /// List a mirror's packages, without hashing
    List(list::ListArguments),
    /// Print a bill of materials (CycloneDX 1.6, JSON)
    ///
    /// Hashes every package. The same packages give the same document: it has no serial number and no time.
    Sbom(sbom::SbomArguments),
}

const SEAL_HELP: &str = "\
The image's /etc/airtight/settings.yml says which seal is valid. Either with its digest:

  seal:
    digest: sha256:...

or with the public key (ECDSA P-256, PEM) of its signature:

  seal:
    public_key: /etc/airtight/seal.pem
    minimum: 42             # optional: refuse an older seal, with a smaller --serial

The signature is .airtight/seal.sig: DER, base64 of DER, or a Sigstore bundle. One of these commands makes it:

  cosign 2:  cosign sign-blob --key KEY --tlog-upload=false \\
               --output-signature /providers/.airtight/seal.sig /providers/.airtight/seal.json
  cosign 3:  cosign signing-config create --out no-services.json
             cosign sign-blob --key KEY --signing-config no-services.json \\
               --bundle /providers/.airtight/seal.sig /providers/.airtight/seal.json
  OpenSSL:   openssl dgst -sha256 -sign KEY -out /providers/.airtight/seal.sig \\
               /providers/.airtight/seal.json";

/// Options of every command for a mirror.
#[derive(Args, Debug)]
struct OneMirror {
    /// The filesystem mirror (default: /providers)
    #[arg(long, value_name = "DIR", env = "AIRTIGHT_MIRROR")]
    mirror: Option<String>,
}

impl OneMirror {
    fn path(&self) -> Result<Utf8PathBuf, Stop> {
        // An empty variable counts as unset.
        let given = self.mirror.as_deref().filter(|text| !text.is_empty());
        let mirror = Utf8PathBuf::from(given.unwrap_or("/providers"));
        if mirror.is_dir() { Ok(mirror) } else { Err(Stop::Usage(format!("the mirror `{mirror}` is no directory"))) }
    }
}

/// Says that a mirror no longer matches its seal, and how to seal it again.
fn tell_seal(mirror: &Utf8Path, is_dry_run: bool) {
    let (verb, when) = if is_dry_run { ("would no longer match", "afterwards") } else { ("no longer matches", "now") };
    output::error_line(&format!(
        "warning: the mirror is sealed, and its seal {verb}: {when} run `airtight mirror seal --mirror {}`, and pin or sign \
         the new seal",
        shell_word(mirror.as_str())
    ));
}

/// The OpenPGP keys in the given files.
pub(super) fn keys(files: &[Utf8PathBuf]) -> Result<Keys, Stop> {
    let mut keys = Keys::default();
    for path in files {
        let bytes = fs::read(path).map_err(|error| Stop::Usage(error.to_string()))?;
        keys.extend(Keys::parse(&bytes).map_err(|error| Stop::Usage(format!("`{path}`: {error}")))?);
    }
    Ok(keys)
}

pub(super) fn run(arguments: &MirrorArguments) -> Result<ExitCode, Stop> {
    match &arguments.what {
        MirrorWhat::Build(arguments) => build::run(arguments),
        MirrorWhat::List(arguments) => list::run(arguments),
        MirrorWhat::Prune(arguments) => prune::run(arguments),
        MirrorWhat::Sbom(arguments) => sbom::run(arguments),
        MirrorWhat::Seal(arguments) => seal::run(arguments),
        MirrorWhat::Unpack(arguments) => unpack::run(arguments),
        MirrorWhat::Verify(arguments) => verify::run(arguments),
    }
}
