//! Lock files and states.

use super::Extra::{self, Append, File, Link};

const LOCK: &str = "stack/.terraform.lock.hcl";
const STATE: &str = "stack/terraform.tfstate";

pub(crate) const LOCKS: &[Extra] = &[
    Append(LOCK, "\nprovider \"registry.terraform.io/hashicorp/random\" {\n  version = \"1.0.0\"\n}\n"),
    Append(LOCK, "\nprovider \"$HOST/hashicorp/unused\" {\n  version = \"1.0.0\"\n  hashes = [\"h1:x\"]\n}\n"),
    Append(LOCK, "\nprovider \"$HOST/acme/dog\" {\n  version = \"1.0\"\n}\n"),
    Append(LOCK, "\nprovider \"acme/dog\" {\n  version = \"1.0.0\"\n}\n"),
    Append(LOCK, "\nprovider \"terraform.io/builtin/terraform\" {\n  version = \"1.0.0\"\n}\n"),
    Append(LOCK, "\nprovider \"$HOST/acme/cat\" {\n  version     = \"1.0.0\"\n  constraints = \">=1\"\n}\n"),
    Append(LOCK, "\nprovider \"$HOST/acme/cat\" {\n  version = \"1.0.0\"\n  hashes  = []\n}\n"),
    Append(LOCK, "\nprovider \"$HOST/acme/cat\" {\n  version = \"1.0.0\"\n  hashes  = [\"nothing\"]\n}\n"),
    Append(
        LOCK,
        "\nprovider \"$HOST/acme/cat\" {\n  version = \"1.0.0\"\n  hashes  = [\"zh:b\", \"h1:a\", \"zh:b\"]\n}\n",
    ),
    Append(LOCK, "\nmodule \"x\" {\n  version = 1\n}\n"),
    Append(LOCK, "\n<<<<<<< HEAD\n"),
    Append(LOCK, "\nextra = true\n"),
    Append(LOCK, "/* a remark */ # another\n"),
    File(LOCK, ""),
    File(LOCK, "provider \"$HOST/hashicorp/null\" {\n  version = \"1.0.0\"\n}"),
    File(
        LOCK,
        "provider \"registry.terraform.io/hashicorp/null\" {\n  version = \"1.2.0\"\n  hashes = [\"h1:x\"]\n}\n",
    ),
    Link(LOCK, "nothing.hcl"),
];

pub(crate) const STATES: &[Extra] = &[
    File(STATE, ""),
    File(STATE, "{"),
    File(STATE, "{}"),
    File(STATE, r#"{"version":5}"#),
    File(STATE, r#"{"version":4,"terraform_version":"99.0.0","serial":1,"lineage":"x","outputs":{},"resources":[]}"#),
    File(
        STATE,
        r#"{"version":4,"serial":1,"lineage":"x","resources":[{"mode":"managed","type":"a","name":"b","provider":"provider.null","instances":[]}]}"#,
    ),
    File(
        STATE,
        r#"{"version":4,"serial":1,"lineage":"x","resources":[{"mode":"data","type":"a","name":"b","provider":"module.m[\"k\"].provider[\"$HOST/hashicorp/null\"].alias","instances":[]}]}"#,
    ),
    File(
        STATE,
        r#"{"version":4,"serial":1,"lineage":"x","resources":[{"module":"module.m","mode":"managed","type":"a","name":"b","provider":"provider[\"HashiCorp/Random\"]","instances":[{"schema_version":0,"attributes":{}}]}]}"#,
    ),
    File(
        STATE,
        r#"{"version":4,"serial":1,"lineage":"x","resources":[{"mode":"managed","type":"a","name":"b","provider":"nonsense","instances":[]}]}"#,
    ),
    File(
        STATE,
        r#"{"version":4,"serial":1,"lineage":"x","resources":[{"mode":"managed","type":"terraform_data","name":"b","provider":"provider[\"terraform.io/builtin/terraform\"]","instances":[]}]}"#,
    ),
    File(
        STATE,
        r#"{"version":4,"serial":1,"lineage":"x","resources":[{"mode":"managed","type":"a","name":"b","provider":"provider[\"registry.terraform.io/acme/dog\"]","instances":[]}]}"#,
    ),
    File(
        STATE,
        r#"{"version":4,"serial":1,"lineage":"x","resources":[{"mode":"managed","type":"a","name":"b","provider":"provider[\"registry.opentofu.org/hashicorp/random\"]","instances":[]}]}"#,
    ),
    File(
        STATE,
        r#"{"version":3,"serial":1,"lineage":"x","modules":[{"path":["root"],"outputs":{},"resources":{"null_resource.x":{"type":"null_resource","primary":{"id":"1"},"provider":"provider.null"}}}]}"#,
    ),
    File("stack/terraform.tfstate.d/other/terraform.tfstate", "{"),
    File(
        "stack/kept.tfstate",
        r#"{"version":4,"serial":1,"lineage":"x","resources":[{"mode":"managed","type":"a","name":"b","provider":"provider[\"$HOST/hashicorp/random\"]","instances":[]}]}"#,
    ),
];
