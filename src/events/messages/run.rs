//! What happened: the run, its test cases, their steps, and what they attached.

use serde::{Deserialize, Serialize};

use super::{Location, message};

message! {
    Meta { protocol_version: String, implementation: Product, runtime: Product, os: Product, cpu: Product, }
    optional { ci: Ci, }
}
message! { Product { name: String, } optional { version: String, } }
message! { Ci { name: String, } optional { url: String, build_number: String, git: Git, } }
message! { Git { remote: String, revision: String, } optional { branch: String, tag: String, } }

message! { Source { uri: String, data: String, media_type: String, } }
message! { SourceReference {} optional { uri: String, location: Location, } }
message! { ParseError { source: SourceReference, message: String, } }
message! {
    ParameterType {
        id: String,
        name: String,
        regular_expressions: Vec<String>,
        prefer_for_regular_expression_match: bool,
        use_for_snippets: bool,
    } optional { source_reference: SourceReference, }
}
message! { UndefinedParameterType { expression: String, name: String, } }

message! { StepDefinition { id: String, pattern: StepDefinitionPattern, source_reference: SourceReference, } }
message! { StepDefinitionPattern { source: String, r#type: PatternType, } }
message! {
    Hook { id: String, source_reference: SourceReference, }
    optional { name: String, tag_expression: String, r#type: HookType, }
}

message! { TestRunStarted { timestamp: Timestamp, } optional { id: String, } }
message! {
    TestRunFinished { success: bool, timestamp: Timestamp, }
    optional { message: String, exception: Exception, test_run_started_id: String, }
}
message! {
    TestRunHookStarted { id: String, test_run_started_id: String, hook_id: String, timestamp: Timestamp, }
    optional { worker_id: String, }
}
message! { TestRunHookFinished { test_run_hook_started_id: String, result: TestStepResult, timestamp: Timestamp, } }

message! { TestCase { id: String, pickle_id: String, test_steps: Vec<TestStep>, } optional { test_run_started_id: String, } }
message! {
    TestStep { id: String, }
    optional {
        hook_id: String,
        pickle_step_id: String,
        step_definition_ids: Vec<String>,
        step_match_arguments_lists: Vec<StepMatchArgumentsList>,
    }
}
message! { StepMatchArgumentsList { step_match_arguments: Vec<StepMatchArgument>, } }
message! { StepMatchArgument { group: Group, } optional { parameter_type_name: String, } }
message! { Group {} optional { children: Vec<Group>, start: u32, value: String, } }

message! {
    TestCaseStarted { attempt: u32, id: String, test_case_id: String, timestamp: Timestamp, }
    optional { worker_id: String, }
}
message! { TestCaseFinished { test_case_started_id: String, timestamp: Timestamp, will_be_retried: bool, } }
message! { TestStepStarted { test_case_started_id: String, test_step_id: String, timestamp: Timestamp, } }
message! {
    TestStepFinished {
        test_case_started_id: String,
        test_step_id: String,
        test_step_result: TestStepResult,
        timestamp: Timestamp,
    }
}
message! {
    TestStepResult { duration: Duration, status: Status, }
    optional { message: String, exception: Exception, }
}
message! { Exception { r#type: String, } optional { message: String, stack_trace: String, } }

message! {
    Attachment { body: String, content_encoding: ContentEncoding, media_type: String, }
    optional {
        file_name: String,
        source: Source,
        test_case_started_id: String,
        test_step_id: String,
        url: String,
        test_run_started_id: String,
        test_run_hook_started_id: String,
        timestamp: Timestamp,
    }
}
message! {
    ExternalAttachment { url: String, media_type: String, }
    optional {
        test_case_started_id: String,
        test_step_id: String,
        test_run_hook_started_id: String,
        timestamp: Timestamp,
    }
}
message! { Suggestion { id: String, pickle_step_id: String, snippets: Vec<Snippet>, } }
message! { Snippet { language: String, code: String, } }

message! {
    /// A moment, since 1970-01-01T00:00:00Z.
    #[derive(Copy, Eq, PartialOrd, Ord)]
    Timestamp { seconds: i64, nanos: u32, }
}
message! {
    /// A span of time.
    #[derive(Copy, Eq, PartialOrd, Ord)]
    Duration { seconds: i64, nanos: u32, }
}

impl From<std::time::Duration> for Duration {
    fn from(span: std::time::Duration) -> Self {
        Self { seconds: span.as_secs().cast_signed(), nanos: span.subsec_nanos() }
    }
}

impl From<Duration> for std::time::Duration {
    /// A negative span, which no clock of ours yields, is taken as zero.
    fn from(span: Duration) -> Self {
        Self::new(span.seconds.try_into().unwrap_or(0), span.nanos)
    }
}

/// How a step or a hook ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    Passed,
    Skipped,
    Pending,
    Undefined,
    Ambiguous,
    Failed,
    /// Also what a newer schema may add.
    #[default]
    #[serde(other)]
    Unknown,
}

/// When a hook runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum HookType {
    BeforeTestRun,
    AfterTestRun,
    BeforeTestCase,
    AfterTestCase,
    BeforeTestStep,
    AfterTestStep,
    /// What a newer schema may add; never said by us.
    #[serde(other)]
    Unknown,
}

/// How a step definition's pattern is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PatternType {
    CucumberExpression,
    /// Also what a newer schema may add: no report asks for more.
    #[default]
    #[serde(other)]
    RegularExpression,
}

/// How an attachment's body is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ContentEncoding {
    #[default]
    Identity,
    /// Also what a newer schema may add: no text that a report could print.
    #[serde(other)]
    Base64,
}
