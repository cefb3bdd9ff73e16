# Short names for the commands of this repository. `just` is not needed: each line works by itself.

# The tests that every change has to pass
test:
    cargo test --locked --workspace

# Formatting, lints, documentation, licences and advisories
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --locked -- -D warnings
    RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --locked --document-private-items
    cargo deny check

# Everything that continuous integration runs
ci:
    .ci/run

# The release binary, and the gate alone
build:
    cargo build --release --locked
    cargo build --release --locked --package airtight --no-default-features
