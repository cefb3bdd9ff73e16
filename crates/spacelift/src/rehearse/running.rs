//! One step inside the container: its shell from start to end, what it printed, how far it came.

use std::collections::VecDeque;
use std::io::{self, Read, Write as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use rustix::process::Signal;

use airtight_finding::escape;
use airtight_provider::{HookPoint, text_file};

use super::control::Control;
use super::executions::Watcher;
use super::leg::{Leg, Status, Step, StepResult, Watched};
use super::namespaces::RUN_USER;
use super::progress::{self, Part, Progress};
use super::witness::Witness;
use super::{causes, installation, mounts, plan_file};

/// Between two looks at a running phase.
const TICK: Duration = Duration::from_millis(5);
/// An engine that was interrupted ends what it is at; interrupted again it ends at once. Nothing of value is at stake in
/// a rehearsal.
const SECOND_INTERRUPT: Duration = Duration::from_millis(500);
const KILL: Duration = Duration::from_millis(1500);
/// Of a phase's output, for explanations.
const LAST_BYTES: usize = 32 * 1024;

/// Of a report that an airtight inside writes.
const REPORT_LIMIT_BYTES: u64 = 16 * 1024 * 1024;

/// Where the shell does not find or cannot execute a command.
const NOT_STARTED: [i32; 2] = [126, 127];

/// One step, from its start to its end.
pub(super) struct Running<'a> {
    pub(super) leg: &'a Leg,
    pub(super) step: &'a Step,
    pub(super) witness: &'a Witness,
    pub(super) control: &'a Control,
    pub(super) watcher: Option<&'a Watcher>,
    pub(super) has_failed: bool,
}

impl Running<'_> {
    pub(super) fn run(&self) -> io::Result<StepResult> {
        self.witness.begin();
        // Printed from here, so that it comes before what the phase prints.
        let _ = writeln!(io::stderr(), "airtight: rehearsing {}: {}", self.step.name, escape::line(&self.step.command));
        let started = Instant::now();
        let mut child = match self.command()?.spawn() {
            Ok(child) => child,
            Err(error) => return Ok(not_started(&error)),
        };
        self.control.watch(&child);
        let output = Output::of(&mut child);
        let (status, ended_by_us) = self.wait(&mut child)?;
        self.control.watch_nothing();
        let elapsed = started.elapsed();
        self.witness.settle();
        let output = output.finish();
        let progress = progress::take(&self.progress_file());
        let is_json = self.step.captured.is_none() || self.prints_json();
        let skipped_command = progress.skipped_command(&self.step.parts);
        let hosts = self.witness.asked();
        let directory = project_directory(self.leg);
        Ok(StepResult {
            status: match ended_by_us {
                Some(status) => status,
                None if status.success() && is_json && !skipped_command => Status::Passed,
                None => Status::Failed,
            },
            elapsed_milliseconds: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
            exit_code: status.code(),
            signal: status.signal(),
            installation: (!hosts.is_empty()).then(|| {
                installation::of_phase(&self.step.command, &progress.cli_configuration, &directory, &self.leg.home)
            }),
            hosts,
            causes: self.causes(status, &progress, &directory),
            refusal: self.refusal(),
            prints_no_json: status.success() && !is_json,
            watched: self.watcher.map(Watcher::take).unwrap_or_default(),
            progress,
            output,
        })
    }

    fn causes(&self, status: ExitStatus, progress: &Progress, directory: &Utf8Path) -> Vec<causes::Cause> {
        if !status.code().is_some_and(|code| NOT_STARTED.contains(&code)) {
            return Vec::new();
        }
        let text = match progress.last(&self.step.parts) {
            Some(Part::Hook(hook)) => &hook.text,
            Some(Part::Command) | None => &self.step.command,
        };
        let path = self.leg.environment.iter().find(|(name, _)| *name == "PATH").map(|(_, value)| value.as_ref());
        let search = causes::Search { path: path.unwrap_or_default(), is_other_user: self.leg.becomes_run_user };
        causes::of_command(text, directory, &self.leg.workspace_root, &search)
    }

    /// Waits for its end, which may have to be brought about.
    fn wait(&self, child: &mut Child) -> io::Result<(ExitStatus, Option<Status>)> {
        let grace = Duration::from_millis(self.leg.grace_milliseconds);
        let mut asked_since = None;
        let mut interrupted: Option<(Instant, Status, u8)> = None;
        loop {
            let ended = match self.watcher {
                Some(watcher) => watcher.ended(child),
                None => child.try_wait()?,
            };
            if let Some(ended) = ended {
                return Ok((ended, interrupted.map(|(_, status, _)| status)));
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
        let mut command = if self.watcher.is_some() { Watcher::command("sh") } else { Command::new("sh") };
        command.arg("-c").arg(self.script()).current_dir(project_directory(self.leg));
        command.env_clear().envs(&self.leg.environment).env("TF_VAR_spacelift_run_state", &self.step.run_state);
        if self.step.name == HookPoint::AfterRun.as_str() {
            command.env("TF_VAR_spacelift_final_run_state", if self.has_failed { "FAILED" } else { "FINISHED" });
        }
        // Why airtight refused, as data.
        command.env("AIRTIGHT_REPORT", self.report_file());
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

    fn report_file(&self) -> Utf8PathBuf {
        self.leg.home.join(".airtight-rehearsal-report.json")
    }

    /// The code of the first error in the report that an airtight inside the phase wrote last.
    fn refusal(&self) -> Option<String> {
        let text = text_file::read(&self.report_file(), REPORT_LIMIT_BYTES).ok()?;
        let _ = fs::remove_file(self.report_file());
        let report: serde_json::Value = serde_json::from_str(&text).ok()?;
        let error = report.get("findings")?.as_array()?.iter().find(|finding| finding["severity"] == "error")?;
        error["code"].as_str().map(str::to_owned)
    }

    fn progress_file(&self) -> Utf8PathBuf {
        self.leg.home.join(".airtight-rehearsal-progress")
    }

    /// The script between what carries exported variables from phase to phase of a container.
    ///
    /// Source: Spacelift `concepts/run/README.md`: variables are preserved across phases; how is not documented.
    fn script(&self) -> String {
        let quoted = |path: Utf8PathBuf| format!("'{}'", path.as_str().replace('\'', "'\\''"));
        let script = progress::wrapped(&self.step.script, &quoted(self.progress_file()));
        let exports = quoted(self.leg.home.join(".airtight-rehearsal"));
        format!(
            "if [ -r {exports} ]; then . {exports}; fi\nexport TF_VAR_spacelift_run_state={}\n{script}export -p >{exports}\nexit \
             $airtight_status\n",
            self.step.run_state
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
        installation: None,
        progress: Progress::default(),
        watched: Watched::default(),
        causes: Vec::new(),
        refusal: None,
        prints_no_json: false,
        output: format!("`sh` cannot be started: {error}"),
    }
}

/// Replaces a file, never what a link leads to.
pub(super) fn write_as_run_user(leg: &Leg, path: &Utf8Path, text: &str) -> io::Result<()> {
    let mut file = create(leg, path)?;
    file.write_all(text.as_bytes())
}

pub(super) fn create(leg: &Leg, path: &Utf8Path) -> io::Result<fs::File> {
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

pub(super) fn project_directory(leg: &Leg) -> Utf8PathBuf {
    leg.workspace_root.join("source").join(&leg.project_root)
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
