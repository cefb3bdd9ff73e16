//! Settings: to be read from YAML.
