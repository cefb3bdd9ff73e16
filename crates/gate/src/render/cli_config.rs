//! The CLI configuration of a run: where providers come from, then what the worker and the stack wrote.

use serde::Serialize;

use super::template::{RenderError, Template};
use crate::settings::{AlsoKind, AlsoMethod};

/// What goes into a CLI configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CliConfigContext {
    /// Directories; relative ones are relative to the engine's working directory.
    pub mirrors: Vec<String>,
    /// Further installation methods, for a partial air gap. The mirrors are asked as well, and first: what
    /// both have comes from the mirror.
    pub also: Vec<AlsoMethod>,
    /// Blocks in HCL 1, as they are written.
    pub carried: Vec<String>,
}

#[derive(Serialize)]
struct Values<'context> {
    mirrors: &'context [String],
    also: Vec<AlsoValues<'context>>,
    carried: Vec<&'context str>,
}

#[derive(Serialize)]
struct AlsoValues<'context> {
    name: &'static str,
    location_name: &'static str,
    location: Option<&'context str>,
    include: &'context [String],
}

/// Renders the CLI configuration: one `provider_installation` block, then the carried blocks.
///
/// # Errors
/// An installation method without `include`, which the engines would ask for every provider.
pub fn cli_config(context: &CliConfigContext) -> Result<String, RenderError> {
    let values = Values {
        mirrors: &context.mirrors,
        also: context.also.iter().map(also_values).collect::<Result<_, _>>()?,
        carried: context.carried.iter().map(|block| block.trim_matches('\n')).collect(),
    };
    Template {
        name: "cli-config.tfrc.tera",
        text: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../templates/cli-config.tfrc.tera")),
        delimiters: tera::Delimiters::default(),
    }
    .render(&values)
}

fn also_values(also: &AlsoMethod) -> Result<AlsoValues<'_>, RenderError> {
    let (name, location_name, location) = match &also.kind {
        AlsoKind::Direct => ("direct", "", None),
        AlsoKind::NetworkMirror { url } => ("network_mirror", "url", Some(url.as_str())),
        AlsoKind::OciMirror { repository_template } => {
            ("oci_mirror", "repository_template", Some(repository_template.as_str()))
        }
    };
    if also.include.is_empty() {
        return Err(RenderError::NoInclude { method: name });
    }
    Ok(AlsoValues { name, location_name, location, include: &also.include })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn also(kind: AlsoKind, include: &[&str]) -> AlsoMethod {
        AlsoMethod { kind, include: include.iter().map(ToString::to_string).collect() }
    }

    #[test]
    fn renders_every_method_and_the_carried_blocks() {
        let context = CliConfigContext {
            mirrors: vec!["/providers".to_owned(), "/more ${x} \"providers\"".to_owned()],
            also: vec![
                also(AlsoKind::Direct, &["registry.example.com/*/*", "registry.example.com/a/b"]),
                also(AlsoKind::NetworkMirror { url: "https://mirror.example.com/".to_owned() }, &["example.com/*/*"]),
                also(
                    AlsoKind::OciMirror { repository_template: "example.com/${namespace}/${type}".to_owned() },
                    &["example.net/a/*"],
                ),
            ],
            carried: vec![
                "credentials \"spacelift.io\" {\n  token = \"secret\"\n}".to_owned(),
                "disable_checkpoint = true\n".to_owned(),
            ],
        };
        insta::assert_snapshot!(
            cli_config(&context).unwrap(),
            @r#"
            # airtight writes this file again before each phase: changes here are lost.
            # Providers come only from this first block. All other blocks are copied from the CLI configuration of the worker or the
            # stack.
            provider_installation {
              filesystem_mirror {
                path = "/providers"
              }
              filesystem_mirror {
                path = "/more \x24{x} \"providers\""
              }
              direct {
                include = ["registry.example.com/*/*", "registry.example.com/a/b"]
              }
              network_mirror {
                url = "https://mirror.example.com/"
                include = ["example.com/*/*"]
              }
              oci_mirror {
                repository_template = "example.com/\x24{namespace}/\x24{type}"
                include = ["example.net/a/*"]
              }
            }

            credentials "spacelift.io" {
              token = "secret"
            }

            disable_checkpoint = true
            "#
        );
    }

    #[test]
    fn refuses_a_method_that_would_be_asked_for_every_provider() {
        let context = CliConfigContext { also: vec![also(AlsoKind::Direct, &[])], ..CliConfigContext::default() };
        let error = cli_config(&context).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the installation method `direct` needs an `include` list, as it would be asked for every provider"
        );
    }
}
