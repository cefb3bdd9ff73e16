//! The recordings of every engine that was tried, and answers that none gives.

use airtight_provider::Engine;
use camino::Utf8Path;
use fs_err as fs;

use super::*;
use crate::ask::{json, plain};

/// What every engine answers to a case of `tests/fixtures/ask/cases`: a line for each requirement or error. Diagnostics
/// are shown by their places.
const EXPECTED: [(&str, &str); 16] = [
    ("broken-lock", "refused\n.terraform.lock.hcl:1"),
    ("built-in", "loads"),
    ("child-errors", "refused\nchild/main.tf:5\nchild/main.tf:8\nchild/grand/main.tf:2"),
    ("constraint", "refused\nchild/main.tf:3"),
    ("empty", "loads"),
    ("json", "refused\nmain.tf.json:3\nmain.tf.json:6"),
    ("legacy-state", "refused\nnowhere"),
    (
        "locked",
        "loads\nHOST/hashicorp/null locked\nHOST/hashicorp/random locked, refused, >= 3.6.0\nHOST/hashicorp/time",
    ),
    ("missing-module", "refused\nnowhere\nnowhere"),
    ("no-provider", "loads"),
    ("override", "loads\nexample.com/second/it 1.2.3"),
    (
        "providers",
        "loads\nproviders.of-a-company-with-a-long-name.example.com/platform-engineering/z\nHOST/hashicorp/null ~> 3.0, \
         >= 3.0.2, != 3.1.0\nHOST/hashicorp/random",
    ),
    ("required-version", "refused\nmain.tf:2"),
    ("stale-lock", "loads"),
    ("test-file-error", "refused\ntests/first.tftest.hcl:2"),
    ("test-files", "loads\nHOST/hashicorp/random"),
];

/// A case with a warning too.
const WARNING: (&str, &str) = ("warning", "refused\nmain.tf:2\nwarning main.tf:6");

fn place(diagnostic: &EngineDiagnostic) -> String {
    match &diagnostic.place {
        Some(place) => format!("{}:{}", place.file, place.line),
        None => "nowhere".to_owned(),
    }
}

fn shown(answer: &Answer, engine: EngineName) -> String {
    let (kind, mut lines, warnings) = match answer {
        Answer::Loads(loaded) => {
            assert_eq!((&loaded.unreadable[..], &loaded.other_errors[..]), (&[][..], &[][..]));
            let lines = loaded.requirements.iter().map(|needed| {
                let parts = [
                    needed.from_lock.then_some("locked"),
                    needed.refusal.as_ref().map(|_| "refused"),
                    needed.constraints.as_deref(),
                ];
                let parts = parts.into_iter().flatten().collect::<Vec<_>>().join(", ");
                needed.version_constraints().unwrap();
                format!("{} {parts}", needed.address).trim_end().replace(engine.default_registry_host(), "HOST")
            });
            ("loads", lines.collect::<Vec<_>>(), &loaded.warnings)
        }
        Answer::Refused(refused) => ("refused", refused.errors.iter().map(place).collect(), &refused.warnings),
        other => return format!("{other:?}"),
    };
    lines.insert(0, kind.to_owned());
    lines.extend(warnings.iter().map(|warning| format!("warning {}", place(warning))));
    lines.join("\n")
}

fn engine_of(directory: &str) -> Engine {
    let (name, version) = directory.split_once('-').unwrap();
    Engine::new(name.parse().unwrap(), version.parse().unwrap())
}

/// Standard output, standard error, exit code.
fn recording(path: &Utf8Path) -> (String, String, ExitStatus) {
    let text = fs::read_to_string(path).unwrap();
    let (stdout, rest) = text.split_once("== stderr\n").unwrap();
    let (stderr, code) = rest.rsplit_once("== exit ").unwrap();
    (stdout.to_owned(), stderr.to_owned(), exit(code.trim().parse().unwrap()))
}

fn exit(code: i32) -> ExitStatus {
    ExitStatus::from_raw(code << 8)
}

fn judged(stdout: &str, stderr: &str, status: ExitStatus, is_json: bool, engine: EngineName) -> Answer {
    let read = if is_json { json::read } else { plain::read };
    judge(read(stdout.as_bytes(), stderr.as_bytes()), status, engine, &Secrets::none())
}

#[test]
fn every_recording_is_understood() {
    let directory = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/ask");
    let mut wrong = Vec::new();
    let mut count = 0;
    for entry in directory.read_dir_utf8().unwrap().map(|entry| entry.unwrap()) {
        if !entry.file_name().contains('-') {
            continue;
        }
        let engine = engine_of(entry.file_name());
        for (case, expected) in EXPECTED.into_iter().chain([WARNING]) {
            let expected = match case {
                "required-version" if !engine.checks_required_version_in_tf_files() => "loads\nHOST/hashicorp/null",
                // It reads a module's calls only after the module itself.
                "child-errors" if engine.name == EngineName::Terraform && engine.is_at_least(1, 15, 0) => {
                    "refused\nchild/main.tf:5\nchild/main.tf:8"
                }
                "test-files" if !engine.counts_providers_of_tests() => "loads",
                _ => expected,
            };
            for form in ["jsonl", "txt"] {
                let path = entry.path().join(format!("{case}.{form}"));
                if form == "jsonl" && !path.exists() {
                    continue;
                }
                let (stdout, stderr, status) = recording(&path);
                let answer = shown(&judged(&stdout, &stderr, status, form == "jsonl", engine.name), engine.name);
                count += 1;
                if answer != expected {
                    wrong.push(format!("{path}: expected {expected}\nbut got {answer}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(count >= 300, "only {count} recordings");
}

#[test]
fn plain_text_and_json_say_the_same() {
    let directory = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/ask/terraform-1.11.4");
    let read = |case: &str, form: &str| {
        let (stdout, stderr, status) = recording(&directory.join(format!("{case}.{form}")));
        judged(&stdout, &stderr, status, form == "jsonl", EngineName::Terraform)
    };
    for case in ["child-errors", "required-version", "constraint"] {
        let (Answer::Refused(one), Answer::Refused(other)) = (read(case, "jsonl"), read(case, "txt")) else { panic!() };
        let texts = |refused: &Refused| {
            refused.errors.iter().map(|error| (error.summary.clone(), error.detail.clone())).collect::<Vec<_>>()
        };
        assert_eq!(texts(&one), texts(&other));
    }
}

#[test]
fn the_place_of_an_error_has_a_column_in_json() {
    let directory = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/ask/terraform-1.11.4");
    let (stdout, stderr, status) = recording(&directory.join("required-version.jsonl"));
    let Answer::Refused(refused) = judged(&stdout, &stderr, status, true, EngineName::Terraform) else { panic!() };
    let place = refused.errors[0].place.as_ref().unwrap();
    assert_eq!((place.line, place.column, place.bytes), (2, Some(3), Some((14, 40))));
}

#[test]
fn what_is_no_answer_of_an_engine_is_none() {
    for (stdout, code) in [("", 0), ("", 1), ("hello\n", 0), ("\u{0}\u{1}{\n[]\n", 1), ("{\"a\":1}\n", 0)] {
        for is_json in [false, true] {
            let answer = judged(stdout, "", exit(code), is_json, EngineName::Tofu);
            assert_eq!(answer, Answer::Failed(Failure::Unreadable { code }), "{stdout:?}");
        }
    }
    let killed = judged("", "", ExitStatus::from_raw(9), true, EngineName::Tofu);
    assert_eq!(killed, Answer::Failed(Failure::Killed { signal: 9 }));
    let flag = "Error: Failed to parse command-line flags\n\nflag provided but not defined: -json\n";
    assert_eq!(
        judged("", flag, exit(1), false, EngineName::Terraform),
        Answer::Failed(Failure::ArgumentsRefused { reason: "flag provided but not defined: -json".to_owned() })
    );
}

#[test]
fn an_error_after_the_search_began_is_no_refusal_of_the_configuration() {
    let stdout = "Initializing provider plugins...\n- Finding latest version of hashicorp/null...\n";
    let stderr = "Error: The sky fell\n\nIt is heavy.\n";
    let Answer::Loads(loaded) = judged(stdout, stderr, exit(1), false, EngineName::Terraform) else { panic!() };
    assert_eq!(loaded.requirements.len(), 1);
    assert_eq!(loaded.other_errors[0].summary, "The sky fell");
}

#[test]
fn a_name_that_only_a_newer_engine_accepts_is_kept_as_text() {
    let stdout = "- Finding latest version of a.b/c/d/e...\n";
    let stderr = "Error: Failed to query available provider packages\n\nCould not retrieve the list of available versions \
                  for provider a.b/c/d/e: provider a.b/c/d/e was not found in any of the search locations\n";
    let Answer::Loads(loaded) = judged(stdout, stderr, exit(1), false, EngineName::Terraform) else { panic!() };
    assert_eq!(loaded.unreadable, ["a.b/c/d/e"]);
    assert!(loaded.requirements.is_empty() && loaded.other_errors.is_empty());
}

#[test]
fn a_secret_in_an_error_is_masked() {
    let stderr = "Error: Invalid source\n\nThe value \"hunter2-hunter2\" is none.\n";
    let secrets = Secrets::from(["hunter2-hunter2".to_owned()].into_iter());
    let transcript = plain::read(b"", stderr.as_bytes());
    let Answer::Refused(refused) = judge(transcript, exit(1), EngineName::Tofu, &secrets) else { panic!() };
    assert_eq!(refused.errors[0].detail, "The value \"(sensitive value)\" is none.");
}

#[test]
fn an_error_that_is_nothing_but_a_summary_is_shortened() {
    let line = r#"{"@level":"error","diagnostic":{"severity":"error","summary":"\nError reading local state: x\n\nWhy.\n","detail":""}}"#;
    let [error] = &sorted(json::read(line.as_bytes(), b"").diagnostics).errors[..] else { panic!() };
    assert_eq!((error.summary.as_str(), error.detail.as_str()), ("Error reading local state: x", "Why."));
}
