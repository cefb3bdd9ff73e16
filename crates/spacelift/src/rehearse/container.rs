//! Inside: the first process of a container, which lays it out, runs the phases' scripts and listens.
//!
//! It reads the leg from its standard input. When that is closed, because the other side has ended, this process ends,
//! and with it everything in its namespaces.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::process::Command;
use std::sync::Arc;
use std::thread;

use fs_err as fs;

use super::control::Control;
use super::executions::Watcher;
use super::leg::{Event, Leg, Status, When};
use super::running::{Running, project_directory, write_as_run_user};
use super::state_backend::{self, StateBackend};
use super::witness::Witness;
use super::{mounts, namespaces, netlink, plan_file};

/// Leaves for new namespaces, and starts the container's first process in them.
///
/// # Errors
/// Fails where that process cannot be started; where namespaces are not permitted, the other side hears it.
pub fn enter() -> anyhow::Result<()> {
    namespaces::end_with_parent()?;
    let is_root = namespaces::is_root();
    let (user, group) = namespaces::own_user();
    let entered = namespaces::leave().and_then(|()| {
        if is_root {
            tell(&Event::Unshared)?;
            let mut answer = [0];
            let read = rustix::io::read(io::stdin(), &mut answer)?;
            return if read == 1 { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
        }
        namespaces::map_own_user(user, group)?;
        namespaces::pass_capabilities_on()
    });
    if let Err(error) = entered {
        tell(&Event::Broken { reason: error.to_string() })?;
        return Ok(());
    }
    // Capabilities gained have cleared it.
    namespaces::end_with_parent()?;
    Command::new("/proc/self/exe").args(["rehearse-inside", "container"]).status()?;
    Ok(())
}

/// Runs one leg.
///
/// # Errors
/// Fails where the other side is gone.
pub fn run() -> anyhow::Result<()> {
    let mut input = BufReader::new(io::stdin());
    let mut line = String::new();
    input.read_line(&mut line)?;
    let leg: Leg = serde_json::from_str(&line)?;
    let witness = Witness::default();
    let (backend, notes) = match lay_out(&leg, &witness) {
        Ok(laid_out) => laid_out,
        Err(error) => {
            tell(&Event::Broken { reason: error.to_string() })?;
            return Ok(());
        }
    };
    tell(&Event::Ready { notes })?;
    let control = Arc::new(Control::new(leg.has_namespaces));
    let listening = control.clone();
    thread::spawn(move || listening.listen(&mut input));
    let watcher = leg.watches_executions.then(Watcher::start);
    let mut failed = false;
    let mut has_changes = true;
    let mut has_applied = false;
    let mut previous = Status::Passed;
    for (index, step) in leg.steps.iter().enumerate() {
        let is_due = match step.when {
            When::Cleared => !failed,
            When::Changes => !failed && has_changes,
            When::PreviousFailed => !failed && previous == Status::Failed,
            When::Applied => has_applied,
            When::Over => failed || !has_changes,
            When::Always => true,
        };
        if !is_due || control.is_stopped() {
            continue;
        }
        tell(&Event::Started { index })?;
        has_applied |= step.name == "apply";
        let result = Running {
            leg: &leg,
            step,
            witness: &witness,
            control: &control,
            watcher: watcher.as_ref(),
            has_failed: failed,
        }
        .run()?;
        previous = result.status;
        let is_expected = result.is_expected_failure(leg.steps.get(index + 1));
        failed |= result.status != Status::Passed && !is_expected;
        if let (Some(file), Status::Passed, "showPlan") = (&step.captured, result.status, step.name.as_str()) {
            has_changes = plan_file::has_changes(&project_directory(&leg).join(file));
        }
        tell(&Event::Ended { index, result: Box::new(result) })?;
    }
    control.end_everything();
    tell(&Event::Finished { state: backend.map(|backend| backend.state()), has_changes })?;
    Ok(())
}

fn tell(event: &Event) -> io::Result<()> {
    let mut text = serde_json::to_string(event)?;
    text.push('\n');
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// Makes the container, and starts what listens in it.
fn lay_out(leg: &Leg, witness: &Witness) -> io::Result<(Option<StateBackend>, Vec<String>)> {
    let mut notes = Vec::new();
    let to_be = |what: &str| {
        let what = what.to_owned();
        move |error: io::Error| io::Error::new(error.kind(), format!("{what}: {error}"))
    };
    if leg.has_namespaces {
        namespaces::end_with_parent()?;
        namespaces::keep_capabilities().map_err(to_be("capabilities"))?;
        notes = mounts::prepare(leg).map_err(to_be("mounts"))?;
        if !netlink::capture_everything().map_err(to_be("routes"))? {
            notes.push("IPv6 is off here, so what is asked for by IPv6 addresses is not seen".to_owned());
        }
        witness.start().map_err(to_be("the witness"))?;
    } else {
        rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
        fs::create_dir_all(&leg.home)?;
        if leg.becomes_run_user {
            mounts::own(&leg.home)?;
        }
    }
    write_as_run_user(leg, &leg.home.join(".terraformrc"), &leg.terraformrc)?;
    let Some(state) = &leg.state else { return Ok((None, notes)) };
    let backend = StateBackend::new(state.text.clone(), state.password.clone());
    backend.serve(state.port).map_err(to_be("the state's backend"))?;
    let file = project_directory(leg).join(state_backend::FILE);
    write_as_run_user(leg, &file, &state_backend::configuration(state.port, &state.password))?;
    Ok((Some(backend), notes))
}
