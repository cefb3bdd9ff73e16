//! Where a rehearsal runs: it ends when it is told to or killed and leaves nothing, it meets no other one, and where no
//! namespace can be made it claims what it can prove.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use airtight_provider::Layout;
use fs_err as fs;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::isolation::{Isolated, airtight, has_namespaces};
use crate::support::rehearsal::{BareStack, bare_stack};
use crate::support::report_ignored;
use crate::support::stack::{Stack, real_engines};

const MARK: &str = "AIRTIGHT_TEST_MARK";

/// Processes with a mark in their environment.
fn marked(mark: &str) -> Vec<String> {
    let mark = format!("{MARK}={mark}");
    let processes = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    let is_marked = |path: &std::path::PathBuf| {
        fs::read(path.join("environ")).is_ok_and(|text| text.split(|byte| *byte == 0).any(|one| one == mark.as_bytes()))
    };
    processes.filter(is_marked).map(|path| path.display().to_string()).collect()
}

fn wait_until(what: &str, longest: Duration, is_so: impl Fn() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < longest, "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A task that says in a file that it has begun.
fn begun(stack: &BareStack, task: &str, mark: &str) -> (Child, camino::Utf8PathBuf) {
    let temporary = stack.path("temporary");
    fs::create_dir_all(&temporary).unwrap();
    fs::set_permissions(&temporary, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let task = format!("echo has begun; {task}");
    let command = stack
        .rehearse(["--type", "task", "--skip-init", "--task", &task])
        .environment(MARK, mark)
        .environment("TMPDIR", temporary.as_str());
    let command = Isolated { unprivileged: true, ..command };
    let error = stack.path(&format!("stderr-{mark}"));
    let file = std::fs::File::create(&error).unwrap();
    let child = command.command().stdout(Stdio::piped()).stderr(file).spawn().unwrap();
    wait_until("it never begins", Duration::from_secs(30), || {
        fs::read_to_string(&error).unwrap().lines().any(|line| line == "has begun")
    });
    assert!(marked(mark).len() >= 4, "the rehearsal, its two processes, the phase: {:?}", marked(mark));
    (child, temporary)
}

fn tell(child: &Child, signal: Signal) {
    kill_process(Pid::from_raw(child.id().try_into().unwrap()).unwrap(), signal).unwrap();
}

#[test]
fn a_signal_ends_everything() {
    if !has_namespaces() {
        return report_ignored("rehearse_isolation::a_signal_ends_everything", "no namespace can be made here");
    }
    for (signal, code) in [(Signal::INT, Some(130)), (Signal::TERM, Some(143)), (Signal::KILL, None)] {
        let stack = bare_stack();
        let mark = format!("{}-{signal:?}", std::process::id());
        let (child, temporary) = begun(&stack, "sleep 300 & sleep 300", &mark);
        tell(&child, signal);
        let started = Instant::now();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), code, "{signal:?}");
        assert!(started.elapsed() < Duration::from_secs(4), "{signal:?}");
        wait_until("processes are left", Duration::from_secs(5), || marked(&mark).is_empty());
        if code.is_some() {
            let report: Value = serde_json::from_slice(&output.stdout).unwrap();
            assert_eq!(report["verdict"], "incomplete");
            assert_eq!(report["phases"][1]["status"], "interrupted");
            assert_eq!(fs::read_dir(&temporary).unwrap().count(), 0, "{signal:?}: the workspace is left");
        }
    }
}

#[test]
fn a_second_signal_ends_what_does_not_listen() {
    if !has_namespaces() {
        return report_ignored("rehearse_isolation::a_second_signal_ends_what_does_not_listen", "no namespaces");
    }
    let stack = bare_stack();
    let mark = format!("{}-stubborn", std::process::id());
    let (child, _) = begun(&stack, "trap '' INT TERM; sleep 300; sleep 300", &mark);
    tell(&child, Signal::INT);
    std::thread::sleep(Duration::from_millis(200));
    assert!(!marked(&mark).is_empty(), "it listens");
    tell(&child, Signal::INT);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    wait_until("processes are left", Duration::from_secs(5), || marked(&mark).is_empty());
}

#[test]
fn two_rehearsals_do_not_meet() {
    if !has_namespaces() {
        return report_ignored("rehearse_isolation::two_rehearsals_do_not_meet", "no namespace can be made here");
    }
    let stack = bare_stack();
    let children = ["one", "two"].map(|name| {
        // Each asks for a host of its own, and both have the other's port and files.
        let task = format!(
            "echo {name} >/tmp/name; echo {name} >/mnt/workspace/name; \
             bash -c 'exec 3<>/dev/tcp/{}/8080' 2>/dev/null; sleep 0.5; cat /tmp/name /mnt/workspace/name",
            if name == "one" { "10.1.1.1" } else { "10.2.2.2" }
        );
        begun(&stack, &task, &format!("{}-{name}", std::process::id())).0
    });
    for (child, (name, host)) in children.into_iter().zip([("one", "10.1.1.1"), ("two", "10.2.2.2")]) {
        let output = child.wait_with_output().unwrap();
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let hosts: Vec<&str> =
            report["hosts"].as_array().unwrap().iter().map(|host| host["host"].as_str().unwrap()).collect();
        assert_eq!(hosts, [host], "{report}");
        let error = fs::read_to_string(stack.path(&format!("stderr-{}-{name}", std::process::id()))).unwrap();
        assert!(error.ends_with(&format!("\n{name}\n{name}\n")), "{error}");
    }
}

/// A rehearsal where no namespace may be made, in a network that `network` sets up.
fn without_namespaces(stack: &Stack, network: &str, options: &[&str]) -> std::process::Output {
    let arguments: Vec<&str> = ["rehearse", "--format", "json"].iter().chain(options).copied().collect();
    let inner = stack.airtight(arguments.iter().copied());
    // The limit is this user namespace's own.
    let script = format!("{network} && echo 0 >/proc/sys/user/max_user_namespaces && exec \"$@\"");
    Command::new("unshare")
        .args(["-rn", "--", "sh", "-c", &script, "sh", "env", "-i"])
        .args(inner.environment.iter().map(|(name, value)| format!("{name}={value}")))
        .arg(airtight())
        .args(&arguments)
        .current_dir(stack.path("stack"))
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

#[test]
fn without_namespaces_it_claims_what_it_can_prove() {
    let engines = real_engines("rehearse_isolation::without_namespaces_it_claims_what_it_can_prove");
    for engine in engines.iter().take(1) {
        let stack = Stack::empty(engine, Layout::Unpacked, "output \"a\" {\n  value = 1\n}\n");
        let mark = format!("{}-surroundings", std::process::id());
        let marking = format!("before_init={MARK}={mark} sleep 300 & true");
        let output = without_namespaces(&stack, "ip link set lo up", &["--pause", "--hook", &marking]);
        assert_eq!(marked(&mark), Vec::<String>::new(), "a process is left");
        let text = String::from_utf8_lossy(&output.stderr);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {text}"));
        let isolation = &report["isolation"];
        assert_eq!((isolation["kind"].as_str(), isolation["proven"].as_bool()), (Some("surroundings"), Some(true)));
        assert_eq!(isolation["witnessed"], false);
        assert_eq!((output.status.code(), report["verdict"].as_str()), (Some(0), Some("cleared")), "{report}\n{text}");
        assert_eq!(report["phases"].as_array().unwrap().len(), 8);

        // With a way out nothing is run.
        let network = "ip link set lo up && { ip link add out type dummy || ip link add out type veth peer name in; } && \
                       ip address add 10.0.0.1/24 dev out && ip link set out up";
        let output = without_namespaces(&stack, network, &["--hook", "before_init=touch ran"]);
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(100), 0), "{text}");
        assert!(text.contains("nothing is run") && text.contains("by the interface `out`"), "{text}");
    }
}
