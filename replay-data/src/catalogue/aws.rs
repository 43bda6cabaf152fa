//! Calls of the cloud's API, and the jobs and services that make them.

use plumbline_schemas::event::ActionClass::{self, Admin, Deploy, Read, Secret, Write};

/// What a call is made on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Object {
    Nothing,
    Bucket,
    Blob,
    Table,
    Secret,
    Key,
    User,
    Role,
    Function,
}

/// An operation.
#[derive(Debug)]
pub(crate) struct AwsCall {
    /// `service:Operation`, as the normaliser names it.
    pub name: &'static str,
    pub class: ActionClass,
    pub object: Object,
    /// Mean bytes that leave; 0 where CloudTrail does not say.
    pub bytes: u32,
}

const fn call(name: &'static str, class: ActionClass, object: Object) -> AwsCall {
    AwsCall {
        name,
        class,
        object,
        bytes: 0,
    }
}

impl AwsCall {
    const fn bytes(mut self, mean: u32) -> Self {
        self.bytes = mean;
        self
    }
}

pub(crate) static GET_OBJECT: AwsCall = call("s3:GetObject", Read, Object::Blob).bytes(48_000);
pub(crate) static PUT_OBJECT: AwsCall = call("s3:PutObject", Write, Object::Blob);
pub(crate) static LIST_OBJECTS: AwsCall = call("s3:ListObjects", Read, Object::Bucket).bytes(4_000);
pub(crate) static HEAD_OBJECT: AwsCall = call("s3:HeadObject", Read, Object::Blob);
pub(crate) static LIST_BUCKETS: AwsCall = call("s3:ListBuckets", Read, Object::Nothing);
pub(crate) static QUERY: AwsCall = call("dynamodb:Query", Read, Object::Table);
pub(crate) static GET_ITEM: AwsCall = call("dynamodb:GetItem", Read, Object::Table);
pub(crate) static PUT_ITEM: AwsCall = call("dynamodb:PutItem", Write, Object::Table);
pub(crate) static UPDATE_ITEM: AwsCall = call("dynamodb:UpdateItem", Write, Object::Table);
pub(crate) static SCAN: AwsCall = call("dynamodb:Scan", Read, Object::Table);
pub(crate) static RECEIVE: AwsCall = call("sqs:ReceiveMessage", Write, Object::Nothing);
pub(crate) static SEND: AwsCall = call("sqs:SendMessage", Write, Object::Nothing);
pub(crate) static DROP_MESSAGE: AwsCall =
    call("sqs:DeleteMessage", ActionClass::Write, Object::Nothing);
pub(crate) static PUBLISH: AwsCall = call("sns:Publish", Write, Object::Nothing);
pub(crate) static INVOKE: AwsCall = call("lambda:Invoke", Write, Object::Function);
pub(crate) static GET_SECRET: AwsCall =
    call("secretsmanager:GetSecretValue", Secret, Object::Secret);
pub(crate) static LIST_SECRETS: AwsCall = call("secretsmanager:ListSecrets", Read, Object::Nothing);
pub(crate) static DECRYPT: AwsCall = call("kms:Decrypt", Secret, Object::Key);
pub(crate) static LIST_USERS: AwsCall = call("iam:ListUsers", Read, Object::Nothing);
pub(crate) static LIST_ROLES: AwsCall = call("iam:ListRoles", Read, Object::Nothing);
pub(crate) static LIST_POLICIES: AwsCall = call("iam:ListAttachedRolePolicies", Read, Object::Role);
pub(crate) static GET_ACCOUNT: AwsCall =
    call("iam:GetAccountAuthorizationDetails", Read, Object::Nothing);
pub(crate) static CREATE_KEY: AwsCall = call("iam:CreateAccessKey", Admin, Object::User);
pub(crate) static CALLER: AwsCall = call("sts:GetCallerIdentity", Read, Object::Nothing);
pub(crate) static DESCRIBE_INSTANCES: AwsCall =
    call("ec2:DescribeInstances", Read, Object::Nothing);
pub(crate) static DESCRIBE_SNAPSHOTS: AwsCall =
    call("ec2:DescribeSnapshots", Read, Object::Nothing);
pub(crate) static CREATE_SNAPSHOT: AwsCall = call("ec2:CreateSnapshot", Write, Object::Nothing);
pub(crate) static DESCRIBE_DBS: AwsCall = call("rds:DescribeDBInstances", Read, Object::Nothing);
pub(crate) static FILTER_LOGS: AwsCall = call("logs:FilterLogEvents", Read, Object::Nothing);
pub(crate) static GET_METRICS: AwsCall = call("monitoring:GetMetricData", Read, Object::Nothing);
pub(crate) static START_QUERY: AwsCall = call("athena:StartQueryExecution", Write, Object::Nothing);
pub(crate) static GET_RESULTS: AwsCall = call("athena:GetQueryResults", Read, Object::Nothing);
pub(crate) static AUTH_REGISTRY: AwsCall = call("ecr:GetAuthorizationToken", Read, Object::Nothing);
pub(crate) static PUT_IMAGE: AwsCall = call("ecr:PutImage", Write, Object::Nothing);
pub(crate) static REGISTER_TASK: AwsCall =
    call("ecs:RegisterTaskDefinition", Deploy, Object::Nothing);
pub(crate) static UPDATE_SERVICE: AwsCall = call("ecs:UpdateService", Deploy, Object::Nothing);
pub(crate) static DESCRIBE_SERVICES: AwsCall = call("ecs:DescribeServices", Read, Object::Nothing);

/// A piece of work: operations in their habitual order, and one that a release adds.
#[derive(Debug)]
pub(crate) struct Job {
    pub name: &'static str,
    /// Done once in a run, in this order.
    pub steps: &'static [&'static AwsCall],
    /// Index of the step that is repeated as often as there is work.
    pub body: usize,
    /// What the service also calls after its next release.
    pub release: &'static AwsCall,
}

/// Scheduled jobs of service accounts.
pub(crate) static JOBS: &[Job] = &[
    Job {
        name: "invoice-export",
        steps: &[&QUERY, &GET_OBJECT, &PUT_OBJECT],
        body: 1,
        release: &PUBLISH,
    },
    Job {
        name: "ledger-sync",
        steps: &[&RECEIVE, &GET_ITEM, &UPDATE_ITEM, &DROP_MESSAGE],
        body: 2,
        release: &SEND,
    },
    Job {
        name: "db-backup",
        steps: &[&DESCRIBE_DBS, &CREATE_SNAPSHOT, &DESCRIBE_SNAPSHOTS],
        body: 2,
        release: &PUBLISH,
    },
    Job {
        name: "report-builder",
        steps: &[&START_QUERY, &GET_RESULTS, &PUT_OBJECT],
        body: 1,
        release: &INVOKE,
    },
    Job {
        name: "log-archiver",
        steps: &[&LIST_OBJECTS, &GET_OBJECT, &PUT_OBJECT],
        body: 1,
        release: &HEAD_OBJECT,
    },
    Job {
        name: "cert-check",
        steps: &[&GET_SECRET, &DESCRIBE_INSTANCES, &PUBLISH],
        body: 1,
        release: &GET_METRICS,
    },
];

/// Services of autoscaled workloads.
pub(crate) static SERVICES: &[Job] = &[
    Job {
        name: "order-worker",
        steps: &[&RECEIVE, &GET_ITEM, &PUT_ITEM, &DROP_MESSAGE],
        body: 1,
        release: &PUBLISH,
    },
    Job {
        name: "image-resizer",
        steps: &[&RECEIVE, &GET_OBJECT, &PUT_OBJECT, &DROP_MESSAGE],
        body: 1,
        release: &HEAD_OBJECT,
    },
    Job {
        name: "mail-sender",
        steps: &[&RECEIVE, &DECRYPT, &PUBLISH, &DROP_MESSAGE],
        body: 0,
        release: &GET_ITEM,
    },
    Job {
        name: "search-indexer",
        steps: &[&QUERY, &GET_OBJECT, &INVOKE],
        body: 1,
        release: &SEND,
    },
];

/// What a pipeline does when it deploys.
pub(crate) static DEPLOYMENT: Job = Job {
    name: "deploy",
    steps: &[
        &CALLER,
        &AUTH_REGISTRY,
        &PUT_IMAGE,
        &REGISTER_TASK,
        &UPDATE_SERVICE,
        &DESCRIBE_SERVICES,
    ],
    body: 5,
    release: &INVOKE,
};

/// What engineers look at.
pub(crate) static CONSOLE: &[&AwsCall] = &[
    &FILTER_LOGS,
    &GET_METRICS,
    &DESCRIBE_SERVICES,
    &DESCRIBE_INSTANCES,
    &DESCRIBE_DBS,
    &GET_OBJECT,
    &LIST_OBJECTS,
    &QUERY,
];
