//! The page: a shell of HTML, a style and a script that are always the same, and the model as JSON.
//!
//! Nothing of a log is HTML here. The JSON has no character that could end its element, the script puts
//! it into the page as text only, and the policy of the page lets nothing run or load but that style and
//! that script, known by their hashes.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};

use super::ReportError;
use super::model::Model;

/// What a page begins with, by which it is known again.
pub(super) const BEGINNING: &str = "<!doctype html>\n<!-- written by plumbline report -->\n";

const BODY: &str = include_str!("page/report.html");
const STYLE: &str = include_str!("page/report.css");
const SCRIPT: &str = concat!(
    "\"use strict\";\n",
    include_str!("page/elements.js"),
    include_str!("page/tables.js"),
    include_str!("page/charts.js"),
    include_str!("page/lives.js"),
    include_str!("page/report.js"),
);

/// The page about a model.
pub(super) fn page(model: &Model) -> Result<String, ReportError> {
    let json = serde_json::to_string(model).map_err(ReportError::Encode)?;
    Ok(filled(&escaped(&model.title), &in_element(&json)))
}

fn filled(title: &str, json: &str) -> String {
    let policy = format!(
        "default-src 'none'; script-src '{}'; style-src '{}'; base-uri 'none'; form-action 'none'",
        hash(SCRIPT),
        hash(STYLE)
    );
    format!(
        "{BEGINNING}<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n<title>{title}</title>\n\
         <style>{STYLE}</style>\n</head>\n{BODY}\
         <script type=\"application/json\" id=\"data\">{json}</script>\n\
         <script>{SCRIPT}</script>\n</html>\n"
    )
}

/// As a policy names what may run.
fn hash(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    format!("sha256-{}", BASE64_STANDARD.encode(digest))
}

/// JSON that means the same and has nothing that HTML or a script takes for its own.
fn in_element(json: &str) -> String {
    let mut text = String::with_capacity(json.len() + json.len() / 16);
    for c in json.chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                text.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            other => text.push(other),
        }
    }
    text
}

/// Text in HTML.
fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => shown.push_str("&lt;"),
            '>' => shown.push_str("&gt;"),
            '&' => shown.push_str("&amp;"),
            '"' => shown.push_str("&quot;"),
            '\'' => shown.push_str("&#39;"),
            other => shown.push(other),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What HTML gives a special meaning, among what it does not.
    fn hostile() -> impl Strategy<Value = String> {
        let part = prop_oneof![
            Just("</script>".to_owned()),
            Just("<!--<script>".to_owned()),
            Just("]]>".to_owned()),
            Just("\"'&amp;\u{2028}\u{2029}\0\u{b}\\u003c\\".to_owned()),
            "\\PC{0,8}",
            any::<String>(),
        ];
        proptest::collection::vec(part, 0..8).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn no_text_leaves_its_element_and_all_of_it_arrives(text in hostile()) {
            let json = serde_json::to_string(&[&text]).expect("JSON");
            let written = in_element(&json);
            let special = ['<', '>', '&', '\u{2028}', '\u{2029}'];
            prop_assert!(!written.contains(special), "{}", written);
            let read: Vec<String> = serde_json::from_str(&written).expect("JSON");
            prop_assert_eq!(&read[0], &text);
            // The page has as many elements as without it.
            let page = filled(&escaped(&text), &written);
            let elements = |page: &str| page.matches('<').count();
            prop_assert_eq!(elements(&page), elements(&filled("", "[]")));
            let marks = ['<', '>', '"', '\''];
            prop_assert!(!escaped(&text).contains(marks));
        }
    }

    #[test]
    fn the_script_and_the_style_end_where_they_should_and_load_nothing() {
        for text in [SCRIPT, STYLE] {
            assert!(!text.contains("</") && !text.contains("<!--"));
            // What a picture is filled with stands in the page itself.
            assert!(!text.replace("url(#", "").contains("url("));
        }
        // A namespace is a name, and the licence of the places asks for a link, which nothing follows by itself.
        for word in [
            "fetch(",
            "XMLHttpRequest",
            "@import",
            "import(",
            "src=",
            "innerHTML",
            "insertAdjacent",
            "eval",
            "Function(",
        ] {
            assert!(
                !SCRIPT.contains(word) && !STYLE.contains(word) && !BODY.contains(word),
                "{word}"
            );
        }
    }

    #[test]
    fn the_policy_names_the_hashes() {
        let page = filled("t", "{}");
        assert!(page.starts_with(BEGINNING));
        assert!(page.contains(&format!("script-src '{}'", hash(SCRIPT))));
        // RFC 6234, the hash of "abc".
        assert_eq!(
            hash("abc"),
            "sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="
        );
    }

    /// What WCAG 2 calls relative luminance, of a colour such as `#17202b`.
    fn luminance(colour: &str) -> f64 {
        let channel = |at: usize| {
            let value = u8::from_str_radix(&colour[at..at + 2], 16).expect("hexadecimal");
            let share = f64::from(value) / 255.0;
            if share <= 0.04045 {
                share / 12.92
            } else {
                ((share + 0.055) / 1.055).powf(2.4)
            }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    }

    #[test]
    fn every_colour_of_text_can_be_read_on_every_ground_in_the_light_and_in_the_dark() {
        let colours = |name: &str| {
            let (_, rest) = STYLE
                .split_once(&format!("--{name}: light-dark("))
                .expect(name);
            let (pair, _) = rest.split_once(')').expect("a pair");
            let (light, dark) = pair.split_once(", ").expect("two");
            [luminance(light), luminance(dark)]
        };
        for text in [
            "ink", "soft", "link", "info", "low", "medium", "high", "critical", "calm",
        ] {
            for ground in ["page", "card", "sunk"] {
                let pairs = colours(text).into_iter().zip(colours(ground));
                for (text_light, ground_light) in pairs {
                    let (more, less) = (text_light.max(ground_light), text_light.min(ground_light));
                    let contrast = (more + 0.05) / (less + 0.05);
                    assert!(contrast >= 4.5, "{text} on {ground}: {contrast:.2}");
                }
            }
        }
    }
}
