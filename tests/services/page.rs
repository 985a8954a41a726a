//! The live page in a browser that nobody here wrote, Debian's Chromium, judged by axe-core; page.py says what is done and
//! seen there. Its pictures stay in the folder `page-screenshots` of the build.

use super::{cache, installed, script};
use crate::consumers::{Process, Stage};
use crate::support::Told;
use std::path::{Path, PathBuf};

/// Where pictures go.
fn pictures() -> PathBuf {
    let build = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the build's folder");
    build.join("page-screenshots")
}

/// A browser that looks at the page of this process.
fn browser(scenario: &str, process: &Process<'_>) -> Told {
    let mut command = installed(&cache().join("tools/page/bin/python"));
    let url = format!("http://{}/", process.address);
    command.args(["-W", "ignore"]).arg(script("page.py")).args([scenario, &url]).arg(pictures());
    Told::start(command.stdin(std::process::Stdio::null()))
}

/// Sees to it that all was seen, and ends both.
fn done(mut browser: Told, process: Process<'_>) {
    browser.says(&["all was seen"]);
    assert_eq!(browser.ended(), 0);
    process.told.end();
}

/// Options of a consumer whose windows change every second.
const LIVELY: &str = "[consumer.options]\nwindow = '5s'\noutput-mode = 'update'\ntrigger = '1s'\n";

/// A shop's purchases and events as they happen.
fn shop(stage: &Stage) -> Told {
    let mut command = stage.cluster.command("ecap-produce");
    let options = "--synthetic world --replay --event-rate 60 --traffic flat";
    command.args(options.split(' '));
    Told::start(command.stdout(std::process::Stdio::null()))
}

#[test]
fn consumers_are_followed_and_steered_and_the_page_goes_on_when_the_server_is_back() {
    let stage = Stage::new();
    stage.cluster.create_topics(&["product-updates", "customer-transactions"]);
    stage.registry(&format!(
        "[[consumer]]\nname = 'transaction_consumer'\ntype = 'transaction'\ntopic = 'transactions'\n{LIVELY}\
         group-by = 'category_name'\n\n\
         [[consumer]]\nname = 'user_behavior_consumer'\ntype = 'user-behavior'\ntopic = 'user-events'\n{LIVELY}"
    ));
    let shop = shop(&stage);
    let process = stage.run(&[]);
    let browser = browser("life", &process);
    browser.says(&["the list moves"]);
    browser.says(&["stopped, started and restarted"]);
    browser.says(&["send what is of no use"]);
    (0..50).for_each(|_| stage.put("transactions", "no JSON"));
    browser.says(&["one consumer moves"]);
    browser.says(&["kill the server"]);
    let address = process.address.clone();
    process.told.signal("-KILL");
    drop(process);
    browser.says(&["start the server"]);
    let process = stage.run_at(&address, &[]);
    done(browser, process);
    drop(shop);
}

#[test]
fn fifty_consumers_are_shown_and_only_their_numbers_change() {
    let stage = Stage::new();
    let one =
        |number| format!("[[consumer]]\nname = 'team-{number:02}.orders'\ntype = 'transaction'\n{LIVELY}\n");
    stage.registry(&(0..50).map(one).collect::<String>());
    let process = stage.run(&[]);
    let browser = browser("fifty", &process);
    browser.says(&["buy something"]);
    stage.buy(0..20);
    done(browser, process);
}

#[test]
fn what_errors_and_values_hold_is_only_text() {
    let stage = Stage::new();
    stage.registry(&format!(
        "[[consumer]]\nname = 'wrong'\ntype = 'transaction'\n[consumer.options]\n\
         '<img src=x onerror=window.hacked=1>' = 1\n\n\
         [[consumer]]\nname = 'values'\ntype = 'transaction'\n{LIVELY}from = 'earliest'\ngroup-by = 'user_id'\n"
    ));
    stage.put(
        "transactions",
        r#"{"transaction_id":"t","user_id":"<img src=y onerror=window.hacked=1>","product_id":"p","price":2.5,
            "quantity":2,"timestamp":1767225600000}"#,
    );
    stage.buy(0..5);
    let process = stage.run(&[]);
    process.becomes("wrong", "failed");
    done(browser("hostile", &process), process);
}

#[test]
fn the_token_is_asked_for_once_and_kept_in_the_tab_alone() {
    let stage = Stage::new();
    let token = stage.cluster.folder.path().join("token");
    std::fs::write(&token, "0123456789abcdef\n").unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&token, mode).unwrap();
    let process = stage.run(&["--name", "transaction_consumer", "--token-file", "token"]);
    done(browser("token", &process), process);
}

#[test]
fn without_consumers_the_page_says_what_to_type() {
    let stage = Stage::new();
    stage.registry("");
    let process = stage.run(&[]);
    let browser = browser("nothing", &process);
    browser.says(&["register a consumer"]);
    stage.registry("[[consumer]]\nname = 'my_consumer'\ntype = 'transaction'\n");
    done(browser, process);
}
