//! Tokens for registries, by host.
//!
//! Source: OpenTofu `internal/command/cliconfig/credentials.go`.

use std::collections::BTreeMap;
use std::fmt;

use camino::{Utf8Path, Utf8PathBuf};
use url::Url;

use airtight_engine::cli_config::{read_inherited, tokens as tokens_of};
use airtight_engine::environment::Environment;
use airtight_provider::text_file;
use airtight_provider::{Engine, EngineName, ProviderAddress};

/// Nobody has a larger `.netrc`.
const NETRC_BYTES: u64 = 1024 * 1024;

/// Tokens by normalised host. `Debug` shows the hosts alone.
#[derive(Clone, Default)]
pub struct Credentials {
    tokens: BTreeMap<String, String>,
    /// User and password by host, with its port if an address names one: the `.netrc` file's.
    logins: BTreeMap<String, (String, String)>,
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
        Self { tokens, logins: netrc(environment) }
    }

    /// Not for an address that has a user itself.
    pub(super) fn login_for(&self, url: &Url) -> Option<(&str, &str)> {
        let host = url.host_str().filter(|_| url.username().is_empty())?;
        let host = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        self.logins.get(&host).map(|(user, password)| (user.as_str(), password.as_str()))
    }

    pub(super) fn token_for(&self, host: &str) -> Option<&str> {
        self.tokens.get(&normal_host(host)?).map(String::as_str)
    }
}

/// The machines of `.netrc` with a user and a password. Its `default` is left out: it would go to every host.
///
/// Source: hashicorp/go-getter `netrc.go`.
fn netrc(environment: &Environment) -> BTreeMap<String, (String, String)> {
    let named = environment.variables.get("NETRC").filter(|path| !path.is_empty()).map(Utf8PathBuf::from);
    let home = || environment.variables.get("HOME").map(|home| Utf8Path::new(home).join(".netrc"));
    let text = named.or_else(home).and_then(|path| text_file::read(&path, NETRC_BYTES).ok()).unwrap_or_default();
    let (mut logins, mut host, mut user) = (BTreeMap::new(), None, None);
    let mut words = text.split_whitespace();
    while let Some(word) = words.next() {
        match word {
            "machine" => (host, user) = (words.next(), None),
            "default" => (host, user) = (None, None),
            "login" => user = words.next(),
            "password" => {
                if let (Some(host), Some(user), Some(password)) = (host, user, words.next()) {
                    logins.entry(host.to_owned()).or_insert((user.to_owned(), password.to_owned()));
                }
            }
            _ => {}
        }
    }
    logins
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
        let credentials = Credentials { tokens: of_variables(&environment).collect(), ..Credentials::default() };
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

    #[test]
    fn a_login_is_its_machine_s_alone() {
        let directory = tempfile::tempdir().unwrap();
        let home = Utf8Path::from_path(directory.path()).unwrap();
        let text = "machine h.example login u\n password p\nmachine h.example:8443\nlogin o password q\ndefault login d password d\n";
        fs_err::write(home.join(".netrc"), text).unwrap();
        let engine = Engine::new(EngineName::Tofu, airtight_provider::Version::release(1, 12, 6));
        let credentials = Credentials::collect(&environment(&[("HOME", home.as_str())]), &engine, home);
        for (url, expected) in [
            ("https://h.example/x.zip", Some(("u", "p"))),
            ("https://h.example:8443/x.zip", Some(("o", "q"))),
            ("https://own@h.example/x.zip", None),
            ("https://other.example/x.zip", None),
        ] {
            assert_eq!(credentials.login_for(&Url::parse(url).unwrap()), expected, "{url}");
        }
    }
}
