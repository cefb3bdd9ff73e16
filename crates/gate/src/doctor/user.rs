//! The user that Spacelift runs jobs as.

use camino::Utf8PathBuf;
use fs_err as fs;

use super::Check;

/// Source: Spacelift user documentation, `integrations/docker.md`.
pub const SPACELIFT_USER: u32 = 1983;

/// A user, as permissions are judged for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub id: u32,
    pub groups: Vec<u32>,
    pub home: Option<Utf8PathBuf>,
}

/// The user (one without a name if it is missing), and the checks about it.
pub(super) fn check() -> (User, Check) {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    judge(&read("/etc/passwd"), &read("/etc/group"))
}

fn judge(passwd: &str, groups: &str) -> (User, Check) {
    const NAME: &str = "user";
    let entry = passwd.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        match fields[..] {
            [name, _, id, group, _, home, ..] if id.parse() == Ok(SPACELIFT_USER) => {
                Some((name, group.parse().unwrap_or(SPACELIFT_USER), home))
            }
            _ => None,
        }
    });
    let Some((name, group, home)) = entry else {
        let user = User { id: SPACELIFT_USER, groups: vec![SPACELIFT_USER], home: None };
        let check = Check::failed(
            NAME,
            format!("no user {SPACELIFT_USER} in /etc/passwd, which the worker runs jobs as"),
            format!(
                "Alpine: `adduser -D -u {SPACELIFT_USER} spacelift`; Debian: `useradd -m -u {SPACELIFT_USER} spacelift`"
            ),
        );
        return (user, check);
    };
    let mut all = vec![group];
    all.extend(groups.lines().filter_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        let members = fields.get(3)?;
        members.split(',').any(|member| member == name).then(|| fields[2].parse::<u32>().ok())?
    }));
    let home = Utf8PathBuf::from(home);
    let check = if home.is_dir() {
        Check::passed(NAME, format!("{SPACELIFT_USER} is `{name}`, at home in {home}"))
    } else {
        Check::failed(
            NAME,
            format!(
                "the home of user {SPACELIFT_USER}, {home}, is no directory: the worker writes its CLI configuration there"
            ),
            format!("`mkdir -p {home} && chown {SPACELIFT_USER} {home}`"),
        )
    };
    (User { id: SPACELIFT_USER, groups: all, home: Some(home) }, check)
}

#[cfg(test)]
mod tests {
    use super::super::Outcome;
    use super::*;

    #[test]
    fn the_user_is_found_by_its_number() {
        let (user, check) =
            judge("root:x:0:0::/:/bin/sh\nrunner:x:1983:50::/:/bin/sh\n", "a:x:7:root\nb:x:8:x,runner\n");
        assert_eq!((user.groups, check.outcome), (vec![50, 8], Outcome::Passed));
        for passwd in
            ["", "root:x:0:0::/:/bin/sh", "1983:x:1:1983::/:/bin/sh", "broken", "a:x:1983:1::/nowhere/at/all:"]
        {
            assert_eq!(judge(passwd, "").1.outcome, Outcome::Failed, "{passwd}");
        }
    }
}
