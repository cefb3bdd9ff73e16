//! Tokens for registries, by host.
//!
//! Source: OpenTofu `internal/command/cliconfig/credentials.go`.

use std::collections::BTreeMap;
use std::fmt;

use camino::Utf8Path;

use airtight_engine::cli_config::{read_inherited, tokens as tokens_of};
use airtight_engine::environment::Environment;
use airtight_provider::{Engine, EngineName, ProviderAddress};

/// Tokens by normalised host. `Debug` shows the hosts alone.
#[derive(Clone, Default)]
pub struct Credentials {
    tokens: BTreeMap<String, String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.tokens.keys()).finish()
    }
}

impl Credentials {
    /// What the engine would use: `credentials` blocks of its CLI configuration, over which `TF_TOKEN_*` variables win.
    /// Credentials helpers are not run.
    pub fn collect(environment: &Environment, engine: &Engine, directory: &Utf8Path) -> Self {
        let mut tokens = BTreeMap::new();
        for file in read_inherited(environment, engine, directory).files {
            let text = fs_err::read_to_string(&file.path).unwrap_or_default();
            for (host, token) in tokens_of(&text, engine) {
                if let Some(host) = normal_host(&host) {
                    tokens.entry(host).or_insert(token);
                }
            }
        }
        tokens.extend(of_variables(environment));
        Self { tokens }
    }

    pub(super) fn token_for(&self, host: &str) -> Option<&str> {
        self.tokens.get(&normal_host(host)?).map(String::as_str)
    }
}

/// As addresses have it, so that every spelling finds its token.
pub(super) fn normal_host(host: &str) -> Option<String> {
    let address = ProviderAddress::from_directories(EngineName::Tofu, host, "x", "x").ok()?;
    Some(address.host().to_owned())
}

/// `TF_TOKEN_app_terraform_io`; two underscores are a hyphen.
fn of_variables(environment: &Environment) -> impl Iterator<Item = (String, String)> {
    const PREFIX: &str = "TF_TOKEN_";
    environment.variables.names().filter_map(|name| {
        let host = name.strip_prefix(PREFIX)?.replace("__", "-").replace('_', ".");
        let token = environment.variables.get(name).filter(|token| !token.is_empty())?;
        Some((normal_host(&host)?, token.to_owned()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        Environment::from_vars(variables.iter().map(|(name, value)| (name.into(), value.into()))).unwrap()
    }

    #[test]
    fn a_variable_names_its_host() {
        let environment = environment(&[
            ("TF_TOKEN_app_terraform_io", "a"),
            ("TF_TOKEN_my__registry_Example_com", "b"),
            ("TF_TOKEN_empty_example", ""),
            ("OTHER", "c"),
        ]);
        let credentials = Credentials { tokens: of_variables(&environment).collect() };
        assert_eq!(credentials.token_for("app.terraform.io"), Some("a"));
        assert_eq!(credentials.token_for("MY-registry.example.com"), Some("b"));
        assert_eq!(credentials.token_for("empty.example"), None);
        assert_eq!(format!("{credentials:?}"), r#"{"app.terraform.io", "my-registry.example.com"}"#);
    }

    #[test]
    fn blocks_of_the_cli_configuration_count_below_variables() {
        let directory = tempfile::tempdir().unwrap();
        let directory = Utf8Path::from_path(directory.path()).unwrap();
        let file = directory.join("x.tfrc");
        fs_err::write(
            &file,
            "credentials \"A.example\" {\n token = \"of the file\"\n}\ncredentials \"b.example\" { token = \"two\" }\n",
        )
        .unwrap();
        let environment =
            environment(&[("TF_CLI_CONFIG_FILE", file.as_str()), ("TF_TOKEN_a_example", "of the variable")]);
        let engine = Engine::new(airtight_provider::EngineName::Tofu, airtight_provider::Version::release(1, 12, 6));
        let credentials = Credentials::collect(&environment, &engine, directory);
        assert_eq!(credentials.token_for("a.example"), Some("of the variable"));
        assert_eq!(credentials.token_for("b.example"), Some("two"));
    }
}
