//! Modules from the image's stores.
//!
//! Before `init`, each call that the workspace does not satisfy gets its tree of the store ([`place`]): a copy in
//! `.terraform/modules`, and `modules.json` as the engine itself would have written it. The engine then finds the modules
//! installed and asks no network.
//!
//! **Why copies and not links.** A copy is what the engine makes, so nothing behaves in another way:
//!
//! - Modules write beside their own files (`archive_file` with `${path.module}/x.zip`). The store belongs to root.
//! - Behind a link the engine records nested local modules by the store's own path, and `path.module` is then that path. It
//!   gets into plans and states (`filename = "${path.module}/x"`), where it differs from every earlier run.
//! - After a pause the run goes on in another container, with the workspace but perhaps with the store at another path.
//! - Tools that pack a directory (Docker contexts, kustomize) refuse links that lead out of it.
//!
//! Copies are hashed before each phase ([`judge`]). Links into a store are accepted as well.

pub(crate) mod judge;
pub(crate) mod place;

use airtight_engine::module_stores::ModuleStores;
use airtight_finding::{Code, Finding, Owner, Severity};
use airtight_hcl::Place;
use airtight_provider::modules::{self, ModuleStore};
use airtight_provider::{protection, seal};
use camino::Utf8Path;

use crate::context::{Context, real};
use crate::settings::Seal;

/// The stores that can be used, and why others cannot.
pub fn open(context: &Context<'_>) -> (ModuleStores, Vec<Finding>) {
    let (mut stores, mut findings) = (ModuleStores::default(), Vec::new());
    for path in context.settings.module_stores() {
        match ModuleStore::read(&path) {
            Ok(Some(store)) => match context.settings.seal.as_ref().map(|setting| vouched(&store, setting)) {
                Some(Err(reason)) => findings.push(not_vouched(&path, &reason)),
                sealed => {
                    if sealed.is_some() {
                        findings.extend(unprotected(&path));
                    }
                    stores.stores.push(store);
                }
            },
            // The default path may be something else.
            Ok(None) if context.settings.modules.is_none() => {}
            Ok(None) => findings.push(unusable(&path, "it holds no store of modules")),
            Err(error) => findings.push(unusable(&path, &error.to_string())),
        }
    }
    tracing::debug!(stores = stores.stores.len(), "stores of modules read");
    (stores, findings)
}

/// Whether the settings accept the store's manifest, as they accept a mirror's seal.
pub(crate) fn vouched(store: &ModuleStore, setting: &Seal) -> Result<(), String> {
    match setting {
        Seal::Digests(pinned) if pinned.contains(&store.digest) => Ok(()),
        Seal::Digests(_) => Err(format!("its digest {} is not one of the image's settings", store.digest)),
        Seal::PublicKey { path, minimum } => {
            let manifest = store.directory.join(modules::MANIFEST);
            seal::check_signature_of(&manifest, &store.directory.join(modules::SIGNATURE), path)?;
            seal::check_serial(store.manifest.serial, *minimum)
        }
    }
}

fn unusable(path: &Utf8Path, reason: &str) -> Finding {
    Finding::new(Code::ModuleStoreInvalid, Severity::Error, Owner::Image, "the store of modules cannot be used")
        .detail(format!("{reason}."))
        .help(
            "Make it with `airtight modules build` on a machine with network access, and copy the whole directory into the \
             image. Or remove `modules` from the settings.",
        )
        .at(Place::file(path), "")
}

fn not_vouched(path: &Utf8Path, reason: &str) -> Finding {
    let manifest = path.join(modules::MANIFEST);
    Finding::new(
        Code::SealInvalid,
        Severity::Error,
        Owner::Image,
        format!("the settings require a seal, and the store of modules has none that they accept: {reason}"),
    )
    .detail("The store's manifest is its seal.")
    .help(format!(
        "Add the digest of the store to `seal: digest:` in /etc/airtight/settings.yml: `sha256:` and what `sha256sum \
         {manifest}` prints. Or sign the manifest as you sign the mirror's seal, into `{}`.",
        path.join(modules::SIGNATURE)
    ))
    .at(Place::file(&manifest), "")
}

/// A sealed store that the run's user could change.
fn unprotected(path: &Utf8Path) -> Option<Finding> {
    let why = protection::check(&real(path).join(modules::MANIFEST)).err()?;
    Some(
        Finding::new(
            Code::SealUnprotected,
            Severity::Warning,
            Owner::Image,
            format!("the store of modules is sealed, but not protected: {why}"),
        )
        .detail("Each module is compared with the sealed hashes, so only a change between this check and its use is unseen.")
        .help(format!(
            "In the image's build, as root: `chown -R root:root {path} && chmod -R go-w {path}`. Do not run as root."
        ))
        .at(Place::file(path), ""),
    )
}
