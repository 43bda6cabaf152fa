//! What the environment sets over the file, beside the variables of the flags.

use clap::ValueEnum;

use super::{Config, ConfigError, LogFormat};
use crate::telemetry;

/// A variable, what it sets, and how.
struct Variable {
    name: &'static str,
    sets: &'static str,
    set: fn(&mut Config, String) -> Result<(), String>,
}

const VARIABLES: [Variable; 6] = [
    Variable {
        name: "PLUMBLINE_KAFKA_BOOTSTRAP_SERVERS",
        sets: "kafka.bootstrap_servers",
        set: |config, value| {
            config.kafka.bootstrap_servers = value;
            Ok(())
        },
    },
    Variable {
        name: "PLUMBLINE_KAFKA_GROUP_ID",
        sets: "kafka.group_id",
        set: |config, value| {
            config.kafka.group_id = value;
            Ok(())
        },
    },
    Variable {
        name: "PLUMBLINE_INSTANCE",
        sets: "run.instance, such as the name of the pod",
        set: |config, value| {
            config.run.instance = Some(value);
            Ok(())
        },
    },
    Variable {
        name: "PLUMBLINE_LOG_LEVEL",
        sets: "log.level",
        set: |config, value| {
            telemetry::filter(&value)?;
            config.log.level = value;
            Ok(())
        },
    },
    Variable {
        name: "PLUMBLINE_LOG_FORMAT",
        sets: "log.format",
        set: |config, value| {
            config.log.format = LogFormat::from_str(&value, false)
                .map_err(|_| format!("`{value}` is no format of the log; write text or json"))?;
            Ok(())
        },
    },
    Variable {
        name: "PLUMBLINE_LOG_OTLP",
        sets: "log.otlp, the collector that is told the log too",
        set: |config, value| {
            telemetry::check_collector(&value)?;
            config.log.otlp = Some(value);
            Ok(())
        },
    },
];

impl Config {
    /// Sets what the environment sets. A variable that is empty sets nothing.
    pub fn apply_environment(
        &mut self,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<(), ConfigError> {
        for Variable { name, set, .. } in VARIABLES {
            let value = variable(name).filter(|value| !value.trim().is_empty());
            if let Some(value) = value {
                set(self, value).map_err(|message| ConfigError::Environment {
                    variable: name,
                    message,
                })?;
            }
        }
        Ok(())
    }
}

/// The variables and what they set, one a line.
pub(crate) fn help() -> String {
    VARIABLES
        .iter()
        .map(|Variable { name, sets, .. }| format!("  {name:<35}{sets}\n"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apply(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let mut config = Config::default();
        config.apply_environment(|name| {
            let found = variables.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, value)| (*value).to_owned())
        })?;
        Ok(config)
    }

    #[test]
    fn variables_are_set_over_the_file() {
        let config = apply(&[
            ("PLUMBLINE_KAFKA_BOOTSTRAP_SERVERS", "broker:9093"),
            ("PLUMBLINE_KAFKA_GROUP_ID", "blue"),
            ("PLUMBLINE_INSTANCE", "pod-1"),
            ("PLUMBLINE_LOG_LEVEL", "debug"),
            ("PLUMBLINE_LOG_FORMAT", "json"),
            ("PLUMBLINE_LOG_OTLP", "http://collector:4318"),
        ])
        .expect("accepted");
        assert_eq!(config.kafka.bootstrap_servers, "broker:9093");
        assert_eq!(config.kafka.group_id, "blue");
        assert_eq!(config.run.instance.as_deref(), Some("pod-1"));
        assert_eq!(config.log.level, "debug");
        assert_eq!(config.log.format, LogFormat::Json);
        let otlp = config.log.otlp.as_deref();
        assert_eq!(otlp, Some("http://collector:4318"));
    }

    #[test]
    fn an_empty_variable_sets_nothing() {
        let config = apply(&[("PLUMBLINE_LOG_LEVEL", ""), ("PLUMBLINE_INSTANCE", " ")]);
        assert_eq!(config.expect("accepted"), Config::default());
    }

    #[test]
    fn a_wrong_variable_is_named() {
        let error = apply(&[("PLUMBLINE_LOG_FORMAT", "xml")]).expect_err("refused");
        insta::assert_snapshot!(error, @"PLUMBLINE_LOG_FORMAT: `xml` is no format of the log; write text or json");
        let error = apply(&[("PLUMBLINE_LOG_LEVEL", "loud")]).expect_err("refused");
        assert!(error.to_string().starts_with("PLUMBLINE_LOG_LEVEL: `loud`"));
        let error = apply(&[("PLUMBLINE_LOG_OTLP", "http://ann:hunter2@collector:4318")]);
        let error = error.expect_err("refused").to_string();
        assert!(error.starts_with("PLUMBLINE_LOG_OTLP: "), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}
