//! Blanks secrets out of the text of a file, so that a message may quote its lines.
//!
//! Works on the text, not on what was read from it: a file with a syntax error is quoted too. When in
//! doubt a value is blanked; nobody needs it to find the line.

/// Parts of names whose values are not shown, wherever they stand.
const TELLING: [&str; 10] = [
    "pass",
    "secret",
    "token",
    "key",
    "sasl",
    "ssl",
    "jaas",
    "properties",
    "otlp",
    "authorization",
];

/// Parts of the names of sections of which every value may be secret.
const SECTIONS: [&str; 2] = ["properties", "otlp"];

/// The same text, byte for byte as long, with every value blanked that may be secret.
pub(super) fn mask(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut in_properties = false;
    let mut in_secret = false;
    for line in text.split_inclusive('\n') {
        let start = line.trim_start();
        let header = start.starts_with('[');
        if header {
            let start = start.to_lowercase();
            in_properties = SECTIONS.iter().any(|part| start.contains(part));
            in_secret = false;
        }
        if header || start.starts_with('#') && !in_secret {
            masked.push_str(line);
            continue;
        }
        match line.split_once('=') {
            Some((key, value)) if is_key(key) => {
                in_secret = in_properties || is_telling(key);
                let inner = is_telling(value);
                masked.push_str(key);
                masked.push('=');
                blank(value, in_secret || inner, &mut masked);
            }
            // The inside of a text or a list that was begun above.
            _ => blank(line, in_secret || in_properties, &mut masked),
        }
    }
    masked
}

fn is_key(text: &str) -> bool {
    let text = text.trim();
    !text.is_empty()
        && text
            .chars()
            .all(|c| c.is_alphanumeric() || "-_. \"'".contains(c))
}

fn is_telling(text: &str) -> bool {
    let text = text.to_lowercase();
    TELLING.iter().any(|part| text.contains(part))
}

/// Three stars and as many blanks as keep every other byte where it was.
fn blank(text: &str, secret: bool, masked: &mut String) {
    let value = text.trim();
    if !secret || value.is_empty() {
        masked.push_str(text);
        return;
    }
    let before = text.len() - text.trim_start().len();
    masked.push_str(&text[..before]);
    masked.extend((0..value.len()).map(|at| if at < 3 { '*' } else { ' ' }));
    masked.push_str(&text[before + value.len()..]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::mask;

    #[test]
    fn no_secret_is_quoted_wherever_it_was_written() {
        for text in [
            "[kafka.properties]\n\"sasl.password\" = \"hunter2\"\n",
            "[kafka.properties]\nunheard.of = \"hunter2\"",
            "[kafka.properties]\n\"ssl.key.pem\" = \"\"\"\n-----BEGIN\nhunter2\n\"\"\"\n",
            "[kafka]\nproperties = { \"a.b\" = \"hunter2\" }",
            "[kafka]\nproperties.x = 'hunter2'",
            "kafka = { properties = { x = 'hunter2' } }",
            "[kafka]\n\"sasl.password\" = hunter2",
            "[kafka]\nproperties = {\n  x = 1,\n  \"sasl.password\" = \"hunter2\n}",
            "Password = \"hunter2\"",
            "[log]\notlp = 'http://ann:hunter2@collector'",
            "[log]\notlp_headers = { authorization = 'hunter2' }",
            "[log]\notlp_headers = {\n  authorization = 'hunter2'\n}",
            "[log.otlp_headers]\nauthorization = 'hunter2'",
        ] {
            let masked = mask(text);
            assert!(!masked.contains("hunter2"), "{masked}");
            assert_eq!(masked.len(), text.len());
        }
    }

    #[test]
    fn what_is_not_secret_stays_readable() {
        let text = "[engine]\nlateness = \"24h\"\n[[policy.egress]] # = x\ncidr = \"::/0\"\n";
        assert_eq!(mask(text), text);
    }

    proptest! {
        #[test]
        fn every_line_stays_where_it_was(text in "(\\PC|[=\\n\"\\[\\]#]|key|pass){0,60}") {
            let masked = mask(&text);
            prop_assert_eq!(masked.len(), text.len());
            let breaks = |text: &str| -> Vec<usize> { text.match_indices('\n').map(|(at, _)| at).collect() };
            prop_assert_eq!(breaks(&masked), breaks(&text));
        }
    }
}
