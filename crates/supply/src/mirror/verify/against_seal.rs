//! The seal: the same packages with the same measures, none more and none less.

use super::{Request, Verification};
use airtight_gate::seal;
use airtight_provider::mirror::Mirror;
use airtight_provider::seal::{Manifest, SealedPackage};

pub(super) fn check(request: &Request<'_>, mirror: &Mirror, verification: &mut Verification) {
    let Verification { findings, packages, seal: digest, .. } = verification;
    let invalid = |reason: &str| seal::invalid(&mirror.path, reason);
    let manifest = match Manifest::read(&mirror.base) {
        Ok(Some(manifest)) => manifest,
        Ok(None) => {
            findings.extend(request.seal.map(|_| invalid("the mirror has none")));
            return;
        }
        Err(error) => return findings.push(invalid(&format!("{error:#}"))),
    };
    let vouched = match request.seal {
        None => Ok(false),
        Some(setting) => seal::accepts(setting, &manifest, &mirror.base).map(|()| true),
    };
    let vouched = vouched.unwrap_or_else(|reason| {
        findings.push(invalid(&reason));
        false
    });
    let sealed = match manifest.all() {
        Ok(sealed) => sealed,
        Err(error) => return findings.push(invalid(&format!("{error:#}"))),
    };
    let mut differences = Vec::new();
    for sealed in &sealed {
        match packages.iter_mut().find(|found| found.package.path == sealed.path) {
            None => differences.push(format!("`{}` is sealed and not there", mirror.base.join(&sealed.path))),
            Some(found) if found.package == *sealed => {}
            Some(found) => {
                found.is_refuted |= found.package.h1 != sealed.h1;
                differences.push(difference(sealed, &found.package));
            }
        }
    }
    for found in packages.iter() {
        if !sealed.iter().any(|sealed| sealed.path == found.package.path) {
            differences.push(format!("`{}` is not sealed", mirror.base.join(&found.package.path)));
        }
    }
    if !differences.is_empty() {
        return findings.push(seal::differs(&mirror.path, &differences));
    }
    *digest = Some(manifest.digest().to_owned());
    if vouched {
        for found in packages {
            found.proven_by.push(format!("the seal {}", manifest.digest()));
        }
    }
}

fn difference(sealed: &SealedPackage, found: &SealedPackage) -> String {
    let path = &sealed.path;
    if sealed.h1 != found.h1 {
        format!("`{path}` holds {}, sealed with {}", found.h1, sealed.h1)
    } else if sealed.files != found.files {
        let file = sealed.files.iter().find(|file| !found.files.contains(file));
        let name = file.map_or(path, |file| &file.path);
        format!("`{name}` has another size or other permissions than it was sealed with")
    } else if sealed.evidence != found.evidence {
        format!("the evidence of `{path}` is not what was sealed")
    } else {
        format!("`{path}` is not what was sealed")
    }
}
