//! Arrow schemas of the tables `events`, `findings` and `commands`, for Parquet files and SQL.
//!
//! A column is named after its field, with the names of the objects around it in front:
//! `action.bytes_out` is `action_bytes_out`. Words of a vocabulary and names that repeat are
//! dictionaries, times are UTC milliseconds, lists stay lists. What is not known is null.

use arrow_schema::{DataType, Field, Fields, Schema, TimeUnit};

/// Table `events`: the log, with where each record stood in it.
pub fn events() -> Schema {
    Schema::new(vec![
        required("id", DataType::Utf8),
        required("time", time()),
        required("kind", word()),
        optional("source", word()),
        required("tenant", word()),
        required("identity_id", DataType::Utf8),
        required("identity_kind", word()),
        texts("identity_groups"),
        optional("session_id", DataType::Utf8),
        optional("session_started_at", time()),
        optional("session_authenticated_at", time()),
        optional("session_assurance", word()),
        optional("session_mfa", DataType::Boolean),
        optional("session_expires_at", time()),
        optional("session_jit_until", time()),
        optional("credential_id", DataType::Utf8),
        optional("credential_kind", word()),
        optional("credential_issued_at", time()),
        texts("credential_scopes"),
        optional("credential_bound_to", DataType::Utf8),
        optional("network_ip", DataType::Utf8),
        optional("network_lat", DataType::Float64),
        optional("network_lon", DataType::Float64),
        optional("network_accuracy_km", DataType::Float64),
        optional("network_country", word()),
        optional("network_city", word()),
        optional("network_asn", DataType::UInt64),
        optional("network_as_org", word()),
        optional("network_anonymizer", word()),
        optional("device_id", DataType::Utf8),
        optional("device_user_agent", word()),
        optional("device_posture", word()),
        optional("device_tls_fingerprint", word()),
        optional("workload_runtime", word()),
        optional("workload_environment", word()),
        optional("workload_region", word()),
        optional("workload_host", DataType::Utf8),
        required("action_name", word()),
        optional("action_class", word()),
        required("action_outcome", word()),
        optional("action_resource", DataType::Utf8),
        optional("action_environment", word()),
        texts("action_scopes"),
        optional("action_target_tenant", word()),
        optional("action_bytes_out", DataType::UInt64),
        optional("action_records", DataType::UInt64),
        optional("action_status", DataType::UInt64),
        optional("task_id", DataType::Utf8),
        optional("task_objective", DataType::Utf8),
        texts("task_allowed"),
        list("delegation", DataType::Struct(delegate())),
        optional("feedback_verdict", word()),
        optional("feedback_command_id", DataType::Utf8),
        optional("feedback_finding_id", DataType::Utf8),
        optional("feedback_by", DataType::Utf8),
        optional("labels_attack", word()),
        // A log that was read from files has offsets, but neither partitions nor a broker.
        optional("partition", DataType::Int32),
        required("offset", DataType::Int64),
        optional("broker_time", time()),
    ])
}

/// Table `findings`.
pub fn findings() -> Schema {
    Schema::new(vec![
        required("id", DataType::Utf8),
        required("time", time()),
        required("tenant", word()),
        required("identity_id", DataType::Utf8),
        required("identity_kind", word()),
        optional("session_id", DataType::Utf8),
        optional("credential_id", DataType::Utf8),
        required("detector", word()),
        required("severity", word()),
        required("surprise_bits", DataType::Float64),
        required("risk_session", DataType::UInt8),
        required("risk_identity", DataType::UInt8),
        texts("technique"),
        required("summary", DataType::Utf8),
        // JSON text: each detector has evidence of its own shape.
        required("evidence", DataType::Utf8),
        texts("event_ids"),
    ])
}

/// Table `commands`.
pub fn commands() -> Schema {
    Schema::new(vec![
        required("id", DataType::Utf8),
        required("time", time()),
        required("expires_at", time()),
        required("action", word()),
        required("mode", word()),
        required("target_tenant", word()),
        required("target_identity", DataType::Utf8),
        required("target_kind", word()),
        optional("target_session_id", DataType::Utf8),
        optional("target_credential_id", DataType::Utf8),
        optional("params_max_age", DataType::UInt64),
        optional("params_acr_values", word()),
        optional("params_expires_in", DataType::UInt64),
        texts("params_scopes"),
        optional("params_resource", DataType::Utf8),
        required("reason_summary", DataType::Utf8),
        required("reason_risk", DataType::UInt8),
        texts("reason_detectors"),
        texts("reason_finding_ids"),
        optional("supersedes", DataType::Utf8),
    ])
}

fn required(name: &str, data_type: DataType) -> Field {
    Field::new(name, data_type, false)
}

fn optional(name: &str, data_type: DataType) -> Field {
    Field::new(name, data_type, true)
}

fn time() -> DataType {
    DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()))
}

/// Text that repeats from row to row.
fn word() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

/// A list that is empty, never null, where nothing is known.
fn list(name: &str, entry: DataType) -> Field {
    required(name, DataType::List(required("item", entry).into()))
}

fn texts(name: &str) -> Field {
    list(name, DataType::Utf8)
}

fn delegate() -> Fields {
    vec![required("id", DataType::Utf8), optional("kind", word())].into()
}
