//! The gate alone (`--no-default-features`): what it is linked from.

use std::collections::BTreeSet;
use std::process::Command;

crate::tests! {
    the_gate_alone_links_nothing_that_opens_a_socket_or_reads_openpgp,
}

/// Crates that open sockets, speak TLS or read OpenPGP.
const NOT_IN_THE_GATE: [&str; 9] =
    ["airtight-supply", "native-tls", "pgp", "ring", "rustls", "simple-dns", "socket2", "ureq", "url"];

/// The names of every crate that the binary is linked from.
fn linked(arguments: &[&str]) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["tree", "--locked", "--offline", "--edges", "normal", "--prefix", "none", "--format", "{p}"])
        .args(["--package", "airtight"])
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter_map(|line| line.split(' ').next()).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

fn the_gate_alone_links_nothing_that_opens_a_socket_or_reads_openpgp() {
    let gate = linked(&["--no-default-features"]);
    let full = linked(&[]);
    for name in NOT_IN_THE_GATE {
        assert!(!gate.contains(name), "the gate alone is linked from {name}");
    }
    // The names are the crates' own: the full binary has them.
    for name in ["airtight-supply", "pgp", "rustls", "simple-dns", "ureq"] {
        assert!(full.contains(name), "the full binary is not linked from {name}");
    }
    assert!(gate.contains("airtight-gate") && gate.len() < full.len());
}
