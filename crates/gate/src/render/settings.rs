//! `/etc/airtight/settings.yml`, commented.

/// The settings of an image as a file to start from: every key, most of them commented out.
pub const fn settings() -> &'static str {
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../templates/settings.yml"))
}

#[cfg(test)]
mod tests {
    use serde_yaml::{Mapping, Value};

    use super::settings;

    fn keys(text: &str) -> Vec<String> {
        let mapping: Mapping = serde_yaml::from_str(text).unwrap();
        mapping.keys().map(|key| key.as_str().unwrap().to_owned()).collect()
    }

    /// Takes the `#` away from commented-out settings; sentences follow `# `, nested lines follow more spaces.
    fn uncommented() -> String {
        let line = |line: &'static str| match line.strip_prefix('#') {
            Some(rest) if !rest.starts_with(' ') || rest.starts_with("  ") => rest,
            _ => line,
        };
        settings().lines().map(line).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn sets_what_every_image_wants_fixed() {
        assert_eq!(keys(settings()), ["mirror", "policy", "execute"]);
    }

    #[test]
    fn shows_every_key_in_a_shape_that_loads() {
        let text = uncommented();
        assert_eq!(
            keys(&text),
            [
                "mirror",
                "modules",
                "policy",
                "execute",
                "engine",
                "templates",
                "state",
                "seal",
                "rules",
                "providers",
                "reachable",
                "also"
            ]
        );
        let value: Value = serde_yaml::from_str(&text).unwrap();
        assert_eq!(value["mirror"][0], "/providers");
        assert_eq!(value["policy"], "enforce");
        for code in value["rules"].as_mapping().unwrap().keys() {
            code.as_str().unwrap().parse::<airtight_finding::Code>().unwrap();
        }
        assert_eq!(value["rules"]["provider-not-locked"]["level"], "warn");
        assert!(value["rules"]["provider-not-locked"]["until"].is_string());
        assert_eq!(value["reachable"][1], "registry.example.com:8443");
        assert_eq!(value["also"][0]["direct"]["include"][0], "registry.example.com/*/*");
        assert_eq!(value["also"][1]["network_mirror"]["url"], "https://mirror.example.com/providers/");
        assert!(value["also"][2]["oci_mirror"]["repository_template"].is_string());
    }
}
