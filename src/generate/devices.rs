//! What customers shop with.

use super::dice::{Dice, Stream};

/// A device, as a browser tells it.
#[derive(Debug)]
pub struct Device {
    /// `mobile`, `desktop` or `tablet`.
    pub kind: &'static str,
    /// The operating system.
    pub os: &'static str,
    /// The browser.
    pub browser: &'static str,
    /// The browser's user agent.
    pub user_agent: &'static str,
    /// Screens of such devices, each with what the browser leaves for the page.
    pub screens: &'static [(&'static str, &'static str)],
    /// How many customers have one, in percent.
    percent: u64,
}

impl Device {
    /// A customer's device.
    pub fn of(seed: u64, customer: u64) -> &'static Self {
        Dice::new(seed, Stream::Device, customer).pick_by(DEVICES, |device| device.percent)
    }
}

const WINDOWS: &[(&str, &str)] = &[
    ("1920x1080", "1920x945"),
    ("1536x864", "1536x730"),
    ("1366x768", "1366x633"),
    ("2560x1440", "2560x1305"),
];
const MAC: &[(&str, &str)] = &[
    ("1440x900", "1440x789"),
    ("1512x982", "1512x860"),
    ("1728x1117", "1728x996"),
    ("2560x1440", "2560x1319"),
];
const LINUX: &[(&str, &str)] = &[("1920x1080", "1920x957"), ("2560x1440", "2560x1317")];
const ANDROID: &[(&str, &str)] = &[("360x800", "360x668"), ("384x832", "384x700"), ("412x915", "412x785")];
const IPHONE: &[(&str, &str)] = &[("390x844", "390x664"), ("393x852", "393x659"), ("430x932", "430x739")];
const IPAD: &[(&str, &str)] =
    &[("810x1080", "810x1010"), ("820x1180", "820x1106"), ("1024x1366", "1024x1292")];
const ANDROID_TABLET: &[(&str, &str)] = &[("800x1280", "800x1136"), ("753x1205", "753x1061")];

#[rustfmt::skip]
const DEVICES: &[Device] = &[
    device("mobile", "Android", "Chrome", ANDROID, 25, "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile Safari/537.36"),
    device("mobile", "iOS", "Safari", IPHONE, 22, "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1"),
    device("mobile", "Android", "Samsung Internet", ANDROID, 4, "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/27.0 Chrome/125.0.0.0 Mobile Safari/537.36"),
    device("mobile", "iOS", "Chrome", IPHONE, 2, "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/131.0.6778.73 Mobile/15E148 Safari/604.1"),
    device("mobile", "Android", "Firefox", ANDROID, 1, "Mozilla/5.0 (Android 14; Mobile; rv:133.0) Gecko/133.0 Firefox/133.0"),
    device("desktop", "Windows", "Chrome", WINDOWS, 18, "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"),
    device("desktop", "Windows", "Edge", WINDOWS, 8, "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36 Edg/131.0.0.0"),
    device("desktop", "Windows", "Firefox", WINDOWS, 3, "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:133.0) Gecko/20100101 Firefox/133.0"),
    device("desktop", "macOS", "Safari", MAC, 5, "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15"),
    device("desktop", "macOS", "Chrome", MAC, 4, "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"),
    device("desktop", "Linux", "Firefox", LINUX, 2, "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0"),
    device("tablet", "iPadOS", "Safari", IPAD, 4, "Mozilla/5.0 (iPad; CPU OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1"),
    device("tablet", "Android", "Chrome", ANDROID_TABLET, 2, "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"),
];

const fn device(
    kind: &'static str,
    os: &'static str,
    browser: &'static str,
    screens: &'static [(&'static str, &'static str)],
    percent: u64,
    user_agent: &'static str,
) -> Device {
    Device { kind, os, browser, user_agent, screens, percent }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_as_frequent_as_they_should_be() {
        assert_eq!(DEVICES.iter().map(|device| device.percent).sum::<u64>(), 100);
        let devices: Vec<_> = (0..100_000).map(|customer| Device::of(7, customer)).collect();
        for device in DEVICES {
            let count = devices.iter().filter(|it| it.user_agent == device.user_agent).count() as u64;
            let wanted = device.percent * 1_000;
            assert!(count.abs_diff(wanted) < 5 * wanted.isqrt(), "{count} of {}", device.user_agent);
        }
    }

    #[test]
    fn a_page_fits_on_its_screen() {
        let size =
            |text: &str| text.split_once('x').map(|(w, h)| (w.parse::<u64>().ok(), h.parse::<u64>().ok()));
        for (screen, page) in DEVICES.iter().flat_map(|device| device.screens) {
            let ((Some(width), Some(height)), (Some(w), Some(h))) =
                (size(screen).unwrap_or_default(), size(page).unwrap_or_default())
            else {
                panic!("{screen} or {page} is no size");
            };
            assert!(w <= width && h < height, "{page} on {screen}");
        }
    }
}
