//! Where a rehearsal runs: it ends when it is told to or killed and leaves nothing, it meets no other one, and where no
//! namespace can be made it claims what it can prove.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use airtight_provider::Layout;
use fs_err as fs;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::isolation::{Isolated, airtight, has_namespaces, is_root};
use crate::support::rehearsal::{BareStack, Rehearsed, bare_stack};
use crate::support::runner::ignored;
use crate::support::stack::{Stack, any_real_engine};

crate::tests! {
    a_signal_ends_everything,
    a_second_signal_ends_what_does_not_listen,
    a_signal_leaves_nothing_of_a_copy,
    a_full_disk_is_named,
    a_copy_that_cannot_hold_programs_is_noted,
    nothing_outside_the_copy_is_changed,
    two_rehearsals_do_not_meet,
    without_namespaces_it_claims_what_it_can_prove,
    a_program_that_was_not_allowed_to_start_is_named_with_who_wanted_it,
}

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

fn a_signal_ends_everything() {
    if !has_namespaces() {
        return ignored("no namespace can be made here");
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
        let is_removed = || fs::read_dir(&temporary).unwrap().count() == 0;
        if code.is_some() {
            let report: Value = serde_json::from_slice(&output.stdout).unwrap();
            assert_eq!(report["verdict"], "incomplete");
            assert_eq!(report["phases"][1]["status"], "interrupted");
            assert!(is_removed(), "{signal:?}: the workspace is left");
        }
        wait_until("the workspace is left", Duration::from_secs(10), is_removed);
    }
}

fn a_second_signal_ends_what_does_not_listen() {
    if !has_namespaces() {
        return ignored("no namespaces");
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

/// Ended while it copies a source of many files.
fn a_signal_leaves_nothing_of_a_copy() {
    let stack = bare_stack();
    for directory in 0..20 {
        let directory = stack.path(&format!("stack/{directory}"));
        fs::create_dir(&directory).unwrap();
        for file in 0..200 {
            fs::write(directory.join(file.to_string()), "text").unwrap();
        }
    }
    let temporary = stack.path("temporary");
    fs::create_dir(&temporary).unwrap();
    fs::set_permissions(&temporary, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let copied = || walked(&temporary);
    for signal in [Signal::INT, Signal::TERM, Signal::KILL] {
        let command = stack.rehearse(["--until", "preparing"]).environment("TMPDIR", temporary.as_str());
        let mut child = Isolated { unprivileged: true, ..command }.command().stdout(Stdio::null()).spawn().unwrap();
        wait_until("nothing is copied", Duration::from_secs(30), || copied() > 10);
        tell(&child, signal);
        child.wait().unwrap();
        wait_until("a copy is left", Duration::from_secs(10), || fs::read_dir(&temporary).unwrap().count() == 0);
    }
}

fn walked(directory: &camino::Utf8Path) -> usize {
    let entries = directory.read_dir_utf8().into_iter().flatten().flatten();
    entries.map(|entry| if entry.path().is_dir() { walked(entry.path()) } else { 1 }).sum()
}

fn a_full_disk_is_named() {
    if !has_namespaces() {
        return ignored("nothing can be mounted here");
    }
    let stack = bare_stack();
    let temporary = stack.path("temporary");
    fs::create_dir(&temporary).unwrap();
    fs::write(stack.path("stack/large"), vec![7; 1 << 20]).unwrap();
    let command = stack.rehearse(["--until", "preparing"]).environment("TMPDIR", temporary.as_str());
    let before = format!("mount -t tmpfs -o size=256k none {temporary}");
    let output = Isolated { unprivileged: is_root(), before: Some(before), ..command }.run();
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(100), 0), "{text}");
    let said = format!("the copy of `{}` does not fit into `{temporary}`: set TMPDIR", stack.path("stack"));
    assert!(text.contains(&said) && text.contains("/large`"), "{text}");
}

fn a_copy_that_cannot_hold_programs_is_noted() {
    if !has_namespaces() {
        return ignored("nothing can be mounted");
    }
    let stack = bare_stack();
    let temporary = stack.path("temporary");
    fs::create_dir(&temporary).unwrap();
    for (options, is_noted) in [("noexec", true), ("exec", false)] {
        let command = stack.rehearse(["--type", "task", "--skip-init", "--task", "true"]);
        let command = command.environment("TMPDIR", temporary.as_str());
        let before = format!("mount -t tmpfs -o {options} none {temporary}");
        let rehearsed = Rehearsed::of(&Isolated { before: Some(before), ..command });
        let notes = rehearsed.report["notes"].to_string();
        assert_eq!(notes.contains("is mounted noexec"), is_noted, "{notes}");
    }
}

/// What a hostile repository would try, as an ordinary user and as root, on every mount that it can reach.
fn nothing_outside_the_copy_is_changed() {
    if !has_namespaces() {
        return ignored("no namespace can be made here");
    }
    for unprivileged in [true, false] {
        let stack = bare_stack();
        // Neither below the temporary directories, which every container has of its own, nor below the home.
        let outside = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let outside = camino::Utf8Path::from_path(outside.path()).unwrap();
        let kept = stack.path("bin");
        for directory in [outside, &outside.join("mounted"), &outside.join("bound"), &kept] {
            fs::create_dir_all(directory).unwrap();
            for (path, mode) in [("", 0o777), ("profile", 0o666), ("gone", 0o666)] {
                if !path.is_empty() {
                    fs::write(directory.join(path), "as it was").unwrap();
                }
                fs::set_permissions(directory.join(path), std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
            }
        }
        let attempts = format!(
            "for place in {outside} {outside}/mounted {outside}/bound {kept}; do echo x >>$place/profile; echo x >$place/new; \
             rm -f $place/gone; mkdir $place/directory; ln -s x $place/link; done"
        );
        // A namespace in the namespace, where this user is root.
        let nested = format!(
            "unshare -rm sh -c 'mount -o remount,bind,rw / ; mount -o remount,bind,rw {outside}/bound ; umount -l {outside}/bound ; \
             {attempts}'"
        );
        let own = "touch a /mnt/workspace/a /tmp/a /var/tmp/a /dev/shm/a \"$HOME/a\" && mkdir \"$HOME/b\" && echo x >/dev/null && echo writable";
        let task = format!("{attempts}; {nested}; grep CapBnd /proc/self/status; {own}");
        let command = stack.rehearse(["--type", "task", "--skip-init", "--task", &task]);
        let path = format!("{}:{kept}", command.environment["PATH"]);
        let before = format!("mount --bind {outside}/mounted {outside}/bound");
        let command = Isolated { unprivileged, before: Some(before), ..command.environment("PATH", path) };
        let rehearsed = Rehearsed::of(&command);
        assert_eq!(rehearsed.code, 0, "{}\n{}", rehearsed.report, rehearsed.stderr);
        assert!(rehearsed.stderr.contains("writable"), "{}", rehearsed.stderr);
        assert!(rehearsed.stderr.contains("CapBnd:\t0000000000000000"), "{}", rehearsed.stderr);
        for directory in [outside, &outside.join("mounted"), &outside.join("bound"), &kept] {
            let mut names: Vec<_> =
                directory.read_dir_utf8().unwrap().map(|entry| entry.unwrap().file_name().to_owned()).collect();
            names.retain(|name| !["mounted", "bound"].contains(&name.as_str()));
            names.sort();
            assert_eq!(names, ["gone", "profile"], "{directory}: {}", rehearsed.stderr);
            assert_eq!(fs::read_to_string(directory.join("profile")).unwrap(), "as it was");
        }
        assert!(!stack.path("home/a").exists() && !stack.path("stack/a").exists());
    }
}

fn two_rehearsals_do_not_meet() {
    if !has_namespaces() {
        return ignored("no namespace can be made here");
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

fn without_namespaces_it_claims_what_it_can_prove() {
    let Some(engine) = any_real_engine() else { return };
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
    let said = "the commands of the repository can change every file here that their user can write";
    let (before, _) = text.split_once("airtight: rehearsing").unwrap();
    assert!(before.contains(said), "{text}");
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

/// As a Landlock domain would: the mount forbids it. Watched, everything else is as before.
fn a_program_that_was_not_allowed_to_start_is_named_with_who_wanted_it() {
    if !has_namespaces() {
        return ignored("no namespace can be made here");
    }
    let stack = bare_stack();
    for name in ["inner.sh", "outer.sh", "allowed.sh"] {
        let path = stack.path("stack").join(name);
        fs::write(&path, "#!/bin/sh\n./inner.sh || echo went on\n").unwrap();
        let mode = if name == "inner.sh" { 0o644 } else { 0o755 };
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    }
    let rehearse = |task: &str| {
        let options = ["--type", "task", "--skip-init", "--watch-executions", "--task", task];
        Rehearsed::of(&Isolated { unprivileged: true, ..stack.rehearse(options) })
    };
    let rehearsed = rehearse("./outer.sh; sh ./allowed.sh; true");
    assert_eq!(rehearsed.code, 0, "{}\n{}", rehearsed.report, rehearsed.stderr);
    let finding = &rehearsed.phase("perform")["findings"][0];
    assert_eq!(finding["severity"], "warning", "{}", rehearsed.report);
    let detail = finding["detail"].as_str().unwrap();
    assert_eq!(
        detail,
        "`outer.sh` was not allowed to start `./inner.sh`.\n`sh` was not allowed to start `./inner.sh`."
    );
    let rehearsed = rehearse("./inner.sh");
    assert_eq!((rehearsed.code, rehearsed.phase("perform")["exit_code"].as_i64()), (100, Some(126)));
    let detail = rehearsed.phase("perform")["findings"][0]["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("`sh` was not allowed to start `./inner.sh`."), "{detail}");
    // Threads, signals, exit codes and what is left behind are as they were.
    let task = "sleep 60 & (kill -TERM $$; :) ; sleep 1; exit 0";
    assert_eq!(rehearse(task).phase("perform")["exit_code"].as_i64(), Some(143));
    assert_eq!(rehearse("seq 1 200 | xargs -P 4 -n 1 true && exit 7").phase("perform")["exit_code"].as_i64(), Some(7));
}
