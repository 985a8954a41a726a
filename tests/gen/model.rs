//! The generated world is one that a person believes.

use super::{ecap_gen, read, rows};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use tempfile::TempDir;

fn text<'a>(row: &'a Value, path: &str) -> &'a str {
    row.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

#[test]
fn a_device_is_one_that_there_is() {
    let mut seen: BTreeMap<&str, BTreeSet<(&str, &str, &str)>> = BTreeMap::new();
    let events = rows("user-events", 20_000);
    for row in &events {
        let [kind, os, browser, screen] = ["type", "os", "browser", "screen_resolution"]
            .map(|name| text(row, &format!("/device_info/{name}")));
        seen.entry(os).or_default().insert((kind, browser, screen));
    }
    assert_eq!(
        seen.keys().copied().collect::<Vec<_>>(),
        ["Android", "Linux", "Windows", "iOS", "iPadOS", "macOS"]
    );
    let of = |os: &str, each: fn(&(&str, &str, &str)) -> bool| {
        assert!(seen[os].iter().all(each), "{os}: {:?}", seen[os]);
    };
    let width =
        |screen: &str| screen.split('x').next().and_then(|width| width.parse::<u32>().ok()).expect("a width");
    of("iOS", |(kind, browser, screen)| {
        *kind == "mobile"
            && ["Safari", "Chrome"].contains(browser)
            && ["390x844", "393x852", "430x932"].contains(screen)
    });
    of("iPadOS", |(kind, browser, _)| *kind == "tablet" && *browser == "Safari");
    of("Windows", |(kind, browser, _)| *kind == "desktop" && *browser != "Safari");
    of("macOS", |(kind, browser, _)| *kind == "desktop" && ["Safari", "Chrome"].contains(browser));
    for (kind, _, screen) in seen.values().flatten() {
        assert_eq!(*kind == "desktop", width(screen) > 1_300, "{kind} with {screen}");
        assert_eq!(*kind == "mobile", width(screen) < 500, "{kind} with {screen}");
    }
    // Most people shop on the way.
    let mobile = events.iter().filter(|row| text(row, "/device_info/type") == "mobile").count();
    assert!((8_000..14_000).contains(&mobile), "{mobile} of 20,000");
}

#[test]
fn a_purchase_is_one_that_somebody_would_make() {
    let mut channels: HashMap<&str, &str> = HashMap::new();
    let mut prices: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    let sold = rows("transactions", 20_000);
    for row in &sold {
        let (os, payment) = (text(row, "/device_info/os"), text(row, "/payment_method"));
        assert!(payment != "apple_pay" || ["iOS", "iPadOS", "macOS"].contains(&os), "{row}");
        assert!(payment != "google_pay" || ["Android", "Windows", "Linux"].contains(&os), "{row}");
        let agent = text(row, "/device_info/user_agent");
        assert_eq!(os == "Android", agent.contains("Android"), "{row}");
        if let Some(campaign) = row.pointer("/marketing_attribution/campaign_id").and_then(Value::as_str) {
            let channel = text(row, "/marketing_attribution/channel");
            assert_eq!(*channels.entry(campaign).or_insert(channel), channel, "{row}");
        }
        let price = row["price"].as_f64().expect("a price");
        let of_article = prices.entry(text(row, "/subcategory")).or_insert((price, price));
        *of_article = (of_article.0.min(price), of_article.1.max(price));
    }
    assert_eq!(channels.len(), 100);
    // A notebook costs less than the cheapest chair, and a fourth more or less is a price change.
    assert!(prices["Paper"].1 < 32.0 && prices["Furniture"].0 > 55.0, "{prices:?}");
    assert!(prices["Tea"].1 < 26.0 && prices["Photo"].0 > 140.0, "{prices:?}");
    let many =
        sold.iter().filter(|row| row["price"].as_f64() > Some(300.0) && row["quantity"].as_u64() > Some(4));
    assert!(many.count() < 20);
}

#[test]
fn customers_live_where_the_locale_says() {
    let folder = TempDir::new().expect("a folder");
    let same = ["-n", "2000", "--seed", "7", "--start", "2026-01-05", "--force", "-o", "f.ndjson"];
    let lines = |kind: &str, locale: &str| {
        ecap_gen(folder.path(), &[&[kind, "--locale", locale], &same[..]].concat()).ok();
        read(&folder.path().join("f.ndjson"))
    };
    for (locale, country, currency, begins, state) in [
        ("de_DE", "DE", "EUR", "+49-", "BY"),
        ("fr-fr", "FR", "EUR", "+33-", "IDF"),
        ("en", "US", "USD", "+1-", "CA"),
    ] {
        let history = lines("customer-transactions", locale);
        assert!(history.iter().all(|row| text(row, "/phone").starts_with(begins)), "{locale}");
        assert!(history.iter().any(|row| text(row, "/state") == state), "{locale}");
        for row in &history {
            let mailbox = text(row, "/email").split('@').next().expect("a mailbox");
            assert!(mailbox.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.'), "{row}");
            assert_eq!(text(row, "/zip_code").len(), 5, "{row}");
        }
        for row in lines("transactions", locale) {
            let found = (text(&row, "/user_location/country"), text(&row, "/currency"));
            assert_eq!(found, (country, currency), "{locale}");
        }
        assert!(lines("product-updates", locale).iter().all(|row| row["currency"] == currency), "{locale}");
        assert!(
            lines("user-events", locale).iter().all(|row| text(row, "/user_location/country") == country)
        );
    }
    let german = lines("customer-transactions", "de_DE");
    assert!(
        german.iter().any(|row| text(row, "/city") == "München" && text(row, "/zip_code").starts_with('8'))
    );
    ecap_gen(folder.path(), &["--locale", "xx_XX"]).fails(2, &["xx_XX"]);
}
