//! The Dockerfile of a runner image.

use serde::Serialize;

use airtight_gate::render::template::{RenderError, Template};
use airtight_provider::{EngineName, Platform, Version};

/// What goes into a Dockerfile.
#[derive(Clone, Debug)]
pub(crate) struct DockerfileContext {
    pub engine: EngineName,
    pub version: Version,
    pub platform: Platform,
    /// An absolute path in the image.
    pub mirror: String,
    /// The options that make this file again, each behind a blank.
    pub option: String,
}

#[derive(Serialize)]
struct Values<'a> {
    engine: &'a str,
    version: String,
    platform: String,
    mirror: &'a str,
    option: &'a str,
    fingerprint: &'a str,
}

/// The key that OpenTofu signs releases with.
///
/// Source: OpenTofu's standalone installer, `OPENTOFU_GPG_KEY`; <https://get.opentofu.org/opentofu.asc>.
const TOFU_KEY: &str = "E3E6E43D84CB852EADB0051D0C0AF313E5FD9F80";

/// The key that HashiCorp signs releases with.
///
/// Source: <https://www.hashicorp.com/trust/security>.
const TERRAFORM_KEY: &str = "C874011F0AB405110D02105534365D9472D7468F";

/// Renders the Dockerfile.
///
/// # Errors
/// A mirror that is no plain absolute path.
pub(crate) fn dockerfile(context: &DockerfileContext) -> Result<String, RenderError> {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-".contains(letter);
    if !context.mirror.starts_with('/') || !context.mirror.chars().all(is_plain) {
        return Err(RenderError::PathInImage { path: context.mirror.clone() });
    }
    let values = Values {
        engine: context.engine.program(),
        version: context.version.to_string(),
        platform: context.platform.to_string(),
        mirror: &context.mirror,
        option: &context.option,
        fingerprint: match context.engine {
            EngineName::Tofu => TOFU_KEY,
            EngineName::Terraform => TERRAFORM_KEY,
        },
    };
    Template {
        name: "Dockerfile.tera",
        text: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/templates/Dockerfile.tera")),
        delimiters: tera::Delimiters::default(),
    }
    .render(&values)
}
