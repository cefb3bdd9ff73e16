//! The environment that the engine gets when it is asked.

use std::ffi::{OsStr, OsString};

use super::scratch::Scratch;

/// Variables whose names begin so are left out: arguments, logs and our own.
const LEFT_OUT_PREFIXES: [&[u8]; 3] = [b"TF_CLI_ARGS", b"TF_LOG", b"AIRTIGHT_"];

/// Left out as well: these would change which providers are asked for, or where they are looked for.
const LEFT_OUT: [&str; 5] =
    ["TERRAFORM_CONFIG", "TF_DATA_DIR", "TF_PLUGIN_CACHE_DIR", "TF_REATTACH_PROVIDERS", "TF_CLI_CONFIG_FILE"];

/// Go's error of a connection by that proxy: it comes from the closed network, not from the configuration.
pub(super) const CLOSED_PROXY: &str = "proxyconnect tcp: dial tcp 127.0.0.1:1:";

/// Closed ways out, for when no network namespace is permitted: a proxy that refuses every connection, and git with
/// nothing but local repositories.
const NO_WAY_OUT: [(&str, &str); 9] = [
    ("HTTP_PROXY", "http://127.0.0.1:1"),
    ("http_proxy", "http://127.0.0.1:1"),
    ("HTTPS_PROXY", "http://127.0.0.1:1"),
    ("https_proxy", "http://127.0.0.1:1"),
    ("ALL_PROXY", "http://127.0.0.1:1"),
    ("all_proxy", "http://127.0.0.1:1"),
    ("NO_PROXY", ""),
    ("no_proxy", ""),
    ("GIT_ALLOW_PROTOCOL", "file"),
];

/// What the engine would get, with the scratch directory in place of what is real.
pub(super) fn of_engine(inherited: &[(OsString, OsString)], scratch: &Scratch) -> Vec<(OsString, OsString)> {
    let kept = inherited.iter().filter(|(name, _)| !is_left_out(name));
    let mut environment: Vec<_> = kept.cloned().collect();
    let ours = [
        ("CHECKPOINT_DISABLE", "1".to_owned()),
        ("TF_CLI_CONFIG_FILE", scratch.cli_config().into_string()),
        ("TF_DATA_DIR", scratch.data_dir().into_string()),
    ];
    environment.extend(ours.map(|(name, value)| (name.into(), value.into())));
    environment
}

/// Replaces the variables that lead out.
pub(super) fn without_network(environment: &mut Vec<(OsString, OsString)>) {
    environment.retain(|(name, _)| NO_WAY_OUT.iter().all(|(closed, _)| name != closed));
    environment.extend(NO_WAY_OUT.map(|(name, value)| (name.into(), value.into())));
}

/// Credentials, with which a backend would try to connect again and again.
const CREDENTIALS: [&str; 6] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
];

/// So that a backend gives up at its first try.
const ONCE: [(&str, &str); 3] =
    [("AWS_EC2_METADATA_DISABLED", "true"), ("AWS_MAX_ATTEMPTS", "1"), ("TF_HTTP_RETRY_MAX", "0")];

/// For a backend that must not connect to anything.
pub(super) fn without_credentials(environment: &mut Vec<(OsString, OsString)>) {
    environment.retain(|(name, _)| {
        CREDENTIALS.iter().all(|credential| name != credential) && ONCE.iter().all(|(once, _)| name != once)
    });
    environment.extend(ONCE.map(|(name, value)| (name.into(), value.into())));
}

fn is_left_out(name: &OsStr) -> bool {
    let bytes = name.as_encoded_bytes();
    LEFT_OUT_PREFIXES.iter().any(|prefix| bytes.starts_with(prefix)) || LEFT_OUT.iter().any(|left| name == *left)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_the_question_is_left_out() {
        for name in ["TF_CLI_ARGS", "TF_CLI_ARGS_init", "TF_LOG_PATH", "AIRTIGHT_MIRROR", "TF_DATA_DIR"] {
            assert!(is_left_out(OsStr::new(name)), "{name}");
        }
        for name in ["TF_VAR_region", "PATH", "HOME", "TF_WORKSPACE", "TF_ENCRYPTION"] {
            assert!(!is_left_out(OsStr::new(name)), "{name}");
        }
    }

    #[test]
    fn a_proxy_leads_nowhere() {
        let mut environment = vec![("https_proxy".into(), "http://proxy:3128".into()), ("A".into(), "b".into())];
        without_network(&mut environment);
        let values: Vec<_> = environment.iter().filter(|(name, _)| name == "https_proxy").map(|(_, v)| v).collect();
        assert_eq!(values, ["http://127.0.0.1:1"]);
        assert!(environment.contains(&("A".into(), "b".into())));
    }
}
