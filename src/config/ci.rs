//! Which CI system the environment tells of, and what it says of the build and of the commit.
//!
//! The systems and their variables are those that Cucumber's own `ci-environment` knows, but for
//! the ones that tell a remote only by the address of a pull request; and Zuul, whose jobs have
//! these variables where their playbook hands them over.

use std::path::PathBuf;

use super::clouds::Environment;
use crate::events::messages::run::{Ci, Git};

/// A CI system. `${NAME}` is a variable's value, `${NAME#prefix}` what follows the prefix; a text
/// with a variable that is not set is not there. It is known by its `url`, or else its `number`.
struct System {
    name: &'static str,
    url: &'static str,
    number: &'static str,
    remote: &'static str,
    revision: &'static str,
    /// The first that is there.
    branch: &'static [&'static str],
    tag: &'static str,
}

const SYSTEMS: [System; 12] = [
    System {
        name: "GitHub Actions",
        url: "${GITHUB_SERVER_URL}/${GITHUB_REPOSITORY}/actions/runs/${GITHUB_RUN_ID}",
        number: "${GITHUB_RUN_ID}",
        remote: "${GITHUB_SERVER_URL}/${GITHUB_REPOSITORY}.git",
        revision: "${GITHUB_SHA}",
        branch: &["${GITHUB_HEAD_REF}", "${GITHUB_REF#refs/heads/}"],
        tag: "${GITHUB_REF#refs/tags/}",
    },
    System {
        name: "GitLab",
        url: "${CI_JOB_URL}",
        number: "${CI_JOB_ID}",
        remote: "${CI_REPOSITORY_URL}",
        revision: "${CI_COMMIT_SHA}",
        branch: &["${CI_COMMIT_BRANCH}"],
        tag: "${CI_COMMIT_TAG}",
    },
    System {
        name: "Azure Pipelines",
        url: "${BUILD_BUILDURI}",
        number: "${BUILD_BUILDNUMBER}",
        remote: "${BUILD_REPOSITORY_URI}",
        revision: "${BUILD_SOURCEVERSION}",
        branch: &["${BUILD_SOURCEBRANCH#refs/heads/}"],
        tag: "${BUILD_SOURCEBRANCH#refs/tags/}",
    },
    System {
        name: "Zuul",
        url: "",
        number: "${ZUUL_UUID}",
        remote: "${ZUUL_URL}/${ZUUL_PROJECT}",
        revision: "${ZUUL_COMMIT}",
        branch: &["${ZUUL_BRANCH}"],
        tag: "",
    },
    System {
        name: "CircleCI",
        url: "${CIRCLE_BUILD_URL}",
        number: "${CIRCLE_BUILD_NUM}",
        remote: "${CIRCLE_REPOSITORY_URL}",
        revision: "${CIRCLE_SHA1}",
        branch: &["${CIRCLE_BRANCH}"],
        tag: "${CIRCLE_TAG}",
    },
    System {
        name: "Travis CI",
        url: "${TRAVIS_BUILD_WEB_URL}",
        number: "${TRAVIS_JOB_NUMBER}",
        remote: "https://github.com/${TRAVIS_REPO_SLUG}.git",
        revision: "${TRAVIS_COMMIT}",
        branch: &["${TRAVIS_BRANCH}"],
        tag: "${TRAVIS_TAG}",
    },
    System {
        name: "Semaphore",
        url: "${SEMAPHORE_ORGANIZATION_URL}/jobs/${SEMAPHORE_JOB_ID}",
        number: "${SEMAPHORE_JOB_ID}",
        remote: "${SEMAPHORE_GIT_URL}",
        revision: "${SEMAPHORE_GIT_SHA}",
        branch: &["${SEMAPHORE_GIT_BRANCH}"],
        tag: "${SEMAPHORE_GIT_TAG_NAME}",
    },
    System {
        name: "Bitrise",
        url: "${BITRISE_BUILD_URL}",
        number: "${BITRISE_BUILD_NUMBER}",
        remote: "${GIT_REPOSITORY_URL}",
        revision: "${BITRISE_GIT_COMMIT}",
        branch: &["${BITRISE_GIT_BRANCH}"],
        tag: "${BITRISE_GIT_TAG}",
    },
    System {
        name: "Buddy",
        url: "${BUDDY_EXECUTION_URL}",
        number: "${BUDDY_EXECUTION_ID}",
        remote: "${BUDDY_SCM_URL}",
        revision: "${BUDDY_EXECUTION_REVISION}",
        branch: &["${BUDDY_EXECUTION_BRANCH}"],
        tag: "${BUDDY_EXECUTION_TAG}",
    },
    System {
        name: "Bamboo",
        url: "${bamboo_buildResultsUrl}",
        number: "${bamboo_buildNumber}",
        remote: "${bamboo_planRepository_repositoryUrl}",
        revision: "${bamboo_planRepository_revision}",
        branch: &["${bamboo_planRepository_branch}"],
        tag: "",
    },
    System {
        name: "JetBrains Space",
        url: "${JB_SPACE_EXECUTION_URL}",
        number: "${JB_SPACE_EXECUTION_NUMBER}",
        remote: "https://${JB_SPACE_API_URL}/p/${JB_SPACE_PROJECT_KEY}/repositories/${JB_SPACE_GIT_REPOSITORY_NAME}",
        revision: "${JB_SPACE_GIT_REVISION}",
        branch: &["${JB_SPACE_GIT_BRANCH}"],
        tag: "",
    },
    // The last, because others may set a name as plain as this one.
    System {
        name: "Jenkins",
        url: "${BUILD_URL}",
        number: "${BUILD_NUMBER}",
        remote: "${GIT_URL}",
        revision: "${GIT_COMMIT}",
        branch: &["${GIT_LOCAL_BRANCH}"],
        tag: "",
    },
];

/// The CI system that `environment` tells of. What it says holds no user or password: an address
/// with one is told without.
pub fn ci(environment: &Environment) -> Option<Ci> {
    SYSTEMS.iter().find_map(|system| {
        let url = filled(system.url, environment);
        let build_number = filled(system.number, environment);
        let known = if system.url.is_empty() { &build_number } else { &url };
        known.is_some().then(|| Ci {
            name: system.name.to_owned(),
            url: url.as_deref().map(without_user),
            build_number: build_number.clone(),
            git: git(system, environment),
        })
    })
}

fn git(system: &System, environment: &Environment) -> Option<Git> {
    Some(Git {
        remote: without_user(&filled(system.remote, environment)?),
        revision: filled(system.revision, environment)?,
        branch: system.branch.iter().find_map(|branch| filled(branch, environment)),
        tag: filled(system.tag, environment),
    })
}

/// `text` with the values of its variables; `None` if one is not set, or nothing is there.
fn filled(text: &str, environment: &Environment) -> Option<String> {
    let mut parts = text.split("${");
    let mut all = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (variable, rest) = part.split_once('}')?;
        let (name, prefix) = variable.split_once('#').unwrap_or((variable, ""));
        all.push_str(environment.get(name)?.strip_prefix(prefix)?);
        all.push_str(rest);
    }
    Some(all).filter(|all| !all.is_empty())
}

/// An address without the user and the password, which GitLab, for one, puts into its own.
fn without_user(address: &str) -> String {
    let Some((scheme, rest)) = address.split_once("://") else {
        return address.to_owned();
    };
    let host = rest.find('/').unwrap_or(rest.len());
    let user = rest[..host].rfind('@').map_or(0, |at| at + 1);
    format!("{scheme}://{}", &rest[user..])
}

/// What a job of GitHub Actions offers to those who report in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GitHub {
    /// The file that the step's summary is appended to.
    pub summary: Option<PathBuf>,
    /// The repository's root, to which the places of annotations are relative.
    pub workspace: Option<PathBuf>,
}

impl GitHub {
    /// `None` outside of GitHub Actions.
    pub fn of(environment: &Environment) -> Option<Self> {
        let path = |name| environment.get(name).map(PathBuf::from);
        (environment.get("GITHUB_ACTIONS") == Some("true")).then(|| Self {
            summary: path("GITHUB_STEP_SUMMARY"),
            workspace: path("GITHUB_WORKSPACE"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(variables: &[(&str, &str)]) -> Option<Ci> {
        ci(&variables.iter().copied().collect())
    }

    #[test]
    fn nothing_is_told_outside_of_ci() {
        assert_eq!(told(&[("CI", "true"), ("HOME", "/root"), ("GIT_COMMIT", "abc")]), None);
        assert_eq!(told(&[("BUILD_URL", "")]), None);
    }

    #[test]
    fn each_system_is_known_by_its_own_variables() {
        for system in &SYSTEMS {
            let texts = [system.url, system.number, system.remote, system.revision];
            let all = texts.into_iter().chain(system.branch.iter().copied()).collect::<String>();
            let names = all.split("${").skip(1).map(|part| part.split(['}', '#']).next().unwrap());
            let ci = ci(&names.map(|name| (name, "refs/heads/x")).collect()).unwrap();
            assert_eq!(ci.name, system.name);
            assert!(ci.git.is_some_and(|git| git.branch.is_some()), "{}", system.name);
        }
    }

    #[test]
    fn a_push_and_a_pull_request_and_a_tag_on_github_tell_their_branch_or_tag() {
        let common = [
            ("GITHUB_SERVER_URL", "https://github.com"),
            ("GITHUB_REPOSITORY", "birds/whimbrel"),
            ("GITHUB_RUN_ID", "154"),
            ("GITHUB_SHA", "99684b"),
        ];
        let git = |own: &[(&str, &str)]| told(&[&common, own].concat()).unwrap().git.unwrap();
        let push = git(&[("GITHUB_REF", "refs/heads/main")]);
        assert_eq!((push.branch.as_deref(), push.tag), (Some("main"), None));
        let pull = git(&[("GITHUB_REF", "refs/pull/1/merge"), ("GITHUB_HEAD_REF", "topic")]);
        assert_eq!((pull.branch.as_deref(), pull.tag), (Some("topic"), None));
        let tag = git(&[("GITHUB_REF", "refs/tags/v1")]);
        assert_eq!((tag.branch, tag.tag.as_deref()), (None, Some("v1")));
        assert_eq!(tag.remote, "https://github.com/birds/whimbrel.git");
        let ci = told(&common).unwrap();
        let url = "https://github.com/birds/whimbrel/actions/runs/154";
        assert_eq!((ci.url.as_deref(), ci.build_number.as_deref()), (Some(url), Some("154")));
    }

    #[test]
    fn the_password_in_an_address_is_not_told() {
        let git = told(&[
            ("CI_JOB_URL", "https://gitlab.com/birds/whimbrel/-/jobs/1"),
            ("CI_JOB_ID", "1"),
            ("CI_REPOSITORY_URL", "https://gitlab-ci-token:s3cret@gitlab.com/birds/whimbrel.git"),
            ("CI_COMMIT_SHA", "99684b"),
        ]);
        let remote = git.unwrap().git.unwrap().remote;
        assert_eq!(remote, "https://gitlab.com/birds/whimbrel.git");
        assert_eq!(without_user("git@github.com:a/b.git"), "git@github.com:a/b.git");
        assert_eq!(without_user("https://host/a@b"), "https://host/a@b");
        assert_eq!(without_user("https://host"), "https://host");
    }

    #[test]
    fn a_zuul_job_that_hands_its_variables_over_is_known_by_its_uuid() {
        let ci = told(&[("ZUUL_UUID", "4f2c")]).unwrap();
        assert_eq!((ci.name.as_str(), ci.build_number.as_deref()), ("Zuul", Some("4f2c")));
        assert_eq!((ci.url, ci.git), (None, None));
    }
}
