//! Things added to a random case, each by itself: files that change what is required, read or found.

mod configuration;
mod records;
mod surroundings;

use std::sync::OnceLock;

use proptest::prelude::*;
use proptest::sample::select;

use self::configuration::CONFIGURATION;
use self::records::{LOCKS, STATES};
use self::surroundings::{MIRRORS, SURROUNDINGS};
use crate::recorded::cases::{self, Small};
use crate::support::isolation::Isolated;
use crate::support::package::Package;
use crate::support::tree::{Content, Entry, Tree, Workspace};

/// One of them. `$HOST` stands for the engine's default host.
#[derive(Clone, Debug)]
pub(crate) enum Extra {
    /// Its path and text; takes the place of what is there.
    File(&'static str, &'static str),
    /// At the end of a file that is there.
    Append(&'static str, &'static str),
    /// Its path and target.
    Link(&'static str, &'static str),
    Variable(&'static str, &'static str),
    Argument(&'static str),
    /// A directory's mode, for an engine that is not root's.
    Mode(&'static str, u32),
    /// Something at an installed package's place.
    Planted {
        name: &'static str,
        version: &'static str,
        flavour: &'static str,
        how: How,
    },
    /// One of the small configurations beside the others; its `main.tf` has another name here.
    Small(&'static Small),
    /// The bytes of every archive, each in this way.
    Archives(Damage),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum How {
    Directory,
    /// With one more file.
    Altered,
    Empty,
    File,
    LinkIntoMirror,
    LinkElsewhere,
    Dangling,
    /// Spelled in another way.
    UpperCase,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Damage {
    Page,
    Empty,
    WrongChecksum,
    /// Bytes before the first entry.
    Prefixed,
    /// A comment, whose length may be wrong.
    Comment(bool),
}

fn planted() -> impl Strategy<Value = Extra> {
    let how = select(vec![
        How::Directory,
        How::Altered,
        How::Empty,
        How::File,
        How::LinkIntoMirror,
        How::LinkElsewhere,
        How::Dangling,
        How::UpperCase,
    ]);
    (select(vec!["hashicorp/null", "hashicorp/random"]), select(vec!["1.0.0", "2.0.0"]), select(vec!["a", "b"]), how)
        .prop_map(|(name, version, flavour, how)| Extra::Planted { name, version, flavour, how })
}

/// Those whose outcome both engines leave to nothing else.
fn small_configurations() -> Vec<Extra> {
    static CASES: OnceLock<Vec<Small>> = OnceLock::new();
    let cases = CASES.get_or_init(cases::small_configurations);
    cases.iter().filter(|case| case.left_open_to.is_empty()).map(Extra::Small).collect()
}

/// Some of them, mostly none.
pub(crate) fn extras() -> impl Strategy<Value = Vec<Extra>> {
    let damages = vec![
        Damage::Page,
        Damage::Empty,
        Damage::WrongChecksum,
        Damage::Prefixed,
        Damage::Comment(true),
        Damage::Comment(false),
    ];
    let one = prop_oneof![
        5 => select(CONFIGURATION),
        4 => select(small_configurations()),
        2 => select(LOCKS),
        2 => select(STATES),
        4 => select(SURROUNDINGS),
        3 => select(MIRRORS),
        3 => planted(),
        1 => select(damages).prop_map(Extra::Archives),
    ];
    prop_oneof![
        1 => Just(Vec::new()),
        2 => proptest::collection::vec(one, 1..4),
    ]
}

impl Extra {
    pub(crate) fn needs_unprivileged_user(&self) -> bool {
        matches!(self, Self::Mode(..))
    }

    pub(crate) fn argument(&self) -> Option<&'static str> {
        if let Self::Argument(text) = self { Some(text) } else { None }
    }

    pub(crate) fn change_command(&self, command: Isolated, workspace: &Workspace) -> Isolated {
        match self {
            Self::Variable(name, value) => command.environment(name, value.replace("$ROOT", workspace.root().as_str())),
            _ => command,
        }
    }

    pub(crate) fn lay_into(&self, tree: &mut Tree, host: &str) {
        let path = |path: &str| path.replace("$HOST", host);
        match self {
            Self::File(place, text) => {
                if tree.has_room_for(&path(place)) {
                    tree.file(path(place), text.replace("$HOST", host));
                }
            }
            Self::Append(place, more) => {
                let before = tree.texts().find(|(at, _)| at == place).map(|(_, text)| text.to_owned());
                if before.is_some() || tree.has_room_for(place) {
                    let text = before.unwrap_or_default() + &more.replace("$HOST", host);
                    tree.file(*place, text);
                }
            }
            Self::Link(place, target) => {
                if tree.has_room_for(&path(place)) && !tree.contains(&path(place)) {
                    tree.link(path(place), *target);
                }
            }
            Self::Mode(place, mode) => {
                tree.insert(path(place), Entry { content: Content::Directory, mode: Some(*mode), is_roots: false });
            }
            Self::Small(case) => {
                for (path, text) in &case.files {
                    let path = if path == "main.tf" { "small.tf" } else { path };
                    let place = format!("stack/{path}");
                    if tree.has_room_for(&place) {
                        tree.file(place, text.as_str());
                    }
                }
            }
            Self::Planted { name, version, flavour, how } => plant(tree, host, name, version, flavour, *how),
            Self::Archives(damage) => tree.change_archives(|bytes| damage.apply(bytes)),
            Self::Variable(..) | Self::Argument(_) => {}
        }
    }
}

fn plant(tree: &mut Tree, host: &str, name: &str, version: &str, flavour: &str, how: How) {
    let platform = airtight_provider::Platform::current().to_string();
    let package = Package::fake(&format!("{host}/{name}"), version, &platform, flavour);
    let below = package.unpacked_path();
    let mut place = format!("stack/.terraform/providers/{below}");
    if matches!(how, How::UpperCase) {
        place = place.replace("hashicorp", "HashiCorp");
    }
    let place = place;
    if !tree.has_room_for(&place) || tree.contains(&place) {
        return;
    }
    let mut fill = |directory: &str| {
        for (name, bytes) in &package.files {
            tree.file(format!("{directory}/{name}"), bytes.clone());
        }
    };
    match how {
        How::Directory | How::UpperCase => fill(&place),
        How::Altered => {
            fill(&place);
            tree.file(format!("{place}/more"), "x");
        }
        How::Empty => {
            tree.directory(format!("{place}/"));
        }
        How::File => {
            tree.file(place, "x");
        }
        How::LinkIntoMirror => {
            tree.link(place, format!("$ROOT/mirror0/{below}"));
        }
        How::LinkElsewhere => {
            fill("home/planted");
            tree.link(place, "$ROOT/home/planted");
        }
        How::Dangling => {
            tree.link(place, "$ROOT/nothing");
        }
    }
}

impl Damage {
    fn apply(self, bytes: &mut Vec<u8>) {
        match self {
            Self::Page => *bytes = b"<html>not found</html>".to_vec(),
            Self::Empty => bytes.clear(),
            Self::WrongChecksum => {
                if let Some(byte) = bytes.get_mut(14) {
                    *byte ^= 1;
                }
                let directory = bytes.windows(4).position(|window| window == b"PK\x01\x02");
                if let Some(byte) = directory.and_then(|at| bytes.get_mut(at + 16)) {
                    *byte ^= 1;
                }
            }
            Self::Prefixed => {
                bytes.splice(0..0, *b"#!/bin/sh\n");
            }
            Self::Comment(is_right) => {
                let length = bytes.len();
                if let Some(byte) = length.checked_sub(2).and_then(|at| bytes.get_mut(at)) {
                    *byte = if is_right { 4 } else { 9 };
                }
                bytes.extend(b"note");
            }
        }
    }
}

impl Tree {
    /// Whether neither the place nor one above it is something else than a directory, and nothing lies below it.
    fn has_room_for(&self, path: &str) -> bool {
        let mut above = path;
        while let Some((parent, _)) = above.rsplit_once('/') {
            if self.contains(parent) {
                return false;
            }
            above = parent;
        }
        !self.contains(&format!("{path}/")) && !self.holds_below(path)
    }
}
