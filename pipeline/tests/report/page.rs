//! The page in a browser.

use std::path::PathBuf;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;

use plumbline::config::ReportConfig;
use plumbline::report::report;

use crate::browser::Browser;
use crate::theft::{Place, theft};
use crate::{HOSTILE, command, finding, hostile, lines, page_of};

const ROWS: &str = "document.querySelectorAll('#findings tbody tr[data-key]')";

#[test]
fn it_shows_sorts_filters_explains_and_prints() {
    let place = Place::new();
    let page = page_of(&place, &theft(), "Acme, week 46");
    let mut browser = Browser::start();
    browser.resize(1280);
    browser.open(&page);
    assert_eq!(browser.text("document.title"), "Acme, week 46");
    assert_eq!(
        browser.text("document.querySelector('h1').textContent"),
        "Acme, week 46"
    );
    let said = browser.text("document.querySelector('.verdict').textContent");
    assert!(said.contains("about 1 of 1 identities"), "{said}");
    assert!(
        browser
            .text("document.querySelector('#first').textContent")
            .contains("Oslo, NO to Lima, PE")
    );
    assert!(
        browser.value("document.querySelectorAll('#map svg[role=img] .way').length") == json!(1)
    );
    assert!(
        browser
            .value("document.querySelectorAll('#time rect[fill^=url]').length")
            .as_u64()
            > Some(0)
    );
    assert!(
        browser.value("document.querySelectorAll('#lives details[open] svg').length") == json!(1)
    );

    sorts(&mut browser);
    filters_and_explains(&mut browser);
    can_be_used_without_eyes_or_mouse(&mut browser);
    works_in_the_dark_and_in_a_narrow_window(&mut browser);

    let pdf = browser.ask("Page.printToPDF", json!({ "printBackground": true }));
    let pdf = BASE64_STANDARD
        .decode(pdf["data"].as_str().unwrap())
        .unwrap();
    assert!(
        pdf.starts_with(b"%PDF") && pdf.len() > 20_000,
        "{}",
        pdf.len()
    );
    assert_eq!(browser.complaints(), [&json!(null); 0]);
}

fn sorts(browser: &mut Browser) {
    let head = "document.querySelectorAll('#findings thead th')[1]";
    let times = format!("[...{ROWS}].map((row) => row.querySelector('time').dateTime).join(' ')");
    browser.value(&format!("{head}.querySelector('button').click()"));
    assert_eq!(
        browser.text(&format!("{head}.getAttribute('aria-sort')")),
        "ascending"
    );
    let up = browser.text(&times);
    browser.value(&format!("{head}.querySelector('button').click()"));
    assert_eq!(
        browser.text(&format!("{head}.getAttribute('aria-sort')")),
        "descending"
    );
    let down = browser.text(&times);
    let sorted = |text: &str| {
        let mut times: Vec<String> = text.split(' ').map(str::to_owned).collect();
        times.sort();
        times.join(" ")
    };
    assert!(up.contains(' '), "{up}");
    assert_eq!(up, sorted(&up));
    assert_ne!(up, down);
    assert_eq!(sorted(&down), up);
}

fn filters_and_explains(browser: &mut Browser) {
    browser.value(
        "[...document.querySelectorAll('#detectors button.link')].find((it) => it.textContent === 'impossible_travel').click()",
    );
    assert_eq!(browser.value(&format!("{ROWS}.length")), json!(1));
    browser.value(&format!("{ROWS}[0].querySelector('button').click()"));
    let why = browser.text("document.querySelector('#findings tr.more').textContent");
    for said in [
        "It would have been silent if the places were",
        "11033 km",
        "Arithmetic",
        "revoke session",
    ] {
        assert!(why.contains(said), "{said}: {why}");
    }
    assert_eq!(
        browser.text("document.activeElement.getAttribute('aria-expanded')"),
        "true",
        "the focus stays on what was pressed"
    );
}

fn can_be_used_without_eyes_or_mouse(browser: &mut Browser) {
    // The first stop of the keyboard leads past the navigation.
    browser.value("document.activeElement.blur(); window.scrollTo(0, 0); document.body.focus()");
    browser.value("document.querySelector('.skip').focus()");
    assert_eq!(
        browser.text("document.activeElement.textContent"),
        "Skip to what to look at first"
    );
    browser.press("Enter", 13);
    assert_eq!(browser.text("location.hash"), "#first");
    browser.value("document.querySelectorAll('#commands thead button')[1].focus()");
    browser.press("Enter", 13);
    assert_eq!(
        browser.value("document.querySelectorAll('#commands thead th[aria-sort]').length"),
        json!(1)
    );
    let unnamed = "[...document.querySelectorAll('button, select, input, summary, a')].filter((it) => \
                   !(it.textContent.trim() || it.labels?.length || it.getAttribute('aria-label'))).length";
    assert_eq!(browser.value(unnamed), json!(0));
    let mute = "[...document.querySelectorAll('svg')].filter((it) => it.getAttribute('aria-hidden') !== 'true' \
                && !(it.getAttribute('role') === 'img' && it.getAttribute('aria-label'))).length";
    assert_eq!(browser.value(mute), json!(0));
    let bare = "[...document.querySelectorAll('table')].filter((it) => !it.caption.textContent \
                || it.querySelector('thead th:not([scope=col])') || it.querySelector('tbody th:not([scope=row])')).length";
    assert_eq!(browser.value(bare), json!(0));
    let pictures_without_data = "[...document.querySelectorAll('figure')].filter((it) => \
                                 !it.parentElement.querySelector('table')).length";
    assert_eq!(browser.value(pictures_without_data), json!(0));
}

fn works_in_the_dark_and_in_a_narrow_window(browser: &mut Browser) {
    let colour = "getComputedStyle(document.body).backgroundColor";
    let prefers = |browser: &mut Browser, scheme: &str| {
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        browser.ask(
            "Emulation.setEmulatedMedia",
            json!({ "features": features }),
        );
    };
    prefers(browser, "light");
    let light = browser.text(colour);
    prefers(browser, "dark");
    let dark = browser.text(colour);
    assert_ne!(light, dark);
    browser.value("document.querySelector('button[data-theme=light]').click()");
    assert_eq!(browser.text(colour), light);
    assert_eq!(
        browser.text("document.querySelector('[aria-pressed=true]').textContent"),
        "Light"
    );
    browser.value("document.querySelector('button[data-theme=\"\"]').click()");
    assert_eq!(browser.text(colour), dark);
    for width in [360, 700, 1280] {
        browser.resize(width);
        let wide = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => \
                    done(document.documentElement.scrollWidth - innerWidth))))";
        let beyond = browser.value(wide).as_i64().unwrap();
        assert!(beyond <= 0, "{beyond} beyond {width}");
    }
}

/// How many rows of findings can be seen.
fn seen(browser: &mut Browser) -> u64 {
    let seen = browser.value(&format!(
        "[...{ROWS}].filter((row) => row.getClientRects().length).length"
    ));
    seen.as_u64().unwrap()
}

/// Two tenants with an ann each, another name with hers in it, and more findings than a page has.
fn crowd(place: &Place) -> PathBuf {
    let mut findings = Vec::new();
    for n in 0..2 {
        findings.push(finding(&format!("f-a{n}"), "acme", "ann", "high", 60.0));
        findings.push(finding(&format!("f-b{n}"), "beta", "ann", "low", 60.0));
        findings.push(finding(&format!("f-c{n}"), "acme", "joanna", "low", 60.0));
        findings.push(finding(&format!("f-d{n}"), "acme", "ann", "low", 5.0));
    }
    for n in 0..320 {
        let who = format!("other{}", n % 40);
        findings.push(finding(&format!("f-{n}"), "acme", &who, "low", 30.0));
    }
    let time = "2026-11-16T09:00:00.000Z";
    let commands = [command("c-1", time, "pause", "enforce", None)];
    let data = lines(place, "data", &findings, &commands);
    let out = place.0.path().join("report.html");
    report(&[data], &ReportConfig::default(), &out).unwrap();
    out
}

#[test]
fn a_table_shows_exactly_one_identity_says_what_is_left_out_and_is_reset() {
    let place = Place::new();
    let mut browser = Browser::start();
    browser.resize(1280);
    browser.open(&crowd(&place));
    let note = "document.querySelector('#findings .filtered').innerText";
    let rows = format!("{ROWS}.length");
    let hidden = "document.querySelector('#findings .filtered').hidden";
    assert_eq!(browser.value(hidden), json!(true));
    assert_eq!(browser.value(&rows), json!(300));
    browser.value("document.querySelector('#first .actions button').click()");
    assert_eq!(browser.value(&rows), json!(2));
    let of = format!("[...{ROWS}].map((row) => row.innerText).join(' ')");
    let told = browser.text(&of);
    assert!(
        told.contains("saw f-a0") && told.contains("saw f-a1"),
        "{told}"
    );
    let said = browser.text(note);
    assert!(
        said.contains("Only ann of tenant acme. 2 of 4 are in this page."),
        "{said}"
    );
    assert!(
        said.contains("28 findings more are not in this page"),
        "{said}"
    );
    browser.value("document.querySelector('#findings .reset').click()");
    assert_eq!(browser.value(hidden), json!(true));
    assert_eq!(browser.value(&rows), json!(300));
    // The number in the table of identities does the same, whoever else has that name.
    browser.value(
        "[...document.querySelectorAll('#identities tbody tr')].find((row) => \
           row.innerText.includes('beta')).querySelector('[aria-label=\"2 findings of ann\"]').click()",
    );
    let said = browser.text(note);
    assert_eq!(browser.value(&rows), json!(2));
    assert!(said.starts_with("Only ann of tenant beta.\n"), "{said}");
    browser.value("document.querySelector('#findings .reset').click()");
    // A list and a text are told and reset too.
    browser.value(
        "{ const find = document.querySelector('#findings input'); find.value = 'joanna'; \
           find.dispatchEvent(new Event('input')); }",
    );
    assert_eq!(browser.value(&rows), json!(2));
    let said = browser.text(note);
    assert!(
        said.contains("Only “joanna”. The 300 with the most bits"),
        "{said}"
    );
    browser.value("document.querySelector('#findings .reset').click()");
    assert_eq!(
        browser.text("document.querySelector('#findings input').value"),
        ""
    );
    // Two of 43 need somebody, and both are there.
    let first = browser.text("document.querySelector('#first').innerText");
    assert!(!first.contains("more"), "{first}");
    assert_eq!(browser.complaints(), [&json!(null); 0]);
}

#[test]
fn paper_has_all_rows_and_what_is_folded() {
    let place = Place::new();
    let mut browser = Browser::start();
    browser.resize(1280);
    browser.open(&crowd(&place));
    assert_eq!(seen(&mut browser), 20);
    let media = |browser: &mut Browser, media: &str| {
        browser.ask("Emulation.setEmulatedMedia", json!({ "media": media }));
    };
    media(&mut browser, "print");
    assert_eq!(seen(&mut browser), 300);
    assert_eq!(
        browser.value("document.querySelector('#findings .after').getClientRects().length"),
        json!(0)
    );
    media(&mut browser, "");
    assert_eq!(seen(&mut browser), 20);
    let open = "[...document.querySelectorAll('details.data')].filter((it) => it.open).length";
    assert_eq!(browser.value(open), json!(0));
    browser.value("window.dispatchEvent(new Event('beforeprint'))");
    // That over time, and of each of six lives what was found.
    assert_eq!(browser.value(open), json!(7));
    browser.value("window.dispatchEvent(new Event('afterprint'))");
    assert_eq!(browser.value(open), json!(0));
    assert_eq!(browser.complaints(), [&json!(null); 0]);
}

#[test]
fn nothing_of_a_log_does_anything_in_it() {
    let place = Place::new();
    let page = page_of(&place, &hostile(), HOSTILE);
    let mut browser = Browser::start();
    browser.open(&page);
    let title = browser.text("document.title");
    assert!(
        title.starts_with("</script><script>document.title='owned'"),
        "{title}"
    );
    browser.value(
        "document.querySelectorAll('#findings tbody button').forEach((button) => button.click())",
    );
    browser
        .value("document.querySelectorAll('details').forEach((folded) => { folded.open = true; })");
    assert_eq!(
        browser.value("document.querySelectorAll('img').length"),
        json!(0)
    );
    assert_eq!(browser.value("document.scripts.length"), json!(2));
    // It is there to be read, and cannot turn the line.
    let text = browser.text("document.querySelector('#identities').textContent");
    assert!(text.contains("<img src=x onerror=alert(1)>"), "{text}");
    assert!(
        text.contains("\\u{202e}") && !text.contains('\u{202e}'),
        "{text}"
    );
    let told = browser.text("document.body.innerText");
    assert!(
        !told.contains("--session"),
        "a command line has an id of the log in it"
    );
    assert_eq!(browser.complaints(), [&json!(null); 0]);
}
