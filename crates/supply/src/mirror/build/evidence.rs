//! Keeping a release's evidence, so that its packages can be verified again behind the gap, and going by what is kept.

use std::collections::BTreeMap;

use camino::Utf8Path;

use super::proof::{Hashes, Voucher};
use crate::mirror::evidence::{
    KEYS, RECORD, Record, RecordedPackage, SCHEMA, SIGNATURE, SUMS, Signer, Sums, directory,
};
use crate::mirror::place;
use crate::mirror::place::make_open;
use crate::registry::{Authenticity, Evidence};
use crate::signature::Keys;
use airtight_provider::{PackageId, Timestamp};

/// What the evidence in a mirror says for a package there, where only these keys count; null where it speaks against it:
/// others signed, or the signed list does not have the package.
///
/// Of an unpacked package without its archive, only the record knows the archive's `zh:`, which vouches for nothing.
pub(super) fn voucher(
    mirror: &Utf8Path,
    id: &PackageId,
    hashes: &Hashes,
    keys: &Keys,
    now: Timestamp,
) -> Option<Voucher> {
    let sums = match Sums::read(mirror, &id.address, &id.version) {
        Ok(Some(sums)) if sums.is_signed() => sums,
        Ok(_) => return Some(Voucher::Nobody),
        Err(_) => return None,
    };
    sums.verify(keys, now).ok()?;
    let listed = sums.archive(id)?;
    if let Some(zh) = &hashes.zh {
        return (zh == listed).then_some(Voucher::Signature);
    }
    let directory = directory(mirror, &id.address, &id.version);
    let recorded = Record::read(&directory).ok()??.packages.remove(&id.platform.to_string())?;
    let is_listed = recorded.h1 == hashes.h1.as_str() && recorded.zh.as_deref() == Some(listed.as_str());
    is_listed.then_some(Voucher::Nobody)
}

/// Keeps the evidence of one package, beside that of the release's others. Not for several threads at once.
///
/// # Errors
/// Fails where it cannot be written.
pub(super) fn keep(
    mirror: &Utf8Path,
    id: &PackageId,
    hashes: &Hashes,
    source: &str,
    evidence: Option<&Evidence>,
    now: Timestamp,
) -> anyhow::Result<()> {
    let directory = directory(mirror, &id.address, &id.version);
    make_open(&directory)?;
    // One that cannot be read is made anew.
    let mut record = Record::read(&directory).ok().flatten().unwrap_or_else(|| Record {
        schema: SCHEMA.to_owned(),
        address: id.address.to_string(),
        version: id.version.to_string(),
        signed_by: None,
        packages: BTreeMap::new(),
    });
    if let Some(evidence) = evidence {
        place::write(mirror, &directory.join(SUMS), evidence.checksums.as_bytes())?;
        if let Authenticity::Signed(signed) = &evidence.authenticity {
            place::write(mirror, &directory.join(SIGNATURE), &evidence.signature)?;
            place::write(mirror, &directory.join(KEYS), evidence.keys.as_bytes())?;
            record.signed_by = Some(Signer {
                fingerprint: signed.fingerprint.to_string(),
                user_id: signed.user_id.clone(),
                signed: signed.at.to_string(),
            });
        }
    }
    let package = RecordedPackage {
        h1: hashes.h1.to_string(),
        zh: hashes.zh.as_ref().map(ToString::to_string),
        source: source.to_owned(),
        fetched: now.to_string(),
    };
    record.packages.insert(id.platform.to_string(), package);
    let text = serde_json::to_string_pretty(&record)? + "\n";
    place::write(mirror, &directory.join(RECORD), text.as_bytes())?;
    Ok(())
}
