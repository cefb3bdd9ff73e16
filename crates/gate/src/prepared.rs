//! What the engine is given: our CLI configuration, and the variables that go with it.

use camino::Utf8PathBuf;

use super::cli_configuration::{self, Carried};
use super::context::Context;
use crate::check::Cleared;
use crate::render;
use crate::render::CliConfigContext;
use airtight_engine::environment::{AIRTIGHT_CLI_CONFIG_SOURCE, TF_CLI_CONFIG_FILE};
use airtight_finding::Finding;

/// The text to be written, and what was found while its parts were collected.
pub(crate) struct CliConfiguration {
    carried: Carried,
    text: Option<String>,
}

/// Collects the parts.
pub(crate) fn collect(context: &Context<'_>) -> (CliConfiguration, Vec<Finding>) {
    let mut carried =
        cli_configuration::carried(context.environment, context.engine, context.launch_directory, context.repository);
    let mut findings = std::mem::take(&mut carried.findings);
    findings.extend(cli_configuration::shadowed(context.environment, context.engine));
    let place = super::runtime_directory::RuntimeDirectory::place(context.environment);
    if let Err(error) = context.runtime {
        findings.push(cli_configuration::unwritable(&place, &error.to_string()));
    }
    let (known, unknown): (Vec<_>, Vec<_>) =
        context.settings.also.iter().partition(|method| method.is_known_to(context.engine));
    if !unknown.is_empty() {
        findings.push(cli_configuration::method_unknown(context.engine));
    }
    let rendered = render::cli_config(&CliConfigContext {
        mirrors: context.settings.mirror.iter().map(ToString::to_string).collect(),
        also: known.into_iter().cloned().collect(),
        carried: carried.texts(),
    });
    let text = match rendered {
        Ok(text) => Some(text),
        Err(error) => {
            findings.push(cli_configuration::unwritable(&place, &error.to_string()));
            None
        }
    };
    (CliConfiguration { carried, text }, findings)
}

impl CliConfiguration {
    /// Writes the file, and names the variables that the engine or the phase's shell needs. What the environment sets
    /// already stays as it is, but for the CLI configuration.
    ///
    /// # Errors
    /// A finding that refuses: without the file the engine would go to the internet.
    pub(crate) fn write(
        &self,
        context: &Context<'_>,
        _cleared: &Cleared,
    ) -> Result<Vec<(&'static str, String)>, Box<Finding>> {
        let path = self.write_file(context)?;
        tracing::debug!(%path, source = self.carried.source.as_deref().unwrap_or("none"), "CLI configuration written");
        let mut variables = vec![(TF_CLI_CONFIG_FILE, path.into_string())];
        variables.extend(self.carried.source.clone().map(|source| (AIRTIGHT_CLI_CONFIG_SOURCE, source)));
        for name in ["CHECKPOINT_DISABLE", "TF_IN_AUTOMATION"] {
            if context.environment.variables.get(name).is_none() {
                variables.push((name, "1".to_owned()));
            }
        }
        Ok(variables)
    }

    fn write_file(&self, context: &Context<'_>) -> Result<Utf8PathBuf, Box<Finding>> {
        let place = super::runtime_directory::RuntimeDirectory::place(context.environment);
        let refused = |reason: &str| Box::new(cli_configuration::unwritable(&place, reason));
        match (context.runtime, &self.text) {
            (Ok(runtime), Some(text)) => cli_configuration::write(runtime, context.launch_directory, text),
            (Err(error), _) => Err(refused(&error.to_string())),
            (Ok(_), None) => Err(refused("its template cannot be rendered")),
        }
    }
}
