//! A bill of materials of a mirror, CycloneDX 1.6.
//!
//! Without a serial number and a time of day, so that the same packages make the same document.
//!
//! Providers have no package URL type of their own in the purl specification, so theirs is `pkg:generic` with the
//! registry's address as `repository_url`.
//!
//! Source: CycloneDX `bom-1.6.schema.json`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use airtight_provider::Engine;
use airtight_provider::modules::ModuleStore;
use airtight_provider::modules::manifest::{StoredTree, TreeKind};
use airtight_provider::seal::SealedPackage;

/// An engine next to the mirror.
#[derive(Clone, Debug)]
pub struct EngineComponent {
    pub engine: Engine,
    /// SHA-256 of its executable, hexadecimal.
    pub sha256: String,
}

/// The document, ended by a line break. Packages in the order of their paths.
///
/// `archives`: the SHA-256 of the release archives of unpacked packages, hexadecimal, by the packages' paths.
pub fn print(
    packages: &[SealedPackage],
    archives: &BTreeMap<String, String>,
    digest: &str,
    engine: Option<&EngineComponent>,
    modules: Option<&ModuleStore>,
) -> serde_json::Result<String> {
    let mut components: Vec<Value> = engine.map(engine_component).into_iter().collect();
    components.extend(packages.iter().map(|package| component(package, archives.get(&package.path))));
    let trees = modules.map(|store| store.manifest.trees.as_slice()).unwrap_or_default();
    components.extend(modules.iter().flat_map(|store| trees.iter().map(|tree| module_component(store, tree))));
    let mut dependencies = vec![json!({
        "ref": "mirror",
        "dependsOn": packages.iter().map(|package| package.path.as_str()).collect::<Vec<_>>(),
    })];
    if let Some(store) = modules {
        components.push(json!({
            "type": "data",
            "bom-ref": "modules",
            "name": "store of modules",
            "version": store.digest,
        }));
        dependencies.push(json!({
            "ref": "modules",
            "dependsOn": trees.iter().map(|tree| tree.path.as_str()).collect::<Vec<_>>(),
        }));
    }
    let document = json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "tools": { "components": [{
                "type": "application",
                "name": "airtight",
                "version": env!("CARGO_PKG_VERSION"),
            }] },
            "component": {
                "type": "data",
                "bom-ref": "mirror",
                "name": "provider mirror",
                "version": digest,
                "properties": [property("airtight:mirror:digest", digest)],
            },
        },
        "components": components,
        "dependencies": dependencies,
    });
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

fn engine_component(component: &EngineComponent) -> Value {
    let EngineComponent { engine, sha256 } = component;
    let version = engine.version.to_string();
    json!({
        "type": "application",
        "bom-ref": format!("{}@{version}", engine.name),
        "name": engine.name.title(),
        "version": version,
        "purl": format!("pkg:generic/{}@{}", engine.name, encoded(&version)),
        "hashes": [{ "alg": "SHA-256", "content": sha256 }],
    })
}

fn component(package: &SealedPackage, archive: Option<&String>) -> Value {
    let parts: Vec<&str> = package.address.split('/').collect();
    let (host, namespace, provider_type) = match parts.as_slice() {
        [host, namespace, provider_type] => (*host, *namespace, *provider_type),
        _ => ("", "", package.address.as_str()),
    };
    let mut properties = vec![
        property("airtight:platform", &package.platform),
        property("airtight:layout", &package.layout),
        property("airtight:path", &package.path),
        property("airtight:h1", &package.h1),
    ];
    properties.extend(package.zh.as_deref().map(|zh| property("airtight:zh", zh)));
    if let Some(executable) = &package.executable {
        properties.push(property("airtight:executable", &executable.name));
        properties.extend(executable.machine.map(|machine| property("airtight:elf:machine", &machine.to_string())));
        let interpreter = executable.interpreter.as_deref();
        properties.extend(interpreter.map(|path| property("airtight:elf:interpreter", path)));
    }
    for evidence in &package.evidence {
        properties.push(property("airtight:evidence", &format!("{} sha256:{}", evidence.path, evidence.sha256)));
    }
    // Only an archive is one file with one digest; the hash of a directory is no digest that CycloneDX knows.
    let zh = package.zh.as_deref().and_then(|zh| zh.strip_prefix("zh:"));
    let digest =
        zh.or_else(|| package.kept_archive().map(|archive| archive.sha256.as_str())).or(archive.map(String::as_str));
    let hashes: Vec<Value> = digest.map(|digest| json!({ "alg": "SHA-256", "content": digest })).into_iter().collect();
    json!({
        "type": "application",
        "bom-ref": package.path,
        "supplier": { "name": namespace, "url": [format!("https://{host}/{namespace}")] },
        "group": format!("{host}/{namespace}"),
        "name": provider_type,
        "version": package.version,
        "hashes": hashes,
        "purl": format!(
            "pkg:generic/{}/terraform-provider-{}@{}?platform={}&repository_url={}",
            encoded(namespace),
            encoded(provider_type),
            encoded(&package.version),
            encoded(&package.platform),
            encoded(host)
        ),
        "properties": properties,
    })
}

/// A tree of modules, with every source that means it.
fn module_component(store: &ModuleStore, tree: &StoredTree) -> Value {
    let sources = store.manifest.sources.iter().filter(|source| source.tree == tree.path);
    let mut properties = vec![property("airtight:path", &tree.path), property("airtight:h1", &tree.contents.h1)];
    let (mut version, mut group) = (tree.id.clone().unwrap_or_default(), None);
    for source in sources {
        let named = source.version.as_deref().map(|version| format!("{} {version}", source.source));
        properties.push(property("airtight:source", named.as_ref().unwrap_or(&source.source)));
        // A registry's version says more than a commit.
        if let Some(registered) = &source.version {
            version.clone_from(registered);
            group.get_or_insert_with(|| source.source.clone());
        }
    }
    properties
        .extend(tree.id.as_deref().filter(|_| tree.kind == TreeKind::Git).map(|id| property("airtight:commit", id)));
    let archive = tree.id.as_deref().filter(|_| tree.kind == TreeKind::Archive);
    let hashes: Vec<Value> = archive.map(|sha256| json!({ "alg": "SHA-256", "content": sha256 })).into_iter().collect();
    let kind = if tree.kind == TreeKind::Git { "vcs" } else { "distribution" };
    json!({
        "type": "library",
        "bom-ref": tree.path,
        "name": group.unwrap_or_else(|| tree.origin.clone()),
        "version": version,
        "hashes": hashes,
        "externalReferences": [{ "type": kind, "url": tree.origin }],
        "properties": properties,
    })
}

fn property(name: &str, value: &str) -> Value {
    json!({ "name": name, "value": value })
}

/// Percent-encoded as the purl specification wants it.
fn encoded(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::with_capacity(text.len()), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b".-_~:".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
        encoded
    })
}

#[cfg(test)]
mod tests {
    use super::encoded;

    #[test]
    fn a_package_url_holds_only_what_it_may() {
        assert_eq!(encoded("1.0.0+a b/ü"), "1.0.0%2Ba%20b%2F%C3%BC");
        assert_eq!(encoded("registry.opentofu.org:8443"), "registry.opentofu.org:8443");
    }
}
