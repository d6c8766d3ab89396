//! The page, as a person uses it.

use serde_json::json;

use crate::browser::Browser;
use crate::photos::path;
use crate::process::Service;

/// Notes every state that an image goes through on the page, by its name.
const WATCH: &str = "
    window.seen = {};
    new MutationObserver(() => {
        for (const item of document.querySelectorAll('#images li')) {
            const states = (seen[item.querySelector('.name').textContent] ??= []);
            if (states.at(-1) !== item.dataset.state) states.push(item.dataset.state);
        }
    }).observe(document.querySelector('#images'), { subtree: true, childList: true, attributes: true });
";

/// How wide the pictures on the page are, the first image last.
const WIDTHS: &str = "[...document.querySelectorAll('#images img')].map((img) => img.naturalWidth)";

#[test]
fn photos_are_dropped_and_come_out_small() {
    let service = Service::start(&["--concurrency", "1"]);
    let mut page = Browser::open(service.url());
    page.evaluate(WATCH);
    page.fill("#width", "320");
    let photos = ["flower.jpg", "china.jpg", "rocket.jpg"].map(path);
    page.drop_files("#drop", &photos);

    page.wait("document.querySelector('#summary').textContent === '3 of 3 done'");
    page.wait(&format!("{WIDTHS}.every((width) => width > 0)"));
    assert_eq!(page.evaluate(WIDTHS), json!([320, 320, 320]));
    let state = page.evaluate("document.querySelector('#images .state').textContent");
    assert!(state.as_str().unwrap().starts_with("320 × 214, JPEG, "), "{state}");
    let download = page.evaluate(
        "(({ download, href }) => [download, href])(document.querySelector('#images .download'))",
    );
    assert_eq!(download[0], "rocket-320x214.jpg");
    assert!(download[1].as_str().unwrap().starts_with(&format!("{}/images/", service.url())));

    // The last of them had to wait for the others, and the page showed it.
    let seen = page.evaluate("window.seen");
    for name in ["flower.jpg", "china.jpg", "rocket.jpg"] {
        let states = seen[name].as_array().unwrap();
        assert_eq!((&states[0], states.last().unwrap()), (&json!("uploading"), &json!("done")));
    }
    let last = seen["rocket.jpg"].as_array().unwrap();
    assert!(last.contains(&json!("queued")) || last.contains(&json!("processing")), "{seen}");
    assert_eq!(page.complaints, [""; 0]);
}

#[test]
fn photos_are_chosen_one_after_the_other() {
    let service = Service::start(&[]);
    let mut page = Browser::open(service.url());
    page.fill("#width", "");
    page.fill("#height", "80");
    page.evaluate("document.querySelector('#format').value = 'webp'");
    page.choose_files("#files", &[path("flower.jpg")]);
    page.wait("document.querySelector('#summary').textContent === '1 of 1 done'");
    page.choose_files("#files", &[path("china.jpg")]);
    page.wait("document.querySelector('#summary').textContent === '2 of 2 done'");
    page.wait(&format!("{WIDTHS}.every((width) => width === 120)"));
    let state = page.evaluate("document.querySelector('#images .state').textContent");
    assert!(state.as_str().unwrap().starts_with("120 × 80, WEBP, "), "{state}");
    assert_eq!(page.complaints, [""; 0]);
}

#[test]
fn what_is_wrong_with_an_image_is_shown() {
    let service = Service::start(&["--max-body", "200k"]);
    let letter = service.folder().join("letter.jpg");
    std::fs::write(&letter, "Dear Sir or Madam").unwrap();
    let large = service.folder().join("large.jpg");
    std::fs::write(&large, vec![0; 300_000]).unwrap();
    let files = [letter, large].map(|file| file.to_str().unwrap().to_owned());
    let mut page = Browser::open(service.url());
    page.drop_files("#drop", &[&files[..], &[path("rocket.jpg")]].concat());

    page.wait("document.querySelector('#summary').textContent === '1 of 3 done, 2 failed'");
    let shown = "Object.fromEntries([...document.querySelectorAll('#images li')].map((item) =>
        [item.querySelector('.name').textContent, item.querySelector('.state').textContent]))";
    let shown = page.evaluate(shown);
    assert!(shown["letter.jpg"].as_str().unwrap().contains("not an image"), "{shown}");
    assert!(shown["large.jpg"].as_str().unwrap().contains("too large"), "{shown}");
    assert!(shown["rocket.jpg"].as_str().unwrap().starts_with("640 × 427"), "{shown}");
}
