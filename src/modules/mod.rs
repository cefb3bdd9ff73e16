//! `airtight modules`: the life of a store of module sources.

mod build;
mod list;
mod prune;
mod verify;

use camino::Utf8PathBuf;
use clap::{Args, Subcommand};

use super::{ExitCode, Stop};
use airtight_finding::escape;
use airtight_provider::modules::{MANIFEST, ModuleStore};
use airtight_supply::modules::verify::{Owners, verify};

#[derive(Args, Debug)]
pub(crate) struct ModulesArguments {
    #[command(subcommand)]
    what: ModulesWhat,
}

#[derive(Debug, Subcommand)]
enum ModulesWhat {
    /// Fetch the module sources that many repositories call
    ///
    /// Finds every module call below the given directories, and the calls of the modules that it fetches. Each repository and each
    /// archive is fetched once. What did not change at its origin is not fetched again. `check`, `run` and
    /// `hook` give modules of the store to `init`, which then downloads none.
    #[command(after_help = build::HELP)]
    Build(build::BuildArguments),
    /// List what a store has, and who needs it
    List(list::ListArguments),
    /// Remove what no repository needs any more
    ///
    /// Keeps what the configurations below the given directories call, directly or through modules of the store. Of a registry's
    /// module it keeps the newest version that each call allows. Needs no network.
    Prune(prune::PruneArguments),
    /// Compare every file of a store with its manifest
    ///
    /// Also finds what is in the store and not in the manifest, links that lead out of a module, and files that others than root
    /// could change. Prints the digest of the store.
    #[command(after_help = verify::HELP)]
    Verify(verify::VerifyArguments),
}

/// Options of every command for a store that is there.
#[derive(Args, Debug)]
struct OneStore {
    /// The store of modules (default: /modules)
    #[arg(long, value_name = "DIR", env = "AIRTIGHT_MODULES")]
    modules: Option<String>,
}

impl OneStore {
    fn read(&self) -> Result<ModuleStore, Stop> {
        // An empty variable counts as unset.
        let given = self.modules.as_deref().filter(|text| !text.is_empty());
        let directory = Utf8PathBuf::from(given.unwrap_or("/modules"));
        if !directory.is_dir() {
            return Err(Stop::Usage(format!("the store of modules `{directory}` is no directory")));
        }
        match ModuleStore::read(&directory) {
            Ok(Some(store)) => Ok(store),
            Ok(None) => Err(Stop::Usage(format!(
                "`{directory}` is no store of modules: it has no {MANIFEST}; make one with `airtight modules build`"
            ))),
            Err(error) => Err(anyhow::Error::new(error).into()),
        }
    }
}

/// A store that is what its manifest says.
pub(crate) fn whole(directory: &str) -> Result<ModuleStore, Stop> {
    let store = OneStore { modules: Some(directory.to_owned()) }.read()?;
    match verify(&store, None, Owners::Anybody).first() {
        None => Ok(store),
        Some(fault) => Err(anyhow::anyhow!("the store of modules `{directory}`: {fault}").into()),
    }
}

/// `SOURCE VERSION`, for a line.
fn named(source: &str, version: Option<&str>) -> String {
    let text = version.map_or_else(|| source.to_owned(), |version| format!("{source} {version}"));
    escape::line(&text).into_owned()
}

pub(super) fn run(arguments: &ModulesArguments) -> Result<ExitCode, Stop> {
    match &arguments.what {
        ModulesWhat::Build(arguments) => build::run(arguments),
        ModulesWhat::List(arguments) => list::run(arguments),
        ModulesWhat::Prune(arguments) => prune::run(arguments),
        ModulesWhat::Verify(arguments) => verify::run(arguments),
    }
}
