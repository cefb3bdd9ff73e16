//! What a reference means, by what a server lists.
//!
//! The engines clone, and then ask `git rev-parse` for the reference, for it as a branch of the remote, and for it as a tag.
//! What the list answers needs no clone. Everything else (`v1~2`, a shortened commit) is asked of a whole one.
//!
//! Source: hashicorp/go-getter `get_git.go` `resolveCheckoutRef`; git `gitrevisions(7)`.

use std::collections::BTreeMap;

use airtight_provider::modules::manifest::ReferenceKind;

/// What `git ls-remote --symref` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Advertised {
    /// Commits by the full name of a reference; tags are peeled.
    pub references: BTreeMap<String, String>,
    /// The full name of the branch that `HEAD` is, if the server says so.
    pub default_branch: Option<String>,
}

/// A commit and what kind of name led to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Resolved {
    pub commit: String,
    pub kind: ReferenceKind,
}

impl Advertised {
    pub(super) fn parse(text: &str) -> Self {
        let mut advertised = Self::default();
        for line in text.lines() {
            let Some((left, name)) = line.split_once('\t') else { continue };
            if let Some(branch) = left.strip_prefix("ref: ") {
                if name == "HEAD" {
                    advertised.default_branch = Some(branch.to_owned());
                }
            } else if is_commit(left) {
                // The peeled line of a tag comes after the tag's own, and replaces it.
                let name = name.strip_suffix("^{}").unwrap_or(name);
                advertised.references.insert(name.to_owned(), left.to_owned());
            }
        }
        advertised
    }

    /// What the reference means; null if only a clone can say.
    pub(super) fn resolve(&self, reference: Option<&str>, is_shallow: bool) -> Option<Resolved> {
        let at = |name: &str, kind: ReferenceKind| {
            let commit = self.references.get(name)?.clone();
            Some(Resolved { commit, kind })
        };
        let branch = |name: &str| at(&format!("refs/heads/{name}"), ReferenceKind::Branch);
        let tag = |name: &str| at(&format!("refs/tags/{name}"), ReferenceKind::Tag);
        let Some(name) = reference else { return at("HEAD", ReferenceKind::Branch) };
        if name == "HEAD" {
            return at("HEAD", ReferenceKind::Branch);
        }
        if is_commit(name) {
            return Some(Resolved { commit: name.to_ascii_lowercase(), kind: ReferenceKind::Commit });
        }
        if is_shallow {
            // `git clone --branch` looks for a branch first.
            return branch(name).or_else(|| tag(name));
        }
        // A clone has only one local branch.
        let local = |name: &str| {
            let full = format!("refs/heads/{name}");
            branch(name).filter(|_| self.default_branch.as_deref() == Some(full.as_str()))
        };
        let remote = |name: &str| branch(name.strip_prefix("origin/")?);
        let full = || tag(name.strip_prefix("refs/tags/")?).or(None);
        let full_local = || local(name.strip_prefix("refs/heads/")?);
        let full_remote = || remote(name.strip_prefix("refs/remotes/")?);
        full()
            .or_else(full_local)
            .or_else(full_remote)
            .or_else(|| tag(name.strip_prefix("tags/")?))
            .or_else(|| local(name.strip_prefix("heads/")?))
            .or_else(|| remote(name.strip_prefix("remotes/")?))
            .or_else(|| tag(name))
            .or_else(|| local(name))
            .or_else(|| remote(name))
            .or_else(|| branch(name))
    }
}

/// A whole commit id, SHA-1 or SHA-256.
pub(super) fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn advertised() -> Advertised {
        let id = |digit: char| digit.to_string().repeat(40);
        Advertised::parse(&format!(
            "ref: refs/heads/main\tHEAD\n{a}\tHEAD\n{a}\trefs/heads/main\n{b}\trefs/heads/feature/x\n{c}\trefs/tags/v1\n\
             {d}\trefs/tags/v1^{{}}\n{e}\trefs/tags/main\n{b}\trefs/heads/both\n{e}\trefs/tags/both\n{f}\trefs/pull/1/head\n",
            a = id('a'),
            b = id('b'),
            c = id('c'),
            d = id('d'),
            e = id('e'),
            f = id('f')
        ))
    }

    #[test]
    fn names_mean_what_they_mean_in_a_clone() {
        use ReferenceKind::{Branch, Commit, Tag};
        let advertised = advertised();
        let resolve = |name: Option<&str>, is_shallow| {
            let resolved = advertised.resolve(name, is_shallow)?;
            Some((resolved.commit.chars().next().unwrap(), resolved.kind))
        };
        for (name, expected) in [
            (None, Some(('a', Branch))),
            (Some("HEAD"), Some(('a', Branch))),
            (Some("v1"), Some(('d', Tag))),
            (Some("tags/v1"), Some(('d', Tag))),
            (Some("refs/tags/v1"), Some(('d', Tag))),
            (Some("feature/x"), Some(('b', Branch))),
            (Some("origin/feature/x"), Some(('b', Branch))),
            (Some("refs/remotes/origin/feature/x"), Some(('b', Branch))),
            // A clone has no such local branch.
            (Some("refs/heads/feature/x"), None),
            (Some("heads/main"), Some(('a', Branch))),
            // A tag wins over the default branch, and over another one.
            (Some("main"), Some(('e', Tag))),
            (Some("both"), Some(('e', Tag))),
            (Some("v1~1"), None),
            (Some("abcdef1"), None),
            (Some("refs/pull/1/head"), None),
            (Some("none"), None),
        ] {
            assert_eq!(resolve(name, false), expected, "{name:?}");
        }
        assert_eq!(resolve(Some("both"), true), Some(('b', Branch)));
        assert_eq!(resolve(Some("v1"), true), Some(('d', Tag)));
        assert_eq!(resolve(Some(&"9".repeat(40)), false), Some(('9', Commit)));
    }
}
