//! The integration tests, one binary.
//!
//! - [`architecture`]: the house: one arrow between its rooms, no file too long to read
//! - [`ask`]: asking engines what a configuration needs
//! - [`audit`]: many repositories against one image
//! - [`bad_input`]: every file that is read, in every bad shape
//! - [`bad_input_messages`]: what people read when something is wrong
//! - [`bad_input_secrets`]: secrets and texts from outside, in no output
//! - [`differential`]: predictions against engines that are here, on random mirrors, lock files and configurations
//! - [`docs`]: the documentation: generated pages, commands, links
//! - [`doctor`]: `airtight doctor` in images that are fit and in others
//! - [`engines`]: the real engines and providers that the others use
//! - [`exceptions`]: what exceptions of the settings let in, and further installation methods
//! - [`exit_codes`]: the exit codes that scripts rely on
//! - [`field`]: situations from people's work
//! - [`gate_alone`]: what the gate alone is linked from
//! - [`guard`]: what runs is in the image: planted executables, swaps, forged notes
//! - [`handover`]: from `init` to a confirmed apply: another process, container, image
//! - [`help`]: the help of every command
//! - [`hooks`]: the hook scripts and the plugin's hooks, in every shell that a runner image may have as `sh`
//! - [`lock_complete`]: `airtight lock complete`, and engines with its result
//! - [`log`]: `AIRTIGHT_LOG=debug` tells what a command read, asked, decided and started
//! - [`mirror_build`]: `airtight mirror build`, with a registry that misbehaves
//! - [`mirror_seal`]: `airtight mirror seal`, and the gate behind a seal
//! - [`mirror_unpack`]: `airtight mirror unpack`, and archives that mean harm
//! - [`mirror_upkeep`]: `airtight mirror verify`, `prune`, `list` and `sbom`
//! - [`modules_build`]: `airtight modules build`, from repositories, archives and a registry
//! - [`modules_hostile`]: repositories and archives that mean harm
//! - [`modules_init`]: modules of a store at `init`
//! - [`modules_upkeep`]: `airtight modules verify`, `list` and `prune`
//! - [`native_hooks`]: stacks that call the engine by themselves, behind the hook scripts, with real engines in every shell
//! - [`plan_policy`]: the plan policy, by a Rego engine, on real and forged reports
//! - [`planted`]: what the engines let pass and airtight refuses, with the engine alone as the control
//! - [`plugin`]: the plugin manifest against Spacelift's schema
//! - [`reach`]: open and closed endpoints of every kind
//! - [`readme`]: the README's shell blocks, and the example
//! - [`recorded`]: what engines did, recorded, against what `airtight check` predicts
//! - [`rehearse`]: whole rehearsals with real engines and providers
//! - [`rehearse_image`]: a rehearsal in a root file system of its own
//! - [`rehearse_isolation`]: where a rehearsal runs, and that nothing is left of it
//! - [`rehearse_witness`]: what a rehearsal was asked for, by name, whatever way it was asked
//! - [`remote_state`]: providers that only the state behind a remote backend needs
//! - [`sealed_phases`]: every phase behind a seal, and other images
//! - [`settings`]: the ranks of settings
//! - [`signals`]: signals and exit codes: the engine's own
//! - [`static_binary`]: the binary in an image that has nothing else
//! - [`streams`]: what Spacelift reads back: the engine's own bytes
//! - [`support`]: what they all stand on
//! - [`values`]: values that Spacelift pastes into the commands
//! - [`verify_archive`]: `airtight verify-archive`
//! - [`workflow`]: a whole run of a stack by the rendered workflow, real from end to end

#![expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bytes of test data")]
#![expect(clippy::case_sensitive_file_extension_comparisons, reason = "the engines compare so")]
#![expect(clippy::format_collect, reason = "texts of tests are short")]
#![expect(clippy::print_stdout, reason = "what is ignored is said")]
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod architecture;
mod ask;
mod audit;
mod bad_input;
mod bad_input_messages;
mod bad_input_secrets;
mod differential;
mod docs;
mod doctor;
mod engines;
mod exceptions;
mod exit_codes;
mod field;
mod gate_alone;
mod guard;
mod handover;
mod help;
mod hooks;
mod lock_complete;
mod log;
mod mirror_build;
mod mirror_limits;
mod mirror_links;
mod mirror_seal;
mod mirror_unpack;
mod mirror_upkeep;
mod modules_build;
mod modules_hostile;
mod modules_init;
mod modules_upkeep;
mod native_hooks;
mod plan_policy;
mod planted;
mod plugin;
mod reach;
mod readme;
mod recorded;
mod rehearse;
mod rehearse_image;
mod rehearse_isolation;
mod rehearse_witness;
mod remote_state;
mod sealed_phases;
mod settings;
mod signals;
mod static_binary;
mod streams;
mod support;
mod values;
mod verify_archive;
mod workflow;

fn main() -> std::process::ExitCode {
    // Engines that are asked are started by way of this binary.
    if let Some(code) = airtight_engine::bound::become_program(std::env::args_os()) {
        return code;
    }
    // A rehearsal that has a task of its own sees neither fixtures nor the target directory.
    if rehearse_witness::asks_for_hosts() {
        return std::process::ExitCode::SUCCESS;
    }
    support::runner::run([
        architecture::tests(),
        ask::tests(),
        audit::tests(),
        bad_input::tests(),
        bad_input_messages::tests(),
        bad_input_secrets::tests(),
        differential::tests(),
        differential::repositories::tests(),
        differential::scenario::tests(),
        docs::tests(),
        doctor::tests(),
        engines::tests(),
        exceptions::tests(),
        exit_codes::tests(),
        field::tests(),
        gate_alone::tests(),
        guard::tests(),
        handover::tests(),
        help::tests(),
        hooks::tests(),
        lock_complete::tests(),
        log::tests(),
        mirror_build::tests(),
        mirror_limits::tests(),
        mirror_links::tests(),
        mirror_seal::tests(),
        mirror_unpack::tests(),
        mirror_upkeep::tests(),
        modules_build::tests(),
        modules_hostile::tests(),
        modules_init::tests(),
        modules_upkeep::tests(),
        native_hooks::tests(),
        plan_policy::tests(),
        planted::tests(),
        plugin::tests(),
        reach::tests(),
        readme::tests(),
        recorded::tests(),
        rehearse::tests(),
        rehearse_image::tests(),
        rehearse_isolation::tests(),
        rehearse_witness::tests(),
        remote_state::tests(),
        sealed_phases::tests(),
        settings::tests(),
        signals::tests(),
        static_binary::tests(),
        streams::tests(),
        support::outcome::tests(),
        support::package::tests(),
        support::prediction::tests(),
        support::state_server::tests(),
        support::workflow_file::tests(),
        values::tests(),
        verify_archive::tests(),
        workflow::tests(),
    ])
}
