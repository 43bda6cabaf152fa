//! One key of a document, set from outside of it.

use toml::{Table, Value};

/// The sections that decide what a replay gives.
const SECTIONS: [&str; 4] = ["geo", "engine", "detectors", "policy"];

/// Sets a dotted key; tables that are not there are made.
pub(super) fn set(table: &mut Table, key: &str, value: Value) -> Result<(), String> {
    let mut parts: Vec<&str> = key.split('.').map(str::trim).collect();
    let last = parts.pop().unwrap_or_default();
    if !parts
        .first()
        .is_some_and(|section| SECTIONS.contains(section))
    {
        return Err(format!(
            "a replay does not read `{key}`; write a key of [{}], such as engine.lateness",
            SECTIONS.join("], [")
        ));
    }
    let mut inner = table;
    let mut name = String::new();
    for part in parts {
        if !name.is_empty() {
            name.push('.');
        }
        name.push_str(part);
        let next = inner
            .entry(part)
            .or_insert_with(|| Value::Table(Table::new()));
        inner = next.as_table_mut().ok_or_else(|| {
            format!("`{name}` is no section, so `{key}` is not in it; give `{name}` whole values")
        })?;
    }
    inner.insert(last.to_owned(), value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(text: &str, key: &str) -> Result<String, String> {
        let mut table: Table = text.parse().expect("TOML");
        set(&mut table, key, Value::Integer(7))?;
        Ok(table.to_string())
    }

    #[test]
    fn a_key_is_set_in_its_section_and_sections_are_made() {
        let set = after("", "detectors.impossible_travel.max_speed_kmh").expect("set");
        insta::assert_snapshot!(set, @r"
        [detectors.impossible_travel]
        max_speed_kmh = 7
        ");
        let set = after("[engine]\nlateness = '1h'\n", "engine.lateness").expect("set");
        insta::assert_snapshot!(set, @r"
        [engine]
        lateness = 7
        ");
    }

    #[test]
    fn what_a_replay_does_not_read_and_what_is_no_section_is_refused() {
        for (text, key, said) in [
            ("", "lateness", "does not read `lateness`"),
            ("", "run.workers", "does not read `run.workers`"),
            ("", "", "does not read ``"),
            (
                "[[policy.suppress]]\nuntil = 'x'",
                "policy.suppress.until",
                "`policy.suppress` is no section",
            ),
        ] {
            let wrong = after(text, key).expect_err(key);
            assert!(wrong.contains(said), "{wrong}");
        }
    }
}
