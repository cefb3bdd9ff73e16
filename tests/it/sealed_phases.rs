//! Every phase behind a seal, with real engines: what `init` handed over, and other images.

use std::os::unix::fs::PermissionsExt;

use fs_err as fs;
use serde_json::Value;

use crate::handover::{apply, handover_findings};
use crate::support::engines::Engine;
use crate::support::isolation::has_own_etc;
use crate::support::runner::ignored;
use crate::support::stack::{CONFIGURATION, Stack, layout_for, package, refused, succeeded};

crate::tests! {
    the_digest_of_the_mirror_is_handed_over(engine with providers),
    an_image_that_was_rebuilt_with_the_same_packages_has_the_same_seal(engine with providers),
    another_mirror_with_the_same_packages_and_one_more_is_a_note(engine with providers),
    another_mirror_than_the_sealed_one_is_refused(engine with providers),
    another_package_is_refused_although_it_is_sealed(engine with providers),
    a_mirror_that_changed_after_it_was_sealed_is_refused(engine with providers),
}

/// A planned stack behind a seal, which waits for its confirmation in a new container; and the mirror's digest.
fn planned(engine: &'static Engine, check: impl Fn(&Stack, &str)) {
    if !has_own_etc() {
        return ignored("only root can mount an /etc");
    }
    let stack = Stack::new(engine, layout_for(engine), CONFIGURATION);
    let digest = stack.seal();
    succeeded(&stack.run("init"));
    succeeded(&stack.run("plan"));
    stack.renew_container();
    check(&stack, &digest);
}

fn codes(findings: &[(String, String, String)]) -> Vec<&str> {
    findings.iter().map(|(code, _, _)| code.as_str()).collect()
}

fn the_digest_of_the_mirror_is_handed_over(engine: &'static Engine) {
    planned(engine, |stack, digest| {
        let handover: Value = serde_json::from_str(&stack.read("stack/.terraform/airtight/handover.json")).unwrap();
        assert_eq!(handover["mirror"], digest);
        let (output, findings) = apply(stack, &[]);
        succeeded(&output);
        assert!(codes(&findings).iter().all(|code| !code.contains("seal")), "{findings:?}");
        assert_eq!(handover_findings(&findings), []);
    });
}

fn an_image_that_was_rebuilt_with_the_same_packages_has_the_same_seal(engine: &'static Engine) {
    planned(engine, |stack, digest| {
        stack.renew_mirror();
        assert_eq!(stack.seal(), digest);
        let (output, findings) = apply(stack, &[]);
        succeeded(&output);
        assert_eq!(handover_findings(&findings), [("handover-image-differs", "note")]);
    });
}

fn another_mirror_with_the_same_packages_and_one_more_is_a_note(engine: &'static Engine) {
    planned(engine, |stack, digest| {
        let more = stack.path("mirror/example.com/hashicorp/more/1.0.0/linux_amd64/terraform-provider-more_v1.0.0");
        fs::create_dir_all(more.parent().unwrap()).unwrap();
        fs::write(&more, "#!/bin/sh\n").unwrap();
        fs::set_permissions(&more, PermissionsExt::from_mode(0o755)).unwrap();
        assert_ne!(stack.seal(), digest);
        let (output, findings) = apply(stack, &[]);
        succeeded(&output);
        assert_eq!(handover_findings(&findings), [("handover-image-differs", "note")]);
    });
}

fn another_mirror_than_the_sealed_one_is_refused(engine: &'static Engine) {
    planned(engine, |stack, _| {
        let pinned = stack.read("etc/airtight/settings.yml");
        stack.tamper(package("random"));
        stack.seal();
        fs::write(stack.path("etc/airtight/settings.yml"), pinned).unwrap();
        let (output, findings) = apply(stack, &[]);
        refused(&output);
        assert!(codes(&findings).contains(&"seal-invalid"), "{findings:?}");
        assert!(!stack.path("stack/terraform.tfstate").exists(), "it was applied");
    });
}

/// Sealed is not locked: whoever seals a tampered package does not get it past the lock file.
fn another_package_is_refused_although_it_is_sealed(engine: &'static Engine) {
    planned(engine, |stack, _| {
        stack.tamper(package("random"));
        stack.seal();
        let (output, findings) = apply(stack, &[]);
        let text = refused(&output);
        assert!(codes(&findings).contains(&"handover-package-differs"), "{text}");
        assert!(!stack.path("stack/terraform.tfstate").exists(), "it was applied");
    });
}

fn a_mirror_that_changed_after_it_was_sealed_is_refused(engine: &'static Engine) {
    planned(engine, |stack, _| {
        stack.tamper(package("random"));
        let (output, findings) = apply(stack, &[]);
        refused(&output);
        assert!(codes(&findings).contains(&"seal-differs"), "{findings:?}");
        assert!(!stack.path("stack/terraform.tfstate").exists(), "it was applied");
    });
}
