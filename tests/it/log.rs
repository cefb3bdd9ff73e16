//! `AIRTIGHT_LOG=debug` tells what a command read, asked, decided and started, without a secret.

use crate::bad_input::{Scene, fake_engine, run};

crate::tests! {
    the_log_tells_the_story_of_a_command,
}

const SECRET: &str = "s3cret-in-the-log";

fn the_log_tells_the_story_of_a_command() {
    let scene = Scene::new();
    let engine = fake_engine(&scene, "OpenTofu v1.12.6", 1);
    let mirror = scene.path("mirror");
    let judged =
        ["settings in effect", "configuration read", "lock file read", "mirror walked", "predicted", "decided"];
    let started =
        ["engine=OpenTofu 1.12.6", "CLI configuration written", "starting the engine", "the engine has ended"];
    for (arguments, expected) in [
        (vec!["check"], judged.to_vec()),
        (vec!["run", "init"], [&judged[..], &started[..]].concat()),
        (
            vec!["run", "plan", "--lock=true", "--refresh=true", "--out=p"],
            vec!["settings in effect", "handover read", "mirror walked", "decided"],
        ),
        (vec!["doctor"], vec!["settings in effect", "checked check=\"engine\""]),
        (vec!["mirror", "verify", "--mirror", mirror.as_str()], vec!["mirror walked", "verified packages=1"]),
        (vec!["rehearse", "--until", "preparing"], vec!["settings in effect", "run prepared"]),
    ] {
        let command = scene
            .airtight([])
            .arguments(arguments.iter().copied())
            .environment("AIRTIGHT_ENGINE", &*engine)
            .environment("AIRTIGHT_LOG", "debug")
            .environment("TF_TOKEN_example_com", SECRET)
            .environment("TF_VAR_password", SECRET);
        let done = run(&command);
        for expected in expected {
            assert!(done.stderr.contains(expected), "{arguments:?} without `{expected}`:\n{}", done.stderr);
        }
        assert!(!format!("{}{}", done.stdout, done.stderr).contains(SECRET), "{arguments:?}:\n{}", done.stderr);
    }
}
