//! Keeping a release's evidence, so that its packages can be verified again behind the gap, and going by what is kept.

use std::collections::BTreeMap;

use camino::Utf8Path;

use super::proof::{Hashes, Voucher};
use crate::mirror::evidence::{
    KEYS, RECORD, Record, RecordedPackage, SCHEMA, SIGNATURE, SUMS, Signer, Sums, directory, platform_directory,
    read_small,
};
use crate::mirror::place::Hold;
use crate::registry::{Authenticity, Evidence};
use crate::signature::{Keys, checksums as sums};
use airtight_provider::{PackageId, Timestamp};

/// What the evidence in a mirror says for a package there, where only these keys count; null if it speaks against it:
/// others signed, or the signed list does not have the package.
///
/// Of an unpacked package without its archive, only the record knows the archive's `zh:`, which proves nothing.
pub(super) fn voucher(
    mirror: &Utf8Path,
    id: &PackageId,
    hashes: &Hashes,
    keys: &Keys,
    now: Timestamp,
) -> Option<Voucher> {
    let sums = match Sums::read(mirror, id) {
        Ok(Some(sums)) if sums.is_signed() => sums,
        Ok(_) => return Some(Voucher::Nobody),
        Err(_) => return None,
    };
    sums.verify(keys, now).ok()?;
    let listed = sums.archive(id)?;
    if let Some(zh) = &hashes.zh {
        return (zh == listed).then_some(Voucher::Signature);
    }
    let recorded = Record::read(mirror, &id.address, &id.version).ok()??.packages.remove(&id.platform.to_string())?;
    let is_listed = recorded.h1 == hashes.h1.as_str() && recorded.zh.as_deref() == Some(listed.as_str());
    is_listed.then_some(Voucher::Nobody)
}

/// Keeps the evidence of one package, next to that of the release's others. Not for several threads at once.
///
/// # Errors
/// Fails if it cannot be written.
pub(super) fn keep(
    hold: &Hold,
    id: &PackageId,
    hashes: &Hashes,
    source: &str,
    evidence: Option<&Evidence>,
    now: Timestamp,
) -> anyhow::Result<()> {
    let directory = directory(&id.address, &id.version);
    hold.mirror.make(&directory)?;
    let mirror = hold.mirror.path_of(Utf8Path::new(""));
    // One that cannot be read is made again.
    let mut record = Record::read(&mirror, &id.address, &id.version).ok().flatten().unwrap_or_else(|| Record {
        schema: SCHEMA.to_owned(),
        address: id.address.to_string(),
        version: id.version.to_string(),
        signed_by: None,
        packages: BTreeMap::new(),
    });
    let mut own_signer = None;
    if let Some(evidence) = evidence {
        let is_for_all = speaks_for_all(&mirror, id, &record, &evidence.checksums)?;
        let own = platform_directory(id);
        let place = if is_for_all { &directory } else { &own };
        hold.mirror.make(place)?;
        hold.write(&place.join(SUMS), evidence.checksums.as_bytes())?;
        if let Authenticity::Signed(signed) = &evidence.authenticity {
            hold.write(&place.join(SIGNATURE), &evidence.signature)?;
            hold.write(&place.join(KEYS), evidence.keys.as_bytes())?;
            let signer = Some(Signer {
                fingerprint: signed.fingerprint.to_string(),
                user_id: signed.user_id.clone(),
                signed: signed.at.to_string(),
            });
            *(if is_for_all { &mut record.signed_by } else { &mut own_signer }) = signer;
        }
        if is_for_all {
            hold.mirror.remove(&own)?;
        }
    }
    let package = RecordedPackage {
        h1: hashes.h1.to_string(),
        zh: hashes.zh.as_ref().map(ToString::to_string),
        source: source.to_owned(),
        fetched: now.to_string(),
        signed_by: own_signer,
    };
    record.packages.insert(id.platform.to_string(), package);
    let text = serde_json::to_string_pretty(&record)? + "\n";
    hold.write(&directory.join(RECORD), text.as_bytes())?;
    Ok(())
}

/// Whether a list of sums may take the place of the release's. Some registries have a list for each platform; one of these
/// must not replace the list that proves the packages of others.
fn speaks_for_all(mirror: &Utf8Path, id: &PackageId, record: &Record, checksums: &str) -> anyhow::Result<bool> {
    let Some(kept) = read_small(mirror, &directory(&id.address, &id.version).join(SUMS))? else { return Ok(true) };
    let kept = String::from_utf8_lossy(&kept);
    if kept == checksums {
        return Ok(true);
    }
    let others = record.packages.keys().filter_map(|platform| platform.parse().ok());
    let others = others.map(|platform| PackageId { platform, ..id.clone() }).filter(|other| other != id);
    Ok(others.map(|other| other.packed_path().rsplit('/').next().unwrap_or_default().to_owned()).all(|name| {
        let listed = sums::find(&kept, &name);
        listed.is_none() || listed == sums::find(checksums, &name)
    }))
}
