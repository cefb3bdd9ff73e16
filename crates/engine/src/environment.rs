//! The only reader of environment variables; every name is a documented constant here.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;

/// The CLI configuration file, which replaces every other one.
pub const TF_CLI_CONFIG_FILE: &str = "TF_CLI_CONFIG_FILE";
/// The older name of the same.
pub const TERRAFORM_CONFIG: &str = "TERRAFORM_CONFIG";
/// What [`TF_CLI_CONFIG_FILE`] named before we changed it.
pub const AIRTIGHT_CLI_CONFIG_SOURCE: &str = "AIRTIGHT_CLI_CONFIG_SOURCE";
/// Where the engine keeps what is `.terraform` otherwise.
pub const TF_DATA_DIR: &str = "TF_DATA_DIR";
/// The workspace whose state counts.
pub const TF_WORKSPACE: &str = "TF_WORKSPACE";
/// The plugin cache, before that of the CLI configuration.
pub const TF_PLUGIN_CACHE_DIR: &str = "TF_PLUGIN_CACHE_DIR";
/// Providers that already run, as JSON; the engine does not install them.
pub const TF_REATTACH_PROVIDERS: &str = "TF_REATTACH_PROVIDERS";
/// Arguments for every command of the engine.
pub const TF_CLI_ARGS: &str = "TF_CLI_ARGS";
/// Arguments for `init`.
pub const TF_CLI_ARGS_INIT: &str = "TF_CLI_ARGS_init";
/// OpenTofu's encryption of state and plan.
pub const TF_ENCRYPTION: &str = "TF_ENCRYPTION";
/// `0` keeps OpenTofu from reading `registry.terraform.io` in a state as its own registry.
pub const OPENTOFU_STATEFILE_PROVIDER_ADDRESS_TRANSLATION: &str = "OPENTOFU_STATEFILE_PROVIDER_ADDRESS_TRANSLATION";
pub const HOME: &str = "HOME";
pub const PATH: &str = "PATH";
pub const XDG_CONFIG_HOME: &str = "XDG_CONFIG_HOME";
pub const XDG_DATA_DIRS: &str = "XDG_DATA_DIRS";
pub const XDG_DATA_HOME: &str = "XDG_DATA_HOME";
pub const XDG_RUNTIME_DIR: &str = "XDG_RUNTIME_DIR";

/// The variables that we act upon: a value that is no text is an error there, and of no interest elsewhere.
const READ: [&str; 17] = [
    AIRTIGHT_CLI_CONFIG_SOURCE,
    HOME,
    OPENTOFU_STATEFILE_PROVIDER_ADDRESS_TRANSLATION,
    PATH,
    TERRAFORM_CONFIG,
    TF_CLI_ARGS,
    TF_CLI_ARGS_INIT,
    TF_CLI_CONFIG_FILE,
    TF_DATA_DIR,
    TF_ENCRYPTION,
    TF_PLUGIN_CACHE_DIR,
    TF_REATTACH_PROVIDERS,
    TF_WORKSPACE,
    XDG_CONFIG_HOME,
    XDG_DATA_DIRS,
    XDG_DATA_HOME,
    XDG_RUNTIME_DIR,
];

/// What the rest needs of the environment, as text. An empty value counts as unset, as it does for the engines.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// `HOME`, else the home directory of `/etc/passwd`.
    pub home: Option<Utf8PathBuf>,
    /// `TF_CLI_CONFIG_FILE`, else `TERRAFORM_CONFIG`.
    pub cli_config_file: Option<String>,
    /// `AIRTIGHT_CLI_CONFIG_SOURCE`: what the variable named before we changed it.
    pub cli_config_source: Option<String>,
    /// `TF_DATA_DIR`.
    pub data_dir: Option<String>,
    /// `TF_WORKSPACE`.
    pub workspace: Option<String>,
    /// `TF_PLUGIN_CACHE_DIR`.
    pub plugin_cache_dir: Option<String>,
    /// `TF_REATTACH_PROVIDERS`.
    pub reattach_providers: Option<String>,
    /// `TF_CLI_ARGS`.
    pub cli_args: Option<String>,
    /// `TF_CLI_ARGS_init`.
    pub cli_args_init: Option<String>,
    /// `TF_ENCRYPTION` is set (OpenTofu).
    pub has_encryption: bool,
    /// `OPENTOFU_STATEFILE_PROVIDER_ADDRESS_TRANSLATION`.
    pub state_address_translation: Option<String>,
    pub xdg_config_home: Option<Utf8PathBuf>,
    pub xdg_data_home: Option<Utf8PathBuf>,
    pub xdg_data_dirs: Option<String>,
    pub xdg_runtime_dir: Option<Utf8PathBuf>,
    pub path: Option<String>,
    /// Every variable, for `$VAR` in a plugin cache directory and for questions about names.
    pub variables: Variables,
}

/// Every variable whose name and value are text. `Debug` shows the names alone: values hold secrets.
#[derive(Clone, Default)]
pub struct Variables {
    values: BTreeMap<String, String>,
}

impl Variables {
    /// Sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }

    /// The value, which may be empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }
}

impl fmt::Debug for Variables {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.names()).finish()
    }
}

/// A variable that we act upon is no text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the environment variable {name} is not valid UTF-8")]
pub struct EnvironmentError {
    pub name: String,
}

impl Environment {
    /// The engine's data directory, absolute or from the root module on.
    pub fn data_dir(&self) -> &Utf8Path {
        Utf8Path::new(self.data_dir.as_deref().unwrap_or(".terraform"))
    }

    /// Of this process. Without `HOME` the home directory is that of `/etc/passwd`, as it is for the engines.
    pub fn from_process() -> Result<Self, EnvironmentError> {
        let mut environment = Self::from_vars(std::env::vars_os())?;
        if environment.home.is_none() {
            let user = rustix::process::getuid().as_raw();
            environment.home = fs::read_to_string("/etc/passwd").ok().and_then(|passwd| home_of(&passwd, user));
        }
        Ok(environment)
    }

    /// Of any variables. Where a name comes twice, the last one counts.
    pub fn from_vars(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Result<Self, EnvironmentError> {
        let mut values = BTreeMap::new();
        for (name, value) in variables {
            let Ok(name) = name.into_string() else { continue };
            match value.into_string() {
                Ok(value) => values.extend([(name, value)]),
                Err(_) if READ.contains(&name.as_str()) => return Err(EnvironmentError { name }),
                Err(_) => {}
            }
        }
        let variables = Variables { values };
        let text = |name: &str| variables.get(name).filter(|value| !value.is_empty()).map(ToOwned::to_owned);
        let path = |name: &str| text(name).map(Utf8PathBuf::from);
        Ok(Self {
            home: path(HOME),
            cli_config_file: text(TF_CLI_CONFIG_FILE).or_else(|| text(TERRAFORM_CONFIG)),
            cli_config_source: text(AIRTIGHT_CLI_CONFIG_SOURCE),
            data_dir: text(TF_DATA_DIR),
            workspace: text(TF_WORKSPACE),
            plugin_cache_dir: text(TF_PLUGIN_CACHE_DIR),
            reattach_providers: text(TF_REATTACH_PROVIDERS),
            cli_args: text(TF_CLI_ARGS),
            cli_args_init: text(TF_CLI_ARGS_INIT),
            has_encryption: text(TF_ENCRYPTION).is_some(),
            state_address_translation: text(OPENTOFU_STATEFILE_PROVIDER_ADDRESS_TRANSLATION),
            xdg_config_home: path(XDG_CONFIG_HOME),
            xdg_data_home: path(XDG_DATA_HOME),
            xdg_data_dirs: text(XDG_DATA_DIRS),
            xdg_runtime_dir: path(XDG_RUNTIME_DIR),
            path: text(PATH),
            variables,
        })
    }

    /// Replaces `$NAME` and `${NAME}`; an unset variable is empty.
    ///
    /// Source: Go `os.ExpandEnv`.
    pub(crate) fn expand(&self, text: &str) -> String {
        let mut expanded = String::new();
        let mut rest = text;
        while let Some(dollar) = rest.find('$') {
            expanded.push_str(&rest[..dollar]);
            rest = &rest[dollar + 1..];
            let (name, length) = variable_name(rest);
            match name {
                // No name: the sign stays, but for `${` without one, which is eaten.
                "" if length == 0 => expanded.push('$'),
                name => expanded.push_str(self.variables.get(name).unwrap_or_default()),
            }
            rest = &rest[length..];
        }
        expanded + rest
    }
}

/// The name after a `$`, and how many bytes it takes, braces included.
fn variable_name(text: &str) -> (&str, usize) {
    const SPECIAL: [char; 17] = ['*', '#', '$', '@', '!', '?', '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9'];
    if let Some(inner) = text.strip_prefix('{') {
        if inner.starts_with(SPECIAL) && inner[1..].starts_with('}') {
            return (&inner[..1], 3);
        }
        return match inner.find('}') {
            Some(0) => ("", 2),
            Some(end) => (&inner[..end], end + 2),
            None => ("", 1),
        };
    }
    if text.starts_with(SPECIAL) {
        return (&text[..1], 1);
    }
    let end = text.find(|character: char| character != '_' && !character.is_ascii_alphanumeric());
    let name = &text[..end.unwrap_or(text.len())];
    (name, name.len())
}

fn home_of(passwd: &str, user: u32) -> Option<Utf8PathBuf> {
    passwd.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        match fields[..] {
            [_, _, id, _, _, home, _] if id.parse() == Ok(user) && !home.is_empty() => Some(home.into()),
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt as _;

    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        Environment::from_vars(variables.iter().map(|(name, value)| (name.into(), value.into()))).unwrap()
    }

    #[test]
    fn an_empty_variable_is_unset() {
        let environment = environment(&[(TF_CLI_CONFIG_FILE, ""), (TERRAFORM_CONFIG, "b"), (HOME, ""), (PATH, "/bin")]);
        assert_eq!(environment.cli_config_file.as_deref(), Some("b"));
        assert_eq!(environment.home, None);
        assert_eq!(environment.path.as_deref(), Some("/bin"));
    }

    #[test]
    fn a_value_that_is_no_text_is_an_error_only_where_it_matters() {
        let broken = || OsString::from_vec(vec![0xff]);
        let error = Environment::from_vars([(TF_DATA_DIR.into(), broken())]).unwrap_err();
        assert_eq!(error.to_string(), "the environment variable TF_DATA_DIR is not valid UTF-8");
        let environment = Environment::from_vars([("LS_COLORS".into(), broken()), (broken(), "x".into())]).unwrap();
        assert_eq!(environment.variables.names().count(), 0);
    }

    #[test]
    fn expands_variables_as_go_does() {
        let environment = environment(&[("A", "x"), ("A_1", "y")]);
        let cases = [
            ("$A/b", "x/b"),
            ("${A}b$A_1", "xby"),
            ("$UNSET/b", "/b"),
            ("a$", "a$"),
            ("$/a", "$/a"),
            ("${}a", "a"),
            ("${A", "A"),
            ("$1a$$b", "ab"),
            ("~/é$A", "~/éx"),
        ];
        for (text, expected) in cases {
            assert_eq!(environment.expand(text), expected, "{text}");
        }
    }

    #[test]
    fn values_are_not_shown() {
        assert!(!format!("{:?}", environment(&[("TF_TOKEN_x", "s3cret")])).contains("s3cret"));
    }

    #[test]
    fn finds_a_home_directory_in_passwd() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nbroken\nspacelift:x:1983:1983::/home/spacelift:/bin/ash\n";
        assert_eq!(home_of(passwd, 1983).as_deref(), Some("/home/spacelift".into()));
        assert_eq!(home_of(passwd, 7), None);
    }
}
