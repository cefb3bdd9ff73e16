//! Inside: the first process of a container, which lays it out, runs the phases' scripts and listens.
//!
//! It hears the leg on its standard input, whose end is its own: whoever holds the other side and dies, however, ends
//! everything here.

use std::collections::VecDeque;
use std::io::{self, BufRead as _, BufReader, Read, Write as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, kill_process_group, waitpid};

use airtight_finding::escape;
use airtight_provider::HookPoint;

use super::leg::{Event, Leg, Status, Step, StepResult, When};
use super::namespaces::{self, RUN_USER};
use super::plan_file;
use super::state_backend::{self, StateBackend};
use super::witness::Witness;
use super::{mounts, netlink, words};

/// Between two looks at a running phase.
const TICK: Duration = Duration::from_millis(5);
/// An engine that was interrupted ends what it is at; interrupted again it ends at once. Nothing of value is at stake in
/// a rehearsal.
const SECOND_INTERRUPT: Duration = Duration::from_millis(500);
const KILL: Duration = Duration::from_millis(1500);
/// Of a phase's output, for explanations.
const LAST_BYTES: usize = 32 * 1024;

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
    let control = Arc::new(Control { has_namespaces: leg.has_namespaces, ..Control::default() });
    let listening = control.clone();
    thread::spawn(move || listening.listen(&mut input));
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
        let result = Running { leg: &leg, step, witness: &witness, control: &control, has_failed: failed }.run()?;
        previous = result.status;
        let is_expected = leg.steps.get(index + 1).is_some_and(|next| next.when == When::PreviousFailed);
        failed |= result.status != Status::Passed && !(is_expected && result.status == Status::Failed);
        if let (Some(file), Status::Passed, "showPlan") = (&step.captured, result.status, step.name.as_str()) {
            has_changes = plan_file::has_changes(&project_directory(&leg).join(file));
        }
        tell(&Event::Ended { index, result })?;
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

fn project_directory(leg: &Leg) -> Utf8PathBuf {
    leg.workspace_root.join("source").join(&leg.project_root)
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

/// Replaces a file, never what a link leads to.
fn write_as_run_user(leg: &Leg, path: &Utf8Path, text: &str) -> io::Result<()> {
    let mut file = create(leg, path)?;
    file.write_all(text.as_bytes())
}

fn create(leg: &Leg, path: &Utf8Path) -> io::Result<fs::File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    if path.is_symlink() || path.exists() {
        fs::remove_file(path)?;
    }
    let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    if leg.becomes_run_user {
        mounts::own(path)?;
    }
    Ok(fs::File::from_parts(file, path))
}

/// What the other side wants.
#[derive(Default)]
struct Control {
    has_namespaces: bool,
    stopped: AtomicBool,
    /// The process group of the running phase, 0 for none.
    group: AtomicI32,
}

impl Control {
    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// A line stops the run; the end of the input ends this process, and with it everything in its namespace.
    fn listen(&self, input: &mut impl io::BufRead) {
        let mut line = String::new();
        while input.read_line(&mut line).is_ok_and(|length| length > 0) {
            self.stopped.store(true, Ordering::Relaxed);
            line.clear();
        }
        self.signal(Signal::KILL);
        self.end_everything();
        std::process::exit(0);
    }

    /// What phases left behind. In a namespace of its own it ends with this process; else it is this process's to end,
    /// as orphans become its children.
    fn end_everything(&self) {
        if self.has_namespaces {
            return;
        }
        let started = Instant::now();
        loop {
            let children = namespaces::children();
            for child in &children {
                let _ = kill_process(*child, Signal::KILL);
                let _ = waitpid(Some(*child), WaitOptions::empty());
            }
            if children.is_empty() || started.elapsed() > KILL {
                return;
            }
        }
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = Pid::from_raw(self.group.load(Ordering::Relaxed)) {
            let _ = kill_process_group(group, signal);
        }
    }
}

/// One step, from its start to its end.
struct Running<'a> {
    leg: &'a Leg,
    step: &'a Step,
    witness: &'a Witness,
    control: &'a Control,
    has_failed: bool,
}

impl Running<'_> {
    fn run(&self) -> io::Result<StepResult> {
        self.witness.begin();
        // From here, not from the other side, so that it stands before what the phase prints.
        let _ = writeln!(io::stderr(), "airtight: rehearsing {}: {}", self.step.name, escape::line(&self.step.command));
        let started = Instant::now();
        let mut child = match self.command()?.spawn() {
            Ok(child) => child,
            Err(error) => return Ok(not_started(&error)),
        };
        self.control.group.store(i32::try_from(child.id()).unwrap_or_default(), Ordering::Relaxed);
        let output = Output::of(&mut child);
        let ended_by_us = self.wait(&mut child)?;
        let status = child.wait()?;
        self.control.group.store(0, Ordering::Relaxed);
        let elapsed = started.elapsed();
        self.witness.settle();
        let is_json = self.step.captured.is_none() || self.prints_json();
        let mut result = StepResult {
            status: match ended_by_us {
                Some(status) => status,
                None if status.success() && is_json => Status::Passed,
                None => Status::Failed,
            },
            elapsed_milliseconds: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
            exit_code: status.code(),
            signal: status.signal(),
            hosts: self.witness.asked(),
            part: self.last_part(),
            output: output.finish(),
        };
        if !self.leg.has_namespaces {
            result.hosts = words::hosts(&result.output);
        }
        if status.success() && !is_json {
            result.output.push_str("its standard output is no JSON\n");
        }
        Ok(result)
    }

    /// Waits for its end, which may have to be brought about.
    fn wait(&self, child: &mut Child) -> io::Result<Option<Status>> {
        let grace = Duration::from_millis(self.leg.grace_milliseconds);
        let mut asked_since = None;
        let mut interrupted: Option<(Instant, Status, u8)> = None;
        loop {
            if child.try_wait()?.is_some() {
                return Ok(interrupted.map(|(_, status, _)| status));
            }
            thread::sleep(TICK);
            if asked_since.is_none() && self.witness.has_seen() {
                asked_since = Some(Instant::now());
            }
            match &mut interrupted {
                None => {
                    let status = if self.control.is_stopped() {
                        Status::Interrupted
                    } else if asked_since.is_some_and(|since| since.elapsed() >= grace) {
                        Status::Stopped
                    } else {
                        continue;
                    };
                    self.control.signal(Signal::INT);
                    interrupted = Some((Instant::now(), status, 1));
                }
                Some((since, _, count)) => {
                    if *count == 1 && since.elapsed() >= SECOND_INTERRUPT {
                        self.control.signal(Signal::INT);
                        *count = 2;
                    } else if *count == 2 && since.elapsed() >= KILL {
                        self.control.signal(Signal::KILL);
                        *count = 3;
                    }
                }
            }
        }
    }

    fn command(&self) -> io::Result<Command> {
        let mut command = Command::new("sh");
        command.arg("-c").arg(self.script()).current_dir(project_directory(self.leg));
        command.env_clear().envs(&self.leg.environment).env("TF_VAR_spacelift_run_state", &self.step.run_state);
        if self.step.name == HookPoint::AfterRun.as_str() {
            command.env("TF_VAR_spacelift_final_run_state", if self.has_failed { "FAILED" } else { "FINISHED" });
        }
        command.stdin(Stdio::null()).stderr(Stdio::piped()).process_group(0);
        if self.leg.becomes_run_user {
            command.uid(RUN_USER).gid(RUN_USER);
        }
        match self.captured() {
            Some(path) => command.stdout(create(self.leg, &path)?.into_parts().0),
            None => command.stdout(Stdio::piped()),
        };
        Ok(command)
    }

    fn captured(&self) -> Option<Utf8PathBuf> {
        Some(project_directory(self.leg).join(self.step.captured.as_ref()?))
    }

    fn prints_json(&self) -> bool {
        self.captured().is_some_and(|path| plan_file::is_json(&path))
    }

    fn part_file(&self) -> Utf8PathBuf {
        self.leg.home.join(".airtight-rehearsal-part")
    }

    /// What of the script was begun last.
    fn last_part(&self) -> Option<String> {
        let number = fs::read_to_string(self.part_file()).ok()?;
        let _ = fs::remove_file(self.part_file());
        self.step.parts.get(number.trim().parse::<usize>().ok()?).cloned()
    }

    /// The script between what carries exported variables from phase to phase of a container.
    ///
    /// Source: Spacelift `concepts/run/README.md`: variables are preserved across phases; how is not documented.
    fn script(&self) -> String {
        let quoted = |path: Utf8PathBuf| format!("'{}'", path.as_str().replace('\'', "'\\''"));
        let part = quoted(self.part_file());
        let quoted = quoted(self.leg.home.join(".airtight-rehearsal"));
        format!(
            "airtight_part={part}\nif [ -r {quoted} ]; then . {quoted}; fi\nexport TF_VAR_spacelift_run_state={}\n{}\nairtight_status=$?\nexport -p \
             >{quoted}\nexit $airtight_status\n",
            self.step.run_state, self.step.script
        )
    }
}

/// A phase without a shell.
fn not_started(error: &io::Error) -> StepResult {
    StepResult {
        status: Status::Failed,
        elapsed_milliseconds: 0,
        exit_code: Some(127),
        signal: None,
        hosts: Vec::new(),
        part: None,
        output: format!("`sh` cannot be started: {error}"),
    }
}

/// What a phase prints: passed on as it comes, its end kept.
struct Output {
    last: Arc<Mutex<VecDeque<u8>>>,
    ended: mpsc::Receiver<()>,
    streams: usize,
}

impl Output {
    fn of(child: &mut Child) -> Self {
        let last = Arc::new(Mutex::new(VecDeque::new()));
        let (sender, ended) = mpsc::channel();
        let mut streams = 0;
        let mut pass_on = |stream: Option<Box<dyn Read + Send>>| {
            let Some(mut stream) = stream else { return };
            let (last, sender) = (last.clone(), sender.clone());
            streams += 1;
            thread::spawn(move || {
                let mut buffer = [0; 8192];
                while let Ok(length @ 1..) = stream.read(&mut buffer) {
                    let _ = io::stderr().lock().write_all(&buffer[..length]);
                    let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
                    last.extend(&buffer[..length]);
                    let surplus = last.len().saturating_sub(LAST_BYTES);
                    last.drain(..surplus);
                }
                let _ = sender.send(());
            });
        };
        pass_on(child.stdout.take().map(|stream| Box::new(stream) as _));
        pass_on(child.stderr.take().map(|stream| Box::new(stream) as _));
        Self { last, ended, streams }
    }

    /// What a phase left behind may hold its streams open; that is not waited for.
    fn finish(self) -> String {
        for _ in 0..self.streams {
            let _ = self.ended.recv_timeout(Duration::from_millis(200));
        }
        let bytes: Vec<u8> = self.last.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}
